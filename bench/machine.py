"""What a reader must know of the machine and the software to judge a figure; nothing that names a place or a person."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = ("numpy", "numba", "pyarrow", "duckdb", "sqlglot")


def describe_machine() -> dict[str, object]:
    """Collect cores, memory (bytes), processor, system and versions."""
    return {
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "java": _java(),
        "packages": {name: _version(name) for name in _PACKAGES},
    }


def find_commit() -> str:
    """Give the short commit of the tree, with `-changed` if files of the program differ from it."""
    here = Path(__file__).parent
    commit = _output("git", "-C", str(here), "rev-parse", "--short=10", "HEAD")
    changed = _output("git", "-C", str(here), "status", "--porcelain", "--untracked-files=no", "--", ":/src", ":/bench")
    if not commit:
        return "unknown"
    return f"{commit}-changed" if changed else commit


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"


def _java() -> str | None:
    try:
        shown = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    except OSError:
        return None
    return shown.splitlines()[0] if shown else None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""
