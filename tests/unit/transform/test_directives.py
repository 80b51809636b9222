"""What each directive does to rows: tables of recipes, rows before and rows after."""

# ruff: noqa: DTZ001 (dates and times without a zone are values here)

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from penstock.transform.jvm.values import Float, Long, Short
from tests.unit.transform.recipes import failure_of, rows_of, wrangle

Rows = list[dict[str, Any]]

COLUMNS: list[tuple[str, Rows, Rows]] = [
    ("drop :a,:c", [{"a": 1, "b": 2}], [{"b": 2}]),
    ("drop a, b", [{"a": 1, "b": 2, "c": 3}], [{"c": 3}]),
    ("keep :b", [{"a": 1, "b": 2}], [{"b": 2}]),
    ("rename a z", [{"a": 1, "b": 2}], [{"z": 1, "b": 2}]),
    ("rename :missing :z", [{"a": 1}], [{"a": 1}]),
    ("copy :a :b", [{"a": 1}], [{"a": 1, "b": 1}]),
    ("copy a b true", [{"a": 1, "b": 2}], [{"a": 1, "b": 1}]),
    ("merge a b c ,", [{"a": "x", "b": "y"}], [{"a": "x", "b": "y", "c": "x,y"}]),
    ("merge :a :b :c ' '", [{"a": "x", "b": None}], [{"a": "x", "b": None, "c": "x null"}]),
    ("merge :a :missing :c ','", [{"a": 1}], [{"a": 1}]),
    ("swap a b", [{"a": 1, "b": 2}], [{"b": 1, "a": 2}]),
    ("set-headers :x,:y", [{"a": 1, "b": 2, "c": 3}], [{"x": 1, "y": 2, "c": 3}]),
    ("set columns x,y", [{"a": 1, "b": 2}], [{"x": 1, "y": 2}]),
    ("columns-replace s/^data_//g", [{"data_a": 1, "b": 2}], [{"a": 1, "b": 2}]),
    ("change-column-case upper", [{"aB": 1, "c": 2}], [{"AB": 1, "C": 2}]),
    ("change-column-case lower", [{"aB": 1}], [{"ab": 1}]),
    ("cleanse-column-names", [{" Mixed-Case Name ": 1, "ok_1": 2}], [{"mixed_case_name": 1, "ok_1": 2}]),
    ("generate-uuid :id\ndrop :id", [{"a": 1}], [{"a": 1}]),
]

CELLS: list[tuple[str, Rows, Rows]] = [
    ("uppercase :a", [{"a": "aß"}, {"a": None}, {"a": 5}], [{"a": "ASS"}, {"a": None}, {"a": 5}]),
    ("lowercase a", [{"a": "ABC"}], [{"a": "abc"}]),
    ("titlecase :a", [{"a": "one lITTLE house"}], [{"a": "One Little House"}]),
    ("trim :a", [{"a": " \t x y\n "}], [{"a": "x y"}]),
    ("ltrim :a", [{"a": "  x "}], [{"a": "x "}]),
    ("rtrim :a", [{"a": "  x "}], [{"a": "  x"}]),
    ("url-encode :a", [{"a": "a b&c/ü~*"}], [{"a": "a+b%26c%2F%C3%BC%7E*"}]),
    ("url-decode :a", [{"a": "a+b%26c%2F%C3%BC"}], [{"a": "a b&c/ü"}]),
    ("cut-character :a :b 1-3,5", [{"a": "abcdefg"}], [{"a": "abcdefg", "b": "abce"}]),
    ("indexsplit a 2 4 b", [{"a": "abcdefg"}], [{"a": "abcdefg", "b": "bc"}]),
    ("find-and-replace :a 's/x/y/g'", [{"a": "xax"}, {"a": None}, {"a": 3}], [{"a": "yay"}, {"a": None}, {"a": 3}]),
    ("find-and-replace a s/x/y/", [{"a": "xax"}], [{"a": "yax"}]),
    ("find-and-replace a s/(\\w+) (\\w+)/$2 $1/", [{"a": "one two"}], [{"a": "two one"}]),
    ("find-and-replace a s/X/-/Ig", [{"a": "xX"}], [{"a": "--"}]),
    ("mask-number :a 'xxx-xx-####'", [{"a": "000-00-1234"}], [{"a": "xxx-xx-1234"}]),
    ("mask-number a xxx##", [{"a": "12345678"}], [{"a": "xxx45"}]),
    (
        "quantize a b 0.0:20.0=low,20.0:40.0=high",
        [{"a": "25"}, {"a": 3.5}],
        [{"a": "25", "b": "high"}, {"a": 3.5, "b": "low"}],
    ),
    ("encode base64 :a", [{"a": "hi"}], [{"a": "hi", "a_encode_base64": "aGk="}]),
    ("encode hex a", [{"a": "hi"}], [{"a": "hi", "a_encode_hex": "6869"}]),
    ("encode base32 a", [{"a": "hi"}], [{"a": "hi", "a_encode_base32": "NBUQ===="}]),
    ("decode base64 a", [{"a": "aGk="}], [{"a": "aGk=", "a_decode_base64": "hi"}]),
    ("hash :a 'MD5' true", [{"a": "hi"}], [{"a": "0" * 32 + "49f68a5c8493ec2c0bf489821c21fc3b"}]),
    ("fill-null-or-empty :a 'N/A'", [{"a": ""}, {"a": None}, {"a": "x"}], [{"a": "N/A"}, {"a": "N/A"}, {"a": "x"}]),
    ("fill-null-or-empty b N/A", [{"a": 1}], [{"a": 1, "b": "N/A"}]),
    ("text-distance levenshtein a b d", [{"a": "kitten", "b": "sitting"}], [{"a": "kitten", "b": "sitting", "d": 3.0}]),
    ("split-email a", [{"a": "joe@x.org"}], [{"a": "joe@x.org", "a_account": "joe", "a_domain": "x.org"}]),
    ("extract-regex-groups a '([a-z]+)(\\d+)'", [{"a": "ab12"}], [{"a": "ab12", "a_1_1": "ab", "a_1_2": "12"}]),
]

