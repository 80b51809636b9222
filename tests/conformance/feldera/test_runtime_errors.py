"""A pipeline that fails while it runs."""

from contextlib import suppress

import pytest
from feldera import Pipeline
from feldera.enums import PipelineStatus
from feldera.rest.errors import FelderaAPIError

from tests.conformance.feldera.conftest import Http, Make, wait_for

pytestmark = pytest.mark.conformance

PANIC = """
CREATE TABLE t(x INT ARRAY);
CREATE MATERIALIZED VIEW v AS SELECT ELEMENT(x) AS e FROM t;
"""


@pytest.fixture
def panicked(started: Make) -> Pipeline:
    pipeline = started(PANIC)
    with suppress(FelderaAPIError):  # the pipeline may be gone before it has answered
        pipeline.input_json("t", {"x": [1, 2]}, wait=False)
    wait_for(lambda: pipeline.status() == PipelineStatus.STOPPED)
    return pipeline


def test_a_panic_stops_the_pipeline(panicked: Pipeline) -> None:
    """Row 55."""
    assert panicked.deployment_error()["error_code"] == "RuntimeError.WorkerPanic"
    assert panicked.deployment_error()["message"]


def test_without_an_error_there_is_nothing_to_dismiss(make: Make) -> None:
    """Row 56."""
    pipeline = make("CREATE TABLE t(x INT)")
    for move in (lambda: None, pipeline.start, lambda: pipeline.stop(force=True)):
        move()
        pipeline.dismiss_error()
        assert pipeline.deployment_error() is None


def test_an_error_must_be_dismissed_before_a_start(panicked: Pipeline, http: Http) -> None:
    """Row 57."""
    start = f"/pipelines/{panicked.name}/start?dismiss_error=false"

    assert http.code("POST", start) == (400, "CannotStartWithUndismissedError")
    panicked.stop(force=True)
    assert panicked.deployment_error()["error_code"] == "RuntimeError.WorkerPanic"


def test_after_the_dismissal_it_starts(panicked: Pipeline) -> None:
    """Row 58."""
    panicked.dismiss_error()
    panicked.start(dismiss_error=False)

    assert panicked.status() == PipelineStatus.RUNNING
    assert panicked.deployment_error() is None
