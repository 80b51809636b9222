"""Data phases in forks of the warm engine: what they leave behind when they end well, badly, or not at all."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from penstock.boot.compose import open_services
from penstock.boot.config import Settings
from penstock.kernel.expr import Input, ListOf, Literal, ObjectOf
from penstock.kernel.flows import Edge, Flow, StageRole, StageSpec
from penstock.kernel.graph import Body, Graph, Job, Parameter, Step
from penstock.kernel.runs import RunState
from penstock.kernel.scope import DEFAULT_SCOPE
from penstock.services.runs.record import Run
from penstock.services.runs.submission import Submission
from penstock.services.services import Services

WAIT_S = 300
"""The engine may have to be compiled first, on a machine that does other things too."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes below /proc")


@asynccontextmanager
async def services(folder: Path) -> AsyncIterator[Services]:
    async with open_services(Settings(data=folder / "data")) as opened:
        yield opened


def graph(flow: Flow) -> Graph:
    spec = ObjectOf(
        {
            "do": Literal("flow"),
            "flow": Literal(msgspec.to_builtins(flow)),
            "arguments": Input("arguments"),
            "set": ListOf(()),
        }
    )
    step = Step("phase-1", Job("circuit", spec, ("statistics",)), inputs={"arguments": Input("arguments")})
    return Graph({"main": Body((step,), parameters={"arguments": Parameter(Literal({}))})}, lost_limit=0)


def copying(source: Path, target: Path) -> Flow:
    text = '{"type":"record","name":"r","fields":[{"name":"a","type":"int"},{"name":"b","type":"string"}]}'
    return Flow(
        (
            StageSpec("in", StageRole.SOURCE, "file", {"path": str(source), "format": "csv", "schema": text}),
            StageSpec("out", StageRole.SINK, "file", {"path": str(target), "format": "csv"}, (Edge("in"),)),
        )
    )


async def begin(opened: Services, flow: Flow) -> Run:
    return await opened.runs.submit(Submission(scope=DEFAULT_SCOPE, graph=graph(flow), title="t", origin="test"))


async def counts(opened: Services, run: Run) -> dict[tuple[str, str], float]:
    return {(metric.source, metric.name): metric.value for metric in await opened.metrics.list(run.id)}


def children(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(") ", 1)[1].split()
            except OSError:
                continue
            if int(fields[1]) == pid:
                found.append(int(entry.name))
    return found


async def fork_of(opened: Services) -> int:
    """Return the id of the one fork at work, when it is there."""
    engine = opened.phases.engine_pid
    assert engine is not None
    async with asyncio.timeout(WAIT_S):
        while not (found := children(engine)):  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(0.02)
    return found[0]


async def written(folder: Path) -> None:
    """Return when something is being written below a folder."""
    async with asyncio.timeout(WAIT_S):
        while not list(folder.glob(".*.partial/part-*")):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_phase_that_ends_well_shows_its_output_and_its_counts(tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out"
    source.write_text("1,a\n2,b\n")
    async with services(tmp_path) as opened:
        run = await begin(opened, copying(source, target))
        run = await opened.runs.wait(run.id, WAIT_S)

        assert (run.state, run.body.message) == (RunState.SUCCEEDED, None)
        assert (target / "part-r-00000").read_text() == "1,a\n2,b\n"
        assert (target / "_SUCCESS").exists()
        found = await counts(opened, run)
        assert (found["in", "records.out"], found["out", "records.in"]) == (2, 2)


async def test_a_record_that_fails_leaves_no_output_and_names_stage_and_value(tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out"
    source.write_text("1,a\nx,b\n")
    async with services(tmp_path) as opened:
        run = await opened.runs.wait((await begin(opened, copying(source, target))).id, WAIT_S)

        assert run.state is RunState.FAILED
        assert "Stage 'in'" in (run.body.message or "") and "'x'" in (run.body.message or "")
        assert [path.name for path in tmp_path.iterdir() if path.name not in ("data", "in.csv")] == []


async def test_a_phase_that_is_killed_fails_and_leaves_nothing(tmp_path: Path) -> None:
    source, target = tmp_path / "pipe", tmp_path / "out"
    os.mkfifo(source)
    async with services(tmp_path) as opened:
        await opened.phases.check(Flow(()))
        run = await begin(opened, copying(source, target))
        await written(tmp_path)
        os.kill(await fork_of(opened), signal.SIGKILL)
        run = await opened.runs.wait(run.id, WAIT_S)

        assert run.state is RunState.ERRORED
        assert "SIGKILL" in (run.body.message or "")
        assert [path.name for path in tmp_path.iterdir() if path.name not in ("data", "pipe")] == []


async def test_a_phase_that_is_stopped_ends_and_leaves_nothing(tmp_path: Path) -> None:
    source, target = tmp_path / "pipe", tmp_path / "out"
    os.mkfifo(source)
    async with services(tmp_path) as opened:
        await opened.phases.check(Flow(()))
        run = await begin(opened, copying(source, target))
        await written(tmp_path)
        await opened.runs.stop(run.id)
        run = await opened.runs.wait(run.id, WAIT_S)

        assert run.state is RunState.CANCELLED
        async with asyncio.timeout(WAIT_S):
            while list(tmp_path.glob(".*.partial")):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert not target.exists()


async def test_a_phase_under_way_when_the_server_goes_down_has_failed_when_it_is_back(tmp_path: Path) -> None:
    source, target = tmp_path / "pipe", tmp_path / "out"
    os.mkfifo(source)
    async with services(tmp_path) as opened:
        await opened.phases.check(Flow(()))
        run = await begin(opened, copying(source, target))
        await written(tmp_path)
    async with services(tmp_path) as opened:
        run = await opened.runs.wait(run.id, WAIT_S)

        assert run.state is RunState.FAILED
        assert "the server went down" in (run.body.message or "")
        assert list(tmp_path.glob(".*.partial")) == []
        assert not target.exists()


async def test_a_directory_that_is_there_already_is_not_touched(tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out"
    source.write_text("1,a\n")
    target.mkdir()
    (target / "mine").write_text("mine")
    async with services(tmp_path) as opened:
        run = await opened.runs.wait((await begin(opened, copying(source, target))).id, WAIT_S)

        assert run.state is RunState.FAILED
        assert "already exists" in (run.body.message or "")
        assert [path.name for path in target.iterdir()] == ["mine"]


async def test_a_region_larger_than_its_budget_fails_with_what_to_do(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("".join(f"{i},{'x' * 40}{i}\n" for i in range(60_000)))
    schema = '{"type":"record","name":"r","fields":[{"name":"a","type":"int"},{"name":"b","type":"string"}]}'
    flow = Flow(
        (
            StageSpec("in", StageRole.SOURCE, "file", {"path": str(source), "format": "csv", "schema": schema}),
            StageSpec("once", StageRole.RELATION, "distinct", {}, (Edge("in"),)),
            StageSpec("out", StageRole.SINK, "nothing", {}, (Edge("once"),)),
        ),
        memory_bytes=1 << 20,
    )
    async with services(tmp_path) as opened:
        run = await opened.runs.wait((await begin(opened, flow)).id, WAIT_S)

        assert run.state is RunState.FAILED
        assert "MiB of memory" in (run.body.message or "")
