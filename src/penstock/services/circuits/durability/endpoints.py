"""What is kept of the ways into a circuit, and how they are put back there."""

from __future__ import annotations

from collections.abc import Iterable

from penstock.services.circuits.durability.manifest import InputState
from penstock.services.circuits.intake import Endpoint, Intake

__all__ = ["input_state", "put_back", "put_back_requests"]


def input_state(endpoint: Endpoint) -> InputState:
    """Return how far an endpoint had come with the last step; the caller holds the intake's lock."""
    place, skip = endpoint.mark
    return InputState(
        name=endpoint.name,
        table=endpoint.table,
        config=dict(endpoint.config),
        is_declared=endpoint.is_declared,
        position=endpoint.settled,
        records=endpoint.settled_records,
        size_bytes=endpoint.settled_bytes,
        place=place,
        skip=skip,
        finished=endpoint.end_of_input and endpoint.position == endpoint.settled and endpoint.fatal_error is None,
        paused=endpoint.paused,
        parse_errors=endpoint.parse_error_count,
    )


def put_back(endpoint: Endpoint, state: InputState) -> None:
    """Have an endpoint be where it was; what it had put by then is completed."""
    endpoint.taken.clear()
    endpoint.taken.append((state.position, 0))
    endpoint.position = endpoint.settled = state.position
    endpoint.total_records = endpoint.settled_records = state.records
    endpoint.total_bytes = endpoint.settled_bytes = state.size_bytes
    endpoint.mark = (state.place, state.skip)
    endpoint.is_kept, endpoint.kept = True, state.place
    endpoint.parse_error_count = state.parse_errors
    endpoint.paused = state.paused
    endpoint.end_of_input = state.finished


def put_back_requests(intake: Intake, states: Iterable[InputState], tables: Iterable[str]) -> None:
    """Have the endpoints of requests be where they were; declared ones come with their connectors."""
    known = set(tables)
    with intake.lock:
        for state in states:
            if state.table in known and not state.is_declared:
                put_back(intake.endpoint(state.name, state.table, state.config), state)
