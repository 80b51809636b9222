"""The whole way of a pipeline, as a user of the client goes it."""

import io
import json
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from feldera import FelderaClient, Pipeline, PipelineBuilder
from feldera.enums import CompletionTokenStatus, PipelineStatus, TransactionStatus
from feldera.rest.errors import FelderaAPIError

from tests.conformance.feldera.conftest import Http, rows, wait_for

pytestmark = [pytest.mark.conformance, pytest.mark.filterwarnings("ignore")]

SQL = """
CREATE TABLE t(id INT NOT NULL PRIMARY KEY, name VARCHAR);
CREATE MATERIALIZED VIEW v AS SELECT id, UPPER(name) AS name FROM t WHERE id > 0;
"""


def test_from_creation_to_deletion(client: FelderaClient, name: str) -> None:
    pipeline = PipelineBuilder(client, name, SQL).create_or_replace()
    pipeline.start_paused()
    out = pipeline.listen("v")
    chunks: list[int] = []
    pipeline.foreach_chunk("v", lambda frame, number: chunks.append(len(frame)))
    pipeline.resume()
    pipeline.input_json("t", [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}])
    pipeline.input_pandas("t", pd.DataFrame({"id": [3], "name": ["c"]}))
    pipeline.wait_for_completion()

    wanted = [{"id": 1, "name": "A"}, {"id": 2, "name": "B"}, {"id": 3, "name": "C"}]
    wait_for(lambda: sum(len(frame) for frame in out.buffer) == 3)
    assert sorted(({"id": r["id"], "name": r["name"]} for r in out.to_dict()), key=str) == wanted
    assert sum(chunks) == 3
    assert rows(pipeline, "SELECT * FROM v") == wanted
    assert rows(pipeline, "SELECT * FROM v") == sorted(pipeline.query_arrow_dicts("SELECT * FROM v"), key=str)
    pipeline.stop(force=True)
    assert pipeline.status() == PipelineStatus.STOPPED
    pipeline.clear_storage()
    pipeline.delete()
    with pytest.raises(FelderaAPIError) as gone:
        Pipeline.get(name, client)
    assert gone.value.error_code == "UnknownPipelineName"


def test_replacing_a_running_pipeline(client: FelderaClient, name: str) -> None:
    first = PipelineBuilder(client, name, SQL).create_or_replace()
    first.start()
    first.input_json("t", {"id": 1, "name": "a"})

    second = PipelineBuilder(client, name, SQL.replace("UPPER", "LOWER")).create_or_replace()
    second.start()
    second.input_json("t", {"id": 2, "name": "B"})

    assert rows(second, "SELECT * FROM v") == [{"id": 2, "name": "b"}]


def test_a_pipeline_is_created_once(client: FelderaClient, name: str) -> None:
    PipelineBuilder(client, name, SQL).create()

    with pytest.raises(RuntimeError, match="already exists"):
        PipelineBuilder(client, name, SQL).create()


def test_the_client_reads_every_property(client: FelderaClient, name: str) -> None:
    pipeline = PipelineBuilder(client, name, SQL, description="d").create_or_replace()
    pipeline.start()

    assert pipeline.program_code() == SQL.strip()
    assert pipeline.runtime_config().workers == 8
    assert pipeline.program_config()["profile"] == "optimized"
    assert [table.name for table in pipeline.tables()] == ["t"]
    assert "v" in [view.name for view in pipeline.views()]
    for look in (
        pipeline.id,
        pipeline.created_at,
        pipeline.version,
        pipeline.program_version,
        pipeline.program_status,
        pipeline.program_status_since,
        pipeline.platform_version,
        pipeline.deployment_status_since,
        pipeline.deployment_desired_status,
        pipeline.deployment_resources_status,
        pipeline.deployment_resources_desired_status,
        pipeline.deployment_runtime_status,
        pipeline.deployment_runtime_desired_status,
        pipeline.bootstrap_policy,
        pipeline.program_error,
        pipeline.storage_status,
    ):
        assert look() is not None, look.__name__
    assert pipeline.errors() == []
    assert pipeline.stats().global_metrics.state == PipelineStatus.RUNNING


def test_the_clients_other_methods_work_too(client: FelderaClient, name: str, tmp_path: Path) -> None:
    transport = {"name": "datagen", "config": {"plan": [{"limit": 10}]}}
    connectors = json.dumps([{"name": "g", "transport": transport, "paused": True}])
    sql = f"CREATE TABLE t(x INT) WITH ('connectors' = '{connectors}'); CREATE MATERIALIZED VIEW v AS SELECT * FROM t;"
    pipeline = PipelineBuilder(client, name, sql).create_or_replace()
    pipeline.start()

    token = pipeline.generate_completion_token("t", "g")
    assert pipeline.completion_token_status(token) == CompletionTokenStatus.COMPLETE
    pipeline.start_input_connector("t", "g")
    wait_for(lambda: pipeline.is_complete())
    pipeline.wait_for_token(pipeline.generate_completion_token("t", "g"))
    assert rows(pipeline, "SELECT COUNT(*) AS c FROM v") == [{"c": 10}]
    assert pipeline.transaction_status() == TransactionStatus.NoTransaction
    pipeline.rebalance()
    assert pipeline.checkpoints() == []
    assert zipfile.is_zipfile(io.BytesIO(pipeline.support_bundle(str(tmp_path / "bundle.zip"))))
    pipeline.restart()
    assert rows(pipeline, "SELECT COUNT(*) AS c FROM v") == [{"c": 0}]
    pipeline.stop(force=True)
    pipeline.update_runtime()
    assert pipeline.version() == 1
    pipeline.delete(clear_storage=True)
    assert name not in [other.name for other in Pipeline.all(client)]


def test_csv_can_be_followed(client: FelderaClient, name: str, http: Http) -> None:
    pipeline = PipelineBuilder(client, name, SQL).create_or_replace()
    pipeline.start()
    reply = http("POST", f"/pipelines/{name}/egress/v?format=csv", stream=True)
    lines = (json.loads(line) for line in reply.iter_lines(chunk_size=None) if line)
    assert next(lines)["text_data"] == ""
    pipeline.input_json("t", {"id": 1, "name": "a,b"})

    assert next(text for line in lines if (text := line["text_data"])) == '1,"A,B",1\n'


def test_errors_of_a_connector_are_counted(client: FelderaClient, name: str) -> None:
    pipeline = PipelineBuilder(client, name, SQL).create_or_replace()
    pipeline.start()
    with pytest.raises(FelderaAPIError, match="4 errors"):
        client.push_to_pipeline(name, "t", "csv", "x,a\ny,b\nz,c\nw,d\n1,e\n")

    wait_for(lambda: pipeline.deployment_runtime_status_details()["connector_stats"]["num_errors"] == 4)
    assert rows(pipeline, "SELECT id FROM v") == [{"id": 1}]
