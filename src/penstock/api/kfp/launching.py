"""From a request to run something to what is submitted to the engine: source, parameters, facts, name.

The same for both versions of the API, for runs people ask for and for those of recurring runs.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from penstock.api.kfp.kinds import EXPERIMENT, PIPELINE, VERSION, ExperimentBody
from penstock.api.kfp.macros import Moment, replaced
from penstock.api.kfp.run_face import ORIGIN, RunFace, columns_of
from penstock.api.kfp.shelf import package_by_digest
from penstock.kernel.errors import Conflict, Invalid, NotFound
from penstock.kernel.functions import as_text
from penstock.kernel.graph import Graph
from penstock.kernel.ids import RunId
from penstock.kernel.instants import unix_us
from penstock.kernel.scope import Scope
from penstock.kernel.values import Artifact, Value
from penstock.services.runs.submission import Submission
from penstock.services.services import Services

if TYPE_CHECKING:
    from penstock.api.kfp.packages import Package

__all__ = ["Source", "Wanted", "check_parameters", "note_run", "prepare", "source_by_digest", "source_of"]

MAX_PARAMETER_BYTES: Final = 10_000
NAMESPACE: Final = "kubeflow"
DEFAULT_ACCOUNT: Final = "pipeline-runner"
METRICS_ARTIFACT: Final = "mlpipeline-metrics"

_TYPES: Final[dict[str, Any]] = {
    "NUMBER_INTEGER": (int, float),
    "NUMBER_DOUBLE": (int, float),
    "STRING": str,
    "BOOLEAN": bool,
    "LIST": list,
    "STRUCT": dict,
}


@dataclass(frozen=True, slots=True)
class Source:
    """What is to be run, and where it is from. sha256: of its text in the blob store."""

    package: Package
    graph: Graph
    sha256: str
    pipeline_id: str = ""
    version_id: str = ""
    pipeline_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A run that is asked for."""

    name: str
    experiment_id: str
    description: str = ""
    service_account: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    runtime_parameters: Mapping[str, Any] = field(default_factory=dict)
    pipeline_root: str = ""
    job_id: str = ""
    index: int = 0
    scheduled_at: datetime | None = None


async def source_of(
    services: Services, scope: Scope, *, manifest: bytes | None, pipeline_id: str, version_id: str
) -> Source:
    """Find what is to be run: a version, a pipeline's default version, or a manifest sent along.

    Raises: Invalid, UnsupportedFeature, NotFound.
    """
    if manifest is not None:
        if pipeline_id or version_id:
            raise Invalid("both a manifest and a stored pipeline are given; give one", at="/pipeline_spec")
        package, graph = await asyncio.to_thread(_read, manifest)
        return Source(package, graph, await _keep(services, package.text), pipeline_name=package.name)
    if not version_id:
        if not pipeline_id:
            raise Invalid("nothing to run: give a pipeline, a version or a manifest", at="/pipeline_spec")
        pipeline = await services.documents.get(PIPELINE, pipeline_id)
        if pipeline.body.default_version is None:
            raise Invalid(f"pipeline {pipeline_id!r} has no version", at="/pipeline_spec/pipeline_id")
        version_id = pipeline.body.default_version
    version = await services.documents.get(VERSION, version_id)
    if pipeline_id and version.body.pipeline_id != pipeline_id:
        raise Invalid(f"version {version_id!r} does not belong to pipeline {pipeline_id!r}", at="/pipeline_spec")
    pipeline = await services.documents.get(PIPELINE, version.body.pipeline_id)
    text = b"".join([chunk async for chunk in services.blobs.open(version.body.package)])
    package, graph = await asyncio.to_thread(_read, text)
    return Source(package, graph, version.body.package, pipeline.id, version.id, pipeline.name or "")


async def source_by_digest(services: Services, sha256: str) -> Source:
    """Return a manifest that was sent along earlier.

    Raises: NotFound if it is not stored any more.
    """
    package = await package_by_digest(services, sha256)
    return Source(package, await asyncio.to_thread(_lowered, package), sha256, pipeline_name=package.name)


