"""What is kept of the ways in and out of a circuit, and how they are put back there."""

from __future__ import annotations

from collections.abc import Iterable

from penstock.data.portable import decode_changes, encode_changes
from penstock.services.circuits.built import Built
from penstock.services.circuits.durability.manifest import InputState, OutputState
from penstock.services.circuits.hub import Outlet
from penstock.services.circuits.intake import Endpoint, Intake

__all__ = ["input_state", "output_state", "put_back", "put_back_output", "put_back_requests"]


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


def output_state(outlet: Outlet, built: Built) -> OutputState:
    """Return how far a declared output has come, with what it holds back."""
    endpoint = outlet.endpoint
    pooled = _pooled(outlet, built)
    return OutputState(
        name=endpoint.name,
        step=outlet.delivered,
        place=outlet.place,
        records=endpoint.transmitted_records,
        size_bytes=endpoint.transmitted_bytes,
        paused=endpoint.paused,
        held=tuple(encode_changes(batch, pooled, built.pool) for batch in outlet.held),
    )


def put_back_output(outlet: Outlet, state: OutputState, built: Built) -> None:
    """Have a declared output be where it was."""
    endpoint = outlet.endpoint
    outlet.delivered, outlet.place = state.step, state.place
    endpoint.transmitted_records, endpoint.transmitted_bytes = state.records, state.size_bytes
    endpoint.paused = state.paused
    pooled = _pooled(outlet, built)
    if state.held:
        outlet.hold = built.pool.hold()
        never = [False] * len(pooled)
        outlet.held = [decode_changes(encoded, pooled, never, built.pool) for encoded in state.held]


def _pooled(outlet: Outlet, built: Built) -> list[bool]:
    return [column.type.pooled for column in built.layouts[outlet.endpoint.relation].columns]
