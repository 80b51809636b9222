"""Period predicates on closed periods of dates and timestamps."""

# ruff: noqa: DTZ001 - a TIMESTAMP has no zone

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.sql.functions.calls import INTEGER, apply, on_rows

from penstock.data.types import Field, Kind, SqlType
from penstock.sql.functions.registry import FUNCTIONS, TypeMismatch

DATE = SqlType(Kind.DATE)
TIMESTAMP = SqlType(Kind.TIMESTAMP, precision=6)
MONTH = SqlType(Kind.INTERVAL_MONTHS, qualifier="MONTH")


def period(start: SqlType, end: SqlType) -> SqlType:
    return SqlType(Kind.STRUCT, False, fields=(Field("EXPR$0", start), Field("EXPR$1", end)))


DATES = period(DATE, DATE)
DAYS = st.integers(1, 9).map(lambda day: dt.date(2024, 2, day))
RELATIONS: dict[str, Any] = {
    "OVERLAPS": lambda a, b: max(a[0], b[0]) <= min(a[1], b[1]),
    "EQUALS": lambda a, b: a == b,
    "PRECEDES": lambda a, b: a[1] <= b[0],
    "IMMEDIATELY PRECEDES": lambda a, b: a[1] == b[0],
    "SUCCEEDS": lambda a, b: a[0] >= b[1],
    "IMMEDIATELY SUCCEEDS": lambda a, b: a[0] == b[1],
}


@given(st.lists(st.tuples(DAYS, DAYS, DAYS, DAYS), min_size=1, max_size=5))
def test_relations_of_periods(rows: list[tuple[dt.date, ...]]) -> None:
    pairs = [((a, b), (c, d)) for a, b, c, d in rows]
    for name, relation in RELATIONS.items():
        expected = [relation(tuple(sorted(p)), tuple(sorted(q))) for p, q in pairs]

        assert on_rows(name, [DATES, DATES], pairs) == expected, name


def test_a_period_may_be_given_by_an_interval() -> None:
    left = ((dt.date(2024, 1, 31), 1), period(DATE, MONTH))
    right = ((dt.date(2024, 2, 29), dt.date(2024, 3, 1)), DATES)

    assert apply("IMMEDIATELY PRECEDES", left, right) is True


def test_an_end_that_is_null_gives_null() -> None:
    stamps = period(TIMESTAMP, TIMESTAMP)
    known = (dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 2))

    assert apply("OVERLAPS", ((known[0], None), stamps), (known, stamps)) is None


def test_other_rows_are_no_periods() -> None:
    with pytest.raises(TypeMismatch, match="Cannot apply 'OVERLAPS' to arguments of type"):
        FUNCTIONS["OVERLAPS"].resolve([period(INTEGER, INTEGER), period(INTEGER, INTEGER)])
    with pytest.raises(TypeMismatch, match="Cannot apply 'OVERLAPS' to arguments of type"):
        FUNCTIONS["OVERLAPS"].resolve([DATES, period(TIMESTAMP, TIMESTAMP)])
