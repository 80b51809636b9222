"""What a step installs stays with that step; what a step requires is its own environment."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from penstock.execute.sandbox import Open, find_sandbox
from penstock.kernel.expr import Literal
from penstock.kernel.graph import ANY_OUTCOME, After, Body, Command, Graph, Step
from penstock.kernel.policies import Durability
from penstock.kernel.runs import RunState
from penstock.kernel.scope import DEFAULT_SCOPE
from penstock.services.runs.submission import Submission
from tests.integration.runs.driving import opened, shell

PRINT = "import tiny, sys; print(tiny.WORD)"


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """A directory with one small wheel."""
    directory = tmp_path / "wheels"
    directory.mkdir()
    with zipfile.ZipFile(directory / "tiny-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny.py", "WORD = 'found'\n")
        wheel.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        wheel.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("tiny-1.0.dist-info/RECORD", "tiny.py,,\ntiny-1.0.dist-info/METADATA,,\n")
    return directory


async def test_what_a_step_installs_is_seen_by_no_other_step(tmp_path: Path, wheels: Path) -> None:
    install = f'pip install --quiet --no-index --find-links {wheels} tiny && python3 -c "{PRINT}"'
    graph = Graph(
        {
            "main": Body(
                (
                    Step("installs", shell(install)),
                    Step("looks", shell(f'python3 -c "{PRINT}"'), (After("installs", ANY_OUTCOME),)),
                )
            )
        }
    )
    async with opened(tmp_path / "data") as (runs, logs):
        done = await runs.submit_and_wait(Submission(DEFAULT_SCOPE, graph, "t"), 120)
        records = {record.path: record for record in await runs.steps(done.id)}

        assert await logs.text(done.id, "installs#1") == "found\n"
        assert "No module named 'tiny'" in (records["looks"].message or "")


async def test_requirements_are_there_and_are_installed_once(tmp_path: Path, wheels: Path) -> None:
    command = Command(
        (Literal("python3"), Literal("-c"), Literal(PRINT + "; print(sys.prefix)")),
        requirements=("tiny==1.0",),
        requirements_options=("--no-index", "--find-links", str(wheels)),
    )
    graph = Graph({"main": Body((Step("a", command), Step("b", command)))})
    async with opened(tmp_path / "data") as (runs, logs):
        done = await runs.submit_and_wait(Submission(DEFAULT_SCOPE, graph, "t"), 120)
        first, second = [await logs.text(done.id, f"{name}#1") for name in "ab"]

        assert done.state is RunState.SUCCEEDED, done.body.message
        assert first == second
        assert first.startswith("found\n")


async def test_requirements_that_cannot_be_had_fail_the_step_with_pip_s_words(tmp_path: Path, wheels: Path) -> None:
    command = Command(
        (Literal("true"),), requirements=("absent",), requirements_options=("--no-index", "--find-links", str(wheels))
    )
    async with opened(tmp_path / "data") as (runs, _):
        graph = Graph({"main": Body((Step("a", command),))})
        done = await runs.submit_and_wait(Submission(DEFAULT_SCOPE, graph, "t"), 120)

        assert done.state is RunState.FAILED
        assert "absent" in (done.body.message or "")


async def test_a_journalled_run_is_kept_as_any_other_once_it_has_ended(tmp_path: Path) -> None:
    graph = Graph({"main": Body((Step("a", shell("echo 1 > $OUT_x", "x")),))})
    async with opened(tmp_path / "data") as (runs, _):
        submission = Submission(DEFAULT_SCOPE, graph, "t", durability=Durability.JOURNAL)
        done = await runs.submit_and_wait(submission, 60)
    async with opened(tmp_path / "data") as (runs, _):
        again = await runs.get(done.id)

        assert again.state is RunState.SUCCEEDED
        assert [record.outputs for record in await runs.steps(done.id)] == [{"x": "1"}]
        assert len(await runs.events(done.id)) >= 3


async def test_a_deleted_run_leaves_nothing_behind(tmp_path: Path) -> None:
    graph = Graph({"main": Body((Step("a", shell("echo hello; sleep 60")),))})
    async with opened(tmp_path / "data") as (runs, logs):
        run = await runs.submit(Submission(DEFAULT_SCOPE, graph, "t"))
        async for state in runs.watch(run.id):
            if state is RunState.RUNNING:
                break
        await runs.delete(run.id)

        assert (await runs.page(DEFAULT_SCOPE)).runs == ()
        assert await runs.events(run.id) == ()
        assert await logs.text(run.id, "a#1") in ("", "deleted\n")


@pytest.fixture
def outside() -> Iterator[Path]:
    """A directory that is not below one of those that everybody may write to."""
    with TemporaryDirectory(prefix=".penstock-test-", dir=Path.home()) as directory:
        yield Path(directory)


async def test_a_step_cannot_write_outside_of_its_directories(outside: Path) -> None:
    sandbox = find_sandbox()
    if isinstance(sandbox, Open) or str(outside).startswith("/tmp"):
        pytest.skip(f"nothing on this machine could keep it from it: {sandbox.description}")
    (outside / "data").mkdir()
    (outside / "data" / "precious").write_text("kept")
    script = f"""
        echo temp > "$TMPDIR/x"
        echo own > here; mkdir -p "$HOME/deep"; mv here "$HOME/deep/there"; cat "$HOME/deep/there"
        cd {outside}/data
        echo spoilt > precious || echo refused
        rm -f precious || echo refused
        echo new > file || echo refused
        (cd .. && mkdir more) || echo refused
    """
    graph = Graph({"main": Body((Step("writes", shell(script)),))})
    async with opened(outside / "data") as (runs, logs):
        done = await runs.submit_and_wait(Submission(DEFAULT_SCOPE, graph, "t"), 120)
        said = (await logs.text(done.id, "writes#1")).splitlines()

    assert done.state is RunState.SUCCEEDED
    assert said[0] == "own"
    assert said.count("refused") == 4
    assert (outside / "data" / "precious").read_text() == "kept"
    assert not (outside / "data" / "file").exists()
