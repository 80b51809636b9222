"""What an uploaded zip is: where the package in it lies, and whether it is one.

Looks at an archive and unpacks nothing: workers do that. What only makes sense to an attacker is refused, because such
a file is not what its sender believes.
"""

import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import IO, Any, Final

from penstock.kernel.errors import Invalid

__all__ = ["MAX_BYTES", "Dependencies", "Package", "dependencies_of", "package_of"]

MAX_BYTES: Final = 2 << 30
"""The longest archive."""
MAX_UNPACKED: Final = 8 << 30
MAX_MEMBERS: Final = 50_000
MAX_RATIO: Final = 200
SMALL: Final = 64 << 20
"""Below this many bytes unpacked, no ratio is too high."""
MAX_TEXT: Final = 16 << 20

DEFAULT_MODULE: Final = "deployment.py"
PREFERRED_ROOT: Final = "deployment_package"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_STAR = re.compile(r"^\s*from\s+\S+\s+import\s+\*", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Package:
    """A deployment package inside an archive. root: its folder; module: the file that is loaded."""

    root: str
    module: str
    variables: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What an environment is made of: lines for pip, and variables. files: what there is, by name."""

    requirements: tuple[str, ...]
    variables: dict[str, str]
    files: dict[str, str]


def package_of(file: IO[bytes], size_bytes: int, modules: Sequence[str] = (DEFAULT_MODULE,)) -> Package:
    """Find the deployment package in an archive. modules: what the file to load may be called, best first.

    Raises: Invalid if it cannot be read, is dangerous, or has no such file or no class `Deployment` in it.
    """
    with _opened(file, size_bytes) as archive:
        names = _members(archive, size_bytes)
        root = _root(names, modules)
        prefix = f"{root}/" if root else ""
        module = next((each for each in modules if prefix + each in names), None)
        if module is None:
            place = f"the folder {root!r}" if root else "the archive"
            raise Invalid(f"The deployment package has no {modules[0]}: {place} does not hold it")
        source = _text(archive, prefix + module)
        if not re.search(r"\bDeployment\b", source) and not _STAR.search(source):
            raise Invalid(f"The file {module} does not define the class Deployment")
        return Package(root, module, _variables(archive, names, prefix))


def dependencies_of(file: IO[bytes], size_bytes: int) -> Dependencies:
    """Read the dependency files of an environment.

    Raises: Invalid if the archive cannot be read, is dangerous, or has none of them.
    """
    with _opened(file, size_bytes) as archive:
        names = _members(archive, size_bytes)
        known = ("requirements.txt", "ubiops.yaml")
        roots = {name.rpartition("/")[0] for name in names if name.rpartition("/")[2] in known}
        if not roots:
            raise Invalid("The environment package has neither requirements.txt nor ubiops.yaml")
        root = min(roots, key=lambda each: (each.count("/"), each))
        prefix = f"{root}/" if root else ""
        files = {name: _text(archive, prefix + name) for name in known if prefix + name in names}
        lines = (line.split(" #")[0].strip() for line in files.get("requirements.txt", "").splitlines())
        wanted = tuple(line for line in lines if line and not line.startswith(("#", "-")))
        return Dependencies(wanted, _variables(archive, names, prefix), files)


def _opened(file: IO[bytes], size_bytes: int) -> zipfile.ZipFile:
    if size_bytes > MAX_BYTES:
        raise Invalid(f"The file has {size_bytes} bytes; at most {MAX_BYTES} are taken")
    try:
        return zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise Invalid(f"The file is not a valid zip archive: {error}") from None


def _members(archive: zipfile.ZipFile, size_bytes: int) -> set[str]:
    """Return the names of the plain files. Raises: Invalid."""
    members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        raise Invalid(f"The zip archive has {len(members)} members; at most {MAX_MEMBERS} are taken")
    unpacked = sum(member.file_size for member in members)
    if unpacked > MAX_UNPACKED or (unpacked > SMALL and unpacked > MAX_RATIO * size_bytes):
        raise Invalid(f"The zip archive of {size_bytes} bytes says that it unpacks to {unpacked}; that is too much")
    names: set[str] = set()
    for member in members:
        name = member.filename
        parts = PurePosixPath(name.replace("\\", "/")).parts
        if not name or name.startswith(("/", "\\")) or ".." in parts or re.match(r"[A-Za-z]:", name) or "\x00" in name:
            raise Invalid(f"The zip archive has a member {name[:200]!r} that points outside of it")
        if (member.external_attr >> 28) == 0xA:
            raise Invalid(f"The zip archive has a symbolic link {name[:200]!r}; a package has plain files")
        if member.flag_bits & 1:
            raise Invalid(f"The member {name[:200]!r} of the zip archive is encrypted")
        if member.is_dir():
            continue
        if name in names:
            raise Invalid(f"The zip archive has the member {name[:200]!r} twice")
        names.add(name)
    return {name for name in names if not _is_junk(name)}


def _is_junk(name: str) -> bool:
    parts = name.split("/")
    return parts[0] == "__MACOSX" or parts[-1] == ".DS_Store" or parts[-1].startswith("._")


def _root(names: set[str], modules: Sequence[str]) -> str:
    """Return the folder that is the package: the archive itself, its one folder, or the one with the known name."""
    if not names:
        raise Invalid("The zip archive is empty")
    if any(module in names for module in modules):
        return ""
    folders = sorted({name.split("/")[0] for name in names if "/" in name})
    if len(folders) == 1:
        return folders[0]
    if PREFERRED_ROOT in folders:
        return PREFERRED_ROOT
    holding = [folder for folder in folders if any(f"{folder}/{module}" in names for module in modules)]
    if len(holding) == 1:
        return holding[0]
    if not holding:
        raise Invalid(f"The deployment package has no {modules[0]}")
    raise Invalid(
        f"The zip archive has several folders with {modules[0]}: {', '.join(holding)}; "
        f"call the one that is the package {PREFERRED_ROOT}"
    )


def _text(archive: zipfile.ZipFile, name: str) -> str:
    try:
        if archive.getinfo(name).file_size > MAX_TEXT:
            raise Invalid(f"The file {name} is longer than {MAX_TEXT} bytes")
        return archive.read(name).decode("utf-8-sig", "replace")
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise Invalid(f"The member {name} of the zip archive cannot be read: {error}") from None


def _variables(archive: zipfile.ZipFile, names: set[str], prefix: str) -> dict[str, str]:
    """Return the environment variables of `ubiops.yaml`. Raises: Invalid."""
    name = f"{prefix}ubiops.yaml"
    if name not in names:
        return {}
    import yaml

    try:
        content: Any = yaml.load(_text(archive, name), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise Invalid(f"The file ubiops.yaml is not valid YAML: {error}") from None
    if content is None:
        return {}
    if not isinstance(content, dict) or not content.keys() <= {"environment_variables", "apt"}:
        raise Invalid("The file ubiops.yaml may have the keys environment_variables and apt, and no others")
    made = {}
    for line in content.get("environment_variables") or ():
        variable, separator, value = str(line).partition("=")
        if not separator or not _NAME.fullmatch(variable):
            raise Invalid(f"ubiops.yaml: {str(line)[:80]!r} is no environment variable; write NAME=value")
        made[variable] = value
    return made
