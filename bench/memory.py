"""`python -m bench.memory`: state larger than its memory, and how soon a pipeline answers that resumes a checkpoint.

A server, a pipeline with a join, an aggregate and a distinct, rows in Parquet through its port. First without a limit
of memory; it is stopped with a checkpoint, started again, and asked for a small answer and for one over all rows. Then
the same rows again under a limit that leaves state a third of what it needs. The answers must be the same.
"""

import argparse
import http.client
import io
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from bench.http.ingress import TIMEOUT_S, expect
from bench.results import keep, show
from bench.server import Server, serving

PIECE = 50_000
STEP = 10_000
PROGRAM = """
CREATE TABLE fact (id BIGINT NOT NULL PRIMARY KEY, k BIGINT NOT NULL, v BIGINT NOT NULL, label VARCHAR NOT NULL);
CREATE TABLE side (k BIGINT NOT NULL PRIMARY KEY, name VARCHAR NOT NULL);
CREATE MATERIALIZED VIEW joined AS SELECT fact.id, fact.label, side.name FROM fact JOIN side ON fact.k = side.k;
CREATE MATERIALIZED VIEW grouped AS SELECT k, COUNT(*) AS n, SUM(v) AS total, MAX(label) AS last FROM fact GROUP BY k;
CREATE MATERIALIZED VIEW apart AS SELECT DISTINCT v, label FROM fact;
"""
GROUPS = 1000
SMALL = "SELECT COUNT(*) AS n, SUM(total) AS total, MAX(last) AS last FROM grouped"
LARGE = "SELECT COUNT(*) AS n, SUM(id) AS ids, MAX(name) AS name FROM joined"


@dataclass(frozen=True, slots=True)
class Load:
    """Rows taken in. limit_mb: of memory; own_mb: the most of it that the process had, as seen after each piece."""

    limit_mb: int | None
    rows: int
    seconds: float
    processor_seconds: float
    own_mb: float
    state_mb: float
    spilled_mb: float


@dataclass(frozen=True, slots=True)
class Resume:
    """Seconds of a stop with a checkpoint; from the start to answers; processor time of the circuit by the first."""

    stop_s: float
    running_s: float
    small_answer_s: float
    large_answer_s: float
    processor_s: float


class Pipeline:
    """The pipeline of this benchmark, by HTTP."""

    def __init__(self, server: Server, name: str, limit_mb: int | None) -> None:
        self._server = server
        self._path = f"/v0/pipelines/{name}"
        config = {"max_rss_mb": limit_mb, "max_buffering_delay_usecs": 0, "fault_tolerance": {"model": "none"}}
        body = {"name": name, "program_code": PROGRAM, "runtime_config": config}
        expect(server.call("PUT", self._path, body))

    def start(self) -> None:
        """Start it and wait until it runs."""
        expect(self._server.call("POST", f"{self._path}/start?initial=running"))
        self._until("Running")

    def stop(self) -> None:
        """Stop it with a checkpoint."""
        expect(self._server.call("POST", f"{self._path}/stop?force=false"))
        self._until("Stopped")

    def _until(self, status: str) -> None:
        deadline = time.perf_counter() + TIMEOUT_S
        while (shown := expect(self._server.call("GET", f"{self._path}?selector=status")))[
            "deployment_status"
        ] != status:
            if shown["deployment_error"] or time.perf_counter() > deadline:
                raise RuntimeError(f"it is not {status}: {shown}")
            time.sleep(0.01)

    def push(self, table: str, rows: pa.Table) -> None:
        """Take rows in and wait until they are processed."""
        sink = io.BytesIO()
        pq.write_table(rows, sink)
        token = json.loads(self._send("POST", f"{self._path}/ingress/{table}?format=parquet", sink.getvalue()))["token"]
        target = f"{self._path}/completion_status?token={quote(token)}"
        while json.loads(self._send("GET", target))["status"] != "complete":
            time.sleep(0.002)

    def ask(self, sql: str) -> str:
        """Return the answer of a query."""
        return self._send("GET", f"{self._path}/query?format=json&sql={quote(sql)}").decode()

    def counters(self) -> dict[str, Any]:
        """Return the global counters."""
        counters: dict[str, Any] = expect(self._server.call("GET", f"{self._path}/stats"))["global_metrics"]
        return counters

    def state_bytes(self) -> int:
        """Return the bytes of all state."""
        profile = json.loads(self._send("GET", f"{self._path}/circuit_json_profile"))["profile"]
        return int(profile["pool_bytes"]) + sum(int(operator["state_bytes"]) for operator in profile["operators"])

    def _send(self, verb: str, target: str, body: bytes | None = None) -> bytes:
        connection = http.client.HTTPConnection(self._server.host, self._server.port, timeout=TIMEOUT_S)
        try:
            connection.request(verb, target, body)
            reply = connection.getresponse()
            content = reply.read()
        finally:
            connection.close()
        if reply.status >= 300:
            raise RuntimeError(f"answered {reply.status}: {content[:300]!r}")
        return content


