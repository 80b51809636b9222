"""Experiments, pipelines, versions and health, with kfp 1.8.22."""

import json
from collections.abc import Callable
from typing import Any

import kfp
import kfp_server_api
import pytest
from kfp import dsl

from tests.conformance.kfp.v1.conftest import shell

pytestmark = pytest.mark.conformance
Package = Callable[[Any], str]


@dsl.pipeline(name="one")  # type: ignore[untyped-decorator]
def one(word: str = "hello") -> None:
    shell("say", 'echo "$1"', word)


def refused(status: int, call: Callable[..., Any], *arguments: Any, **options: Any) -> dict[str, Any]:
    with pytest.raises(kfp_server_api.ApiException) as caught:
        call(*arguments, **options)
    assert caught.value.status == status, caught.value.body
    body: dict[str, Any] = json.loads(caught.value.body)
    assert {"error", "message", "code", "details"} <= body.keys()
    return body


def test_health(client: kfp.Client) -> None:
    assert client.get_kfp_healthz().multi_user is False


def test_experiments_live_and_die(client: kfp.Client, name: str) -> None:
    made = client.create_experiment(name, "words")
    assert client.get_experiment(experiment_name=name).id == made.id
    assert client.create_experiment(name).id == made.id
    client.archive_experiment(made.id)
    assert client.get_experiment(made.id).storage_state == "STORAGESTATE_ARCHIVED"
    client.experiments.unarchive_experiment(made.id)
    assert client.get_experiment(made.id).storage_state == "STORAGESTATE_AVAILABLE"
    client.delete_experiment(made.id)
    assert "not found" in refused(404, client.get_experiment, made.id)["error"]


def test_a_taken_name_is_refused(client: kfp.Client, name: str) -> None:
    client.create_experiment(name)
    assert refused(409, client.experiments.create_experiment, {"name": name})["code"] == 6


def test_the_default_experiment_cannot_be_deleted(client: kfp.Client) -> None:
    made = client.create_experiment("Default")
    refused(409, client.delete_experiment, made.id)


def test_a_pipeline_its_versions_and_templates(client: kfp.Client, name: str, package: Package) -> None:
    path = package(one)
    made = client.upload_pipeline(path, pipeline_name=name, description="words")
    assert [(each.name, each.value) for each in made.parameters] == [("word", "hello")]
    second = client.upload_pipeline_version(path, "second", pipeline_id=made.id)
    assert client.get_pipeline(made.id).default_version.id == second.id
    assert client.get_pipeline_id(name) == made.id
    listed = client.list_pipeline_versions(made.id, sort_by="name desc")
    assert [each.name for each in listed.versions] == sorted([name, "second"], reverse=True)
    assert json.loads(client.pipelines.get_template(made.id).template)["kind"] == "Workflow"
    client.pipelines.update_pipeline_default_version(made.id, made.default_version.id)
    assert client.get_pipeline(made.id).default_version.id == made.default_version.id
    client.delete_pipeline_version(second.id)
    client.delete_pipeline(made.id)
    refused(404, client.pipelines.get_pipeline_version, made.default_version.id)


@pytest.mark.parametrize("query", ["page_token=x", "page_size=-1", "sort_by=colour", "filter=%7Bbroken"])
def test_lists_refuse_what_makes_no_sense(client: kfp.Client, query: str) -> None:
    key, _, value = query.partition("=")
    options = {key: int(value) if key == "page_size" else value.replace("%7B", "{")}
    refused(400, client.experiments.list_experiment, **options)


def test_pages_hold_everything_once_in_order(client: kfp.Client, name: str) -> None:
    made = [client.create_experiment(f"{name} {at}").id for at in range(5)]
    chosen = json.dumps({"predicates": [{"op": 9, "key": "name", "stringValue": name.upper()}]})
    found: list[str] = []
    token = ""
    while True:
        page = client.list_experiments(page_token=token, page_size=2, sort_by="name desc", filter=chosen)
        assert page.total_size == 5
        found += [each.id for each in page.experiments]
        token = page.next_page_token
        if not token:
            break
    assert found == made[::-1]
