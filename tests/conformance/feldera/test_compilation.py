"""Compiling, and what it says of a wrong program."""

from typing import Any

import pytest
from feldera.rest.errors import FelderaAPIError

from tests.conformance.feldera.conftest import Http, Make, wait_for

pytestmark = pytest.mark.conformance

PROGRAM = """CREATE TABLE t1(x int) WITH (
    'materialized' = 'true'
);

CREATE VIEW s AS SELECT x FROM blah;
"""


def verdict(http: Http, name: str, program: str) -> dict[str, Any]:
    http("PUT", f"/pipelines/{name}", json={"name": name, "program_code": program})

    def look() -> Any:
        shown = http("GET", f"/pipelines/{name}").json()
        return shown if shown["program_status"] in ("Success", "SqlError", "SystemError") else None

    found: dict[str, Any] = wait_for(look)
    return found


def test_a_missing_table_is_named_with_its_place(http: Http, name: str) -> None:
    """Row 35."""
    program = "CREATE TABLE t(\n  x INT\n);\n\nCREATE VIEW v AS SELECT * FROM blah;"
    shown = verdict(http, name, program)

    assert shown["program_status"] == "SqlError"
    (message,) = (m for m in shown["program_error"]["sql_compilation"]["messages"] if not m["warning"])
    assert message["error_type"] == "Compilation error"
    assert message["message"] == "From line 5, column 32 to line 5, column 35: Object 'blah' not found"
    place = ("start_line_number", "start_column", "end_line_number", "end_column")
    assert [message[key] for key in place] == [5, 32, 5, 35]


def test_the_snippet_points_at_the_place(http: Http, name: str) -> None:
    """Row 36."""
    shown = verdict(http, name, "CREATE TABLE t(\n  x INT\n);\n\nCREATE VIEW v AS SELECT * FROM blah;")

    (message,) = (m for m in shown["program_error"]["sql_compilation"]["messages"] if not m["warning"])
    lines = message["snippet"].splitlines()
    assert lines == [
        "    4|",
        "    5|CREATE VIEW v AS SELECT * FROM blah;",
        " " * (31 + 6) + "^^^^",
    ]


def test_the_client_raises_with_message_and_snippet(make: Make) -> None:
    with pytest.raises(RuntimeError, match="Object 'blah' not found") as failed:
        make(PROGRAM)

    assert "Compilation error" in str(failed.value)
    assert "^^^^" in str(failed.value)


def test_a_statement_that_does_not_parse(http: Http, name: str) -> None:
    """Row 37."""
    shown = verdict(http, name, "this is no statement;")

    assert shown["program_status"] == "SqlError"
    assert shown["program_error"]["sql_compilation"]["exit_code"] != 0


def test_an_empty_program_is_right(http: Http, name: str) -> None:
    """Row 38."""
    shown = verdict(http, name, "")

    assert shown["program_status"] == "Success"
    assert shown["program_error"]["sql_compilation"]["exit_code"] == 0
    assert shown["program_error"]["rust_compilation"]["exit_code"] == 0


def test_a_wrong_program_cannot_be_started(http: Http, name: str) -> None:
    """Row 39."""
    verdict(http, name, PROGRAM)

    assert http.code("POST", f"/pipelines/{name}/start") == (400, "CannotStartWithCompilationError")


def test_a_start_may_come_before_the_compilation_ends(http: Http, name: str) -> None:
    """Row 40."""
    http("PUT", f"/pipelines/{name}", json={"name": name, "program_code": "CREATE TABLE t(x INT)"})
    assert http("POST", f"/pipelines/{name}/start?initial=running").status_code == 202

    wait_for(lambda: http("GET", f"/pipelines/{name}?selector=status").json()["deployment_status"] == "Running")


def test_a_program_can_be_validated_without_a_pipeline(client: Any) -> None:
    right = client.validate_program("CREATE TABLE t(x INT)")
    wrong = client.validate_program("CREATE VIEW v AS SELECT * FROM blah")

    assert right["Success"]["program_info"]["schema"]["inputs"][0]["name"] == "t"
    assert "blah" in wrong["SqlError"]["info"]["messages"][0]["message"]


def test_programs_can_be_compared(make: Make) -> None:
    pipeline = make("CREATE TABLE t(x INT); CREATE VIEW v AS SELECT x FROM t")

    changes = pipeline.diff("CREATE TABLE t(x INT); CREATE TABLE u(y INT); CREATE VIEW w AS SELECT x FROM t")

    assert changes["program_diff"]["added_tables"] == ["u"]
    assert "w" in changes["program_diff"]["added_views"]
    assert "v" in changes["program_diff"]["removed_views"]
    edited = pipeline.diff("CREATE TABLE t(x INT); CREATE VIEW v AS SELECT x + 1 AS x FROM t")["program_diff"]
    assert (edited["modified_views"], edited["added_views"], edited["modified_tables"]) == (["v"], [], [])
    with pytest.raises(FelderaAPIError) as refused:
        pipeline.diff("nonsense")
    assert refused.value.error_code == "InvalidNewProgramSql"
