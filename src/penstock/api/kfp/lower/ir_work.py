"""What a leaf of a pipeline specification does: a container to a command, an importer to an artifact that is named."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from penstock.api.kfp.errors import UnsupportedFeature
from penstock.api.kfp.kinds import EXECUTOR_OUTPUT
from penstock.api.kfp.lower.bootstrap import prepared
from penstock.api.kfp.lower.ir_text import argument, container_holder, run_facts, text
from penstock.api.kfp.lower.ir_types import artifact_type, constant, parsed, schema_title
from penstock.api.kfp.lower.members import Members
from penstock.kernel.errors import Invalid
from penstock.kernel.expr import (
    Expr,
    Fact,
    Input,
    InputArtifact,
    ListOf,
    Literal,
    ObjectOf,
    Place,
    Raw,
    RawArtifact,
    Secret,
    apply,
)
from penstock.kernel.graph import Command, Compute, InputFile, OutputFile, Work
from penstock.kernel.policies import Placement

__all__ = ["Leaf", "leaf"]

_CLAIM_IMAGES: Final = {"argostub/createpvc": True, "argostub/deletepvc": False}
_MEMORY: Final = re.compile(r"^(\d+(?:\.\d+)?)([KMGTP]?i?)$")


@dataclass(frozen=True, slots=True)
class Leaf:
    """Work, what its outputs are made of, and what it asks of the machine."""

    work: Work
    yields: dict[str, Expr]
    yields_artifacts: dict[str, Expr]
    placement: Placement | None = None


def leaf(task: str, component: Members, executor: Members, platform: Members) -> Leaf:
    """Return what an executor does for a task.

    Raises: Invalid, UnsupportedFeature.
    """
    executor.refuse(customJob="a custom job", resolver="a resolver")
    if "importer" in executor:
        return Leaf(_imported(executor.object("importer"), component), {}, {})
    container = executor.object("container")
    image = container.text("image", "")
    if image in _CLAIM_IMAGES:
        return Leaf(_claim(_CLAIM_IMAGES[image]), {}, {})
    return _container(task, component, container, platform)


def _container(task: str, component: Members, container: Members, platform: Members) -> Leaf:
    _check_platform(platform)
    executor_input = _executor_input(component)
    holder = container_holder(task, apply("json", executor_input))
    written = [*container.texts("command"), *container.texts("args")]
    begin = prepared(written)
    argv = tuple(argument(each, holder) for each in written[begin.skipped :])
    if not argv:
        raise UnsupportedFeature(
            f"task {task!r} relies on the entry point of image {container.text('image', '')!r}; give it a command",
            at=container.at,
        )
    inputs = component.object("inputDefinitions")
    outputs = component.object("outputDefinitions")
    files = tuple(InputFile(name, is_optional=True) for name, _ in inputs.members("artifacts"))
    written_files = [OutputFile(name, is_optional=True) for name, _ in outputs.members("parameters")]
    # First, because it may say where artifacts are.
    written_files.append(OutputFile(EXECUTOR_OUTPUT, is_optional=True))
    for name, definition in outputs.members("artifacts"):
        said = apply("find", _reported(), "artifacts", name, "artifacts", 0, "uri")
        written_files.append(
            OutputFile(name, is_artifact=True, is_optional=True, type=schema_title(definition), found_at=said)
        )
    command = Command(
        argv=argv,
        env=_environment(container, platform, holder),
        image=container.text("image", "") or None,
        requirements=begin.requirements,
        requirements_options=begin.options,
        requirements_alone=begin.alone,
        files=files,
        outputs=tuple(written_files),
        directories=_directories(platform),
    )
    return Leaf(command, _yields(outputs), _yields_artifacts(outputs), _placement(container))


def _executor_input(component: Members) -> ObjectOf:
    """Return the document from which a component's program reads its inputs and where to write its outputs."""
    inputs = component.object("inputDefinitions")
    outputs = component.object("outputDefinitions")
    parameters: dict[str, Expr] = {name: Input(name) for name, _ in inputs.members("parameters")}
    given: dict[str, Expr] = {}
    for name, definition in inputs.members("artifacts"):
        version = artifact_type(definition).get("schemaVersion", "0.0.1")
        template: dict[str, Any] = {
            "name": "@name",
            "type": {"schemaTitle": "@type", "schemaVersion": version},
            "uri": "@uri",
            "metadata": "@metadata",
        }
        placed = apply("located", InputArtifact(name), apply("coalesce", Place("inputs", name), ""))
        listed = ObjectOf({"artifacts": apply("shape_each", placed, Literal(template))})
        given[name] = apply("if", apply("is_present", InputArtifact(name)), listed, apply("absent"))
    files = {name: ObjectOf({"outputFile": Place("outputs", name)}) for name, _ in outputs.members("parameters")}
    wanted: dict[str, Expr] = {}
    for name, definition in outputs.members("artifacts"):
        made = ObjectOf(
            {
                "name": Literal(name),
                "type": Literal(artifact_type(definition)),
                "uri": Place("outputs", name),
                "metadata": Literal(constant(definition.object("metadata").content, "")),
            }
        )
        wanted[name] = ObjectOf({"artifacts": ListOf((made,))})
    return ObjectOf(
        {
            "inputs": ObjectOf({"parameterValues": ObjectOf(parameters), "artifacts": ObjectOf(given)}),
            "outputs": ObjectOf(
                {
                    "parameters": ObjectOf(dict(files)),
                    "artifacts": ObjectOf(wanted),
                    "outputFile": Place("outputs", EXECUTOR_OUTPUT),
                }
            ),
        }
    )


