"""Runs that start by themselves."""

import json
from pathlib import Path
from typing import Any

from tests.conformance.cdap.driving import WORKFLOW, Rest, pipeline
from tests.conformance.serving import wait_for


def schedule(name: str, trigger: dict[str, Any], **more: Any) -> dict[str, Any]:
    program = {"programName": WORKFLOW, "programType": "WORKFLOW"}
    return {"name": name, "description": "", "program": program, "trigger": trigger, **more}


def when(app: str, *statuses: str) -> dict[str, Any]:
    program = {
        "namespace": "default",
        "application": app,
        "version": "-SNAPSHOT",
        "type": "Workflow",
        "entity": "PROGRAM",
        "program": WORKFLOW,
    }
    return {"type": "PROGRAM_STATUS", "programId": program, "programStatuses": list(statuses)}


def runs(rest: Rest, app: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = rest.call("GET", f"{rest.program(app)}/runs")
    return found


def test_a_run_that_completes_starts_another_and_passes_arguments_on(rest: Rest, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = rest.deploy(pipeline(tmp_path / "a")), rest.deploy(pipeline(tmp_path / "b"))
    mapping = {"arguments": [{"source": "n", "target": "n"}], "pluginProperties": []}
    properties = {"triggering.properties.mapping": json.dumps(mapping), "k": "schedule"}
    path = f"{rest.home}/apps/{second}/schedules/after"
    rest.call("PUT", path, schedule("after", when(first, "COMPLETED"), properties=properties))
    rest.ended(first, rest.start(first, n="too_early"))
    rest.call("POST", f"{path}/enable")

    rest.ended(first, rest.start(first, n="mapped"))
    (started,) = wait_for(lambda: runs(rest, second))
    record = rest.ended(second, started["runid"])

    assert record["status"] == "COMPLETED"
    assert (tmp_path / "b/out/mapped/_SUCCESS").exists()
    assert json.loads(record["properties"]["runtimeArgs"])["k"] == "schedule"
    waiting = rest.call(
        "GET",
        f"{rest.home}/schedules/trigger-type/program-status?trigger-namespace-id=default&trigger-app-name={first}"
        f"&trigger-program-type=workflows&trigger-program-name={WORKFLOW}&trigger-program-statuses=COMPLETED",
    )
    assert [each["name"] for each in waiting] == ["after"]
    rest.call("DELETE", f"{rest.home}/apps/{second}")


def test_a_schedule_that_waits_for_two_programs_fires_when_both_have_ended(rest: Rest, tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).mkdir()
    left, right, last = (rest.deploy(pipeline(tmp_path / name)) for name in "abc")
    both = {"type": "AND", "triggers": [when(left, "COMPLETED"), when(right, "FAILED", "COMPLETED")]}
    rest.call("PUT", f"{rest.home}/apps/{last}/schedules/both", schedule("both", both, properties={"n": "1"}))
    rest.call("POST", f"{rest.home}/apps/{last}/schedules/both/enable")

    rest.ended(left, rest.start(left, n="1"))
    rest.ended(left, rest.start(left, n="2"))
    assert runs(rest, last) == []
    rest.ended(right, rest.start(right))
    (started,) = wait_for(lambda: runs(rest, last))

    assert rest.ended(last, started["runid"])["status"] == "COMPLETED"


def test_a_schedule_of_times_is_made_suspended_and_says_when_it_fires(rest: Rest, tmp_path: Path) -> None:
    app = rest.deploy(pipeline(tmp_path, schedule="0 1 * * *", maxConcurrentRuns=1))
    path = f"{rest.home}/apps/{app}/schedules/dataPipelineSchedule"

    made = rest.call("GET", path)
    assert (made["status"], made["trigger"]) == ("SUSPENDED", {"type": "TIME", "cronExpression": "0 1 * * *"})
    assert rest.call("GET", f"{rest.program(app)}/nextruntime") == []
    rest.call("POST", f"{path}/enable")
    rest.call("POST", f"{path}/enable", status=409)
    (following,) = rest.call("GET", f"{rest.program(app)}/nextruntime")

    assert following["time"] % 86_400_000 == 3_600_000
    rest.call("PUT", path.replace("dataPipelineSchedule", "x"), schedule("y", made["trigger"]), status=400)
    bad = {"type": "TIME", "cronExpression": "0 1 5 * 1"}
    rest.call("PUT", path.replace("dataPipelineSchedule", "x"), schedule("x", bad), status=400)
