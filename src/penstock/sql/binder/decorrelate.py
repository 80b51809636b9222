"""Correlated subqueries to plain plans.

Two ways. `lift` takes equalities with outer columns out of the subquery and returns them as pairs to join on; it needs
no copy of the outer rows, but knows only some shapes. `Domain` works wherever operators distribute over it: the
distinct values D of the outer columns are joined into the subquery and carried up, so that row (r, d) is in the result
exactly when r is in the subquery's answer for d.

Source: T. Neumann, A. Kemper: "Unnesting Arbitrary Queries" (BTW 2015), dependent joins pushed down to the leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from penstock.data.types import BIGINT, Field
from penstock.sql.binder.aggregates import COUNTS
from penstock.sql.binder.shape import columns, keep, project, where
from penstock.sql.binder.special import both, present
from penstock.sql.diagnostics import NotSupported
from penstock.sql.plan.expr import Call, Case, ColumnRef, Expr, Literal, Span
from penstock.sql.plan.keys import as_key
from penstock.sql.plan.nodes import (
    Aggregate,
    AsofJoin,
    Distinct,
    Filter,
    Hop,
    Join,
    JoinKey,
    Node,
    Project,
    Scan,
    SetOperation,
    TopK,
    UnionAll,
    Unnest,
    Values,
    ViewScan,
    Window,
)
from penstock.sql.plan.walk import (
    Substitute,
    children,
    columns_of,
    conjuncts,
    exprs_of,
    map_call,
    map_sort,
    map_window_call,
    remap,
)


def reads_outer(expr: Expr) -> bool:
    """Whether an expression has an outer column in it."""
    return any(i < 0 for i in columns_of(expr))


def is_free(node: Node) -> bool:
    """Whether anything in a plan reads outer columns."""
    return any(reads_outer(e) for e in exprs_of(node)) or any(is_free(c) for c in children(node))


def bound_to(expr: Expr, variables: Sequence[Expr], width: int) -> Expr:
    """Replace outer columns by the expressions that they stand for."""
    return remap(expr, lambda c: variables[-c.index - 1] if c.index < 0 else c, width)


# ---------------------------------------------------------------------------------------------------------- domain


@dataclass(slots=True)
class Domain:
    """The distinct values of the outer columns, as a plan of one column for each variable."""

    node: Node
    span: Span | None

    @property
    def width(self) -> int:
        """Number of variables."""
        return len(self.node.schema)

    def equal(self, left: int, right: int) -> tuple[JoinKey, ...]:
        """Return null-safe keys between the domain's columns at two places."""
        return tuple(
            [
                JoinKey(ColumnRef(left + k, f.type), ColumnRef(right + k, f.type), True)
                for k, f in enumerate(self.node.schema)
            ]
        )

    def push(self, node: Node) -> Node:
        """Return the plan for every outer value: the node's columns followed by the domain's.

        Raises:
            NotSupported: an operator for which no rule is known.
        """
        if not is_free(node):
            return Join("inner", node, self.node, (), None, node.schema + self.node.schema)
        width, schema = len(node.schema), self.node.schema
        match node:
            case Filter():
                below = self.push(node.input)
                return where(below, self._here(node.predicate, len(node.input.schema), len(below.schema)))
            case Project():
                below = self.push(node.input)
                at, wide = len(node.input.schema), len(below.schema)
                exprs = [self._here(e, at, wide) for e in node.exprs] + columns(below, at)
                return Project(below, tuple(exprs), node.schema + schema)
            case Join():
                return self._join(node)
            case Aggregate():
                return self._aggregate(node)
            case Distinct():
                below = self.push(node.input)
                return Distinct(below, below.schema)
            case UnionAll():
                return UnionAll(tuple([self.push(i) for i in node.inputs]), node.schema + schema)
            case SetOperation():
                left, right = self.push(node.left), self.push(node.right)
                return replace(node, left=left, right=right, schema=node.schema + schema)
            case TopK():
                below = self.push(node.input)
                at, wide = len(node.input.schema), len(below.schema)
                here = self._at(at)
                made = replace(
                    node,
                    input=below,
                    partition=(*[remap(p, here, wide) for p in node.partition], *columns(below, at)),
                    order=map_sort(node.order, lambda e: remap(e, here, wide)),
                    schema=below.schema + node.schema[at:],
                )
                return self._last(made, at, width)
            case Window():
                below = self.push(node.input)
                at, wide = len(node.input.schema), len(below.schema)
                here = self._at(at)
                window = replace(
                    node,
                    input=below,
                    partition=(*[remap(p, here, wide) for p in node.partition], *columns(below, at)),
                    order=map_sort(node.order, lambda e: remap(e, here, wide)),
                    calls=tuple([map_window_call(c, lambda e: remap(e, here, wide)) for c in node.calls]),
                    schema=below.schema + node.schema[at:],
                )
                return self._last(window, at, width)
            case Hop():
                below = self.push(node.input)
                at = len(node.input.schema)
                time = self._here(node.time, at, len(below.schema))
                return self._last(
                    replace(node, input=below, time=time, schema=below.schema + node.schema[at:]), at, width
                )
            case Unnest():
                below = self.push(node.input)
                at = len(node.input.schema)
                collection = self._here(node.collection, at, len(below.schema))
                unnest = replace(node, input=below, collection=collection, schema=below.schema + node.schema[at:])
                return self._last(unnest, at, width)
            case AsofJoin() | Values() | Scan() | ViewScan():
                raise NotSupported("correlated subquery of this form", self.span)

    def _at(self, place: int) -> Substitute:
        def here(column: ColumnRef) -> Expr:
            if column.index >= 0:
                return column
            return ColumnRef(place - column.index - 1, column.type, column.span)

        return here

    def _here(self, expr: Expr, place: int, width: int) -> Expr:
        """The expression with variables read from the columns at `place`."""
        return remap(expr, self._at(place), width)

    def _last(self, node: Node, at: int, width: int) -> Node:
        """Move the domain's columns, which stand at `at`, behind what the operator appended."""
        own = [*range(at), *range(at + self.width, width + self.width)]
        return keep(node, [*own, *range(at, at + self.width)])

    def _join(self, node: Join) -> Node:
        lw, rw, n = len(node.left.schema), len(node.right.schema), self.width
        condition = node.residual is not None and reads_outer(node.residual)
        left_free = is_free(node.left) or any(reads_outer(k.left) for k in node.keys)
        right_free = is_free(node.right) or any(reads_outer(k.right) for k in node.keys)
        if node.kind == "full":
            raise NotSupported("correlated subquery with FULL JOIN", self.span)
        need_left = left_free or node.kind in ("left", "semi", "anti") or (condition and node.kind == "inner")
        need_right = right_free or node.kind == "right"
        if node.kind in ("left", "semi", "anti") and condition and not right_free:
            need_right = False
        if node.kind == "inner" and right_free and not left_free:
            need_left = False
        left = self.push(node.left) if need_left else node.left
        right = self.push(node.right) if need_right else node.right
        shift = n if need_left else 0
        wide = len(left.schema) + len(right.schema)
        variables_at = lw if need_left else lw + rw

        def over_both(column: ColumnRef) -> Expr:
            if column.index < 0:
                return ColumnRef(variables_at - column.index - 1, column.type, column.span)
            return replace(column, index=column.index + shift) if column.index >= lw else column

        residual = None if node.residual is None else remap(node.residual, over_both, wide)
        keys = tuple(
            [
                JoinKey(
                    self._here(k.left, lw, len(left.schema)), self._here(k.right, rw, len(right.schema)), k.null_safe
                )
                for k in node.keys
            ]
        )
        if need_left and need_right:
            keys += self.equal(lw, rw)
        if node.kind in ("semi", "anti"):
            return Join(node.kind, left, right, keys, residual, left.schema)
        before = node.schema[:lw] + (self.node.schema if need_left else ())
        after = node.schema[lw:] + (self.node.schema if need_right else ())
        joined = Join(node.kind, left, right, keys, residual, before + after)
        if not need_left:
            return joined
        own = [*range(lw), *range(lw + n, lw + n + rw)]
        domain = range(lw + n + rw, lw + n + rw + n) if node.kind == "right" else range(lw, lw + n)
        return keep(joined, [*own, *domain])

    def _aggregate(self, node: Aggregate) -> Node:
        below = self.push(node.input)
        at, wide = len(node.input.schema), len(below.schema)
        here = self._at(at)
        calls = tuple([map_call(c, lambda e: remap(e, here, wide)) for c in node.calls])
        keys = (*[remap(k, here, wide) for k in node.keys], *columns(below, at))
        count = len(node.keys)
        schema = node.schema[:count] + self.node.schema + node.schema[count:]
        made = Aggregate(below, keys, calls, schema)
        if node.keys:
            return self._last(made, count, len(node.schema))
        n = self.width
        fields = self.node.schema + tuple([_nullable(f) for f in made.schema])
        joined = Join("left", self.node, made, self.equal(0, 0), None, fields)
        values = [over_no_rows(c.name, ColumnRef(2 * n + i, fields[2 * n + i].type)) for i, c in enumerate(node.calls)]
        return Project(joined, (*values, *columns(joined, 0, n)), node.schema + self.node.schema)


