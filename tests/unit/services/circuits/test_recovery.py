"""What a circuit is after its server ended without a word, and what is done next."""

from datetime import UTC, datetime, timedelta
from itertools import product

import msgspec
import pytest

from penstock.kernel.circuits import Aim, CircuitState, ProgramState, Step, StorageState, next_step
from penstock.services.circuits.lifecycle import recovered
from penstock.services.circuits.live import moved
from penstock.services.circuits.record import CircuitRecord, Deployment, new_record

AT = datetime(2024, 1, 1, tzinfo=UTC)
LATER = AT + timedelta(hours=1)


def record(**changes: object) -> CircuitRecord:
    return msgspec.structs.replace(new_record("", {}, msgspec.Raw(b"{}"), AT), **changes)  # type: ignore[arg-type]


def test_no_circuit_is_stuck_whatever_it_was_doing() -> None:
    for program, state, aim, storage in product(ProgramState, CircuitState, Aim, StorageState):
        before = record(program_state=program, state=state, aim=aim, storage=storage, deployment=Deployment(aim, {}))

        after = recovered(before, LATER)

        assert after.state is CircuitState.STOPPED
        assert after.storage is not StorageState.CLEARING
        step = next_step(after.program_state, after.state, after.aim)
        at_rest = after.aim is Aim.STOPPED and after.program_state.is_final
        assert (step is None) == at_rest


@pytest.mark.parametrize(
    "state", [CircuitState.STARTING, CircuitState.OPENING, CircuitState.RUNNING, CircuitState.PAUSED]
)
def test_what_ran_is_stopped_and_says_why(state: CircuitState) -> None:
    after = recovered(record(program_state=ProgramState.READY, state=state, aim=Aim.RUNNING), LATER)

    assert (after.state, after.aim, after.state_since) == (CircuitState.STOPPED, Aim.STOPPED, LATER)
    assert after.fault is not None
    assert after.fault.code == "ServerEnded"


def test_what_was_being_stopped_has_no_error() -> None:
    after = recovered(record(program_state=ProgramState.READY, state=CircuitState.RUNNING), LATER)

    assert (after.state, after.fault) == (CircuitState.STOPPED, None)


def test_a_start_that_waits_for_the_compiler_is_kept() -> None:
    waiting = record(
        program_state=ProgramState.COMPILING, aim=Aim.RUNNING, deployment=Deployment(Aim.RUNNING, {"a": 1})
    )

    after = recovered(waiting, LATER)

    assert (after.program_state, after.aim, after.deployment) == (ProgramState.PENDING, Aim.RUNNING, waiting.deployment)
    assert after.milestones == waiting.milestones + 1


def test_what_was_at_rest_is_left_alone() -> None:
    quiet = record(program_state=ProgramState.READY, storage=StorageState.IN_USE)

    assert recovered(quiet, LATER) == quiet


def test_instants_move_with_their_states_only() -> None:
    up = moved(record(), LATER, state=CircuitState.RUNNING, aim=Aim.RUNNING)
    paused = moved(up, LATER + timedelta(1), state=CircuitState.PAUSED, aim=Aim.PAUSED)

    assert (up.state_since, up.placed_since, up.aim_since, up.wanted_since) == (LATER,) * 4
    assert (paused.state_since, paused.aim_since) == (LATER + timedelta(1),) * 2
    assert (paused.placed_since, paused.wanted_since) == (LATER,) * 2
    assert moved(up, LATER, aim=Aim.RUNNING) == up


def test_steps_lead_to_the_aim() -> None:
    ready = ProgramState.READY

    assert next_step(ProgramState.PENDING, CircuitState.STOPPED, Aim.RUNNING) is Step.COMPILE
    assert next_step(ready, CircuitState.STOPPED, Aim.RUNNING) is Step.START
    assert next_step(ProgramState.REJECTED, CircuitState.STOPPED, Aim.RUNNING) is Step.ABANDON
    assert next_step(ready, CircuitState.RUNNING, Aim.PAUSED) is Step.PAUSE
    assert next_step(ready, CircuitState.PAUSED, Aim.RUNNING) is Step.RESUME
    assert next_step(ready, CircuitState.PAUSED, Aim.STOPPED) is Step.STOP
    assert next_step(ready, CircuitState.RUNNING, Aim.RUNNING) is None
