"""A server of this dialect over real stores and real processes, spoken to in this process."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio

from penstock.api.kfp import DIALECT
from penstock.boot.compose import compose
from penstock.boot.config import Settings

V1 = "/apis/v1beta1"
FINAL = ("Succeeded", "Failed", "Error", "Skipped")


class Wire:
    """What a test talks to."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def call(self, verb: str, path: str, *, status: int = 200, **options: Any) -> Any:
        reply = await self.client.request(verb, path, **options)
        assert reply.status_code == status, reply.text
        return reply.json()

    async def run(self, *templates: dict[str, Any], **spec: Any) -> str:
        manifest = workflow(*templates, **spec)
        body = {"name": "r", "pipeline_spec": {"workflow_manifest": json.dumps(manifest)}}
        made = await self.call("POST", f"{V1}/runs", json=body)
        return str(made["run"]["id"])

    async def ended(self, id: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return a run that has ended, and its nodes by their names below the workflow's."""
        async with asyncio.timeout(30):
            while (detail := await self.call("GET", f"{V1}/runs/{id}"))["run"].get("status") not in FINAL:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        manifest = json.loads(detail["pipeline_runtime"]["workflow_manifest"])
        stem = manifest["metadata"]["name"] + "."
        nodes = {node["name"].removeprefix(stem): node for node in manifest["status"]["nodes"].values()}
        return detail["run"], nodes


def workflow(*templates: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": "wf-"},
        "spec": {"entrypoint": templates[0]["name"], "templates": list(templates), **spec},
    }


def shell(name: str, script: str, *inputs: str, outputs: tuple[str, ...] = ()) -> dict[str, Any]:
    """A template that runs a script with its inputs as $1, $2, …; it writes an output `o` to /tmp/o."""
    values = [f"{{{{inputs.parameters.{each}}}}}" for each in inputs]
    return {
        "name": name,
        "container": {"image": "alpine", "command": ["sh", "-ec", script, name, *values]},
        "inputs": {"parameters": [{"name": each} for each in inputs]},
        "outputs": {"parameters": [{"name": each, "valueFrom": {"path": f"/tmp/{each}"}} for each in outputs]},
    }


def dag(name: str, *tasks: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "dag": {"tasks": list(tasks)}, **more}


def task(
    name: str, template: str, *, after: tuple[str, ...] = (), given: dict[str, str] | None = None, **more: Any
) -> Any:
    parameters = [{"name": key, "value": value} for key, value in (given or {}).items()]
    return {
        "name": name,
        "template": template,
        "dependencies": list(after),
        "arguments": {"parameters": parameters},
    } | more


@asynccontextmanager
async def connected(data: Path) -> AsyncIterator[Wire]:
    """Serve this dialect from a directory."""
    async with compose(Settings(data=data), (DIALECT,)) as app:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://kfp", timeout=30) as client:
            yield Wire(client)


@pytest_asyncio.fixture
async def wire(tmp_path: Path) -> AsyncIterator[Wire]:
    async with connected(tmp_path / "data") as made:
        yield made
