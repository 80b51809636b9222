"""Requests to deployments, environments of both models, and the command line."""

import json
import os
import shutil
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
import ubiops
from ubiops.utils import stream_deployment_request

from tests.conformance.serving import Server, wait_for
from tests.conformance.ubiops.building import ADD5, Bench, chain, code
from tests.conformance.ubiops.conftest import refused

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def test_a_direct_request_is_answered_and_read_back(steps: Bench) -> None:
    api, project = steps.api, steps.project
    made = api.deployment_version_requests_create(project, "add5", "v1", {"input": 1})
    assert (made.status, made.result, made.deployment, made.version) == ("completed", {"output": 6}, "add5", "v1")
    found = api.deployment_requests_get(project, "add5", made.id)
    assert (found.request_data, found.result, found.timeout) == ({"input": 1}, {"output": 6}, 300)
    assert api.deployment_requests_output_get(project, "add5", made.id).json() == {"output": 6}
    assert api.deployment_requests_create(project, "add5", [{"input": 1}, {"input": 2}]).result == [
        {"output": 6},
        {"output": 7},
    ]
    refused(lambda: api.deployment_requests_create(project, "add5", {"input": 1}, timeout=3601))


def test_a_batch_is_collected_listed_and_deleted(steps: Bench) -> None:
    api, project = steps.api, steps.project
    made = api.batch_deployment_requests_create(project, "times2", [{"input": number} for number in range(3)])
    ids = [each.id for each in made]
    wait_for(
        lambda: all(each.status == "completed" for each in api.deployment_requests_batch_get(project, "times2", ids))
    )
    listed = [each.id for each in api.deployment_requests_list(project, "times2", limit=1000)]
    assert set(ids) <= set(listed)
    refused(lambda: api.deployment_requests_batch_delete(project, "times2", [*ids, str(uuid.uuid4())]), status=404)
    api.deployment_requests_batch_delete(project, "times2", ids)
    refused(lambda: api.deployment_requests_get(project, "times2", ids[0]), status=404)


def test_partial_results_are_streamed_and_the_whole_one_comes_last(bench: Bench) -> None:
    source = code('for word in ("one", "two"):\n    context["streaming_update"](word)\nreturn {"output": 3}')
    bench.deploy("d", source)
    stream = stream_deployment_request(bench.client, bench.project, "d", data={"input": 1}, full_response=True)
    *words, last = list(stream)
    assert words == ["one", "two"] and last.result == {"output": 3}


def zipped_requirements(bench: Bench) -> str:
    from tests.conformance.ubiops.building import zipped

    return bench.file(zipped({"environment_package/requirements.txt": "# nothing\n"}), "env.zip")


def test_an_environment_is_made_built_and_used(bench: Bench) -> None:
    api, project = bench.api, bench.project
    system = api.environments_get(project, "python3-11")
    assert system.system
    api.environments_create(project, ubiops.EnvironmentCreate(name="mine", description="of mine"))
    refused(lambda: api.environments_create(project, ubiops.EnvironmentCreate(name="mine")), status=409)
    refused(lambda: api.environments_create(project, ubiops.EnvironmentCreate(name="python3-11")), status=409)
    if hasattr(api, "environment_tags_create"):
        api.environment_tags_create(project, "mine", ubiops.EnvironmentTagCreate(name="t1"))
        api.environment_tags_build(project, "mine", "t1", file=zipped_requirements(bench))
        wait_for(lambda: api.environment_tags_get(project, "mine", "t1").status == "success")
        assert api.environment_tag_dependencies_list(project, "mine", "t1")[0].content == "# nothing\n"
        bench.deployment("d")
        bench.version("d", environment="mine", environment_tag="t1")
        assert api.environment_tags_usage(project, "mine", "t1")[0].deployment == "d"
    else:
        made = api.environment_revisions_file_upload(project, "mine", file=zipped_requirements(bench))
        wait_for(lambda: api.environment_builds_get(project, made.build, "mine", made.revision).status == "success")
        assert api.environments_get(project, "mine").latest_build == made.build
        assert api.environment_builds_list(project, "mine", made.revision)[0].id == made.build
        bench.deployment("d")
        bench.version("d", environment="mine")
        assert api.environments_usage(project, "mine")[0].deployment == "d"
    assert bench.upload("d", {"deployment.py": ADD5}).status == "success"
    assert api.deployment_requests_create(project, "d", {"input": 1}).result == {"output": 6}
    assert "d" in refused(lambda: api.environments_delete(project, "mine"))
    api.deployments_delete(project, "d")
    api.environments_delete(project, "mine")


class CommandLine:
    """The command line, from a copy of its own: it keeps what it knows in its own folder."""

    def __init__(self, bench: Bench) -> None:
        import ubiops_cli

        self.home = bench.folder / "home"
        ignored = shutil.ignore_patterns("__pycache__", ".config")
        shutil.copytree(Path(ubiops_cli.__file__).parent, self.home / "ubiops_cli", ignore=ignored)
        self.folder = bench.folder
        self("signin", "--api", bench.host, "--token", "--password", "Token any")
        self("current_project", "set", bench.project)

    def __call__(self, *arguments: str) -> str:
        variables = {**os.environ, "PYTHONPATH": str(self.home), "COLUMNS": "200"}
        command = [sys.executable, "-c", "from ubiops_cli.main import main; main()", *arguments]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.mark.timeout(300)
def test_the_command_line_deploys_and_asks(bench: Bench, server: Server) -> None:
    run = CommandLine(bench)
    one: dict[str, Any] = {
        "input_type": "structured",
        "input_fields": [{"name": "input", "data_type": "int"}],
        "output_type": "structured",
        "output_fields": [{"name": "output", "data_type": "int"}],
    }
    objects = [{"name": "o1", "reference_name": "add5", "reference_type": "deployment", "reference_version": "v1"}]
    version = {"pipeline_name": "p", "version_name": "v1", "objects": objects, "attachments": chain("o1")}
    for name, content in (
        ("d", {"deployment_name": "add5", **one}),
        ("p", {"pipeline_name": "p", **one}),
        ("v", version),
    ):
        (bench.folder / f"{name}.yaml").write_text(json.dumps(content))
    (bench.folder / "code").mkdir()
    (bench.folder / "code" / "deployment.py").write_text(ADD5)

    run("deployments", "create", "-f", "d.yaml")
    run("deployments", "deploy", "add5", "-v", "v1", "-dir", "code", "-y")
    wait_for(lambda: bench.api.deployment_versions_get(bench.project, "add5", "v1").status == "available")
    run("pipelines", "create", "-f", "p.yaml")
    run("pipeline_versions", "create", "-f", "v.yaml")
    assert "10" in run("pipelines", "requests", "create", "p", "--data", '{"input": 5}', "-fmt", "json")
    assert "pending" in run("pipelines", "requests", "create", "p", "--batch", "--data", '{"input": 6}')
    run("pipeline_versions", "get", "v1", "-p", "p", "-o", "saved.yaml", "-q")
    assert "add5" in (bench.folder / "saved.yaml").read_text()
    assert "The deployment version is available" in run("logs", "--query", '| deployment_name="add5"', "--no_pager")
