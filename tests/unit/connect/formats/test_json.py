"""JSON in: update formats, flavours, types and bad records; JSON out."""

import datetime as dt
import json
import uuid
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from tests.contracts.formats import decode, layout

from penstock.connect.formats.json import JsonFormat
from penstock.data.batch import Batch
from penstock.data.pool import Pool
from penstock.data.types import Field, Kind, SqlType, decimal
from penstock.data.values import encode_values
from penstock.ports.format import ColumnLayout, FormatRefused, Layout, ParseError

INT = SqlType(Kind.INTEGER, nullable=False)
TEXT = SqlType(Kind.VARCHAR)
PLAIN = layout(("i", INT), ("s", TEXT))
KEYED = layout(("i", INT), ("s", SqlType(Kind.VARCHAR, nullable=False)), key=(0,))


def read(body: bytes, table: Layout = PLAIN, **options: Any) -> tuple[list[tuple[Any, ...]], list[ParseError]]:
    pool = Pool()
    return decode(JsonFormat().decoder(options, table, pool), body, table=table, pool=pool)


def one(type: SqlType, text: str, **options: Any) -> Any:
    rows, errors = read(f'{{"c":{text}}}'.encode(), layout(("c", type)), update_format="raw", **options)
    assert not errors, errors
    return rows[0][0]


def test_insert_and_delete_have_opposite_weights() -> None:
    rows, _ = read(b'{"insert":{"i":1,"s":"a"}}{"delete":{"i":2}}')

    assert rows == [(1, "a", 1), (2, None, -1)]


def test_members_of_either_case_match_unless_the_column_was_quoted() -> None:
    table = layout(("id", INT), ("Word", TEXT), exact=("Word",))
    rows, _ = read(b'{"ID":1,"word":"x"}\n{"Id":2,"Word":"y"}', table, update_format="raw")

    assert rows == [(1, None, 1), (2, "y", 1)]


def test_a_default_stands_in_for_a_missing_value_but_not_for_null() -> None:
    table = Layout("t", (ColumnLayout("i", False, SqlType(Kind.INTEGER), (7, False)),))
    rows, _ = read(b'{}\n{"i":null}', table, update_format="raw")

    assert rows == [(7, 1), (None, 1)]


def test_bad_records_are_reported_and_the_others_kept() -> None:
    rows, errors = read(b'{"i":1}\n{"i":true}\nnonsense\n{"s":"x"}\n{"i":2,"s":3}\n{"i":5}\n', update_format="raw")

    assert rows == [(1, None, 1), (5, None, 1)]
    assert [(e.event_number, e.field) for e in errors] == [(2, "i"), (3, None), (4, "i"), (5, "s")]
    assert errors[0].description == "column 'i' of type INTEGER cannot be True: an integer is needed"
    assert errors[0].invalid_text == '{"i":true}'
    assert errors[1].invalid_text == "nonsense"


def test_one_bad_update_drops_its_array_alone() -> None:
    rows, errors = read(b'[{"i":1},{"i":"x"},{"i":2.5}]\n[{"i":3}]', update_format="raw", array=True)

    assert rows == [(3, None, 1)]
    assert [e.event_number for e in errors] == [2, 3]


def test_a_document_cut_off_does_not_take_the_next_ones_along() -> None:
    rows, errors = read(b'{"i":1\n{"i":2}\n{"i":3}\n', update_format="raw")

    assert rows == [(2, None, 1), (3, None, 1)]
    assert [e.event_number for e in errors] == [1]


def test_what_is_no_row_is_an_error_of_its_record() -> None:
    rows, errors = read(b'[null, 1, {"i":1}, [1], [2, "x"]]', update_format="raw", array=True)
    alone, alone_errors = read(b"[null]", update_format="raw", array=True)

    assert (rows, alone) == ([], [])
    assert [e.event_number for e in errors] == [1, 2, 4]
    assert len(alone_errors) == 1


def test_invalid_utf8_is_an_error_of_its_line() -> None:
    rows, errors = read(b'{"i":1,"s":"\xff"}\n{"i":2}\n', update_format="raw")

    assert rows == [(2, None, 1)]
    assert errors[0].invalid_bytes is not None


def test_an_update_needs_a_key_and_gives_a_patch() -> None:
    pool = Pool()
    decoder = JsonFormat().decoder({}, KEYED, pool)
    batch = decoder.feed(b'{"update":{"i":1}}\n{"insert":{"i":2,"s":"x"}}\n{"delete":{"i":3}}\n').batches[0]
    _, errors = read(b'{"update":{"i":1}}')

    assert batch.weights.tolist() == [1, 1, -1]
    assert batch.patches is not None and batch.patches.tolist() == [True, False, False]
    assert batch.present is not None and [m.tolist() for m in batch.present] == [[True] * 3, [False, True, False]]
    assert "PRIMARY KEY" in errors[0].description


