"""A run service over a real store and real processes, in a temporary directory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from penstock.execute.inline import InlineExecutor
from penstock.execute.process import ProcessExecutor
from penstock.kernel.expr import Expr, Literal, concat
from penstock.kernel.graph import After, Command, OutputFile, Step
from penstock.ports.executor import Executor
from penstock.services.logs import Logs
from penstock.services.runs.service import Runs
from penstock.services.timekeeper import SystemClock
from penstock.store.localdir import LocalBlobs
from penstock.store.logfiles import LogFiles
from penstock.store.sqlite import SqliteStore

__all__ = ["opened", "python", "shell"]


@asynccontextmanager
async def opened(directory: Path, *, executors: Iterable[Executor] = ()) -> AsyncIterator[tuple[Runs, Logs]]:
    directory.mkdir(exist_ok=True)
    store = await SqliteStore.open(directory / "metadata.sqlite")
    blobs, book = LocalBlobs(directory / "blobs"), LogFiles(directory / "logs")
    logs = Logs(book)
    process = ProcessExecutor(directory / "execute", blobs, book, max_processes=100)
    chosen = tuple(executors) or (process, InlineExecutor({}, book))
    runs = Runs(store, blobs, SystemClock(), chosen, logged=logs.logged, forget_logs=logs.forget)
    await runs.open()
    try:
        yield runs, logs
    finally:
        await runs.close()
        await store.close()


def shell(script: str | Expr, *outputs: str, env: dict[str, Expr] | None = None) -> Command:
    """A shell script whose outputs are files named by `$OUT_<name>`, taken as parameters."""
    from penstock.kernel.expr import Place

    places = {f"OUT_{name}": Place("outputs", name) for name in outputs}
    return Command(
        (Literal("sh"), Literal("-ec"), script if not isinstance(script, str) else Literal(script)),
        env={**places, **(env or {})},
        outputs=tuple(OutputFile(name, trims_newline=True) for name in outputs),
    )


def python(program: str) -> Command:
    return Command((Literal("python3"), Literal("-c"), concat(program)))


def chain(count: int, work: Command) -> tuple[Step, ...]:
    return tuple(Step(f"s{index}", work, after=(After(f"s{index - 1}"),) if index else ()) for index in range(count))
