"""Connectors, statistics, metrics, logs, profiles."""

import io
import json
import zipfile
from typing import Any

import pytest
from feldera import Pipeline
from feldera.enums import PipelineStatus

from tests.conformance.feldera.conftest import Http, Make, rows, wait_for

pytestmark = pytest.mark.conformance

EMPTY = "CREATE TABLE t(x INT); CREATE MATERIALIZED VIEW v AS SELECT * FROM t;"


def generated(limit: int, **options: Any) -> str:
    """Return the connectors property of a table that fills itself."""
    transport = {"name": "datagen", "config": {"plan": [{"limit": limit}]}}
    return f"WITH ('connectors' = '{json.dumps([{'name': 'g', 'transport': transport, **options}])}')"


def test_a_connector_is_not_paused_because_its_pipeline_is(make: Make) -> None:
    """Row 101."""
    pipeline = make(f"CREATE TABLE t(x INT) {generated(5)};")
    pipeline.start_paused()

    assert pipeline.input_connector_stats("t", "g").paused is False


@pytest.mark.parametrize("spelling", ["t1", "T1", '"Quoted"', '"odd +,.!%()&/ name"'])
def test_a_connector_can_be_held_back(make: Make, spelling: str) -> None:
    """Row 102."""
    pipeline = make(
        f"CREATE TABLE {spelling}(x INT) {generated(5)}; CREATE MATERIALIZED VIEW v AS SELECT * FROM {spelling};"
    )
    pipeline.start_paused()
    pipeline.pause_input_connector(spelling, "g")
    pipeline.resume()
    assert pipeline.input_connector_stats(spelling, "g").paused is True
    assert pipeline.stats().global_metrics.total_processed_records == 0
    pipeline.start_input_connector(spelling, "g")

    pipeline.wait_for_completion()
    assert rows(pipeline, "SELECT COUNT(*) AS c FROM v") == [{"c": 5}]


def test_statistics_have_exactly_these_keys(started: Make, http: Http) -> None:
    """Row 103."""
    pipeline = started(EMPTY)

    assert set(http("GET", f"/pipelines/{pipeline.name}/stats").json()) == {
        "checkpoint_activity",
        "global_metrics",
        "inputs",
        "outputs",
        "permanent_checkpoint_errors",
        "suspend_error",
    }


@pytest.fixture
def five(make: Make, http: Http) -> Any:
    """A pipeline that has generated five rows while a stream was open; its statistics."""
    pipeline = make(f"CREATE TABLE t1(c1 INT) {generated(5)}; CREATE MATERIALIZED VIEW v1 AS SELECT * FROM t1;")
    pipeline.start_paused()
    stream = http("POST", f"/pipelines/{pipeline.name}/egress/v1", stream=True)
    pipeline.resume()
    pipeline.wait_for_completion()
    yield pipeline, http("GET", f"/pipelines/{pipeline.name}/stats").json()
    stream.close()


def test_global_counters(five: tuple[Pipeline, Any]) -> None:
    """Row 104."""
    metrics = five[1]["global_metrics"]

    assert metrics["state"] == "Running"
    assert metrics["total_input_records"] == metrics["total_processed_records"] == 5
    assert metrics["pipeline_complete"] is True
    assert (metrics["buffered_input_records"], metrics["buffered_input_bytes"]) == (0, 0)
    assert metrics["total_initiated_steps"] == metrics["total_completed_steps"]


def test_counters_of_inputs(five: tuple[Pipeline, Any]) -> None:
    """Row 105."""
    (end,) = five[1]["inputs"]

    assert end["config"]["stream"] == "t1"
    metrics = end["metrics"]
    assert (metrics["total_records"], metrics["total_bytes"], metrics["end_of_input"]) == (5, 40, True)
    zeros = ("buffered_records", "buffered_bytes", "num_parse_errors", "num_transport_errors")
    assert [metrics[key] for key in zeros] == [0, 0, 0, 0]


def test_counters_of_outputs(five: tuple[Pipeline, Any]) -> None:
    """Row 106."""
    (end,) = five[1]["outputs"]

    assert end["config"]["stream"] == "v1"
    assert end["metrics"]["total_processed_steps"] == five[1]["global_metrics"]["total_completed_steps"]


def test_the_last_minute(five: tuple[Pipeline, Any], http: Http) -> None:
    """Row 107."""
    path = f"/pipelines/{five[0].name}/time_series"

    samples = wait_for(lambda: (found := http("GET", path).json()["samples"])[1:] and found, 10)
    assert samples[-1]["r"] == 5


