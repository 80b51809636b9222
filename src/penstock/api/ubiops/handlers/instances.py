"""Instances of versions: groups of worker processes, as they are at the moment; and the types they can have."""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from penstock.api.shared.call import Call
from penstock.api.ubiops.catalogue import Project, all_of, find_deployment, find_version, project_of
from penstock.api.ubiops.handlers.server import user_id
from penstock.api.ubiops.kinds import DEPLOYMENT, INSTANCE_TYPE_GROUP, VERSION, StoredBody
from penstock.api.ubiops.project import Shown, timestamp
from penstock.api.ubiops.rules import checked_text, offset_and_limit
from penstock.api.ubiops.wire import InstanceTypeGroup, InstanceUpdate, changes, read
from penstock.kernel.errors import AlreadyExists, Invalid, NotFound, WrongState
from penstock.kernel.query import Order
from penstock.ports.workers import Instance, InstanceState
from penstock.services.documents import Document

__all__ = [
    "create_group",
    "delete_group",
    "events",
    "get",
    "get_group",
    "group_usage",
    "list_all",
    "list_groups",
    "list_of_version",
    "list_types",
    "update",
    "update_group",
]

_STATES: Final = {
    InstanceState.STARTING: "starting",
    InstanceState.READY: "idle",
    InstanceState.BUSY: "running",
    InstanceState.STOPPING: "stopping",
    InstanceState.FAILED: "failed",
}
_SIZES_MB: Final = (256, 512, 1024, 2048, 4096, 8192, 16_384)


@dataclass(frozen=True, slots=True)
class _Placed:
    """An instance, and the version whose it is."""

    instance: Instance
    deployment: str
    version: str
    instance_type: str


async def list_all(call: Call) -> Shown:
    """List the instances of a project."""
    return _page(call, [_shown(each) for each in await _of_project(call, await project_of(call))])


async def list_of_version(call: Call) -> Shown:
    """List the instances of a version."""
    return _page(call, [_shown(each) for each in await _of_call(call)])


async def get(call: Call) -> Shown:
    """Show an instance."""
    return _shown(await _one(call)) | {"node": None, "node_pool": None}


async def update(call: Call, body: object) -> Shown:
    """Refuse: instances come and go by what is asked of them."""
    wanted = read(body, InstanceUpdate)
    await _one(call)
    raise WrongState(f"status: {wanted.status!r} cannot be set; instances are started and stopped by the load alone")


async def events(call: Call) -> Shown:
    """List what happened to an instance."""
    one = (await _one(call)).instance
    rows = [
        {"id": user_id(f"{one.id}/made"), "time_created": timestamp(one.made_at_us), "description": "created"},
        {
            "id": user_id(f"{one.id}/{one.state}"),
            "time_created": timestamp(one.changed_at_us),
            "description": _STATES[one.state],
        },
    ]
    return _page(call, rows)


# Types, and groups of them.


async def list_types(call: Call) -> Shown:
    """List the types of instances: how much memory each of their processes may use."""
    await project_of(call)
    return _page(call, [_type(call, size) for size in _SIZES_MB])


async def list_groups(call: Call) -> Shown:
    """List the groups of instance types: one for each type, and those that somebody made."""
    project = await project_of(call)
    rows = await all_of(call.services.documents, INSTANCE_TYPE_GROUP, project.scope, order=Order("name"))
    return _page(call, [_own_group(call, size) for size in _SIZES_MB] + [_group(call, each) for each in rows])


async def create_group(call: Call, body: object) -> Shown:
    """Make a group of instance types."""
    project, wanted = await project_of(call), read(body, InstanceTypeGroup)
    name = checked_text(wanted.name, "name", 256)
    taken = AlreadyExists(f"An instance type group with the name {name!r} already exists")
    if name in {_group_name(size) for size in _SIZES_MB}:
        raise taken
    made = StoredBody(values={"instance_types": _checked_types(call, wanted)})
    try:
        return _group(call, await call.services.documents.create(INSTANCE_TYPE_GROUP, project.scope, name, made))
    except AlreadyExists:
        raise taken from None


async def get_group(call: Call) -> Shown:
    """Show a group of instance types."""
    own = next((_own_group(call, size) for size in _SIZES_MB if _group_id(size) == call.path["id"]), None)
    project = await project_of(call)
    return own or _group(call, await _kept_group(call, project))


async def update_group(call: Call, body: object) -> Shown:
    """Change a group that somebody made."""
    present = await _kept_group(call, await project_of(call))
    wanted = changes(read({"name": present.name, **(body if isinstance(body, dict) else {})}, InstanceTypeGroup))
    values = dict(present.body.values)
    if isinstance(body, dict) and body.get("instance_types"):
        values["instance_types"] = _checked_types(call, InstanceTypeGroup(**wanted))
    made = msgspec.structs.replace(present.body, values=values)
    return _group(call, await call.services.documents.replace(present, made, name=wanted["name"]))


async def delete_group(call: Call) -> None:
    """Remove a group that somebody made."""
    await call.services.documents.delete(await _kept_group(call, await project_of(call)))


