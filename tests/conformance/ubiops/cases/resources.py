"""What clients make before they ask anything: projects, deployments, versions, code, pipelines, and all around them."""

import stat
import threading
import uuid
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from typing import Any

import pytest
import ubiops
from ubiops.utils import download_file, upload_file, wait_for_deployment_version

from tests.conformance.serving import wait_for
from tests.conformance.ubiops.building import ADD5, Bench, chain, code, fields, link, step, zipped
from tests.conformance.ubiops.conftest import refused

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

# The server and projects.


def test_the_status_is_there_for_everybody_on_both_mounts(bench: Bench) -> None:
    for mount in ("v2", "v2.1"):
        host = bench.host.replace("v2.1", mount)
        assert ubiops.CoreApi(ubiops.ApiClient(ubiops.Configuration(host=host))).service_status().status == "ok"


def test_an_unknown_path_or_verb_is_answered_in_json(bench: Bench) -> None:
    for verb, path, status in (("GET", "nothing", 404), ("PUT", "deployments", 405)):
        answer = bench.raw(verb, path)
        assert answer.status_code == status and answer.json()["error"]


def test_a_project_is_made_changed_and_gone(bench: Bench) -> None:
    api, name = bench.api, f"p-{uuid.uuid4().hex[:8]}"
    made = api.projects_create(ubiops.ProjectCreate(name=name, organization_name="default", labels={"a": "b"}))
    assert made.organization_name == "default"
    assert [each.name for each in api.projects_list(labels="a:b") if each.name == name] == [name]
    refused(lambda: api.projects_create(ubiops.ProjectCreate(name=name, organization_name="default")), status=409)
    refused(lambda: api.projects_create(ubiops.ProjectCreate(name="x", organization_name="nobody")), status=404)
    refused(lambda: api.projects_create(ubiops.ProjectCreate(name="Not A Name", organization_name="default")))
    assert api.projects_update(name, ubiops.ProjectUpdate(name=f"{name}-2")).name == f"{name}-2"
    api.projects_delete(f"{name}-2")
    refused(lambda: api.projects_get(f"{name}-2"), status=404)


# Deployments and versions.


def test_a_deployment_is_made_changed_listed_and_gone(bench: Bench) -> None:
    api = bench.api
    widget = {"type": "slider", "configuration": {"min": "1"}}
    made = api.deployments_create(
        bench.project,
        ubiops.DeploymentCreate(
            name="d",
            input_type="structured",
            output_type="plain",
            input_fields=[{"name": "x", "data_type": "int", "widget": widget}],
            labels={"kind": "test"},
        ),
    )
    assert made.input_fields[0].widget.type == "slider" and made.output_fields == []
    assert api.deployments_get(bench.project, "d").default_version is None
    assert [each.name for each in api.deployments_list(bench.project, labels="kind:test")] == ["d"]
    assert api.deployments_list(bench.project, labels="kind:other") == []
    changed = api.deployments_update(bench.project, "d", ubiops.DeploymentUpdate(name="e", description="new"))
    assert (changed.name, changed.description, changed.labels) == ("e", "new", {"kind": "test"})
    api.deployments_delete(bench.project, "e")
    refused(lambda: api.deployments_get(bench.project, "e"), status=404)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "No Name"},
        {"name": 5},
        {"name": "x", "input_type": "wild"},
        {"name": "x", "input_fields": [{"name": "a", "data_type": "complex"}]},
        {"name": "x", "input_fields": [{"name": "a", "data_type": "int"}] * 2},
        {"name": "x", "labels": {"a": {"b": 1}}},
        [],
    ],
)
def test_a_deployment_that_makes_no_sense_is_refused(bench: Bench, body: Any) -> None:
    answer = bench.raw("POST", "deployments", json=body)
    assert answer.status_code == 400 and answer.json()["error"]
    assert bench.api.deployments_list(bench.project) == []