def test_a_keyed_deletion_must_name_the_key() -> None:
    _, errors = read(b'{"delete":{"s":"x"}}', KEYED)

    assert errors[0].field == "i"


def test_weights_of_any_size() -> None:
    rows, _ = read(b'{"weight":-3,"data":{"i":1}}{"weight":0,"data":{"i":2}}', update_format="weighted")

    assert rows == [(1, None, -3)]


def test_change_events_delete_before_and_insert_after() -> None:
    body = (
        b'{"payload":{"op":"u","before":{"i":1},"after":{"i":1,"s":"b"},"source":{}}}\n'
        b'{"payload":{"op":"d","before":{"i":2},"after":null}}\n{"op":"c","after":{"i":3}}\n{"payload":{"op":"x"}}'
    )
    rows, errors = read(body, update_format="debezium")

    assert rows == [(1, None, -1), (1, "b", 1), (2, None, -1), (3, None, 1)]
    assert len(errors) == 1


def test_numbers_are_exact() -> None:
    wide = decimal(38, 10)

    assert one(SqlType(Kind.BIGINT), "9223372036854775807") == 2**63 - 1
    assert one(SqlType(Kind.UBIGINT), "18446744073709551615") == 2**64 - 1
    assert one(decimal(18, 2), "1234567890123456.78") == Decimal("1234567890123456.78")
    assert one(wide, "1234567890123456789012345678.0123456789") == Decimal("1234567890123456789012345678.0123456789")
    assert one(decimal(5, 2), '"12.345"') == Decimal("12.34")
    assert one(SqlType(Kind.DOUBLE), '"2.5"') == 2.5
    assert one(SqlType(Kind.DOUBLE), "3") == 3.0


@pytest.mark.parametrize(
    ("type", "text"),
    [
        (SqlType(Kind.TINYINT), "128"),
        (SqlType(Kind.INTEGER), "1.0"),
        (SqlType(Kind.INTEGER), '"1"'),
        (SqlType(Kind.UTINYINT), "-1"),
        (SqlType(Kind.BIGINT), "9223372036854775808"),
        (decimal(4, 2), "123.4"),
        (SqlType(Kind.BOOLEAN), "1"),
        (SqlType(Kind.DATE), '"2024-02-30"'),
        (SqlType(Kind.TIMESTAMP), "1700000000000"),
        (SqlType(Kind.UUID), '"nonsense"'),
        (SqlType(Kind.VARBINARY), "[256]"),
        (SqlType(Kind.VARCHAR), "1"),
        (SqlType(Kind.DOUBLE), '"NaN"'),
        (decimal(38, 2), "1e999999999"),
    ],
)
def test_a_value_of_another_type_is_refused(type: SqlType, text: str) -> None:
    rows, errors = read(f'{{"c":{text}}}'.encode(), layout(("c", type)), update_format="raw")

    assert rows == []
    assert errors[0].field == "c"


def test_times_in_their_spellings() -> None:
    stamp = SqlType(Kind.TIMESTAMP, precision=6)
    moment = dt.datetime(2024, 2, 29, 12, 30, 1, 500000)  # noqa: DTZ001

    assert one(stamp, '"2024-02-29 12:30:01.5"') == moment
    assert one(stamp, '"2024-02-29T12:30:01.500000999"') == moment
    assert one(stamp, '"2024-02-29T14:30:01.5+02:00"') == moment
    assert one(stamp, "1709209801500", json_flavor="pandas") == moment
    assert one(SqlType(Kind.DATE), '"2024-02-29"') == dt.date(2024, 2, 29)
    assert one(SqlType(Kind.DATE), "19782", json_flavor="debezium_mysql") == dt.date(2024, 2, 29)
    assert one(SqlType(Kind.DATE), "1709164800000", json_flavor="pandas") == dt.date(2024, 2, 29)
    assert one(SqlType(Kind.TIME), '"12:30:01.5"') == dt.time(12, 30, 1, 500000)
    assert one(SqlType(Kind.TIME), "45001500000", json_flavor="debezium_postgres") == dt.time(12, 30, 1, 500000)


