"""What a package's text is: an Argo Workflow, or a PipelineSpec with an optional platform document beside it."""

import re
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from penstock.api.kfp.archives import MAX_BYTES, unpacked
from penstock.api.kfp.kinds import PackageParameter
from penstock.api.kfp.yamltext import documents
from penstock.kernel.errors import Invalid
from penstock.kernel.functions import as_text

__all__ = ["Package", "package_of", "package_of_file", "package_of_values"]

_IR_NAME: Final = re.compile(r"^[a-z0-9][a-z0-9-]{0,127}$")
IR_SCHEMA_VERSIONS: Final = ("2.1.0",)


@dataclass(frozen=True, slots=True)
class Package:
    """A package that has been read.

    Attributes:
        is_ir: it is a PipelineSpec, else an Argo Workflow.
        document: the Workflow or the PipelineSpec.
        platforms: the platform document's content, if there is one.
        text: as it is stored and given back.
        parameters: what it declares.
    """

    is_ir: bool
    document: dict[str, Any]
    platforms: dict[str, Any]
    text: bytes
    parameters: tuple[PackageParameter, ...]

    @property
    def name(self) -> str:
        """What the package calls its pipeline."""
        if self.is_ir:
            return str(self.document.get("pipelineInfo", {}).get("name", ""))
        metadata = self.document.get("metadata") or {}
        return str(metadata.get("generateName") or metadata.get("name") or "").rstrip("-")


def package_of_file(name: str, content: bytes) -> Package:
    """Read an uploaded file.

    Raises: Invalid.
    """
    return package_of(unpacked(name, content))


def package_of(text: bytes) -> Package:
    """Read a package's text.

    Raises: Invalid.
    """
    if len(text) > MAX_BYTES:
        raise Invalid(f"the package has {len(text)} bytes; at most {MAX_BYTES} are taken")
    found = _json(text)
    return package_of_values([found] if found is not None else documents(text), text)


def package_of_values(values: list[Any], text: bytes | None = None) -> Package:
    """Tell what documents that are already read make up.

    Raises: Invalid.
    """
    if not values or not all(isinstance(value, dict) for value in values):
        raise Invalid("the text is no package: neither an Argo Workflow nor a pipeline specification")
    first = values[0]
    if isinstance(first.get("pipeline_spec"), dict):
        values = [first["pipeline_spec"], *([first["platform_spec"]] if first.get("platform_spec") else [])]
        first = values[0]
    if first.get("kind") == "Workflow" or "apiVersion" in first:
        return _argo(first, len(values))
    if "root" in first and ("pipelineInfo" in first or "schemaVersion" in first):
        return _ir(values, text)
    raise Invalid("the text is no package: it is neither an Argo Workflow nor a pipeline specification with root")


def _json(text: bytes) -> Any:
    """Read JSON by the quicker way; None if it is none."""
    if text.lstrip()[:1] != b"{":
        return None
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _argo(document: dict[str, Any], count: int) -> Package:
    version, kind = document.get("apiVersion"), document.get("kind")
    if version != "argoproj.io/v1alpha1" or kind != "Workflow":
        raise Invalid(f"the package is {version!r} {kind!r}; it must be 'argoproj.io/v1alpha1' 'Workflow'")
    if count > 1:
        raise Invalid(f"the package has {count} documents; an Argo Workflow is one")
    spec = document.get("spec")
    if not isinstance(spec, dict):
        raise Invalid("the workflow has no spec", at="/spec")
    arguments = spec.get("arguments")
    declared = arguments.get("parameters") if isinstance(arguments, dict) else None
    parameters: list[PackageParameter] = []
    for at, entry in enumerate(declared or ()):
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise Invalid("a parameter must be an object with a name", at=f"/spec/arguments/parameters/{at}")
        value = entry.get("value")
        parameters.append(PackageParameter(entry["name"], None if value is None else as_text(value)))
    return Package(False, document, {}, msgspec.json.encode(document), tuple(parameters))


def _ir(values: list[Any], text: bytes | None) -> Package:
    spec = values[0]
    info = spec.get("pipelineInfo")
    name = info.get("name") if isinstance(info, dict) else None
    if not isinstance(name, str) or not _IR_NAME.match(name):
        raise Invalid(
            f"pipelineInfo.name is {name!r}; it must have lower-case letters, digits and hyphens, at most 128",
            at="/pipelineInfo/name",
        )
    version = spec.get("schemaVersion")
    if version not in IR_SCHEMA_VERSIONS:
        raise Invalid(f"schemaVersion is {version!r}; this server reads 2.1.0", at="/schemaVersion")
    root = spec.get("root")
    if not isinstance(root, dict) or not isinstance(root.get("dag"), dict):
        raise Invalid("the specification's root has no dag", at="/root/dag")
    platforms: dict[str, Any] = {}
    for other in values[1:]:
        if not isinstance(other.get("platforms"), dict):
            raise Invalid("the second document must be a platform specification with platforms")
        platforms |= other["platforms"]
    if text is None:
        text = msgspec.json.encode(
            {"pipeline_spec": spec, "platform_spec": {"platforms": platforms}} if platforms else spec
        )
    declared = (root.get("inputDefinitions") or {}).get("parameters") or {}
    parameters = tuple(PackageParameter(name, _default(definition)) for name, definition in declared.items())
    return Package(True, spec, platforms, text, parameters)


def _default(definition: Any) -> str | None:
    value = definition.get("defaultValue") if isinstance(definition, dict) else None
    return None if value is None else as_text(value)