def test_broken_json_is_refused(bench: Bench) -> None:
    answer = bench.raw("POST", "deployments", data=b"{", headers={"Content-Type": "application/json"})
    assert answer.status_code == 400 and answer.json()["error"]


def test_the_first_version_is_the_default_and_another_must_be_available_to_be(bench: Bench) -> None:
    api = bench.api
    bench.deployment("d")
    bench.version("d", "v1")
    bench.version("d", "v2", maximum_instances=2, labels={"a": "b"})
    refused(lambda: bench.version("d", "v2"), status=409)
    assert api.deployments_get(bench.project, "d").default_version == "v1"
    update = ubiops.DeploymentUpdate(default_version="v2")
    text = refused(lambda: api.deployments_update(bench.project, "d", update))
    assert "Default cannot be set to an unavailable version" in text
    assert bench.upload("d", {"deployment.py": ADD5}, "v2").status == "success"
    assert api.deployments_update(bench.project, "d", update).default_version == "v2"
    assert [each.version for each in api.deployment_versions_list(bench.project, "d", labels="a:b")] == ["v2"]
    refused(lambda: api.deployment_versions_delete(bench.project, "d", "v2"))
    api.deployment_versions_delete(bench.project, "d", "v1")


@pytest.mark.parametrize(
    "settings",
    [
        {"environment": "cobol-85"},
        {"minimum_instances": 3, "maximum_instances": 2},
        {"request_retention_mode": "some"},
        {"request_retention_time": 3_000_000},
        {"maximum_idle_time": 1},
        {"scaling_strategy": "wild"},
    ],
)
def test_a_version_with_settings_out_of_range_is_refused(bench: Bench, settings: dict[str, Any]) -> None:
    bench.deployment("d")
    refused(lambda: bench.version("d", "v1", **settings))
    assert bench.api.deployment_versions_list(bench.project, "d") == []


# Code.


@pytest.mark.parametrize(
    "files",
    [
        {"any/deployment.py": ADD5},
        {"deployment.py": ADD5, "data/x.txt": "x"},
        {"other/x.py": "", "deployment_package/deployment.py": ADD5},
        {"any/deployment.py": ADD5, "__MACOSX/any/._deployment.py": b"\0", ".DS_Store": b"\0"},
    ],
)
def test_a_package_may_be_a_folder_or_the_archive_itself(bench: Bench, files: dict[str, Any]) -> None:
    bench.deployment("d")
    bench.version("d")
    revision = bench.upload("d", files)
    assert (revision.status, revision.has_request_method, revision.has_requests_method) == ("success", True, False)
    wait_for_deployment_version(bench.client, bench.project, "d", "v1", quiet=True)
    assert bench.api.deployment_requests_create(bench.project, "d", {"input": 1}).result == {"output": 6}
    with bench.api.revisions_file_download(bench.project, "d", revision.id, "v1") as download:
        assert set(zipfile.ZipFile(BytesIO(download.read())).namelist()) == set(files)


def linked() -> bytes:
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("p/deployment.py", ADD5)
        member = zipfile.ZipInfo("p/secret")
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(member, "/etc/passwd")
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"no zip at all", "zip"),
        (zipped({}), "empty"),
        (zipped({"p/other.py": ""}), "deployment.py"),
        (zipped({"p/deployment.py": "x = 1"}), "Deployment"),
        (zipped({"p/deployment.py": ADD5, "../x": ""}), "outside"),
        (zipped({"p/deployment.py": ADD5, "/etc/x": ""}), "outside"),
        (linked(), "link"),
        (zipped({"p/deployment.py": ADD5, "p/bomb": b"\0" * (100 << 20)}), "unpacks"),
        (zipped({"p/deployment.py": ADD5, "p/ubiops.yaml": "wrong: 1"}), "ubiops.yaml"),
    ],
)
def test_a_bad_package_is_refused_at_once_and_leaves_nothing(bench: Bench, content: bytes, word: str) -> None:
    bench.deployment("d")
    bench.version("d")
    assert word in refused(lambda: bench.upload("d", content), status=400)
    assert bench.api.revisions_list(bench.project, "d", "v1") == []
    assert bench.api.deployment_versions_get(bench.project, "d", "v1").status == "unavailable"


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ("class Deployment:\n    def __init__(self):\n        raise RuntimeError('no model')\n", "no model"),
        ("import nothing_of_that_name\n\nclass Deployment:\n    pass\n", "nothing_of_that_name"),
        ("class Deployment(:\n", "deployment.py"),
    ],
)
def test_code_that_cannot_be_loaded_is_a_failed_revision_that_says_why(bench: Bench, source: str, word: str) -> None:
    bench.deployment("d")
    bench.version("d")
    revision = bench.upload("d", {"deployment.py": source})
    assert revision.status == "failed"
    assert word in revision.error_message and len(revision.error_message) <= 1024
    assert bench.api.deployment_versions_get(bench.project, "d", "v1").status == "failed"
    refused(lambda: bench.api.deployment_requests_create(bench.project, "d", {"input": 1}))


