"""What aggregates and window functions take and give. How they are kept up to date is the circuit's business.

Source: result types of the dialect: SUM, AVG and the statistics have the type of their argument, COUNT is BIGINT.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from penstock.data.types import (
    BIGINT,
    BINARIES,
    BOOLEAN,
    INTEGERS,
    INTERVALS,
    NUMERIC,
    STRINGS,
    Kind,
    SqlType,
)
from penstock.sql.functions.coercion import STRING_AS_NUMBER, expect_count, least_restrictive, mismatch
from penstock.sql.functions.registry import Signature, TypeMismatch

Typing = Callable[[str, Sequence[SqlType]], Signature]

AGGREGATES: dict[str, Typing] = {}
"""How each aggregate is typed, by name; results are nullable unless the aggregate counts."""

RANKS = {
    **dict.fromkeys(("ROW_NUMBER", "RANK", "DENSE_RANK"), BIGINT),
    **dict.fromkeys(("PERCENT_RANK", "CUME_DIST"), SqlType(Kind.DOUBLE, False)),
}
"""Window functions without arguments, and their types."""

WINDOW_ONLY = (*RANKS, "NTILE", "LAG", "LEAD", "NTH_VALUE")
"""Functions that need OVER."""


def resolve_aggregate(name: str, argument_types: Sequence[SqlType], distinct: bool = False) -> Signature:
    """Return what an aggregate's arguments are cast to and its result type.

    Args:
        name: canonical upper-case name.
        argument_types: types of the arguments; empty for COUNT(*).
        distinct: whether the call says DISTINCT.

    Raises:
        TypeMismatch: no such aggregate, or not of these arguments.
    """
    typing = AGGREGATES.get(name)
    if typing is None:
        raise TypeMismatch(f"No match found for function signature {name.lower()}")
    if distinct and not argument_types:
        raise TypeMismatch(f"DISTINCT needs an argument in '{name}'")
    return typing(name, argument_types)


def resolve_window(name: str, argument_types: Sequence[SqlType], distinct: bool = False) -> Signature:
    """Return the typing of a window function.

    A rank or share of the partition, NTILE (number), LAG or LEAD (value, offset, default), NTH_VALUE (value, number),
    or an aggregate.
    """
    if name in RANKS:
        expect_count(name, argument_types, 0)
        return Signature((), RANKS[name])
    if name in ("NTILE", "NTH_VALUE"):
        expect_count(name, argument_types, 1 if name == "NTILE" else 2)
        if argument_types[-1].kind not in INTEGERS:
            raise mismatch(name, argument_types)
        result = SqlType(Kind.INTEGER, False) if name == "NTILE" else argument_types[0].with_nullable(True)
        return Signature(tuple(argument_types), result)
    if name in ("LAG", "LEAD"):
        return _shifted(name, argument_types)
    return resolve_aggregate(name, argument_types, distinct)


def _shifted(name: str, types: Sequence[SqlType]) -> Signature:
    expect_count(name, types, 1, 3)
    if len(types) > 1 and types[1].kind not in INTEGERS:
        raise mismatch(name, types)
    if len(types) < 3:
        return Signature(tuple(types), types[0].with_nullable(True))
    if least_restrictive((types[0], types[2])) is None:
        raise mismatch(name, types)
    nullable = types[0].nullable or types[2].nullable
    default = types[0].with_nullable(types[2].nullable)
    return Signature((types[0], types[1], default), types[0].with_nullable(nullable))


def _declare(*names: str) -> Callable[[Typing], Typing]:
    def register(typing: Typing) -> Typing:
        for name in names:
            AGGREGATES[name] = typing
        return typing

    return register


def _one(name: str, types: Sequence[SqlType], ok: Callable[[SqlType], bool]) -> SqlType:
    expect_count(name, types, 1)
    if not ok(types[0]):
        raise mismatch(name, types)
    return types[0]


@_declare("COUNT")
def _count(name: str, types: Sequence[SqlType]) -> Signature:
    return Signature(tuple(types), BIGINT)


@_declare("REGR_COUNT")
def _count_pairs(name: str, types: Sequence[SqlType]) -> Signature:
    expect_count(name, types, 2)
    if not all(t.kind in NUMERIC or t.kind is Kind.NULL for t in types):
        raise mismatch(name, types)
    return Signature(tuple(types), BIGINT)


def _numeric(kind: SqlType) -> SqlType | None:
    """Return the number type as which an argument is aggregated; strings count as decimals."""
    if kind.kind in NUMERIC or kind.kind in INTERVALS:
        return kind
    return STRING_AS_NUMBER.with_nullable(kind.nullable) if kind.kind in STRINGS else None


@_declare("SUM", "AVG")
def _sum(name: str, types: Sequence[SqlType]) -> Signature:
    expect_count(name, types, 1)
    kind = _numeric(types[0])
    if kind is None:
        raise mismatch(name, types)
    return Signature((kind,), kind.with_nullable(True))


@_declare("STDDEV", "STDDEV_POP", "STDDEV_SAMP", "VARIANCE", "VAR_POP", "VAR_SAMP")
def _spread(name: str, types: Sequence[SqlType]) -> Signature:
    expect_count(name, types, 1)
    kind = _numeric(types[0])
    if kind is None or kind.kind in INTERVALS:
        raise mismatch(name, types)
    return Signature((kind,), kind.with_nullable(True))


@_declare("COVAR_POP", "COVAR_SAMP", "REGR_SXX", "REGR_SYY")
def _of_pairs(name: str, types: Sequence[SqlType]) -> Signature:
    expect_count(name, types, 2)
    if not all(t.kind in NUMERIC for t in types):
        raise mismatch(name, types)
    shared = least_restrictive(types)
    if shared is None:
        raise mismatch(name, types)
    arguments = tuple(shared.with_nullable(t.nullable) for t in types)
    return Signature(arguments, shared.with_nullable(True))


@_declare("MIN", "MAX")
def _extreme(name: str, types: Sequence[SqlType]) -> Signature:
    kind = _one(name, types, lambda t: t.kind is not Kind.NULL)
    return Signature((kind,), kind.with_nullable(True))


@_declare("ANY_VALUE", "FIRST_VALUE", "LAST_VALUE", "MODE", "SINGLE_VALUE")
def _some_value(name: str, types: Sequence[SqlType]) -> Signature:
    expect_count(name, types, 1)
    return Signature(tuple(types), types[0].with_nullable(True))


@_declare("ARG_MIN", "ARG_MAX")
def _value_at_extreme(name: str, types: Sequence[SqlType]) -> Signature:
    expect_count(name, types, 2)
    return Signature(tuple(types), types[0].with_nullable(True))


@_declare("EVERY", "SOME", "BOOL_AND", "BOOL_OR", "LOGICAL_AND", "LOGICAL_OR")
def _all_or_any(name: str, types: Sequence[SqlType]) -> Signature:
    kind = _one(name, types, lambda t: t.kind in (Kind.BOOLEAN, Kind.NULL))
    return Signature((BOOLEAN.with_nullable(kind.nullable),), BOOLEAN.with_nullable(True))


@_declare("COUNTIF")
def _count_true(name: str, types: Sequence[SqlType]) -> Signature:
    kind = _one(name, types, lambda t: t.kind in (Kind.BOOLEAN, Kind.NULL))
    return Signature((BOOLEAN.with_nullable(kind.nullable),), BIGINT)


@_declare("BIT_AND", "BIT_OR", "BIT_XOR")
def _bits(name: str, types: Sequence[SqlType]) -> Signature:
    kind = _one(name, types, lambda t: t.kind in INTEGERS or t.kind in BINARIES)
    return Signature((kind,), kind.with_nullable(True))


@_declare("ARRAY_AGG")
def _array(name: str, types: Sequence[SqlType]) -> Signature:
    expect_count(name, types, 1)
    return Signature(tuple(types), SqlType(Kind.ARRAY, True, element=types[0]))


@_declare("MAP")
def _map(name: str, types: Sequence[SqlType]) -> Signature:
    """MAP of a subquery with two columns: keys and values."""
    expect_count(name, types, 2)
    if types[0].kind in (Kind.MAP, Kind.NULL):
        raise mismatch(name, types)
    return Signature(tuple(types), SqlType(Kind.MAP, True, key=types[0].with_nullable(False), element=types[1]))


@_declare("GROUPING", "GROUPING_ID", "GROUP_ID")
def _grouping(name: str, types: Sequence[SqlType]) -> Signature:
    return Signature(tuple(types), BIGINT)
