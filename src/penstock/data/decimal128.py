"""Wide decimals: integers of up to 38 digits, in a word as long as they fit, else pooled as 16 bytes.

Codes are 0 <= code < 2^31, so a word tells by itself what it is:

    word < 0            the integer itself, from -2^62
    0 < word < 2^31     code of 16 bytes, of an integer beyond +-2^62; 0 is the word of a NULL
    2^31 <= word        the integer + 2^31, up to 2^62

An integer has one form only, so equal values are equal words, and words that are no codes compare as their integers do.
The 16 bytes are the two's complement, big-endian, with the sign bit flipped: their memcmp order is their order.
Arithmetic runs on int64 arrays wherever all values of a batch fit; only else on arrays of Python integers (dtype
object), which are exact at any size.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import types

from penstock.data.batch import Words
from penstock.data.kernels import compiled
from penstock.data.pool import MAX_CODES, Bytes, Pool

Integers = npt.NDArray[Any]
"""(n,) exact integers: dtype int64, or object with Python integers when some do not fit."""

Halves = tuple[Words, npt.NDArray[np.uint64]]
"""(n,) int64 upper and (n,) uint64 lower 64 bits of 128-bit two's complement integers."""

LARGEST_INLINE = 1 << 62
"""The greatest magnitude that stands in the word itself."""
FIRST_INLINE = MAX_CODES
"""The word of 0; words from 1 up to here are codes."""

_SIGN = np.uint64(1 << 63)
_LOW = (1 << 64) - 1
INT64_MAX = (1 << 63) - 1

_IN = types.Array(types.int64, 1, "A", readonly=True)
_OUT = types.int64[::1]


@compiled(types.boolean(_IN, _OUT))
def _read(words: Any, out: Any) -> Any:  # pragma: no cover - compiled
    """Write the integer of each word, 0 for NULL and for codes; returns whether there are codes."""
    codes = False
    for i in range(len(words)):
        word = words[i]
        codes |= (word > 0) & (word < FIRST_INLINE)
        out[i] = word if word < 0 else max(word - FIRST_INLINE, 0)
    return codes


@compiled(types.boolean(_IN, _OUT))
def _write(values: Any, out: Any) -> Any:  # pragma: no cover - compiled
    """Write the word of each integer; returns whether some are too large for one."""
    large = False
    for i in range(len(values)):
        value = values[i]
        large |= (value > LARGEST_INLINE) | (value < -LARGEST_INLINE)
        out[i] = value + (FIRST_INLINE if value >= 0 else 0)
    return large


def has_codes(words: Words) -> bool:
    """Whether some of the words stand for pooled values."""
    return bool(_coded(words).any())


def _coded(words: Words) -> npt.NDArray[np.bool_]:
    return (words > 0) & (words < FIRST_INLINE)


def decode_halves(words: Words, pool: Pool) -> Halves:
    """Return the integers of n words as upper and lower halves; a NULL's word gives 0."""
    values = np.empty(len(words), np.int64)
    codes = _read(words, values)
    high, low = values >> 63, values.view(np.uint64)
    if codes:
        at = np.flatnonzero(_coded(words))
        high[at], low[at] = _halves(pool.gather(words[at])[0])
    return high, low


def to_bytes(words: Words, pool: Pool) -> Bytes:
    """Return the bytes of n words, n * 16 of them, whatever stands in the words themselves."""
    return _bytes(*decode_halves(words, pool))


def from_bytes(data: Bytes, pool: Pool) -> Words:
    """Return the words of bytes as `to_bytes` gives them."""
    return encode_halves(_halves(data), pool)


def _bytes(high: Words, low: npt.NDArray[np.uint64]) -> Bytes:
    pairs = np.empty((len(high), 2), ">u8")
    pairs[:, 0] = np.ascontiguousarray(high).view(np.uint64) ^ _SIGN
    pairs[:, 1] = low
    return pairs.view(np.uint8).reshape(-1)


def _halves(data: Bytes) -> Halves:
    pairs = data.view(">u8").reshape(-1, 2)
    return (pairs[:, 0] ^ _SIGN).astype(np.uint64).view(np.int64), pairs[:, 1].astype(np.uint64)


def encode_halves(halves: Halves, pool: Pool) -> Words:
    """Return the words of n integers given as upper and lower halves."""
    high, low = halves
    values = np.ascontiguousarray(low).view(np.int64)
    words = np.empty(len(values), np.int64)
    if _write(values, words) or (high != values >> 63).any():
        large = (high != values >> 63) | (values > LARGEST_INLINE) | (values < -LARGEST_INLINE)
        at = np.flatnonzero(large)
        words[at] = pool.intern_buffers(_bytes(high[at], low[at]), np.arange(len(at) + 1, dtype=np.int64) * 16)
    return words