def test_a_failed_upload_leaves_the_revision_before_it_serving(bench: Bench) -> None:
    bench.deploy("d", ADD5)
    assert bench.upload("d", {"deployment.py": "class Deployment:\n    x = 1 / 0\n"}).status == "failed"
    assert bench.api.deployment_versions_get(bench.project, "d", "v1").status == "available"
    assert bench.api.deployment_requests_create(bench.project, "d", {"input": 1}).result == {"output": 6}


def test_code_is_copied_from_another_version_and_built_again(bench: Bench) -> None:
    bench.deploy("d", ADD5)
    bench.version("d", "v2")
    api = bench.api
    copied = api.revisions_file_upload(
        bench.project, "d", "v2", source_deployment="d", source_version="v1", _progress_bar=False
    )
    wait_for(lambda: api.revisions_get(bench.project, "d", copied.revision, "v2").status == "success")
    again = api.revisions_rebuild(bench.project, "d", copied.revision, "v2", {})
    wait_for(lambda: api.revisions_get(bench.project, "d", again.id, "v2").status == "success")
    assert len(api.revisions_list(bench.project, "d", "v2")) == 2
    refused(lambda: api.revisions_get(bench.project, "d", copied.revision, "v1"), status=404)


# Pipelines.


def test_a_pipeline_version_is_shown_with_ids_and_keeps_them(bench: Bench) -> None:
    bench.deploy("add5", ADD5)
    bench.pipeline("p", [step("one", "add5"), step("two", "add5", version="v1")], chain("one", "two"))
    api = bench.api
    found = api.pipeline_versions_get(bench.project, "p", "v1")
    assert [(each.name, each.reference_name, each.version) for each in found.objects] == [
        ("one", "add5", None),
        ("two", "add5", "v1"),
    ]
    assert all(each.id for each in [*found.objects, *found.attachments])
    assert found.objects[0].input_fields[0].name == "input"
    objects = [each.to_dict() for each in found.objects]
    again = api.pipeline_versions_update(bench.project, "p", "v1", ubiops.PipelineVersionUpdate(objects=objects))
    assert [each.id for each in again.objects] == [each.id for each in found.objects]
    empty = api.pipeline_versions_update(
        bench.project, "p", "v1", ubiops.PipelineVersionUpdate(objects=[], attachments=[])
    )
    assert (empty.objects, empty.attachments) == ([], [])


def operator(name: str, kind: str, **configuration: Any) -> dict[str, Any]:
    for side in ("input_fields", "output_fields"):
        configuration[side] = fields(configuration.get(side, ""))
    return step(name, kind, "operator", configuration=configuration)


