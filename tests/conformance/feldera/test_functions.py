"""Functions that a program brings: in SQL, in Python, and in Rust, which is kept but not run."""

from contextlib import suppress

import pytest
from feldera.enums import PipelineStatus
from feldera.rest.errors import FelderaAPIError

from tests.conformance.feldera.conftest import Http, Make, wait_for
from tests.conformance.feldera.test_compilation import verdict

pytestmark = pytest.mark.conformance

PYTHON = """
CREATE TABLE t (id INT NOT NULL PRIMARY KEY, s VARCHAR);
CREATE FUNCTION shout(text VARCHAR, times INT NOT NULL) RETURNS VARCHAR LANGUAGE PYTHON AS '
    def shout(text, times):
        return None if text is None else text.upper() + "!" * (4 // times)
    ';
CREATE FUNCTION twice(x INT) RETURNS INT AS x * 2;
CREATE MATERIALIZED VIEW v AS SELECT id, shout(text => s, times => id) AS loud, twice(x => id) AS two FROM t;
"""


def test_functions_in_python_and_sql_follow_the_rows(started: Make) -> None:
    pipeline = started(PYTHON)
    pipeline.input_json("t", [{"id": 1, "s": "a"}, {"id": 2, "s": None}])
    pipeline.input_json("t", [{"insert": {"id": 1, "s": "b"}}, {"delete": {"id": 2}}], update_format="insert_delete")

    assert list(pipeline.query("SELECT * FROM v")) == [{"id": 1, "loud": "B!!!!", "two": 2}]


def test_a_function_that_fails_stops_the_pipeline_and_says_why(started: Make) -> None:
    pipeline = started(PYTHON)
    with suppress(FelderaAPIError):  # the pipeline may be gone before it has answered
        pipeline.input_json("t", {"id": 0, "s": "x"}, wait=False)
    wait_for(lambda: pipeline.status() == PipelineStatus.STOPPED)

    message = pipeline.deployment_error()["message"]
    assert (
        "function 'shout' failed: ZeroDivisionError: integer division or modulo by zero (line 2 of its text)" in message
    )


def test_a_text_that_is_not_python_is_refused_with_its_place(http: Http, name: str) -> None:
    shown = verdict(http, name, "CREATE FUNCTION f(x INT)\n RETURNS INT LANGUAGE PYTHON AS\n  'def f(x) return 1';")

    (message,) = (m for m in shown["program_error"]["sql_compilation"]["messages"] if not m["warning"])
    assert (message["start_line_number"], message["start_column"]) == (3, 3)
    assert "The text of function 'f' is not Python" in message["message"]


def test_rust_is_kept_and_refused_when_the_program_is_compiled(http: Http, name: str) -> None:
    program = (
        "CREATE FUNCTION f(x INT) RETURNS INT;\nCREATE TABLE t (x INT);\nCREATE VIEW v AS SELECT f(x) AS y FROM t;"
    )
    rust, toml = "pub fn f(x: Option<i32>) {}", 'base64 = "0.22.1"'
    body = {"name": name, "program_code": program, "udf_rust": rust, "udf_toml": toml}
    http("PUT", f"/pipelines/{name}", json=body)

    shown = wait_for(lambda: (p := http("GET", f"/pipelines/{name}").json())["program_status"] == "SqlError" and p)
    assert (shown["udf_rust"], shown["udf_toml"]) == (rust, toml)
    (message,) = (m for m in shown["program_error"]["sql_compilation"]["messages"] if not m["warning"])
    assert message["error_type"] == "Not yet implemented"
    assert "udf_rust" in message["message"] and "LANGUAGE PYTHON" in message["message"]
