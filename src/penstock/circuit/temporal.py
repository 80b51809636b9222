"""Which filters on the clock can be kept by order of time: conjunctions of comparisons of a row with the clock.

`ts >= NOW() - INTERVAL 1 DAY` says when a row leaves, `ts <= NOW()` when it enters. Of each there may be one; the side
of the clock must grow with it. Everything else joins the clock and is computed anew at each tick (`clock.py`).
"""

from __future__ import annotations

from typing import NamedTuple

from penstock.circuit.clock import reads_clock
from penstock.data.types import TIMESTAMP
from penstock.sql.plan.expr import Call, Cast, ColumnRef, Expr
from penstock.sql.plan.nodes import Filter
from penstock.sql.plan.walk import conjuncts
from penstock.sql.waterlines import comparable, grows_with

_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


class Comparison(NamedTuple):
    """A row's value, the clock's (over a row of one column, the present time), and whether equal ones are inside."""

    row: Expr
    now: Expr
    inclusive: bool


class Temporal(NamedTuple):
    """A filter in parts: what does not ask for the clock, and when rows leave and enter."""

    rest: tuple[Expr, ...]
    leaves: Comparison | None
    enters: Comparison | None


def temporal(node: Filter) -> Temporal | None:
    """Return the parts of a filter on the clock, None if it cannot be kept by order of time."""
    rest: list[Expr] = []
    leaves: list[Comparison] = []
    enters: list[Comparison] = []
    for part in _spread(node.predicate):
        if not reads_clock(part):
            rest.append(part)
            continue
        if not isinstance(part, Call) or part.name not in _FLIPPED or len(part.args) != 2:
            return None
        name, (row, now) = part.name, part.args
        if reads_clock(row):
            name, row, now = _FLIPPED[name], now, row
        clock = grows_with(now, lambda e: isinstance(e, Call) and e.name == "NOW")
        if clock is None or reads_clock(row) or not comparable(row.type) or row.type.kind is not now.type.kind:
            return None
        if (row.type.scale or 0) != (now.type.scale or 0):
            return None
        found = Comparison(row, _of_clock(now), "=" in name)
        (leaves if name.startswith(">") else enters).append(found)
    if len(leaves) > 1 or len(enters) > 1:
        return None
    return Temporal(tuple(rest), leaves[0] if leaves else None, enters[0] if enters else None)


def _spread(predicate: Expr) -> list[Expr]:
    """Split at AND, and BETWEEN into its comparisons."""
    found: list[Expr] = []
    for part in conjuncts(predicate):
        if isinstance(part, Call) and part.name == "BETWEEN" and len(part.args) == 3:
            value, low, high = part.args
            found += [Call(">=", (value, low), part.type, part.span), Call("<=", (value, high), part.type, part.span)]
        else:
            found.append(part)
    return found


def _of_clock(expr: Expr) -> Expr:
    if isinstance(expr, Call):
        if expr.name == "NOW":
            return ColumnRef(0, TIMESTAMP, expr.span)
        return Call(expr.name, tuple([_of_clock(a) for a in expr.args]), expr.type, expr.span)
    if isinstance(expr, Cast):
        return Cast(_of_clock(expr.arg), expr.type, expr.safe, expr.span)
    return expr