ROWS: list[tuple[str, Rows, Rows]] = [
    ("filter-row-if-true a > 1", [{"a": 1}, {"a": 2}], [{"a": 1}]),
    ("filter-row-if-false a > 1", [{"a": 1}, {"a": 2}], [{"a": 2}]),
    ("filter-row exp:{a > 1} true", [{"a": 1}, {"a": 2}], [{"a": 1}]),
    ("filter-row exp:{a > 1} false", [{"a": 1}, {"a": 2}], [{"a": 2}]),
    ("filter-rows-on condition-true a == 'x'", [{"a": "x"}, {"a": "y"}], [{"a": "y"}]),
    ("filter-rows-on condition-false a == 'x'", [{"a": "x"}, {"a": "y"}], [{"a": "x"}]),
    ("filter-rows-on regex-match a ^x.*", [{"a": "xy"}, {"a": "yx"}], [{"a": "yx"}]),
    ("filter-rows-on regex-not-match a ^x.*", [{"a": "xy"}, {"a": "yx"}], [{"a": "xy"}]),
    ("filter-by-regex if-matched :a '^1.*'", [{"a": 12}, {"a": 21}], [{"a": 21}]),
    ("filter-by-regex if-not-matched :a '^1.*'", [{"a": 12}, {"a": 21}], [{"a": 12}]),
    ("filter-by-regex if-matched :b '^1.*'", [{"a": 12}], [{"a": 12}]),
    ("filter-rows-on empty-or-null-columns a", [{"a": ""}, {"a": None}, {"a": "x"}], [{"a": ""}, {"a": "x"}]),
    ("filter-empty-or-null :a,:b", [{"a": None, "b": None}, {"a": "x", "b": None}], [{"a": "x", "b": None}]),
    ("split-to-rows :a ','", [{"a": "x,y,,", "b": 1}], [{"a": "x", "b": 1}, {"a": "y", "b": 1}]),
    ("split-to-rows a \\|", [{"a": "x|y"}], [{"a": "x"}, {"a": "y"}]),
    (
        "split-to-columns :a ','",
        [{"a": "x,y,"}, {"a": "z"}],
        [{"a": "x,y,", "a_1": "x", "a_2": "y"}, {"a": "z", "a_1": "z"}],
    ),
    ("flatten :a,:b", [{"a": [1, 2], "b": ["x"]}], [{"a": 1, "b": "x"}, {"a": 2, "b": None}]),
    ("flatten-record :a", [{"a": {"x": 1, "y": 2}, "b": 3}], [{"a": {"x": 1, "y": 2}, "b": 3, "a_x": 1, "a_y": 2}]),
    ("create-record :r :a,:b", [{"a": 1, "b": "x"}], [{"a": 1, "b": "x", "r": {"a": 1, "b": "x"}}]),
]

