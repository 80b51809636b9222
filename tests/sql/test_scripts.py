"""Every script in this folder, run in one step, stepwise, and with noise of insertions and deletions."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.sql.compile import CompileFailed, compile_program
from penstock.sql.functions.registry import EvaluationError
from tests.sql.script import Script, parse_script, run_breaking, run_script

SCRIPTS = sorted(Path(__file__).parent.rglob("*.slt"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.stem)
def test_a_script_gives_the_same_answers_however_its_rows_arrive(path: Path) -> None:
    run_script(parse_script(path))


def refusals() -> list[tuple[Script, int]]:
    scripts = [parse_script(path) for path in SCRIPTS]
    return [(script, i) for script in scripts for i in range(len(script.failing))]


@pytest.mark.parametrize(("script", "at"), refusals(), ids=lambda v: v.path.stem if isinstance(v, Script) else str(v))
def test_a_statement_marked_as_wrong_is_refused_with_the_message(script: Script, at: int) -> None:
    failing = script.failing[at]
    before = "".join(f"{statement};\n" for statement in script.statements)

    with pytest.raises(CompileFailed) as caught:
        compile_program(before + failing.sql.rstrip().rstrip(";") + ";")

    messages = " | ".join(d.message for d in caught.value.diagnostics)
    assert failing.text.lower() in messages.lower()
    if failing.place is not None:
        span = caught.value.diagnostics[0].span
        assert failing.place == (span.start_line - before.count("\n"), span.start_column), messages


def breaking() -> list[tuple[Script, int]]:
    return [(script, i) for script in map(parse_script, SCRIPTS) for i in range(len(script.breaking))]


@pytest.mark.parametrize(("script", "at"), breaking(), ids=lambda v: v.path.stem if isinstance(v, Script) else str(v))
def test_a_query_without_an_answer_fails_with_the_message(script: Script, at: int) -> None:
    with pytest.raises(EvaluationError) as caught:
        run_breaking(script, at)

    assert script.breaking[at].text.lower() in str(caught.value).lower()
