"""States of a standing circuit: its program, its process, its stored state. Pure; no I/O, no clock.

A circuit is described by four small machines that move independently; `next_step` says what the service has to do so
that the process arrives where its owner wants it.
"""

from enum import StrEnum

__all__ = ["Aim", "CircuitState", "ProgramState", "Step", "StorageState", "next_step"]


class ProgramState(StrEnum):
    """How far the program has come.

    PENDING → COMPILING → CHECKED → BUILDING → READY
                  ├→ REJECTED           └→ FAILED
                  └→ FAILED
    any → PENDING when the program is edited or a compilation was cut off
    """

    PENDING = "pending"
    """Waits for the compiler; left for COMPILING by the service."""
    COMPILING = "compiling"
    """Text is parsed, bound and planned; left by the compiler's answer."""
    CHECKED = "checked"
    """The text is right and its schema known; left for BUILDING at once."""
    BUILDING = "building"
    """The circuit is made ready to be opened; left by the compiler's answer."""
    READY = "ready"
    """Can be opened; left only by an edit."""
    REJECTED = "rejected"
    """The text is wrong; left only by an edit."""
    FAILED = "failed"
    """The compiler failed; left only by an edit."""

    @property
    def is_final(self) -> bool:
        """Whether the compiler has nothing more to say."""
        return self in (ProgramState.READY, ProgramState.REJECTED, ProgramState.FAILED)

    @property
    def is_milestone(self) -> bool:
        """Whether reaching this state tells an onlooker something new about the program."""
        return self is ProgramState.CHECKED or self.is_final


class CircuitState(StrEnum):
    """Where the circuit's process is.

    STOPPED → STARTING → OPENING → RUNNING ⇄ PAUSED
       ↑          └─────────┴─→ STOPPING ←──┘
       └───────────────────────────┘
    """

    STOPPED = "stopped"
    """No process; left for STARTING when the aim asks for one and the program is ready."""
    STARTING = "starting"
    """A process is being made; left for OPENING, or for STOPPING if that fails."""
    OPENING = "opening"
    """The process opens its connectors; left for RUNNING or PAUSED."""
    RUNNING = "running"
    """Takes steps; left for PAUSED or STOPPING."""
    PAUSED = "paused"
    """Takes no steps, answers questions; left for RUNNING or STOPPING."""
    STOPPING = "stopping"
    """The process ends; left for STOPPED."""

    @property
    def is_up(self) -> bool:
        """Whether there is a process that can be talked to."""
        return self in (CircuitState.RUNNING, CircuitState.PAUSED)


class Aim(StrEnum):
    """Where the owner wants the process to be; the service moves it there."""

    STOPPED = "stopped"
    PAUSED = "paused"
    RUNNING = "running"


class StorageState(StrEnum):
    """Whether the circuit has state of its own.

    EMPTY → IN_USE (at its start) → CLEARING (asked for, when stopped) → EMPTY
    """

    EMPTY = "empty"
    IN_USE = "in use"
    CLEARING = "clearing"


class Step(StrEnum):
    """What the service does next for a circuit."""

    COMPILE = "compile"
    START = "start"
    ABANDON = "abandon"
    """Give up a start whose program turned out not to compile."""
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"


def next_step(program: ProgramState, state: CircuitState, aim: Aim) -> Step | None:
    """Decide what brings the circuit nearer to its aim; None if nothing has to be done or can be."""
    if not program.is_final:
        return Step.COMPILE
    if state is CircuitState.STOPPED and aim is not Aim.STOPPED:
        return Step.START if program is ProgramState.READY else Step.ABANDON
    if state.is_up and aim is Aim.STOPPED:
        return Step.STOP
    if state is CircuitState.RUNNING and aim is Aim.PAUSED:
        return Step.PAUSE
    if state is CircuitState.PAUSED and aim is Aim.RUNNING:
        return Step.RESUME
    return None
