"""Compiled integer arithmetic that tells which row leaves the result type.

Each kernel writes out[i] for every row and returns the position of the first row without a result, or -1. Sums and
products are taken modulo 2^64 on unsigned numbers: the compiler may take it that signed ones never wrap.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import types

from penstock.data.batch import Words
from penstock.data.kernels import compiled

_IN = types.Array(types.int64, 1, "A", readonly=True)
_SIGNED = types.int64(_IN, _IN, types.int64, types.int64, types.int64[::1])
_UIN = types.Array(types.uint64, 1, "A", readonly=True)
_UNSIGNED = types.int64(_UIN, _UIN, types.uint64[::1])

SignedKernel = Callable[[Words, Words, int, int, Words], int]
"""kernel(left, right, least, greatest, out): out is (n,) int64."""

UnsignedWords = npt.NDArray[np.uint64]
UnsignedKernel = Callable[[UnsignedWords, UnsignedWords, UnsignedWords], int]


@compiled(_SIGNED)
def add(a: Any, b: Any, low: Any, high: Any, out: Any) -> int:  # pragma: no cover - compiled
    """a + b."""
    bad = -1
    for i in range(len(out)):
        x = a[i]
        y = b[i]
        r = np.int64(np.uint64(x) + np.uint64(y))
        out[i] = r
        if (((x ^ r) & (y ^ r)) < 0 or r < low or r > high) and bad < 0:
            bad = i
    return bad


@compiled(_SIGNED)
def subtract(a: Any, b: Any, low: Any, high: Any, out: Any) -> int:  # pragma: no cover - compiled
    """a - b."""
    bad = -1
    for i in range(len(out)):
        x = a[i]
        y = b[i]
        r = np.int64(np.uint64(x) - np.uint64(y))
        out[i] = r
        if (((x ^ y) & (x ^ r)) < 0 or r < low or r > high) and bad < 0:
            bad = i
    return bad


@compiled(_SIGNED)
def multiply(a: Any, b: Any, low: Any, high: Any, out: Any) -> int:  # pragma: no cover - compiled
    """a * b."""
    bad = -1
    for i in range(len(out)):
        x = a[i]
        y = b[i]
        r = np.int64(np.uint64(x) * np.uint64(y))
        out[i] = r
        wrong = r < low or r > high
        # the product of two numbers below 2^31 is exact; else the double product tells, and near the limit division
        if (x >> 31) != (x >> 63) or (y >> 31) != (y >> 63):
            about = np.float64(x) * np.float64(y)
            if about > 9.3e18 or about < -9.3e18:
                wrong = True
            elif about > 9.1e18 or about < -9.1e18:  # so neither factor is 0
                least = np.int64(-9223372036854775808)
                wrong = wrong or (x == least if y == -1 else r // y != x or r % y != 0)
        if wrong and bad < 0:
            bad = i
    return bad


@compiled(_SIGNED)
def divide(a: Any, b: Any, low: Any, high: Any, out: Any) -> int:  # pragma: no cover - compiled
    """a / b, truncated; without result for 0 and for a quotient out of range."""
    bad = -1
    for i in range(len(out)):
        x = a[i]
        y = b[i]
        out[i] = 0
        if y == 0 or (y == -1 and x == low):
            if bad < 0:
                bad = i
            continue
        if y == -1:
            out[i] = -x
            continue
        q = x // y
        if q < 0 and q * y != x:
            q += 1
        out[i] = q
    return bad


@compiled(_SIGNED)
def remainder(a: Any, b: Any, low: Any, high: Any, out: Any) -> int:  # pragma: no cover - compiled
    """a % b with the sign of a; without result for 0."""
    bad = -1
    for i in range(len(out)):
        x = a[i]
        y = b[i]
        out[i] = 0
        if y == 0:
            if bad < 0:
                bad = i
            continue
        if y == -1:
            continue
        r = x % y
        if r != 0 and (r ^ x) < 0:
            r -= y
        out[i] = r
    return bad


@compiled(_UNSIGNED)
def add_unsigned(a: Any, b: Any, out: Any) -> int:  # pragma: no cover - compiled
    """a + b modulo 2^64, with the first row that wrapped."""
    bad = -1
    for i in range(len(out)):
        r = a[i] + b[i]
        out[i] = r
        if r < a[i] and bad < 0:
            bad = i
    return bad


@compiled(_UNSIGNED)
def subtract_unsigned(a: Any, b: Any, out: Any) -> int:  # pragma: no cover - compiled
    """a - b modulo 2^64, with the first row that wrapped."""
    bad = -1
    for i in range(len(out)):
        out[i] = a[i] - b[i]
        if a[i] < b[i] and bad < 0:
            bad = i
    return bad


@compiled(_UNSIGNED)
def multiply_unsigned(a: Any, b: Any, out: Any) -> int:  # pragma: no cover - compiled
    """a * b modulo 2^64, with the first row that wrapped."""
    bad = -1
    half = np.uint64(32)
    for i in range(len(out)):
        x = a[i]
        y = b[i]
        out[i] = x * y
        if ((x | y) >> half) != np.uint64(0) and y != np.uint64(0) and out[i] // y != x and bad < 0:
            bad = i
    return bad


@compiled(_UNSIGNED)
def divide_unsigned(a: Any, b: Any, out: Any) -> int:  # pragma: no cover - compiled
    """a / b; without result for 0."""
    bad = -1
    for i in range(len(out)):
        if b[i] == np.uint64(0):
            out[i] = np.uint64(0)
            if bad < 0:
                bad = i
        else:
            out[i] = a[i] // b[i]
    return bad


@compiled(_UNSIGNED)
def remainder_unsigned(a: Any, b: Any, out: Any) -> int:  # pragma: no cover - compiled
    """a % b; without result for 0."""
    bad = -1
    for i in range(len(out)):
        if b[i] == np.uint64(0):
            out[i] = np.uint64(0)
            if bad < 0:
                bad = i
        else:
            out[i] = a[i] % b[i]
    return bad


SIGNED: dict[str, SignedKernel] = {"+": add, "-": subtract, "*": multiply, "/": divide, "%": remainder}
UNSIGNED: dict[str, UnsignedKernel] = {
    "+": add_unsigned,
    "-": subtract_unsigned,
    "*": multiply_unsigned,
    "/": divide_unsigned,
    "%": remainder_unsigned,
}
