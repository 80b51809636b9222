"""The nineteen methods of requests to pipelines, each through the client, with what it refuses."""

import datetime
import uuid
from typing import Any

import pytest
import ubiops

from tests.conformance.ubiops.building import Bench, chain, fields, link, step
from tests.conformance.ubiops.conftest import refused

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

NAME = "numbers"


@pytest.mark.parametrize("by_version", [False, True])
def test_a_direct_request_is_answered_with_its_steps(steps: Bench, by_version: bool) -> None:
    if by_version:
        made = steps.api.pipeline_version_requests_create(steps.project, NAME, "v1", {"input": 7})
    else:
        made = steps.api.pipeline_requests_create(steps.project, NAME, {"input": 7})

    assert (made.status, made.success, made.result, made.error_message) == ("completed", True, {"output": 19}, None)
    assert (made.pipeline, made.version, made.pipeline_timeout) == (NAME, "v1", 3600)
    assert [each.pipeline_object for each in made.deployment_requests] == ["times2", "add5"]
    assert made.operator_requests == [] and made.pipeline_requests == []


def test_a_direct_request_that_fails_is_an_answer_that_says_so(steps: Bench) -> None:
    made = steps.api.pipeline_requests_create(steps.project, "broken", {"input": 1})

    assert (made.status, made.success, made.result) == ("failed", False, None)
    assert made.error_message == "Error while processing a deployment request"
    [entry] = made.deployment_requests
    assert entry.error_message == "An exception occurred in the request. See the logs for details."


@pytest.mark.parametrize("data", [{}, {"input": "7"}, {"input": True}, {"input": 1, "more": 2}])
def test_data_that_do_not_fit_the_fields_are_refused_and_named(steps: Bench, data: Any) -> None:
    text = refused(lambda: steps.api.pipeline_requests_create(steps.project, NAME, data))
    assert "input" in text or "more" in text


@pytest.mark.parametrize("timeout", [9, 7201])
def test_a_direct_request_with_a_timeout_out_of_range_is_refused(steps: Bench, timeout: int) -> None:
    refused(lambda: steps.api.pipeline_requests_create(steps.project, NAME, {"input": 1}, timeout=timeout))


@pytest.mark.parametrize(("name", "version"), [("nobody", "v1"), (NAME, "v9")])
def test_a_request_to_what_is_not_there_is_not_found(steps: Bench, name: str, version: str) -> None:
    api = steps.api
    refused(lambda: api.pipeline_version_requests_create(steps.project, name, version, {"input": 1}), status=404)
    refused(lambda: api.pipeline_version_requests_list(steps.project, name, version), status=404)


@pytest.mark.parametrize("by_version", [False, True])
def test_a_batch_is_accepted_and_ends(steps: Bench, by_version: bool) -> None:
    api, data = steps.api, [{"input": number} for number in range(3)]
    if by_version:
        made = api.batch_pipeline_version_requests_create(steps.project, NAME, "v1", data)
    else:
        made = api.batch_pipeline_requests_create(steps.project, NAME, data)

    assert [each.status for each in made] == ["pending"] * 3
    assert all(isinstance(each.time_created, datetime.datetime) for each in made)
    for each, item in zip(made, data, strict=True):
        assert steps.ended(NAME, each.id).result == {"output": item["input"] * 2 + 5}


def test_a_batch_may_be_one_bare_item_and_at_most_250(steps: Bench) -> None:
    answer = steps.raw("POST", f"pipelines/{NAME}/requests/batch", json={"input": 4})
    assert answer.status_code == 200 and len(answer.json()) == 1
    batch = steps.api.batch_pipeline_requests_create

    assert "250" in refused(lambda: batch(steps.project, NAME, [{"input": 1}] * 251))
    refused(lambda: batch(steps.project, NAME, [{"input": 1}, {"input": "two"}]))
    refused(lambda: batch(steps.project, NAME, []))
    refused(lambda: batch(steps.project, NAME, [{"input": 1}], timeout=172_801))


