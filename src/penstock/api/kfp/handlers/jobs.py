"""Recurring runs: make, show, list, switch on and off, remove."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from penstock.api.kfp.filters import Column, seconds_of
from penstock.api.kfp.handlers.runs import experiment_of, parameters_of, source_v1, source_v2
from penstock.api.kfp.kinds import EXPERIMENT, JOB, VERSION, JobBody, folded
from penstock.api.kfp.launching import Source, check_parameters
from penstock.api.kfp.listing import listed
from penstock.api.kfp.project.jobs import job_v1, job_v2
from penstock.api.kfp.project.resources import Shown, page
from penstock.api.kfp.recurring import schedule_of
from penstock.api.kfp.references import key_of, target
from penstock.api.kfp.run_face import ORIGIN
from penstock.api.kfp.shelf import package_by_digest
from penstock.api.kfp.wire import Job, Trigger, V2RecurringRun, read
from penstock.api.shared.call import Call
from penstock.kernel.errors import Invalid, NotFound
from penstock.kernel.ids import TriggerId
from penstock.kernel.query import Compare, Comparison
from penstock.kernel.records import Insert
from penstock.kernel.triggers import check_schedule
from penstock.services.documents import Document

__all__ = [
    "create_v1",
    "create_v2",
    "delete",
    "disable",
    "enable",
    "get_v1",
    "get_v2",
    "list_v1",
    "list_v2",
    "switch",
]

MAX_CONCURRENCY: Final = 10
_ON: Final = ("ENABLED", "ENABLE", 1)

_COLUMNS: Final = {
    "id": Column("id"),
    "name": Column("title", substring="folded"),
    "created_at": Column("created_at", is_time=True),
    "updated_at": Column("updated_at", is_time=True),
    "description": Column("description"),
    "experiment_id": Column("experiment_id"),
}
_COLUMNS_V2: Final = _COLUMNS | {"recurring_run_id": _COLUMNS["id"], "display_name": _COLUMNS["name"]}


async def create_v1(call: Call, body: object) -> Shown:
    """Make a job; the version it runs is the one of now."""
    wanted = read(body, Job)
    specification = wanted.pipeline_spec
    _check(wanted.name, wanted.max_concurrency)
    source = await source_v1(call, specification, wanted.resource_references)
    parameters = parameters_of(specification)
    runtime = specification.runtime_config
    check_parameters(source.package, parameters, runtime.parameters)
    job = JobBody(
        title=wanted.name,
        folded=folded(wanted.name),
        description=wanted.description,
        experiment_id=await experiment_of(call, target(wanted.resource_references, "EXPERIMENT")),
        pipeline_id=source.pipeline_id,
        version_id=source.version_id,
        package="" if source.version_id else source.sha256,
        parameters=parameters,
        runtime_parameters=runtime.parameters,
        pipeline_root=runtime.pipeline_root,
        service_account=wanted.service_account or "pipeline-runner",
        max_concurrency=wanted.max_concurrency,
        no_catchup=wanted.no_catchup,
        is_enabled=wanted.enabled or wanted.mode in _ON,
        **_times(wanted.trigger),
    )
    return await _v1(call, await _create(call, job))


async def create_v2(call: Call, body: object) -> Shown:
    """Make a recurring run; of a pipeline without a version it runs the one that is the default then."""
    wanted = read(body, V2RecurringRun)
    _check(wanted.display_name, wanted.max_concurrency)
    reference = wanted.pipeline_version_reference
    source = await source_v2(call, wanted.pipeline_spec, reference, wanted.pipeline_version_id)
    check_parameters(source.package, (), wanted.runtime_config.parameters)
    job = JobBody(
        title=wanted.display_name,
        folded=folded(wanted.display_name),
        description=wanted.description,
        experiment_id=await experiment_of(call, wanted.experiment_id or None),
        pipeline_id=source.pipeline_id,
        version_id=reference.pipeline_version_id or wanted.pipeline_version_id,
        package="" if source.version_id else source.sha256,
        runtime_parameters=wanted.runtime_config.parameters,
        pipeline_root=wanted.runtime_config.pipeline_root,
        service_account=wanted.service_account or "pipeline-runner",
        max_concurrency=wanted.max_concurrency,
        no_catchup=wanted.no_catchup,
        is_enabled=wanted.mode in _ON,
        **_times(wanted.trigger),
    )
    return await _v2(call, await _create(call, job), source)


async def get_v1(call: Call) -> Shown:
    """Show a job."""
    return await _v1(call, await call.services.documents.get(JOB, call.path["id"]))


async def get_v2(call: Call) -> Shown:
    """Show a recurring run."""
    return await _v2(call, await call.services.documents.get(JOB, call.path["id"]))


async def list_v1(call: Call) -> Shown:
    """List jobs."""
    key = key_of(call.query, "resource_reference_key", ("NAMESPACE", "EXPERIMENT"))
    found = await listed(call, JOB, _COLUMNS, await _of_experiment(call, key[1] if key else None))
    rows = [job_v1(each, await _names(call, each)) for each in found.documents]
    return page("jobs", rows, found.total, found.next_token)


async def list_v2(call: Call) -> Shown:
    """List recurring runs; the wire calls the list `recurringRuns`, and nothing else so."""
    restriction = await _of_experiment(call, call.query.get("experiment_id") or None)
    found = await listed(call, JOB, _COLUMNS_V2, restriction)
    return page("recurringRuns", [job_v2(each) for each in found.documents], found.total, found.next_token)


async def delete(call: Call) -> Shown:
    """Remove a recurring run; the runs it made stay."""
    job = await call.services.documents.get(JOB, call.path["id"])
    await call.services.triggers.delete(job.id)
    await call.services.documents.delete(await call.services.documents.get(JOB, job.id))
    return {}


async def enable(call: Call) -> Shown:
    """Let a recurring run fire."""
    await switch(call, call.path["id"], True)
    return {}


async def disable(call: Call) -> Shown:
    """Let a recurring run fire no more."""
    await switch(call, call.path["id"], False)
    return {}


async def switch(call: Call, id: str, is_enabled: bool) -> None:
    """Let a recurring run fire, or not.

    Raises: NotFound.
    """
    await call.services.documents.update(JOB, id, lambda body: msgspec.structs.replace(body, is_enabled=is_enabled))
    await call.services.triggers.enable(id, is_enabled)


async def _create(call: Call, body: JobBody) -> Document[JobBody]:
    services = call.services
    id, at = services.clock.new_id(), services.clock.now()
    schedule = schedule_of(body)
    check_schedule(schedule)
    insert = Insert(JOB.name, id, call.scope, None, at, msgspec.json.encode(body), JOB.columns(body))
    await services.triggers.create(
        ORIGIN, call.scope, id, schedule, is_enabled=body.is_enabled, id=TriggerId(id), also=(insert,)
    )
    return await services.documents.get(JOB, id)


def _check(name: str, max_concurrency: int) -> None:
    if not name:
        raise Invalid("the recurring run has no name", at="/name")
    if not 1 <= max_concurrency <= MAX_CONCURRENCY:
        raise Invalid(
            f"max_concurrency is {max_concurrency}; it must lie between 1 and {MAX_CONCURRENCY}", at="/max_concurrency"
        )


def _times(trigger: Trigger) -> dict[str, Any]:
    cron, periodic = trigger.cron_schedule, trigger.periodic_schedule
    if (cron is None) == (periodic is None):
        raise Invalid("a trigger has a cron_schedule or a periodic_schedule, and not both", at="/trigger")
    if cron is not None:
        if not cron.cron:
            raise Invalid("the cron expression is empty", at="/trigger/cron_schedule/cron")
        return {"cron": cron.cron} | _bounds(cron.start_time, cron.end_time)
    assert periodic is not None
    if periodic.interval_second < 1:
        raise Invalid(
            f"the interval is {periodic.interval_second} s; it must be 1 or more",
            at="/trigger/periodic_schedule/interval_second",
        )
    return {"interval_s": periodic.interval_second} | _bounds(periodic.start_time, periodic.end_time)


def _bounds(start: str, end: str) -> dict[str, Any]:
    bounds = {"start_us": start, "end_us": end}
    return {name: seconds_of(value, "/trigger") for name, value in bounds.items() if value}


async def _of_experiment(call: Call, id: str | None) -> Compare | None:
    if id is None:
        return None
    await call.services.documents.get(EXPERIMENT, id)
    return Compare("experiment_id", Comparison.EQ, id)


async def _v1(call: Call, job: Document[JobBody]) -> Shown:
    package = await package_by_digest(call.services, job.body.package) if job.body.package else None
    return job_v1(job, await _names(call, job), package, await _error(call, job.id))


async def _v2(call: Call, job: Document[JobBody], source: Source | None = None) -> Shown:
    if not job.body.package:
        return job_v2(job, None, await _error(call, job.id))
    package = source.package if source else await package_by_digest(call.services, job.body.package)
    specification: Any = package.document
    if package.platforms:
        specification = {"pipeline_spec": package.document, "platform_spec": {"platforms": package.platforms}}
    return job_v2(job, specification, await _error(call, job.id))


async def _error(call: Call, id: str) -> str:
    return (await call.services.triggers.get(id)).body.failure or ""


async def _names(call: Call, job: Document[JobBody]) -> dict[str, str]:
    names: dict[str, str] = {}
    documents = call.services.documents
    try:
        names[job.body.experiment_id] = (await documents.get(EXPERIMENT, job.body.experiment_id)).name or ""
        if job.body.version_id:
            names[job.body.version_id] = (await documents.get(VERSION, job.body.version_id)).body.title
    except NotFound:
        return names
    return names
