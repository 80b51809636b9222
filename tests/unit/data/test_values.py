"""Python values survive the way to words and bytes and back, and bytes order as the values do."""

from __future__ import annotations

import datetime as dt
import functools
import math
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.data.typed_values import decimals, same, typed

from penstock.data.pool import Pool
from penstock.data.types import Field, Kind, SqlType, decimal
from penstock.data.values import (
    VARIANT_NULL,
    ValueOutOfRange,
    Variant,
    decode_column,
    decode_key,
    encode_key,
    encode_values,
)
from penstock.data.values_bytes import hashable

POOL = Pool()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_values_survive_the_way_to_words_and_back(data: st.DataObject) -> None:
    type, strategy = data.draw(typed())
    values = data.draw(st.lists(st.none() | strategy, max_size=5))

    back = decode_column(encode_values(values, type, POOL), type, POOL)

    assert same(values, back)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_equal_values_have_equal_words_and_keys(data: st.DataObject) -> None:
    type, strategy = data.draw(typed())
    value = data.draw(strategy)
    other = decode_key(encode_key(value, type), type)
    first, second = encode_values([value, other], type, POOL).words

    assert same(value, other)
    assert first == second
    assert type.pooled or encode_key(value, type) == encode_key(other, type)


def compare(a: Any, b: Any) -> int:
    """SQL's order of values: NULL first, NaN last, containers part by part."""
    if a is None or b is None:
        return (a is not None) - (b is not None)
    if isinstance(a, str):
        a, b = a.encode(), b.encode()
    if isinstance(a, float):
        if math.isnan(a) or math.isnan(b):
            return math.isnan(a) - math.isnan(b)
        return (a > b) - (a < b)
    if isinstance(a, uuid.UUID):
        a, b = a.bytes, b.bytes
    if isinstance(a, dict):
        a, b = [part for item in a.items() for part in item], [part for item in b.items() for part in item]
    if isinstance(a, list):
        for x, y in zip(a, b, strict=False):
            if order := compare(x, y):
                return order
        return (len(a) > len(b)) - (len(a) < len(b))
    return (a > b) - (a < b)


def without_variants(pair: tuple[SqlType, Any]) -> bool:
    type = pair[0]
    parts = [type.element, type.key, *(f.type for f in type.fields)]
    return type.kind is not Kind.VARIANT and all(without_variants((p, None)) for p in parts if p is not None)


def row_values(value: Any, type: SqlType) -> Any:
    """A row as the list of its values, so that only values are compared."""
    if value is None:
        return None
    if type.kind is Kind.STRUCT:
        return [row_values(value[f.name], f.type) for f in type.fields]
    if type.kind is Kind.ARRAY:
        return [row_values(v, type.element) for v in value]  # type: ignore[arg-type]
    if type.kind is Kind.MAP:
        return {k: row_values(v, type.element) for k, v in value.items()}  # type: ignore[arg-type]
    return value


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_bytes_order_as_values_do(data: st.DataObject) -> None:
    type, strategy = data.draw(typed().filter(without_variants))
    a, b = data.draw(strategy), data.draw(strategy)
    x, y = encode_key(a, type), encode_key(b, type)

    assert (x > y) - (x < y) == compare(row_values(a, type), row_values(b, type))


@pytest.mark.parametrize(
    "smaller,greater",
    [
        (VARIANT_NULL, Variant(Kind.BOOLEAN, False)),
        (Variant(Kind.DECIMAL, Decimal("-1.23")), Variant(Kind.DECIMAL, Decimal("-1.2"))),
        (Variant(Kind.DECIMAL, Decimal("-0.001")), Variant(Kind.DECIMAL, Decimal("0"))),
        (Variant(Kind.DECIMAL, Decimal("9.99")), Variant(Kind.DECIMAL, Decimal("10"))),
        (Variant(Kind.DECIMAL, Decimal("0.5")), Variant(Kind.DECIMAL, Decimal("1E+5"))),
        (Variant(Kind.BIGINT, 10), Variant(Kind.DOUBLE, 1.0)),
        (Variant(Kind.ARRAY, [None]), Variant(Kind.ARRAY, [VARIANT_NULL])),
    ],
)
def test_variants_order_by_kind_then_value(smaller: Variant, greater: Variant) -> None:
    type = SqlType(Kind.VARIANT)

    assert encode_key(smaller, type) < encode_key(greater, type)


@given(st.lists(decimals(38, 0), min_size=2, max_size=6))
def test_decimals_in_variants_order_by_value(numbers: list[Decimal]) -> None:
    encode: Callable[[Decimal], bytes] = functools.partial(
        lambda d: encode_key(Variant(Kind.DECIMAL, d), SqlType(Kind.VARIANT))
    )

    assert [int(d) for d in sorted(numbers, key=encode)] == sorted(map(int, numbers))


def test_negative_zero_and_every_nan_have_one_word() -> None:
    column = encode_values([-0.0, 0.0, float("nan"), -float("nan")], SqlType(Kind.DOUBLE), POOL)

    assert column.words[0] == column.words[1]
    assert column.words[2] == column.words[3]
    assert encode_key(-0.0, SqlType(Kind.DOUBLE)) == encode_key(0.0, SqlType(Kind.DOUBLE))


@pytest.mark.parametrize(
    "value,type",
    [
        (128, SqlType(Kind.TINYINT)),
        (-1, SqlType(Kind.UBIGINT)),
        (2**63, SqlType(Kind.BIGINT)),
        (Decimal("100"), decimal(4, 2)),
        (Decimal("NaN"), decimal(4, 2)),
        (Decimal(10) ** 38, decimal(38, 0)),
    ],
)
def test_a_number_that_does_not_fit_is_refused(value: Any, type: SqlType) -> None:
    with pytest.raises(ValueOutOfRange):
        encode_values([None, value], type, POOL)


def test_excess_fraction_digits_round_half_to_even() -> None:
    column = encode_values([Decimal("1.005"), Decimal("1.015"), 2, 0.1], decimal(6, 2), POOL)

    assert column.words.tolist() == [100, 102, 200, 10]


def test_time_below_a_microsecond_stays_nanoseconds() -> None:
    type = SqlType(Kind.TIME)
    column = encode_values([dt.time(1, 2, 3, 4), 3_723_000_004_001], type, POOL)

    assert decode_column(column, type, POOL) == [dt.time(1, 2, 3, 4), 3_723_000_004_001]


def test_nulls_have_word_zero() -> None:
    column = encode_values([None, "a"], SqlType(Kind.VARCHAR), POOL)

    assert column.words[0] == 0
    assert np.array_equal(column.nulls, [True, False])


def test_rows_are_taken_as_tuples_and_maps_as_pairs() -> None:
    row = SqlType(Kind.STRUCT, fields=(Field("a", SqlType(Kind.INTEGER)), Field("b", SqlType(Kind.VARCHAR))))
    pairs = SqlType(Kind.MAP, key=row, element=SqlType(Kind.INTEGER))

    assert decode_key(encode_key((1, "x"), row), row) == {"a": 1, "b": "x"}
    assert decode_key(encode_key([((2, None), 5), ((1, "x"), 6)], pairs), pairs) == {(1, "x"): 6, (2, None): 5}
    assert hashable({"a": [1]}) == ((1,),)