PARSERS: list[tuple[str, Rows, Rows]] = [
    ("parse-as-csv :a ','", [{"a": "1,x,"}], [{"a": "1,x,", "a_1": "1", "a_2": "x", "a_3": None}]),
    ("parse-as-csv a \\t", [{"a": "1\tx"}], [{"a": "1\tx", "a_1": "1", "a_2": "x"}]),
    ("parse-as-csv :a ','", [{"a": '1,"x,""y""",2'}], [{"a": '1,"x,""y""",2', "a_1": "1", "a_2": 'x,"y"', "a_3": "2"}]),
    ("parse-as-json :a", [{"a": '{"x":1,"y":{"z":2.5},"t":"s"}'}], [{"a_x": Long(1), "a_y_z": 2.5, "a_t": "s"}]),
    ("parse-as-json a 1", [{"a": '{"x":1,"t":true}'}], [{"a_x": Long(1), "a_t": True}]),
    ("parse-as-json a", [{"a": "[1,2]", "b": 5}], [{"b": 5, "a": Long(1)}, {"b": 5, "a": Long(2)}]),
    ("json-path a b $.x[1].y", [{"a": '{"x":[1,{"y":"z"}]}'}], [{"a": '{"x":[1,{"y":"z"}]}', "b": "z"}]),
    ("parse-as-fixed-length a 2,3 ' '", [{"a": "ab c "}], [{"a": "ab c ", "a_1": "ab", "a_2": "c"}]),
    ("parse-as-simple-date a yyyy-MM-dd", [{"a": "2020-02-30"}], [{"a": datetime(2020, 3, 1, tzinfo=UTC)}]),
    (
        "parse-as-simple-date :a 'MM/dd/yyyy HH:mm'",
        [{"a": "12/10/2016 07:45"}],
        [{"a": datetime(2016, 12, 10, 7, 45, tzinfo=UTC)}],
    ),
    (
        "parse-as-datetime :a 'yyyy-MM-dd HH:mm:ss'",
        [{"a": "2020-01-02 03:04:05"}],
        [{"a": datetime(2020, 1, 2, 3, 4, 5)}],
    ),
    ("format-datetime :a 'MM/yyyy'", [{"a": datetime(2020, 1, 2)}], [{"a": "01/2020"}]),
    ("format-date :a 'EEE, d MMM yyyy'", [{"a": datetime(2020, 1, 2, tzinfo=UTC)}], [{"a": "Thu, 2 Jan 2020"}]),
    ("datetime-to-timestamp :a", [{"a": datetime(2020, 1, 2)}], [{"a": datetime(2020, 1, 2, tzinfo=UTC)}]),
    ("timestamp-to-datetime :a", [{"a": datetime(2020, 1, 2, tzinfo=UTC)}], [{"a": datetime(2020, 1, 2)}]),
    ("parse-timestamp :a", [{"a": "1000"}], [{"a": datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)}]),
    ("parse-timestamp :a 'seconds'", [{"a": Long(1)}], [{"a": datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)}]),
    ("format-unix-timestamp a yyyy-MM-dd", [{"a": "0"}], [{"a": "1970-01-01"}]),
    ("parse-xml-to-json :a", [{"a": "<r><x>1</x></r>"}], [{"a_r_x": 1}]),
    ("write-as-csv :a", [{"b": "x", "c": 'y"z'}], [{"b": "x", "c": 'y"z', "a": 'x,"y""z"'}]),
    ("write-as-json-map :a", [{"b": "x", "c": 1}], [{"b": "x", "c": 1, "a": '{"b":"x","c":1}'}]),
    ("parse-as-currency :a :b 'en_US'", [{"a": "$1,234.50"}], [{"a": "$1,234.50", "b": 1234.5}]),
    ("format-as-currency :a :b 'en_US'", [{"a": 1234.5}], [{"a": 1234.5, "b": "$1,234.50"}]),
]

TYPES: list[tuple[str, Any, Any]] = [
    ("int", "12", 12),
    ("int", Long(9513498885), 923564293),
    ("int", "", ""),
    ("int", None, None),
    ("short", "7", Short(7)),
    ("long", "12", Long(12)),
    ("float", "1.5", Float(1.5)),
    ("double", "1.5", 1.5),
    ("double", 3, 3.0),
    ("boolean", "TRUE", True),
    ("boolean", "no", False),
    ("string", 1.0, "1.0"),
    ("string", 1e7, "1.0E7"),
    ("string", Float(0.1), "0.1"),
    ("string", True, "true"),
    ("bytes", "ab", b"ab"),
    ("decimal", "1.25", Decimal("1.25")),
    ("decimal 1", "1.26", Decimal("1.3")),
]

