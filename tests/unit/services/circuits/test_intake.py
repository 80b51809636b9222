"""The queues before a circuit."""

from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np

from penstock.data.batch import Column
from penstock.data.changes import Changes
from penstock.services.circuits.intake import Intake


def rows(count: int) -> Changes:
    return Changes([Column(np.arange(count))], np.ones(count, np.int64))


def test_a_step_takes_batches_in_order_up_to_its_limit() -> None:
    intake = Intake(["t"])
    endpoint = intake.endpoint("e", "t", {})
    intake.put(endpoint, [rows(3), rows(4), rows(5)], 120, lease=None)
    first = intake.take(limit=8)
    second = intake.take(limit=8)

    assert [len(first.inputs["t"]), len(second.inputs["t"])] == [7, 5]
    assert [(head.endpoint, head.position) for head in first.heads] == [(endpoint, 2)]
    assert (first.bytes, second.bytes) == (80, 40)
    assert intake.buffered_records == intake.buffered_bytes == endpoint.buffered_records == 0


def test_one_batch_beyond_the_limit_is_taken_whole() -> None:
    intake = Intake(["t"])
    intake.put(intake.endpoint("e", "t", {}), [rows(100)], 1, lease=None)

    assert intake.take(limit=10).records == 100


def test_a_position_is_taken_by_the_step_that_took_its_last_batch() -> None:
    intake = Intake(["t"])
    endpoint = intake.endpoint("e", "t", {})
    intake.put(endpoint, [rows(1), rows(1)], 2, lease=None)
    assert endpoint.step_of(1) is None
    intake.took(intake.take(limit=1), 4)
    intake.took(intake.take(limit=1), 5)

    assert [endpoint.step_of(position) for position in (0, 1, 2, 3)] == [0, 4, 5, None]


def test_what_stands_before_a_forced_batch_goes_with_it_and_nothing_behind() -> None:
    intake = Intake(["t", "u"])
    endpoint, other = intake.endpoint("e", "t", {}), intake.endpoint("o", "u", {})
    intake.put(endpoint, [rows(1)], 1, lease=None)
    intake.put(endpoint, [rows(2)], 1, lease=None, forced=True)
    intake.put(endpoint, [rows(4)], 1, lease=None)
    intake.put(other, [rows(8)], 1, lease=None)
    taken = intake.take(only_forced=True)

    assert {table: len(changes) for table, changes in taken.inputs.items()} == {"t": 3}
    assert not intake.forced
    assert intake.waiting


def test_bytes_of_a_record_cut_in_two_count_with_the_batch_that_has_it() -> None:
    intake = Intake(["t"])
    endpoint = intake.endpoint("e", "t", {})
    intake.put(endpoint, [], 7, lease=None)
    intake.put(endpoint, [rows(1)], 3, lease=None)

    assert intake.take().bytes == endpoint.total_bytes == intake.total_bytes == 10


def test_a_full_queue_has_no_room_until_it_is_taken_from() -> None:
    intake = Intake(["t", "u"])
    intake.put(intake.endpoint("e", "t", {}), [rows(10)], 1, lease=None)
    before = intake.has_room("t", 10), intake.has_room("u", 10)
    intake.take()

    assert before == (False, True)
    assert intake.has_room("t", 10)


def test_an_endpoint_of_requests_is_finished_between_them_and_a_declared_one_at_its_end() -> None:
    intake = Intake(["t"])
    requests, declared = intake.endpoint("r", "t", {}), intake.endpoint("d", "t", {}, is_declared=True)
    requests.active = 1
    during = requests.finished, declared.finished
    requests.active = 0
    declared.end_of_input = True

    assert during == (False, False)
    assert requests.finished and declared.finished


def test_whoever_waits_for_the_queues_goes_on_when_the_last_batch_is_taken_or_the_circuit_is_paused() -> None:
    intake = Intake(["t"])
    intake.put(intake.endpoint("e", "t", {}), [rows(1), rows(1)], 2, lease=None)
    running = True
    with ThreadPoolExecutor() as threads:
        drained = threads.submit(intake.drain, lambda: running)
        intake.take(limit=1)
        assert not wait([drained], timeout=0.05).done
        intake.take(limit=1)
        drained.result(timeout=10)
        intake.put(intake.endpoint("e", "t", {}), [rows(1)], 1, lease=None)
        paused = threads.submit(intake.drain, lambda: running)
        with intake.lock:
            running = False
            intake.room.notify_all()
        paused.result(timeout=10)

    assert intake.waiting
