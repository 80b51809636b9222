"""Ends without warning: of the server, and of a circuit's process."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from feldera import FelderaClient, PipelineBuilder
from feldera.enums import PipelineStatus, ProgramStatus
from feldera.rest.retry import RetryConfig

from tests.conformance.feldera.conftest import Server, wait_for

pytestmark = pytest.mark.conformance

SQL = "CREATE TABLE t(x INT); CREATE MATERIALIZED VIEW v AS SELECT * FROM t;"


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "data")
    yield made
    made.stop()


def test_a_killed_server_comes_back_with_all_it_acknowledged(mortal: Server) -> None:
    client = FelderaClient(mortal.url, retry_config=RetryConfig(max_retries=0))
    stopped = PipelineBuilder(client, "stopped", SQL, description="kept").create_or_replace()
    running = PipelineBuilder(client, "running", SQL).create_or_replace()
    running.start()
    stopped.modify(description="edited")
    circuits = descendants(mortal.process.pid)
    mortal.kill()
    wait_for(lambda: not any(map(alive, circuits)))
    mortal.start()

    assert stopped.description() == "edited"
    assert (stopped.status(), stopped.deployment_error()) == (PipelineStatus.STOPPED, None)
    assert running.status() == PipelineStatus.STOPPED
    assert running.deployment_error()["error_code"] == "ServerEnded"
    running.start()
    assert running.status() == PipelineStatus.RUNNING


def test_a_killed_circuit_is_an_error_of_its_pipeline_only(mortal: Server) -> None:
    client = FelderaClient(mortal.url, retry_config=RetryConfig(max_retries=0))
    other = PipelineBuilder(client, "other", SQL).create_or_replace()
    other.start()
    before = descendants(mortal.process.pid)
    pipeline = PipelineBuilder(client, "victim", SQL).create_or_replace()
    pipeline.start()
    (mine,) = wait_for(lambda: len(found := descendants(mortal.process.pid) - before) == 1 and found)

    os.kill(mine, signal.SIGKILL)

    wait_for(lambda: pipeline.status() == PipelineStatus.STOPPED)
    assert "SIGKILL" in pipeline.deployment_error()["message"]
    assert other.status() == PipelineStatus.RUNNING
    pipeline.start()
    assert pipeline.status() == PipelineStatus.RUNNING


def test_the_end_of_the_engine_is_an_error_of_every_pipeline_and_no_more(mortal: Server) -> None:
    client = FelderaClient(mortal.url, retry_config=RetryConfig(max_retries=0))
    pipeline = PipelineBuilder(client, "victim", SQL).create_or_replace()
    pipeline.start()

    for process in descendants(mortal.process.pid):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)

    wait_for(lambda: pipeline.status() == PipelineStatus.STOPPED)
    assert pipeline.deployment_error() is not None
    pipeline.start()
    assert pipeline.status() == PipelineStatus.RUNNING
    assert PipelineBuilder(client, "another", SQL).create_or_replace().program_status() == ProgramStatus.Success


def descendants(pid: int) -> set[int]:
    """Return the processes below a process."""
    found, heads = set(), [pid]
    while heads:
        lines = subprocess.run(["ps", "-o", "pid=", "--ppid", str(heads.pop())], capture_output=True, text=True).stdout
        children = {int(line) for line in lines.split()}
        found |= children
        heads += children
    return found


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
