"""The one-pass reader of plain CSV against Arrow's, and what it leaves to others."""

from __future__ import annotations

import datetime as dt
import io

import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.connect.formats.csv_scan import INTEGER, MOMENT, SKIP, TEXT, scan_csv

_TYPES = {INTEGER: pa.int64(), MOMENT: pa.timestamp("us"), TEXT: pa.string()}
_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters=',"\r\n'), max_size=70).filter(
    lambda text: text.lower() != "null"
)
_MOMENTS = st.datetimes(dt.datetime(1970, 1, 1), dt.datetime(2400, 1, 1))  # noqa: DTZ001 - no zone
_ROWS = st.lists(st.tuples(st.integers(-(10**18) + 1, 10**18 - 1), _TEXTS, _MOMENTS, _TEXTS), min_size=1, max_size=40)


@given(_ROWS, st.sampled_from([" ", "T"]), st.booleans(), st.sets(st.sampled_from([0, 1, 2, 3]), max_size=3))
def test_plain_lines_are_read_as_arrow_reads_them(
    rows: list[tuple[int, str, dt.datetime, str]], separator: str, ends: bool, skipped: set[int]
) -> None:
    lines = [f"{i},{a},{moment.isoformat(sep=separator)},{b}" for i, a, moment, b in rows]
    data = ("\n".join(lines) + ("\n" if ends else "")).encode()
    kinds = [SKIP if i in skipped else kind for i, kind in enumerate([INTEGER, TEXT, MOMENT, TEXT])]
    names = [f"c{i}" for i in range(4)]
    kept = [name for name, kind in zip(names, kinds, strict=True) if kind != SKIP]

    batch = scan_csv(data, ",", kinds, kept)

    expected = pa_csv.read_csv(
        io.BytesIO(data),
        pa_csv.ReadOptions(column_names=names),
        pa_csv.ParseOptions(quote_char=False),
        pa_csv.ConvertOptions(
            column_types=dict(zip(names, [_TYPES[k] for k in (INTEGER, TEXT, MOMENT, TEXT)], strict=True)),
            include_columns=kept,
            strings_can_be_null=False,
        ),
    )
    assert expected.equals(pa.Table.from_batches([batch]))


def test_empty_numbers_and_moments_are_null_and_an_empty_text_is_empty() -> None:
    batch = scan_csv(b"1,2024-02-29 23:59:59.5,a\n,,\n-7,1970-01-01T00:00:00,x", ",", [INTEGER, MOMENT, TEXT], "abc")

    assert batch is not None
    assert batch.column(0).to_pylist() == [1, None, -7]
    assert [m and m.isoformat() for m in batch.column(1).to_pylist()] == [
        "2024-02-29T23:59:59.500000",
        None,
        "1970-01-01T00:00:00",
    ]
    assert batch.column(2).to_pylist() == ["a", "", "x"]


@pytest.mark.parametrize(
    "data",
    [
        b"1,2024-01-01 00:00:00\n",
        b"1,2024-01-01 00:00:00,a,b\n",
        b"1.5,2024-01-01 00:00:00,a\n",
        b"-,2024-01-01 00:00:00,a\n",
        b"12:4,2024-01-01 00:00:00,a\n",
        b"123/5678,2024-01-01 00:00:00,a\n",
        b"12-45678901,2024-01-01 00:00:00,a\n",
        "1234567ö,2024-01-01 00:00:00,a\n".encode(),
        b"1,2024-01-01 0:x0:00,a\n",
        b"1,2024-01-01 00.00:00,a\n",
        b"1,2024-01-01 00:60:00,a\n",
        b"1,2024-01-01 00:00:00.1:3,a\n",
        b"1234567890123456789,2024-01-01 00:00:00,a\n",
        b"1,2023-02-29 00:00:00,a\n",
        b"1,2024-13-01 00:00:00,a\n",
        b"1,2024-01-01 24:00:00,a\n",
        b"1,2024-01-01 00:00:00Z,a\n",
        b"1,2024-01-01,a\n",
        b"1,1969-12-31 00:00:00,a\n",
        b"1,2024-01-01 00:00:00,a\r\n",
        b"1,2024-01-01 00:00:00,NULL\n",
        b"1,2024-01-01 00:00:00,a\n\n2,2024-01-01 00:00:00,b\n",
        b"1,2024-01-01 00:00:00,a\n2",
    ],
)
def test_what_is_not_plain_is_left_to_another_reader(data: bytes) -> None:
    assert scan_csv(data, ",", [INTEGER, MOMENT, TEXT], "abc") is None


def test_text_that_is_no_utf8_is_refused() -> None:
    with pytest.raises(pa.ArrowInvalid):
        scan_csv(b"\xff\n", ",", [TEXT], "a")
