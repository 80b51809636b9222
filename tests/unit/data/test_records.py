"""Keyed records: the structure under all indexed state, against a dictionary."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.data.records import Records

KEYS = st.tuples(st.integers(-3, 3), st.integers(-3, 3))


def rows(keys: list[tuple[int, int]]) -> np.ndarray:
    return np.array(keys, np.int64).reshape(-1, 2)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.lists(KEYS, min_size=1, max_size=30)), max_size=12))
def test_records_are_found_by_their_keys_whatever_was_added_and_removed(operations):
    state = Records(2, 1)
    known: set[tuple[int, int]] = set()

    for adds, keys in operations:
        if adds:
            state.find_or_add(rows(keys))
            known |= set(keys)
        else:
            ids = np.unique(state.find(rows(keys)))
            state.remove(ids[ids >= 0])
            known -= set(keys)

    everything = [(a, b) for a in range(-3, 4) for b in range(-3, 4)]
    found = state.find(rows(everything)) >= 0
    assert known == {k for k, there in zip(everything, found, strict=True) if there}
    assert len(known) == len(state)


def test_a_snapshot_restored_elsewhere_keeps_ids_and_payloads():
    state = Records(2, 1)
    keys = np.stack([np.arange(5000), np.arange(5000) % 7], axis=1)
    ids = state.find_or_add(keys)
    state.records[ids, 3] = np.arange(5000)
    state.remove(ids[::3])

    other = Records(2, 1)
    other.restore(state.snapshot())

    assert state.find(keys).tolist() == other.find(keys).tolist()
    kept = ids[1::3]
    assert state.payloads(kept).tolist() == other.payloads(kept).tolist()
    assert set(state.live().tolist()) == set(other.live().tolist())


def test_freed_records_are_used_again():
    state = Records(1, 0)
    for round in range(50):
        ids = state.find_or_add(np.arange(round * 100, round * 100 + 100).reshape(-1, 1))
        state.remove(ids)

    assert len(state) == 0
    assert state.size_bytes < 100 * 16 + 4096
