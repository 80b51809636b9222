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

from penstock.data.kernel_cache import keep_kernels

keep_kernels()

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def compiled(signature: object = None, *, inline: bool = False, nogil: bool = False) -> Callable[[Kernel], Kernel]:
    """Compile a kernel for one signature, kept in numba's cache; inline: no kernel of its own, part of its callers.

    nogil: other threads run beside it; for kernels that touch nothing but what they are given.
    """
    decorate: Callable[[Kernel], Kernel] = njit(inline="always") if inline else njit(signature, cache=True, nogil=nogil)
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


@intrinsic  # type: ignore[untyped-decorator]
def trailing_zeros(typingctx: Any, word: Any) -> Any:
    """Count the zero bits below the lowest set bit of a uint64 that is not 0."""
    signature = types.uint64(types.uint64)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return signature, codegen


@intrinsic  # type: ignore[untyped-decorator]
def one_bits(typingctx: Any, word: Any) -> Any:
    """Count the set bits of a uint64."""
    signature = types.uint64(types.uint64)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return signature, codegen


@intrinsic  # type: ignore[untyped-decorator]
def store64(typingctx: Any, data: Any, index: Any, word: Any) -> Any:
    """Write a uint64 as 8 little-endian bytes to any index of a uint8 array; the caller keeps within the array."""
    signature = types.void(data, types.int64, types.uint64)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, args[0])
        pointer = builder.gep(array.data, [args[1]], source_etype=ir.IntType(8))
        builder.store(args[2], builder.bitcast(pointer, ir.IntType(64).as_pointer())).align = 1
        return context.get_dummy_value()

    return signature, codegen


@intrinsic  # type: ignore[untyped-decorator]
def prefetch(typingctx: Any, array: Any, index: Any, offset: Any) -> Any:
    """Have the line of memory brought near that is `offset` bytes behind array[index], without waiting for it."""
    signature = types.void(array, types.int64, types.int64)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        view = context.make_array(signature.args[0])(context, builder, args[0])
        stride = builder.extract_value(view.strides, 0)
        start = builder.bitcast(view.data, ir.IntType(8).as_pointer())
        place = builder.add(builder.mul(args[1], stride), args[2])
        pointer = builder.gep(start, [place], source_etype=ir.IntType(8))
        flag = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [pointer.type, flag, flag, flag])
        hint = builder.module.declare_intrinsic("llvm.prefetch", (pointer.type,), kind)
        builder.call(hint, [pointer, *(ir.Constant(flag, k) for k in (1, 3, 1))])  # to be written to, kept, data
        return context.get_dummy_value()

    return signature, codegen


@intrinsic  # type: ignore[untyped-decorator]
def either_of_64(typingctx: Any, data: Any, index: Any, one: Any, other: Any) -> Any:
    """Return a bit for each of 64 bytes from any index on: whether it is one of two; the caller keeps within."""
    signature = types.uint64(data, types.int64, types.uint8, types.uint8)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        lane, lanes = ir.IntType(8), ir.VectorType(ir.IntType(8), 64)
        array = context.make_array(signature.args[0])(context, builder, args[0])
        pointer = builder.gep(array.data, [args[1]], source_etype=lane)
        bytes_ = builder.load(builder.bitcast(pointer, lanes.as_pointer()), typ=lanes)
        bytes_.align = 1
        hits = []
        for wanted in args[2:]:
            vector = builder.insert_element(ir.Constant(lanes, ir.Undefined), wanted, ir.Constant(ir.IntType(32), 0))
            zeros = ir.Constant(ir.VectorType(ir.IntType(32), 64), None)
            spread = builder.shuffle_vector(vector, ir.Constant(lanes, ir.Undefined), zeros)
            hits.append(builder.icmp_unsigned("==", bytes_, spread))
        return builder.bitcast(builder.or_(*hits), ir.IntType(64))

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
