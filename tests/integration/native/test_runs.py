"""Runs over the native API: those of any dialect, with what each step waits for, why the cache was asked, live logs."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio
from starlette.applications import Starlette

from penstock.api import native
from penstock.boot.compose import compose
from penstock.boot.config import Settings
from penstock.kernel.expr import Input, Item, Literal, concat
from penstock.kernel.graph import ANY_OUTCOME, After, Body, Command, FanOut, Graph, Nested, Parameter, Step
from penstock.kernel.policies import Cache
from penstock.kernel.scope import DEFAULT_SCOPE
from penstock.kernel.values import Value
from penstock.services.runs.submission import Submission

RUNS = "/api/penstock/v1/runs"


class Native:
    """What a test talks to, and through which it submits."""

    def __init__(self, app: Starlette, client: httpx.AsyncClient) -> None:
        self.runs = app.state.services.runs
        self.client = client

    async def call(self, verb: str, path: str, *, status: int = 200, **query: str) -> Any:
        reply = await self.client.request(verb, RUNS + path, params=query)
        assert reply.status_code == status, reply.text
        return reply.json()

    async def submit(self, *steps: Step, more: dict[str, Body] | None = None, **inputs: Value) -> str:
        graph = Graph({"main": Body(steps, {name: Parameter() for name in inputs}), **(more or {})})
        return str((await self.runs.submit(Submission(DEFAULT_SCOPE, graph, "mine", inputs=inputs, origin="test"))).id)

    async def ended(self, run_id: str) -> Any:
        await self.runs.wait(run_id, 60)
        return await self.call("GET", f"/{run_id}")


@pytest_asyncio.fixture
async def api(tmp_path: Path) -> AsyncIterator[Native]:
    async with compose(Settings(data=tmp_path / "data"), (native.DIALECT,)) as app:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://native", timeout=60) as client:
            yield Native(app, client)


def shell(script: str) -> Command:
    return Command((Literal("sh"), Literal("-ec"), Literal(script)))


async def test_a_run_is_shown_with_its_steps_and_what_each_waits_for(api: Native) -> None:
    loop = Step("loop", Nested("body"), (After("first"),), fan_out=FanOut(Literal([1, 2])))
    body = Body((Step("a", shell("true")), Step("b", shell("exit 3"), (After("a"),))))
    shown = await api.ended(await api.submit(Step("first", shell("true")), loop, more={"body": body}))

    assert shown["run"]["state"] == "failed"
    steps = {step["path"]: step for step in shown["steps"]}
    assert {path: step.get("after", []) for path, step in steps.items()} == {
        "first": [],
        "loop": ["first"],
        "loop[0]": [],
        "loop[0]/a": [],
        "loop[0]/b": ["loop[0]/a"],
        "loop[1]": [],
        "loop[1]/a": [],
        "loop[1]/b": ["loop[1]/a"],
    }
    assert (steps["loop"]["kind"], steps["loop[1]"]["item"], steps["loop[0]/b"]["parent"]) == ("group", 2, "loop[0]")
    assert steps["loop[0]/b"]["attempts"][0]["exit_code"] == 3


async def test_runs_are_listed_page_by_page_and_by_state(api: Native) -> None:
    good, bad = await api.submit(Step("a", shell("true"))), await api.submit(Step("a", shell("false")))
    for each in (good, bad):
        await api.ended(each)

    first = await api.call("GET", "", limit="1")
    second = await api.call("GET", "", limit="1", page_token=first["next_page_token"])
    assert [page["runs"][0]["id"] for page in (first, second)] == [bad, good]
    assert first["total_count"] == 2
    assert "next_page_token" not in second
    assert [run["id"] for run in (await api.call("GET", "", state="failed"))["runs"]] == [bad]
    for wrong in ({"limit": "0"}, {"state": "happy"}, {"page_token": "?"}):
        await api.call("GET", "", status=400, **wrong)
    await api.call("GET", "", status=403, scope="other")


async def test_all_logs_of_a_run_come_while_it_goes_on(api: Native, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    wait = shell(f"echo begun; while [ ! -e {gate} ]; do sleep 0.05; done; echo done")
    id = await api.submit(
        Step("long", wait), Step("short", shell("echo hello")), Step("last", shell("echo bye"), (After("long"),))
    )
    lines: list[str] = []

    async def follow() -> None:
        async with api.client.stream("GET", f"{RUNS}/{id}/log", params={"follow": "true"}) as reply:
            async for line in reply.aiter_lines():
                lines.append(line)

    following = asyncio.create_task(follow())
    await asyncio.to_thread(gate.touch)
    async with asyncio.timeout(60):
        await following
    assert sorted(lines) == ["last | bye", "long | begun", "long | done", "short | hello"]
    assert lines.index("long | done") < lines.index("last | bye")
    whole = await api.client.get(f"{RUNS}/{id}/log")
    assert sorted(whole.text.splitlines()) == sorted(lines)
    one = await api.client.get(f"{RUNS}/{id}/log", params={"step": "short", "attempt": "1"})
    assert one.text == "hello\n"
    assert (await api.client.get(f"{RUNS}/{id}/log", params={"step": "none"})).status_code == 404
    assert (await api.client.get(f"{RUNS}/{id}/log", params={"step": "short", "attempt": "2"})).status_code == 404


async def test_the_cache_says_what_differed(api: Native) -> None:
    def step() -> Step:
        work = Command((Literal("echo"), Input("word")))
        return Step("say", work, inputs={"word": Input("word")}, cache=Cache())

    first = await api.submit(step(), word="one")
    await api.ended(first)
    for word, is_hit in (("one", True), ("two", False)):
        id = await api.submit(step(), word=word)
        shown = await api.ended(id)
        why = await api.call("GET", f"/{id}/cached", step="say")

        assert (why["is_hit"], why["other_run"], why["other_step"]) == (is_hit, first, "say")
        assert ("taken_over_from" in shown["steps"][0]) is is_hit
        assert [(part["name"], part["here"], part["there"]) for part in why["parts"] if not part["is_same"]] == (
            [] if is_hit else [("input word", '"two"', '"one"')]
        )
    await api.call("GET", f"/{id}/cached", status=404, step="none")
    await api.call("GET", f"/{id}/cached", status=400)


async def test_a_run_is_stopped_and_retried(api: Native) -> None:
    id = await api.submit(Step("nap", shell("sleep 100")), Step("after", shell("true"), (After("nap", ANY_OUTCOME),)))
    assert (await api.call("POST", f"/{id}/stop", force="true"))["id"] == id
    assert (await api.ended(id))["run"]["state"] == "cancelled"
    assert (await api.call("POST", f"/{id}/stop", status=409))["code"] == "WrongState"
    assert (await api.call("POST", f"/{id}/retry"))["state"] != "cancelled"
    await api.call("POST", f"/{id}/stop", force="true")
    await api.ended(id)
    await api.call("POST", f"/{id}/retry", status=404, **{"from": "none"})
    await api.call("GET", "/none", status=404)


async def test_loops_over_nothing_and_skipped_steps_are_shown(api: Native) -> None:
    empty = Step("empty", Command((Literal("echo"), concat(Item()))), fan_out=FanOut(Literal([])))
    shown = await api.ended(await api.submit(empty, Step("off", shell("true"), guard=Literal(False))))

    assert {step["path"]: step["state"] for step in shown["steps"]} == {"empty": "skipped", "off": "skipped"}
