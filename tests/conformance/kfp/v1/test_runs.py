"""Runs and recurring runs, with kfp 1.8.22."""

import base64
import io
import json
import tarfile
from collections.abc import Callable
from typing import Any

import kfp
import kfp_server_api
import pytest
from kfp import dsl
from kfp.components import create_component_from_func

from tests.conformance.kfp.conftest import Server, wait_for
from tests.conformance.kfp.v1.conftest import ended, nodes, shell

pytestmark = pytest.mark.conformance
Package = Callable[[Any], str]


def add(a: int, b: int) -> int:
    return a + b


@dsl.pipeline(name="sums")  # type: ignore[untyped-decorator]
def sums(a: int = 1) -> None:
    plus = create_component_from_func(add)
    first = plus(a, 2)
    with dsl.Condition(first.output > 2), dsl.ParallelFor([10, 20]) as item:
        plus(first.output, item)
    with dsl.Condition(first.output > 100):
        shell("never", "false")


@dsl.pipeline(name="fails")  # type: ignore[untyped-decorator]
def fails() -> None:
    with dsl.ExitHandler(shell("bye", 'echo "was $1"', "{{workflow.status}}")):
        good = shell("good", "date +%s%N > /tmp/out", outputs={"at": "/tmp/out"})
        shell("bad", "echo no; exit 3").after(good)


@dsl.pipeline(name="sleeps")  # type: ignore[untyped-decorator]
def sleeps(seconds: int = 60) -> None:
    shell("nap", 'sleep "$1"', seconds)


def test_the_clients_own_way(client: kfp.Client) -> None:
    result = client.create_run_from_pipeline_func(sums, arguments={"a": 5})
    detail = ended(client, result.run_id)
    assert detail.run.status == "Succeeded"
    shown = nodes(detail)
    assert shown["add"]["outputs"]["parameters"] == [{"name": "add-Output", "value": "7"}]
    assert shown["add-2"]["outputs"]["artifacts"][0]["name"] == "add-2-Output"
    looped = [node for node in shown.values() if node["displayName"].startswith("for-loop") and node["type"] == "DAG"]
    assert sorted(node["name"].rpartition("(")[2] for node in looped) == ["0:10)", "1:20)"]
    assert [node["phase"] for node in shown.values() if node["type"] == "Skipped"] == ["Skipped"]


def test_retry_does_only_the_failed_part_again(
    client: kfp.Client, experiment: str, name: str, package: Package
) -> None:
    run = client.run_pipeline(experiment, name, package(fails))
    first = ended(client, run.id)
    assert first.run.status == "Failed"
    before = nodes(first)["good"]
    client.runs.retry_run(run.id)

    def again() -> Any:
        detail = client.get_run(run.id)
        has_ended = detail.run.status == "Failed" and detail.run.finished_at >= first.run.finished_at
        return detail if has_ended and nodes(detail)["bad"]["startedAt"] > nodes(first)["bad"]["startedAt"] else None

    second = wait_for(again)
    assert nodes(second)["good"] == before


def test_logs_artifacts_and_metrics(client: kfp.Client, experiment: str, name: str, package: Package) -> None:
    run = client.run_pipeline(experiment, name, package(fails))
    shown = nodes(ended(client, run.id))
    reply = client.runs.read_artifact(run.id, shown["good"]["id"], "good-at")
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(reply.data))) as archive:
        (member,) = archive.getmembers()
        assert archive.extractfile(member).read().strip().isdigit()  # type: ignore[union-attr]
    metric = {"name": "score", "node_id": shown["good"]["id"], "number_value": 0.5}
    answers = [client.runs.report_run_metrics(run.id, {"metrics": [metric]}).results[0].status for _ in range(2)]
    assert answers == ["OK", "DUPLICATE_REPORTING"]
    assert [each.number_value for each in client.get_run(run.id).run.metrics] == [0.5]


def test_terminate_archive_delete(client: kfp.Client, experiment: str, name: str, package: Package) -> None:
    run = client.run_pipeline(experiment, name, package(sleeps))
    wait_for(lambda: nodes(client.get_run(run.id)).get("nap"))
    client.runs.terminate_run(run.id)
    assert ended(client, run.id).run.status == "Failed"
    client.runs.archive_run(run.id)
    assert client.get_run(run.id).run.storage_state == "STORAGESTATE_ARCHIVED"
    client.runs.unarchive_run(run.id)
    client.runs.delete_run(run.id)
    with pytest.raises(kfp_server_api.ApiException):
        client.get_run(run.id)


def test_a_run_survives_the_server(client: kfp.Client, server: Server, name: str, package: Package) -> None:
    experiment = client.create_experiment(name).id
    run = client.run_pipeline(experiment, name, package(sleeps), params={"seconds": 2})
    wait_for(lambda: nodes(client.get_run(run.id)).get("nap"))
    server.kill()
    server.start()
    detail = ended(client, run.id)
    assert detail.run.status == "Succeeded"


@pytest.mark.parametrize("change", [{"sidecars": [{"name": "s"}]}, {"initContainers": [{"name": "i"}]}])
def test_features_that_are_missing_are_refused_by_name(
    client: kfp.Client, experiment: str, name: str, change: dict[str, Any]
) -> None:
    template = {"name": "a", "container": {"command": ["true"]}} | change
    manifest = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "spec": {"entrypoint": "a", "templates": [template]},
    }
    with pytest.raises(kfp_server_api.ApiException) as caught:
        client.runs.create_run({"name": name, "pipeline_spec": {"workflow_manifest": json.dumps(manifest)}})
    assert caught.value.status == 400
    assert next(iter(change)) in str(caught.value.body)


def test_a_recurring_run(client: kfp.Client, experiment: str, name: str, package: Package) -> None:
    job = client.create_recurring_run(
        experiment, name, interval_second=1, pipeline_package_path=package(sums), no_catchup=True, max_concurrency=3
    )
    runs = wait_for(lambda: client.list_runs(experiment_id=experiment, page_size=50).runs)
    assert {each.key.id for each in runs[0].resource_references if each.key.type == "JOB"} == {job.id}
    client.disable_job(job.id)
    assert not client.get_recurring_run(job.id).enabled
    client.jobs.enable_job(job.id)
    assert [each.id for each in client.list_recurring_runs(experiment_id=experiment).jobs] == [job.id]
    client.delete_job(job.id)
    with pytest.raises(kfp_server_api.ApiException):
        client.get_recurring_run(job.id)
