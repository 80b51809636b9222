"""What people do with kfp 2: compile, run, wait, list, repeat."""

import json
import random
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kfp
import kfp_server_api
import pytest
from kfp import dsl

from tests.conformance.kfp.conftest import Server, wait_for
from tests.conformance.kfp.v2.conftest import ended, tasks

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(180)]


@dsl.component  # type: ignore[untyped-decorator]
def double(number: int) -> int:
    return 2 * number


@dsl.component  # type: ignore[untyped-decorator]
def write(number: int, data: dsl.Output[dsl.Dataset]) -> None:
    with open(data.path, "w") as file:
        file.write(str(number))
    data.metadata["rows"] = number


@dsl.component  # type: ignore[untyped-decorator]
def total(parts: list, data: dsl.Input[dsl.Dataset]) -> int:  # type: ignore[type-arg]
    with open(data.path) as file:
        return sum(parts) + int(file.read()) + int(data.metadata["rows"])


@dsl.container_component  # type: ignore[untyped-decorator]
def nap(seconds: int) -> dsl.ContainerSpec:
    return dsl.ContainerSpec(image="alpine", command=["sleep"], args=[seconds])


@dsl.pipeline(name="sums")  # type: ignore[untyped-decorator]
def sums(number: int = 3) -> int:
    with dsl.ParallelFor([1, 2, 3]) as item:
        doubled = double(number=item)
    with dsl.If(number > 100):
        double(number=number)
    written = write(number=number)
    result: int = total(parts=dsl.Collected(doubled.output), data=written.outputs["data"]).output
    return result


@dsl.pipeline(name="sleeps")  # type: ignore[untyped-decorator]
def sleeps(seconds: int = 60) -> None:
    nap(seconds=seconds)


@pytest.fixture
def package(tmp_path: Path) -> Callable[[Any], str]:
    def compiled(pipeline: Any) -> str:
        path = str(tmp_path / "package.yaml")
        kfp.compiler.Compiler().compile(pipeline, path)
        return path

    return compiled


def test_a_pipeline_function_is_run(client: kfp.Client) -> None:
    result = client.create_run_from_pipeline_func(sums, arguments={"number": 4}, enable_caching=False)
    run = ended(client, result.run_id)
    assert run.state == "SUCCEEDED", run.error
    shown = tasks(run)
    assert (shown["total"], shown["condition-3"]) == ("SUCCEEDED", "SKIPPED")


def test_a_second_run_is_taken_from_the_cache(client: kfp.Client, server: Server) -> None:
    arguments = {"number": random.randrange(5, 1 << 40)}
    first, second = (
        ended(client, client.create_run_from_pipeline_func(sums, arguments=arguments).run_id) for _ in range(2)
    )
    assert (first.state, second.state) == ("SUCCEEDED", "SUCCEEDED")
    assert is_taken_over(server, second.run_id, first.run_id, "total")


def is_taken_over(server: Server, run_id: str, from_run: str, step: str) -> bool:
    """Tell, by what our own API says, whether a step was taken over from a run; this client has no way to ask."""
    query = urllib.parse.urlencode({"step": step})
    with urllib.request.urlopen(f"{server.url}/api/penstock/v1/runs/{run_id}/cached?{query}") as reply:
        answer = json.load(reply)
    return bool(answer["is_hit"] and answer["other_run"] == from_run)


def test_pipelines_versions_and_runs_of_them(
    client: kfp.Client, experiment: str, name: str, package: Callable[[Any], str]
) -> None:
    path = package(sleeps)
    made = client.upload_pipeline(path, pipeline_name=name)
    version = client.upload_pipeline_version(path, "second", pipeline_id=made.pipeline_id)
    assert client.get_pipeline_id(name) == made.pipeline_id
    assert len(client.list_pipeline_versions(made.pipeline_id).pipeline_versions) == 2
    shown = client.get_pipeline_version(made.pipeline_id, version.pipeline_version_id)
    assert shown.pipeline_spec["pipelineInfo"]["name"] == "sleeps"
    run = client.run_pipeline(
        experiment,
        name,
        pipeline_id=made.pipeline_id,
        version_id=version.pipeline_version_id,
        params={"seconds": 0},
    )
    assert ended(client, run.run_id).state == "SUCCEEDED"
    listed = client.list_runs(experiment_id=experiment).runs
    assert [each.run_id for each in listed] == [run.run_id]
    client.delete_pipeline_version(made.pipeline_id, version.pipeline_version_id)


def test_terminate_archive_delete(
    client: kfp.Client, experiment: str, name: str, package: Callable[[Any], str]
) -> None:
    run = client.run_pipeline(experiment, name, package(sleeps))
    wait_for(lambda: tasks(client.get_run(run.run_id)).get("nap"))
    client.terminate_run(run.run_id)
    assert ended(client, run.run_id).state == "CANCELED"
    client.terminate_run(run.run_id)
    client.archive_run(run.run_id)
    assert client.get_run(run.run_id).storage_state == "ARCHIVED"
    client.unarchive_run(run.run_id)
    client.delete_run(run.run_id)
    with pytest.raises(kfp_server_api.ApiException):
        client.get_run(run.run_id)


@pytest.mark.parametrize("parameters", [{"colour": 1}, {"seconds": "soon"}])
def test_wrong_parameters_are_refused(
    client: kfp.Client, experiment: str, name: str, package: Callable[[Any], str], parameters: dict[str, Any]
) -> None:
    with pytest.raises(kfp_server_api.ApiException) as caught:
        client.run_pipeline(experiment, name, package(sleeps), params=parameters)
    assert caught.value.status == 400
    assert json.loads(caught.value.body)["code"] == 3


def test_experiments(client: kfp.Client, name: str) -> None:
    made = client.create_experiment(name, "words")
    assert client.get_experiment(experiment_name=name).experiment_id == made.experiment_id
    client.archive_experiment(made.experiment_id)
    assert client.get_experiment(made.experiment_id).storage_state == "ARCHIVED"
    client.unarchive_experiment(made.experiment_id)
    client.delete_experiment(made.experiment_id)
    with pytest.raises(kfp_server_api.ApiException):
        client.get_experiment(made.experiment_id)


def test_a_recurring_run(client: kfp.Client, experiment: str, name: str, package: Callable[[Any], str]) -> None:
    made = client.create_recurring_run(
        experiment,
        name,
        interval_second=1,
        pipeline_package_path=package(sleeps),
        params={"seconds": 0},
        max_concurrency=3,
        no_catchup=True,
    )
    runs = wait_for(lambda: client.list_runs(experiment_id=experiment).runs)
    assert runs[0].recurring_run_id == made.recurring_run_id
    client.disable_recurring_run(made.recurring_run_id)
    assert client.get_recurring_run(made.recurring_run_id).status == "DISABLED"
    client.enable_recurring_run(made.recurring_run_id)
    listed = client.list_recurring_runs(experiment_id=experiment).recurring_runs
    assert [each.recurring_run_id for each in listed] == [made.recurring_run_id]
    client.delete_recurring_run(made.recurring_run_id)
