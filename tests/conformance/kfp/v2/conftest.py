"""The newest client of kfp 2."""

from typing import Any

import pytest

from tests.conformance.kfp.conftest import Server, wait_for

try:
    import kfp
except ImportError:
    # Collected without the client's environment: `tests/conformance/run.py` is what runs these.
    collect_ignore_glob = ["test_*.py"]

FINAL = ("SUCCEEDED", "FAILED", "CANCELED", "SKIPPED")


@pytest.fixture(scope="session")
def client(server: Server) -> "kfp.Client":
    return kfp.Client(host=server.url)


@pytest.fixture
def experiment(client: "kfp.Client", name: str) -> str:
    made: str = client.create_experiment(name).experiment_id
    return made


def ended(client: "kfp.Client", run_id: str, timeout_s: float = 90) -> Any:
    def look() -> Any:
        run = client.get_run(run_id)
        return run if run.state in FINAL else None

    return wait_for(look, timeout_s)


def tasks(run: Any) -> dict[str, str]:
    """Return the states of a run's tasks by name."""
    return {task.display_name: task.state for task in run.run_details.task_details}
