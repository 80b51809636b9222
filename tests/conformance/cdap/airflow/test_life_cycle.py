"""A pipeline's life through the provider: create, start, wait, stop, delete, list."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from tests.conformance.cdap.airflow.conftest import WHERE, Provider
from tests.conformance.cdap.driving import Endpoint, Rest, pipeline, slow_pipeline
from tests.conformance.serving import wait_for


@pytest.fixture
def app(provider: Provider, tmp_path: Path) -> str:
    name = f"quick_{tmp_path.name}"
    provider.hook.create_pipeline(pipeline_name=name, pipeline=pipeline(tmp_path), instance_url=provider.url)
    return name


@pytest.fixture
def slow(provider: Provider, tmp_path: Path, endpoint: Endpoint) -> str:
    name = f"slow_{tmp_path.name}"
    body = slow_pipeline(tmp_path, endpoint)
    provider.hook.create_pipeline(pipeline_name=name, pipeline=body, instance_url=provider.url)
    return name


def start(provider: Provider, app: str, **arguments: str) -> str:
    return str(provider.hook.start_pipeline(pipeline_name=app, instance_url=provider.url, runtime_args=arguments))


def record(provider: Provider, app: str, run: str) -> Any:
    return provider.hook.get_pipeline_workflow(pipeline_name=app, pipeline_id=run, instance_url=provider.url)


def until(provider: Provider, app: str, run: str, status: str) -> None:
    wait_for(lambda: record(provider, app, run)["status"] == status)


def test_a_pipeline_is_created_listed_and_deleted(provider: Provider, app: str) -> None:
    listed = provider.hook.list_pipelines(instance_url=provider.url)
    by_artifact = provider.hook.list_pipelines(instance_url=provider.url, artifact_name="cdap-data-pipeline")
    provider.hook.delete_pipeline(pipeline_name=app, instance_url=provider.url)

    assert app in [each["name"] for each in listed]
    assert app in [each["name"] for each in by_artifact]
    assert app not in [each["name"] for each in provider.hook.list_pipelines(instance_url=provider.url)]


def test_a_start_with_the_operators_defaults_sees_its_run_at_once(provider: Provider, app: str) -> None:
    provider.statuses.clear()

    operator = provider.operator(
        "CloudDataFusionStartPipelineOperator", pipeline_name=app, runtime_args={"n": "1", "k": "v"}
    )
    run = operator.execute({})

    assert 404 not in provider.statuses
    shown = record(provider, app, run)
    assert shown["status"] in ("RUNNING", "COMPLETED")
    assert json.loads(shown["properties"]["runtimeArgs"])["k"] == "v"


def test_waiting_for_a_failing_run_raises_and_names_the_state(provider: Provider, app: str) -> None:
    run = start(provider, app)  # nobody says what ${n} is

    with pytest.raises(ValueError, match="FAILED"):
        provider.hook.wait_for_pipeline_state(pipeline_name=app, pipeline_id=run, instance_url=provider.url, timeout=30)


def test_a_run_is_stopped_with_and_without_its_id(provider: Provider, slow: str) -> None:
    for with_id in (False, True):
        run = start(provider, slow, n=str(with_id))
        until(provider, slow, run, "RUNNING")
        named = {"run_id": run} if with_id else {}
        provider.hook.stop_pipeline(pipeline_name=slow, instance_url=provider.url, **named)
        until(provider, slow, run, "KILLED")


def test_deleting_a_pipeline_that_runs_waits_for_its_end(provider: Provider, slow: str, endpoint: Endpoint) -> None:
    run = start(provider, slow, n="1")
    until(provider, slow, run, "RUNNING")
    provider.statuses.clear()

    with ThreadPoolExecutor(1) as pool:
        deleting = pool.submit(provider.hook.delete_pipeline, pipeline_name=slow, instance_url=provider.url)
        wait_for(lambda: 409 in provider.statuses)
        endpoint.go.set()
        deleting.result(60)

    assert provider.statuses[-1] == 200
    assert slow not in [each["name"] for each in provider.hook.list_pipelines(instance_url=provider.url)]


def test_the_operators_accept_all_answers(provider: Provider, tmp_path: Path, endpoint: Endpoint) -> None:
    name = f"operated_{tmp_path.name}"
    create = provider.operator(
        "CloudDataFusionCreatePipelineOperator", pipeline_name=name, pipeline=slow_pipeline(tmp_path, endpoint)
    )

    assert create.execute({}) is None
    run = start(provider, name, n="1")
    until(provider, name, run, "RUNNING")
    assert provider.operator("CloudDataFusionStopPipelineOperator", pipeline_name=name).execute({}) is None
    until(provider, name, run, "KILLED")
    assert name in [each["name"] for each in provider.operator("CloudDataFusionListPipelinesOperator").execute({})]
    assert provider.operator("CloudDataFusionDeletePipelineOperator", pipeline_name=name).execute({}) is None


def test_the_sensor_sees_a_run_complete(provider: Provider, app: str) -> None:
    run = start(provider, app, n="1")
    sensor = provider.sensors.CloudDataFusionPipelineStateSensor(
        task_id="s", pipeline_name=app, pipeline_id=run, expected_statuses={"COMPLETED"}, **WHERE
    )

    assert wait_for(lambda: sensor.poke({}))


def test_the_deferrable_operator_ends_with_its_run(provider: Provider, app: str) -> None:
    operator = provider.operator(
        "CloudDataFusionStartPipelineOperator",
        pipeline_name=app,
        runtime_args={"n": "1"},
        deferrable=True,
        poll_interval=0.05,
    )

    event = deferred(provider, operator)

    assert event["status"] == "success"
    assert isinstance(operator.execute_complete({}, event), str)


def test_the_instances_artifacts_are_listed(provider: Provider) -> None:
    names = [each["name"] for each in provider.hook.get_instance_artifacts(instance_url=provider.url, scope="SYSTEM")]

    assert {"cdap-data-pipeline", "google-cloud"} <= set(names)


def test_two_hundred_parallel_starts_see_no_404(provider: Provider, app: str, rest: Rest) -> None:
    def one(n: int) -> tuple[str, str]:
        run = start(provider, app, n=str(n))
        return run, record(provider, app, run)["status"]

    provider.statuses.clear()
    with ThreadPoolExecutor(25) as pool:
        found = list(pool.map(one, range(200)))

    assert 404 not in provider.statuses
    assert len({run for run, _ in found}) == 200
    assert {rest.ended(app, run)["status"] for run, _ in found} == {"COMPLETED"}


def deferred(provider: Provider, operator: Any) -> dict[str, Any]:
    """Run the trigger of an operator that defers; return what its event carries."""
    from airflow.sdk.exceptions import TaskDeferred

    class AnyToken:
        def __init__(self, **given: Any) -> None:
            pass

        async def __aenter__(self) -> "AnyToken":
            return self

        async def __aexit__(self, *error: object) -> None:
            return None

        async def get(self) -> str:
            return "any-token"

    with pytest.raises(TaskDeferred) as raised:
        operator.execute({})

    async def first() -> dict[str, Any]:
        with mock.patch.object(provider.hooks, "Token", AnyToken):
            async for event in raised.value.trigger.run():
                return dict(event.payload)
        raise AssertionError("the trigger ended without an event")

    return asyncio.run(asyncio.wait_for(first(), 60))
