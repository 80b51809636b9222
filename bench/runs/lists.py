"""Lists of many stored runs, as a client of the Kubeflow dialect asks for them: over HTTP, on one connection.

One real run is made, its record is stored again and again under other names, states, times and experiments, and a
server over that store is asked for each list twenty times. `total_size` is in every answer.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec

from bench.server import Server, serving
from penstock.kernel.instants import from_unix_us
from penstock.kernel.records import Insert, Write
from penstock.kernel.scope import DEFAULT_SCOPE
from penstock.services.runs.record import RUN_KIND, read_run
from penstock.services.timekeeper import SystemClock
from penstock.store.sqlite import SqliteStore

API = "/apis/v1beta1"
ASKED = 20
STATES = ("succeeded", "succeeded", "succeeded", "failed", "succeeded", "cancelled", "succeeded", "errored")
WORDS = ("train", "evaluate", "prepare", "nightly", "flights", "prices", "sandbox")
PACKAGE = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: nothing-}
spec:
  entrypoint: main
  templates:
  - name: main
    container: {image: python, command: ["true"]}
"""


def measure(directory: Path, count: int) -> dict[str, object]:
    """Fill a data directory and time all lists; milliseconds, medians."""
    data = directory / "data"
    with serving(data=data) as server:
        experiments = [_experiment(server, f"experiment {number}") for number in range(20)]
        run = _run(server, experiments[0])
    began = time.perf_counter()
    asyncio.run(_fill(data, run, experiments, count))
    filled_s = time.perf_counter() - began
    with serving(data=data) as server:
        connection = http.client.HTTPConnection(server.host, server.port, timeout=60)
        _search_once(connection)
        found = {name: _timed(server, connection, ask) for name, ask in _calls(experiments, run).items()}
        memory = server.resident_bytes()["server"]
    return {
        "runs": count,
        "filled_s": round(filled_s, 1),
        "database_bytes": (data / "metadata.sqlite").stat().st_size,
        "ready_s": round(server.ready_seconds, 2),
        "server_bytes": memory,
        "p50_ms": {name: median for name, (median, _, _) in found.items()},
        "first_ms": {name: first for name, (_, first, _) in found.items()},
        "processor_ms": {name: processor for name, (_, _, processor) in found.items()},
    }


def _experiment(server: Server, name: str) -> str:
    status, answer = server.call("POST", f"{API}/experiments", {"name": name})
    assert status == 200, answer
    return str(answer["id"])


def _run(server: Server, experiment: str) -> str:
    reference = {"key": {"type": "EXPERIMENT", "id": experiment}, "relationship": "OWNER"}
    body = {"name": "first", "pipeline_spec": {"workflow_manifest": PACKAGE}, "resource_references": [reference]}
    status, answer = server.call("POST", f"{API}/runs", body)
    assert status == 200, answer
    id = str(answer["run"]["id"])
    while server.call("GET", f"{API}/runs/{id}")[1]["run"].get("status") != "Succeeded":
        time.sleep(0.1)
    return id


async def _fill(data: Path, model: str, experiments: list[str], count: int) -> None:
    store, clock, chance = await SqliteStore.open(data / "metadata.sqlite"), SystemClock(), random.Random(1)
    try:
        record = await store.get(RUN_KIND, model)
        assert record is not None, "the run was made before"
        for start in range(0, count, 500):
            writes: list[Write] = []
            for number in range(start, min(start + 500, count)):
                run = read_run(record)
                at_us = 1_700_000_000_000_000 + number * 60_000_000
                name = f"{chance.choice(WORDS)} {chance.choice(WORDS)} {number}"
                body = run.body
                body.title, body.state = name, type(body.state)(chance.choice(STATES))
                body.started_at_us, body.finished_at_us = at_us + 1000, at_us + chance.randrange(10**9)
                body.scheduled_at_us = at_us if number % 3 == 0 else None
                experiment = chance.choice(experiments)
                body.labels = {**body.labels, "experiment_id": experiment}
                metrics = {"metric:accuracy": chance.randrange(10**6)} if number % 50 == 0 else {}
                body.columns = {**body.columns, "folded": name, "experiment_id": experiment, **metrics}
                at, id = from_unix_us(at_us), clock.new_id()
                writes.append(Insert(RUN_KIND, id, DEFAULT_SCOPE, None, at, msgspec.json.encode(body), run.columns()))
            await store.commit(*writes)
    finally:
        await store.close()


