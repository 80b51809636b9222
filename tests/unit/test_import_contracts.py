"""The contracts themselves are checked by `lint-imports` in `make check`; here is checked that they still bite."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLACEHOLDER = re.compile(r"penstock\.([a-z_]+)\.\*\*")


def test_a_room_that_is_built_is_named_in_full() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    placeholders = {name for contract in contracts for name in PLACEHOLDER.findall(str(contract))}

    assert {name for name in placeholders if (ROOT / "src" / "penstock" / name).is_dir()} == set()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("kernel/scope.py", "import penstock.services"),
        ("kernel/scope.py", "import asyncio"),
        ("store/lock.py", "import penstock.services.documents"),
        ("api/native/auth.py", "import penstock.store.memory"),
        ("api/native/auth.py", "import penstock.api.feldera"),
        ("services/identity/identity.py", "import penstock.api.shared"),
        ("sql/__init__.py", "import penstock.circuit"),
        ("utils/__init__.py", ""),
    ],
)
def test_a_planted_violation_breaks_a_contract(tmp_path: Path, module: str, line: str) -> None:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    planted = tmp_path / "src" / "penstock" / module
    planted.parent.mkdir(exist_ok=True)
    with planted.open("a") as file:
        file.write(f"\n{line}\n")

    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=tmp_path, env={"PYTHONPATH": str(tmp_path / "src")}, capture_output=True, text=True,
    )  # fmt: skip

    assert done.returncode != 0
    assert "penstock" in done.stdout