@pytest.mark.parametrize(
    ("objects", "links", "word"),
    [
        ([step("x", "nobody")], [], "nobody"),
        ([step("x", "add5", version="v9")], [], "v9"),
        ([step("x", "add5"), step("x", "add5")], [], "twice"),
        ([step("pipeline_start", "add5")], [], "reserved"),
        ([step("x", "add5", kind="robot")], [], "robot"),
        ([step("x", "p", kind="pipeline")], [], "itself"),
        ([step("x", "add5")], [link("y", start="input:input")], "'y'"),
        ([step("x", "add5")], [link("x", z="output:input")], "'z'"),
        ([step("x", "add5")], [link("x", start="wrong:input")], "wrong"),
        ([step("x", "add5")], [link("x", start="input:wrong")], "wrong"),
        ([step("x", "add5"), step("y", "add5")], [link("x", y="output:input"), link("y", x="output:input")], "cycle"),
        ([step("x", "add5")], [link("x")], "source"),
        ([operator("x", "juggle")], [], "juggle"),
        ([operator("x", "function", output_fields="output:int")], [], "expression"),
        ([operator("x", "function", expression="1 +", output_fields="output:int")], [], "expression"),
        ([operator("x", "function", expression="__import__('os')", output_fields="output:int")], [], "x"),
        ([operator("x", "function", expression="nothing", output_fields="output:int")], [], "nothing"),
        ([operator("x", "function", expression="'a'", output_fields="o:string"), step("y", "add5")],
         [link("y", x="o:input")], "string"),
        ([operator("x", "pipeline-variable", output_fields="v:int", output_values=[{"name": "v", "value": "a"}])],
         [], "v"),
        ([operator("x", "one-to-many", batch_size=0)], [], "batch_size"),
        ([operator("x", "raise-error")], [], "error_message"),
    ],
)  # fmt: skip
def test_a_pipeline_version_that_makes_no_sense_is_refused(
    steps: Bench, objects: list[Any], links: list[Any], word: str
) -> None:
    name = f"p-{uuid.uuid4().hex[:8]}" if "itself" not in word else "p"
    sides = {
        side: fields("input:int" if side == "input_fields" else "output:int")
        for side in ("input_fields", "output_fields")
    }
    steps.api.pipelines_create(
        steps.project, ubiops.PipelineCreate(name=name, input_type="structured", output_type="structured", **sides)
    )
    assert word in refused(lambda: steps.pipeline_version(name, objects, links))
    assert steps.api.pipeline_versions_list(steps.project, name) == []
    steps.api.pipelines_delete(steps.project, name)


def test_ends_of_a_pipeline_are_fixed_while_something_is_attached(bench: Bench) -> None:
    bench.pipeline("p", [], [link("end", start="input:output")])
    update = bench.api.pipelines_update
    refused(lambda: update(bench.project, "p", ubiops.PipelineUpdate(input_fields=fields("other:int"))))
    assert update(bench.project, "p", ubiops.PipelineUpdate(description="new")).description == "new"


def test_what_is_in_use_cannot_be_deleted(bench: Bench) -> None:
    bench.deploy("add5", ADD5)
    bench.pipeline("p", [step("add5")], chain("add5"))
    bench.pipeline("outer", [step("p", kind="pipeline")], chain("p"))
    api = bench.api
    assert "p" in refused(lambda: api.deployments_delete(bench.project, "add5"))
    assert "outer" in refused(lambda: api.pipelines_delete(bench.project, "p"))
    assert "outer" in refused(lambda: api.pipeline_versions_delete(bench.project, "p", "v1"))
    for name in ("outer", "p"):
        api.pipelines_delete(bench.project, name)
    api.deployments_delete(bench.project, "add5")


def test_an_expression_is_tried_out(bench: Bench) -> None:
    def evaluate(expression: str, data: Any) -> Any:
        wanted = ubiops.ExpressionEvaluate(expression=expression, input_fields=fields("var1:int"), request_data=data)
        return bench.api.expressions_evaluate(wanted)

    assert evaluate("var1 + 10", {"var1": 123}).result == 133
    refused(lambda: evaluate("open('x')", {"var1": 1}))


# Variables, files, schedules, webhooks.


def variable(name: str, value: str, secret: bool = False) -> Any:
    return ubiops.EnvironmentVariableCreate(name=name, value=value, secret=secret)


