"""Below `api/` nothing knows which dialects there are: a name would mean that a habit of one leaked into the core."""

import re
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "penstock"
VENDOR = re.compile(r"feldera|kfp|kubeflow|ubiops|cdap", re.IGNORECASE)

# The composition root names the dialects: that is what it is for. `demo` plays the part of a client.
ALLOWED = ("api/", "boot/registry.py", "cli/demo", "console/")

# Names of columns in tables outside: those who read them know them by a dialect's name.
COLUMNS = re.compile(r"__feldera_(?:op|ts)\b")


def test_no_dialect_is_named_outside_its_place() -> None:
    files = [path for path in SOURCE.rglob("*") if path.suffix in (".py", ".sql")]
    found = [
        f"{name}:{number}: {line.strip()}"
        for path in files
        if not (name := path.relative_to(SOURCE).as_posix()).startswith(ALLOWED)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if VENDOR.search(COLUMNS.sub("", line))
    ]

    assert len(files) > 30
    assert found == []
