"""Query results as bytes."""

import datetime as dt
import json
from decimal import Decimal

import pyarrow as pa
import pytest

from penstock.services.circuits.adhoc.answers import error_line, render


def answer(table: pa.Table, format: str) -> bytes:
    return b"".join(render(table.to_reader(), format))


def test_cells_of_a_grid() -> None:
    table = pa.table(
        {
            "f": [1.0, float("nan"), None],
            "b": [True, False, None],
            "d": [Decimal("1.50"), None, None],
            "l": [[1, None], [], None],
            "s": [{"a": 1, "b": "x"}, None, None],
            "ts": [dt.datetime(2025, 10, 20, 20, 55, 16, 350000), dt.datetime(2025, 1, 1), None],  # noqa: DTZ001
        }
    )

    assert answer(table, "text").decode() == (
        "+-----+-------+------+-------+--------------+-------------------------+\n"
        "| f   | b     | d    | l     | s            | ts                      |\n"
        "+-----+-------+------+-------+--------------+-------------------------+\n"
        "| 1.0 | true  | 1.50 | [1, ] | {a: 1, b: x} | 2025-10-20T20:55:16.350 |\n"
        "| NaN | false |      | []    |              | 2025-01-01T00:00:00     |\n"
        "|     |       |      |       |              |                         |\n"
        "+-----+-------+------+-------+--------------+-------------------------+\n"
    )


def test_json_has_every_column_of_every_row() -> None:
    map_type = pa.map_(pa.string(), pa.int32())
    table = pa.table(
        {"a": [1, None], "m": pa.array([[("k", 1)], []], map_type), "f": [float("inf"), 0.5], "x": [b"\x01\xff", None]}
    )

    assert [json.loads(line) for line in answer(table, "json").splitlines()] == [
        {"a": 1, "m": {"k": 1}, "f": None, "x": "01ff"},
        {"a": None, "m": {}, "f": 0.5, "x": None},
    ]


def test_a_map_without_text_keys_has_no_json() -> None:
    table = pa.table({"m": pa.array([[(1, 1)]], pa.map_(pa.int32(), pa.int32()))})

    with pytest.raises(ValueError, match="no JSON form"):
        answer(table, "json")


def test_a_hash_does_not_depend_on_order_but_on_rows_and_names() -> None:
    one, two = pa.table({"a": [1, 2, 2]}), pa.table({"a": [2, 1, 2]})

    assert answer(one, "hash") == answer(two, "hash")
    assert len({answer(t, "hash") for t in (one, pa.table({"a": [1, 2]}), pa.table({"b": [1, 2, 2]}))}) == 3


def test_errors_in_the_answer() -> None:
    assert error_line("no", "text") == b"ERROR: no\n"
    assert json.loads(error_line("no", "json")) == {"error": "no"}