async def prepare(services: Services, scope: Scope, source: Source, wanted: Wanted) -> Submission:
    """Return what is submitted to the engine.

    Raises: Invalid if the parameters are not what the package declares.
    """
    if not wanted.name:
        raise Invalid("the run has no name", at="/name")
    now = services.clock.now()
    run_id = services.clock.new_id()
    moment = Moment(run_id, now, wanted.scheduled_at or now, wanted.index)
    workflow = workflow_name(source.package.name)
    face = RunFace(
        workflow=workflow,
        package=source.sha256,
        is_ir=source.package.is_ir,
        pipeline_name=source.pipeline_name,
        description=wanted.description,
        service_account=wanted.service_account or DEFAULT_ACCOUNT,
        pipeline_id=source.pipeline_id,
        version_id=source.version_id,
        experiment_id=wanted.experiment_id,
        job_id=wanted.job_id,
        parameters=wanted.parameters,
        runtime_parameters=dict(wanted.runtime_parameters),
        pipeline_root=wanted.pipeline_root,
        has_metrics=not source.package.is_ir and METRICS_ARTIFACT.encode() in source.package.text,
    )
    given = check_parameters(source.package, wanted.parameters, wanted.runtime_parameters)
    artifacts: dict[str, Value] = {}
    if source.package.is_ir:
        inputs, facts = replaced(given, moment), _ir_facts(source.package, wanted, workflow)
    else:
        inputs, facts = _argo_inputs(source.package, given, moment, workflow, face.service_account)
        from penstock.api.kfp.lower import argo

        for name, text in argo.given_artifacts(source.package.document, facts).items():
            content = text.encode()
            artifacts[name] = Artifact(name, await _keep(services, content), len(content)).as_value()
    return Submission(
        scope,
        source.graph,
        wanted.name,
        id=RunId(run_id),
        inputs=inputs,
        artifacts=artifacts,
        facts=facts,
        origin=ORIGIN,
        group=wanted.job_id or None,
        columns=columns_of(wanted.name, face),
        labels=msgspec.to_builtins(face),
        scheduled_at_us=None if wanted.scheduled_at is None else unix_us(wanted.scheduled_at),
    )


async def note_run(services: Services, experiment_id: str) -> None:
    """Write down that an experiment has a new run. Shown in whole seconds, so it is written once a second at most."""
    now_us = unix_us(services.clock.now())
    try:
        experiment = await services.documents.get(EXPERIMENT, experiment_id)
        if now_us // 1_000_000 > (experiment.body.last_run_at_us or 0) // 1_000_000:
            await services.documents.update(EXPERIMENT, experiment_id, lambda body: _run_at(body, now_us))
    except (NotFound, Conflict):
        return  # deleted, or noted by others in the same moment


def _run_at(body: ExperimentBody, at_us: int) -> ExperimentBody:
    return msgspec.structs.replace(body, last_run_at_us=max(at_us, body.last_run_at_us or 0))


def check_parameters(
    package: Package, parameters: tuple[tuple[str, str], ...], runtime_parameters: Mapping[str, Any]
) -> dict[str, Value]:
    """Return the parameters as the package takes them.

    Raises: Invalid.
    """
    if parameters and runtime_parameters:
        raise Invalid("parameters are given twice, as texts and in runtime_config; give one", at="/pipeline_spec")
    if len(msgspec.json.encode(parameters or runtime_parameters)) > MAX_PARAMETER_BYTES:
        raise Invalid(f"the parameters are longer than {MAX_PARAMETER_BYTES} bytes", at="/pipeline_spec/parameters")
    given: dict[str, Any] = dict(runtime_parameters) or dict(parameters)
    declared = {each.name for each in package.parameters}
    for name in given:
        if name not in declared:
            known = ", ".join(sorted(declared)) or "none"
            raise Invalid(
                f"the pipeline has no parameter {name!r}; it declares {known}", at="/pipeline_spec/parameters"
            )
    if not package.is_ir:
        return {name: value if isinstance(value, str) else as_text(value) for name, value in given.items()}
    definitions = (package.document["root"].get("inputDefinitions") or {}).get("parameters") or {}
    result: dict[str, Value] = {}
    for name, definition in definitions.items():
        kind = definition.get("parameterType", "STRING")
        value = given.get(name)
        if value is None:
            if definition.get("defaultValue") is None and not definition.get("isOptional"):
                raise Invalid(f"the parameter {name!r} has no value and no default", at=f"/parameters/{name}")
            continue
        if parameters and isinstance(value, str):
            value = _from_text(name, kind, value)
        if kind in _TYPES and (not isinstance(value, _TYPES[kind]) or (kind != "BOOLEAN" and isinstance(value, bool))):
            raise Invalid(f"the parameter {name!r} is {value!r}; its type is {kind}", at=f"/parameters/{name}")
        if kind == "NUMBER_INTEGER" and not float(value).is_integer():
            raise Invalid(f"the parameter {name!r} is {value!r}; its type is {kind}", at=f"/parameters/{name}")
        result[name] = int(value) if kind == "NUMBER_INTEGER" else value
    return result


