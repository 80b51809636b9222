"""Start, pause, stop, clear."""

from typing import Any

import pytest
from feldera.enums import BootstrapPolicy, PipelineStatus, StorageStatus
from feldera.rest.errors import FelderaAPIError

from tests.conformance.feldera.conftest import Http, Make, rows, wait_for

pytestmark = pytest.mark.conformance

PROGRAM = """
CREATE TABLE t(x INT) WITH ('materialized' = 'true');
CREATE MATERIALIZED VIEW v AS SELECT x + 1 AS y FROM t;
"""


def test_queries_work_while_paused(started: Make) -> None:
    """Row 41."""
    pipeline = started(PROGRAM)
    pipeline.input_json("t", [{"x": 1}, {"x": 2}])
    pipeline.wait_for_idle(idle_interval_s=0.2, poll_interval_s=0.05)

    pipeline.pause()
    paused = rows(pipeline, "SELECT * FROM v")
    pipeline.resume()

    assert paused == [{"y": 2}, {"y": 3}]
    assert rows(pipeline, "SELECT * FROM v") == paused


def test_stopping_is_always_accepted(make: Make, http: Http) -> None:
    """Row 42."""
    pipeline = make(PROGRAM)
    stop = f"/pipelines/{pipeline.name}/stop?force=true"
    for prepare in (
        lambda: None,
        lambda: pipeline.start(wait=False),
        pipeline.start_paused,
        lambda: http("POST", stop),
    ):
        prepare()
        assert http("POST", stop).status_code == 202
        wait_for(lambda: pipeline.status() == PipelineStatus.STOPPED)


def test_a_start_while_stopping_works_or_is_refused(started: Make, http: Http) -> None:
    """Row 43."""
    pipeline = started(PROGRAM)
    pipeline.stop(force=True, wait=False)

    try:
        pipeline.start()
    except FelderaAPIError as refused:
        assert refused.error_code == "IllegalPipelineAction"


@pytest.mark.parametrize("policy", list(BootstrapPolicy))
def test_starting_twice_alike_is_accepted(make: Make, policy: BootstrapPolicy) -> None:
    """Row 44."""
    pipeline = make(PROGRAM)
    pipeline.start(bootstrap_policy=policy)
    pipeline.start(bootstrap_policy=policy)

    assert pipeline.status() == PipelineStatus.RUNNING


def test_another_policy_is_refused(make: Make) -> None:
    """Row 45."""
    pipeline = make(PROGRAM)
    pipeline.start(bootstrap_policy=BootstrapPolicy.ALLOW)

    with pytest.raises(FelderaAPIError) as refused:
        pipeline.start(bootstrap_policy=BootstrapPolicy.REJECT)
    assert refused.value.error_code == "BootstrapPolicyImmutableUnlessStopped"


@pytest.mark.parametrize("first", ["running", "paused"])
def test_another_initial_state_is_refused(make: Make, first: str) -> None:
    """Row 46."""
    pipeline = make(PROGRAM)
    starts = {"running": pipeline.start, "paused": pipeline.start_paused}
    starts.pop(first)()

    with pytest.raises(FelderaAPIError) as refused:
        starts.popitem()[1]()
    assert refused.value.error_code == "InitialImmutableUnlessStopped"


def test_standby_needs_storage(http: Http, name: str) -> None:
    """Row 47."""
    http("PUT", f"/pipelines/{name}", json={"name": name, "program_code": PROGRAM})

    assert http.code("POST", f"/pipelines/{name}/start?initial=standby") == (400, "InitialStandbyNotAllowed")


def test_storage_is_in_use_until_it_is_cleared(make: Make) -> None:
    """Rows 48, 49."""
    pipeline = make(PROGRAM)
    seen = [pipeline.storage_status()]
    pipeline.start()
    seen.append(pipeline.storage_status())
    pipeline.pause()
    seen.append(pipeline.storage_status())
    pipeline.stop(force=True)
    seen.append(pipeline.storage_status())
    pipeline.start()
    pipeline.stop(force=True)
    seen.append(pipeline.storage_status())
    pipeline.clear_storage()
    seen.append(pipeline.storage_status())
    pipeline.clear_storage()

    assert seen == [StorageStatus.CLEARED, *[StorageStatus.INUSE] * 4, StorageStatus.CLEARED]


def test_what_runs_cannot_be_cleared(started: Make, http: Http) -> None:
    """Row 50."""
    pipeline = started(PROGRAM)
    for prepare in (lambda: None, pipeline.pause):
        prepare()
        clear = f"/pipelines/{pipeline.name}/clear"
        assert http.code("POST", clear) == (400, "StorageStatusImmutableUnlessStopped")
        assert pipeline.storage_status() == StorageStatus.INUSE


def test_a_start_right_after_a_clear(started: Make) -> None:
    """Row 51."""
    pipeline = started(PROGRAM)
    pipeline.stop(force=True)
    pipeline.clear_storage(wait=False)

    try:
        pipeline.start()
    except FelderaAPIError as refused:
        assert refused.error_code == "CannotStartWhileClearingStorage"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("workers",), 3),
        (("resources", "storage_mb_max"), 1000),
        (("resources", "namespace"), "elsewhere"),
        (("resources", "storage_class"), "slow"),
    ],
)
def test_some_settings_are_fixed_while_storage_is_in_use(
    started: Make, http: Http, path: tuple[str, ...], value: Any
) -> None:
    """Rows 52, 53."""
    pipeline = started(PROGRAM)
    pipeline.stop(force=True)
    address = f"/pipelines/{pipeline.name}"
    before = http("GET", address).json()["runtime_config"]
    config = http("GET", address).json()["runtime_config"]
    place = config
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value

    reply = http("PATCH", address, json={"runtime_config": config})

    assert (reply.status_code, reply.json()["error_code"]) == (400, "EditRestrictedToClearedStorage")
    assert reply.json()["details"]["not_allowed"] == [f"`runtime_config.{'.'.join(path)}`"]
    assert http("GET", address).json()["runtime_config"] == before
    pipeline.clear_storage()
    assert http("PATCH", address, json={"runtime_config": config}).json()["runtime_config"] == config
    defaults = http("PATCH", address, json={"runtime_config": {}}).json()["runtime_config"]
    assert defaults == before | {"tracing_endpoint_jaeger": "127.0.0.1:6831"}


def test_a_restart_begins_empty(started: Make) -> None:
    pipeline = started(PROGRAM)
    pipeline.input_json("t", {"x": 1})
    pipeline.stop(force=True)
    pipeline.start()

    assert rows(pipeline, "SELECT * FROM t") == []