def _nullable(column: Field) -> Field:
    return Field(column.name, column.type.with_nullable(True))


def over_no_rows(name: str, value: ColumnRef) -> Expr:
    """Return an aggregate's value where NULL may also mean that there was no group: counts are 0 then."""
    if name not in COUNTS:
        return value
    return Case(((present(value), value),), Literal(0, BIGINT), BIGINT)


# ------------------------------------------------------------------------------------------------------------ lift


@dataclass(slots=True)
class Lifted:
    """A subquery without outer columns.

    pairs: equalities (expression over outer columns only, position of a column of node). residual: further conditions
    over node's columns and outer columns. empty: the row that stands for a group that is not there, when the subquery
    is an aggregate without keys; its expressions read no columns.
    """

    node: Node
    pairs: list[tuple[Expr, int]] = field(default_factory=list)
    residual: list[Expr] = field(default_factory=list)
    empty: list[Expr] | None = None


def lift(node: Node) -> Lifted | None:
    """Take the correlation out of a subquery; None when its shape is not known. The node's own columns stay first."""
    if not is_free(node):
        return Lifted(node)
    match node:
        case Filter():
            return _lift_filter(node)
        case Project():
            return _lift_project(node)
        case Join():
            return _lift_join(node)
        case Aggregate():
            return _lift_aggregate(node)
        case Distinct():
            below = lift(node.input)
            if below is None or below.residual or below.empty is not None:
                return None
            kept = keep(below.node, [*range(len(node.schema)), *[p for _, p in below.pairs]])
            pairs = [(e, len(node.schema) + i) for i, (e, _) in enumerate(below.pairs)]
            return Lifted(Distinct(kept, kept.schema), pairs)
        case TopK() if not node.with_rank:
            below = lift(node.input)
            if below is None or below.residual or below.empty is not None or _sorts_outer(node):
                return None
            group = [ColumnRef(p, below.node.schema[p].type) for _, p in below.pairs]
            top = replace(node, input=below.node, partition=(*node.partition, *group), schema=below.node.schema)
            return Lifted(top, below.pairs)
        case _:
            return None