FAILURES: list[tuple[str, dict[str, Any], str]] = [
    ("copy :a :b", {"a": 1, "b": 2}, "Destination column 'b' already exists in the row."),
    ("rename a b", {"a": 1, "b": 2}, "'b' already exists."),
    ("set-type :a int", {"a": "x"}, "Column 'a' cannot be converted to a 'int'."),
    ("split-to-columns :a ','", {"a": None}, "a"),
    ("format-date :a 'yyyy'", {"a": "2020"}, "a"),
    ("parse-as-simple-date :a 'yyyy-MM-dd'", {"a": "tomorrow"}, "tomorrow"),
    ("filter-by-regex if-matched :a 'x'", {"a": None}, "a"),
    ("fail exp:{a > 1}", {"a": 2}, "a > 1"),
]


@pytest.mark.parametrize(("recipe", "before", "after"), COLUMNS + CELLS + ROWS + PARSERS)
def test_a_directive_when_run_changes_rows_as_documented(recipe: str, before: Rows, after: Rows) -> None:
    assert rows_of(recipe, *before) == after


@pytest.mark.parametrize(("type", "before", "after"), TYPES)
def test_set_type_when_run_converts_like_the_jvm(type: str, before: Any, after: Any) -> None:
    [row] = rows_of(f"set-type :a {type}", {"a": before})
    assert row == {"a": after}
    assert isinstance(row["a"], bool) == isinstance(after, bool)


@pytest.mark.parametrize(("recipe", "row", "part"), FAILURES)
def test_a_directive_when_it_cannot_go_on_says_what_is_wrong(recipe: str, row: dict[str, Any], part: str) -> None:
    assert part in failure_of(recipe, row)


def test_send_to_error_when_the_condition_holds_refuses_the_row_with_the_condition() -> None:
    outcome = wrangle("send-to-error exp:{a == 1}", {"a": 1}, {"a": 2})
    assert outcome.rows == [{"a": 2}]
    assert outcome.failures == {0: "a == 1  (ecode: 1, directive: send-to-error)"}
    assert outcome.codes == {0: 1} and outcome.refused == {0}


def test_send_to_error_and_continue_when_the_condition_holds_reports_the_row_and_keeps_it() -> None:
    outcome = wrangle("send-to-error-and-continue exp:{a == 1} 'bad'", {"a": 1}, {"a": 2})
    assert [row["a"] for row in outcome.rows] == [1, 2]
    assert [record for record, _ in outcome.reported] == [0]


def test_a_row_that_failed_when_more_directives_follow_is_not_seen_by_them() -> None:
    outcome = wrangle("set-type :a int\nset-column :b exp:{1 + a}", {"a": "x"}, {"a": "2"})
    assert outcome.rows == [{"a": 2, "b": 3}]
    assert set(outcome.failures) == {0}


def test_variables_when_set_are_seen_by_later_expressions_of_the_row() -> None:
    recipe = "set-variable v exp:{a * 2}\nincrement-variable v 3 exp:{a > 1}\nset-column :b exp:{v}"
    assert [row["b"] for row in rows_of(recipe, {"a": 1}, {"a": 5})] == [2, 13]


def test_parse_as_csv_when_the_first_row_is_a_header_names_columns_and_swallows_it() -> None:
    from tests.unit.transform.recipes import over

    outcome = over("parse-as-csv :a ',' true\ndrop :a", [{"a": "id,first name"}, {"a": "1,Zoë"}])
    assert outcome.rows == [{"id": "1", "first_name": "Zoë"}]


def test_conditional_blocks_when_the_condition_differs_by_row_take_their_branch() -> None:
    recipe = "if (a > 1) { uppercase :b; } else { set-column :b exp:{'-'}; }"
    assert rows_of(recipe, {"a": 1, "b": "x"}, {"a": 2, "b": "y"}) == [{"a": 1, "b": "-"}, {"a": 2, "b": "Y"}]


def test_create_record_when_values_are_of_all_kinds_keeps_them() -> None:
    row = {"a": date(2020, 1, 2), "b": time(3, 4), "c": b"x", "d": Decimal("1.0")}
    assert rows_of("create-record :r :a,:b,:c,:d", row)[0]["r"] == row


def test_every_directive_has_words_for_the_reference() -> None:
    from penstock.transform.directives import DIRECTIVES

    assert [name for name, definition in DIRECTIVES.items() if not definition.make.__doc__] == []
