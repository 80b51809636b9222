"""What cannot be understood or run is refused with the reason and the place, and leaves nothing behind."""

import gzip
import io
import json
import struct
import tarfile
import zipfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from tests.integration.kfp.conftest import V1, Wire, connected, dag, shell, task, workflow

# Nothing that is refused leaves a trace, so one server serves all tests.
pytestmark = pytest.mark.asyncio(loop_scope="module")
V2 = "/apis/v2beta1"
GOOD = yaml.safe_dump(workflow(shell("one", "true"))).encode()
LISTS = (f"{V1}/runs", f"{V1}/pipelines", f"{V1}/jobs", f"{V1}/experiments")


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def link(name: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "/etc/passwd"
    return info


def zip_link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16
    return info


def lying_zip() -> bytes:
    """A zip whose directory says that a long member is short."""
    honest = bytearray(zipped(("pipeline.yaml", b"#" * (40 << 20))))
    at = honest.rindex(b"PK\x01\x02")
    honest[at + 24 : at + 28] = struct.pack("<I", 10)
    return bytes(honest)


ALIASES = b"".join(
    b"a%d: &a%d [%s]\n" % (level, level, b",".join([b"*a%d" % (level - 1)] * 9) if level else b"x")
    for level in range(9)
)

FILES: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "a zip bomb": ("p.zip", lambda: zipped(("pipeline.yaml", b"#" * (40 << 20))), "more than 33554432 bytes"),
    "a zip that lies about its size": ("p.zip", lying_zip, "cannot be read"),
    "a tar bomb": ("p.tar.gz", lambda: tarred((tarfile.TarInfo("pipeline.yaml"), b"#" * (40 << 20))), "more than"),
    "a bomb of nothing": ("p.tar.gz", lambda: gzip.compress(b"\0" * (64 << 20), 9), "more than 33554432 bytes"),
    "a path upwards in a zip": ("p.zip", lambda: zipped(("../pipeline.yaml", GOOD)), "outside of the archive"),
    "a path upwards in a tar": ("p.tgz", lambda: tarred((tarfile.TarInfo("a/../../p.yaml"), GOOD)), "outside"),
    "an absolute path": ("p.tgz", lambda: tarred((tarfile.TarInfo("/tmp/pipeline.yaml"), GOOD)), "outside"),
    "a symbolic link in a tar": (
        "p.tgz",
        lambda: tarred((link("pipeline.yaml", tarfile.SYMTYPE), b"")),
        "no plain file",
    ),
    "a hard link in a tar": ("p.tgz", lambda: tarred((link("pipeline.yaml", tarfile.LNKTYPE), b"")), "no plain file"),
    "a device in a tar": ("p.tgz", lambda: tarred((link("pipeline.yaml", tarfile.CHRTYPE), b"")), "no plain file"),
    "a symbolic link in a zip": ("p.zip", lambda: zipped((zip_link("pipeline.yaml"), b"/etc/passwd")), "symbolic link"),
    "a flood of aliases": ("p.yaml", lambda: ALIASES, "alias"),
    "an alias of itself": ("p.yaml", lambda: b"a: &a [*a]\n", ""),
    "a deep nest": ("p.yaml", lambda: b"[" * 100_000 + b"]" * 100_000, "nested more than 200 deep"),
    "a deep nest of blocks": ("p.yaml", lambda: b"- " * 100_000 + b"x", "nested more than 200 deep"),
    "a staircase": ("p.yaml", lambda: b"\n".join(b" " * n + b"a:" for n in range(5000)), "nested more than 200 deep"),
    "an object of Python": ("p.yaml", lambda: b"!!python/object/apply:os.system ['touch /tmp/owned']\n", ""),
    "more than 32 MB": ("p.yaml", lambda: b"#" * ((32 << 20) + 1), ""),
    "no YAML": ("p.yaml", lambda: b"a: [1,\nb: }", "at 2:4"),
    "an empty file": ("p.yaml", lambda: b"", "empty"),
    "a picture": ("p.png", lambda: b"\x89PNG\r\n", "no package"),
    "another kind": ("p.yaml", lambda: b"apiVersion: v1\nkind: Pod\n", ""),
    "no UTF-8": ("p.yaml", lambda: b"\xff\xfe\x00a", ""),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wire(data: Path) -> AsyncIterator[Wire]:
    async with connected(data) as made:
        yield made


async def nothing_is_stored(wire: Wire, *, also: int = 0) -> None:
    for path in LISTS[:3]:
        assert await wire.call("GET", path) == {}
    assert (await wire.call("GET", LISTS[3])).get("total_size", 0) <= 1 + also


@pytest.mark.parametrize("what", FILES)
async def test_a_file_that_is_no_package_is_refused(wire: Wire, data: Path, what: str) -> None:
    name, content, words = FILES[what]
    body = content()
    for version in (V1, V2):
        reply = await wire.client.post(f"{version}/pipelines/upload?name=p", files={"uploadfile": (name, body)})

        assert 400 <= reply.status_code < 500, reply.text
        answer = reply.json()
        assert words in answer["error"]
        assert answer["error"] == answer["message"]
    await nothing_is_stored(wire)
    kept = sum(path.stat().st_size for path in (data / "blobs").rglob("*") if path.is_file())
    assert kept == 0


def ir(**change: Any) -> dict[str, Any]:
    component = {"executorLabel": "e", "inputDefinitions": {"parameters": {"n": {"parameterType": "NUMBER_INTEGER"}}}}
    task_of = {
        "componentRef": {"name": "c"},
        "taskInfo": {"name": "t"},
        "inputs": {"parameters": {"n": {"componentInputParameter": "n"}}},
    }
    return {
        "pipelineInfo": {"name": "p"},
        "schemaVersion": "2.1.0",
        "components": {"c": component},
        "deploymentSpec": {"executors": {"e": {"container": {"image": "alpine", "command": ["true"]}}}},
        "root": {
            "inputDefinitions": {"parameters": {"n": {"parameterType": "NUMBER_INTEGER"}}},
            "dag": {"tasks": {"t": task_of | change}},
        },
    }


ARGO = {
    "an unknown template": (workflow(dag("main", task("a", "nowhere"))), "nowhere"),
    "an unknown entrypoint": (workflow(shell("a", "true")) | {"spec": {"entrypoint": "b", "templates": []}}, "b"),
    "a cycle": (
        workflow(dag("main", task("a", "s", after=("b",)), task("b", "s", after=("a",))), shell("s", "true")),
        "circle",
    ),
    "an unknown dependency": (workflow(dag("main", task("a", "s", after=("z",))), shell("s", "true")), "z"),
    "a name twice": (workflow(dag("main", task("a", "s"), task("a", "s")), shell("s", "true")), "a"),
    "a sidecar": (workflow(shell("a", "true") | {"sidecars": [{"name": "s", "image": "x"}]}), "sidecars"),
    "a wrong type": (workflow(dag("main", task("a", "s", withItems=7)), shell("s", "true")), "withItems"),
}


@pytest.mark.parametrize("what", ARGO)
async def test_a_workflow_that_cannot_run_is_refused_with_its_place(wire: Wire, what: str) -> None:
    manifest, words = ARGO[what]
    body = {"name": "r", "pipeline_spec": {"workflow_manifest": json.dumps(manifest)}}
    refused = await wire.call("POST", f"{V1}/runs", status=400, json=body)

    assert words in refused["error"]
    assert refused["code"] == 3
    await nothing_is_stored(wire)


SPECIFICATIONS = {
    "a missing parameter": (ir(), {}, "n"),
    "an unknown parameter": (ir(), {"n": 1, "colour": 2}, "colour"),
    "a wrong type": (ir(), {"n": "soon"}, "n"),
    "a number that is no integer": (ir(), {"n": 1.5}, "n"),
    "an unknown component": (ir(componentRef={"name": "z"}), {"n": 1}, "z"),
    "an unknown dependency": (ir(dependentTasks=["z"]), {"n": 1}, "z"),
    "a dependency on itself": (ir(dependentTasks=["t"]), {"n": 1}, "t"),
    "an old schema": (ir() | {"schemaVersion": "2.0.0"}, {"n": 1}, "2.0.0"),
}


@pytest.mark.parametrize("what", SPECIFICATIONS)
async def test_a_specification_that_cannot_run_is_refused_with_its_place(wire: Wire, what: str) -> None:
    specification, given, words = SPECIFICATIONS[what]
    body = {"display_name": "r", "pipeline_spec": specification, "runtime_config": {"parameters": given}}
    refused = await wire.call("POST", f"{V2}/runs", status=400, json=body)

    assert words in refused["message"]
    await nothing_is_stored(wire)


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        *(("GET", f"{version}/{kind}/none") for version, kinds in (
            (V1, ("runs", "jobs", "pipelines", "experiments", "pipeline_versions")),
            (V2, ("runs", "recurringruns", "pipelines", "experiments", "pipelines/none/versions")),
        ) for kind in kinds),
        *(("DELETE", f"{V1}/{kind}/none") for kind in ("runs", "jobs", "pipelines", "experiments")),
        ("DELETE", f"{V1}/pipeline_versions/none"),
        *(("POST", f"{V1}/runs/none{deed}") for deed in (":archive", ":unarchive", "/terminate", "/retry")),
        *(("POST", f"{V1}/jobs/none/{deed}") for deed in ("enable", "disable")),
        *(("POST", f"{V1}/experiments/none{deed}") for deed in (":archive", ":unarchive")),
        ("POST", f"{V1}/pipelines/none/default_version/none"),
        ("GET", f"{V1}/pipelines/none/templates"),
        ("GET", f"{V1}/pipeline_versions/none/templates"),
        ("GET", f"{V1}/namespaces/-/pipelines/none"),
        ("GET", f"{V1}/runs/none/nodes/none/artifacts/none:read"),
        ("GET", "/apis/v1alpha1/runs/none/nodes/none/log"),
    ],
)  # fmt: skip
async def test_an_unknown_id_is_not_found(wire: Wire, verb: str, path: str) -> None:
    refused = await wire.call(verb, path, status=404)

    assert refused["code"] == 5
    assert "none" in refused["error"]


