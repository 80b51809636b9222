"""How long a small ETL pipeline takes from its start by HTTP to its end, alone and among many.

    python -m bench.starts [--rounds 20] [--many 60]

The pipeline is that of the documented transcript: one file in, one file out, three lines. Times are read from outside:
the start is when the client sends its request; RUNNING and COMPLETED are when a poll, every 5 ms, first sees them. For
comparison: CDAP's documentation shows 9 s to RUNNING and 23 s to the end on a local sandbox, same size.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.results import keep, show
from bench.server import Server, serving

APP = "/v3/namespaces/default/apps/Test"
RUNS = f"{APP}/workflows/DataPipelineWorkflow/runs"
FINAL = ("COMPLETED", "FAILED", "KILLED", "REJECTED")
POLL_S = 0.005
SCHEMA = '{"type":"record","name":"etlSchemaBody","fields":[{"name":"body","type":"string"}]}'


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=20, help="runs one after the other")
    parser.add_argument("--many", type=int, default=60, help="starts in one call")
    parser.add_argument("--discard", action="store_true", help="write no result file")
    options = parser.parse_args()
    os.environ.setdefault("PENSTOCK_LOG_LEVEL", "warning")  # nobody reads the server's output while it runs
    with tempfile.TemporaryDirectory(prefix="bench-starts-") as folder, serving() as server:
        deploy(server, Path(folder))
        follow(server, start(server, ["warm up"])[0])
        alone = [one(server, f"alone {n}") for n in range(options.rounds)]
        together = many(server, options.many)
        at_once = parallel(server, 200)
    content: dict[str, Any] = {"alone": summary(alone), "in_one_call": together, "parallel": at_once}
    print(f"alone, {options.rounds} times: {content['alone']}")
    print(f"in one call: {together}")
    print(f"at once:     {at_once}")
    if not options.discard:
        print(show(keep("starts", content)))


def deploy(server: Server, folder: Path) -> None:
    """Deploy the pipeline over three lines in a folder."""
    (folder / "in.txt").write_text("a\nb\nc\n")
    source = {"referenceName": "a", "path": f"{folder}/in.txt", "format": "text", "schema": SCHEMA}
    sink = {"referenceName": "b", "path": f"{folder}/out/${{n}}", "format": "csv", "schema": SCHEMA}
    stages = [
        {"name": "Source", "plugin": {"name": "File", "type": "batchsource", "properties": source}},
        {"name": "Sink", "plugin": {"name": "File", "type": "batchsink", "properties": sink}},
    ]
    config = {"stages": stages, "connections": [{"from": "Source", "to": "Sink"}], "engine": "spark"}
    body = {"artifact": {"name": "cdap-data-pipeline", "version": "6.10.1", "scope": "SYSTEM"}, "config": config}
    status, text = server.call("PUT", APP, body)
    assert status == 200, text


def start(server: Server, names: list[str]) -> list[str]:
    """Start a run for each name, in one call; return their ids."""
    item = {"appId": "Test", "programType": "workflow", "programId": "DataPipelineWorkflow"}
    status, answers = server.call(
        "POST", "/v3/namespaces/default/start", [{**item, "runtimeargs": {"n": name}} for name in names]
    )
    assert status == 200 and all(answer["statusCode"] == 200 for answer in answers), answers
    return [answer["runId"] for answer in answers]


def follow(server: Server, run: str) -> tuple[float | None, float]:
    """Poll a run to its end; return when it was seen to run (None if it had ended by then) and to have ended."""
    running: float | None = None
    while True:
        status, record = server.call("GET", f"{RUNS}/{run}")
        assert status == 200, record
        now = time.perf_counter()
        if record["status"] == "RUNNING" and running is None:
            running = now
        if record["status"] in FINAL:
            assert record["status"] == "COMPLETED", record
            return running, now
        time.sleep(POLL_S)


def one(server: Server, name: str) -> tuple[float, float]:
    """Return the seconds from one start to RUNNING and to the end."""
    began = time.perf_counter()
    (run,) = start(server, [name])
    running, ended = follow(server, run)
    return (running if running is not None else ended) - began, ended - began


def many(server: Server, count: int) -> dict[str, Any]:
    """Start many in one call."""
    began = time.perf_counter()
    runs = start(server, [f"many {n}" for n in range(count)])
    answered = time.perf_counter() - began
    for run in runs:
        follow(server, run)
    return {"starts": count, "answered_s": round(answered, 3), "all_completed_s": round(time.perf_counter() - began, 3)}


def parallel(server: Server, count: int) -> dict[str, Any]:
    """Start many from as many threads, each reading its record at once."""

    def start_and_read(n: int) -> str:
        (run,) = start(server, [f"parallel {n}"])
        status, record = server.call("GET", f"{RUNS}/{run}")
        assert status == 200, record
        return run

    began = time.perf_counter()
    with ThreadPoolExecutor(50) as pool:
        runs = list(pool.map(start_and_read, range(count)))
    accepted = time.perf_counter() - began
    for run in runs:
        follow(server, run)
    return {"starts": count, "accepted_s": round(accepted, 3), "all_completed_s": round(time.perf_counter() - began, 3)}


def summary(times: list[tuple[float, float]]) -> dict[str, Any]:
    """Return median and worst of both."""
    running, ended = zip(*times, strict=True)
    return {
        name: {"median": round(statistics.median(values), 3), "worst": round(max(values), 3)}
        for name, values in (("running_s", running), ("end_s", ended))
    }


if __name__ == "__main__":
    main()
