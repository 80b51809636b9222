"""What the memory of a circuit's process holds, in the format of pprof: a gzipped protocol buffer. Pure.

Only the few fields that such a profile needs are written, by hand: a sample for each operator that keeps state, one for
the pool of values, one for everything else.
Source: https://github.com/google/pprof/blob/main/proto/profile.proto
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["heap_profile"]

_SAMPLE_TYPE, _SAMPLE, _LOCATION, _FUNCTION, _STRING, _TIME, _DEFAULT_TYPE = 1, 2, 4, 5, 6, 9, 14
"""Fields of a profile."""
_VARINT, _BYTES = 0, 2
"""Wire types."""
_ROWS: Final = ("inuse_objects", "count")
_SPACE: Final = ("inuse_space", "bytes")


def heap_profile(profile: Mapping[str, Any], at_ns: int) -> bytes:
    """Show the profile of a circuit (`Host.profile`) as one of its heap. at_ns: nanoseconds since 1970."""
    writer = _Writer()
    state_bytes = 0
    for operator in profile["operators"]:
        if size := int(operator["state_bytes"]):
            rows = sum(map(int, operator["state_rows"].values()))
            writer.sample((f"{operator['id']} {operator['operator']}", "operators", "state"), rows, size)
            state_bytes += size
    pool_bytes = int(profile["pool_bytes"])
    writer.sample(("pool of strings and other values", "state"), int(profile["pool_values"]), pool_bytes)
    # State that was put on disk is counted with its operators, and is not in the process's memory.
    rest = int(profile["memory_bytes"]) + int(profile["spilled_bytes"]) - state_bytes - pool_bytes
    writer.sample(("code, libraries, buffers",), 1, max(rest, 0))
    return gzip.compress(writer.finish(at_ns), mtime=0)


class _Writer:
    """Collects samples; strings, functions and locations are numbered as they come."""

    def __init__(self) -> None:
        self._strings: dict[str, int] = {"": 0}
        self._locations: dict[str, int] = {}
        self._samples = b""

    def sample(self, stack: tuple[str, ...], count: int, size_bytes: int) -> None:
        """Add a sample. stack: innermost first."""
        places = b"".join(_number(1, self._locations.setdefault(name, len(self._locations) + 1)) for name in stack)
        self._samples += _message(_SAMPLE, places + _number(2, count) + _number(2, size_bytes))

    def finish(self, at_ns: int) -> bytes:
        """Return the whole profile."""
        types = b"".join(
            _message(_SAMPLE_TYPE, _number(1, self._string(kind)) + _number(2, self._string(unit)))
            for kind, unit in (_ROWS, _SPACE)
        )
        tables = b"".join(
            _message(_LOCATION, _number(1, id) + _message(4, _number(1, id)))
            + _message(_FUNCTION, _number(1, id) + _number(2, self._string(name)) + _number(3, self._string(name)))
            for name, id in self._locations.items()
        )
        strings = b"".join(_message(_STRING, text.encode()) for text in self._strings)
        return (
            types
            + self._samples
            + tables
            + strings
            + _number(_TIME, at_ns)
            + _number(_DEFAULT_TYPE, self._string(_SPACE[0]))
        )

    def _string(self, text: str) -> int:
        return self._strings.setdefault(text, len(self._strings))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3 | _VARINT) + _varint(value)


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | _BYTES) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
