"""Many starts: in one call, at once, and some of them wrong."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.cdap.driving import WORKFLOW, Rest, pipeline


def item(app: str, **more: Any) -> dict[str, Any]:
    return {"appId": app, "programType": "workflow", "programId": WORKFLOW, **more}


def test_sixty_starts_in_one_call_all_complete(rest: Rest, tmp_path: Path) -> None:
    app = rest.deploy(pipeline(tmp_path))

    answers = rest.call("POST", f"{rest.home}/start", [item(app, runtimeargs={"n": str(n)}) for n in range(60)])

    assert [answer["statusCode"] for answer in answers] == [200] * 60
    runs = [answer["runId"] for answer in answers]
    assert len(set(runs)) == 60
    assert {rest.ended(app, run)["status"] for run in runs} == {"COMPLETED"}
    assert {len((tmp_path / f"out/{n}/part-r-00000").read_text().splitlines()) for n in range(60)} == {3}


def test_two_hundred_starts_at_once_can_all_be_read_at_once(rest: Rest, tmp_path: Path) -> None:
    app = rest.deploy(pipeline(tmp_path))

    def one(n: int) -> tuple[str, int]:
        run = rest.start(app, n=str(n))
        return run, rest.send("GET", f"{rest.program(app)}/runs/{run}").status

    with ThreadPoolExecutor(50) as pool:
        found = list(pool.map(one, range(200)))

    assert [status for _, status in found] == [200] * 200
    assert {rest.ended(app, run)["status"] for run, _ in found} == {"COMPLETED"}


def test_wrong_items_are_answered_one_by_one_and_the_others_start(rest: Rest, tmp_path: Path) -> None:
    app = rest.deploy(pipeline(tmp_path))

    answers = rest.call(
        "POST",
        f"{rest.home}/start",
        [item("nosuch"), item(app, runtimeargs={"n": "1"}), {**item(app), "programId": "NoSuchWorkflow"}],
    )

    assert [answer["statusCode"] for answer in answers] == [404, 200, 404]
    assert answers[0]["error"] == "'application:default.nosuch.-SNAPSHOT' was not found."
    assert answers[0]["appId"] == "nosuch"
    assert "runId" not in answers[0]
    assert rest.ended(app, answers[1]["runId"])["status"] == "COMPLETED"


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"{}", b'[{"appId": "a"}]', b'[{"appId": "a", "programType": "x", "programId": "p"}]', b"[1]"],
)
def test_a_request_that_is_wrong_in_form_is_refused_as_a_whole(rest: Rest, body: bytes) -> None:
    for verb in ("start", "stop", "status"):
        reply = rest.send("POST", f"{rest.home}/{verb}", body)

        assert reply.status == 400
        assert reply.headers["Content-Type"].startswith("text/plain")


def test_no_items_are_no_answers(rest: Rest) -> None:
    assert rest.call("POST", f"{rest.home}/start", []) == []


def test_arguments_that_are_numbers_or_booleans_become_texts_and_objects_are_refused(
    rest: Rest, tmp_path: Path
) -> None:
    app = rest.deploy(pipeline(tmp_path))

    (answer,) = rest.call("POST", f"{rest.home}/start", [item(app, runtimeargs={"n": 5, "flag": True})])
    refused = rest.send("POST", f"{rest.home}/start", [item(app, runtimeargs={"n": {"deep": 1}})])

    assert '"n":"5","flag":"true"' in rest.ended(app, answer["runId"])["properties"]["runtimeArgs"]
    assert refused.status == 400
