"""The executors there are, under the contract."""

from __future__ import annotations

import asyncio
from pathlib import Path

from penstock.execute.inline import InlineExecutor
from penstock.execute.process import ProcessExecutor
from penstock.kernel.expr import Literal, Place
from penstock.kernel.graph import Command, Job, OutputFile
from penstock.kernel.runs import Result
from penstock.kernel.values import Value
from penstock.ports.executor import Executor, Task
from penstock.ports.logbook import LogBook
from penstock.store.memory import MemoryBlobs
from tests.contracts.executor import ExecutorContract


class TestProcessExecutor(ExecutorContract):
    survives_restart = True

    def executor(self, directory: Path, log_book: LogBook) -> Executor:
        return ProcessExecutor(directory / "execute", MemoryBlobs(), log_book)

    def _shell(self, script: str) -> Command:
        return Command(
            (Literal("sh"), Literal("-ec"), Literal(script)),
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
