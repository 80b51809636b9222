"""Methods of the client that no other test of this folder calls; and that together every one of them is called.

Deprecated names and the lower of the client's two layers count as methods of their own: programs use them.
"""

import io
import zipfile
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from feldera import FelderaClient
from feldera.enums import PipelineFieldSelector, PipelineStatus
from feldera.rest.errors import FelderaAPIError

from tests.conformance.feldera.calls import CALLED, public_methods
from tests.conformance.feldera.conftest import Http, Make, rows, wait_for

pytestmark = pytest.mark.conformance

OUT = """
CREATE TABLE t(x INT) WITH ('materialized' = 'true', 'connectors' = '[{"name": "g", "paused": true,
    "transport": {"name": "datagen", "config": {"plan": [{"limit": 5}]}}}]');
CREATE MATERIALIZED VIEW v WITH ('connectors' = '[{"name": "o", "transport": {"name": "null_output"}}]')
    AS SELECT * FROM t;
"""

NOT_CALLED = {
    "FelderaClient.start_samply_profile": "a profiler of compiled code; see circuit_profile",
    "FelderaClient.get_samply_profile": "the same",
    "Pipeline.start_samply_profile": "the same",
    "Pipeline.get_samply_profile": "the same",
    "Pipeline.deployment_config": "reads an attribute that replies have not had for long",
    "Pipeline.deployment_location": "the same",
}


def refused(method: Any, *arguments: Any) -> str:
    with pytest.raises(FelderaAPIError) as error:
        method(*arguments)
    code: str = error.value.error_code
    return code


def test_connectors_by_their_older_names(started: Make, client: FelderaClient) -> None:
    pipeline = started(OUT)
    with pytest.warns(DeprecationWarning):
        pipeline.resume_connector("t", "g")
    wait_for(lambda: pipeline.stats().global_metrics.total_processed_records == 5)
    with pytest.warns(DeprecationWarning):
        pipeline.pause_connector("t", "g")

    assert pipeline.input_connector_stats("t", "g").paused is True
    with pytest.warns(DeprecationWarning):
        client.resume_connector(pipeline.name, "t", "g")
    with pytest.warns(DeprecationWarning):
        client.pause_connector(pipeline.name, "t", "g")


def test_output_connectors_are_paused_and_started(started: Make, http: Http) -> None:
    pipeline = started(OUT)
    path = f"/pipelines/{pipeline.name}/views/v/connectors"

    pipeline.pause_output_connector("v", "o")
    paused = http("GET", f"{path}/o/stats").json()["paused"]
    pipeline.start_output_connector("v", "o")

    assert paused is True
    assert pipeline.output_connector_stats("v", "o").endpoint_name == "v.o"
    assert http.code("POST", f"{path}/o/command") == (400, "NotSupported")
    assert http.code("POST", f"{path}/nothing/command") == (404, "UnknownOutputEndpoint")
    assert http.code("POST", f"{path}/nothing/pause") == (404, "UnknownOutputEndpoint")


def test_queries_of_the_lower_layer(started: Make, client: FelderaClient, tmp_path: Any) -> None:
    pipeline, sql = started(OUT), "SELECT COUNT(*) AS c FROM v"

    assert [dict(row) for row in client.query_as_json(pipeline.name, sql)] == [{"c": 0}]
    assert "| 0" in "\n".join(client.query_as_text(pipeline.name, sql))
    client.query_as_parquet(pipeline.name, sql, str(tmp_path / "c"))
    assert pa.parquet.read_table(tmp_path / "c.parquet").to_pylist() == [{"c": 0}]
    assert pa.Table.from_batches(list(client.query_as_arrow(pipeline.name, sql))).to_pylist() == [{"c": 0}]
    assert client.query_as_hash(pipeline.name, sql) == pipeline.query_hash(sql)


def test_a_pipeline_by_the_lower_layer(client: FelderaClient, http: Http, name: str) -> None:
    from feldera.rest.pipeline import Pipeline as Inner

    inner = Inner(name, "CREATE TABLE t(x INT);", "", "", {}, {})
    assert client.create_pipeline(inner).program_status == "Success"
    inner.program_code = "CREATE TABLE t(y INT);"
    assert client.create_or_update_pipeline(inner).program_version == 2
    client.patch_pipeline(name, description="d")
    client.update_pipeline_runtime(name)
    assert client.get_pipeline(name, PipelineFieldSelector.ALL).description == "d"
    assert client.start_pipeline_as_paused(name) == PipelineStatus.PAUSED
    client.resume_pipeline(name)
    assert client.get_pipeline_stats(name)["global_metrics"]["state"] == "Running"
    assert "records_processed_total" in client.get_pipeline_metrics(name)
    client.pause_pipeline(name)
    client.rebalance_pipeline(name)
    client.start_compaction_pipeline(name)
    assert next(client.get_pipeline_logs(name))
    with client.resume_pipeline_logs(name) as stream:
        assert next(iter(stream))
    chunk = next(client.listen_to_pipeline(name, "t", "json")())
    assert chunk["json_data"] == []
    events = client.get_pipeline_events(name)
    assert client.get_pipeline_event(name, events[0]["event_id"])["event_id"] == events[0]["event_id"]
    client.stop_pipeline(name, force=True)
    client.dismiss_error_pipeline(name)
    assert client.start_pipeline(name) == PipelineStatus.RUNNING
    token = client.push_to_pipeline(name, "t", "json", [{"y": 1}], array=True, update_format="raw")
    wait_for(lambda: client.completion_token_processed(name, token))
    assert client.completion_status(name, token)["status"] == "complete"
    assert client.pipeline_diff(name, "CREATE TABLE u(x INT);")
    client.stop_pipeline(name, force=True)
    client.clear_storage(name)
    client.delete_pipeline(name)
    assert http("GET", f"/pipelines/{name}").status_code == 404


