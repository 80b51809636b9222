"""ASOF joins: the match condition and the equalities, checked and taken apart."""

from __future__ import annotations

from penstock.data.types import Schema
from penstock.sql.binder.coerce import common
from penstock.sql.binder.expressions import Expressions
from penstock.sql.diagnostics import SqlError
from penstock.sql.parser.ast import JoinRef
from penstock.sql.plan.expr import Call, Expr
from penstock.sql.plan.keys import key_of
from penstock.sql.plan.nodes import AsofJoin, Node
from penstock.sql.plan.walk import columns_of, conjuncts, shift

_ORDER = ("<", "<=", ">", ">=")


def asof_join(binder: Expressions, item: JoinRef, left: Node, right: Node, schema: Schema) -> AsofJoin:
    """Return LEFT ASOF JOIN. binder: over the joined row.

    Raises:
        SqlError: a condition other than left >= right, or an ON that is no conjunction of equalities.
    """
    split, width = len(left.schema), len(schema)
    if item.match is None or item.on is None:
        raise SqlError("ASOF JOIN needs MATCH_CONDITION and ON", item.span)
    match = binder.condition(item.match, "MATCH_CONDITION")
    condition = binder.condition(item.on, "ON")
    sides = _sides(match, split)
    if sides is None:
        raise SqlError(
            "ASOF JOIN MATCH_CONDITION must be a comparison between columns from the two inputs", item.match.span
        )
    operator, first, second, flipped = sides
    if operator != ">=" or flipped:
        raise SqlError(
            "Currently the only MATCH_CONDITION comparison supported by ASOF joins is 'leftCol >= rightCol'",
            item.match.span,
        )
    keys = []
    for part in conjuncts(condition):
        key = key_of(part, split, width)
        if key is None or key.null_safe:
            raise SqlError("ASOF JOIN condition must be a conjunction of equality comparisons", item.on.span)
        keys.append(key)
    times, _ = common([first, shift(second, -split, width - split)], "ASOF JOIN types differ", item.match.span)
    return AsofJoin(left, right, tuple(keys), times[0], times[1], schema)


def _sides(match: Expr, split: int) -> tuple[str, Expr, Expr, bool] | None:
    if not isinstance(match, Call) or match.name not in _ORDER or len(match.args) != 2:
        return None
    first, second = match.args
    a, b = columns_of(first), columns_of(second)
    if not a or not b or min(a | b) < 0:
        return None
    if max(a) < split <= min(b):
        return match.name, first, second, False
    if max(b) < split <= min(a):
        return match.name, first, second, True
    return None
