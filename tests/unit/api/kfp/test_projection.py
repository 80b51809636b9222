"""Names and ids of nodes, macros in parameters, order of metrics."""

from datetime import UTC, datetime

import pytest

from penstock.api.kfp.macros import Moment, go_layout, replaced
from penstock.api.kfp.project.nodes import node_id, nodes_of
from penstock.api.kfp.run_face import STATUS_V1, STATUS_V2, metric_value
from penstock.kernel.runs import AttemptRecord, AttemptState, RunState, StepKind, StepRecord, StepState

AT = datetime(2026, 3, 5, 7, 8, 9, 120_000, tzinfo=UTC)
MOMENT = Moment("run-1", AT, AT.replace(hour=1), 4)


def test_every_state_has_a_word_in_both_versions() -> None:
    assert set(STATUS_V1) == set(STATUS_V2) == set(RunState)


def test_the_roots_id_is_its_name_and_others_are_hashed() -> None:
    assert node_id("wf", "wf") == "wf"
    # FNV-1a of the empty text is its offset basis, so the hash can be checked by hand.
    assert node_id("wf", "") == f"wf-{0x811C9DC5}"


def test_names_are_paths() -> None:
    leaf = {"name": "t", "kind": StepKind.LEAF, "state": StepState.SUCCEEDED}
    attempts = [AttemptRecord(f"loop[0]/t#{n}", n, AttemptState.FAILED, 1) for n in (1, 2)]
    steps = [
        StepRecord("loop", "loop", None, StepKind.GROUP, StepState.SUCCEEDED),
        StepRecord("loop[0]", "loop", "loop", StepKind.LEVEL, StepState.SUCCEEDED, index=0, item={"a": 1, "b": "x"}),
        StepRecord(path="loop[0]/t", parent="loop[0]", attempts=attempts, **leaf),  # type: ignore[arg-type]
        StepRecord("later", "later", None, StepKind.LEAF, StepState.WAITING),
        StepRecord("no", "no", None, StepKind.LEAF, StepState.SKIPPED),
    ]
    nodes = nodes_of("wf", steps)
    assert [(node.name, node.type) for node in nodes] == [
        ("wf.loop", "TaskGroup"),
        ("wf.loop(0:a:1,b:x)", "DAG"),
        ("wf.loop(0:a:1,b:x).t", "Retry"),
        ("wf.loop(0:a:1,b:x).t(0)", "Pod"),
        ("wf.loop(0:a:1,b:x).t(1)", "Pod"),
        ("wf.no", "Skipped"),
    ]


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("[[RunUUID]]-[[Index]]", "run-1-4"),
        ("[[CurrentTime]]", "20260305070809"),
        ("[[ScheduledTime.2006-01-02 15:04:05]]", "2026-03-05 01:08:09"),
        ("{{$.currentTime.strftime('%Y/%m')}}", "2026/03"),
        ("[[Unknown]] {{x}}", "[[Unknown]] {{x}}"),
    ],
)
def test_macros(text: str, becomes: str) -> None:
    assert replaced({"a": [text]}, MOMENT) == {"a": [becomes]}


def test_layouts_of_the_reference_time() -> None:
    assert go_layout(AT, "Mon Jan _2 03:04:05.000 PM 06") == "Thu Mar  5 07:08:09.120 AM 26"


def test_metrics_sort_as_numbers() -> None:
    values = [float("-inf"), -2.5, -1.0, -0.0, 0.0, 1e-9, 1.0, 3.5, float("inf")]
    assert sorted(values, key=metric_value) == values
