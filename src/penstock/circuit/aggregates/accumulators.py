"""Which aggregates are sums of something."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from penstock.circuit.aggregates.linear import (
    Accumulator,
    Average,
    Bool,
    Count,
    CountIf,
    FloatSum,
    Sum,
)
from penstock.circuit.aggregates.moments import FORMULAS, Bits, Moments
from penstock.data.pool import Pool
from penstock.data.types import FLOATS, INTEGERS, INTERVALS, Kind, SqlType

_SIMPLE: dict[str, Callable[[], Accumulator]] = {
    "COUNT": Count,
    "REGR_COUNT": Count,
    "COUNTIF": CountIf,
    "BOOL_AND": lambda: Bool(False),
    "LOGICAL_AND": lambda: Bool(False),
    "EVERY": lambda: Bool(False),
    "BOOL_OR": lambda: Bool(True),
    "LOGICAL_OR": lambda: Bool(True),
    "SOME": lambda: Bool(True),
}


def linear(name: str, arguments: Sequence[SqlType], result: SqlType, pool: Pool) -> Accumulator | None:
    """Return the accumulator of an aggregate, or None when the aggregate is not a sum."""
    if name in _SIMPLE:
        return _SIMPLE[name]()
    if name in ("SUM", "AVG"):
        argument = arguments[0]
        if argument.kind in FLOATS:
            return FloatSum(result, name == "AVG")
        if argument.kind in INTEGERS or argument.kind is Kind.DECIMAL or argument.kind in INTERVALS:
            if result.kind in FLOATS:
                return None
            return Sum(argument, result, pool) if name == "SUM" else Average(argument, result, pool)
    if name in FORMULAS and Moments.serves(arguments):
        return Moments(name, arguments, result, pool)
    if name in ("BIT_AND", "BIT_OR", "BIT_XOR") and arguments[0].kind in INTEGERS:
        return Bits(name, arguments[0])
    return None
