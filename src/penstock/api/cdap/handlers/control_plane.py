"""The control plane of Data Fusion, as far as clients look an instance up in it: every instance is this server.

What changes an instance is done at once; the operation that is answered has ended already.

Source: the discovery document of the Data Fusion API, v1beta1.
"""

from __future__ import annotations

import uuid
from typing import Any, Final

from penstock.api.cdap.kinds import INSTANCE, InstanceBody
from penstock.api.cdap.names import VERSION
from penstock.api.shared.call import Call
from penstock.kernel.errors import AlreadyExists, Invalid, NotFound
from penstock.kernel.instants import rfc3339
from penstock.kernel.query import MAX_LIMIT, Compare, Comparison

__all__ = ["create", "get", "operation", "operations", "patch", "remove", "restart", "show_all", "versions"]

META: Final = "type.googleapis.com/google.cloud.datafusion.v1beta1"


async def get(call: Call) -> dict[str, Any]:
    """Show an instance. Any name is this server, unless it was deleted."""
    name = _name(call)
    return _shown(call, name, await _kept(call, name))


async def show_all(call: Call) -> dict[str, Any]:
    """List the instances that were made here."""
    parent = _parent(call) + "/instances/"
    where = Compare("name", Comparison.STARTS_WITH, parent)
    page = await call.services.documents.page(INSTANCE, call.scope, where=where, limit=MAX_LIMIT)
    found = [document for document in page.documents if not document.body.value.get("isDeleted")]
    return {"instances": [_shown(call, document.name or "", document.body.value) for document in found]}


async def create(call: Call, body: object) -> dict[str, Any]:
    """Make an instance: a name for this server, and what the client wants to be kept of it."""
    wanted = call.query.get("instanceId") or ""
    if not wanted:
        raise Invalid("the query parameter 'instanceId' is missing")
    name = f"{_parent(call)}/instances/{wanted}"
    value = {**_object(body), "createTime": rfc3339(call.services.clock.now())}
    try:
        document = await call.services.documents.find(INSTANCE, call.scope, name)
    except NotFound:
        await call.services.documents.create(INSTANCE, call.scope, name, InstanceBody(value=value))
    else:
        if not document.body.value.get("isDeleted"):
            raise AlreadyExists(f"Resource '{name}' already exists")
        await call.services.documents.replace(document, InstanceBody(value=value))
    return _operation(call, "create", name, _shown(call, name, value))


async def patch(call: Call, body: object) -> dict[str, Any]:
    """Change what is kept of an instance."""
    name = _name(call)
    value = {**await _kept(call, name), **_object(body), "updateTime": rfc3339(call.services.clock.now())}
    await _keep(call, name, value)
    return _operation(call, "update", name, _shown(call, name, value))


async def remove(call: Call) -> dict[str, Any]:
    """Forget an instance. The server goes on, and so does all that is in it."""
    name = _name(call)
    await _kept(call, name)
    await _keep(call, name, {"isDeleted": True})
    return _operation(call, "delete", name, {})


async def restart(call: Call, body: object) -> dict[str, Any]:
    """Say that an instance was restarted. It was not: there is nothing that a restart would mend."""
    name = _name(call)
    return _operation(call, "restart", name, _shown(call, name, await _kept(call, name)))


async def versions(call: Call) -> dict[str, Any]:
    """List the versions that an instance can have."""
    return {"availableVersions": [{"versionNumber": VERSION, "defaultVersion": True, "type": "TYPE_GENERAL_AVAILABLE"}]}


async def operation(call: Call) -> dict[str, Any]:
    """Show an operation; all of them have ended."""
    name = f"{_parent(call)}/operations/{call.path['operation']}"
    return {"name": name, "done": True, "metadata": {"@type": f"{META}.OperationMetadata"}, "response": {}}


async def operations(call: Call) -> dict[str, Any]:
    """List operations that go on: none do."""
    return {"operations": []}


def _object(body: object) -> dict[str, Any]:
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise Invalid("an instance is an object")
    return body


def _parent(call: Call) -> str:
    return f"projects/{call.path['project']}/locations/{call.path['location']}"


def _name(call: Call) -> str:
    return f"{_parent(call)}/instances/{call.path['instance']}"


async def _kept(call: Call, name: str) -> dict[str, Any]:
    try:
        document = await call.services.documents.find(INSTANCE, call.scope, name)
    except NotFound:
        return {}
    if document.body.value.get("isDeleted"):
        raise NotFound(f"Resource '{name}' was not found")
    return document.body.value


async def _keep(call: Call, name: str, value: dict[str, Any]) -> None:
    try:
        document = await call.services.documents.find(INSTANCE, call.scope, name)
    except NotFound:
        await call.services.documents.create(INSTANCE, call.scope, name, InstanceBody(value=value))
    else:
        await call.services.documents.replace(document, InstanceBody(value=value))


def _shown(call: Call, name: str, kept: dict[str, Any]) -> dict[str, Any]:
    url = str(call.request.base_url).rstrip("/")
    made = rfc3339(call.services.started_at)
    return {
        "type": "BASIC",
        "labels": {},
        "options": {},
        "createTime": made,
        "updateTime": made,
        **kept,
        "name": name,
        "state": "RUNNING",
        "version": VERSION,
        "zone": f"{call.path['location']}-a",
        "serviceEndpoint": url,
        "apiEndpoint": f"{url}/api",
        "gcsBucket": "",
        "availableVersion": [],
    }


def _operation(call: Call, verb: str, target: str, response: dict[str, Any]) -> dict[str, Any]:
    at = rfc3339(call.services.clock.now())
    return {
        "name": f"{_parent(call)}/operations/operation-{uuid.uuid4()}",
        "metadata": {
            "@type": f"{META}.OperationMetadata",
            "createTime": at,
            "endTime": at,
            "target": target,
            "verb": verb,
            "apiVersion": "v1beta1",
        },
        "done": True,
        "response": response,
    }
