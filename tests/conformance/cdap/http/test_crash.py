"""A server that is killed while runs go on."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.cdap.driving import Endpoint, Rest, pipeline, slow_pipeline
from tests.conformance.serving import Server


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A server that no other test uses."""
    with tempfile.TemporaryDirectory(prefix="penstock-conformance-", ignore_cleanup_errors=True) as folder:
        made = Server(Path(folder) / "data")
        yield made
        made.stop()


def test_a_run_that_was_cut_off_has_failed_and_leaves_nothing_visible(
    own_server: Server, tmp_path: Path, endpoint: Endpoint
) -> None:
    rest = Rest(own_server.url)
    app = rest.deploy(slow_pipeline(tmp_path, endpoint))
    done = rest.deploy(pipeline(tmp_path))
    finished, cut = rest.start(done, n="done"), rest.start(app, n="cut")
    rest.ended(done, finished)
    endpoint.asked.wait(30)

    own_server.kill()
    own_server.start()

    assert rest.record(done, finished)["status"] == "COMPLETED"
    record = rest.ended(app, cut)
    assert record["status"] == "FAILED"
    assert record["end"] >= record["start"]
    assert "lost" in rest.log(app, cut)
    assert not (tmp_path / "out/cut").exists()
