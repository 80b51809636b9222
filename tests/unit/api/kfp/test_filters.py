"""Filters of list requests: what they come to, and what is refused."""

import base64
import json
from urllib.parse import quote

import pytest

from penstock.api.kfp.filters import Column, predicate_of
from penstock.api.kfp.run_face import RUN_COLUMNS
from penstock.kernel.errors import Invalid
from penstock.kernel.query import IndexValue, matches

COLUMNS = {
    "id": Column("id"),
    "name": Column("name", substring="folded"),
    "created_at": Column("created_at", is_time=True),
    "size": Column("size"),
}
ROW: dict[str, IndexValue] = {
    "id": "a",
    "name": "Ünit 1",
    "folded": "ünit 1",
    "created_at": 1_600_000_000_500_000,
    "size": 7,
}


def says(*predicates: dict[str, object], row: dict[str, IndexValue] = ROW) -> bool:
    predicate = predicate_of(json.dumps({"predicates": predicates}), COLUMNS)
    assert predicate is not None
    return matches(predicate, row)


@pytest.mark.parametrize(
    ("predicate", "holds"),
    [
        ({"op": 1, "key": "name", "stringValue": "Ünit 1"}, True),
        ({"op": "EQUALS", "key": "name", "string_value": "ünit 1"}, False),
        ({"operation": 2, "key": "name", "stringValue": "x"}, True),
        ({"op": "IS_SUBSTRING", "key": "name", "stringValue": "ÜN"}, True),
        ({"op": "IN", "key": "name", "stringValues": {"values": ["x", "Ünit 1"]}}, True),
        ({"op": "GREATER_THAN", "key": "size", "intValue": 6}, True),
        ({"op": "LESS_THAN_EQUALS", "key": "size", "longValue": "6"}, False),
        ({"op": "IN", "key": "size", "long_values": {"values": ["7"]}}, True),
    ],
)
def test_a_predicate_decides_a_row(predicate: dict[str, object], holds: bool) -> None:
    assert says(predicate) is holds


@pytest.mark.parametrize(
    ("op", "at", "holds"),
    [
        ("EQUALS", 1_600_000_000, True),
        ("NOT_EQUALS", 1_600_000_000, False),
        ("GREATER_THAN", 1_600_000_000, False),
        ("GREATER_THAN_EQUALS", 1_600_000_000, True),
        ("LESS_THAN", 1_600_000_000, False),
        ("LESS_THAN", 1_600_000_001, True),
        ("LESS_THAN_EQUALS", 1_600_000_000, True),
        ("GREATER_THAN", 1_599_999_999, True),
    ],
)
def test_times_are_compared_in_the_whole_seconds_that_clients_see(op: str, at: int, holds: bool) -> None:
    assert says({"op": op, "key": "created_at", "stringValue": str(at)}) is holds
    assert says({"op": op, "key": "created_at", "longValue": at}) is holds


def test_a_time_may_be_written_as_an_instant() -> None:
    assert says({"op": "EQUALS", "key": "created_at", "timestamp_value": "2020-09-13T12:26:40Z"})


def test_a_status_stands_for_all_states_that_show_it() -> None:
    text = json.dumps({"predicates": [{"op": 1, "key": "status", "stringValue": "Failed"}]})
    predicate = predicate_of(text, RUN_COLUMNS)
    assert predicate is not None
    assert [state for state in ("failed", "cancelled", "errored") if matches(predicate, {"state": state})] == [
        "failed",
        "cancelled",
    ]


def test_a_filter_may_be_escaped_twice_or_in_base64() -> None:
    text = json.dumps({"predicates": [{"op": 1, "key": "id", "stringValue": "a"}]})
    for sent in (text, quote(text), base64.b64encode(text.encode()).decode()):
        predicate = predicate_of(sent, COLUMNS)
        assert predicate is not None
        assert matches(predicate, ROW)


def test_a_plus_in_a_name_is_a_plus() -> None:
    assert says({"op": 1, "key": "id", "stringValue": "a+b%20c"}, row={"id": "a+b%20c"})


@pytest.mark.parametrize(
    "predicate",
    [
        {"op": 0, "key": "name", "stringValue": "x"},
        {"op": "NEARLY", "key": "name", "stringValue": "x"},
        {"op": 1, "key": "colour", "stringValue": "x"},
        {"op": 1, "key": "name"},
        {"op": 1, "stringValue": "x"},
        {"op": 1, "key": "name", "stringValue": "x", "intValue": 1},
        {"op": 1, "key": "name", "stringValues": {"values": ["x"]}},
        {"op": 8, "key": "name", "stringValue": "x"},
        {"op": 9, "key": "size", "intValue": 1},
        {"op": 1, "key": "size", "intValue": "many"},
        {"op": 1, "key": "created_at", "timestampValue": "noon"},
        {"op": 1, "key": "name", "stringValue": "x", "or": []},
    ],
)
def test_what_makes_no_sense_is_refused(predicate: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        says(predicate)


@pytest.mark.parametrize("text", ["{broken", "[]", '{"or": []}', '{"predicates": 1}'])
def test_what_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        predicate_of(text, COLUMNS)