@pytest.mark.parametrize("by_version", [False, True])
def test_a_request_is_read_back_whole_or_without_its_data(steps: Bench, by_version: bool) -> None:
    api = steps.api
    id = api.pipeline_requests_create(steps.project, NAME, {"input": 1}).id

    def get(**options: Any) -> Any:
        if by_version:
            return api.pipeline_version_requests_get(steps.project, NAME, id, "v1", **options)
        return api.pipeline_requests_get(steps.project, NAME, id, **options)

    whole, bare = get(), get(metadata_only=True)
    assert (whole.request_data, whole.result) == ({"input": 1}, {"output": 7})
    assert whole.origin["created_by"] and whole.input_size > 0 and whole.output_size > 0
    assert whole.time_created <= whole.time_started <= whole.time_completed
    assert (bare.request_data, bare.result, bare.status) == (None, None, "completed")


def test_an_unknown_request_is_not_found(steps: Bench) -> None:
    api, id = steps.api, str(uuid.uuid4())
    refused(lambda: api.pipeline_requests_get(steps.project, NAME, id), status=404)
    refused(lambda: api.pipeline_version_requests_get(steps.project, NAME, id, "v1"), status=404)
    refused(lambda: api.pipeline_requests_delete(steps.project, NAME, id), status=404)


@pytest.mark.parametrize("by_version", [False, True])
def test_a_collect_is_all_or_nothing(steps: Bench, by_version: bool) -> None:
    api = steps.api
    ids = [api.pipeline_requests_create(steps.project, NAME, {"input": number}).id for number in (1, 2)]

    def collect(wanted: list[str]) -> Any:
        if by_version:
            return api.pipeline_version_requests_batch_get(steps.project, NAME, "v1", wanted)
        return api.pipeline_requests_batch_get(steps.project, NAME, wanted)

    assert {each.id: each.result for each in collect(ids)} == {ids[0]: {"output": 7}, ids[1]: {"output": 9}}
    assert collect([]) == []
    refused(lambda: collect([*ids, str(uuid.uuid4())]), status=404)
    refused(lambda: collect([str(uuid.uuid4()) for _ in range(251)]), status=400)


@pytest.mark.parametrize("by_version", [False, True])
def test_a_list_shows_what_is_asked_for_newest_first(bench: Bench, by_version: bool) -> None:
    bench.pipeline("straight", [], [link("end", start="input:output")])
    api = bench.api
    ids = [api.pipeline_requests_create(bench.project, "straight", {"input": number}).id for number in range(3)]

    def listed(**options: Any) -> list[str]:
        if by_version:
            found = api.pipeline_version_requests_list(bench.project, "straight", "v1", **options)
        else:
            found = api.pipeline_requests_list(bench.project, "straight", **options)
        return [each.id for each in found]

    later = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)).isoformat()
    assert listed() == ids[::-1]
    assert listed(limit=1, offset=1) == [ids[1]]
    assert listed(status="failed,cancelled") == []
    assert listed(status="pending") == []
    assert listed(search_id=ids[0][9:]) == [ids[0]]
    assert listed(start_date=later) == []
    assert listed(end_date=later) == ids
    for wrong in ({"status": "done"}, {"status": "pending,failed"}, {"start_date": "soon"}, {"limit": 0}):
        refused(lambda options=wrong: listed(**options), status=400)


SLEEPING = "import time\n\n\nclass Deployment:\n    def request(self, data):\n        time.sleep(600)\n"


@pytest.fixture(scope="module")
def sleepers(steps: Bench) -> str:
    steps.deploy("sleeper", SLEEPING, maximum_instances=1)
    steps.pipeline("sleepers", [step("sleeper")], chain("sleeper"))
    return "sleepers"


@pytest.mark.parametrize("by_version", [False, True])
def test_a_request_is_cancelled_once(steps: Bench, sleepers: str, by_version: bool) -> None:
    api, update = steps.api, ubiops.PipelineRequestUpdate(status="cancelled")
    [made] = api.batch_pipeline_requests_create(steps.project, sleepers, [{"input": 1}])

    def cancel() -> None:
        if by_version:
            api.pipeline_version_requests_update(steps.project, sleepers, made.id, "v1", update)
        else:
            api.pipeline_requests_update(steps.project, sleepers, made.id, update)

    cancel()
    assert steps.ended(sleepers, made.id).status == "cancelled"
    refused(cancel, status=400)


def test_a_request_can_only_be_cancelled(steps: Bench) -> None:
    id = steps.api.pipeline_requests_create(steps.project, NAME, {"input": 1}).id
    answer = steps.raw("PATCH", f"pipelines/{NAME}/requests/{id}", json={"status": "completed"})
    assert answer.status_code == 400 and answer.json()["error"]