def test_checkpoints_by_the_lower_layer(started: Make, client: FelderaClient) -> None:
    pipeline = started(OUT)
    name = pipeline.name

    number = client.checkpoint_pipeline(name)
    response = client.checkpoint_pipeline_response(name)
    wait_for(lambda: client.checkpoint_pipeline_status(name)["success"] is not None)
    assert client.get_checkpoints(name)
    assert response["incarnation_uuid"] and response["checkpoint_sequence_number"] >= number
    assert pipeline.checkpoint_response()["incarnation_uuid"] == response["incarnation_uuid"]
    details = wait_for(lambda: pipeline.storage_status_details())
    assert {"uuid", "fingerprint", "size"} <= set(details["checkpoints"][0])
    assert pipeline.checkpoint_status(number) is not None
    for method in (client.sync_checkpoint, client.sync_checkpoint_response, client.sync_checkpoint_status):
        assert refused(method, name) in ("NotSupported", "InvalidParam")
    for method in (pipeline.sync_checkpoint_response, pipeline.last_successful_checkpoint_sync):
        assert refused(method) in ("NotSupported", "InvalidParam")
    assert refused(client.get_remote_checkpoints, name) in ("NotSupported", "InvalidParam")
    assert refused(pipeline.remote_checkpoints) in ("NotSupported", "InvalidParam")


def test_what_is_not_offered_is_refused_with_its_code(started: Make, client: FelderaClient) -> None:
    pipeline = started(OUT)
    name = pipeline.name

    assert refused(pipeline.activate) == refused(client.activate_pipeline, name) == "InvalidActivateStatus"
    assert refused(pipeline.testing_force_update_platform_version, "v1.0.0") == "UnsupportedPipelineAction"
    assert refused(client.approve_pipeline, name) == "InvalidTransition"
    pipeline.stop(force=True)
    assert (
        refused(client.start_pipeline_as_standby, name)
        == refused(pipeline.start_standby)
        == ("InitialStandbyNotAllowed")
    )


def test_the_rest_of_a_pipelines_properties(started: Make, client: FelderaClient) -> None:
    pipeline = started(OUT, udf_rust="// u", udf_toml="# t")

    pipeline.refresh(PipelineFieldSelector.ALL)
    pipeline.wait_for_status(PipelineStatus.RUNNING, 10)
    assert (pipeline.udf_rust(), pipeline.udf_toml()) == ("// u", "# t")
    assert FelderaClient.localhost(int(client.config.url.rpartition(":")[2])).get_config().version
    handler = pipeline.listen("v")
    pipeline.input_json("t", {"x": 1})
    frame = wait_for(lambda: handler.to_pandas().to_dict("records"))
    assert frame == [{"x": 1, "insert_delete": 1}]
    assert rows(pipeline, "SELECT * FROM v") == [{"x": 1}]


def test_tenants_and_trusts(client: FelderaClient) -> None:
    made = client.create_tenant("team")
    assert client.create_tenant("team") == made == client.get_tenant("team") == client.get_tenant(made["id"])
    assert "team" in [tenant["name"] for tenant in client.list_tenants()]
    assert client.rename_tenant(made["id"], "crew")["displaced"] is None
    client.delete_tenant(made["id"])
    assert refused(client.get_tenant, "crew") == "UnknownTenant"

    trust = client.create_oidc_trust("ci", "https://id.example", "repo:a/*", audience="x", role="write")
    assert client.get_oidc_trust("ci")["id"] == trust["id"]
    assert [entry["name"] for entry in client.list_oidc_trust()] == ["ci"]
    client.delete_oidc_trust("ci")
    assert refused(client.get_oidc_trust, "ci") == "UnknownOidcTrust"


def test_a_support_bundle_has_the_parts_that_are_asked_for(started: Make) -> None:
    pipeline = started(OUT)

    names = zipfile.ZipFile(io.BytesIO(pipeline.support_bundle(logs=False, stats=False))).namelist()

    parts = {name.partition("/")[2] for name in names}
    assert {"metrics.txt", "pipeline_config.json", "pipeline_events.json", "circuit_profile.json"} <= parts
    assert not {"logs.txt", "stats.json"} & parts


@pytest.mark.last
def test_every_public_method_was_called(request: pytest.FixtureRequest) -> None:
    if len({item.path.name for item in request.session.items}) < 16:
        pytest.skip("only some files of the folder are run")

    assert public_methods() - CALLED - set(NOT_CALLED) == set()
