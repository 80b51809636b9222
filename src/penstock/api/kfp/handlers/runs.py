"""Runs: make, show, list, steer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from penstock.api.kfp.errors import FinishedRun
from penstock.api.kfp.handlers.experiments import default_experiment
from penstock.api.kfp.harvest import FORMATS, awaits_harvest, columns_of_metrics, harvested, merged, problem_of
from penstock.api.kfp.kinds import ARCHIVED, AVAILABLE, EXPERIMENT, JOB, VERSION
from penstock.api.kfp.launching import Source, Wanted, note_run, prepare, source_of
from penstock.api.kfp.listing import request_of, token_of
from penstock.api.kfp.project.resources import Shown, page
from penstock.api.kfp.project.runs import Names, run_detail_v1, run_v1, run_v2
from penstock.api.kfp.references import key_of, target
from penstock.api.kfp.run_face import ORIGIN, RUN_COLUMNS, Metric, face_of
from penstock.api.kfp.shelf import package_by_digest
from penstock.api.kfp.wire import MetricsReport, PipelineSpec, Reference, Run, V2Run, VersionReference, read
from penstock.api.shared.call import Call
from penstock.kernel.errors import Invalid, NotFound, WrongState
from penstock.kernel.query import AllOf, Compare, Comparison, Predicate
from penstock.services.runs.record import Run as RunRecord

__all__ = [
    "archive",
    "create_v1",
    "create_v2",
    "delete",
    "experiment_of",
    "get_v1",
    "get_v2",
    "list_v1",
    "list_v2",
    "parameters_of",
    "report_metrics",
    "retry",
    "source_v1",
    "source_v2",
    "terminate_v1",
    "terminate_v2",
    "unarchive",
]

GRACE_S = 30.0
"""How long steps of a terminated run may take to stop."""


async def create_v1(call: Call, body: object) -> Shown:
    """Make a run."""
    wanted = read(body, Run)
    if not wanted.name:
        raise Invalid("the run has no name", at="/name")
    specification = wanted.pipeline_spec
    source = await source_v1(call, specification, wanted.resource_references)
    asked = Wanted(
        name=wanted.name,
        experiment_id=await experiment_of(call, target(wanted.resource_references, "EXPERIMENT")),
        description=wanted.description,
        service_account=wanted.service_account,
        parameters=parameters_of(specification),
        runtime_parameters=specification.runtime_config.parameters,
        pipeline_root=specification.runtime_config.pipeline_root,
    )
    run = await call.services.runs.submit(await prepare(call.services, call.scope, source, asked))
    await note_run(call.services, asked.experiment_id)
    steps = await call.services.runs.steps(run.id)
    return run_detail_v1(run, await _names(call, [run]), source.package, steps)


async def create_v2(call: Call, body: object) -> Shown:
    """Make a run."""
    wanted = read(body, V2Run)
    if not wanted.display_name:
        raise Invalid("the run has no name", at="/display_name")
    source = await source_v2(call, wanted.pipeline_spec, wanted.pipeline_version_reference, wanted.pipeline_version_id)
    asked = Wanted(
        name=wanted.display_name,
        experiment_id=await experiment_of(call, wanted.experiment_id or None),
        description=wanted.description,
        service_account=wanted.service_account,
        runtime_parameters=wanted.runtime_config.parameters,
        pipeline_root=wanted.runtime_config.pipeline_root,
    )
    run = await call.services.runs.submit(await prepare(call.services, call.scope, source, asked))
    await note_run(call.services, asked.experiment_id)
    return run_v2(run, specification=_specification(source))


async def get_v1(call: Call) -> Shown:
    """Show a run with its live manifest."""
    run = await found(call)
    package = await package_by_digest(call.services, face_of(run).package)
    steps = await call.services.runs.steps(run.id)
    metrics = await harvested(call.services, run, steps)
    return run_detail_v1(run, await _names(call, [run]), package, steps, metrics)


async def get_v2(call: Call) -> Shown:
    """Show a run with its tasks."""
    run = await found(call)
    package = await package_by_digest(call.services, face_of(run).package)
    specification: Any = package.document
    if package.platforms:
        specification = {"pipeline_spec": package.document, "platform_spec": {"platforms": package.platforms}}
    return run_v2(run, specification=specification, steps=await call.services.runs.steps(run.id))


async def list_v1(call: Call) -> Shown:
    """List runs."""
    key = key_of(call.query, "resource_reference_key", ("NAMESPACE", "EXPERIMENT"))
    runs, total, token = await _listed(call, key[1] if key else None)
    names = await _names(call, runs)
    rows = []
    for run in runs:
        metrics = None
        if awaits_harvest(run):
            metrics = await harvested(call.services, run, await call.services.runs.steps(run.id))
        rows.append(run_v1(run, names, metrics=metrics))
    return page("runs", rows, total, token)


async def list_v2(call: Call) -> Shown:
    """List runs."""
    runs, total, token = await _listed(call, call.query.get("experiment_id") or None)
    return page("runs", [run_v2(run) for run in runs], total, token)


async def delete(call: Call) -> Shown:
    """Stop a run and remove all that is kept of it."""
    run = await found(call)
    await call.services.runs.delete(run.id)
    return {}


async def archive(call: Call) -> Shown:
    """Put a run away; one that runs goes on."""
    run = await found(call)
    await call.services.runs.amend(run.id, columns={"storage_state": ARCHIVED})
    return {}


async def unarchive(call: Call) -> Shown:
    """Take a run out again."""
    run = await found(call)
    experiment_id = face_of(run).experiment_id
    try:
        experiment = await call.services.documents.get(EXPERIMENT, experiment_id)
    except NotFound:
        experiment = None
    if experiment is not None and experiment.body.storage_state == ARCHIVED:
        raise WrongState(f"the run's experiment {experiment_id!r} is archived; take that out first")
    await call.services.runs.amend(run.id, columns={"storage_state": AVAILABLE})
    return {}


async def terminate_v1(call: Call) -> Shown:
    """Stop a run; its exit handler still runs."""
    run = await found(call)
    await call.services.runs.stop(run.id, reason="terminated by the user", grace_s=GRACE_S)
    return {}


async def terminate_v2(call: Call) -> Shown:
    """Stop a run; nothing happens to one that has ended, for a client may not know of it yet."""
    run = await found(call)
    if not run.state.is_final:
        try:
            await call.services.runs.stop(run.id, reason="terminated by the user", grace_s=GRACE_S)
        except WrongState:
            return {}
    return {}


async def retry(call: Call) -> Shown:
    """Do again what failed, on the same run."""
    run = await found(call)
    try:
        await call.services.runs.retry(run.id)
    except WrongState as error:
        raise FinishedRun(error.message) from None
    return {}


async def report_metrics(call: Call, body: object) -> Shown:
    """Store metrics of a run; each one is answered for itself."""
    run = await found(call)
    report = read(body, MetricsReport)
    present = await harvested(call.services, run, await call.services.runs.steps(run.id))
    known = {(each.node_id, each.name) for each in present}
    results: list[Shown] = []
    new: list[Metric] = []
    for each in report.metrics:
        kind = FORMATS[each.format] if isinstance(each.format, int) and each.format < len(FORMATS) else each.format
        metric = Metric(each.name, each.node_id, each.number_value, str(kind) if kind in FORMATS else "UNSPECIFIED")
        result: Shown = {"metric_name": each.name, "metric_node_id": each.node_id, "status": "OK"}
        problem = problem_of(metric)
        if problem is not None:
            result |= {"status": "INVALID_ARGUMENT", "message": problem}
        elif (metric.node_id, metric.name) in known:
            result |= {"status": "DUPLICATE_REPORTING", "message": f"metric {metric.name!r} was reported already"}
        else:
            known.add((metric.node_id, metric.name))
            new.append(metric)
        results.append(result)
    if new:
        current = merged(face_of(await call.services.runs.get(run.id)).metrics, new)
        labels: dict[str, Any] = {"metrics": msgspec.to_builtins(current)}
        await call.services.runs.amend(run.id, columns=columns_of_metrics(current), labels=labels)
    return {"results": results} if results else {}


async def found(call: Call) -> RunRecord:
    """Return the run of the path.

    Raises: NotFound, also if it is another dialect's.
    """
    run = await call.services.runs.get(call.path["id"])
    if run.body.origin != ORIGIN:
        raise NotFound(f"there is no run {call.path['id']!r}")
    return run


async def source_v1(call: Call, specification: PipelineSpec, references: Iterable[Reference]) -> Source:
    """Find what a request of v1beta1 wants to run.

    Raises: Invalid, NotFound, UnsupportedFeature.
    """
    manifest = specification.workflow_manifest or specification.pipeline_manifest
    if specification.workflow_manifest and specification.pipeline_manifest:
        raise Invalid("workflow_manifest and pipeline_manifest are both given; give one", at="/pipeline_spec")
    return await source_of(
        call.services,
        call.scope,
        manifest=manifest.encode() if manifest else None,
        pipeline_id=specification.pipeline_id,
        version_id=target(references, "PIPELINE_VERSION", "CREATOR") or "",
    )


async def source_v2(
    call: Call, specification: dict[str, Any] | None, reference: VersionReference, version_id: str
) -> Source:
    """Find what a request of v2beta1 wants to run.

    Raises: Invalid, NotFound, UnsupportedFeature.
    """
    return await source_of(
        call.services,
        call.scope,
        manifest=msgspec.json.encode(specification) if specification else None,
        pipeline_id=reference.pipeline_id,
        version_id=reference.pipeline_version_id or version_id,
    )


async def experiment_of(call: Call, id: str | None) -> str:
    """Return the experiment a run belongs to: the one that is named, else the default one.

    Raises: NotFound.
    """
    if not id:
        return (await default_experiment(call)).id
    return (await call.services.documents.get(EXPERIMENT, id)).id


def parameters_of(specification: PipelineSpec) -> tuple[tuple[str, str], ...]:
    """Return parameters given as texts; one without a value is left to its default."""
    return tuple(
        (each.name, each.value if isinstance(each.value, str) else msgspec.json.encode(each.value).decode())
        for each in specification.parameters
        if each.value is not None
    )


def _specification(source: Source) -> Any:
    if source.package.platforms:
        return {"pipeline_spec": source.package.document, "platform_spec": {"platforms": source.package.platforms}}
    return source.package.document


async def _listed(call: Call, experiment_id: str | None) -> tuple[tuple[RunRecord, ...], int, str]:
    request = request_of(call.query, "kfp.run", RUN_COLUMNS)
    parts: list[Predicate] = [Compare("origin", Comparison.EQ, ORIGIN)]
    if experiment_id is not None:
        await call.services.documents.get(EXPERIMENT, experiment_id)
        parts.append(Compare("experiment_id", Comparison.EQ, experiment_id))
    if request.where is not None:
        parts.append(request.where)
    where = AllOf(tuple(parts))
    runs = call.services.runs
    found_page = await runs.page(call.scope, where=where, order=request.order, limit=request.size, after=request.after)
    return found_page.runs, await runs.count(call.scope, where), token_of(request, found_page.next)


async def _names(call: Call, runs: Iterable[RunRecord]) -> Names:
    """Return what the things are called that runs refer to; those that are gone have no name."""
    documents = call.services.documents
    names: dict[str, str] = {}
    for run in runs:
        face = face_of(run)
        for kind, id in ((EXPERIMENT, face.experiment_id), (VERSION, face.version_id), (JOB, face.job_id)):
            if not id or id in names:
                continue
            try:
                if kind is EXPERIMENT:
                    names[id] = (await documents.get(EXPERIMENT, id)).name or ""
                elif kind is VERSION:
                    names[id] = (await documents.get(VERSION, id)).body.title
                else:
                    names[id] = (await documents.get(JOB, id)).body.title
            except NotFound:
                names[id] = ""
    return names