@pytest.mark.parametrize("by_version", [False, True])
def test_many_are_cancelled_by_id_or_by_status(steps: Bench, sleepers: str, by_version: bool) -> None:
    api = steps.api
    ids = [each.id for each in api.batch_pipeline_requests_create(steps.project, sleepers, [{"input": 1}] * 4)]

    def cancel(wanted: list[str], **options: Any) -> None:
        if by_version:
            api.pipeline_version_requests_batch_cancel(steps.project, sleepers, "v1", wanted, **options)
        else:
            api.pipeline_requests_batch_cancel(steps.project, sleepers, wanted, **options)

    refused(lambda: cancel([ids[0], str(uuid.uuid4())]))
    cancel(ids[:2])
    assert {steps.ended(sleepers, id).status for id in ids[:2]} == {"cancelled"}
    cancel([], status="pending")
    cancel([], status="processing")
    assert {steps.ended(sleepers, id).status for id in ids[2:]} == {"cancelled"}
    refused(lambda: cancel(ids, status="pending"), status=400)


@pytest.mark.parametrize("by_version", [False, True])
def test_a_request_is_deleted_with_its_steps(steps: Bench, by_version: bool) -> None:
    api = steps.api
    made = api.pipeline_requests_create(steps.project, NAME, {"input": 1})
    if by_version:
        answer = api.pipeline_version_requests_delete(steps.project, NAME, made.id, "v1")
    else:
        answer = api.pipeline_requests_delete(steps.project, NAME, made.id)

    assert answer is None
    refused(lambda: api.pipeline_requests_get(steps.project, NAME, made.id), status=404)
    for each in made.deployment_requests:
        refused(lambda each=each: api.deployment_requests_get(steps.project, each.deployment, each.id), status=404)


@pytest.mark.parametrize("by_version", [False, True])
def test_many_are_deleted_or_none(steps: Bench, by_version: bool) -> None:
    api = steps.api
    ids = [api.pipeline_requests_create(steps.project, NAME, {"input": 1}).id for _ in range(2)]

    def delete(wanted: list[str]) -> None:
        if by_version:
            api.pipeline_version_requests_batch_delete(steps.project, NAME, "v1", wanted)
        else:
            api.pipeline_requests_batch_delete(steps.project, NAME, wanted)

    refused(lambda: delete([*ids, str(uuid.uuid4())]), status=404)
    assert len(api.pipeline_requests_batch_get(steps.project, NAME, ids)) == 2
    delete(ids)
    refused(lambda: api.pipeline_requests_batch_get(steps.project, NAME, ids), status=404)


def test_an_operators_request_is_read_with_its_object(bench: Bench) -> None:
    configuration = {
        "expression": "input * 5",
        "input_fields": fields("input:int"),
        "output_fields": fields("output:int"),
    }
    bench.pipeline("five", [step("times5", "function", "operator", configuration=configuration)], chain("times5"))
    made = bench.api.pipeline_requests_create(bench.project, "five", {"input": 5})
    [entry] = made.operator_requests
    get = bench.api.pipeline_version_object_requests_get
    found = get(bench.project, "five", entry.id, "v1", pipeline_request_id=made.id)

    assert (found.operator, found.pipeline_object) == ("function", "times5")
    assert (found.request_data, found.result) == ({"input": 5}, {"output": 25})
    raw = bench.raw("GET", f"pipelines/five/versions/v1/object-requests/{entry.id}").json()
    assert raw["object"] == raw["pipeline_object"] == "times5"
    refused(lambda: get(bench.project, "five", str(uuid.uuid4()), "v1"), status=404)
    refused(lambda: get(bench.project, "five", entry.id, "v1", pipeline_request_id=str(uuid.uuid4())), status=404)


def test_sub_requests_have_sequence_ids_that_sort_by_their_order(steps: Bench) -> None:
    made = steps.api.pipeline_requests_create(steps.project, NAME, {"input": 1})
    found = steps.raw("GET", f"pipelines/{NAME}/requests/{made.id}").json()["deployment_requests"]
    ids = [each["sequence_id"] for each in found]
    assert [each["pipeline_object"] for each in found] == ["times2", "add5"]
    assert ids == sorted(ids) and len({len(id) for id in ids}) == 1
