"""The clock that NOW() shows."""

import datetime
import time

import pytest
from feldera import Pipeline
from feldera.rest.errors import FelderaAPIError
from feldera.runtime_config import RuntimeConfig

from tests.conformance.feldera.conftest import Make, rows, wait_for

pytestmark = [pytest.mark.conformance, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

NOW = "CREATE MATERIALIZED VIEW v AS SELECT NOW() AS x;"
ANCHOR = "2024-01-01T00:00:00Z"
ANCHOR_MS = 1_704_067_200_000


@pytest.fixture
def driven(started: Make) -> Pipeline:
    tweaks = {"now_offset": ANCHOR, "now_http_driven": True}
    return started(NOW, runtime_config=RuntimeConfig(dev_tweaks=tweaks, clock_resolution_usecs=1_000_000))


def test_time_goes_on(started: Make) -> None:
    """Row 115."""
    pipeline = started(NOW, runtime_config=RuntimeConfig(clock_resolution_usecs=100_000))
    wait_for(lambda: rows(pipeline, "SELECT x FROM v"))

    (before,) = rows(pipeline, "SELECT x FROM v")
    time.sleep(1)
    (after,) = rows(pipeline, "SELECT x FROM v")
    assert str(before["x"]) < str(after["x"])
    datetime.datetime.fromisoformat(after["x"])


def test_a_driven_clock_stands_still(driven: Pipeline) -> None:
    """Row 116."""
    first = driven.advance_clock(0)
    time.sleep(0.3)

    assert first["now_ms"] == ANCHOR_MS
    assert str(first["now"]).startswith("2024-01-01T00:00:00")
    assert driven.advance_clock(0) == first


def test_a_driven_clock_is_moved(driven: Pipeline) -> None:
    """Row 117."""
    assert driven.advance_clock()["now_ms"] == ANCHOR_MS + 1000
    assert driven.advance_clock(60_000)["now_ms"] == ANCHOR_MS + 61_000
    assert driven.advance_clock(86_400_000)["now_ms"] == ANCHOR_MS + 86_461_000

    wait_for(lambda: rows(driven, "SELECT x FROM v")[0]["x"].startswith("2024-01-02T00:01:01"))


def test_a_clock_does_not_go_back(driven: Pipeline) -> None:
    """Row 118."""
    with pytest.raises(FelderaAPIError) as refused:
        driven.advance_clock(-1)

    assert refused.value.status_code == 400
    assert driven.advance_clock(0)["now_ms"] == ANCHOR_MS