@pytest.mark.parametrize("sql", [EMPTY, ""])
def test_metrics_in_both_forms(make: Make, http: Http, sql: str) -> None:
    """Row 108."""
    pipeline = make(sql)
    pipeline.start_paused()
    line = "# TYPE records_processed_total counter"

    assert line in pipeline.metrics().splitlines()
    assert line in http("GET", f"/pipelines/{pipeline.name}/metrics").text.splitlines()
    assert "records_processed_total" in [family["key"] for family in pipeline.metrics("json")]
    assert http.code("GET", f"/pipelines/{pipeline.name}/metrics?format=odd")[0] == 400


def test_empty_inputs_and_null_outputs_complete(started: Make) -> None:
    """Row 109."""
    empty = json.dumps([{"name": "e", "transport": {"name": "empty_input"}}])
    sink = json.dumps([{"name": "n", "transport": {"name": "null_output"}}])
    pipeline = started(
        f"""
        CREATE TABLE a(x INT) WITH ('connectors' = '{empty}');
        CREATE TABLE b(x INT) {generated(1000)};
        CREATE MATERIALIZED VIEW va AS SELECT COUNT(*) AS c FROM a;
        CREATE MATERIALIZED VIEW vb WITH ('connectors' = '{sink}') AS SELECT COUNT(*) AS c FROM b;
        """
    )
    pipeline.wait_for_completion()

    assert rows(pipeline, "SELECT * FROM va") == [{"c": 0}]
    assert rows(pipeline, "SELECT * FROM vb") == [{"c": 1000}]


def test_log_streams_begin_at_once(started: Make) -> None:
    """Row 110."""
    pipeline = started(EMPTY)
    for _ in range(200):
        first = next(pipeline.logs())
        assert "Fresh start of pipeline log" in first or "prior log lines were discarded" in first


def test_logs_can_be_taken_up_where_they_were_left(started: Make) -> None:
    pipeline = started(EMPTY)
    with pipeline.resume_logs() as stream:
        lines = iter(stream)
        first, second = next(lines), next(lines)
        cursor = stream.cursor()
    with pipeline.resume_logs(cursor) as stream:
        third = next(iter(stream))
        assert stream.position.gap == 0
    with pipeline.resume_logs() as stream:
        lines = iter(stream)
        assert [next(lines) for _ in range(3)] == [first, second, third]


def test_the_support_bundle(started: Make) -> None:
    """Row 111."""
    pipeline = started(EMPTY)

    def names(**options: Any) -> list[str]:
        return zipfile.ZipFile(
            io.BytesIO(pipeline.client.get_pipeline_support_bundle(pipeline.name, options))
        ).namelist()

    found = names()
    assert {"metadata.txt", "metadata.json"} < set(found)
    assert any(name.endswith("/circuit_profile.json") for name in found)
    assert len({name.partition("/")[0] for name in names(limit=1) if "/" in name}) == 1


def test_the_profile_as_an_archive(started: Make, http: Http) -> None:
    """Row 112."""
    reply = http("GET", f"/pipelines/{started(EMPTY).name}/circuit_profile")

    assert reply.headers["transfer-encoding"] == "chunked"
    assert reply.headers.get("content-encoding", "identity") == "identity"
    assert zipfile.ZipFile(io.BytesIO(reply.content)).namelist()


def test_the_profile_as_json(started: Make, http: Http) -> None:
    """Row 113."""
    path = f"/pipelines/{started(EMPTY).name}/circuit_json_profile"
    replies = [http("GET", path, headers={"Accept-Encoding": coding}) for coding in ("gzip", "identity")]

    assert [reply.headers["transfer-encoding"] for reply in replies] == ["chunked", "chunked"]
    assert [type(reply.json()) for reply in replies] == [dict, dict]


def test_compaction_changes_nothing(started: Make) -> None:
    """Row 114."""
    pipeline = started(EMPTY)
    pipeline.input_json("t", {"x": 1})
    pipeline.start_compaction()
    pipeline.start_compaction()

    assert rows(pipeline, "SELECT * FROM v") == [{"x": 1}]


def test_the_history_of_a_pipeline(make: Make) -> None:
    pipeline = make(EMPTY)
    pipeline.start()
    pipeline.stop(force=True)
    pipeline.clear_storage()

    statuses = [event["program_status"] for event in pipeline.events()[::-1]]
    assert statuses[:5] == ["Pending", "CompilingSql", "SqlCompiled", "CompilingRust", "Success"]
    assert pipeline.event("latest") == pipeline.events()[0]
    assert pipeline.status() == PipelineStatus.STOPPED
