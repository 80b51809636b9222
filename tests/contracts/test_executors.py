"""The executors there are, under the contract."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from penstock.execute.container import PROGRAMS, Containers, find_program
from penstock.execute.inline import InlineExecutor
from penstock.execute.process import ProcessExecutor
from penstock.kernel.errors import Unavailable
from penstock.kernel.expr import Literal, Place
from penstock.kernel.graph import Command, Job, OutputFile
from penstock.kernel.policies import Cause, Placement
from penstock.kernel.runs import Failure, Result
from penstock.kernel.values import Value
from penstock.ports.executor import Executor, Task
from penstock.ports.logbook import LogBook
from penstock.store.memory import MemoryBlobs
from tests.contracts.executor import ExecutorContract, Reports


class FakeContainers:
    """A program on the path that stands in for docker or podman (`fake_docker.py`), and what it was asked for."""

    def __init__(self, directory: Path, program: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.program = program
        self.notes = directory / "containers"
        directory.mkdir()
        shutil.copy(Path(__file__).with_name("fake_docker.py"), directory / program)
        (directory / program).chmod(0o755)
        # The other one must not answer, whatever is installed here.
        (other,) = set(PROGRAMS) - {program}
        (directory / other).write_text("#!/bin/sh\nexit 1\n")
        (directory / other).chmod(0o755)
        monkeypatch.setenv("PATH", str(directory), prepend=":")

    def calls(self, verb: str) -> list[list[str]]:
        """Return the arguments of all calls of a verb."""
        calls = [json.loads(line) for line in (self.notes / "calls").read_text().splitlines()]
        return [call for call in calls if call[0] == verb]

    def there(self) -> list[str]:
        """Return the containers that have not been removed."""
        return [path.name for path in self.notes.iterdir() if path.is_dir()]

    def switch_off(self) -> None:
        """Let the program find no daemon."""
        self.notes.mkdir()
        (self.notes / "no daemon").touch()


async def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.02)


class _Commands(ExecutorContract):
    """Work for executors of commands."""

    survives_restart = True

    def _shell(self, script: str) -> Command:
        return Command(
            (Literal("sh"), Literal("-ec"), Literal(script)),
            image="alpine",
            env={"OUT": Place("outputs", "x")},
            outputs=(OutputFile("x", is_optional=True),),
        )

    def succeeding(self) -> Command:
        return self._shell("printf 1 > $OUT")

    def failing(self) -> Command:
        return self._shell("exit 7")

    def lasting(self) -> Command:
        return self._shell("sleep 60")

    def counting(self, file: Path) -> Command:
        return self._shell(f"echo x >> {file}")


class TestProcessExecutor(_Commands):
    def executor(self, directory: Path, log_book: LogBook) -> Executor:
        return ProcessExecutor(directory / "execute", MemoryBlobs(), log_book)


@pytest.mark.parametrize("program", ["docker", "podman"])
class TestContainers(_Commands):
    """Against a program that stands in for docker and podman: neither has a daemon or images where tests run."""

    @pytest.fixture(autouse=True)
    def fake(self, program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeContainers:
        return FakeContainers(tmp_path / "bin", program, monkeypatch)

    def executor(self, directory: Path, log_book: LogBook) -> Executor:
        place = directory / "execute"
        return ProcessExecutor(place, MemoryBlobs(), log_book, surroundings=Containers())

    async def test_a_container_has_the_steps_variables_and_directories_and_is_removed(
        self, opened: Executor, reports: Reports, fake: FakeContainers
    ) -> None:
        script = 'test ${#WORD} = 6; test "$HOME" != /root; pwd > $OUT; echo x > data/f'
        command = replace(
            self._shell(script),
            directories={"/data": "shared"},
            env={"OUT": Place("outputs", "x"), "WORD": Literal("hidden")},
        )
        command = replace(command, argv=(Literal("sh"), Literal("-ec"), Literal(script.replace("data/f", "/data/f"))))
        placement = Placement(memory_bytes=1 << 30, cpu_count=1.5, network=False)
        opened.launch(Task("r", "a#1", command, placement=placement))
        outcome = await reports.outcome()

        assert isinstance(outcome, Result), outcome
        run = fake.calls("run")[0]
        assert run[run.index("--memory") :][:2] == ["--memory", "1073741824"]
        assert run[run.index("--cpus") :][:2] == ["--cpus", "1.5"]
        assert run[run.index("--network") :][:2] == ["--network", "none"]
        assert not any("hidden" in word for word in run), "values of variables are not for everybody to read"
        assert any(word.endswith(":/data") for word in run)
        assert fake.there() == []

    async def test_a_container_ends_with_its_cancelled_step_although_it_ignores_sigterm(
        self, opened: Executor, reports: Reports, fake: FakeContainers, tmp_path: Path
    ) -> None:
        opened.launch(
            Task("r", "a#1", self._shell(f"trap '' TERM; echo $$ > {tmp_path}/pid; while :; do sleep 1; done"))
        )
        await until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip())
        pid = int((tmp_path / "pid").read_text())
        opened.cancel("r", "a#1", "because", 0.0)
        await until(lambda: not Path(f"/proc/{pid}").exists())
        await until(lambda: fake.there() == [])

    async def test_what_a_step_requires_is_installed_in_its_container(
        self, opened: Executor, reports: Reports, fake: FakeContainers
    ) -> None:
        command = replace(
            self._shell("true"), requirements=("no-such-package==0",), requirements_options=("--no-index",)
        )
        opened.launch(Task("r", "a#1", command))
        outcome = await reports.outcome()

        assert isinstance(outcome, Failure)
        assert outcome.exit_code == 1
        wanted = "pip install --quiet --disable-pip-version-check --no-index -- no-such-package==0"
        assert any(wanted in word for word in fake.calls("run")[0])

    async def test_an_image_that_is_not_there_is_the_platforms_failure(
        self, opened: Executor, reports: Reports
    ) -> None:
        opened.launch(Task("r", "a#1", replace(self._shell("true"), image="missing")))
        outcome = await reports.outcome()

        assert isinstance(outcome, Failure)
        assert outcome.cause is Cause.ERRORED
        assert "Unable to find image" in outcome.message

    async def test_a_step_without_an_image_is_refused(self, opened: Executor, reports: Reports) -> None:
        opened.launch(Task("r", "a#1", replace(self._shell("true"), image=None)))
        outcome = await reports.outcome()

        assert isinstance(outcome, Failure)
        assert "names no container image" in outcome.message

    async def test_without_a_daemon_it_says_so_and_what_would_work(self, fake: FakeContainers) -> None:
        fake.switch_off()
        with pytest.raises(Unavailable, match=f"{fake.program} does not answer: Cannot connect") as caught:
            await find_program(fake.program)

        assert "PENSTOCK_EXECUTOR=process" in str(caught.value.hint)

    async def test_a_program_that_is_not_installed_is_named(self) -> None:
        with pytest.raises(Unavailable, match="/no/such/docker is not installed"):
            await find_program("/no/such/docker")


class TestInlineExecutor(ExecutorContract):
    def executor(self, directory: Path, log_book: LogBook) -> Executor:
        async def last(spec: Value, task: Task) -> Result:
            await asyncio.sleep(60)
            return Result()

        def count(spec: Value, task: Task) -> Result:
            assert isinstance(spec, dict)
            with Path(str(spec["file"])).open("a") as file:
                file.write("x\n")
            return Result()

        def fail(spec: Value, task: Task) -> Result:
            raise ValueError("no luck")

        functions = {"succeed": lambda spec, task: Result({"x": "1"}), "fail": fail, "last": last, "count": count}
        return InlineExecutor(functions, log_book)

    def _call(self, function: str, **spec: str) -> Job:
        return Job("call", Literal({"function": function, **spec}))

    def succeeding(self) -> Job:
        return self._call("succeed")

    def failing(self) -> Job:
        return self._call("fail")

    def lasting(self) -> Job:
        return self._call("last")

    def counting(self, file: Path) -> Job:
        return self._call("count", file=str(file))
