"""A circuit's state as one file of arrays beside its manifest.

Large arrays begin where a page of any system may begin, so that a circuit takes them up by mapping the file, which is
never written again (`Reserve.fill`): how soon it answers does not depend on how much it holds.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np
import numpy.typing as npt

from penstock.data.memory import CHUNK
from penstock.services.circuits.durability.checkpoints import MANIFEST_FILE, Checkpoints, CheckpointUnusable
from penstock.services.circuits.durability.manifest import FORMAT, ArrayEntry, Manifest

__all__ = ["read_state", "write_state"]

_ARRAYS_FILE = "state.bin"
_ALIGNED = 64
_MAPPED_ALIGNED = 1 << 16


def write_state(checkpoints: Checkpoints, manifest: Manifest, arrays: Iterable[tuple[str, npt.NDArray[Any]]]) -> None:
    """Write a checkpoint beside the others, where nobody finds it before it is published; then it is on disk."""
    partial = checkpoints.partial(manifest.id)
    partial.mkdir(parents=True)
    entries: list[ArrayEntry] = []
    with open(partial / _ARRAYS_FILE, "wb") as file:
        at = 0
        for name, array in arrays:
            gap = -at % (_ALIGNED if array.nbytes < CHUNK else _MAPPED_ALIGNED)
            file.write(bytes(gap))
            at += gap
            entries.append(ArrayEntry(name, array.dtype.str, array.shape, at))
            if array.size:
                file.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
            at += array.nbytes
        _to_disk(file)
    whole = msgspec.structs.replace(manifest, arrays=tuple(entries), size_bytes=at)
    with open(partial / MANIFEST_FILE, "wb") as file:
        file.write(msgspec.json.encode(whole))
        _to_disk(file)


def read_state(checkpoints: Checkpoints, manifest: Manifest) -> Mapping[str, npt.NDArray[Any]]:
    """Return the state's arrays, the large ones mapped from the file. Raises: CheckpointUnusable."""
    if manifest.format != FORMAT:
        raise CheckpointUnusable(
            f"checkpoint {manifest.id} was written by version {manifest.engine}, whose state this version cannot read"
        )
    path = checkpoints.path(manifest.id) / _ARRAYS_FILE
    try:
        if path.stat().st_size != manifest.size_bytes:
            raise CheckpointUnusable(f"checkpoint {manifest.id} is damaged: its state has another size")
        with open(path, "rb") as file:
            return {entry.name: _array(path, file, entry) for entry in manifest.arrays}
    except OSError as error:
        raise CheckpointUnusable(f"checkpoint {manifest.id} cannot be read: {error}") from error


def _to_disk(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


def _array(path: Path, file: BinaryIO, entry: ArrayEntry) -> npt.NDArray[Any]:
    dtype = np.dtype(entry.dtype)
    count = math.prod(entry.shape)
    if count * dtype.itemsize >= CHUNK:
        return np.memmap(path, dtype, "r", entry.offset, entry.shape)
    file.seek(entry.offset)
    return np.fromfile(file, dtype, count).reshape(entry.shape)
