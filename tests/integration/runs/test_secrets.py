"""A step's secret reaches its process, and nothing that is kept."""

from __future__ import annotations

from pathlib import Path

from penstock.execute.process import ProcessExecutor
from penstock.kernel.expr import Secret
from penstock.kernel.graph import Body, Graph, Step
from penstock.kernel.runs import RunState
from penstock.kernel.scope import DEFAULT_SCOPE, Scope
from penstock.services.runs.submission import Submission
from penstock.store.localdir import LocalBlobs
from penstock.store.logfiles import LogFiles
from tests.integration.runs.driving import opened, shell

TEXT = "s3cret-that-nobody-should-find"
OURS = Scope(("ours",))


async def _read(scope: Scope, name: str) -> str | None:
    return TEXT if (scope, name) == (OURS, "token") else None


def _executor(directory: Path) -> ProcessExecutor:
    return ProcessExecutor(
        directory / "execute", LocalBlobs(directory / "blobs"), LogFiles(directory / "logs"), read_secret=_read
    )


def _graph(name: str) -> Graph:
    return Graph(
        {
            "main": Body(
                (Step("s", shell('printf %s "${#TOKEN}" > "$OUT_length"', "length", env={"TOKEN": Secret(name)})),)
            )
        }
    )


async def test_a_step_sees_its_scopes_secret_and_no_file_of_ours_has_it(tmp_path: Path) -> None:
    async with opened(tmp_path, executors=[_executor(tmp_path)]) as (runs, _):
        run = await runs.submit_and_wait(Submission(OURS, _graph("token"), "r"), 60)
        (step,) = await runs.steps(run.id)

    assert run.state is RunState.SUCCEEDED
    assert step.outputs["length"] == str(len(TEXT))
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and TEXT.encode() in path.read_bytes()]
    assert kept == []


async def test_a_step_whose_secret_is_of_another_scope_fails_and_says_so(tmp_path: Path) -> None:
    async with opened(tmp_path, executors=[_executor(tmp_path)]) as (runs, _):
        run = await runs.submit_and_wait(Submission(DEFAULT_SCOPE, _graph("token"), "r"), 60)

    assert run.state is RunState.FAILED
    assert run.body.message is not None
    assert "there is no secret 'token'" in run.body.message
