"""Columns survive the way to Arrow and back; other Arrow types are taken where the values fit."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.data.typed_values import SCALARS, same, typed

from penstock.data.arrow import UnsupportedInArrow, arrow_schema, column_to_arrow, from_arrow, to_arrow
from penstock.data.arrow_reading import column_from_arrow
from penstock.data.batch import Batch, Column
from penstock.data.pool import Pool
from penstock.data.types import INTERVALS, Field, Kind, SqlType, decimal
from penstock.data.values import VARIANT_NULL, ValueOutOfRange, Variant, decode_column, encode_values

POOL = Pool()


def storable(type: SqlType) -> bool:
    """Whether Arrow holds values of the type as they are: no INTERVAL, and no VARIANT, whose kinds become JSON's."""
    parts = [type.element, type.key, *(f.type for f in type.fields)]
    return type.kind not in (*INTERVALS, Kind.VARIANT) and all(storable(p) for p in parts if p is not None)


def read_back(values: list[Any], type: SqlType) -> list[Any]:
    schema = (Field("x", type),)
    batch = to_arrow([encode_values(values, type, POOL)], schema, POOL)
    batch.validate(full=True)
    return decode_column(from_arrow(batch, schema, POOL).columns[0], type, POOL)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_columns_survive_the_way_to_arrow_and_back(data: st.DataObject) -> None:
    type, strategy = data.draw(typed().filter(lambda pair: storable(pair[0])))
    values = data.draw(st.lists(st.none() | strategy, max_size=12))

    assert same(values, read_back(values, type))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_slices_and_dictionaries_are_read_as_their_rows(data: st.DataObject) -> None:
    type, strategy = data.draw(st.sampled_from([s for s in SCALARS if s[0].kind not in INTERVALS]))
    values = data.draw(st.lists(st.none() | strategy, min_size=1, max_size=20))
    start = data.draw(st.integers(0, len(values)))
    array = column_to_arrow(encode_values(values, type, POOL), type, POOL)

    assert same(values[start:], decode_column(column_from_arrow(array.slice(start), type, POOL), type, POOL))
    encoded = pa.array(array).dictionary_encode()
    assert same(values, decode_column(column_from_arrow(encoded, type, POOL), type, POOL))
    chunks = pa.chunked_array([array.slice(0, start), array.slice(start)], array.type)
    assert same(values, decode_column(column_from_arrow(chunks, type, POOL), type, POOL))


def test_arrow_values_are_those_clients_expect() -> None:
    row = SqlType(Kind.STRUCT, fields=(Field("a", SqlType(Kind.UUID)), Field("b", SqlType(Kind.VARIANT))))
    columns: list[tuple[SqlType, Any, Any]] = [
        (SqlType(Kind.UUID), uuid.UUID("42B8FEC7-c7a3-4531-9611-4bde80f9cb4c"), "42b8fec7-c7a3-4531-9611-4bde80f9cb4c"),
        (decimal(38, 2), Decimal("-1.25"), Decimal("-1.25")),
        (decimal(6, 2), Decimal("-1.25"), Decimal("-1.25")),
        (SqlType(Kind.TIMESTAMP_TZ), dt.datetime(2020, 6, 21, tzinfo=dt.UTC), dt.datetime(2020, 6, 21, tzinfo=dt.UTC)),
        (SqlType(Kind.VARIANT), Variant(Kind.MAP, {Variant(Kind.VARCHAR, "k"): VARIANT_NULL}), '{"k":null}'),
        (
            SqlType(Kind.MAP, key=SqlType(Kind.INTEGER), element=SqlType(Kind.VARCHAR)),
            {2: None, 1: "x"},
            [(1, "x"), (2, None)],
        ),
        (
            SqlType(Kind.ARRAY, element=row),
            [{"a": uuid.UUID(int=1), "b": VARIANT_NULL}, None],
            [{"a": str(uuid.UUID(int=1)), "b": "null"}, None],
        ),
        (SqlType(Kind.BOOLEAN), True, True),
    ]
    schema = tuple(Field(f"c{i}", t) for i, (t, _, _) in enumerate(columns))
    batch = to_arrow([encode_values([None, v], t, POOL) for t, v, _ in columns], schema, POOL)

    assert batch.schema == arrow_schema(schema)
    assert [list(column) for column in zip(*(r.values() for r in batch.to_pylist()), strict=True)] == [
        [None, expected] for _, _, expected in columns
    ]