def _sorts_outer(node: TopK) -> bool:
    return any(reads_outer(e) for e in exprs_of(node))


def _lift_filter(node: Filter) -> Lifted | None:
    below = lift(node.input)
    if below is None or below.empty is not None:
        return None
    stay: list[Expr] = []
    pairs: list[tuple[Expr, Expr]] = []
    for condition in conjuncts(node.predicate):
        if not reads_outer(condition):
            stay.append(condition)
            continue
        pair = _pair(condition)
        if pair is None:
            below.residual.append(condition)
        else:
            pairs.append(pair)
    if stay:
        below.node = where(below.node, both(stay))
    return _with_pairs(below, pairs)


def _pair(condition: Expr) -> tuple[Expr, Expr] | None:
    """An equality of an expression over outer columns with one over own columns."""
    if not isinstance(condition, Call) or condition.name != "=" or len(condition.args) != 2:
        return None
    first, second = condition.args
    for outer, inner in ((first, second), (second, first)):
        a, b = columns_of(outer), columns_of(inner)
        if a and b and max(a) < 0 and min(b) >= 0:
            key = as_key(outer, inner, False)
            return None if key is None else (key.left, key.right)
    return None


def _with_pairs(below: Lifted, pairs: Sequence[tuple[Expr, Expr]]) -> Lifted:
    """Make the inner sides columns, appended where they are not columns yet."""
    added = [inner for _, inner in pairs if not isinstance(inner, ColumnRef)]
    width = len(below.node.schema)
    if added:
        names = [f.name for f in below.node.schema] + [f"key{width + i}" for i in range(len(added))]
        below.node = project(below.node, [*columns(below.node), *added], names)
    for outer, inner in pairs:
        if isinstance(inner, ColumnRef):
            below.pairs.append((outer, inner.index))
        else:
            below.pairs.append((outer, width))
            width += 1
    return below


