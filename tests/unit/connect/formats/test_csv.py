"""CSV in and out."""

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from tests.contracts.formats import decode, layout

from penstock.connect.formats.csv import CsvFormat
from penstock.data.batch import Batch
from penstock.data.pool import Pool
from penstock.data.types import Kind, SqlType, decimal
from penstock.data.values import encode_values
from penstock.ports.format import FormatRefused, Layout, ParseError

INT = SqlType(Kind.INTEGER, nullable=False)
TEXT = SqlType(Kind.VARCHAR)
PLAIN = layout(("i", INT), ("s", TEXT))


def read(
    body: bytes, table: Layout = PLAIN, *, size: int = 1 << 20, **options: Any
) -> tuple[list[Any], list[ParseError]]:
    pool = Pool()
    pieces = [body[i : i + size] for i in range(0, len(body), size)]
    return decode(CsvFormat().decoder(options, table, pool), *pieces, table=table, pool=pool)


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_quoted_fields_may_hold_delimiters_quotes_and_line_ends(size: int) -> None:
    rows, errors = read(b'1,"a,b"\n2,"say ""x""\nand y"\n3,5" wide\n', size=size)

    assert rows == [(1, "a,b", 1), (2, 'say "x"\nand y', 1), (3, '5" wide', 1)]
    assert errors == []


def test_a_bad_line_does_not_touch_the_others() -> None:
    rows, errors = read("1,é\nx,ü\n\n3,ß".encode())

    assert rows == [(1, "é", 1), (3, "ß", 1)]
    assert [(e.event_number, e.field, e.invalid_text) for e in errors] == [(2, "i", "x,ü")]


def test_a_quote_that_is_never_closed_costs_its_line_alone() -> None:
    rows, _ = read(b'1,"open\n2,b\n3,c\n')

    assert [row[0] for row in rows] == [1, 2, 3]


def test_null_is_a_word_or_nothing_where_that_is_no_text() -> None:
    table = layout(("n", SqlType(Kind.INTEGER)), ("s", TEXT), ("t", SqlType(Kind.VARCHAR, nullable=False)))
    rows, _ = read(b"NULL,null,null\n,,\n", table)

    assert rows == [(None, None, "null", 1), (None, "", "", 1)]


def test_fields_of_every_kind() -> None:
    table = layout(
        ("b", SqlType(Kind.BOOLEAN)),
        ("f", SqlType(Kind.DOUBLE)),
        ("d", decimal(6, 2)),
        ("day", SqlType(Kind.DATE)),
        ("at", SqlType(Kind.TIMESTAMP, precision=6)),
        ("a", SqlType(Kind.ARRAY, element=SqlType(Kind.INTEGER))),
    )
    rows, errors = read(
        b'TRUE,1e3,12.345,2024-02-29,2024-02-29 01:02:03,"[1,2]"\nfalse,inf,-1,2024-02-29,2024-02-29,[]', table
    )

    assert errors == []
    assert rows[0][:-1] == (
        True,
        1000.0,
        Decimal("12.34"),
        dt.date(2024, 2, 29),
        dt.datetime(2024, 2, 29, 1, 2, 3),  # noqa: DTZ001
        [1, 2],
    )
    assert rows[1][1] == float("inf")


def test_missing_fields_are_null_and_further_ones_ignored_unless_records_must_be_equal() -> None:
    rows, errors = read(b"1\n2,b,c\n")
    strict, refused = read(b"1\n2,b\n", flexible=False)

    assert (rows, errors) == ([(1, None, 1), (2, "b", 1)], [])
    assert strict == [(2, "b", 1)]
    assert len(refused) == 1


def test_another_delimiter_comments_and_trimming() -> None:
    rows, _ = read(b"#x\n 1 ; a \n", delimiter=";", comment="#", trim="all")

    assert rows == [(1, "a", 1)]


def test_a_delimiter_of_two_characters_is_refused() -> None:
    with pytest.raises(FormatRefused, match="one character"):
        CsvFormat().decoder({"delimiter": "::"}, PLAIN, Pool())


def test_lines_go_out_with_their_weight() -> None:
    pool = Pool()
    batch = Batch(
        [encode_values([2, 1, 3], INT, pool), encode_values(["a,b", None, ""], TEXT, pool)], np.array([1, -1, 2])
    )
    pieces = [*CsvFormat().encoder({}, PLAIN, pool).encode(batch)]

    assert pieces[0].payload == b'1,,-1\n2,"a,b",1\n3,"",2\n'
