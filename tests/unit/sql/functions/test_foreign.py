"""Functions in other languages: what reaches them, and how often."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from tests.properties.law import Run

from penstock.ports.functions import FunctionFailed, UserCode
from penstock.sql.functions.foreign import LANGUAGES
from penstock.sql.functions.registry import EvaluationError

TABLE = "CREATE TABLE t (id INT, s VARCHAR);"
BOTH = "CREATE FUNCTION both(x INT, y VARCHAR) RETURNS VARCHAR LANGUAGE PYTHON AS 'def both(x, y): pass';"
ONE = "CREATE FUNCTION one(y VARCHAR) RETURNS VARCHAR LANGUAGE PYTHON AS 'def one(y): pass';"


class Recorded:
    """Answers with the arguments as text, or how many they are, and remembers them."""

    def __init__(self) -> None:
        self.opened: list[UserCode] = []
        self.rows: list[tuple[Any, ...]] = []

    def open(self, code: UserCode) -> Recorded:
        self.opened.append(code)
        return self

    def call(self, rows: Sequence[tuple[Any, ...]]) -> list[Any]:
        self.rows += rows
        return [len(row) if self.opened[-1].name == "size" else str(row) for row in rows]


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    function = Recorded()
    monkeypatch.setitem(LANGUAGES, "PYTHON", function.open)
    return function  # type: ignore[return-value]


def test_a_function_is_called_once_for_each_distinct_row_of_arguments(recorded: Recorded) -> None:
    run = Run(TABLE + BOTH + "CREATE VIEW v AS SELECT both(id, s) AS r FROM t;")

    run.step([("t", (i % 3, "ab"[i % 2]), 1) for i in range(600)])

    assert sorted(recorded.rows) == [(x, y) for x in range(3) for y in "ab"]
    assert run.view("v")[("(1, 'b')",)] == 100


def test_a_function_of_one_text_is_not_asked_again_for_a_text_that_is_kept(recorded: Recorded) -> None:
    keeping = "CREATE VIEW kept AS SELECT s, COUNT(*) AS n FROM t GROUP BY s;"
    size = "CREATE FUNCTION size(y VARCHAR) RETURNS INT LANGUAGE PYTHON AS 'def size(y): pass';"
    run = Run(TABLE + size + keeping + "CREATE VIEW v AS SELECT size(s) AS r FROM t;")

    for _ in range(3):
        run.step([("t", (1, "a"), 1), ("t", (2, "b"), 1)])

    assert sorted(recorded.rows) == [("a",), ("b",)]


def test_a_function_is_given_the_source_without_the_margin_of_the_program(recorded: Recorded) -> None:
    text = "\n    def f(x):\n      return x\n  "
    declared = f"CREATE FUNCTION f(x INT) RETURNS INT LANGUAGE PYTHON AS '{text}';"
    run = Run(TABLE + declared + "CREATE VIEW v AS SELECT f(id) FROM t;")
    with pytest.raises(ValueError):
        run.step([("t", (1, "a"), 1)])  # what it answers is no INTEGER

    assert recorded.opened[0].source == "def f(x):\n  return x\n"


def test_null_for_an_argument_that_may_not_be_null_makes_no_call(recorded: Recorded) -> None:
    strict = "CREATE FUNCTION f(y VARCHAR NOT NULL) RETURNS VARCHAR LANGUAGE PYTHON AS 'def f(y): pass';"
    run = Run(TABLE + strict + "CREATE VIEW v AS SELECT f(s) AS r FROM t;")

    run.step([("t", (1, None), 1), ("t", (2, "b"), 1)])

    assert recorded.rows == [("b",)]
    assert run.view("v") == {("('b',)",): 1, (None,): 1}


def test_a_failing_function_stops_the_pipeline_with_its_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(code: UserCode) -> Any:
        raise FunctionFailed(f"function '{code.name}' failed")

    monkeypatch.setitem(LANGUAGES, "PYTHON", fail)
    run = Run(TABLE + ONE + "CREATE VIEW v AS SELECT one(s) AS r FROM t;")

    with pytest.raises(EvaluationError, match="function 'one' failed"):
        run.step([("t", (1, "a"), 1)])


def test_without_anybody_to_run_a_language_a_call_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(LANGUAGES, "PYTHON", raising=False)
    run = Run(TABLE + ONE + "CREATE VIEW v AS SELECT one(s) AS r FROM t;")

    with pytest.raises(EvaluationError, match="functions in PYTHON cannot be run here"):
        run.step([("t", (1, "a"), 1)])
