"""Experiments: a name under which runs are kept together."""

from typing import Final

import msgspec

from penstock.api.kfp.errors import InUse
from penstock.api.kfp.filters import Column
from penstock.api.kfp.handlers.shelving import shelve_runs, stop_jobs
from penstock.api.kfp.kinds import ARCHIVED, AVAILABLE, EXPERIMENT, ExperimentBody, folded
from penstock.api.kfp.listing import listed
from penstock.api.kfp.project.resources import Shown, experiment_v1, experiment_v2, page
from penstock.api.kfp.references import key_of, target
from penstock.api.kfp.wire import Experiment, V2Experiment, read
from penstock.api.shared.call import Call
from penstock.kernel.errors import AlreadyExists, Invalid, NotFound
from penstock.services.documents import Document

__all__ = [
    "DEFAULT_NAME",
    "archive",
    "create_v1",
    "create_v2",
    "default_experiment",
    "delete",
    "get_v1",
    "get_v2",
    "list_v1",
    "list_v2",
    "unarchive",
]

DEFAULT_NAME: Final = "Default"
"""The experiment of runs that name none."""

_STATES: Final = {f"STORAGESTATE_{state}": (state,) for state in (AVAILABLE, ARCHIVED)}
_COLUMNS: Final = {
    "id": Column("id"),
    "name": Column("name", substring="folded"),
    "created_at": Column("created_at", is_time=True),
    "description": Column("description"),
    "storage_state": Column("storage_state", words=_STATES),
    "namespace": Column("namespace"),
    "last_run_created_at": Column("last_run_at_us", is_time=True),
}
_COLUMNS_V2: Final = _COLUMNS | {"experiment_id": _COLUMNS["id"], "display_name": _COLUMNS["name"]}


async def list_v1(call: Call) -> Shown:
    """List experiments."""
    key_of(call.query, "resource_reference_key", ("NAMESPACE",))
    found = await listed(call, EXPERIMENT, _COLUMNS)
    return page("experiments", [experiment_v1(each) for each in found.documents], found.total, found.next_token)


async def list_v2(call: Call) -> Shown:
    """List experiments."""
    found = await listed(call, EXPERIMENT, _COLUMNS_V2)
    return page("experiments", [experiment_v2(each) for each in found.documents], found.total, found.next_token)


async def create_v1(call: Call, body: object) -> Shown:
    """Make an experiment."""
    wanted = read(body, Experiment)
    target(wanted.resource_references, "NAMESPACE")
    return experiment_v1(await _create(call, wanted.name, wanted.description))


async def create_v2(call: Call, body: object) -> Shown:
    """Make an experiment."""
    wanted = read(body, V2Experiment)
    return experiment_v2(await _create(call, wanted.display_name, wanted.description))


async def get_v1(call: Call) -> Shown:
    """Show an experiment."""
    return experiment_v1(await call.services.documents.get(EXPERIMENT, call.path["id"]))


async def get_v2(call: Call) -> Shown:
    """Show an experiment."""
    return experiment_v2(await call.services.documents.get(EXPERIMENT, call.path["id"]))


async def delete(call: Call) -> Shown:
    """Remove an experiment; its runs and jobs stay."""
    document = await call.services.documents.get(EXPERIMENT, call.path["id"])
    if document.name == DEFAULT_NAME:
        raise InUse("the default experiment cannot be deleted: runs that name no experiment belong to it")
    await call.services.documents.delete(document)
    return {}


async def archive(call: Call) -> Shown:
    """Put an experiment away, with its runs; its jobs stop firing."""
    await _move(call, ARCHIVED)
    await shelve_runs(call, call.path["id"])
    await stop_jobs(call, call.path["id"])
    return {}


async def unarchive(call: Call) -> Shown:
    """Take an experiment out again, without its runs."""
    await _move(call, AVAILABLE)
    return {}


async def default_experiment(call: Call) -> Document[ExperimentBody]:
    """Return the default experiment; it is made when it is first needed."""
    documents = call.services.documents
    try:
        return await documents.find(EXPERIMENT, call.scope, DEFAULT_NAME)
    except NotFound:
        pass
    body = ExperimentBody(folded=folded(DEFAULT_NAME), description="All runs that name no experiment")
    try:
        return await documents.create(EXPERIMENT, call.scope, DEFAULT_NAME, body)
    except AlreadyExists:
        return await documents.find(EXPERIMENT, call.scope, DEFAULT_NAME)


async def _create(call: Call, name: str, description: str) -> Document[ExperimentBody]:
    if not name:
        raise Invalid("the experiment has no name", at="/name")
    body = ExperimentBody(folded=folded(name), description=description)
    try:
        return await call.services.documents.create(EXPERIMENT, call.scope, name, body)
    except AlreadyExists:
        raise AlreadyExists(f"an experiment named {name!r} already exists. Please specify a new name") from None


async def _move(call: Call, state: str) -> None:
    await call.services.documents.update(
        EXPERIMENT, call.path["id"], lambda body: msgspec.structs.replace(body, storage_state=state)
    )