@pytest.mark.parametrize(
    "query",
    [
        {"page_size": "-1"},
        {"page_size": "many"},
        {"page_token": "no token"},
        {"page_token": "eyJhIjoxfQ"},
        {"sort_by": "colour"},
        {"sort_by": "name sideways"},
        {"sort_by": "name asc desc"},
        {"filter": "{"},
        {"filter": "{}x"},
        {"filter": '{"predicates": 7}'},
        {"filter": '{"predicates": [{"op": "EQUALS", "key": "colour", "string_value": "x"}]}'},
        {"filter": '{"predicates": [{"op": "UNKNOWN", "key": "name", "string_value": "x"}]}'},
        {"filter": '{"predicates": [{"op": "EQUALS", "key": "name"}]}'},
        {"filter": '{"predicates": [{"op": "IN", "key": "name", "string_value": "x"}]}'},
        {"filter": '{"predicates": [{"op": "EQUALS", "string_value": "x"}]}'},
        {"filter": '{"predicates": [{"op": "GREATER_THAN", "key": "created_at", "timestamp_value": "soon"}]}'},
    ],
)
async def test_a_list_refuses_what_it_cannot_read(wire: Wire, query: dict[str, str]) -> None:
    for path in LISTS:
        refused = await wire.call("GET", path, status=400, params=query)
        assert refused["code"] == 3


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"max_concurrency": 0},
        {"max_concurrency": 11},
        {"trigger": {"cron_schedule": {"cron": "every day"}}},
        {"trigger": {"periodic_schedule": {"interval_second": 0}}},
        {"pipeline_spec": {}},
        {"resource_references": [{"key": {"type": "EXPERIMENT", "id": "none"}, "relationship": "OWNER"}]},
        {"colour": "red"},
    ],
)
async def test_a_recurring_run_that_makes_no_sense_is_refused(wire: Wire, change: dict[str, Any]) -> None:
    body = {
        "name": "j",
        "max_concurrency": 1,
        "trigger": {"periodic_schedule": {"interval_second": 60}},
        "pipeline_spec": {"workflow_manifest": GOOD.decode()},
        "enabled": True,
    } | change
    reply = await wire.client.post(f"{V1}/jobs", json=body)

    assert reply.status_code in (400, 404), reply.text
    await nothing_is_stored(wire)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"x"', b"\xff", b'{"name": 7}', b'{"name": "a", "name": {}}', b"[" * 100_000]
)
async def test_a_body_that_is_no_run_is_refused(wire: Wire, body: bytes) -> None:
    for path in LISTS:
        reply = await wire.client.post(path, content=body, headers={"Content-Type": "application/json"})

        assert reply.status_code == 400, f"{path}: {reply.text}"
    await nothing_is_stored(wire)


async def test_a_url_that_gives_no_package_is_refused(wire: Wire) -> None:
    for url in ("ftp://127.0.0.1/p.yaml", "file:///etc/passwd", "http://127.0.0.1:9/p.yaml", "nothing"):
        body = {"name": "p", "url": {"pipeline_url": url}}
        reply = await wire.client.post(f"{V1}/pipelines", json=body)

        assert 400 <= reply.status_code < 500, f"{url}: {reply.text}"
    await nothing_is_stored(wire)