def test_variables_are_inherited_overridden_kept_secret_and_copied(bench: Bench) -> None:
    api = bench.api
    source = code("return {\"output\": f\"{os.environ.get('A')} {os.environ.get('S')}\"}", head="import os")
    for name in ("d", "e"):
        bench.deploy(name, source, "input:int", "output:string")
    api.project_environment_variables_create(bench.project, variable("A", "project"))
    own = api.deployment_environment_variables_create(bench.project, "d", variable("A", "deployment"))
    secret = api.deployment_environment_variables_create(bench.project, "d", variable("S", "hush", secret=True))
    assert secret.value is None
    refused(lambda: api.deployment_environment_variables_create(bench.project, "d", variable("A", "x")), status=409)
    refused(lambda: api.deployment_environment_variables_create(bench.project, "d", variable("1 A", "x")), status=400)

    def seen(name: str) -> str:
        answer = api.deployment_requests_create(bench.project, name, {"input": 1}).result["output"]
        return str(answer)

    wait_for(lambda: seen("d") == "deployment hush")
    top = api.deployment_version_environment_variables_create(bench.project, "d", "v1", variable("A", "version"))
    wait_for(lambda: seen("d") == "version hush")
    api.deployment_version_environment_variables_delete(bench.project, "d", top.id, "v1")
    api.deployment_environment_variables_update(bench.project, "d", own.id, variable("A", "changed"))
    wait_for(lambda: seen("d") == "changed hush")

    listed = {each.name: each for each in api.deployment_version_environment_variables_list(bench.project, "d", "v1")}
    assert (listed["A"].inheritance_type, listed["S"].value) == ("deployment", None)
    assert "hush" not in bench.raw("GET", "deployments/d/versions/v1/environment-variables").text
    api.deployment_environment_variables_copy(bench.project, "e", ubiops.EnvironmentVariableCopy(source_deployment="d"))
    wait_for(lambda: seen("e") == "changed hush")
    api.deployment_environment_variables_delete(bench.project, "d", secret.id)
    refused(lambda: api.deployment_environment_variables_get(bench.project, "d", secret.id), status=404)


def test_a_variable_of_a_pipelines_object_is_listed(steps: Bench) -> None:
    made = steps.api.project_environment_variables_create(steps.project, variable("OF_ALL", "1"))
    listed = steps.api.pipeline_version_object_environment_variables_list(
        project_name=steps.project, pipeline_name="numbers", version="v1", name="add5"
    )
    assert [(each.name, each.inheritance_type) for each in listed] == [("OF_ALL", "project")]
    steps.api.project_environment_variables_delete(steps.project, made.id)


def test_files_go_in_and_out_by_signed_addresses(bench: Bench) -> None:
    api, content = bench.api, bytes(range(256)) * 500
    path = bench.file(content, "here.bin")
    uri = upload_file(bench.client, bench.project, path, file_name="dir one/ä b.txt", _progress_bar=False)
    assert uri == "ubiops-file://default/dir one/ä b.txt"
    for number in range(3):
        upload_file(bench.client, bench.project, path, file_name=f"many/{number}", _progress_bar=False)
    listed = api.files_list(bench.project, "default", delimiter="/")
    assert (listed.files, sorted(listed.prefixes)) == ([], ["dir one/", "many/"])
    page = api.files_list(bench.project, "default", prefix="many/", limit=2)
    rest = api.files_list(bench.project, "default", prefix="many/", continuation_token=page.continuation_token)
    assert [each.file for each in page.files + rest.files] == ["many/0", "many/1", "many/2"]
    assert api.files_get(bench.project, "default", "dir one/ä b.txt").size == len(content)
    download_file(
        bench.client, bench.project, file_uri=uri, output_path=str(bench.folder / "back"), _progress_bar=False
    )
    assert (bench.folder / "back").read_bytes() == content
    api.files_delete(bench.project, "default", "dir one/ä b.txt")
    refused(lambda: api.files_download(bench.project, "default", "dir one/ä b.txt"), status=404)
    answer = bench.raw("PUT", "/transfers/no-ticket", data=b"x")
    assert answer.status_code == 403 and answer.json()["error"]