def _reported() -> Expr:
    """What the program says of its outputs in one document, if it does."""
    return apply("parse_json", apply("coalesce", Raw(EXECUTOR_OUTPUT), "{}"))


def _yields(outputs: Members) -> dict[str, Expr]:
    """A value comes from the program's document, else from the parameter's own file; an output from neither fails."""
    result: dict[str, Expr] = {}
    for name, definition in outputs.members("parameters"):
        own = apply(
            "if",
            apply("is_present", Raw(name)),
            parsed(name, definition.text("parameterType", "STRING")),
            apply("fail", f"the step did not write its output {name!r}"),
        )
        result[name] = apply("coalesce", apply("find", _reported(), "parameterValues", name), own)
    return result


def _yields_artifacts(outputs: Members) -> dict[str, Expr]:
    """An artifact may have no content; what the program says of it is taken over."""
    result: dict[str, Expr] = {}
    for name, definition in outputs.members("artifacts"):
        said = apply("coalesce", apply("find", _reported(), "artifacts", name, "artifacts", 0), Literal({}))
        declared = constant(definition.object("metadata").content, "")
        uri = apply("find", said, "uri")
        elsewhere = apply(
            "and", apply("is_present", apply("coalesce", uri)), apply("contains", apply("text", uri), "://")
        )
        result[name] = apply(
            "merge",
            Literal({"name": name, "type": schema_title(definition)}),
            apply("coalesce", RawArtifact(name), Literal({})),
            ObjectOf(
                {
                    "metadata": apply(
                        "merge", Literal(declared), apply("coalesce", apply("find", said, "metadata"), Literal({}))
                    )
                }
            ),
            apply("if", elsewhere, ObjectOf({"uri": uri}), Literal({})),
        )
    return result


def _imported(importer: Members, component: Members) -> Compute:
    def holder(name: str) -> Expr | None:
        found = re.match(r"^inputs\.parameters\['([^']*)'\]$", name)
        return Input(found[1]) if found else run_facts(name)

    def value(given: Any) -> Expr:
        match given:
            case str():
                return text(given, holder) if "{{$" in given else Literal(given)
            case dict():
                return ObjectOf({name: value(member) for name, member in given.items()})
            case list():
                return ListOf(tuple(value(member) for member in given))
            case _:
                return Literal(constant(given, ""))

    source = importer.object("artifactUri")
    if "runtimeParameter" in source:
        uri: Expr = Input(source.text("runtimeParameter"))
    else:
        uri = text(str(source.any("constant") or ""), holder)
    title = importer.object("typeSchema").text("schemaTitle", "system.Artifact")
    metadata = value(importer.any("metadata") or {})
    names = [name for name, _ in component.object("outputDefinitions").members("artifacts")] or ["artifact"]
    artifacts: dict[str, Expr] = {
        name: ObjectOf({"name": Literal(name), "type": Literal(title), "uri": uri, "metadata": metadata})
        for name in names
    }
    return Compute(artifacts=artifacts)


