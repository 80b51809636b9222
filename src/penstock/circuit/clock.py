"""NOW() as a relation: a plan that reads the clock is rewritten to join the one-row relation of the present time.

So the passing of time is a change like any other: the old time is taken back, the new one is added.
"""

from __future__ import annotations

from dataclasses import replace

from penstock.circuit.circuit import CLOCK
from penstock.data.types import TIMESTAMP, Field, Schema
from penstock.sql.diagnostics import NotSupported
from penstock.sql.plan.expr import Call, Case, Cast, ColumnRef, Expr, Lambda, Span
from penstock.sql.plan.nodes import Filter, Join, Node, Project, Scan, Values
from penstock.sql.plan.walk import exprs_of

CLOCK_SCHEMA: Schema = (Field(CLOCK, TIMESTAMP),)


def reads_clock(expr: Expr) -> Span | bool:
    """Return whether NOW() occurs in an expression: its place, or True without one, or False."""
    if isinstance(expr, Call):
        if expr.name == "NOW":
            return expr.span or True
        parts: tuple[Expr, ...] = expr.args
    elif isinstance(expr, Cast):
        parts = (expr.arg,)
    elif isinstance(expr, Case):
        parts = (*(e for when in expr.whens for e in when), expr.otherwise)
    elif isinstance(expr, Lambda):
        parts = (expr.body,)
    else:
        parts = ()
    return next((found for found in map(reads_clock, parts) if found), False)


def _with_clock(expr: Expr, at: int) -> Expr:
    """Return the expression with NOW() read from the column at."""
    if isinstance(expr, Call):
        if expr.name == "NOW":
            return ColumnRef(at, TIMESTAMP, expr.span)
        return replace(expr, args=tuple(_with_clock(a, at) for a in expr.args))
    if isinstance(expr, Cast):
        return replace(expr, arg=_with_clock(expr.arg, at))
    if isinstance(expr, Case):
        whens = tuple((_with_clock(c, at), _with_clock(v, at)) for c, v in expr.whens)
        return replace(expr, whens=whens, otherwise=_with_clock(expr.otherwise, at))
    if isinstance(expr, Lambda) and reads_clock(expr):
        raise NotSupported("NOW() inside a lambda", expr.span)
    return expr


def _joined(input: Node) -> Join:
    clock = Scan(CLOCK, CLOCK_SCHEMA)
    return Join("inner", input, clock, (), None, (*input.schema, *CLOCK_SCHEMA))


def bind_clock(node: Node) -> Node:
    """Return the node without NOW(): itself, or one that joins the clock. Only its own expressions are looked at.

    Raises: NotSupported where NOW() stands in a place that cannot be moved above a join.
    """
    if isinstance(node, Filter) and reads_clock(node.predicate):
        width = len(node.input.schema)
        joined = _joined(node.input)
        filtered = Filter(joined, _with_clock(node.predicate, width), joined.schema)
        columns = tuple(ColumnRef(i, f.type) for i, f in enumerate(node.input.schema))
        return Project(filtered, columns, node.schema)
    if isinstance(node, Project) and any(map(reads_clock, node.exprs)):
        joined = _joined(node.input)
        return Project(joined, tuple(_with_clock(e, len(node.input.schema)) for e in node.exprs), node.schema)
    if isinstance(node, Values) and any(reads_clock(e) for row in node.rows for e in row):
        if len(node.rows) != 1:
            raise NotSupported("NOW() in VALUES of several rows", None)
        return Project(Scan(CLOCK, CLOCK_SCHEMA), tuple(_with_clock(e, 0) for e in node.rows[0]), node.schema)
    for expr in exprs_of(node):
        place = reads_clock(expr)
        if place:
            raise NotSupported("NOW() in this place", place if isinstance(place, Span) else None)
    return node
