"""The client kfp 1.8.22 and pipelines compiled with it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.kfp.conftest import Server, wait_for

try:
    import kfp
    from kfp import dsl
except ImportError:
    # Collected without the client's environment: `tests/conformance/run.py` is what runs these.
    collect_ignore_glob = ["test_*.py"]

FINAL = ("Succeeded", "Failed", "Error", "Skipped")


@pytest.fixture(scope="session")
def client(server: Server) -> "kfp.Client":
    return kfp.Client(host=server.url)


@pytest.fixture
def experiment(client: "kfp.Client", name: str) -> str:
    made: str = client.create_experiment(name).id
    return made


def shell(name: str, script: str, *arguments: Any, outputs: dict[str, str] | None = None) -> Any:
    return dsl.ContainerOp(
        name=name, image="alpine", command=["sh", "-c", script, name], arguments=list(arguments), file_outputs=outputs
    )


@pytest.fixture
def package(tmp_path: Path) -> Callable[[Any], str]:
    """Compile a pipeline function to a file."""

    def compiled(pipeline: Any) -> str:
        path = str(tmp_path / "package.yaml")
        kfp.compiler.Compiler().compile(pipeline, path)
        return path

    return compiled


def ended(client: "kfp.Client", run_id: str) -> Any:
    def look() -> Any:
        detail = client.get_run(run_id)
        return detail if detail.run.status in FINAL else None

    return wait_for(look)


def nodes(detail: Any) -> dict[str, Any]:
    """Return the nodes of a run by what they are called."""
    manifest = json.loads(detail.pipeline_runtime.workflow_manifest)
    return {node["displayName"]: node for node in manifest["status"]["nodes"].values()}
