"""`penstock sql explain`."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from penstock.cli.app import app


def explain(file: Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["sql", "explain", str(file)])
    return result.exit_code, result.output


@pytest.fixture
def program(tmp_path: Path) -> Path:
    return tmp_path / "program.sql"


def test_the_plan_of_each_view_and_the_operators_are_printed(program: Path) -> None:
    program.write_text(
        "CREATE TABLE t (a INT, b INT);\n"
        "CREATE VIEW v AS SELECT a, SUM(b) AS s FROM t GROUP BY a;\n"
        "CREATE VIEW w AS SELECT * FROM v WHERE s > 1;\n"
    )

    status, text = explain(program)

    assert status == 0
    plans, _, circuit = text.partition("\ncircuit\n")
    assert plans.startswith("view v\n")
    assert "\nview w\n" in plans
    assert "aggregate by" in plans
    assert circuit.splitlines()[0] == "   0  table t"
    assert any(line.endswith("from 0") and "aggregate" in line for line in circuit.splitlines())


def test_every_error_is_printed_with_its_place_and_the_text_around(program: Path) -> None:
    program.write_text(
        "CREATE TABLE t (a INT);\nCREATE VIEW v AS SELECT nope FROM t;\nCREATE VIEW w AS SELECT 1 FROM u;\n"
    )

    status, text = explain(program)

    assert status == 1
    assert f"{program}:2:25: Compilation error" in text
    assert "    2|CREATE VIEW v AS SELECT nope FROM t;\n" + " " * 30 + "^^^^" in text
    assert f"{program}:3:" in text


def test_a_file_that_is_not_there_is_said_plainly(program: Path) -> None:
    status, text = explain(program)

    assert status == 1
    assert "cannot read" in text
    assert "No such file" in text
