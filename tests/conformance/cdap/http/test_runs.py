"""What is seen of a run while it goes on and after it, and how it is steered."""

from pathlib import Path

from tests.conformance.cdap.driving import Endpoint, Rest, pipeline, slow_pipeline
from tests.conformance.serving import wait_for


def test_a_run_shows_counts_logs_nodes_and_token_when_it_has_completed(rest: Rest, tmp_path: Path) -> None:
    app = rest.deploy(pipeline(tmp_path, lines=7))
    run = rest.start(app, n="1")
    record = rest.ended(app, run)

    query = {
        "one": {
            "tags": {"namespace": "default", "app": app, "run": run},
            "metrics": ["user.Source.records.out", "user.Sink.records.in", "user.Nobody.records.in"],
            "timeRange": {"aggregate": True},
        }
    }
    series = rest.call("POST", "/v3/metrics/query", query)["one"]["series"]
    nodes = rest.call("GET", f"{rest.program(app)}/runs/{run}/nodes/state")
    token = rest.call("GET", f"{rest.program(app)}/runs/{run}/token")

    assert record["status"] == "COMPLETED"
    assert {each["metricName"]: each["data"][0]["value"] for each in series} == {
        "user.Source.records.out": 7,
        "user.Sink.records.in": 7,
    }
    assert nodes["phase-1"]["nodeStatus"] == "COMPLETED"
    assert nodes["phase-1"]["runId"] == record["properties"]["phase-1"]
    assert token["stage.statistics.Source.output.records"] == [{"nodeName": "phase-1", "value": "7"}]
    lifecycle = rest.log(app, run, "filter=MDC:eventType=lifecycle").splitlines()
    assert [line.rpartition(" ")[2] for line in lifecycle][-2:] == ["running", "succeeded."]
    assert rest.send("GET", f"{rest.program(app)}/runs/{run}/logs?format=json").json()[0]["logLevel"] == "INFO"


def test_a_run_is_stopped_and_a_second_stop_is_refused(rest: Rest, tmp_path: Path, endpoint: Endpoint) -> None:
    app = rest.deploy(slow_pipeline(tmp_path, endpoint))
    first, second = rest.start(app, n="1"), rest.start(app, n="2")
    rest.until(app, first, "RUNNING")
    rest.until(app, second, "RUNNING")

    assert rest.call("GET", f"{rest.program(app)}/status") == {"status": "RUNNING"}
    rest.call("POST", f"{rest.program(app)}/runs/{first}/stop")
    assert rest.until(app, first, "KILLED")["status"] == "KILLED"
    assert rest.send("POST", f"{rest.program(app)}/runs/{first}/stop").status == 400
    stopped = rest.call(
        "POST", f"{rest.home}/stop", [{"appId": app, "programType": "workflow", "programId": "DataPipelineWorkflow"}]
    )
    assert [each["runId"] for each in stopped] == [second]
    rest.until(app, second, "KILLED")
    assert "is not running" in rest.call("POST", f"{rest.program(app)}/stop", status=400)
    assert not (tmp_path / "out").exists()


def test_a_suspended_run_begins_nothing_until_it_is_resumed(rest: Rest, tmp_path: Path, endpoint: Endpoint) -> None:
    app = rest.deploy(slow_pipeline(tmp_path, endpoint))
    run = rest.start(app, n="1")
    rest.until(app, run, "RUNNING")
    path = f"{rest.program(app)}/runs/{run}"

    assert rest.call("POST", f"{path}/suspend") == "Program run suspended."
    assert rest.record(app, run)["status"] == "SUSPENDED"
    rest.call("POST", f"{path}/suspend", status=409)
    endpoint.go.set()
    wait_for(lambda: rest.call("GET", f"{path}/nodes/state").get("Wait", {}).get("nodeStatus") == "COMPLETED")
    assert rest.record(app, run)["status"] == "SUSPENDED"
    assert rest.call("POST", f"{path}/resume") == "Program run resumed."
    record = rest.ended(app, run)

    assert record["status"] == "COMPLETED"
    assert record["starting"] <= record["suspend"] <= record["resume"] <= record["end"]
    rest.call("POST", f"{path}/suspend", status=404)


def test_an_app_is_not_deleted_while_it_runs_and_a_redeployed_one_keeps_its_runs(
    rest: Rest, tmp_path: Path, endpoint: Endpoint
) -> None:
    app = rest.deploy(slow_pipeline(tmp_path, endpoint))
    run = rest.start(app, n="old")
    rest.until(app, run, "RUNNING")

    assert "DataPipelineWorkflow" in rest.call("DELETE", f"{rest.home}/apps/{app}", status=409)
    rest.deploy(pipeline(tmp_path), app)
    newer = rest.start(app, n="new")
    assert rest.ended(app, newer)["status"] == "COMPLETED"
    assert rest.record(app, run)["status"] == "RUNNING"
    endpoint.go.set()
    assert rest.ended(app, run)["status"] == "COMPLETED"
    assert [each["runid"] for each in rest.call("GET", f"{rest.program(app)}/runs")] == [newer, run]
    assert len(rest.call("GET", f"{rest.home}/apps/{app}/versions")) == 2

    rest.call("DELETE", f"{rest.home}/apps/{app}")
    rest.call("GET", f"{rest.program(app)}/runs/{run}", status=404)
    rest.deploy(pipeline(tmp_path), app)
    assert rest.call("GET", f"{rest.program(app)}/runs") == []


def test_arguments_come_from_preferences_and_what_is_nearer_wins(rest: Rest, tmp_path: Path) -> None:
    app = rest.deploy(pipeline(tmp_path))
    other = Rest(rest.url)
    other.call("PUT", f"{rest.home}/apps/{app}/preferences", {"n": "from_app", "b": "app"})
    other.call("PUT", f"{rest.program(app)}/preferences", {"b": "program", "c": "program"})

    run = rest.start(app, c="request")
    record = rest.ended(app, run)

    assert record["status"] == "COMPLETED"
    assert (tmp_path / "out/from_app/_SUCCESS").exists()
    assert '"n":"from_app","b":"program","c":"request"' in record["properties"]["runtimeArgs"]


def test_a_preview_shows_records_and_writes_nothing(rest: Rest, tmp_path: Path) -> None:
    body = {
        **pipeline(tmp_path, lines=5),
        "preview": {"programName": "DataPipelineWorkflow", "runtimeArgs": {"n": "1"}},
    }

    made = rest.call("POST", f"{rest.home}/previews", body)
    path = f"{rest.home}/previews/{made['application']}"
    wait_for(lambda: rest.call("GET", f"{path}/status")["status"] == "COMPLETED")
    traced = rest.call("GET", f"{path}/tracers/Source")

    assert made["entity"] == "APPLICATION"
    assert list(traced) == ["records.out"]
    assert [each["fields"]["body"] for each in traced["records.out"]] == [f"line {n}" for n in range(5)]
    assert not (tmp_path / "out").exists()