def load(server: Server, pipeline: Pipeline, rows: int, limit_mb: int | None) -> Load:
    """Push all rows."""
    keys = np.arange(GROUPS)
    names = pa.array([f"group {k}" for k in keys.tolist()])
    pipeline.push("side", pa.table({"k": keys, "name": names}))
    own = 0.0
    before = pipeline.counters()["cpu_msecs"]
    began = time.perf_counter()
    for first in range(0, rows, PIECE):
        pipeline.push("fact", facts(first, min(PIECE, rows - first)))
        own = max(own, server.own_bytes())
    seconds = time.perf_counter() - began
    counters = pipeline.counters()
    spent = (counters["cpu_msecs"] - before) / 1000
    return Load(
        limit_mb, rows, seconds, spent, own / 1e6, pipeline.state_bytes() / 1e6, counters["storage_bytes"] / 1e6
    )


def facts(first: int, count: int) -> pa.Table:
    """Make rows by their numbers."""
    ids = np.arange(first, first + count, dtype=np.int64)
    scattered = ids * 2_654_435_761 % 1_000_000_007
    text = np.char.add(np.char.add("what is said of row ", scattered.astype("U20")), ", and then some more of it")
    return pa.table({"id": ids, "k": scattered % (2 * GROUPS), "v": scattered, "label": pa.array(text)})


def resume(pipeline: Pipeline, expected: tuple[str, str]) -> Resume:
    """Stop and start again."""
    began = time.perf_counter()
    pipeline.stop()
    stopped = time.perf_counter()
    pipeline.start()
    running_s = time.perf_counter() - stopped
    small = pipeline.ask(SMALL)
    small_s = time.perf_counter() - stopped
    spent_s = pipeline.counters()["cpu_msecs"] / 1000
    again = time.perf_counter()
    large = pipeline.ask(LARGE)
    if (small, large) != expected:
        raise RuntimeError(f"the answers are others after the start: {small} {large}, not {expected}")
    return Resume(stopped - began, running_s, small_s, time.perf_counter() - again, spent_s)


def main() -> int:
    """Run, print, keep."""
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description=__doc__)
    parser.add_argument("--rows", type=int, default=2_800_000, help="2.8 million make about a gigabyte of state")
    parser.add_argument("--discard", action="store_true", help="write no result file")
    options = parser.parse_args()
    os.environ.setdefault("PENSTOCK_LOG_LEVEL", "warning")  # nobody reads the server's output while it runs
    with serving() as server:
        free = Pipeline(server, "free", None)
        free.start()
        empty_mb = server.own_bytes() / 1e6
        first = load(server, free, options.rows, None)
        answers = free.ask(SMALL), free.ask(LARGE)
        resumed = resume(free, answers)
        expect(server.call("POST", "/v0/pipelines/free/stop?force=true"))
        limit_mb = int((empty_mb + first.state_mb / 3) / 0.85)
        limited = Pipeline(server, "limited", limit_mb)
        limited.start()
        second = load(server, limited, options.rows, limit_mb)
        if (limited.ask(SMALL), limited.ask(LARGE)) != answers:
            raise RuntimeError("the answers under a limit are others")
        resumed_limited = resume(limited, answers)
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(_loads([first, second]), _resumes([resumed, resumed_limited]))
    if not options.discard:
        content = {"loads": [asdict(first), asdict(second)], "resumes": [asdict(resumed), asdict(resumed_limited)]}
        console.print(f"kept as {show(keep('memory', content))}")
    return 0


def _loads(loads: list[Load]) -> Table:
    table = Table(title="Rows taken in")
    titles = ("limit MB", "rows/s", "rows per second of processor", "state MB", "most memory MB", "on disk MB")
    for title in titles:
        table.add_column(title, justify="right")
    for one in loads:
        rates = f"{one.rows / one.seconds:,.0f}", f"{one.rows / one.processor_seconds:,.0f}"
        sizes = (f"{size:,.0f}" for size in (one.state_mb, one.own_mb, one.spilled_mb))
        table.add_row("none" if one.limit_mb is None else f"{one.limit_mb:,}", *rates, *sizes)
    return table


def _resumes(resumes: list[Resume]) -> Table:
    table = Table(title="Stopped and started, without and with a limit; seconds")
    for title in ("stop", "running", "first answer", "answer over all rows", "processor until the first answer"):
        table.add_column(title, justify="right")
    for one in resumes:
        table.add_row(*(f"{value:.2f}" for value in asdict(one).values()))
    return table


if __name__ == "__main__":
    sys.exit(main())
