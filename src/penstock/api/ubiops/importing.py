"""From a file of exported things back to things: read first, made when that is confirmed.

What is there already is left as it is and counts as made. The file's outline is in `exporting`.
"""

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, Any, Final

from penstock.api.ubiops.exporting import FORMAT, ROOT
from penstock.kernel.errors import Invalid

__all__ = ["Contents", "contents_of"]

MAX_MEMBERS: Final = 20_000
MAX_TEXT: Final = 16 << 20
MAX_UNPACKED: Final = 8 << 30

Text = dict[str, Any]


@dataclass(slots=True)
class Contents:
    """What a file holds. versions: by name and version; packages: path of the code inside the file."""

    variables: Text = field(default_factory=dict)
    deployments: dict[str, Text] = field(default_factory=dict)
    versions: dict[str, dict[str, Text]] = field(default_factory=dict)
    packages: dict[tuple[str, str], str] = field(default_factory=dict)
    pipelines: dict[str, Text] = field(default_factory=dict)
    pipeline_versions: dict[str, dict[str, Text]] = field(default_factory=dict)

    def outline(self) -> dict[str, Any]:
        """Return what is shown of it before it is confirmed."""
        return {
            "environment_variables": self.variables,
            "deployments": {
                name: {
                    "environment_variables": text.get("environment_variables") or {},
                    "versions": {
                        title: {"environment_variables": version.get("environment_variables") or {}}
                        for title, version in self.versions.get(name, {}).items()
                    },
                }
                for name, text in self.deployments.items()
            },
            "pipelines": {
                name: {"versions": {title: {} for title in self.pipeline_versions.get(name, {})}}
                for name in self.pipelines
            },
            "environments": {},
            "services": {},
        }


def contents_of(file: IO[bytes]) -> Contents:
    """Read a file of exported things. Raises: Invalid."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            if len(members) > MAX_MEMBERS or sum(each.file_size for each in members) > MAX_UNPACKED:
                raise Invalid("The import file has too many members, or unpacks to too much")
            return _contents(archive, [each.filename for each in members if not each.is_dir()])
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise Invalid(f"The import file is not a valid zip archive: {error}") from None


def _contents(archive: zipfile.ZipFile, names: list[str]) -> Contents:
    if f"{ROOT}/info.yaml" not in names:
        raise Invalid(f"The import file has no {ROOT}/info.yaml")
    info = _text(archive, f"{ROOT}/info.yaml")
    if str(info.get("format_spec")) != FORMAT:
        raise Invalid(f"The import file has the format {info.get('format_spec')!r}; {FORMAT} is taken")
    made = Contents()
    for name in names:
        parts = name.split("/")
        match parts[1:]:
            case ["environment_variables.yaml"]:
                made.variables = _text(archive, name)
            case ["deployments", deployment, "deployment.yaml"]:
                made.deployments[deployment] = _text(archive, name)
            case ["deployments", deployment, "versions", title] if title.endswith(".yaml"):
                made.versions.setdefault(deployment, {})[title.removesuffix(".yaml")] = _text(archive, name)
            case ["deployments", deployment, "versions", title] if title.endswith(".zip"):
                made.packages[deployment, title.removesuffix(".zip")] = name
            case ["pipelines", pipeline, "pipeline.yaml"]:
                made.pipelines[pipeline] = _text(archive, name)
            case ["pipelines", pipeline, "versions", title] if title.endswith(".yaml"):
                made.pipeline_versions.setdefault(pipeline, {})[title.removesuffix(".yaml")] = _text(archive, name)
    return made


def _text(archive: zipfile.ZipFile, name: str) -> Text:
    import yaml

    if archive.getinfo(name).file_size > MAX_TEXT:
        raise Invalid(f"The member {name} of the import file is too long")
    try:
        found = yaml.load(archive.read(name), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise Invalid(f"The member {name} of the import file is not valid YAML: {error}") from None
    if not isinstance(found, Mapping):
        raise Invalid(f"The member {name} of the import file is no mapping")
    return dict(found)
