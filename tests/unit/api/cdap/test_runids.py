"""Ids of runs, and the ids of inner programs made of them."""

import uuid
from datetime import UTC, datetime

import pytest

from penstock.api.cdap.runids import new_run_id, outer_run, phase_run_id, starting_us, uuid1_of

AT = datetime(2026, 3, 1, 12, 0, 0, 999_999, tzinfo=UTC)


def test_a_run_id_is_a_time_based_uuid_of_the_moment_it_was_accepted() -> None:
    id = new_run_id(AT)

    assert uuid.UUID(id).version == 1
    assert uuid.UUID(id).variant == uuid.RFC_4122
    assert starting_us(id) == 1_772_366_400_999_999


def test_ids_of_the_same_moment_differ() -> None:
    assert len({new_run_id(AT) for _ in range(1000)}) == 1000


def test_the_id_of_a_phase_leads_back_to_its_run() -> None:
    id = new_run_id(AT)

    inner = phase_run_id(id, 3)

    assert inner != id
    assert uuid1_of(inner) is not None
    assert outer_run(inner) == (id, 3)
    assert outer_run(id) == (id, 0)


@pytest.mark.parametrize("text", ["", "not-a-run-id", str(uuid.UUID(int=1)), "019ab2f0-0000-7000-8000-000000000000"])
def test_what_is_no_time_based_uuid_is_no_run_id(text: str) -> None:
    assert uuid1_of(text) is None