async def group_usage(call: Call) -> Shown:
    """List the versions that use a group of instance types."""
    project, group = await project_of(call), await get_group(call)
    documents = call.services.documents
    names = {str(each.id): each.name for each in await all_of(documents, DEPLOYMENT, project.scope)}
    rows = [
        {
            "id": each.id,
            "deployment": names.get(each.body.deployment_id),
            "version": each.body.title,
            "instance_type_group_id": group["id"],
            "instance_type_group_name": group["name"],
        }
        for each in await all_of(documents, VERSION, project.scope)
        if group["name"] == each.body.instance_type_group_name or group["id"] == each.body.instance_type_group_id
    ]
    return _page(call, rows)


def _page(call: Call, rows: list[Shown]) -> Shown:
    _, limit = offset_and_limit(call.query, 50, 1000)
    cursor = call.query.get("cursor", "") or "0"
    if not cursor.isdecimal():
        raise Invalid(f"cursor: {cursor[:80]!r} is no cursor of this server")
    if status := call.query.get("status", ""):
        rows = [each for each in rows if each.get("status") in status.split(",")]
    start = int(cursor)
    following, before = start + limit, max(0, start - limit)
    return {
        "next": str(following) if following < len(rows) else None,
        "previous": str(before) if start else None,
        "results": rows[start:following],
    }


async def _of_project(call: Call, project: Project) -> list[_Placed]:
    documents = call.services.documents
    names = {str(each.id): str(each.name) for each in await all_of(documents, DEPLOYMENT, project.scope)}
    placed: list[_Placed] = []
    for version in await all_of(documents, VERSION, project.scope):
        status = call.services.serving.status(version.id)
        for instance in status.instances if status else ():
            name = names.get(version.body.deployment_id, "")
            placed.append(_Placed(instance, name, version.body.title, version.body.instance_type))
    return placed


async def _of_call(call: Call) -> list[_Placed]:
    project = await project_of(call)
    if "deployment" not in call.path:
        return await _of_project(call, project)
    deployment = await find_deployment(call.services, project, call.path["deployment"])
    version = await find_version(call.services, project, deployment, call.path["version"])
    status = call.services.serving.status(version.id)
    name, body = str(deployment.name), version.body
    return [_Placed(each, name, body.title, body.instance_type) for each in (status.instances if status else ())]


async def _one(call: Call) -> _Placed:
    for each in await _of_call(call):
        if each.instance.id == call.path["id"]:
            return each
    raise NotFound(f"Instance was not found: there is none with the id {call.path['id']!r}")


def _shown(each: _Placed) -> Shown:
    return {
        "id": each.instance.id,
        "status": _STATES[each.instance.state],
        "instance_type": {
            "id": user_id(each.instance_type),
            "name": each.instance_type,
            "display_name": each.instance_type,
        },
        "time_created": timestamp(each.instance.made_at_us),
        "time_updated": timestamp(each.instance.changed_at_us),
        "deployment": each.deployment,
        "version": each.version,
    }


def _type(call: Call, size_mb: int) -> Shown:
    name = f"{size_mb}mb"
    return {
        "id": user_id(name),
        "time_created": timestamp(call.services.started_at),
        "name": name,
        "display_name": _group_name(size_mb),
        "cpu": size_mb / 4096,
        "memory": size_mb,
        "storage": size_mb,
        "accelerator": 0,
        "credit_rate": 0,
        "dedicated_node": False,
        "node_pool": None,
    }


def _group_name(size_mb: int) -> str:
    return f"{size_mb} MB + {size_mb / 4096:g} vCPU"


def _group_id(size_mb: int) -> str:
    return user_id(_group_name(size_mb))


def _own_group(call: Call, size_mb: int) -> Shown:
    at = timestamp(call.services.started_at)
    kind = _type(call, size_mb) | {"priority": 0, "schedule_timeout": 300}
    return {
        "id": _group_id(size_mb),
        "name": _group_name(size_mb),
        "time_created": at,
        "time_updated": at,
        "instance_types": [kind],
    }


def _group(call: Call, document: Document[StoredBody]) -> Shown:
    types = {each["id"]: each for each in (_type(call, size) for size in _SIZES_MB)}
    return {
        "id": document.id,
        "name": document.name,
        "time_created": timestamp(document.created_at),
        "time_updated": timestamp(document.updated_at),
        "instance_types": [types[each["id"]] | each for each in document.body.values["instance_types"]],
    }


def _checked_types(call: Call, wanted: InstanceTypeGroup) -> list[dict[str, Any]]:
    known = {_type(call, size)["id"] for size in _SIZES_MB}
    if not wanted.instance_types:
        raise Invalid("instance_types: a group has one type or more")
    for each in wanted.instance_types:
        if each.id not in known:
            raise Invalid(f"instance_types: there is no instance type with the id {each.id!r}")
    return [
        {"id": each.id, "priority": each.priority, "schedule_timeout": each.schedule_timeout}
        for each in wanted.instance_types
    ]


async def _kept_group(call: Call, project: Project) -> Document[StoredBody]:
    try:
        document = await call.services.documents.get(INSTANCE_TYPE_GROUP, call.path["id"])
    except NotFound:
        document = None
    if document is None or document.scope != project.scope:
        raise NotFound(f"Instance type group was not found: there is none with the id {call.path['id']!r}")
    return document
