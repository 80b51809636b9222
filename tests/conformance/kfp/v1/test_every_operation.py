"""Each operation of v1beta1, through the client's generated classes as they are."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import kfp
import kfp_server_api
import pytest
import yaml
from kfp import dsl

from tests.conformance.kfp.v1.conftest import ended, shell

pytestmark = pytest.mark.conformance
Package = Callable[[Any], str]
API_CLASSES = ("ExperimentServiceApi", "HealthzServiceApi", "JobServiceApi", "PipelineServiceApi",
               "PipelineUploadServiceApi", "RunServiceApi")  # fmt: skip


@dsl.pipeline(name="word")  # type: ignore[untyped-decorator]
def word(text: str = "hello") -> None:
    shell("say", 'echo "$1"', text)


@pytest.fixture
def package_url(package: Package) -> Iterator[str]:
    """Where a server of packages has one."""
    content = Path(package(word)).read_bytes()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}/word.yaml"
        server.shutdown()
        serving.join()


def is_gone(get: Callable[[str], Any], id: str) -> bool:
    with pytest.raises(kfp_server_api.ApiException) as caught:
        get(id)
    return bool(caught.value.status == 404)


def test_a_test_here_calls_every_generated_method() -> None:
    text = "".join(path.read_text() for path in Path(__file__).parent.glob("*.py"))
    methods = {
        method
        for name in API_CLASSES
        for method in vars(getattr(kfp_server_api, name))
        if not method.startswith("_") and not method.endswith("_with_http_info")
    }
    assert len(methods) == 36
    assert sorted(method for method in methods if f".{method}(" not in text) == []


def test_experiments_and_health(client: kfp.Client, name: str) -> None:
    api = client.experiments
    assert client._healthz_api.get_healthz().multi_user is False
    made = api.create_experiment({"name": name, "description": "words"})
    assert made.description == "words"
    assert api.get_experiment(made.id).name == name
    assert made.id in {each.id for each in api.list_experiment(page_size=200).experiments}
    api.archive_experiment(made.id)
    assert api.get_experiment(made.id).storage_state == "STORAGESTATE_ARCHIVED"
    api.unarchive_experiment(made.id)
    assert api.get_experiment(made.id).storage_state == "STORAGESTATE_AVAILABLE"
    assert api.delete_experiment(made.id) == {}
    assert is_gone(api.get_experiment, made.id)


def test_pipelines_and_versions_by_url_and_by_upload(
    client: kfp.Client, name: str, package: Package, package_url: str
) -> None:
    api = client.pipelines
    made = api.create_pipeline({"name": name, "url": {"pipeline_url": package_url}})
    assert [(each.name, each.value) for each in made.parameters] == [("text", "hello")]
    first = made.default_version.id
    reference = {"key": {"type": "PIPELINE", "id": made.id}, "relationship": "OWNER"}
    body = {"name": "second", "package_url": {"pipeline_url": package_url}, "resource_references": [reference]}
    second = api.create_pipeline_version(body)
    assert api.get_pipeline(made.id).default_version.id == second.id
    assert api.update_pipeline_default_version(made.id, first) == {}
    assert api.get_pipeline(made.id).default_version.id == first
    assert api.get_pipeline_version(second.id).resource_references[0].key.id == made.id
    for template in (api.get_template(made.id), api.get_pipeline_version_template(second.id)):
        assert yaml.safe_load(template.template)["kind"] == "Workflow"
    listed = api.list_pipeline_versions(resource_key_type="PIPELINE", resource_key_id=made.id, sort_by="created_at")
    assert [each.id for each in listed.versions] == [first, second.id]
    third = client.pipeline_uploads.upload_pipeline_version(package(word), name="third", pipelineid=made.id)
    assert api.delete_pipeline_version(third.id) == {}
    uploaded = client.pipeline_uploads.upload_pipeline(package(word), name=f"{name} up", description="words")
    assert {made.id, uploaded.id} <= {each.id for each in api.list_pipelines(page_size=200).pipelines}
    for each in (made, uploaded):
        assert api.delete_pipeline(each.id) == {}
        assert is_gone(api.get_pipeline, each.id)


def test_a_pipeline_is_found_by_its_name(client: kfp.Client, name: str, package: Package) -> None:
    # The generated class of this client has no method for it, its transport has.
    made = client.pipeline_uploads.upload_pipeline(package(word), name=name)
    found = client.pipelines.api_client.call_api(
        "/apis/v1beta1/namespaces/{namespace}/pipelines/{name}",
        "GET",
        {"namespace": "-", "name": name},
        response_type="ApiPipeline",
        _return_http_data_only=True,
    )
    assert found.id == made.id


def test_jobs(client: kfp.Client, experiment: str, name: str, package: Package) -> None:
    api = client.jobs
    manifest = Path(package(word)).read_text()
    owner = {"key": {"type": "EXPERIMENT", "id": experiment}, "relationship": "OWNER"}
    body = {
        "name": name,
        "max_concurrency": 1,
        "trigger": {"cron_schedule": {"cron": "0 0 0 1 1 ?"}},
        "pipeline_spec": {"workflow_manifest": manifest},
        "resource_references": [owner],
        "enabled": True,
    }
    made = api.create_job(body)
    assert (made.enabled, made.max_concurrency) == (True, "1")
    assert api.disable_job(made.id) == {}
    assert not api.get_job(made.id).enabled
    assert api.enable_job(made.id) == {}
    assert api.get_job(made.id).enabled
    listed = api.list_jobs(resource_reference_key_type="EXPERIMENT", resource_reference_key_id=experiment)
    assert [each.id for each in listed.jobs] == [made.id]
    assert api.delete_job(made.id) == {}
    assert is_gone(api.get_job, made.id)


def test_runs(client: kfp.Client, experiment: str, name: str, package: Package) -> None:
    api = client.runs
    owner = {"key": {"type": "EXPERIMENT", "id": experiment}, "relationship": "OWNER"}
    specification = {"workflow_manifest": Path(package(word)).read_text()}
    made = api.create_run({"name": name, "pipeline_spec": specification, "resource_references": [owner]}).run
    assert ended(client, made.id).run.status == "Succeeded"
    assert api.get_run(made.id).run.resource_references[0].key.id == experiment
    listed = api.list_runs(resource_reference_key_type="EXPERIMENT", resource_reference_key_id=experiment)
    assert [each.id for each in listed.runs] == [made.id]
    for deed, status in ((api.terminate_run, 400), (api.retry_run, 409)):
        with pytest.raises(kfp_server_api.ApiException) as caught:
            deed(made.id)
        assert caught.value.status == status
    assert api.archive_run(made.id) == {}
    assert api.get_run(made.id).run.storage_state == "STORAGESTATE_ARCHIVED"
    assert api.unarchive_run(made.id) == {}
    assert api.delete_run(made.id) == {}
    assert is_gone(api.get_run, made.id)