def _claim(is_made: bool) -> Compute:
    """Making a claim of a volume needs no cluster: directories are made for whoever mounts it."""
    if not is_made:
        return Compute()
    name = apply(
        "coalesce",
        Input("pvc_name"),
        apply("concat", Fact("run.id"), apply("coalesce", Input("pvc_name_suffix"), "-claim")),
    )
    return Compute({"name": name})


def _environment(container: Members, platform: Members, holder: Any) -> dict[str, Expr]:
    result: dict[str, Expr] = {}
    for each in container.objects("env"):
        result[each.text("name")] = text(each.text("value", ""), holder)
    for kind, names in (
        ("secretAsEnv", ("secretName", "keyToEnv", "secretKey")),
        ("configMapAsEnv", ("configMapName", "keyToEnv", "configMapKey")),
    ):
        for source in platform.objects(kind):
            for pair in source.objects(names[1]):
                result[pair.text("envVar")] = Secret(f"{_source_name(source, names[0])}/{pair.text(names[2])}")
    for source in platform.objects("fieldPathAsEnv"):
        path = source.text("fieldPath")
        known: dict[str, Expr] = {
            "metadata.name": apply("concat", Fact("workflow.name"), "-", Fact("step.path")),
            "metadata.uid": Fact("run.id"),
        }
        if path not in known:
            raise UnsupportedFeature(f"the field {path!r} of a pod is not known to this server", at=source.at)
        result[source.text("name")] = known[path]
    return result


def _source_name(source: Members, old: str) -> str:
    if old in source:
        return source.text(old)
    parameter = source.object(f"{old.removesuffix('Name')}NameParameter")
    constant_ = parameter.object("runtimeValue").any("constant")
    if not isinstance(constant_, str):
        raise UnsupportedFeature("a secret or config map named by a parameter is not supported", at=source.at)
    return constant_


def _check_platform(platform: Members) -> None:
    platform.refuse(
        secretAsVolume="a volume from a secret",
        configMapAsVolume="a volume from a config map",
    )


def _directories(platform: Members) -> dict[str, str | None]:
    result: dict[str, str | None] = {}
    for mount in platform.objects("pvcMount"):
        constant_ = mount.any("constant")
        parameter = mount.object("pvcNameParameter")
        task = mount.object("taskOutputParameter").text("producerTask", "")
        name = constant_ or parameter.object("runtimeValue").any("constant") or task
        name = name or parameter.object("taskOutputParameter").text("producerTask", "")
        name = name or mount.text("componentInputParameter", "") or parameter.text("componentInputParameter", "")
        if not isinstance(name, str) or not name:
            raise Invalid("the mounted claim has no name", at=mount.at)
        result[mount.text("mountPath")] = name
    for kind in ("emptyDirMounts", "genericEphemeralVolume"):
        for mount in platform.objects(kind):
            result[mount.text("mountPath")] = None
    return result


def _placement(container: Members) -> Placement | None:
    resources = container.object("resources")
    memory = _MEMORY.match(str(resources.any("resourceMemoryLimit") or ""))
    cpu = resources.any("cpuLimit")
    if memory is None and cpu is None:
        return None
    size = None
    if memory is not None:
        base = 1024 if memory[2].endswith("i") else 1000
        size = int(float(memory[1]) * base ** " KMGTP".index(memory[2][:1] or " "))
    return Placement(cpu_count=float(cpu) if isinstance(cpu, int | float) else None, memory_bytes=size)