@pytest.mark.parametrize(
    "array,type,expected",
    [
        (pa.array([1, None], pa.int32()), SqlType(Kind.BIGINT), [1, None]),
        (pa.array([300], pa.int64()), SqlType(Kind.SMALLINT), [300]),
        (pa.array([2**64 - 1], pa.uint64()), SqlType(Kind.UBIGINT), [2**64 - 1]),
        (pa.array(["a", None, "é"], pa.large_string()), SqlType(Kind.VARCHAR), ["a", None, "é"]),
        (pa.array(["a", None], pa.string_view()), SqlType(Kind.VARCHAR), ["a", None]),
        (pa.array([b"\x00"], pa.large_binary()), SqlType(Kind.VARBINARY), [b"\x00"]),
        (pa.array([1500], pa.timestamp("ms")), SqlType(Kind.TIMESTAMP), [dt.datetime(1970, 1, 1, 0, 0, 1, 500_000)]),  # noqa: DTZ001
        (pa.array([1500], pa.timestamp("ns")), SqlType(Kind.TIMESTAMP), [dt.datetime(1970, 1, 1, 0, 0, 0, 1)]),  # noqa: DTZ001
        (pa.array([1], pa.time32("s")), SqlType(Kind.TIME), [dt.time(0, 0, 1)]),
        (pa.array([1], pa.date64()), SqlType(Kind.DATE), [dt.date(1970, 1, 1)]),
        (pa.array([Decimal("1.25"), Decimal("1.35")]), decimal(5, 1), [Decimal("1.2"), Decimal("1.4")]),
        (pa.array([7], pa.int64()), decimal(5, 1), [Decimal("7.0")]),
        (pa.array([7], pa.int64()), decimal(38, 1), [Decimal("7.0")]),
        (pa.array([1], pa.int8()), SqlType(Kind.DOUBLE), [1.0]),
        (pa.nulls(2), SqlType(Kind.VARCHAR), [None, None]),
        (pa.array(["b", "a", None, "b"]).dictionary_encode(), SqlType(Kind.VARCHAR), ["b", "a", None, "b"]),
        (pa.array([b"\x01" * 16], pa.binary(16)), SqlType(Kind.UUID), [uuid.UUID(bytes=b"\x01" * 16)]),
        (
            pa.array(['{"a":1}']),
            SqlType(Kind.VARIANT),
            [Variant(Kind.MAP, {Variant(Kind.VARCHAR, "a"): Variant(Kind.UBIGINT, 1)})],
        ),
        (pa.array([[1, None]], pa.list_(pa.int64())), SqlType(Kind.ARRAY, element=SqlType(Kind.INTEGER)), [[1, None]]),
    ],
)
def test_other_arrow_types_are_converted(array: Any, type: SqlType, expected: list[Any]) -> None:
    assert same(expected, decode_column(column_from_arrow(array, type, POOL), type, POOL))


@pytest.mark.parametrize(
    "array,type",
    [
        (pa.array([300], pa.int64()), SqlType(Kind.TINYINT)),
        (pa.array([1000], pa.int64()), decimal(3, 0)),
        (pa.array([1], pa.int64()), SqlType(Kind.VARCHAR)),
        (pa.array(["x"]), SqlType(Kind.DATE)),
    ],
)
def test_values_that_do_not_fit_are_refused(array: Any, type: SqlType) -> None:
    with pytest.raises(ValueOutOfRange):
        column_from_arrow(array, type, POOL)


def test_columns_are_found_by_name_and_missing_ones_are_null() -> None:
    schema = (Field("b", SqlType(Kind.VARCHAR)), Field("a", SqlType(Kind.INTEGER)), Field("z", SqlType(Kind.INTEGER)))
    rows = pa.record_batch({"A": [1], "b": ["x"], "other": [0]})
    batch = from_arrow(rows, schema, POOL, np.array([-2]))

    assert [decode_column(c, f.type, POOL) for c, f in zip(batch.columns, schema, strict=True)] == [["x"], [1], [None]]
    assert batch.weights.tolist() == [-2]


def test_null_in_a_not_null_column_is_refused() -> None:
    schema = (Field("a", SqlType(Kind.INTEGER, nullable=False)),)

    with pytest.raises(ValueError, match="NOT NULL"):
        from_arrow(pa.record_batch({"a": pa.array([None], pa.int32())}), schema, POOL)


def test_garbage_under_null_slots_is_not_seen() -> None:
    buffers = [pa.py_buffer(b"\x02"), pa.py_buffer(np.array([0, 3, 4], np.int32)), pa.py_buffer(b"xyzb")]
    array = pa.Array.from_buffers(pa.string(), 2, buffers)
    column = column_from_arrow(array, SqlType(Kind.VARCHAR), POOL)

    assert column.words[0] == 0
    assert decode_column(column, SqlType(Kind.VARCHAR), POOL) == [None, "b"]


def test_intervals_have_no_arrow_form() -> None:
    with pytest.raises(UnsupportedInArrow):
        arrow_schema((Field("i", SqlType(Kind.INTERVAL_MICROS)),))


def test_a_batch_without_columns_keeps_its_row_count() -> None:
    assert to_arrow(Batch([], np.ones(3, np.int64)), (), POOL).num_rows == 3
    assert to_arrow([Column(np.zeros(0, np.int64))], (Field("a", SqlType(Kind.BIGINT)),), POOL).num_rows == 0
