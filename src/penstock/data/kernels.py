"""Small compiled pieces that the state structures are made of: hashing and unaligned loads.

Everything compiled here and in the modules that use it is compiled once for fixed signatures and kept in numba's cache.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def compiled(signature: object = None, *, inline: bool = False) -> Callable[[Kernel], Kernel]:
    """Compile a kernel for one signature, kept in numba's cache; inline: no kernel of its own, part of its callers."""
    decorate: Callable[[Kernel], Kernel] = njit(inline="always") if inline else njit(signature, cache=True)
    return decorate


READ_BYTES = types.Array(types.uint8, 1, "C", readonly=True)
"""A byte buffer that is only read; takes writable and read-only arrays alike."""

_K1 = np.uint64(0x9E3779B97F4A7C15)
_K2 = np.uint64(0xBF58476D1CE4E5B9)
_K3 = np.uint64(0x94D049BB133111EB)


@intrinsic  # type: ignore[untyped-decorator]
def load64(typingctx: Any, data: Any, index: Any) -> Any:
    """Read 8 bytes of a uint8 array at any index as one little-endian uint64; the caller keeps within the array."""
    signature = types.uint64(data, types.int64)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, args[0])
        pointer = builder.gep(array.data, [args[1]], source_etype=ir.IntType(8))
        word = builder.load(builder.bitcast(pointer, ir.IntType(64).as_pointer()), typ=ir.IntType(64))
        word.align = 1
        return word

    return signature, codegen


@compiled(inline=True)
def mix(h: np.uint64, word: np.uint64) -> np.uint64:  # pragma: no cover - compiled
    """Stir one word into a hash."""
    h = (h ^ word) * _K1
    h ^= h >> np.uint64(29)
    return h


@compiled(inline=True)
def finish(h: np.uint64) -> np.uint64:  # pragma: no cover - compiled
    """Spread the hash's bits over all 64 (the finalizer of splitmix64, Steele et al. 2014)."""
    h = (h ^ (h >> np.uint64(30))) * _K2
    h = (h ^ (h >> np.uint64(27))) * _K3
    return h ^ (h >> np.uint64(31))


@compiled(types.uint64(READ_BYTES, types.int64, types.int64))
def hash_bytes(data: Any, start: int, end: int) -> Any:  # pragma: no cover - compiled
    """Hash data[start:end]."""
    h = np.uint64(end - start) * _K2
    i = start
    while i + 8 <= end:
        h = mix(h, load64(data, i))
        i += 8
    tail = np.uint64(0)
    shift = np.uint64(0)
    while i < end:
        tail |= np.uint64(data[i]) << shift
        shift += np.uint64(8)
        i += 1
    return finish(mix(h, tail))


@compiled(types.int64(READ_BYTES, types.int64, READ_BYTES, types.int64, types.int64))
def same_bytes(a: Any, a_start: int, b: Any, b_start: int, size: int) -> int:  # pragma: no cover - compiled
    """Return 1 if size bytes from a_start and from b_start are equal, else 0."""
    i = 0
    while i + 8 <= size:
        if load64(a, a_start + i) != load64(b, b_start + i):
            return 0
        i += 8
    while i < size:
        if a[a_start + i] != b[b_start + i]:
            return 0
        i += 1
    return 1


@compiled(types.int64(READ_BYTES, types.int64, types.int64, READ_BYTES, types.int64, types.int64))
def compare_bytes(a: Any, a_start: int, a_size: int, b: Any, b_start: int, b_size: int) -> int:  # pragma: no cover
    """Compare two byte strings as memcmp does: -1, 0 or 1; a prefix is smaller."""
    n = min(a_size, b_size)
    for i in range(n):
        x = a[a_start + i]
        y = b[b_start + i]
        if x != y:
            return -1 if x < y else 1
    if a_size == b_size:
        return 0
    return -1 if a_size < b_size else 1
