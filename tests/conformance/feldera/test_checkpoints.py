"""What a pipeline keeps over a stop and over a crash, through the released client; and the face without all that."""

import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from feldera import FelderaClient, PipelineBuilder
from feldera.enums import BootstrapPolicy, CheckpointStatus, FaultToleranceModel, PipelineStatus
from feldera.rest.errors import FelderaAPIError
from feldera.rest.retry import RetryConfig
from feldera.runtime_config import RuntimeConfig, Storage

from tests.conformance.feldera.conftest import Make
from tests.conformance.serving import Server, wait_for
from tests.integration.circuits.object_store import ObjectStore, object_store

PROGRAM = """
CREATE TABLE t (x INT NOT NULL PRIMARY KEY, word VARCHAR) WITH ('materialized' = 'true');
CREATE MATERIALIZED VIEW counted AS SELECT word, COUNT(*) AS c FROM t GROUP BY word;
"""


@pytest.fixture
def other() -> Iterator[Server]:
    """A server that may be killed."""
    with tempfile.TemporaryDirectory(prefix="penstock-checkpoints-", ignore_cleanup_errors=True) as folder:
        made = Server(Path(folder) / "data")
        yield made
        made.stop()


@pytest.fixture
def free() -> Iterator[FelderaClient]:
    with tempfile.TemporaryDirectory(prefix="penstock-free-", ignore_cleanup_errors=True) as folder:
        made = Server(Path(folder) / "data", PENSTOCK_EDITION="free")
        yield FelderaClient(made.url, retry_config=RetryConfig(max_retries=0))
        made.stop()


def client_of(server: Server) -> FelderaClient:
    return FelderaClient(server.url, retry_config=RetryConfig(max_retries=3))


def test_a_pipeline_stopped_with_a_checkpoint_goes_on(started: Make) -> None:
    pipeline = started(PROGRAM)
    pipeline.input_json("t", [{"x": 1, "word": "a"}, {"x": 2, "word": "b"}])
    pipeline.stop(force=False)
    kept = pipeline.checkpoints()
    pipeline.start()
    rows = list(pipeline.query("SELECT * FROM counted ORDER BY word"))
    pipeline.input_json("t", {"x": 2, "word": "a"})
    later = list(pipeline.query("SELECT * FROM counted ORDER BY word"))

    assert len(kept) == 1
    assert rows == [{"word": "a", "c": 1}, {"word": "b", "c": 1}]
    assert later == [{"word": "a", "c": 2}]


def test_a_checkpoint_is_made_on_request_and_its_end_is_told(started: Make) -> None:
    pipeline = started(PROGRAM)
    pipeline.input_json("t", {"x": 1, "word": "a"})
    first = pipeline.checkpoint(wait=True)
    second = pipeline.checkpoint(wait=True)
    pipeline.stop(force=True)
    pipeline.start()

    assert (first, second) == (1, 2)
    assert list(pipeline.query("SELECT * FROM counted")) == [{"word": "a", "c": 1}]


def test_after_clearing_a_pipeline_begins_empty(started: Make) -> None:
    pipeline = started(PROGRAM)
    pipeline.input_json("t", {"x": 1, "word": "a"})
    pipeline.stop(force=False)
    pipeline.clear_storage()
    pipeline.start()

    assert pipeline.checkpoints() == []
    assert list(pipeline.query("SELECT * FROM counted")) == []


def test_a_changed_program_takes_over_the_rows(started: Make) -> None:
    pipeline = started(PROGRAM)
    pipeline.input_json("t", [{"x": 1, "word": "a"}, {"x": 2, "word": "a"}])
    pipeline.stop(force=False)
    pipeline.modify(sql=PROGRAM + "CREATE MATERIALIZED VIEW greatest AS SELECT MAX(x) AS x FROM t;")
    pipeline.start(bootstrap_policy=BootstrapPolicy.AWAIT_APPROVAL)
    waits = pipeline.status()
    details = pipeline.deployment_runtime_status_details()
    pipeline.approve()
    wait_for(lambda: pipeline.status() == PipelineStatus.RUNNING)

    assert waits == PipelineStatus.AWAITINGAPPROVAL
    assert details is not None
    assert details["approval_diff"]["program_diff"]["added_views"] == ["greatest"]
    assert list(pipeline.query("SELECT * FROM greatest")) == [{"x": 2}]
    assert list(pipeline.query("SELECT * FROM counted")) == [{"word": "a", "c": 2}]


def test_a_changed_program_is_given_up_or_rejected_as_its_owner_wants(started: Make) -> None:
    pipeline = started(PROGRAM)
    pipeline.input_json("t", {"x": 1, "word": "a"})
    pipeline.stop(force=False)
    pipeline.modify(sql=PROGRAM.replace("COUNT(*)", "SUM(x)"))
    pipeline.start(bootstrap_policy=BootstrapPolicy.AWAIT_APPROVAL)
    pipeline.stop(force=True)
    with pytest.raises(RuntimeError, match="has changed"):
        pipeline.start(bootstrap_policy=BootstrapPolicy.REJECT)
    error = pipeline.deployment_error()

    assert error is not None
    assert error["error_code"] == "BootstrapRejected"