def test_a_bucket_is_made_changed_and_gone(bench: Bench) -> None:
    api = bench.api
    api.buckets_create(bench.project, ubiops.BucketCreate(name="b", labels={"a": "b"}, ttl=3600))
    assert [each.name for each in api.buckets_list(bench.project)] == ["b", "default"]
    assert api.buckets_update(bench.project, "b", ubiops.BucketUpdate(description="new")).description == "new"
    refused(lambda: api.buckets_create(bench.project, ubiops.BucketCreate(name="b")), status=409)
    refused(lambda: api.buckets_create(bench.project, ubiops.BucketCreate(name="c", provider="amazon_s3")), status=400)
    api.buckets_delete(bench.project, "b")
    refused(lambda: api.buckets_get(bench.project, "b"), status=404)
    refused(lambda: api.buckets_delete(bench.project, "default"))


def test_a_schedule_is_made_changed_and_holds_its_pipeline(bench: Bench) -> None:
    api = bench.api
    bench.pipeline("p", [], [link("end", start="input:output")])
    wanted = {"object_type": "pipeline", "object_name": "p", "request_data": {"input": 1}}
    made = api.request_schedules_create(
        bench.project, ubiops.ScheduleCreate(name="s", schedule="0 3 * * *", labels={"a": "b"}, **wanted)
    )
    assert (made.object_name, made.version, made.timeout, made.enabled) == ("p", None, 14_400, True)
    changed = api.request_schedules_update(
        bench.project, "s", ubiops.ScheduleUpdate(enabled=False, schedule="*/5 * * * *")
    )
    assert (changed.enabled, changed.schedule) == (False, "*/5 * * * *")
    assert [each.name for each in api.request_schedules_list(bench.project, labels="a:b")] == ["s"]
    for wrong in (
        {"schedule": "at noon"},
        {"schedule": "0 3 * * *", "object_name": "nobody"},
        {"schedule": "61 * * * *"},
    ):
        body = wanted | {"name": "t", "object_type": "pipeline"} | wrong
        assert 400 <= bench.raw("POST", "schedules", json=body).status_code < 500
    assert "s" in refused(lambda: api.pipelines_delete(bench.project, "p"))
    api.request_schedules_delete(bench.project, "s")
    api.pipelines_delete(bench.project, "p")


