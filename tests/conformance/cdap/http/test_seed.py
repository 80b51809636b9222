"""The two calls by which pipelines are orchestrated from outside, and their answers, word for word but for names."""

import json
import uuid
from pathlib import Path

from tests.conformance.cdap.driving import Rest, pipeline

START_KEYS = ["statusCode", "runId", "appId", "programType", "programId"]
RECORD_KEYS = ["runid", "starting", "start", "end", "status", "properties", "cluster", "profile"]


def test_a_start_answers_as_documented(rest: Rest, tmp_path: Path) -> None:
    app = rest.deploy(pipeline(tmp_path))
    sent = (
        f'[{{"appId": "{app}", "programType": "workflow", "programId":"DataPipelineWorkflow", '
        f'"runtimeargs": {{ "path":"gs://mybucket/csv/data.txt", "n": "1" }}}}]'
    )

    reply = rest.send("POST", "/v3/namespaces/default/start", sent.encode())

    assert reply.status == 200
    (item,) = reply.json()
    assert list(item) == START_KEYS
    assert uuid.UUID(item["runId"]).version == 1
    assert {**item, "runId": ""} == {
        "statusCode": 200,
        "runId": "",
        "appId": app,
        "programType": "Workflow",
        "programId": "DataPipelineWorkflow",
    }
    assert " " not in reply.text.replace(app, "")


def test_a_run_record_answers_as_documented(rest: Rest, tmp_path: Path) -> None:
    app = rest.deploy(pipeline(tmp_path))
    run = rest.start(app)

    first = rest.send("GET", f"/v3/namespaces/default/apps/{app}/workflows/DataPipelineWorkflow/runs/{run}")
    record = rest.until(app, run, "FAILED")  # nobody says what ${n} is

    assert first.status == 200
    assert list(record) == RECORD_KEYS
    assert record["runid"] == run
    assert record["starting"] <= record["start"] <= record["end"] <= record["cluster"]["end"]
    arguments = json.loads(record["properties"]["runtimeArgs"])
    assert list(arguments) == ["logical.start.time"]
    assert int(arguments["logical.start.time"]) // 1000 == record["starting"]
    assert list(record["properties"]) == ["runtimeArgs", "phase-1"]
    assert uuid.UUID(record["properties"]["phase-1"]).version == 1
    assert record["cluster"] == {"status": "DEPROVISIONED", "end": record["cluster"]["end"], "numNodes": 0}
    assert record["profile"] == {"profileName": "native", "namespace": "system", "entity": "PROFILE"}
    assert "Argument 'n' is not defined" in rest.log(app, run)


def test_both_calls_are_also_below_the_prefix_of_data_fusion(rest: Rest, tmp_path: Path) -> None:
    app = rest.deploy(pipeline(tmp_path))
    item = {"appId": app, "programType": "WORKFLOW", "programId": "DataPipelineWorkflow", "runtimeargs": {"n": "1"}}

    (answer,) = rest.call("POST", "/api/v3/namespaces/default/start", [item])
    record = rest.call(
        "GET", f"/api/v3/namespaces/default/apps/{app}/workflows/DataPipelineWorkflow/runs/{answer['runId']}"
    )

    assert record["runid"] == answer["runId"]
