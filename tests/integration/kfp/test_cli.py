"""`penstock runs` against a server of its own."""

import json
import re
import urllib.request
from pathlib import Path

import pytest
from typer.testing import CliRunner

from penstock.cli.app import app
from penstock.kernel.errors import NotFound, Unavailable
from tests.integration.kfp.conftest import V1, dag, shell, task, workflow
from tests.integration.test_serve import server


def submitted(url: str) -> str:
    manifest = workflow(
        dag("main", task("good", "good"), task("bad", "bad", after=("good",))),
        shell("good", "echo fine"),
        shell("bad", "echo broken; exit 3"),
    )
    body = json.dumps({"name": "mine", "pipeline_spec": {"workflow_manifest": json.dumps(manifest)}}).encode()
    request = urllib.request.Request(f"{url}{V1}/runs", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as reply:
        return str(json.load(reply)["run"]["id"])


def test_runs_are_listed_followed_shown_and_retried(tmp_path: Path) -> None:
    runner = CliRunner()
    with server(tmp_path / "data") as (_, url):
        id = submitted(url)

        def said(*arguments: str) -> str:
            result = runner.invoke(app, ["runs", *arguments, "--server", url], catch_exceptions=False)
            assert result.exit_code == 0, result.output
            return result.output

        assert sorted(said("logs", "mine", "-f").splitlines()) == ["bad | broken", "good | fine"]
        assert id[:13] in said("list")
        shown = said("show", id[:13])
        assert re.search(r"mine\s+failed", shown)
        assert "2/2 steps" in shown
        assert re.search(r"bad\s+failed .* after good .*exit code 3", shown)
        assert "| bad | failed |" in said("show", id, "--format", "markdown")
        assert json.loads(said("show", id, "--format", "json"))["run"]["state"] == "failed"
        assert said("logs", id, "good") == "fine\n"
        assert "goes on" in said("retry", id)
        said("logs", id, "-f")
        with pytest.raises(NotFound):
            said("show", "other")
    with pytest.raises(Unavailable):
        runner.invoke(app, ["runs", "list", "--server", "http://127.0.0.1:9"], catch_exceptions=False)