def test_a_fault_tolerant_pipeline_goes_on_by_itself_after_a_crash_of_the_server(other: Server) -> None:
    config = RuntimeConfig(fault_tolerance_model=FaultToleranceModel.ExactlyOnce)
    name = f"t-{uuid.uuid4().hex[:8]}"
    pipeline = PipelineBuilder(client_of(other), name, PROGRAM, runtime_config=config).create()
    pipeline.start()
    pipeline.input_json("t", [{"x": 1, "word": "a"}, {"x": 2, "word": "a"}], wait=True)
    other.kill()
    other.start()
    again = wait_for(lambda: pipeline.status().name == "RUNNING")
    rows = list(pipeline.query("SELECT * FROM counted"))
    pipeline.stop(force=True)

    assert again
    assert rows == [{"word": "a", "c": 2}]


def test_the_free_edition_says_so_and_makes_no_checkpoints(free: FelderaClient) -> None:
    """Row 54."""
    pipeline = PipelineBuilder(free, "p", PROGRAM).create()
    with pytest.raises(FelderaAPIError) as refused:
        pipeline.checkpoint()

    assert free.get_config().edition.is_enterprise() is False
    assert (refused.value.status_code, refused.value.error_code) == (501, "EnterpriseFeature")


def synced(store: ObjectStore, **settings: Any) -> RuntimeConfig:
    keys = {"access_key": "ours", "secret_key": "s3cret"}
    sync = {"bucket": "bucket/kept", "provider": "Other", "endpoint": store.url, **keys, **settings}
    return RuntimeConfig(storage=Storage(config={"backend": {"name": "file", "config": {"sync": sync}}}))


def test_a_checkpoint_goes_to_an_object_store_and_another_server_starts_from_it(other: Server, make: Make) -> None:
    with object_store() as store:
        first = make(PROGRAM, runtime_config=synced(store))
        first.start()
        first.input_json("t", [{"x": 1, "word": "a"}, {"x": 2, "word": "a"}])
        first.checkpoint(wait=True)
        id = first.sync_checkpoint(wait=True, timeout_s=30)
        remote = first.client.http.get(f"/pipelines/{first.name}/checkpoints/remote")
        status = first.sync_checkpoint_status(id)
        shown = first.client.http.get(f"/pipelines/{first.name}")["runtime_config"]
        first.stop(force=True)

        config = synced(store, start_from_checkpoint="latest", fail_if_no_checkpoint=True)
        name = f"t-{uuid.uuid4().hex[:8]}"
        second = PipelineBuilder(client_of(other), name, PROGRAM, runtime_config=config).create()
        second.start()
        rows = list(second.query("SELECT * FROM counted"))
        second.stop(force=True)

    assert remote == [{"uuid": id}]
    assert status == CheckpointStatus.Success
    assert shown["storage"]["backend"]["config"]["sync"]["secret_key"] == "(hidden)"
    assert rows == [{"word": "a", "c": 2}]


def test_a_start_that_must_find_a_checkpoint_fails_without_one(make: Make) -> None:
    with object_store() as store:
        config = synced(store, start_from_checkpoint="latest", fail_if_no_checkpoint=True)
        pipeline = make(PROGRAM, runtime_config=config)
        with pytest.raises(RuntimeError, match="no such checkpoint"):
            pipeline.start()


def test_without_an_object_store_there_is_nothing_to_sync_with(started: Make) -> None:
    pipeline = started(PROGRAM)
    pipeline.checkpoint(wait=True)
    with pytest.raises(FelderaAPIError, match="no object store") as refused:
        pipeline.sync_checkpoint()

    assert refused.value.error_code == "NotSupported"


def test_a_pipeline_stands_by_for_another_one_and_takes_over(other: Server, make: Make) -> None:
    with object_store() as store:
        first = make(PROGRAM, runtime_config=synced(store))
        config = synced(store, start_from_checkpoint="latest", pull_interval=1)
        name = f"t-{uuid.uuid4().hex[:8]}"
        second = PipelineBuilder(client_of(other), name, PROGRAM, runtime_config=config).create()
        second.start_standby()
        early = second.status()
        first.start()
        first.input_json("t", [{"x": 1, "word": "a"}, {"x": 2, "word": "a"}])
        first.checkpoint(wait=True)
        id = first.sync_checkpoint(wait=True, timeout_s=30)
        here = wait_for(lambda: any(kept.uuid == id for kept in second.checkpoints()))
        waiting = second.status()
        first.stop(force=True)
        second.activate()
        rows = list(second.query("SELECT * FROM counted"))
        second.input_json("t", {"x": 3, "word": "b"})
        second.stop(force=False)
        second.start_standby(wait=False)
        again = wait_for(lambda: second.status() == PipelineStatus.RUNNING)
        more = sorted(row["word"] for row in second.query("SELECT * FROM counted"))
        second.stop(force=True)

    assert (early, waiting) == (PipelineStatus.STANDBY, PipelineStatus.STANDBY)
    assert here
    assert rows == [{"word": "a", "c": 2}]
    assert again and more == ["a", "b"]


def test_a_pipeline_that_stands_by_can_be_stopped(make: Make) -> None:
    with object_store() as store:
        config = synced(store, start_from_checkpoint="latest", standby=True)
        pipeline = make(PROGRAM, runtime_config=config)
        pipeline.client.http.post(f"/pipelines/{pipeline.name}/start")
        standing = wait_for(lambda: pipeline.status() == PipelineStatus.STANDBY)
        pipeline.stop(force=True)
        stopped = pipeline.status()
        with pytest.raises(FelderaAPIError):
            pipeline.activate()

    assert standing
    assert stopped == PipelineStatus.STOPPED
