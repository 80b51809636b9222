"""Pools of real workers, without a server: how instances come and go, and what becomes of requests."""

from __future__ import annotations

import asyncio
import io
import os
import zipfile
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from penstock.execute.pool.pools import WarmPools
from penstock.kernel.errors import Invalid
from penstock.kernel.expr import Literal
from penstock.kernel.graph import Job
from penstock.kernel.runs import Failure, Result
from penstock.kernel.signature import Field, FieldType, Signature
from penstock.ports.executor import Task
from penstock.ports.workers import Inspection, InstanceState, Line, PoolSpec
from penstock.store.memory import MemoryBlobs

pytestmark = pytest.mark.asyncio

CODE = """
import os, sys, threading, time

print("loaded")

class Deployment:
    def __init__(self, base_directory, context):
        self.base, self.context = base_directory, context

    def request(self, data, context):
        exec(data["code"], {**globals(), "self": self, "data": data, "context": context, "out": (out := {})})
        return {"value": out.get("value", 0)}
"""
VALUE = Signature((Field("value", FieldType.INT),))


class Watcher:
    """Hears what the executor reports, and what workers write."""

    def __init__(self) -> None:
        self.waiting: dict[str, asyncio.Future[Result | Failure]] = {}
        self.begun: list[str] = []
        self.lines: list[Line] = []
        self.updates: list[str] = []

    def started(self, task: Task, handle: str | None) -> None:
        self.begun.append(task.attempt)

    def finished(self, task: Task, outcome: Result | Failure) -> None:
        self.waiting.pop(task.attempt).set_result(outcome)

    def logged(self, run: str, attempt: str) -> None:
        pass


class Bench:
    """Pools with somebody who asks them."""

    def __init__(self, directory: Path) -> None:
        self.blobs = MemoryBlobs()
        self.pools = WarmPools(directory, self.blobs)
        self.watcher = Watcher()
        self.count = 0

    async def open(self) -> None:
        await self.pools.open(self.watcher)
        self.pools.attend(
            lambda spec, lines: self.watcher.lines.extend(lines),
            lambda run, request, text: self.watcher.updates.append(text),
        )

    async def spec(self, code: str = CODE, files: dict[str, str] | None = None, **settings: Any) -> PoolSpec:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, content in {"deployment.py": code, **(files or {})}.items():
                archive.writestr(name, content)

        async def chunks() -> AsyncIterator[bytes]:
            yield buffer.getvalue()

        blob = await self.blobs.put(chunks())
        return PoolSpec("pool", blob.sha256, **settings)

    def ask(self, code: str, *, is_urgent: bool = True) -> tuple[str, asyncio.Future[Result | Failure]]:
        self.count += 1
        attempt = f"{self.count}"
        future = self.watcher.waiting[attempt] = asyncio.get_running_loop().create_future()
        facts: dict[str, Any] = {"step.request": f"request-{attempt}", "run.is_awaited": is_urgent}
        inputs: dict[str, Any] = {"data": {"code": code}, "context": {}}
        self.pools.launch(Task("run", attempt, Job("serve", Literal({"pool": "pool"})), inputs=inputs, facts=facts))
        return attempt, future

    async def value(self, code: str) -> Any:
        outcome = await self.ask(code)[1]
        assert isinstance(outcome, Result), outcome
        data = outcome.outputs["data"]
        assert isinstance(data, dict)
        return data["value"]

    async def failure(self, code: str) -> str:
        outcome = await self.ask(code)[1]
        assert isinstance(outcome, Failure), outcome
        return outcome.message


@pytest_asyncio.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path / "pools")
    await bench.open()
    yield bench
    await bench.pools.close()


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


