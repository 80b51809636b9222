"""What the templates of an Argo Workflow do: containers and scripts to commands, suspension to waiting, claims of
volumes to nothing but their names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from penstock.api.kfp.errors import UnsupportedFeature
from penstock.api.kfp.lower.argo_text import See, leaf_names, run_names, structure, text
from penstock.api.kfp.lower.members import Members
from penstock.api.kfp.yamltext import documents
from penstock.kernel.errors import Invalid
from penstock.kernel.expr import Expr, Fact, Input, Literal, Place, Secret, concat
from penstock.kernel.functions import as_text
from penstock.kernel.graph import Command, Compute, InputFile, OutputFile, Wait, Work
from penstock.kernel.policies import Placement

__all__ = ["Template", "placement", "template_of", "work"]

_OPTIONAL_OUTPUTS: Final = ("mlpipeline-ui-metadata", "mlpipeline-metrics")
"""Made optional by the server: a step that does not write them has not failed."""

_KINDS: Final = ("container", "script", "dag", "steps", "suspend", "resource")
_QUANTITY: Final = re.compile(r"^(\d+(?:\.\d+)?)(m|[kKMGTPE]i?)?$")
_FACTORS: Final = {"": 1.0, "m": 0.001, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
_BINARY: Final = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60}

_OWN_FIELD: Final = re.compile(r"^metadata\.(labels|annotations)\['([^']+)'\]$")

POD_NAME: Final = concat(Fact("workflow.name"), "-", Fact("step.path"))


@dataclass(frozen=True, slots=True)
class Template:
    """One template. kind: the member that says what it does."""

    name: str
    kind: str
    members: Members

    @property
    def inputs(self) -> Sequence[Members]:
        """Its declared parameters."""
        return self.members.object("inputs").objects("parameters")


def template_of(members: Members) -> Template:
    """Tell what kind of template it is.

    Raises: Invalid, UnsupportedFeature.
    """
    members.refuse(
        sidecars="a sidecar container",
        initContainers="an init container",
        data="a data template",
        http="an HTTP template",
        plugin="a plugin template",
        containerSet="a container set",
        memoize="memoization",
        synchronization="synchronization",
        daemon="a daemon container",
        executor="an executor of its own",
    )
    name = members.text("name")
    kinds = [kind for kind in _KINDS if kind in members]
    if len(kinds) != 1:
        raise Invalid(f"template {name!r} must be exactly one of {', '.join(_KINDS)}", at=members.at)
    return Template(name, kinds[0], members)


def work(template: Template, raw: dict[str, Expr], volumes: dict[str, Members]) -> Work:
    """Return what a template that is no dag does; `raw` are the artifacts that its task gives as text.

    Raises: Invalid, UnsupportedFeature.
    """
    match template.kind:
        case "container":
            return _command(template, template.members.object("container"), raw, volumes)
        case "script":
            return _command(template, template.members.object("script"), raw, volumes)
        case "suspend":
            duration_s = template.members.object("suspend").seconds("duration")
            return Wait(None if duration_s is None else Literal(duration_s))
        case _:
            return _claim(template)


def placement(template: Template) -> Placement | None:
    """Return what a container asks of the machine."""
    if template.kind not in ("container", "script"):
        return None
    limits = template.members.object(template.kind).object("resources").object("limits")
    cpu, memory = (_quantity(limits.any(name)) for name in ("cpu", "memory"))
    if cpu is None and memory is None:
        return None
    return Placement(cpu_count=cpu, memory_bytes=None if memory is None else int(memory))


def _quantity(value: Any) -> float | None:
    """Read a quantity of Kubernetes; None if it is none, or only known when the step begins."""
    found = _QUANTITY.match(str(value))
    if value is None or found is None:
        return None
    unit = found[2] or ""
    return float(found[1]) * (_BINARY[unit] if unit in _BINARY else _FACTORS[unit])


def _command(template: Template, container: Members, raw: dict[str, Expr], volumes: dict[str, Members]) -> Command:
    container.refuse(envFrom="environment from secrets or config maps")
    see = leaf_names(_paths(template), POD_NAME)
    argv = [text(each, see) for name in ("command", "args") for each in container.texts(name)]
    files = _input_files(template, raw, see)
    if template.kind == "script":
        files.append(InputFile("script source", content=text(container.text("source", ""), see)))
        argv.append(Place("inputs", "script source"))
    if not argv:
        raise UnsupportedFeature(
            f"template {template.name!r} relies on the entry point of image {container.text('image', '')!r}; "
            "give it a command",
            at=container.at,
        )
    return Command(
        argv=tuple(argv),
        env=_environment(template, container, see),
        image=container.text("image", "") or None,
        files=tuple(files),
        outputs=_output_files(template, see),
        directories=_directories(container, volumes),
        working_directory=container.text("workingDir", "") or None,
    )


def _paths(template: Template) -> dict[str, str]:
    found: dict[str, str] = {}
    inputs, outputs = template.members.object("inputs"), template.members.object("outputs")
    for each in inputs.objects("artifacts"):
        if "path" in each:
            found[f"inputs.artifacts.{each.text('name')}.path"] = each.text("path")
    for each in outputs.objects("artifacts"):
        if "path" in each:
            found[f"outputs.artifacts.{each.text('name')}.path"] = each.text("path")
    for each in outputs.objects("parameters"):
        if path := each.object("valueFrom").text("path", ""):
            found[f"outputs.parameters.{each.text('name')}.path"] = path
    return found


def _input_files(template: Template, raw: dict[str, Expr], see: See) -> list[InputFile]:
    files: list[InputFile] = []
    for each in template.members.object("inputs").objects("artifacts"):
        each.refuse(
            s3="an artifact from a bucket",
            gcs="an artifact from a bucket",
            http="an artifact from a URL",
            git="an artifact from a repository",
            oss="an artifact from a bucket",
            hdfs="an artifact from a file system",
        )
        name = each.text("name")
        path = each.text("path", "") or None
        if name in raw:
            files.append(InputFile(name, path, content=raw[name]))
        elif "raw" in each:
            files.append(InputFile(name, path, content=text(each.object("raw").text("data", ""), see)))
        else:
            files.append(InputFile(name, path, is_optional=bool(each.any("optional"))))
    return files


def _output_files(template: Template, see: See) -> tuple[OutputFile, ...]:
    files: list[OutputFile] = []
    outputs = template.members.object("outputs")
    for each in outputs.objects("parameters"):
        each.refuse(globalName="a global output parameter")
        source = each.object("valueFrom")
        source.refuse(
            expression="an output by expression", event="an output from an event", supplied="a supplied output"
        )
        default = source.any("default")
        files.append(
            OutputFile(
                each.text("name"),
                source.text("path"),
                default=None if default is None else structure(default, see),
                trims_newline=True,
            )
        )
    for each in outputs.objects("artifacts"):
        name = each.text("name")
        is_optional = bool(each.any("optional")) or name in _OPTIONAL_OUTPUTS
        files.append(OutputFile(name, each.text("path"), is_artifact=True, is_optional=is_optional))
    return tuple(files)


def _environment(template: Template, container: Members, see: See) -> dict[str, Expr]:
    result: dict[str, Expr] = {}
    for each in container.objects("env"):
        name = each.text("name")
        if "valueFrom" not in each:
            result[name] = text(as_text(each.any("value")), see)
            continue
        source = each.object("valueFrom")
        for kind in ("secretKeyRef", "configMapKeyRef"):
            if kind in source:
                key = source.object(kind)
                result[name] = Secret(f"{key.text('name')}/{key.text('key')}")
        if "fieldRef" in source:
            result[name] = _field(template, source.object("fieldRef"))
        source.refuse(resourceFieldRef="an environment variable from resources")
        if name not in result:
            raise Invalid(f"the variable {name!r} has no source that is known", at=source.at)
    return result


def _field(template: Template, members: Members) -> Expr:
    path = members.text("fieldPath")
    match path:
        case "metadata.name":
            return POD_NAME
        case "metadata.namespace":
            return Fact("workflow.namespace")
        case "metadata.uid":
            return Fact("run.id")
        case "spec.serviceAccountName":
            return Fact("workflow.serviceAccountName")
        case "spec.nodeName" | "status.podIP" | "status.hostIP":
            return Literal("127.0.0.1" if path.startswith("status") else "localhost")
        case "metadata.labels['workflows.argoproj.io/workflow']":
            return Fact("workflow.name")
        case "metadata.labels['pipeline/runid']":
            return Fact("run.id")
    if found := _OWN_FIELD.match(path):
        value = template.members.object("metadata").object(found[1]).any(found[2])
        return Literal("" if value is None else as_text(value))
    raise UnsupportedFeature(f"the field {path!r} of a pod is not known to this server", at=members.place("fieldPath"))


def _directories(container: Members, volumes: dict[str, Members]) -> dict[str, str | None]:
    """Return the mounts; what is called alike is shared by the steps of a run."""
    result: dict[str, str | None] = {}
    for mount in container.objects("volumeMounts"):
        name = mount.text("name")
        volume = volumes.get(name)
        path = mount.text("mountPath")
        if volume is None:
            result[path] = name
            continue
        volume.refuse(
            secret="a volume from a secret",
            configMap="a volume from a config map",
            projected="a projected volume",
            downwardAPI="a volume of pod facts",
            csi="a volume by a storage driver",
            nfs="a network volume",
        )
        if "emptyDir" in volume:
            result[path] = None
        elif "persistentVolumeClaim" in volume:
            result[path] = volume.object("persistentVolumeClaim").text("claimName")
        elif "hostPath" in volume:
            result[path] = "host " + volume.object("hostPath").text("path")
        else:
            result[path] = name
    return result


def _claim(template: Template) -> Compute:
    """Making or removing a claim of a volume needs no cluster: directories are made for whoever mounts it."""
    resource = template.members.object("resource")
    action = resource.text("action", "")
    manifest = resource.any("manifest")
    content = manifest if isinstance(manifest, dict) else _manifest(str(manifest or ""))
    kind = content.get("kind")
    if kind != "PersistentVolumeClaim" or action not in ("create", "apply", "delete"):
        raise UnsupportedFeature(
            f"template {template.name!r} wants to {action or 'change'} a {kind or 'resource'} of Kubernetes "
            "(resource); this server has no cluster",
            at=resource.at,
        )

    def see(name: str) -> Expr | None:
        if name.startswith("inputs.parameters."):
            return Input(name.removeprefix("inputs.parameters."))
        return run_names(name)

    metadata = content.get("metadata") or {}
    storage = ((content.get("spec") or {}).get("resources") or {}).get("requests") or {}
    values = {
        "{.metadata.name}": text(str(metadata.get("name") or metadata.get("generateName") or template.name), see),
        "{.status.capacity.storage}": text(str(storage.get("storage", "")), see),
        "{}": text(str(manifest), see),
    }
    outputs: dict[str, Expr] = {}
    for each in template.members.object("outputs").objects("parameters"):
        outputs[each.text("name")] = values.get(each.object("valueFrom").text("jsonPath", ""), Literal(""))
    return Compute(outputs)


def _manifest(manifest: str) -> dict[str, Any]:
    """Read a manifest that still has its placeholders; unquoted, they would be read as mappings."""
    held: list[str] = []

    def hold(found: re.Match[str]) -> str:
        held.append(found[0])
        return f"placeholder-{len(held) - 1}-"

    try:
        read = documents(re.sub(r"\{\{[^{}]*\}\}", hold, manifest).encode())
    except Invalid:
        return {}
    restored = _restored(read[0] if read else None, held)
    return restored if isinstance(restored, dict) else {}


def _restored(value: Any, held: list[str]) -> Any:
    match value:
        case str():
            return re.sub(r"placeholder-(\d+)-", lambda found: held[int(found[1])], value)
        case list():
            return [_restored(member, held) for member in value]
        case dict():
            return {name: _restored(member, held) for name, member in value.items()}
        case _:
            return value
