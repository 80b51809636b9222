"""The journal: what each step since the last checkpoint took in, and how far outputs were delivered.

One frame after another: length, CRC-32, payload. A process that is killed leaves at most its last frame torn, and
that frame was of a step whose output nobody has seen. Files are named for the first step that may be in them.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from penstock.services.circuits.durability.checkpoints import sync_directory
from penstock.services.circuits.durability.manifest import InputState, OutputState

__all__ = ["Delivered", "Journal", "JournalDamaged", "StepTaken"]

_HEADER = struct.Struct("<II")
_SUFFIX = ".journal"


class JournalDamaged(Exception):
    """A journal that has a hole: what comes after it cannot be replayed."""


class StepTaken(msgspec.Struct, frozen=True, tag="step", array_like=True):
    """A step's input. clock_us: what NOW() was. tables: changes by table, encoded. inputs: the endpoints that gave."""

    step: int
    clock_us: int | None
    tables: dict[str, bytes]
    inputs: tuple[InputState, ...]
    records: int
    size_bytes: int


class Delivered(msgspec.Struct, frozen=True, tag="delivered", array_like=True):
    """Outputs that were delivered up to a step."""

    outputs: tuple[OutputState, ...]


Entry = StepTaken | Delivered

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(Entry)


class Journal:
    """The journal of one circuit. synced: a step is on disk when `append` returns, not only with the system."""

    def __init__(self, directory: Path, *, synced: bool) -> None:
        self._directory = directory
        self.is_synced = synced
        self._file: Any = None
        directory.mkdir(parents=True, exist_ok=True)

    def append(self, entry: Entry) -> None:
        """Write an entry; a step is safe when this returns."""
        payload = _encoder.encode(entry)
        if self._file is None:
            assert isinstance(entry, StepTaken)
            self._begin(entry.step)
        self._file.write(_HEADER.pack(len(payload), zlib.crc32(payload)))
        self._file.write(payload)
        self._file.flush()
        if self.is_synced and isinstance(entry, StepTaken):
            os.fdatasync(self._file.fileno())

    @property
    def is_begun(self) -> bool:
        """Whether there is a file that entries go to: the first one is a step's."""
        return self._file is not None

    def roll(self) -> None:
        """Have the next step begin another file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def drop(self, step: int) -> None:
        """Remove the files that hold nothing after a step."""
        files = self._files()
        for (_, path), (first_of_next, _) in pairwise(files):
            if first_of_next <= step + 1:
                path.unlink(missing_ok=True)
        if files and self._file is None:
            last = list(_frames(files[-1][1]))
            if all(not isinstance(entry, StepTaken) or entry.step <= step for entry in last):
                files[-1][1].unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove everything."""
        self.roll()
        for _, path in self._files():
            path.unlink(missing_ok=True)

    def entries(self, after_step: int) -> Iterator[Entry]:
        """Yield what follows a step, in order; a torn end is where it ends. Raises: JournalDamaged for a hole."""
        expected = after_step + 1
        for _, path in self._files():
            for entry in _frames(path):
                if isinstance(entry, StepTaken):
                    if entry.step < expected:
                        continue
                    if entry.step > expected:
                        message = f"the journal has no step {expected}: it goes on with step {entry.step}"
                        raise JournalDamaged(message)
                    expected += 1
                yield entry

    def _begin(self, step: int) -> None:
        self._file = open(self._directory / f"{step:020d}{_SUFFIX}", "wb")  # noqa: SIM115
        if self.is_synced:
            sync_directory(self._directory)

    def _files(self) -> list[tuple[int, Path]]:
        return sorted((int(path.name.removesuffix(_SUFFIX)), path) for path in self._directory.glob(f"*{_SUFFIX}"))


def _frames(path: Path) -> Iterator[Entry]:
    with open(path, "rb") as file:
        while len(header := file.read(_HEADER.size)) == _HEADER.size:
            size, checksum = _HEADER.unpack(header)
            payload = file.read(size)
            if len(payload) < size or zlib.crc32(payload) != checksum:
                return
            yield _decoder.decode(payload)
