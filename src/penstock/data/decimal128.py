"""Wide decimals: integers of up to 38 digits, pooled as 16 bytes whose memcmp order is their order.

The bytes are the two's complement, big-endian, with the sign bit flipped. Arithmetic runs on int64 arrays wherever all
values of a batch fit; only else on arrays of Python integers (dtype object), which are exact at any size.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.data.batch import Words
from penstock.data.pool import Pool

Integers = npt.NDArray[Any]
"""(n,) exact integers: dtype int64, or object with Python integers when some do not fit."""

Halves = tuple[Words, npt.NDArray[np.uint64]]
"""(n,) int64 upper and (n,) uint64 lower 64 bits of 128-bit two's complement integers."""

_SIGN = np.uint64(1 << 63)
_LOW = (1 << 64) - 1
_INT64_MAX = (1 << 63) - 1


def decode_halves(codes: Words, pool: Pool) -> Halves:
    """Return the integers of n codes as upper and lower halves; code 0 (a NULL's word) gives 0."""
    data, offsets = pool.gather(codes)
    pairs = data.view(">u8").reshape(-1, 2)
    high = (pairs[:, 0] ^ _SIGN).astype(np.uint64).view(np.int64)
    low = pairs[:, 1].astype(np.uint64)
    if len(low) == len(codes):
        return high, low
    present = np.diff(offsets) > 0
    all_high, all_low = np.zeros(len(codes), np.int64), np.zeros(len(codes), np.uint64)
    all_high[present], all_low[present] = high, low
    return all_high, all_low


def encode_halves(halves: Halves, pool: Pool) -> Words:
    """Return the codes of n integers given as upper and lower halves."""
    high, low = halves
    pairs = np.empty((len(high), 2), ">u8")
    pairs[:, 0] = high.view(np.uint64) ^ _SIGN
    pairs[:, 1] = low
    return pool.intern_buffers(pairs.view(np.uint8).reshape(-1), np.arange(len(high) + 1, dtype=np.int64) * 16)


def decode(codes: Words, pool: Pool) -> Integers:
    """Return the integers of n codes, as int64 if all fit."""
    high, low = decode_halves(codes, pool)
    narrow = low.view(np.int64)
    if bool((high == narrow >> 63).all()):
        return narrow
    wide: Integers = high.astype(object) * (1 << 64) + low.astype(object)
    return wide


def encode(values: Integers, pool: Pool) -> Words:
    """Return the codes of n integers of at most 127 bits."""
    if values.dtype == np.int64:
        words = np.ascontiguousarray(values)
        return encode_halves((words >> 63, words.view(np.uint64)), pool)
    high = (values >> 64).astype(np.int64)
    return encode_halves((high, (values & _LOW).astype(np.uint64)), pool)


def widen(values: Integers) -> Integers:
    """Return the values as Python integers."""
    return values if values.dtype == object else values.astype(object)


def narrow(values: Integers) -> Integers:
    """Return the values as int64 if all fit, else as they are."""
    if values.dtype != object:
        return values
    if len(values) and not (values.min() >= -_INT64_MAX - 1 and values.max() <= _INT64_MAX):
        return values
    return values.astype(np.int64)


def magnitude(values: Integers) -> int:
    """Return the greatest absolute value, 0 for none."""
    if not len(values):
        return 0
    return max(int(values.max()), -int(values.min()))


def add(left: Integers, right: Integers) -> Integers:
    """Return left + right, exact."""
    if _both_narrow(left, right) and magnitude(left) + magnitude(right) <= _INT64_MAX:
        return left + right
    return widen(left) + widen(right)


def subtract(left: Integers, right: Integers) -> Integers:
    """Return left - right, exact."""
    if _both_narrow(left, right) and magnitude(left) + magnitude(right) <= _INT64_MAX:
        return left - right
    return widen(left) - widen(right)


def multiply(left: Integers, right: Integers) -> Integers:
    """Return left * right, exact."""
    if _both_narrow(left, right) and magnitude(left) * magnitude(right) <= _INT64_MAX:
        return left * right
    return widen(left) * widen(right)


def shift_up(values: Integers, digits: int) -> Integers:
    """Return values * 10^digits, exact."""
    if not digits:
        return values
    factor: int = 10**digits
    if values.dtype == np.int64 and magnitude(values) * factor <= _INT64_MAX:
        return values * factor if factor <= _INT64_MAX else values
    return widen(values) * factor


def divide(left: Integers, right: Integers) -> tuple[Integers, Integers]:
    """Return quotient towards zero and the remainder, which has the sign of left. No divisor may be 0."""
    if _both_narrow(left, right) and magnitude(left) <= _INT64_MAX:
        remainder = np.fmod(left, right)
        return (left - remainder) // right, remainder
    left, right = widen(left), widen(right)
    size = abs(left) // abs(right)
    quotient = np.where((left < 0) != (right < 0), -size, size)
    return quotient, left - quotient * right


def _both_narrow(left: Integers, right: Integers) -> bool:
    return left.dtype == np.int64 and right.dtype == np.int64