def decode(words: Words, pool: Pool) -> Integers:
    """Return the integers of n words, as int64 if all fit; a column of one repeated word stays one."""
    if words.strides == (0,) and len(words) > 1:
        return np.broadcast_to(decode(words[:1], pool), words.shape)
    values = np.empty(len(words), np.int64)
    if not _read(words, values):
        return values
    at = np.flatnonzero(_coded(words))
    high, low = _halves(pool.gather(words[at])[0])
    narrow = low.view(np.int64)
    if bool((high == narrow >> 63).all()):
        values[at] = narrow
        return values
    wide: Integers = values.astype(object)
    wide[at] = high.astype(object) * (1 << 64) + low.astype(object)
    return wide


def encode(values: Integers, pool: Pool) -> Words:
    """Return the words of n integers of at most 127 bits."""
    if values.dtype != np.int64:
        return encode_halves(((values >> 64).astype(np.int64), (values & _LOW).astype(np.uint64)), pool)
    words = np.empty(len(values), np.int64)
    if _write(values, words):
        contiguous = np.ascontiguousarray(values)
        return encode_halves((contiguous >> 63, contiguous.view(np.uint64)), pool)
    return words


def ranks(words: Words, pool: Pool) -> Words:
    """Return words that order among themselves as the integers do: those given if none is a code, else dense ranks."""
    if not has_codes(words):
        return words
    high, low = decode_halves(words, pool)
    order = np.lexsort((low, high))
    steps = np.zeros(len(words), np.int64)
    steps[1:] = (np.diff(high[order]) != 0) | (np.diff(low[order]) != 0)
    rank = np.empty(len(words), np.int64)
    rank[order] = np.cumsum(steps)
    return rank


def widen(values: Integers) -> Integers:
    """Return the values as Python integers."""
    return values if values.dtype == object else values.astype(object)


def narrow(values: Integers) -> Integers:
    """Return the values as int64 if all fit, else as they are."""
    if values.dtype != object:
        return values
    if len(values) and not (values.min() >= -INT64_MAX - 1 and values.max() <= INT64_MAX):
        return values
    return values.astype(np.int64)


def magnitude(values: Integers) -> int:
    """Return the greatest absolute value, 0 for none."""
    if not len(values):
        return 0
    if values.strides == (0,):
        return abs(int(values[0]))
    return max(int(values.max()), -int(values.min()))


def add(left: Integers, right: Integers) -> Integers:
    """Return left + right, exact."""
    if _both_narrow(left, right) and magnitude(left) + magnitude(right) <= INT64_MAX:
        return left + right
    return widen(left) + widen(right)


def subtract(left: Integers, right: Integers) -> Integers:
    """Return left - right, exact."""
    if _both_narrow(left, right) and magnitude(left) + magnitude(right) <= INT64_MAX:
        return left - right
    return widen(left) - widen(right)


def multiply(left: Integers, right: Integers) -> Integers:
    """Return left * right, exact."""
    if _both_narrow(left, right) and magnitude(left) * magnitude(right) <= INT64_MAX:
        return left * right
    return widen(left) * widen(right)


def shift_up(values: Integers, digits: int) -> Integers:
    """Return values * 10^digits, exact."""
    if not digits:
        return values
    if values.strides == (0,) and len(values) > 1:
        return np.broadcast_to(shift_up(values[:1], digits), values.shape)
    factor: int = 10**digits
    if values.dtype == np.int64 and magnitude(values) * factor <= INT64_MAX:
        return values * factor if factor <= INT64_MAX else values
    return widen(values) * factor


def divide(left: Integers, right: Integers) -> tuple[Integers, Integers]:
    """Return quotient towards zero and the remainder, which has the sign of left. No divisor may be 0."""
    if _both_narrow(left, right) and magnitude(left) <= INT64_MAX:
        remainder = np.fmod(left, right)
        return (left - remainder) // right, remainder
    left, right = widen(left), widen(right)
    size = abs(left) // abs(right)
    quotient = np.where((left < 0) != (right < 0), -size, size)
    return quotient, left - quotient * right


def _both_narrow(left: Integers, right: Integers) -> bool:
    return left.dtype == np.int64 and right.dtype == np.int64