def _calls(experiments: list[str], run: str) -> dict[str, Callable[[int], str]]:
    """Return what is asked for, by what it is called; some ask something else each time."""
    calls: dict[str, Callable[[int], str]] = {"newest": _fixed(sort_by="created_at desc"), "oldest": _fixed()}
    for key in (
        "name", "status", "finished_at", "scheduled_at", "description", "storage_state", "id", "metric:accuracy"
    ):  # fmt: skip
        for way in ("asc", "desc"):
            calls[f"by {key} {way}"] = _fixed(sort_by=f"{key} {way}")
    for state in ("Succeeded", "Failed", "Error", "Running"):
        calls[f"status {state}"] = _fixed(filter=_filter("EQUALS", "status", string_value=state))
        calls[f"status {state}, newest"] = _fixed(
            sort_by="created_at desc", filter=_filter("EQUALS", "status", string_value=state)
        )
    calls["status Failed, by status"] = _fixed(
        sort_by="status", filter=_filter("EQUALS", "status", string_value="Failed")
    )
    calls["status not Succeeded"] = _fixed(filter=_filter("NOT_EQUALS", "status", string_value="Succeeded"))
    calls["one name"] = lambda n: _path(filter=_filter("EQUALS", "name", string_value=f"train prices {n * 97}"))
    calls["part of few names"] = lambda n: _path(filter=_filter("IS_SUBSTRING", "name", string_value=f"s {n + 100}"))
    calls["part of many names"] = _fixed(filter=_filter("IS_SUBSTRING", "name", string_value="TRAIN"))
    calls["part of many names, newest"] = _fixed(
        sort_by="created_at desc", filter=_filter("IS_SUBSTRING", "name", string_value="nightly")
    )
    calls["an hour"] = _fixed(filter=_hour(1_700_500_000))
    calls["most of the time, newest"] = _fixed(
        sort_by="created_at desc", filter=_filter("GREATER_THAN", "created_at", long_value=1_700_500_000)
    )
    calls["ended in a day"] = _fixed(filter=_filter("LESS_THAN", "finished_at", timestamp_value="2023-11-16T00:00:00Z"))
    calls["one experiment"] = lambda n: _of(experiments[n % 20], sort_by="created_at desc")
    calls["one experiment, by name"] = lambda n: _of(experiments[n % 20], sort_by="name")
    calls["one experiment, Failed"] = lambda n: _of(
        experiments[n % 20], sort_by="created_at desc", filter=_filter("EQUALS", "status", string_value="Failed")
    )
    calls["experiments"] = lambda n: f"{API}/experiments?sort_by=name"
    calls["get"] = lambda n: f"{API}/runs/{run}"
    return calls


def _timed(
    server: Server, connection: http.client.HTTPConnection, ask: Callable[[int], str]
) -> tuple[float, float, float]:
    """Return what `_p50` does, and the server's processor time of a call behind the first; milliseconds.

    The processor time says on a busy machine what the others say on an idle one.
    """
    first = _p50(connection, ask, 1)[0]
    before = server.processor_seconds()
    median, _ = _p50(connection, lambda number: ask(number + 1))
    return median, first, round((server.processor_seconds() - before) / ASKED * 1000, 2)


def _search_once(connection: http.client.HTTPConnection) -> None:
    """The first search for parts of names has the index of parts made; wait until it is."""
    while True:
        began = time.perf_counter()
        _p50(connection, _fixed(filter=_filter("IS_SUBSTRING", "name", string_value="never there")), 3)
        if time.perf_counter() - began < 0.1:
            return
        time.sleep(0.5)


def _p50(connection: http.client.HTTPConnection, ask: Callable[[int], str], count: int = ASKED) -> tuple[float, float]:
    """Return the median of all calls and the time of the first one; page by page where there are several."""
    times = []
    token = ""
    for number in range(count):
        path = ask(number)
        if token and path == ask(number - 1):
            path += f"&{urlencode({'page_token': token})}"
        began = time.perf_counter()
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read()
        times.append((time.perf_counter() - began) * 1000)
        if answer.status != 200:
            raise RuntimeError(f"{path} answered {answer.status}: {text[:300]!r}")
        token = json.loads(text).get("next_page_token") or ""
    return round(statistics.median(times), 2), round(times[0], 2)


def _fixed(**parameters: str) -> Callable[[int], str]:
    return lambda number: _path(**parameters)


def _path(**parameters: str) -> str:
    return f"{API}/runs?{urlencode({'page_size': '20', **parameters})}"


def _of(experiment: str, **parameters: str) -> str:
    reference = {"resource_reference_key.type": "EXPERIMENT", "resource_reference_key.id": experiment}
    return _path(**reference, **parameters)


def _filter(op: str, key: str, **value: Any) -> str:
    return json.dumps({"predicates": [{"op": op, "key": key, **value}]})


def _hour(start_s: int) -> str:
    after = {"op": "GREATER_THAN_EQUALS", "key": "created_at", "long_value": start_s}
    before = {"op": "LESS_THAN", "key": "created_at", "long_value": start_s + 3600}
    return json.dumps({"predicates": [after, before]})