def workflow_name(pipeline: str) -> str:
    """Return a new name for a workflow: the pipeline's, in lower case and short, and five random characters."""
    stem = re.sub(r"[^a-z0-9]+", "-", pipeline.lower()).strip("-")[:57] or "pipeline"
    return f"{stem}-" + "".join(secrets.choice("bcdfghjklmnpqrstvwxz2456789") for _ in range(5))


def _from_text(name: str, kind: str, value: str) -> Any:
    if kind == "STRING" or kind not in _TYPES:
        return value
    try:
        return msgspec.json.decode(value.lower() if kind == "BOOLEAN" else value)
    except msgspec.DecodeError:
        raise Invalid(f"the parameter {name!r} is {value!r}; its type is {kind}", at=f"/parameters/{name}") from None


def _argo_inputs(
    package: Package, given: Mapping[str, Value], moment: Moment, workflow: str, account: str
) -> tuple[dict[str, Value], dict[str, Value]]:
    values: dict[str, Value] = {}
    for each in package.parameters:
        value = given.get(each.name, each.value)
        if value is not None:
            text = as_text(replaced(value, moment)).replace("{{workflow.uid}}", moment.run_id)
            values[each.name] = text.replace("{{workflow.name}}", workflow)
    metadata = package.document.get("metadata") or {}
    created = moment.now.strftime("%Y-%m-%dT%H:%M:%SZ")
    facts: dict[str, Value] = {
        "workflow.name": workflow,
        "workflow.namespace": NAMESPACE,
        "workflow.serviceAccountName": account,
        "workflow.mainEntrypoint": str(package.document["spec"].get("entrypoint", "")),
        "workflow.creationTimestamp": created,
        "workflow.parameters": msgspec.json.encode(
            [{"name": name, "value": value} for name, value in values.items()]
        ).decode(),
    }
    for name, value in values.items():
        facts[f"workflow.parameters.{name}"] = value
    for kind in ("labels", "annotations"):
        members = metadata.get(kind)
        for name, value in (members if isinstance(members, dict) else {}).items():
            facts[f"workflow.{kind}.{name}"] = as_text(value)
    for form in set(re.findall(rb"workflow\.creationTimestamp\.(\w+|%\w)", package.text)):
        letter = form.decode()
        shown = str(int(moment.now.timestamp())) if letter == "s" else created
        if letter not in ("s", "RFC3339"):
            shown = moment.now.strftime("%" + letter.lstrip("%")[0])
        facts[f"workflow.creationTimestamp.{letter}"] = shown
    return values, facts


def _ir_facts(package: Package, wanted: Wanted, workflow: str) -> dict[str, Value]:
    root = wanted.pipeline_root or package.document.get("defaultPipelineRoot") or f"penstock://{workflow}"
    return {"workflow.name": workflow, "pipeline.root": root, "pipeline.workspace": "/kfp-workspace"}


def _read(text: bytes) -> tuple[Package, Graph]:
    # Reading and lowering packages is loaded when it is needed, not when the server starts.
    from penstock.api.kfp.packages import package_of

    package = package_of(text)
    return package, _lowered(package)


def _lowered(package: Package) -> Graph:
    from penstock.api.kfp import lower

    return lower.graph(package)


async def _keep(services: Services, text: bytes) -> str:
    async def chunks() -> AsyncIterator[bytes]:
        yield text

    return (await services.blobs.put(chunks())).sha256
