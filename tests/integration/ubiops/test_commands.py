"""`penstock deploy`, `request` and `deployments` as a person uses them, on a server of their own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.cli.demo.child import running_server

CODE = """
class Deployment:
    def request(self, data):
        print("got", data["input"])
        if data["input"] < 0:
            raise ValueError("too little")
        return {"output": data["input"] + 5}
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running_server(0, "--cold") as child:
        yield child.url


def penstock(server: str, *options: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "penstock.cli", *options, "--server", server]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done


def test_a_folder_is_deployed_asked_listed_and_its_log_shown(server: str, tmp_path: Path) -> None:
    folder = tmp_path / "Add_Five"
    (folder / "__pycache__").mkdir(parents=True)
    (folder / "__pycache__" / "x.pyc").write_text("not sent")
    (folder / "deployment.py").write_text(CODE)
    deploy = ("deploy", str(folder), "--input", "input:int", "--output", "output:int")

    assert "add-five v1 answers" in penstock(server, *deploy).stdout
    assert "add-five v1 answers" in penstock(server, *deploy).stdout
    asked = penstock(server, "request", "add-five", "--data", '{"input": 1}', "-d", '{"input": 2}')
    assert [json.loads(line) for line in asked.stdout.splitlines()] == [{"output": 6}, {"output": 7}]
    (tmp_path / "data.json").write_text('{"input": -1}')
    failed = penstock(
        server, "request", "add-five", "--batch", "-d", '{"input": 3}', "-d", f"@{tmp_path / 'data.json'}", status=1
    )
    assert json.loads(failed.stdout) == {"output": 8}
    assert "failed: An exception occurred" in failed.stderr

    assert "add-five" in penstock(server, "deployments", "list").stdout
    (listed,) = json.loads(penstock(server, "deployments", "list", "--json").stdout)
    assert listed["versions"][0]["status"] == "available"
    assert "ValueError: too little" in penstock(server, "deployments", "logs", "add-five").stdout


def test_what_cannot_be_deployed_or_asked_says_so(server: str, tmp_path: Path) -> None:
    assert "deployment.py" in penstock(server, "deploy", str(tmp_path), status=1).stderr
    (tmp_path / "deployment.py").write_text("class Deployment:\n    x = 1 / 0\n")
    assert "ZeroDivisionError" in penstock(server, "deploy", str(tmp_path), "--name", "broken", status=1).stderr
    assert "neither" in penstock(server, "request", "nobody", "-d", "1", status=1).stderr
    assert "not found" in penstock(server, "deployments", "logs", "nobody", status=1).stderr
