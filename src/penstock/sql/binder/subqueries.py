"""Subqueries joined to the plan of the query around them: as filters (semi and anti joins) and as values.

The truth of IN is three-valued: with a NULL on either side it may be unknown, which NOT IN must not read as true.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from penstock.data.types import BIGINT, BOOLEAN, Field, Kind, SqlType
from penstock.sql.binder.decorrelate import Domain, Lifted, bound_to, is_free, lift
from penstock.sql.binder.names import Frame
from penstock.sql.binder.shape import columns, keep, project, where
from penstock.sql.binder.slots import SubquerySlot
from penstock.sql.binder.special import both, present
from penstock.sql.diagnostics import NotSupported
from penstock.sql.functions.aggregates import resolve_aggregate
from penstock.sql.plan.expr import Call, Case, ColumnRef, Expr, Literal, Span
from penstock.sql.plan.keys import as_key
from penstock.sql.plan.nodes import (
    Aggregate,
    AggregateCall,
    Distinct,
    Join,
    JoinKey,
    Node,
    Project,
    UnionAll,
    Values,
)
from penstock.sql.plan.walk import remap

TRUTH = SqlType(Kind.BOOLEAN, True)


@dataclass(frozen=True, slots=True)
class Flat:
    """A subquery without outer columns: its own columns first, then those to join on by `keys`.

    group: positions of the columns that tell the outer rows apart. once: each outer row meets exactly one row.
    """

    node: Node
    keys: tuple[JoinKey, ...]
    group: tuple[int, ...]
    residual: Expr | None
    empty: list[Expr] | None
    once: bool


def flatten(node: Node, plan: Node, variables: Sequence[Expr], span: Span | None, *, residual: bool) -> Flat:
    """Return the subquery `plan` made joinable to `node`, over whose row `variables` are.

    Args:
        node: the plan of the query around it.
        plan: the subquery.
        variables: what its outer columns stand for.
        span: its place.
        residual: whether conditions that are no equalities may be left to the join.

    Raises:
        NotSupported: no way is known to take out its outer columns.
    """
    if not is_free(plan):
        return Flat(plan, (), (), None, None, _is_single(plan))
    width = len(node.schema)
    lifted = lift(plan)
    if lifted is not None and (residual or not lifted.residual):
        flat = _lifted(lifted, variables, width)
        if flat is not None:
            return flat
    names = [f"outer{i}" for i in range(len(variables))]
    values = Project(node, tuple(variables), tuple([Field(n, v.type) for n, v in zip(names, variables, strict=True)]))
    domain = Domain(Distinct(values, values.schema), span)
    flattened = domain.push(plan)
    own = len(plan.schema)
    keys = tuple([JoinKey(v, ColumnRef(own + i, v.type), True) for i, v in enumerate(variables)])
    group = tuple(range(own, own + len(variables)))
    return Flat(flattened, keys, group, None, None, _is_single(plan))


def _lifted(lifted: Lifted, variables: Sequence[Expr], width: int) -> Flat | None:
    schema = lifted.node.schema
    keys = []
    for outer, position in lifted.pairs:
        key = as_key(bound_to(outer, variables, width), ColumnRef(position, schema[position].type), False)
        if key is None or not isinstance(key.right, ColumnRef):
            return None
        keys.append(key)
    residual = None
    if lifted.residual:
        wide = width + len(schema)

        def over_both(column: ColumnRef) -> Expr:
            if column.index < 0:
                return variables[-column.index - 1]
            return replace(column, index=column.index + width)

        residual = remap(both(lifted.residual), over_both, wide)
    return Flat(lifted.node, tuple(keys), tuple([p for _, p in lifted.pairs]), residual, lifted.empty, False)


def _is_single(plan: Node) -> bool:
    """Whether a plan always gives exactly one row (for each outer row)."""
    while isinstance(plan, Project):
        plan = plan.input
    return (isinstance(plan, Aggregate) and not plan.keys) or (isinstance(plan, Values) and len(plan.rows) == 1)


def _join(kind: str, node: Node, right: Node, keys: Sequence[JoinKey], residual: Expr | None = None) -> Join:
    fields = right.schema
    if kind == "left":
        fields = tuple([Field(f.name, f.type.with_nullable(True)) for f in fields])
        return Join("left", node, right, tuple(keys), residual, node.schema + fields)
    if kind == "inner":
        return Join("inner", node, right, tuple(keys), residual, node.schema + fields)
    return Join("semi" if kind == "semi" else "anti", node, right, tuple(keys), residual, node.schema)


# ---------------------------------------------------------------------------------------------------------- values


def attach(node: Node, slot: SubquerySlot, operands: Sequence[Expr], variables: Sequence[Expr]) -> tuple[Node, Expr]:
    """Join a subquery to the plan; return the wider plan and the subquery's value over its row.

    Args:
        node: the plan of the query around it.
        slot: the subquery.
        operands: the left side of IN, over node's row.
        variables: what its outer columns stand for, over node's row.
    """
    match slot.kind:
        case "scalar":
            return _scalar(node, slot, variables)
        case "array":
            return _collected(node, slot, variables, "ARRAY_AGG")
        case "map":
            return _collected(node, slot, variables, "MAP")
        case "exists":
            return _exists(node, slot, variables)
        case "in":
            return _in(node, slot, operands, variables)
        case _:
            assert_never(slot.kind)


def _scalar(node: Node, slot: SubquerySlot, variables: Sequence[Expr]) -> tuple[Node, Expr]:
    plan = slot.plan
    if not _is_single(plan):
        field = plan.schema[0]
        value = Field(field.name, field.type.with_nullable(True))
        call = AggregateCall("SINGLE_VALUE", (ColumnRef(0, field.type),), value.name)
        plan = Aggregate(plan, (), (call,), (value,))
    flat = flatten(node, plan, variables, slot.span, residual=False)
    width = len(node.schema)
    joined = _join("inner" if flat.once else "left", node, flat.node, flat.keys)
    result: Expr = ColumnRef(width, joined.schema[width].type, slot.span)
    if flat.empty is not None and not _is_null(flat.empty[0]):
        result = _unless_missing(joined, width + flat.group[0], result, flat.empty[0])
    return joined, replace(result, type=result.type.with_nullable(True))


def _is_null(expr: Expr) -> bool:
    return isinstance(expr, Literal) and expr.value is None


def _unless_missing(joined: Node, key: int, value: Expr, otherwise: Expr) -> Expr:
    matched = present(ColumnRef(key, joined.schema[key].type))
    return Case(((matched, value),), otherwise, value.type)


def _collected(node: Node, slot: SubquerySlot, variables: Sequence[Expr], name: str) -> tuple[Node, Expr]:
    """Attach ARRAY(query) or MAP(query): empty, not NULL, where the query has no rows."""
    schema = slot.plan.schema
    kind = resolve_aggregate(name, [f.type for f in schema], False).result.with_nullable(True)
    call = AggregateCall(name, tuple([ColumnRef(i, f.type) for i, f in enumerate(schema)]), schema[0].name)
    plan = Aggregate(slot.plan, (), (call,), (Field(schema[0].name, kind),))
    made, value = _scalar(node, replace(slot, plan=plan), variables)
    empty = Literal([], kind.with_nullable(False))
    return made, Case(((present(value), value),), empty, kind.with_nullable(False))


def _exists(node: Node, slot: SubquerySlot, variables: Sequence[Expr]) -> tuple[Node, Expr]:
    width = len(node.schema)
    flat = flatten(node, slot.plan, variables, slot.span, residual=False)
    if flat.empty is not None or (flat.once and not flat.keys):
        return node, Literal(True, BOOLEAN, slot.span)
    if not flat.keys:
        counted = _count_rows(flat.node)
        joined = _join("inner", node, counted, ())
        some = Call(">", (ColumnRef(width, BIGINT), Literal(0, BIGINT)), BOOLEAN, slot.span)
        return joined, some
    marked = _marked(keep(flat.node, flat.group))
    places = {p: i for i, p in enumerate(flat.group)}
    joined = _join("left", node, marked, [_moved(k, places) for k in flat.keys])
    last = len(joined.schema) - 1
    return joined, present(ColumnRef(last, joined.schema[last].type, slot.span))


def _count_rows(node: Node) -> Aggregate:
    return Aggregate(node, (), (AggregateCall("COUNT", (), "count"),), (Field("count", BIGINT),))


def _marked(node: Node) -> Node:
    """Distinct rows with a column that is never null, to tell a match from none."""
    unique = Distinct(node, node.schema)
    names = [*[f.name for f in node.schema], "matched"]
    return project(unique, [*columns(unique), Literal(True, BOOLEAN)], names)


def _moved(key: JoinKey, places: dict[int, int]) -> JoinKey:
    width = len(places)
    return replace(key, right=remap(key.right, lambda c: replace(c, index=places[c.index]), width))


def _in(node: Node, slot: SubquerySlot, operands: Sequence[Expr], variables: Sequence[Expr]) -> tuple[Node, Expr]:
    flat = flatten(node, slot.plan, variables, slot.span, residual=False)
    if flat.empty is not None:
        flat = _by_domain(node, slot, variables)
    count = len(operands)
    marked = _marked(keep(flat.node, [*range(count), *flat.group]))
    places = {p: count + i for i, p in enumerate(flat.group)}
    wide = count + len(flat.group)
    keys = [_operand_key(o, i, flat.node, slot) for i, o in enumerate(operands)]
    keys += [replace(k, right=remap(k.right, lambda c: replace(c, index=places[c.index]), wide)) for k in flat.keys]
    joined: Node = _join("left", node, marked, keys)
    last = len(joined.schema) - 1
    found: Expr = present(ColumnRef(last, joined.schema[last].type, slot.span))
    inner_null = any(f.type.nullable for f in flat.node.schema[:count])
    outer_null = any(o.type.nullable for o in operands)
    if not inner_null and not outer_null:
        return joined, found
    if count > 1:
        return _row_unknown(joined, flat, operands, found)
    return _unknown(joined, flat, operands[0], found, inner_null)


def _row_unknown(joined: Node, flat: Flat, operands: Sequence[Expr], found: Expr) -> tuple[Node, Expr]:
    """Add whether a row could be equal to one of the subquery but for NULLs, and decide between false and unknown.

    Rows can only be equal if they may be so in every column: equal there, or one of the two NULL. Without a NULL in
    either row that is known, so only rows with one are compared: those of the query around with all of the subquery's,
    and all with those of the subquery.
    """
    count, width = len(operands), len(operands) + len(flat.keys)
    mine = (*operands, *[k.left for k in flat.keys])
    asked = Project(joined, mine, tuple([Field(f"asked{i}", e.type) for i, e in enumerate(mine)]))
    rows = Distinct(asked, asked.schema)
    keys = [replace(k, left=ColumnRef(count + i, k.left.type)) for i, k in enumerate(flat.keys)]
    alike = []
    for i in range(count):
        one, other = ColumnRef(i, rows.schema[i].type), ColumnRef(width + i, flat.node.schema[i].type)
        equal = Call("=", (one, other), BOOLEAN.with_nullable(one.type.nullable or other.type.nullable))
        tests = [Call("IS NULL", (e,), BOOLEAN) for e in (one, other) if e.type.nullable]
        alike.append(_any([*tests, equal]))
    maybe = both(alike)
    parts: list[Node] = []
    for asking, given in ((_with_null(rows, count), flat.node), (rows, _with_null(flat.node, count))):
        if asking is not None and given is not None:
            parts.append(_join("semi", asking, given, keys, maybe))
    possible = parts[0] if len(parts) == 1 else UnionAll(tuple(parts), rows.schema)
    marked = _marked(possible)
    back = [JoinKey(e, ColumnRef(i, e.type), True) for i, e in enumerate(mine)]
    wide = _join("left", joined, marked, back)
    last = len(wide.schema) - 1
    unknown = present(ColumnRef(last, wide.schema[last].type))
    whens = ((found, Literal(True, BOOLEAN)), (unknown, Literal(None, TRUTH)))
    return wide, Case(whens, Literal(False, BOOLEAN), TRUTH, found.span)


def _with_null(node: Node, count: int) -> Node | None:
    """Return the rows with a NULL in the first columns; None if there can be none."""
    tests = [
        Call("IS NULL", (ColumnRef(i, f.type),), BOOLEAN) for i, f in enumerate(node.schema[:count]) if f.type.nullable
    ]
    return where(node, _any(tests)) if tests else None


def _any(conditions: Sequence[Expr]) -> Expr:
    result = conditions[0]
    for condition in conditions[1:]:
        nullable = result.type.nullable or condition.type.nullable
        result = Call("OR", (result, condition), BOOLEAN.with_nullable(nullable), condition.span)
    return result


def _unknown(joined: Node, flat: Flat, operand: Expr, found: Expr, inner_null: bool) -> tuple[Node, Expr]:
    """Add how many rows and values the subquery has for each outer row, and decide between false and unknown."""
    group = [ColumnRef(p, flat.node.schema[p].type) for p in flat.group]
    value = ColumnRef(0, flat.node.schema[0].type)
    calls = (AggregateCall("COUNT", (), "total"), AggregateCall("COUNT", (value,), "filled"))
    schema = (*[flat.node.schema[p] for p in flat.group], Field("total", BIGINT), Field("filled", BIGINT))
    stats = Aggregate(flat.node, tuple(group), calls, schema)
    width = len(joined.schema)
    places = {p: i for i, p in enumerate(flat.group)}
    wide = _join("left" if group else "inner", joined, stats, [_moved(k, places) for k in flat.keys])
    total_at = width + len(group)
    total = ColumnRef(total_at, wide.schema[total_at].type)
    filled = ColumnRef(total_at + 1, wide.schema[total_at + 1].type)
    false, unknown = Literal(False, BOOLEAN), Literal(None, TRUTH)
    if group:
        nothing: Expr = Call("IS NULL", (total,), BOOLEAN)
    else:
        nothing = Call("=", (total, Literal(0, BIGINT)), BOOLEAN)
    whens: list[tuple[Expr, Expr]] = [(nothing, false), (found, Literal(True, BOOLEAN))]
    if operand.type.nullable:
        whens.append((Call("IS NULL", (operand,), BOOLEAN), unknown))
    if inner_null:
        whens.append((Call("<", (filled, total), TRUTH), unknown))
    return wide, Case(tuple(whens), false, TRUTH, found.span)


def _by_domain(node: Node, slot: SubquerySlot, variables: Sequence[Expr]) -> Flat:
    values = Project(node, tuple(variables), tuple([Field(f"outer{i}", v.type) for i, v in enumerate(variables)]))
    pushed = Domain(Distinct(values, values.schema), slot.span).push(slot.plan)
    own = len(slot.plan.schema)
    keys = tuple([JoinKey(v, ColumnRef(own + i, v.type), True) for i, v in enumerate(variables)])
    return Flat(pushed, keys, tuple(range(own, own + len(variables))), None, None, False)


def _operand_key(operand: Expr, position: int, right: Node, slot: SubquerySlot) -> JoinKey:
    key = as_key(operand, ColumnRef(position, right.schema[position].type), False)
    if key is None or not isinstance(key.right, ColumnRef):
        raise NotSupported("IN over these types", slot.span)
    return key


# --------------------------------------------------------------------------------------------------------- filters


def restrict(
    node: Node, slot: SubquerySlot, operands: Sequence[Expr], variables: Sequence[Expr], wanted: bool
) -> Node | None:
    """Return the rows of node for which EXISTS or IN is true (wanted) or false (not wanted).

    Unknown counts as neither; None: this is not to be had by a semi or anti join, and needs the subquery's value.
    """
    if slot.kind == "exists":
        return _restrict_exists(node, slot, variables, wanted)
    if slot.kind != "in":
        return None
    certain = not any(f.type.nullable for f in slot.plan.schema) and not any(o.type.nullable for o in operands)
    if not wanted and not certain:
        return None
    flat = flatten(node, slot.plan, variables, slot.span, residual=True)
    if flat.empty is not None:
        flat = _by_domain(node, slot, variables)
    keys = [_operand_key(o, i, flat.node, slot) for i, o in enumerate(operands)]
    return _join("semi" if wanted else "anti", node, flat.node, [*keys, *flat.keys], flat.residual)


def _restrict_exists(node: Node, slot: SubquerySlot, variables: Sequence[Expr], wanted: bool) -> Node:
    flat = flatten(node, slot.plan, variables, slot.span, residual=True)
    if flat.empty is not None or (flat.once and not flat.keys):
        return node if wanted else where(node, Literal(False, BOOLEAN))
    if flat.keys or flat.residual is not None:
        return _join("semi" if wanted else "anti", node, flat.node, flat.keys, flat.residual)
    counted = _count_rows(flat.node)
    test = Call(">" if wanted else "=", (ColumnRef(0, BIGINT), Literal(0, BIGINT)), BOOLEAN, slot.span)
    joined = _join("inner", node, where(counted, test), ())
    return keep(joined, range(len(node.schema)))


def lateral(node: Node, plan: Node, frame: Frame, kind: str, span: Span | None) -> Node:
    """Return node joined with a query that reads its columns: node's columns, then the query's. kind: inner or left."""
    if not is_free(plan):
        return _join(kind, node, plan, ())
    flat = flatten(node, plan, frame.variables, span, residual=kind == "inner")
    if flat.empty is not None:
        slot = SubquerySlot("scalar", plan, frame, (), TRUTH, False, span)
        flat = _by_domain(node, slot, frame.variables)
    joined = _join(kind, node, flat.node, flat.keys, flat.residual)
    return keep(joined, range(len(node.schema) + len(plan.schema)))
