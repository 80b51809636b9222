"""Types of aggregates and window functions."""

from __future__ import annotations

import pytest

from penstock.data.types import BIGINT, BOOLEAN, DATE, INTEGER, VARCHAR, Kind, SqlType, decimal
from penstock.sql.functions.aggregates import AGGREGATES, resolve_aggregate, resolve_window
from penstock.sql.functions.registry import TypeMismatch

TINYINT = SqlType(Kind.TINYINT, False)
DOUBLE = SqlType(Kind.DOUBLE, False)
INTERVAL = SqlType(Kind.INTERVAL_MICROS, False, qualifier="SECOND")


@pytest.mark.parametrize("name", ["SUM", "AVG", "STDDEV_POP", "STDDEV_SAMP", "VAR_POP", "VAR_SAMP", "MIN", "MAX"])
@pytest.mark.parametrize("kind", [TINYINT, INTEGER, decimal(6, 2), decimal(30, 4), DOUBLE])
def test_numeric_aggregates_have_the_type_of_their_argument(name: str, kind: SqlType) -> None:
    signature = resolve_aggregate(name, [kind])

    assert signature.arguments == (kind,)
    assert signature.result == kind.with_nullable(True)


@pytest.mark.parametrize("name,count", [("COUNT", 0), ("COUNT", 1), ("COUNTIF", 1), ("REGR_COUNT", 2)])
def test_counts_are_bigint_and_never_null(name: str, count: int) -> None:
    kind = BOOLEAN if name == "COUNTIF" else INTEGER

    assert resolve_aggregate(name, [kind.with_nullable(True)] * count).result == BIGINT


def test_other_results() -> None:
    assert resolve_aggregate("ARRAY_AGG", [INTEGER]).result == SqlType(Kind.ARRAY, True, element=INTEGER)
    assert resolve_aggregate("ARG_MAX", [DATE, INTEGER]).result == DATE.with_nullable(True)
    assert resolve_aggregate("EVERY", [BOOLEAN]).result == BOOLEAN.with_nullable(True)
    assert resolve_aggregate("BIT_XOR", [TINYINT]).result == TINYINT.with_nullable(True)
    assert resolve_aggregate("MODE", [VARCHAR]).result == VARCHAR.with_nullable(True)
    assert resolve_aggregate("SUM", [INTERVAL]).result == INTERVAL.with_nullable(True)
    assert resolve_aggregate("COVAR_POP", [INTEGER, DOUBLE]).arguments == (DOUBLE, DOUBLE)
    assert resolve_aggregate("MAP", [VARCHAR, INTEGER]).result == SqlType(Kind.MAP, True, key=VARCHAR, element=INTEGER)
    assert resolve_aggregate("SUM", [VARCHAR]).result.kind is Kind.DECIMAL


@pytest.mark.parametrize("name", ["SUM", "AVG", "STDDEV", "BIT_AND", "EVERY", "COUNTIF"])
def test_arguments_of_a_wrong_type_are_refused(name: str) -> None:
    with pytest.raises(TypeMismatch, match=f"Cannot apply '{name}' to arguments of type '{name}\\(<DATE>\\)'"):
        resolve_aggregate(name, [DATE])


def test_a_wrong_number_of_arguments_is_refused() -> None:
    with pytest.raises(
        TypeMismatch, match=r"Invalid number of arguments to function 'SUM'\. Was expecting 1 arguments"
    ):
        resolve_aggregate("SUM", [INTEGER, INTEGER])
    with pytest.raises(TypeMismatch, match="No match found for function signature nonsense"):
        resolve_aggregate("NONSENSE", [])


def test_window_functions() -> None:
    assert resolve_window("ROW_NUMBER", []).result == BIGINT
    assert resolve_window("LAG", [INTEGER]).result == INTEGER.with_nullable(True)
    assert resolve_window("LEAD", [INTEGER, INTEGER, INTEGER]).result == INTEGER
    assert resolve_window("SUM", [INTEGER]).result == INTEGER.with_nullable(True)
    with pytest.raises(TypeMismatch, match="Cannot apply 'LAG' to arguments of type"):
        resolve_window("LAG", [INTEGER, DATE])
    assert resolve_window("COUNT", [INTEGER], distinct=True).result == BIGINT
    assert resolve_window("NTILE", [INTEGER]).result == INTEGER
    assert resolve_window("NTH_VALUE", [DATE, INTEGER]).result == DATE.with_nullable(True)
    with pytest.raises(TypeMismatch, match="Cannot apply 'NTILE' to arguments of type"):
        resolve_window("NTILE", [DATE])


@pytest.mark.parametrize("name", sorted(AGGREGATES))
def test_every_aggregate_refuses_too_many_arguments_or_takes_any(name: str) -> None:
    if name in ("COUNT", "GROUPING", "GROUPING_ID", "GROUP_ID"):
        assert resolve_aggregate(name, [INTEGER] * 4).result == BIGINT
    else:
        with pytest.raises(TypeMismatch, match=f"Invalid number of arguments to function '{name}'"):
            resolve_aggregate(name, [INTEGER] * 4)