def test_complex_values() -> None:
    row = SqlType(Kind.STRUCT, fields=(Field("a", SqlType(Kind.INTEGER)), Field("b", TEXT)))
    word = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"

    assert one(SqlType(Kind.ARRAY, element=SqlType(Kind.INTEGER)), "[1,null,3]") == [1, None, 3]
    assert one(SqlType(Kind.MAP, key=SqlType(Kind.INTEGER), element=TEXT), '{"2":"b","1":null}') == {1: None, 2: "b"}
    assert one(row, '{"A":1}') == {"a": 1, "b": None}
    assert one(SqlType(Kind.UUID), f'"{word.upper()}"') == uuid.UUID(word)
    assert one(SqlType(Kind.VARBINARY), "[0,255]") == b"\x00\xff"
    assert one(SqlType(Kind.VARBINARY), '"\\\\x00ff"', json_flavor="postgres") == b"\x00\xff"


def test_an_unknown_option_value_is_refused() -> None:
    with pytest.raises(FormatRefused, match="nonsense"):
        JsonFormat().decoder({"update_format": "nonsense"}, PLAIN, Pool())


def write(table: Layout, rows: list[tuple[Any, ...]], **options: Any) -> str:
    pool = Pool()
    columns = [encode_values([row[i] for row in rows], column.type, pool) for i, column in enumerate(table.columns)]
    batch = Batch(columns, np.array([row[-1] for row in rows], np.int64))
    return "".join(piece.payload.decode() for piece in JsonFormat().encoder(options, table, pool).encode(batch))


@pytest.mark.parametrize("weights", [(-1, 1), (1, -2), (3, -1), (1, 1), (-1, -1), (1,)])
def test_a_change_of_two_rows_is_in_the_order_of_larger_ones(weights: tuple[int, ...]) -> None:
    rows = [(2, "b"), (1, None)][: len(weights)]
    listed = sorted(zip(rows, weights, strict=True), key=lambda row: (row[1] > 0, row[0][0]))
    expected = [
        {"insert" if weight > 0 else "delete": {"i": i, "s": s}}
        for (i, s), weight in listed
        for _ in range(abs(weight))
    ]

    assert expected == json.loads(
        write(PLAIN, [(*row, weight) for row, weight in zip(rows, weights, strict=True)], array=True)
    )


def test_deletions_come_first_each_in_the_order_of_rows() -> None:
    text = write(PLAIN, [(2, "b", 2), (3, None, -1), (1, "a", 1), (0, 'q"', -1)], array=True)

    assert text == (
        '[{"delete":{"i":0,"s":"q\\""}},{"delete":{"i":3,"s":null}},'
        '{"insert":{"i":1,"s":"a"}},{"insert":{"i":2,"s":"b"}},{"insert":{"i":2,"s":"b"}}]'
    )


def test_values_are_written_as_the_dialect_does() -> None:
    types = [
        decimal(5, 2),
        SqlType(Kind.DOUBLE),
        SqlType(Kind.REAL),
        SqlType(Kind.TIMESTAMP, precision=6),
        SqlType(Kind.TIME),
        SqlType(Kind.DATE),
        SqlType(Kind.UUID),
        SqlType(Kind.VARBINARY),
        SqlType(Kind.ARRAY, element=decimal(3, 1)),
        SqlType(Kind.MAP, key=INT, element=TEXT),
        SqlType(Kind.BOOLEAN),
    ]
    table = layout(*((f"c{i}", type) for i, type in enumerate(types)))
    values = (
        Decimal("-0.50"),
        0.1,
        0.1,
        dt.datetime(2024, 1, 2, 3, 4, 5, 120000),  # noqa: DTZ001
        dt.time(1, 2, 3),
        dt.date(1969, 12, 31),
        uuid.UUID(int=1),
        b"\x01\x02",
        [Decimal("1.0"), None],
        {1: "x"},
        True,
        1,
    )

    assert write(table, [values]) == (
        '{"insert":{"c0":-0.50,"c1":0.1,"c2":0.1,"c3":"2024-01-02 03:04:05.120","c4":"01:02:03","c5":"1969-12-31",'
        '"c6":"00000000-0000-0000-0000-000000000001","c7":[1,2],"c8":[1.0,null],"c9":{"1":"x"},"c10":true}}\n'
    )


def test_pieces_hold_no_more_records_than_the_buffer() -> None:
    pool = Pool()
    batch = Batch([encode_values([1, 2, 3, 4], INT, pool), encode_values([None] * 4, TEXT, pool)], np.full(4, 2))
    pieces = [*JsonFormat().encoder({"buffer_size_records": 3}, PLAIN, pool).encode(batch)]

    assert [piece.record_count for piece in pieces] == [2, 2, 2, 2]