@pytest.fixture
def listener() -> Iterator[tuple[str, list[tuple[dict[str, Any], dict[str, str]]]]]:
    """A server that takes down what it is told."""
    import json

    heard: list[tuple[dict[str, Any], dict[str, str]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.append((json.loads(body), dict(self.headers)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    listening = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{listening.server_port}/hook", heard
    listening.shutdown()


def test_a_webhook_is_told_of_requests_with_its_secret_header(bench: Bench, listener: Any) -> None:
    url, heard = listener
    api = bench.api
    bench.deploy("add5", ADD5)
    bench.pipeline("p", [step("add5")], chain("add5"))
    header = {"key": "X-Key", "value": "hush", "protected": True}
    for kind, name in (("deployment", "add5"), ("pipeline", "p")):
        made = api.webhooks_create(
            bench.project,
            ubiops.WebhookCreate(
                name=f"w-{kind}", object_type=kind, object_name=name, url=url, headers=[header],
                event=f"{kind}_request_completed", include_result=True,
            ),
        )  # fmt: skip
        assert made.headers[0].value is None
    done = api.pipeline_requests_create(bench.project, "p", {"input": 1})
    wait_for(lambda: len(heard) == 2)
    told = {body["event"]: body for body, _ in heard}
    assert told["pipeline_request_completed"]["request_id"] == done.id
    assert told["pipeline_request_completed"]["result"] == {"output": 6}
    assert told["deployment_request_completed"]["request_id"] == done.deployment_requests[0].id
    assert {headers["X-Key"] for _, headers in heard} == {"hush"}
    assert "hush" not in bench.raw("GET", "webhooks").text
    api.webhooks_update(bench.project, "w-pipeline", ubiops.WebhookUpdate(enabled=False))
    api.webhooks_delete(bench.project, "w-deployment")
    assert [each.name for each in api.webhooks_list(bench.project)] == ["w-pipeline"]


def test_a_webhook_is_tried_out_and_wrong_ones_are_refused(bench: Bench, listener: Any) -> None:
    url, heard = listener
    bench.pipeline("p", [], [link("end", start="input:output")])
    wanted = {"object_type": "pipeline", "object_name": "p", "event": "pipeline_request_finished"}
    api = bench.api
    trial = api.webhook_tests_create(bench.project, ubiops.WebhookTestCreate(url=url, **wanted))
    wait_for(lambda: api.webhook_tests_get(bench.project, trial.id).status == "completed")
    assert heard[0][0]["event"] == "pipeline_request_finished"
    for wrong in ({"url": "ftp://x"}, {"event": "deployment_request_failed"}, {"timeout": 31}, {"object_name": "q"}):
        answer = bench.raw("POST", "webhooks", json={"name": "w", "url": url, **wanted, **wrong})
        assert 400 <= answer.status_code < 500 and answer.json()["error"]


# Around it.


def test_logs_are_found_by_what_is_known_of_them(bench: Bench) -> None:
    bench.deploy("d", code('print("needle", data["input"])\nreturn {"output": 1}'))
    bench.pipeline("p", [step("d")], chain("d"))
    done = bench.api.pipeline_requests_create(bench.project, "p", {"input": 42})

    def found(query: str, **options: Any) -> list[Any]:
        return list(bench.api.logs_list(bench.project, query=query, **options))

    [line] = wait_for(lambda: found("| deployment_name=`d` and system!=`true` |= `needle`"))
    assert line.log == "needle 42"
    assert (line.metadata.deployment_version, line.metadata.pipeline_name) == ("v1", "p")
    assert line.metadata.pipeline_request_id == done.id
    assert found(f"| pipeline_request_id=`{done.id}` and pipeline_name=~`p.*`")[-1].log == "needle 42"
    assert found("| deployment_name=`other`") == []
    assert found("", start=line.timestamp + 1, end=line.timestamp)[0].timestamp == line.timestamp
    refused(lambda: found("| nothing=`x`"), status=400)
    refused(lambda: found("| level=~`(`"), status=400)


def test_the_audit_trail_names_who_did_what(bench: Bench) -> None:
    bench.deployment("d")
    bench.version("d")
    bench.api.deployments_delete(bench.project, "d")
    found = bench.api.project_audit_events_list(bench.project, limit=3)
    assert [(each.action, each.object_type) for each in found] == [
        ("delete", "deployment"),
        ("create", "deployment_version"),
        ("create", "deployment"),
    ]
    assert all(each.user and each.event for each in found)
    assert len(bench.api.project_audit_events_list(bench.project, action="delete")) == 1


def test_custom_metrics_are_reported_and_added_up(bench: Bench) -> None:
    api, name = bench.api, "custom.hits"
    api.metrics_create(bench.project, ubiops.MetricCreate(name=name, metric_type="delta", unit="hits"))
    points = [{"date": "2024-01-01T00:00:10Z", "value": 2}, {"date": "2024-01-01T00:00:50Z", "value": 3}]
    api.time_series_data_aggregate(bench.project, [{"metric": name, "labels": {"a": "b"}, "data": points}])
    span = {"start_date": "2024-01-01T00:00:00Z", "end_date": "2024-01-01T00:02:00Z", "aggregation_period": 60}
    data = api.time_series_data_list(bench.project, metric=name, labels="a:b", **span)
    assert [each.value for each in data.data_points] == [5, 0]
    assert [each.labels for each in api.time_series_search(bench.project, metric="custom")] == [{"a": "b"}]
    assert name in [each.name for each in api.metrics_list(bench.project)]
    refused(lambda: api.metrics_create(bench.project, ubiops.MetricCreate(name="hits", metric_type="delta")))
    api.metrics_delete(bench.project, name)
    refused(lambda: api.metrics_get(bench.project, name), status=404)


def test_the_servers_own_metrics_and_overview_count_requests(bench: Bench) -> None:
    bench.deploy("d", ADD5)
    bench.pipeline("p", [step("d")], chain("d"))
    api = bench.api
    done = [api.pipeline_requests_create(bench.project, "p", {"input": number}).id for number in (1, 2)]
    own = api.deployment_requests_create(bench.project, "d", {"input": 3}).id

    def count(metric: str) -> float:
        found = api.time_series_data_list(bench.project, metric=metric, aggregation_period=86_400)
        return sum(each.value or 0 for each in found.data_points)

    wait_for(lambda: count("pipelines.requests") == 2 and count("deployments.requests") == 3)
    assert count("deployments.failed_requests") == 0 and count("deployments.request_duration") > 0

    overview = bench.raw("GET", "requests").json()
    assert {each["id"] for each in overview} >= {*done, own} and len(overview) == 5
    assert [each["id"] for each in bench.raw("GET", "requests?object_type=pipeline&limit=1").json()] == [done[1]]
    assert bench.raw("GET", "requests?object_type=robot").status_code == 400
    events = bench.raw("GET", "events").json()
    assert [(each["parent_object_name"], each["type"]) for each in events] == [("d", "info")]


def test_what_is_exported_is_imported_into_another_project(steps: Bench, bench: Bench) -> None:
    wanted = ubiops.ExportCreate(
        deployments={"times2": {}, "add5": {}}, pipelines={"numbers": {}}, environment_variables={}
    )
    made = steps.api.exports_create(steps.project, wanted)
    wait_for(lambda: steps.api.exports_get(steps.project, made.id).status == "completed")
    with steps.api.exports_download(steps.project, made.id) as download:
        content = download.read()
    api = bench.api
    taken = api.imports_create(bench.project, file=bench.file(content, "export.zip"), skip_confirmation=True)
    wait_for(lambda: api.imports_get(bench.project, taken.id).status == "completed")
    wait_for(lambda: api.deployment_versions_get(bench.project, "add5", "v1").status == "available")
    wait_for(lambda: api.deployment_versions_get(bench.project, "times2", "v1").status == "available")
    assert api.pipeline_requests_create(bench.project, "numbers", {"input": 7}).result == {"output": 19}
    refused(lambda: api.imports_create(bench.project, file=bench.file(b"no zip", "bad.zip")), status=400)


def test_every_list_answers_in_the_form_that_the_client_checks(steps: Bench) -> None:
    api, project = steps.api, steps.project
    assert api.organizations_list()[0].name == "default"
    assert api.organizations_get("default").id
    assert api.organization_users_list("default") and api.project_users_list(project)
    assert api.projects_resource_usage(project).deployments >= 3
    assert api.organizations_resource_usage("default").projects >= 1
    assert api.quotas_list(project) == []
    assert api.roles_list(project) and api.permissions_list()
    assert api.environments_list(project) and api.instance_types_list(project).results
    assert api.instance_type_groups_list(project).results
    steps.api.deployment_requests_create(project, "add5", {"input": 1})
    [*instances] = api.instances_list(project, "add5", "v1").results
    assert api.instances_get(project, "add5", instances[0].id, "v1").deployment == "add5"
    assert api.project_instances_list(project).results
    assert api.deployment_audit_events_list(project, "add5") and api.pipeline_audit_events_list(project, "numbers")
    assert api.request_schedules_list(project) == [] and api.webhooks_list(project) == []
    assert api.exports_list(project) is not None and api.imports_list(project) is not None
    assert api.service_users_list(project) == []
