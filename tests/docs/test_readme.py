"""The example of the README runs as it stands, through the released client, and prints what the README says."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
CLIENT = ROOT / ".venv-feldera" / "bin" / "python"
PENSTOCK = ROOT / ".venv" / "bin" / "penstock"
READY = "penstock is ready at "
WRITTEN_URL = "http://127.0.0.1:8080"


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    command = [str(PENSTOCK), "serve", "--port", "0", "--data", str(tmp_path / "data")]
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as server,
    ):
        assert server.stdout is not None
        line = server.stdout.readline()
        assert line.startswith(READY), (tmp_path / "log").read_text()
        yield line.removeprefix(READY).strip()
        server.terminate()


@pytest.mark.skipif(
    not CLIENT.exists(), reason="no released client here: `make conformance DIALECT=feldera` installs it"
)
@pytest.mark.skipif(not PENSTOCK.exists(), reason="the command `penstock` is not in .venv")
def test_the_example_prints_what_the_readme_says(url: str) -> None:
    found = re.search(r"```python\n(.*?)```\n\nprints\n\n```\n(.*?)```", README, re.DOTALL)
    assert found is not None
    example, printed = found.groups()
    assert WRITTEN_URL in example

    done = subprocess.run(
        [str(CLIENT), "-c", example.replace(WRITTEN_URL, url)], capture_output=True, text=True, timeout=120
    )

    assert done.stderr == "" or done.returncode == 0, done.stderr
    assert done.stdout == printed


def test_commands_of_the_readme_are_known() -> None:
    from typer.main import get_command

    from penstock.cli.app import app

    named = set(re.findall(r"penstock ([a-z]+)(?: |$)", "\n".join(re.findall(r"^\$ (.*)$", README, re.MULTILINE))))

    assert named
    assert named - set(get_command(app).commands) == set()  # type: ignore[attr-defined]
