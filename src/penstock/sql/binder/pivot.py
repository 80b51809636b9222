"""PIVOT and UNPIVOT: rows to columns by filtered aggregates, columns to rows by a union.

Source: both as Calcite reads them, down to the labels of columns without one: their names, joined by an underscore.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from penstock.data.types import Field, SqlType
from penstock.sql.binder.coerce import exactly, names_of, shared_type
from penstock.sql.binder.names import Scope
from penstock.sql.binder.shape import where
from penstock.sql.binder.special import present
from penstock.sql.diagnostics import SqlError
from penstock.sql.parser.ast import (
    Apply,
    CaseWhen,
    CastTo,
    Constant,
    Expression,
    GroupBy,
    Identifier,
    Name,
    PivotRef,
    Query,
    Select,
    SelectItem,
    UnpivotRef,
)
from penstock.sql.plan.expr import Call, Expr, Span
from penstock.sql.plan.nodes import Node, Project, UnionAll

if TYPE_CHECKING:
    from penstock.sql.binder.sources import Sources


def pivot(sources: Sources, item: PivotRef) -> tuple[Node, Scope]:
    """PIVOT is GROUP BY the columns that it does not name, with an aggregate for each value, filtered by it."""
    _, scope = sources.bind(item.source)
    named = {axis.text for axis in item.axes} | _names_in([a.expression for a in item.aggregates])
    keys = [Identifier((Name(c.name, True, item.span),), item.span) for c in scope.columns if c.name not in named]
    items = [SelectItem(key, None) for key in keys]
    for values, shown in item.values:
        condition = _all_equal(item, values)
        for aggregate in item.aggregates:
            call = aggregate.expression
            if not isinstance(call, Apply) or call.filter is not None or call.over is not None:
                raise SqlError("PIVOT expects aggregate functions", item.span)
            alias = _pivoted(values, shown, aggregate.alias, len(item.aggregates), item.span)
            items.append(SelectItem(replace(call, filter=condition), alias))
    group = GroupBy(tuple(keys), (), False, item.span) if keys else None
    select = Select(tuple(items), False, (), item.source, None, group, None, None, (), item.span)
    node, names = sources.bind_query(Query(select, (), (), None, None, item.span), sources.frame)
    return node, sources.named(node, names, item.alias, item.columns, item.span)


def _names_in(expressions: Sequence[Expression]) -> set[str]:
    """Return the names of the columns that the arguments of calls read."""
    found: set[str] = set()
    for expression in expressions:
        match expression:
            case Identifier():
                found.add(expression.parts[-1].text)
            case Apply():
                found |= _names_in(expression.args)
            case CastTo():
                found |= _names_in([expression.arg])
            case CaseWhen():
                whens = [e for when in expression.whens for e in when]
                found |= _names_in([e for e in (expression.operand, *whens, expression.otherwise) if e is not None])
    return found


def _all_equal(item: PivotRef, values: Sequence[Expression]) -> Expression:
    """Return the condition that PIVOT's columns have certain values."""
    parts: list[Expression] = [
        Apply("=", (Identifier((axis,), axis.span), value), item.span)
        for axis, value in zip(item.axes, values, strict=True)
    ]
    condition = parts[0]
    for part in parts[1:]:
        condition = Apply("AND", (condition, part), item.span)
    return condition


def _pivoted(
    values: Sequence[Expression], shown: Name | None, aggregate: Name | None, count: int, span: Span | None
) -> Name:
    """Return the name of one column of a PIVOT."""
    if shown is None and not all(isinstance(v, Constant) for v in values):
        raise SqlError("a value of PIVOT that is not a literal needs a name: value AS name", span)
    if aggregate is None and count > 1:
        raise SqlError("each of several aggregates of a PIVOT needs a name: SUM(x) AS total", span)
    own = shown.text if shown is not None else "_".join(v.text for v in values if isinstance(v, Constant))
    return Name(own if aggregate is None else f"{own}_{aggregate.text}", True, span)


# --------------------------------------------------------------------------------------------------------- UNPIVOT


def unpivot(sources: Sources, item: UnpivotRef) -> tuple[Node, Scope]:
    """UNPIVOT is a union of the source with itself, once for each group of columns, beside those that no group has."""
    node, scope = sources.bind(item.source)
    binder = sources.expressions(scope)
    used = {name.text for group, _ in item.groups for name in group}
    kept = [c for c in scope.columns if c.in_star and c.name not in used]
    rows = []
    for group, labels in item.groups:
        shown = labels or [Constant("string", "_".join(n.text for n in group), item.span)] * len(item.axes)
        measures = [binder.bind(Identifier((name,), name.span)) for name in group]
        rows.append(([c.expr for c in kept], [binder.bind(label) for label in shown], measures))
    types = [c.expr.type for c in kept]
    for number in range(len(item.axes)):
        types.append(_shared([axes[number] for _, axes, _ in rows], item.span))
    for number in range(len(item.measures)):
        types.append(_shared([measures[number] for _, _, measures in rows], item.span))
    names = [*(c.name for c in kept), *(n.text for n in item.axes), *(n.text for n in item.measures)]
    schema = tuple([Field(n, t) for n, t in zip(names, types, strict=True)])
    branches: list[Node] = []
    for own, axes, measures in rows:
        exprs = [exactly(e, t) for e, t in zip([*own, *axes, *measures], types, strict=True)]
        given = node if item.nulls else _with_any(node, measures)
        branches.append(Project(given, tuple(exprs), schema))
    made = branches[0] if len(branches) == 1 else UnionAll(tuple(branches), schema)
    return made, sources.named(made, names, item.alias, item.columns, item.span)


def _shared(exprs: Sequence[Expr], span: Span | None) -> SqlType:
    types = [e.type for e in exprs]
    shared = shared_type(types)
    if shared is None:
        raise SqlError(f"In UNPIVOT, cannot derive a common type from {names_of(types)}", span)
    return shared


def _with_any(node: Node, measures: Sequence[Expr]) -> Node:
    """Return the rows in which a measure is not NULL."""
    if not all(m.type.nullable for m in measures):
        return node
    condition = present(measures[0])
    for measure in measures[1:]:
        condition = Call("OR", (condition, present(measure)), condition.type, measure.span)
    return where(node, condition)
