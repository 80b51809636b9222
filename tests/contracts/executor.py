"""What every executor must keep to. Subclass `ExecutorContract`, give it an executor and work for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from penstock.kernel.graph import Command, Job
from penstock.kernel.policies import Cause
from penstock.kernel.runs import Failure, Result
from penstock.ports.executor import Executor, Task
from penstock.ports.logbook import LogBook
from penstock.store.logfiles import LogFiles

__all__ = ["ExecutorContract", "Reports"]


class Reports:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.outcomes: list[tuple[str, Result | Failure]] = []
        self._moved = asyncio.Event()

    def started(self, task: Task, handle: str | None) -> None:
        self.begun.append(task.attempt)
        self._moved.set()

    def finished(self, task: Task, outcome: Result | Failure) -> None:
        self.outcomes.append((task.attempt, outcome))
        self._moved.set()

    def logged(self, run: str, attempt: str) -> None:
        self._moved.set()

    async def until_begun(self, count: int = 1) -> None:
        async with asyncio.timeout(20):
            while len(self.begun) < count:
                self._moved.clear()
                await self._moved.wait()

    async def outcome(self, count: int = 1) -> Result | Failure:
        async with asyncio.timeout(20):
            while len(self.outcomes) < count:
                self._moved.clear()
                await self._moved.wait()
        return self.outcomes[-1][1]


class ExecutorContract:
    """The suite."""

    def executor(self, directory: Path, log_book: LogBook) -> Executor:
        raise NotImplementedError

    def succeeding(self) -> Command | Job:
        """Work that leaves the output parameter `x` with the text `1`."""
        raise NotImplementedError

    def failing(self) -> Command | Job:
        raise NotImplementedError

    def lasting(self) -> Command | Job:
        """Work that goes on for a minute."""
        raise NotImplementedError

    def counting(self, file: Path) -> Command | Job:
        """Work that adds a line to a file."""
        raise NotImplementedError

    survives_restart = False

    @pytest.fixture
    def log_book(self, tmp_path: Path) -> LogFiles:
        return LogFiles(tmp_path / "logs")

    @pytest.fixture
    def reports(self) -> Reports:
        return Reports()

    @pytest.fixture
    async def opened(self, tmp_path: Path, log_book: LogFiles, reports: Reports) -> AsyncIterator[Executor]:
        executor = self.executor(tmp_path, log_book)
        await executor.open(reports)
        yield executor
        await executor.close()

    async def test_work_that_succeeds_reports_its_outputs(self, opened: Executor, reports: Reports) -> None:
        opened.launch(Task("r", "a#1", self.succeeding()))
        outcome = await reports.outcome()

        assert isinstance(outcome, Result)
        assert outcome.outputs == {"x": "1"}
        assert reports.begun == ["a#1"]

    async def test_work_that_fails_says_so_and_why(self, opened: Executor, reports: Reports) -> None:
        opened.launch(Task("r", "a#1", self.failing()))
        outcome = await reports.outcome()

        assert isinstance(outcome, Failure)
        assert outcome.cause is Cause.FAILED
        assert outcome.message

    async def test_an_attempt_is_launched_once_however_often_it_is_asked_for(
        self, opened: Executor, reports: Reports, tmp_path: Path
    ) -> None:
        task = Task("r", "a#1", self.counting(tmp_path / "count"))
        opened.launch(task)
        opened.launch(task)
        await reports.outcome()
        opened.launch(task)
        await asyncio.sleep(0.2)

        assert (tmp_path / "count").read_text().count("\n") == 1
        assert len(reports.outcomes) == 1

    async def test_different_attempts_of_a_step_are_different_work(
        self, opened: Executor, reports: Reports, tmp_path: Path
    ) -> None:
        for number in (1, 2):
            opened.launch(Task("r", f"a#{number}", self.counting(tmp_path / "count")))
        await reports.outcome(2)

        assert (tmp_path / "count").read_text().count("\n") == 2

    async def test_cancelled_work_stops_reports_nothing_and_has_the_reason_as_its_last_line(
        self, opened: Executor, reports: Reports, log_book: LogFiles
    ) -> None:
        opened.launch(Task("r", "a#1", self.lasting()))
        await reports.until_begun()
        opened.cancel("r", "a#1", "because", 0.0)
        for _ in range(100):
            if lines := log_book.read("r", "a#1"):
                break
            await asyncio.sleep(0.05)

        assert lines[-1].text.endswith("because")
        assert lines[-1].stream == "sys"
        assert reports.outcomes == []

    async def test_cancelling_what_is_not_there_does_nothing(self, opened: Executor) -> None:
        opened.cancel("r", "nothing#1", "because", 1.0)
        opened.release("r", "nothing#1")
        await opened.forget("r")

    async def test_what_was_never_begun_is_not_attached_to(self, opened: Executor) -> None:
        assert await opened.attach(Task("r", "a#1", self.succeeding())) is False

    async def test_work_survives_a_restart_or_may_be_begun_again(
        self, tmp_path: Path, log_book: LogFiles, reports: Reports
    ) -> None:
        first = self.executor(tmp_path, log_book)
        await first.open(reports)
        task = Task("r", "a#1", self.lasting())
        first.launch(task)
        await reports.until_begun()
        await first.close()
        second = self.executor(tmp_path, log_book)
        await second.open(reports)

        assert await second.attach(task) is self.survives_restart
        second.cancel("r", "a#1", "over", 0.0)
        await asyncio.sleep(0.3)
        await second.close()
        assert reports.outcomes == []
