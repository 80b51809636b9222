"""Run a dialect's conformance tests with the peer's own client, in an environment made for it.

    python tests/conformance/run.py feldera [pytest options]
    python tests/conformance/run.py kfp/v1 [pytest options]

The environment `.venv-<dialect>` is made from `tests/conformance/<dialect>/requirements.txt` (pinned) when it is not
there yet or the pins have changed. A dialect with several generations of clients has a folder for each: `kfp` runs
them all. The server under test is `penstock serve` of the project's own environment.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def environment(dialect: str) -> Path:
    """Return the interpreter of the dialect's environment; make the environment if it is missing or out of date."""
    folder = ROOT / f".venv-{dialect.replace('/', '-')}"
    pins = ROOT / "tests" / "conformance" / dialect / "requirements.txt"
    stamp, wanted = folder / "pins.sha256", hashlib.sha256(pins.read_bytes()).hexdigest()
    python = folder / "bin" / "python"
    if stamp.exists() and stamp.read_text() == wanted and python.exists():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    install.append("--no-deps")  # the pins are whole; what a client merely could use is left out of them
    subprocess.run([*install, "-r", str(pins)], check=True)
    stamp.write_text(wanted)
    return python


def main(arguments: list[str]) -> int:
    """Run pytest over the dialect's folder; return its exit status."""
    if not arguments:
        print("which dialect?", file=sys.stderr)
        return 2
    dialect, *options = arguments
    generations = sorted((ROOT / "tests" / "conformance" / dialect).glob("*/requirements.txt"))
    if generations:
        return max(main([f"{dialect}/{pins.parent.name}", *options]) for pins in generations)
    tests = Path("tests") / "conformance" / dialect
    chosen = [] if any(option.startswith(str(tests)) for option in options) else [str(tests)]
    command = [str(environment(dialect)), "-m", "pytest", "-c", "tests/conformance/pytest.ini", "--rootdir", "."]
    variables = {**os.environ, "CONFORMANCE_SERVER": os.environ.get("CONFORMANCE_SERVER", _server_command())}
    return subprocess.run([*command, *chosen, *options], cwd=ROOT, env=variables).returncode


def _server_command() -> str:
    beside = Path(sys.executable).parent / "penstock"
    return str(beside if beside.exists() else ROOT / ".venv" / "bin" / "penstock")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
