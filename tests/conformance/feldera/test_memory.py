"""A pipeline that may have less memory than its state takes, through the released client."""

import gzip
from typing import Any

import pytest
from feldera.runtime_config import Resources, RuntimeConfig

from tests.conformance.feldera.conftest import Http, Make
from tests.conformance.serving import wait_for

PROGRAM = """
CREATE TABLE t (x BIGINT NOT NULL PRIMARY KEY, word VARCHAR NOT NULL);
CREATE MATERIALIZED VIEW counted AS SELECT word, COUNT(*) AS c, MAX(x) AS last FROM t GROUP BY word;
"""
ROWS, PIECE = 150_000, 10_000


def push(http: Http, name: str) -> None:
    for first in range(0, ROWS, PIECE):
        lines = "".join(f"{x},a word of some length for the row {x}\n" for x in range(first, first + PIECE))
        assert http("POST", f"/pipelines/{name}/ingress/t?format=csv", data=lines).status_code == 200


def test_state_goes_to_disk_and_stays_through_a_stop(started: Make, http: Http) -> None:
    pipeline = started(PROGRAM, runtime_config=RuntimeConfig(resources=Resources({"memory_mb_max": 100})))
    push(http, pipeline.name)
    pipeline.wait_for_idle(idle_interval_s=0.5)
    counters = pipeline.stats().global_metrics
    sql = "SELECT COUNT(*) AS n, SUM(c) AS c, MAX(last) AS last FROM counted"
    before = list(pipeline.query(sql))
    pipeline.stop(force=False)
    pipeline.start()
    after = list(pipeline.query(sql))

    assert before == after == [{"n": ROWS, "c": ROWS, "last": ROWS - 1}]
    assert counters.memory_pressure == "critical"
    assert counters.memory_pressure_epoch >= 1
    assert counters.storage_bytes > 10_000_000


def test_the_level_of_pressure_and_its_changes_are_metrics(started: Make, http: Http) -> None:
    name = started(PROGRAM, runtime_config=RuntimeConfig.from_dict({"max_rss_mb": 10})).name

    def metrics() -> dict[str, float]:
        return {
            family["key"]: family["values"][0]["value"]
            for family in http("GET", f"/pipelines/{name}/metrics?format=json").json()
        }

    wait_for(lambda: metrics()["memory_pressure"] == 3)
    assert metrics()["memory_pressure_epoch"] >= 1
    assert metrics()["max_rss_bytes"] == 10_000_000


@pytest.mark.parametrize("coding", ["gzip", "identity"])
def test_the_heap_profile_is_a_compressed_buffer_whatever_is_accepted(started: Make, http: Http, coding: str) -> None:
    name = started(PROGRAM).name
    push(http, name)
    reply: Any = http("GET", f"/pipelines/{name}/heap_profile", headers={"Accept-Encoding": coding})

    assert reply.headers["content-type"] == "application/protobuf"
    content = gzip.decompress(reply.content)
    assert b"table t" in content
    assert b"inuse_space" in content


def test_there_is_no_heap_of_a_pipeline_that_does_not_run(make: Make, http: Http) -> None:
    name = make(PROGRAM).name

    assert http.code("GET", f"/pipelines/{name}/heap_profile") == (503, "PipelineInteractionNotDeployed")
