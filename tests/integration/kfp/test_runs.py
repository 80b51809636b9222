"""Runs of Argo Workflows, from the request to the node table."""

import asyncio
import base64
import io
import tarfile
from typing import Any

import pytest

from tests.integration.kfp.conftest import V1, Wire, dag, shell, task


async def test_values_conditions_and_loops(wire: Wire) -> None:
    made = "{{tasks.make.outputs.parameters.o}}"
    each = task("each", "say", given={"v": "{{inputs.parameters.v}}-{{item.k}}"}, withItems=[{"k": "a"}, {"k": "b"}])
    id = await wire.run(
        dag(
            "main",
            task("make", "make"),
            task("big", "group", given={"v": made}, when=f"{made} > 5"),
            task("small", "say", given={"v": "x"}, when=f"{made} <= 5"),
            task("after", "say", after=("big", "small"), given={"v": "end"}),
        ),
        dag("group", each, inputs={"parameters": [{"name": "v"}]}),
        shell("make", "echo 7 > /tmp/o", outputs=("o",)),
        shell("say", 'echo "$1"', "v"),
    )
    run, nodes = await wire.ended(id)
    assert run["status"] == "Succeeded"
    assert nodes["make"]["outputs"]["parameters"] == [{"name": "o", "value": "7"}]
    assert {name: node["phase"] for name, node in nodes.items() if name.startswith(("big", "small"))} == {
        "big": "Succeeded",
        "big.each": "Succeeded",
        "big.each(0:k:a)": "Succeeded",
        "big.each(1:k:b)": "Succeeded",
        "small": "Skipped",
    }
    log = await wire.client.get(f"/apis/v1alpha1/runs/{id}/nodes/{nodes['big.each(1:k:b)']['id']}/log")
    assert log.text == "7-b\n"
    assert nodes["after"]["phase"] == "Succeeded"


async def test_the_exit_handler_sees_the_failure_and_retry_keeps_what_was_done(wire: Wire) -> None:
    id = await wire.run(
        dag("main", task("good", "good"), task("bad", "bad", after=("good",)), task("never", "good", after=("bad",))),
        shell("good", "date +%s%N > /tmp/o", outputs=("o",)),
        shell("bad", "exit 3"),
        shell("bye", 'test "{{workflow.status}}" = Failed'),
        onExit="bye",
    )
    run, first = await wire.ended(id)
    assert run["status"] == "Failed"
    assert first["onExit"]["phase"] == "Succeeded"
    assert first["never"]["phase"] == "Omitted"
    assert await wire.call("POST", f"{V1}/runs/{id}/retry") == {}
    _, second = await wire.ended(id)
    assert second["good"]["outputs"] == first["good"]["outputs"]
    assert second["bad"]["startedAt"] > first["bad"]["startedAt"]


async def test_terminate_ends_a_run_at_once(wire: Wire) -> None:
    id = await wire.run(dag("main", task("nap", "nap")), shell("nap", "sleep 60"))
    async with asyncio.timeout(10):
        await wire.call("POST", f"{V1}/runs/{id}/terminate")
        run, _ = await wire.ended(id)
    assert run["status"] == "Failed"
    refused = await wire.call("POST", f"{V1}/runs/{id}/terminate", status=400)
    assert refused["code"] == 9
    assert (await wire.call("POST", f"{V1}/runs/{id}:archive")) == {}
    assert (await wire.call("GET", f"{V1}/runs/{id}"))["run"]["storage_state"] == "STORAGESTATE_ARCHIVED"


async def test_an_artifact_comes_as_a_gzipped_tar(wire: Wire) -> None:
    template = shell("make", "mkdir -p /tmp/d/sub; echo hi > /tmp/d/sub/f; printf x > /tmp/f")
    template["outputs"]["artifacts"] = [{"name": "d", "path": "/tmp/d"}, {"name": "f", "path": "/tmp/f"}]
    id = await wire.run(template)
    _, nodes = await wire.ended(id)
    (node,) = nodes.values()
    contents: dict[str, dict[str, bytes]] = {}
    for name in ("d", "f"):
        reply = await wire.call("GET", f"{V1}/runs/{id}/nodes/{node['id']}/artifacts/{name}:read")
        with tarfile.open(fileobj=io.BytesIO(base64.b64decode(reply["data"]))) as archive:
            files = [member for member in archive.getmembers() if member.isfile()]
            contents[name] = {each.name: archive.extractfile(each).read() for each in files}  # type: ignore[union-attr]
    assert contents == {"d": {"sub/f": b"hi\n"}, "f": {"data": b"x"}}
    await wire.call("GET", f"{V1}/runs/{id}/nodes/{node['id']}/artifacts/none:read", status=404)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "x"}, 400),
        ({"name": "x", "pipeline_spec": {"workflow_manifest": "{}"}}, 400),
        ({"name": "x", "colour": 1}, 400),
        ({"name": "x", "pipeline_spec": {"pipeline_id": "none"}}, 404),
    ],
)
async def test_what_cannot_be_run_is_refused_and_nothing_is_stored(
    wire: Wire, body: dict[str, Any], status: int
) -> None:
    await wire.call("POST", f"{V1}/runs", status=status, json=body)
    assert await wire.call("GET", f"{V1}/runs") == {}


async def test_both_versions_of_the_api_show_the_same_run(wire: Wire) -> None:
    id = await wire.run(shell("one", "true"))
    await wire.ended(id)
    shown = await wire.call("GET", f"/pipeline/apis/v2beta1/runs/{id}")
    assert (shown["run_id"], shown["state"]) == (id, "SUCCEEDED")
    listed = await wire.call("GET", "/apis/v2beta1/runs")
    assert [each["run_id"] for each in listed["runs"]] == [id]


async def test_camel_case_is_read_like_snake_case(wire: Wire) -> None:
    made = await wire.call("POST", f"{V1}/experiments", json={"name": "e"})
    reference = {"key": {"type": 1, "id": made["id"]}, "relationship": 1}
    body = {"name": "x", "resourceReferences": [reference], "pipelineSpec": {"workflowManifest": "nothing"}}
    refused = await wire.call("POST", f"{V1}/runs", status=400, json=body)
    assert "package" in refused["error"]


async def test_a_step_that_was_taken_over_shows_the_log_of_the_one_that_ran(wire: Wire) -> None:
    cached = shell("once", "echo ran; date +%s%N > /tmp/o", outputs=("o",))
    cached["metadata"] = {"labels": {"pipelines.kubeflow.org/enable_caching": "true"}}
    outputs, logs = [], []
    for _ in range(2):
        id = await wire.run(cached)
        _, nodes = await wire.ended(id)
        (node,) = nodes.values()
        outputs.append(node["outputs"]["parameters"])
        log = await wire.client.get(f"/apis/v1alpha1/runs/{id}/nodes/{node['id']}/log")
        logs.append(log.text.splitlines())
    assert outputs[0] == outputs[1]
    assert logs[0] == ["ran"]
    assert logs[1][1:] == ["ran"]


async def test_archiving_an_experiment_archives_its_runs(wire: Wire) -> None:
    id = await wire.run(shell("one", "true"))
    run, _ = await wire.ended(id)
    experiment = run["resource_references"][0]["key"]["id"]
    await wire.call("POST", f"{V1}/experiments/{experiment}:archive")
    assert (await wire.call("GET", f"{V1}/runs/{id}"))["run"]["storage_state"] == "STORAGESTATE_ARCHIVED"
    assert (await wire.call("POST", f"{V1}/runs/{id}:unarchive", status=400))["code"] == 9
