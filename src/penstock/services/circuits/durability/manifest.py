"""What a checkpoint says of itself. Written last: a directory that has one is a whole checkpoint."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from penstock.ports.format import Encoded

__all__ = ["FORMAT", "ArrayEntry", "InputState", "Manifest", "OutputState", "Parcel"]

FORMAT = 3
"""Of the arrays of state. Grows when an operator's snapshot changes its meaning; others cannot be taken up."""


class ArrayEntry(msgspec.Struct, frozen=True):
    """Where an array stands in the file of arrays; offset in bytes."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int


class InputState(msgspec.Struct, frozen=True, kw_only=True):
    """How far an input endpoint had come.

    Attributes:
        position: batches taken by steps. records, size_bytes: what they held.
        place: where its source can go on, in the source's own words; None from the beginning.
        skip: operations after `place` that are in the state already.
        finished: nothing comes any more. paused: by a user.
    """

    name: str
    table: str
    config: dict[str, Any]
    is_declared: bool
    position: int
    records: int
    size_bytes: int
    place: Any = None
    skip: int = 0
    finished: bool = False
    paused: bool = False
    parse_errors: int = 0


class Parcel(msgspec.Struct, frozen=True, array_like=True):
    """What one step has for an output."""

    step: int
    pieces: tuple[Encoded, ...]


class OutputState(msgspec.Struct, frozen=True, kw_only=True):
    """How far a declared output had come: delivered up to `step`, the sink being at `place` then.

    taken: the step up to which changes were given to it; queue: those of them that are not delivered.
    """

    name: str
    step: int
    taken: int = 0
    place: Any = None
    records: int = 0
    size_bytes: int = 0
    paused: bool = False
    queue: tuple[Parcel, ...] = ()


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A checkpoint.

    Attributes:
        id: unique. made_at_us: microseconds since 1970.
        engine: version of the server that wrote it. program: SQL text.
        relations: fingerprint of each table and view, by name.
        steps: taken when it was made. records, input_bytes: processed by then.
        clock_us: what the program's clock said, None where it has none. began_us: when the circuit was first started.
        arrays: of the state, in the file beside. size_bytes: of that file.
    """

    format: int = FORMAT
    id: str
    made_at_us: int
    engine: str
    program: str
    relations: dict[str, str]
    steps: int
    records: int
    input_bytes: int
    clock_us: int | None
    began_us: int
    inputs: tuple[InputState, ...]
    outputs: tuple[OutputState, ...]
    arrays: tuple[ArrayEntry, ...] = ()
    size_bytes: int = 0

    @property
    def program_print(self) -> str:
        """The fingerprint of the whole program, in hexadecimal digits."""
        return hashlib.sha256("".join(sorted(self.relations.values())).encode()).hexdigest()
