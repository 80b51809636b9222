"""What followers get."""

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from penstock.connect.formats.json import JsonFormat
from penstock.data.batch import Batch, Column
from penstock.data.pool import Pool
from penstock.data.types import BIGINT
from penstock.ports.format import ColumnLayout, Encoded, Encoder, Layout
from penstock.services.circuits import hub as hub_module
from penstock.services.circuits.hub import MAX_QUEUED_CHUNKS, Follower, Hub, Item, OutputEndpoint
from penstock.services.circuits.process import Missed

ROOM = threading.Condition()


def encoder(**options: Any) -> Encoder:
    layout = Layout("v", (ColumnLayout("n", False, BIGINT),))
    return JsonFormat().encoder({"array": True, **options}, layout, Pool())


def batch(*numbers: int) -> Batch:
    return Batch([Column(np.array(numbers))], np.ones(len(numbers), np.int64))


def follower(hub: Hub, backpressure: bool = False, **options: Any) -> Follower:
    made = Follower(OutputEndpoint("v.1", "v", {}), ("v", str(options)), backpressure)
    hub.add(made, encoder(**options), 0)
    return made


async def take(made: Follower, count: int) -> list[Item]:
    items = []
    stream = made.items(ROOM)
    async with asyncio.timeout(2):
        async for item in stream:
            items.append(item)
            if len(items) == count:
                break
    return items


def numbers(item: Item) -> list[int]:
    return [record["insert"]["n"] for record in json.loads(item.payload or b"[]")]


async def test_all_followers_of_a_format_share_one_encoding() -> None:
    hub = Hub()
    one, two = follower(hub), follower(hub)
    hub.publish(1, {"v": batch(2, 1)})
    first, second = (await take(one, 2))[1], (await take(two, 2))[1]

    assert numbers(first) == [1, 2]
    assert first.payload is second.payload


async def test_only_the_last_chunk_of_a_step_says_that_it_is_complete() -> None:
    hub = Hub()
    made = follower(hub, buffer_size_records=2)
    hub.publish(1, {"v": batch(1, 2, 3)})

    assert [(numbers(i), i.step) for i in (await take(made, 3))[1:]] == [([1, 2], None), ([3], 1)]


async def test_changes_that_cannot_be_written_are_counted_and_cost_nothing_else() -> None:
    class Broken:
        def encode(self, batch: Batch) -> Iterator[Encoded]:
            raise ValueError("no form for this")

    hub = Hub()
    made = Follower(OutputEndpoint("v.1", "v", {}), ("v", "broken"), False)
    hub.add(made, Broken(), 0)
    hub.publish(1, {"v": batch(1)})

    assert made.endpoint.encode_error_count == 1
    assert [item.step for item in await take(made, 1)] == [1]


async def test_steps_without_changes_are_told_in_one_empty_chunk() -> None:
    hub = Hub()
    made = follower(hub)
    for step in range(1, 20):
        hub.publish(step, {})

    assert [item.step for item in await take(made, 1)] == [19]


async def test_the_promise_of_a_later_step_waits_for_what_is_queued() -> None:
    hub = Hub()
    made = follower(hub)
    hub.publish(1, {"v": batch(1)})
    hub.publish(2, {})
    made.progress = 2

    assert [(numbers(i), i.step) for i in (await take(made, 3))[1:]] == [([1], 1), ([], 2)]


async def test_without_backpressure_whole_steps_are_dropped_and_counted() -> None:
    hub = Hub()
    made = follower(hub)
    for step in range(1, MAX_QUEUED_CHUNKS + 6):
        assert hub.publish(step, {"v": batch(step)}) == []
    items = await take(made, MAX_QUEUED_CHUNKS + 1)
    hub.publish(200, {"v": batch(200)})

    assert numbers(items[-1]) == [MAX_QUEUED_CHUNKS]
    assert made.queue[-1].missed == Missed(5, MAX_QUEUED_CHUNKS + 1, MAX_QUEUED_CHUNKS + 5)


async def test_what_was_missed_is_told_even_if_nothing_comes_after_it() -> None:
    hub = Hub()
    made = follower(hub)
    for step in range(1, MAX_QUEUED_CHUNKS + 6):
        hub.publish(step, {"v": batch(step)})

    items = await take(made, MAX_QUEUED_CHUNKS + 2)

    assert items[-2].missed is None
    assert items[-1] == Item(
        None, False, MAX_QUEUED_CHUNKS + 5, Missed(5, MAX_QUEUED_CHUNKS + 1, MAX_QUEUED_CHUNKS + 5)
    )


async def test_what_waits_for_a_follower_is_bounded_in_bytes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "MAX_QUEUED_BYTES", 60)
    hub = Hub()
    slow, patient = follower(hub), follower(hub, backpressure=True)
    waits = [hub.publish(step, {"v": batch(step)}) for step in range(1, 20)]

    assert sum(len(item.payload or b"") for item in slow.queue) < 60 + len(slow.queue[0].payload or b"")
    assert [] in waits
    assert waits[-1] == [patient]


async def test_with_backpressure_a_full_follower_has_to_be_waited_for() -> None:
    hub = Hub()
    made = follower(hub, backpressure=True)
    waits = [hub.publish(step, {"v": batch(step)}) for step in range(1, MAX_QUEUED_CHUNKS + 1)]
    hub.remove(made)

    assert waits[:-1] == [[]] * (MAX_QUEUED_CHUNKS - 1)
    assert waits[-1] == [made]
    assert not made.full
