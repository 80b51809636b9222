"""What the server asks of the engine's processes: compile a program, run one circuit, talk to it.

The server's own process never loads the engine. `Engine` is the warm process that compiles and forks; a
`CircuitProcess` is one circuit in a process of its own. Both are protocols so that the service can be tested alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """A compile message, places counted from 1 and inclusive."""

    start_line: int
    start_column: int
    end_line: int
    end_column: int
    warning: bool
    kind: str
    message: str
    snippet: str | None


@dataclass(frozen=True, slots=True)
class Compiled:
    """What compiling gave. schema is None exactly when some message is no warning.

    schema: {"inputs": [relation], "outputs": [relation], "input_connectors": {...}, "output_connectors": {...},
    "plan": {...}} with plain JSON values; a relation has name, case_sensitive, fields, materialized, properties,
    primary_key, foreign_keys; a field has name, case_sensitive, columntype, default, lateness, watermark, unused; a
    columntype has type, nullable, precision, scale, component, key, value, fields.
    """

    messages: tuple[Message, ...]
    schema: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a circuit ended by itself. code: "RuntimeError.WorkerPanic" for an evaluation error, others by name."""

    code: str
    message: str
    details: Any = None


class RequestFailed(Exception):
    """The circuit refused a request. code is one of the names the dialect's table knows, e.g. "UnknownInputStream"."""

    def __init__(self, code: str, message: str, details: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details


@dataclass(frozen=True, slots=True)
class FormatSpec:
    """A data format by name with its options as sent ("json" with update_format, array, ...)."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pushed:
    """What came of a body pushed into a table. endpoint, position: for `completed`; errors: the first parse errors."""

    endpoint: str
    position: int
    error_count: int
    errors: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Missed:
    """What was not kept for a reader that is too slow: so many chunks, of steps from the first to the last."""

    chunks: int
    first_step: int
    last_step: int

    def more(self, chunks: int, step: int) -> Missed:
        """Return this and chunks of a later step."""
        return Missed(self.chunks + chunks, self.first_step, step)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Changes of one relation, encoded.

    payload: for "json" the text of one array of records, for "csv" lines; None for a chunk that only tells the step.
    step: the stream holds all changes up to this step. missed: what was lost before this one.
    """

    payload: bytes | None
    snapshot: bool
    step: int | None
    missed: Missed | None = None


class CircuitProcess(Protocol):
    """One running circuit. Every request raises RequestFailed with CircuitEnded once its process is gone."""

    @property
    def pid(self) -> int: ...

    async def push(
        self, table: str, format: FormatSpec, chunks: AsyncIterator[bytes], *, force: bool = False
    ) -> Pushed:
        """Feed a body. Blocks while the circuit is paused unless force; returns when all of it is queued.

        Raises: RequestFailed with UnknownInputStream, UnknownInputFormat, ParserConfigParseError, InvalidParam.
        """
        ...

    async def completed(self, endpoint: str, position: int, *, wait_s: float = 0.0) -> tuple[bool, int | None]:
        """Whether the input up to position was processed and delivered, and the step that took it in.

        wait_s: how long to wait for that to become so.
        """
        ...

    async def connector_position(self, table: str, connector: str) -> tuple[str, int]:
        """The endpoint and present position of a declared input connector."""
        ...

    def subscribe(
        self, relation: str, format: FormatSpec, *, snapshot: bool = False, backpressure: bool = False
    ) -> AsyncIterator[Chunk]:
        """Follow a relation's changes; yields an empty chunk at once and at least every 3 s; ends with the circuit."""
        ...

    def query(self, sql: str, format: str) -> AsyncIterator[bytes]:
        """Run ad-hoc SQL on a consistent snapshot. format: text, json, parquet, arrow_ipc, hash.

        Raises: RequestFailed with AdHocQueryError before the first piece.
        """
        ...

    async def pause(self) -> None: ...

    async def resume(self) -> None: ...

    async def stats(self) -> dict[str, Any]:
        """Counters: {"global": {...}, "inputs": [...], "outputs": [...]}, plain JSON values."""
        ...

    async def connector(self, table: str, connector: str, action: str) -> None:
        """action: "start" or "pause"."""
        ...

    async def begin_transaction(self) -> int: ...

    async def commit_transaction(self) -> None: ...

    async def advance_clock(self, delta_ms: int | None) -> int:
        """Move a driven clock; None: by one resolution. Returns epoch milliseconds."""
        ...

    async def checkpoint(self) -> Mapping[str, Any]:
        """Keep the circuit as it is between two steps: {"id", "steps", "records", "bytes"}, once it is on disk.

        Raises: RequestFailed with CheckpointRefused, CheckpointFailed.
        """
        ...

    async def suspend(self) -> Mapping[str, Any]:
        """Take in what requests have queued, then take no more steps and make a checkpoint; see `checkpoint`.

        Raises: RequestFailed with SuspendRefused, TransactionInProgress, CheckpointFailed; it then goes on.
        """
        ...

    async def copy_checkpoint(self) -> str:
        """Begin to copy the newest checkpoint to the store of objects and return its id.

        Raises: RequestFailed with NotSupported if its settings name no store, InvalidParam without checkpoint.
        """
        ...

    async def copying(self) -> Mapping[str, Any]:
        """Say what came of copies: {"success", "periodic", "failure": {"id", "message"} or None, "running": [id]}.

        Raises: RequestFailed with NotSupported.
        """
        ...

    async def copies(self) -> Sequence[str]:
        """Return the ids of all checkpoints in the store, oldest first. Raises: RequestFailed, as `copying`."""
        ...

    def logs(self) -> AsyncIterator[str]:
        """Lines the circuit has logged and logs, without line ends; ends with the circuit. One reader at a time."""
        ...

    async def profile(self) -> dict[str, Any]:
        """Operators with rows, state bytes and time; bytes of memory, of state on disk, of values and their number."""
        ...

    async def stop(self) -> None:
        """End the process now; streams end. Returns when it is gone."""
        ...

    async def ended(self) -> Failure | None:
        """Wait for the end; None when it was asked for."""
        ...


class Engine(Protocol):
    """The warm process."""

    async def warm(self) -> None:
        """Start loading, if not yet done; returns at once."""
        ...

    async def compile(self, program: str) -> Compiled:
        """Compile a program.

        Raises: RequestFailed with CompilerTimedOut, CompilerOutOfMemory or CompilerCrashed; never for a wrong program.
        """
        ...

    async def open(
        self,
        circuit: str,
        program: str,
        settings: Mapping[str, Any],
        *,
        paused: bool,
        directory: Path | None = None,
        carry_over: str = "allow",
        secrets: Mapping[str, str] | None = None,
    ) -> CircuitProcess:
        """Start a circuit; returns when it is ready to take requests. settings: clock_resolution_usecs and the like.

        directory: what is kept of it is there, and it goes on from that; None: it begins empty and nothing is kept.
        carry_over: whether a changed program may start from the rows that are kept: allow, ask or reject.
        secrets: the texts by name that its connectors refer to.
        Raises: RequestFailed when it cannot be built (a connector's configuration, ...); with ApprovalNeeded or
        CarryOverRejected and the differences as details if the program has changed.
        """
        ...

    async def fetch(self, settings: Mapping[str, Any], directory: Path, secrets: Mapping[str, str]) -> str | None:
        """Have the checkpoint that a circuit starts from fetched from its object store, while it has no process.

        Returns its id, None if it is there already. Raises: RequestFailed.
        """
        ...

    async def close(self) -> None: ...