def _lift_project(node: Project) -> Lifted | None:
    below = lift(node.input)
    if below is None or any(reads_outer(e) for e in node.exprs):
        return None
    carried = sorted({p for _, p in below.pairs} | {i for e in below.residual for i in columns_of(e) if i >= 0})
    places = {old: len(node.exprs) + new for new, old in enumerate(carried)}
    source = below.node
    exprs = [*node.exprs, *[ColumnRef(p, source.schema[p].type) for p in carried]]
    made = Project(source, tuple(exprs), node.schema + tuple([source.schema[p] for p in carried]))

    def moved(column: ColumnRef) -> Expr:
        return column if column.index < 0 else replace(column, index=places[column.index])

    empty = None
    if below.empty is not None:
        values = below.empty
        empty = [remap(e, lambda c: values[c.index], 0) for e in node.exprs]
    residual = [remap(e, moved, len(exprs)) for e in below.residual]
    return Lifted(made, [(e, places[p]) for e, p in below.pairs], residual, empty)


def _lift_join(node: Join) -> Lifted | None:
    own = [e for k in node.keys for e in (k.left, k.right)]
    if any(reads_outer(e) for e in own) or node.kind not in ("inner", "left", "semi", "anti"):
        return None
    free = [] if node.residual is None else [c for c in conjuncts(node.residual) if reads_outer(c)]
    if node.kind != "inner" and (free or is_free(node.right)):
        return None
    if free:
        assert node.residual is not None
        rest = [c for c in conjuncts(node.residual) if not reads_outer(c)]
        inner = replace(node, residual=both(rest) if rest else None)
        return _lift_filter(where(inner, both(free)))
    left = lift(node.left)
    right = lift(node.right)
    if left is None or right is None or left.empty is not None or right.empty is not None:
        return None
    if left.residual or right.residual:
        return None
    return _joined(node, left, right)


def _joined(node: Join, left: Lifted, right: Lifted) -> Lifted:
    lw, rw = len(node.left.schema), len(node.right.schema)
    wl, wr = len(left.node.schema), len(right.node.schema)

    def over_both(column: ColumnRef) -> Expr:
        return replace(column, index=column.index - lw + wl) if column.index >= lw else column

    residual = None if node.residual is None else remap(node.residual, over_both, wl + wr)
    if node.kind in ("semi", "anti"):
        return Lifted(Join(node.kind, left.node, right.node, node.keys, residual, left.node.schema), left.pairs)
    schema = node.schema[:lw] + left.node.schema[lw:] + node.schema[lw:] + right.node.schema[rw:]
    made = Join(node.kind, left.node, right.node, node.keys, residual, schema)
    order = [*range(lw), *range(wl, wl + rw), *range(lw, wl), *range(wl + rw, wl + wr)]
    places = {old: new for new, old in enumerate(order)}
    pairs = [(e, places[p]) for e, p in left.pairs] + [(e, places[p + wl]) for e, p in right.pairs]
    return Lifted(keep(made, order), pairs)


def _lift_aggregate(node: Aggregate) -> Lifted | None:
    below = lift(node.input)
    if below is None or below.residual or below.empty is not None or any(reads_outer(e) for e in exprs_of(node)):
        return None
    group = [ColumnRef(p, below.node.schema[p].type) for _, p in below.pairs]
    added = tuple([below.node.schema[p] for _, p in below.pairs])
    count = len(node.keys)
    schema = node.schema[:count] + added + node.schema[count:]
    made = Aggregate(below.node, (*node.keys, *group), node.calls, schema)
    own = len(node.schema)
    order = [*range(count), *range(count + len(group), own + len(group)), *range(count, count + len(group))]
    pairs = [(e, own + i) for i, (e, _) in enumerate(below.pairs)]
    empty: list[Expr] | None = None
    if not node.keys:
        empty = [
            Literal(0, BIGINT) if c.name in COUNTS else Literal(None, f.type.with_nullable(True))
            for c, f in zip(node.calls, node.schema, strict=True)
        ]
    return Lifted(keep(made, order), pairs, [], empty)
