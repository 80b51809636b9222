"""What the memory of a process holds, as pprof reads it."""

from __future__ import annotations

import gzip
from collections import defaultdict
from collections.abc import Iterator

from penstock.api.feldera.heap import heap_profile

PROFILE = {
    "steps": 3,
    "memory_bytes": 100_000_000,
    "spilled_bytes": 50_000_000,
    "pool_bytes": 20_000_000,
    "pool_values": 300_000,
    "operators": [
        {"id": 0, "operator": "table t", "state_rows": {"rows": 1000, "keys": 5}, "state_bytes": 60_000_000},
        {"id": 1, "operator": "project {}", "state_rows": {}, "state_bytes": 0},
    ],
}


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return value, at


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Read a message: numbers and contents by their fields."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        value, at = varint(data, at)
        if key & 7 == 2:
            yield key >> 3, data[at : at + value]
            at += value
        else:
            assert key & 7 == 0
            yield key >> 3, value


def message(data: bytes) -> dict[int, list]:
    found = defaultdict(list)
    for field, value in fields(data):
        found[field].append(value)
    return found


def test_a_heap_profile_has_a_sample_for_each_operator_that_keeps_something_and_one_for_the_rest():
    profile = message(gzip.decompress(heap_profile(PROFILE, 1_700_000_000_000_000_000)))
    strings = [text.decode() for text in profile[6]]
    functions = {f[1][0]: strings[f[2][0]] for f in map(message, profile[5])}
    locations = {place[1][0]: functions[message(place[4][0])[1][0]] for place in map(message, profile[4])}
    samples = [([locations[id] for id in s[1]], s[2]) for s in map(message, profile[2])]

    assert [(strings[t[1][0]], strings[t[2][0]]) for t in map(message, profile[1])] == [
        ("inuse_objects", "count"),
        ("inuse_space", "bytes"),
    ]
    assert samples == [
        (["0 table t", "operators", "state"], [1005, 60_000_000]),
        (["pool of strings and other values", "state"], [300_000, 20_000_000]),
        (["code, libraries, buffers"], [1, 70_000_000]),
    ]
    assert strings[0] == ""
    assert strings[profile[14][0]] == "inuse_space"
    assert profile[9] == [1_700_000_000_000_000_000]