async def test_a_worker_that_was_looked_at_answers_the_first_request(bench: Bench) -> None:
    spec = await bench.spec()

    assert await bench.pools.inspect(spec) == Inspection(has_request=True, has_requests=False)
    bench.pools.configure(spec)
    status = bench.pools.status("pool")
    assert status is not None and [instance.state for instance in status.instances] == [InstanceState.READY]
    assert await bench.value("out['value'] = os.getpid()") == status.instances[0].pids[0]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import nothing_of_that_name", "nothing_of_that_name"),
        ("class Other: pass", "no class 'Deployment'"),
        ("class Deployment:\n    def __init__(self):\n        1 / 0", "division by zero"),
        ("import os\nos._exit(4)", "exit code 4"),
    ],
)
async def test_code_that_cannot_be_used_is_refused_with_the_reason(bench: Bench, code: str, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        await bench.pools.inspect(await bench.spec(code))


async def test_a_cold_pool_starts_with_the_first_request_and_one_that_cannot_start_fails_it(bench: Bench) -> None:
    bench.pools.configure(await bench.spec())
    assert await bench.value("out['value'] = 7") == 7

    bench.pools.configure(
        await bench.spec("class Deployment:\n    def __init__(self):\n        raise OSError('no model')")
    )

    assert "no model" in await bench.failure("pass")


async def test_more_instances_come_for_requests_that_wait_up_to_the_limit_and_idle_ones_go(bench: Bench) -> None:
    bench.pools.configure(await bench.spec(max_instances=2, idle_s=0.2))
    asked = [bench.ask("time.sleep(0.5); out['value'] = os.getpid()")[1] for _ in range(4)]

    values = {outcome.outputs["data"]["value"] for outcome in await asyncio.gather(*asked)}  # type: ignore[union-attr,call-overload,index]

    assert len(values) == 2
    await until(lambda: not bench.pools.status("pool").instances)  # type: ignore[union-attr]
    await until(lambda: not any(lives(pid) for pid in values))


async def test_a_minimum_of_instances_is_there_before_anybody_asks_and_comes_back(bench: Bench) -> None:
    bench.pools.configure(await bench.spec(min_instances=1, processes=2))
    await until(lambda: len(bench.pools.status("pool").instances[0].pids) == 2)  # type: ignore[union-attr]
    await until(lambda: bench.pools.status("pool").instances[0].state is InstanceState.READY)  # type: ignore[union-attr]

    assert "exit code 5" in await bench.failure("os._exit(5)")
    assert await bench.value("out['value'] = self.context['process_id']") in (0, 1)


async def test_who_is_waited_for_goes_before_batches(bench: Bench) -> None:
    bench.pools.configure(await bench.spec(max_instances=1))
    await bench.value("pass")
    first = bench.ask("time.sleep(0.2)", is_urgent=False)
    patient = bench.ask("pass", is_urgent=False)
    urgent = bench.ask("pass")

    await asyncio.gather(first[1], patient[1], urgent[1])

    assert bench.watcher.begun[-2:] == [urgent[0], patient[0]]


async def test_a_full_queue_refuses_and_what_waits_is_answered(bench: Bench) -> None:
    bench.pools.configure(await bench.spec(max_instances=1, queue_limit=1))
    await bench.value("pass")
    busy, waiting = bench.ask("time.sleep(0.3)"), bench.ask("pass")

    assert "full" in await bench.failure("pass")
    assert all(isinstance(outcome, Result) for outcome in await asyncio.gather(busy[1], waiting[1]))


async def test_cancelling_ends_the_code_that_runs_and_the_next_request_is_answered(bench: Bench) -> None:
    bench.pools.configure(await bench.spec(max_instances=1))
    pid = await bench.value("out['value'] = os.getpid()")
    attempt, future = bench.ask("while True: pass")
    await until(lambda: attempt in bench.watcher.begun)

    bench.pools.cancel("run", attempt, "enough", 0)

    await until(lambda: not lives(pid))
    assert not future.done()
    assert await bench.value("out['value'] = 1") == 1


async def test_what_is_printed_goes_to_the_log_of_its_request_and_is_no_result(bench: Bench) -> None:
    bench.pools.configure(await bench.spec())
    forged = 'print(\'{"t":"done","n":2,"data":{"value":99}}\'); os.write(1, b"raw\\n"); out["value"] = 1'

    assert await bench.value(forged) == 1
    await until(lambda: any(line.text == "raw" for line in bench.watcher.lines))
    assert {line.request for line in bench.watcher.lines if "99" in line.text or line.text == "raw"} == {"request-1"}
    assert [line.request for line in bench.watcher.lines if line.text == "loaded"] == [None]


async def test_a_result_that_does_not_fit_fails_its_request_and_names_the_field(bench: Bench) -> None:
    bench.pools.configure(await bench.spec(gives=VALUE))

    assert "'value'" in await bench.failure("out['value'] = 'text'")
    assert "JSON" in await bench.failure("out['value'] = object()")


async def test_an_exception_is_told_in_general_and_in_the_log_in_full(bench: Bench) -> None:
    bench.pools.configure(await bench.spec())

    assert await bench.failure("raise ValueError('inside')") == (
        "An exception occurred in the request. See the logs for details."
    )
    public = "error = ValueError('inside'); error.public_error_message = 'for all'; raise error"
    assert await bench.failure(public) == "for all"
    await until(lambda: any("ValueError: inside" in line.text for line in bench.watcher.lines))


async def test_a_new_spec_serves_new_requests_while_old_ones_end(bench: Bench) -> None:
    spec = await bench.spec(variables={"GENERATION": "1"})
    bench.pools.configure(spec)
    code = "time.sleep(0.3); out['value'] = int(os.environ['GENERATION'])"
    before, old = bench.ask(code)
    await until(lambda: before in bench.watcher.begun)

    bench.pools.configure(replace(spec, variables={"GENERATION": "2"}))

    assert await bench.value(code) == 2
    outcome = await old
    assert isinstance(outcome, Result) and outcome.outputs["data"] == {"value": 1}


async def test_partial_results_come_while_a_request_is_under_way(bench: Bench) -> None:
    bench.pools.configure(await bench.spec())

    await bench.value("context['streaming_update']('a'); context['streaming_update']('b')")

    assert bench.watcher.updates == ["a", "b"]


async def test_workers_see_nothing_of_the_servers_environment(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVER_SECRET", "x")
    bench.pools.configure(await bench.spec())

    assert await bench.value("out['value'] = int('SERVER_SECRET' in os.environ)") == 0


async def test_each_worker_has_files_of_its_own(bench: Bench) -> None:
    bench.pools.configure(await bench.spec(files={"data/model.txt": "12"}, max_instances=2))
    code = (
        "time.sleep(0.3); open('mine', 'x'); "
        "out['value'] = int(open(os.path.join(self.base, 'data', 'model.txt')).read())"
    )

    outcomes = await asyncio.gather(*(bench.ask(code)[1] for _ in range(2)))

    assert [outcome.outputs["data"] for outcome in outcomes if isinstance(outcome, Result)] == [{"value": 12}] * 2


async def test_a_pool_that_is_removed_leaves_no_process(bench: Bench) -> None:
    bench.pools.configure(await bench.spec())
    pid = await bench.value("out['value'] = os.getpid()")
    child = await bench.value("import subprocess; out['value'] = subprocess.Popen(['sleep', '600']).pid")

    await bench.pools.remove("pool")

    await until(lambda: not lives(pid) and not lives(child))
    assert bench.pools.status("pool") is None
    assert "not available" in await bench.failure("pass")


async def test_when_the_pools_are_closed_no_worker_is_left(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "pools")
    await bench.open()
    bench.pools.configure(await bench.spec())
    pid = await bench.value("out['value'] = os.getpid()")

    await bench.pools.close()

    await until(lambda: not lives(pid))
    assert not (tmp_path / "pools" / "workers").exists() or not os.listdir(tmp_path / "pools" / "workers")


@pytest.mark.parametrize("name", ["../outside.py", "/outside.py", "a/../../outside.py"])
async def test_an_archive_that_reaches_outside_of_itself_is_refused(bench: Bench, name: str) -> None:
    with pytest.raises(Invalid, match="outside"):
        await bench.pools.inspect(await bench.spec(files={name: "x"}))
