"""What is stored of a circuit, and what happened to it."""

from datetime import datetime
from typing import Any

import msgspec

from penstock.kernel.circuits import Aim, CircuitState, ProgramState, StorageState
from penstock.services.documents import Kind

__all__ = ["CIRCUIT", "CircuitRecord", "Deployment", "Diagnostic", "Fault", "StatusChange", "new_record"]


class Fault(msgspec.Struct, frozen=True):
    """Why a circuit is not where its owner wanted it."""

    code: str
    message: str
    details: Any = None


class Diagnostic(msgspec.Struct, frozen=True):
    """A message of the compiler; places counted from 1 and inclusive."""

    start_line: int
    start_column: int
    end_line: int
    end_column: int
    warning: bool
    kind: str
    message: str
    snippet: str | None


class Deployment(msgspec.Struct, frozen=True):
    """A start that was asked for. `id` is None until a process is being made; `options` are the asker's own.

    carry_over: whether a changed program may start from the rows of the one whose state is kept: `allow`, `ask` (the
    start waits until somebody approves) or `reject`.
    stands_by: it has no process yet, but the newest checkpoint of the object store at hand, until it is activated.
    """

    initial: Aim
    options: dict[str, Any]
    carry_over: str = "allow"
    id: str | None = None
    started_at: datetime | None = None
    stands_by: bool = False


class CircuitRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One circuit, as stored.

    Attributes:
        program: SQL text.
        settings: what `Engine.open` is told.
        face: the owner's own document, verbatim; opaque here.
        program_revision: grows with each edit that needs a compilation.
        milestones: how often the program reached a state that tells something new, or was reset without an edit.
        schema: of the compiled program, see `Compiled.schema`; None until it is known.
        failure: why the compiler failed, if it did.
        aim_since, wanted_since: when the aim changed; when it last changed between stopped and not stopped.
        state_since, placed_since: when the state changed; the same, with opening, running and paused taken as one.
        deployment: the present start; None when stopped and not asked to start.
        fault: why the circuit stopped by itself; stays until dismissed.
    suspends: the stop that is wanted makes a checkpoint first.
    awaits: how the program differs from the one whose state is kept, while its start waits for approval.
    has_run: it has had a process since its stored state was last cleared.
    """

    program: str
    settings: dict[str, Any]
    face: msgspec.Raw
    program_revision: int = 1
    program_state: ProgramState = ProgramState.PENDING
    program_since: datetime
    milestones: int = 0
    messages: tuple[Diagnostic, ...] = ()
    schema: dict[str, Any] | None = None
    failure: str | None = None
    aim: Aim = Aim.STOPPED
    aim_since: datetime
    wanted_since: datetime
    state: CircuitState = CircuitState.STOPPED
    state_since: datetime
    placed_since: datetime
    storage: StorageState = StorageState.EMPTY
    deployment: Deployment | None = None
    fault: Fault | None = None
    suspends: bool = False
    awaits: dict[str, Any] | None = None
    has_run: bool = False

    @property
    def is_standing_by(self) -> bool:
        """Whether it waits, without a process, to be activated."""
        standby = self.deployment is not None and self.deployment.stands_by
        return standby and self.state is CircuitState.OPENING

    @property
    def is_fault_tolerant(self) -> bool:
        """Whether it goes on by itself when the server is there again."""
        return ((self.settings.get("fault_tolerance") or {}).get("model") or "none") != "none"


class StatusChange(msgspec.Struct, frozen=True):
    """One entry of a circuit's history: what it was from `at` on."""

    id: str
    at: datetime
    program_state: ProgramState
    state: CircuitState
    aim: Aim
    storage: StorageState
    fault: Fault | None


CIRCUIT = Kind("circuits.circuit", CircuitRecord, noun="circuit")
"""Circuits, by name within a scope."""


def new_record(program: str, settings: dict[str, Any], face: msgspec.Raw, at: datetime) -> CircuitRecord:
    """Describe a circuit that was made at that instant and has done nothing yet."""
    return CircuitRecord(
        program=program,
        settings=settings,
        face=face,
        program_since=at,
        aim_since=at,
        wanted_since=at,
        state_since=at,
        placed_since=at,
    )
