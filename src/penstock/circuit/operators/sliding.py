"""Frames that slide over ordered rows: where they end, their extremes, their sums of floats. Each in one pass.

Rows stand in stretches, of which `begin` and `end` give each row the first and the last + 1 position; frames are
positions [low, high) in them, and neither end ever goes back within a stretch.
"""

from __future__ import annotations

from math import ldexp
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.data.batch import Mask, Words
from penstock.data.kernels import compiled

_DIGIT = np.int64(0xFFFFFFFF)


@compiled("void(int64[::1], int64[::1], int64[::1], boolean[::1], int64[::1], int64, boolean, int64[::1])")
def _range_edges(
    begin: Any, end: Any, words: Any, nulls: Any, peers: Any, distance: int, after: bool, out: Any
) -> None:  # pragma: no cover - compiled
    at = np.int64(0)
    start = np.int64(-1)
    for i in range(len(out)):
        if nulls[i]:
            out[i] = peers[i]
            continue
        if begin[i] != start:
            start = begin[i]
            at = start
            while nulls[at]:
                at += 1
        limit = np.int64(words[i] + distance)
        if distance < 0 and limit > words[i]:
            limit = np.int64(-(2**63))
        elif distance > 0 and limit < words[i]:
            limit = np.int64(2**63 - 1)
        while at < end[i] and not nulls[at] and (words[at] < limit or (after and words[at] == limit)):
            at += 1
        out[i] = at


def range_edges(begin: Words, end: Words, words: Words, nulls: Mask, peers: Words, distance: int, after: bool) -> Words:
    """Return for each row the first position whose word is not before the row's word plus a distance.

    after: the first that lies behind it. words do not fall within a stretch; rows with a null word, which stand first
    or last there, get their peers' edge.
    """
    out = np.empty(len(words), np.int64)
    _range_edges(begin, end, np.ascontiguousarray(words), np.ascontiguousarray(nulls), peers, distance, after, out)
    return out


@compiled("void(int64[::1], boolean[::1], int64[::1], int64[::1], int64[::1], int64[::1])")
def _extremes(words: Any, present: Any, begin: Any, low: Any, high: Any, out: Any) -> None:  # pragma: no cover
    """A queue of candidates, each smaller than all behind it (Lemire, Nordic J. of Computing 2006)."""
    queue = np.empty(len(words), np.int64)
    first = 0
    last = 0
    coming = np.int64(0)
    start = np.int64(-1)
    for i in range(len(out)):
        if begin[i] != start:
            start = begin[i]
            first = 0
            last = 0
            coming = start
        while coming < high[i]:
            if present[coming]:
                while last > first and words[queue[last - 1]] >= words[coming]:
                    last -= 1
                queue[last] = coming
                last += 1
            coming += 1
        while first < last and queue[first] < low[i]:
            first += 1
        out[i] = queue[first] if first < last else -1


def extremes(words: Words, present: Mask, begin: Words, low: Words, high: Words) -> Words:
    """Return for each row the position of the least word that is present in its frame, -1 if none is."""
    out = np.empty(len(words), np.int64)
    _extremes(
        np.ascontiguousarray(words),
        np.ascontiguousarray(present),
        begin,
        np.ascontiguousarray(low),
        np.ascontiguousarray(high),
        out,
    )
    return out


@compiled("void(int64[::1], int64, int64[:, ::1])")
def _add_up(bits: Any, lowest: int, out: Any) -> None:  # pragma: no cover - compiled
    """Write running sums of doubles as digits of 32 bits; digit 0 has the weight of 2^(32 lowest - 1074)."""
    for i in range(len(bits)):
        for j in range(out.shape[1]):
            out[i + 1, j] = out[i, j]
        exponent = (bits[i] >> 52) & 0x7FF
        mantissa = bits[i] & 0xFFFFFFFFFFFFF
        if exponent > 0:
            mantissa |= np.int64(1) << 52
            exponent -= 1
        if mantissa == 0:
            continue
        j = exponent // 32 - lowest
        shift = exponent % 32
        sign = np.int64(-1) if bits[i] < 0 else np.int64(1)
        out[i + 1, j] += sign * ((mantissa << shift) & _DIGIT)
        out[i + 1, j + 1] += sign * ((mantissa >> (32 - shift)) & _DIGIT)
        if shift > 11:
            out[i + 1, j + 2] += sign * (mantissa >> (64 - shift))


@compiled("void(int64[:, ::1], int64, int64[::1], int64[::1], float64[::1])")
def _read_sums(sums: Any, lowest: int, low: Any, high: Any, out: Any) -> None:  # pragma: no cover - compiled
    """Round the exact sum of each frame to the nearest double."""
    count = sums.shape[1]
    digits = np.empty(count + 2, np.int64)
    for i in range(len(out)):
        sign = np.int64(1)
        carry = np.int64(0)
        for _ in range(2):
            carry = np.int64(0)
            for j in range(count):
                value = sign * (sums[high[i], j] - sums[low[i], j]) + carry
                digits[j] = value & _DIGIT
                carry = value >> 32
            if carry >= 0:
                break
            sign = np.int64(-1)
        digits[count] = carry & _DIGIT
        digits[count + 1] = carry >> 32
        top = count + 1
        while top >= 0 and digits[top] == 0:
            top -= 1
        if top < 0:
            out[i] = 0.0
            continue
        # The first 64 bits of the sum, the last of them set if anything follows: then one rounding is the right one.
        leading = np.uint64(digits[top])
        used = 32
        while leading >> np.uint64(used - 1) == 0:
            used -= 1
        word = leading << np.uint64(64 - used)
        rest = np.uint64(0)
        room = 64 - used
        for j in range(top - 1, -1, -1):
            digit = np.uint64(digits[j])
            if room >= 32:
                room -= 32
                word |= digit << np.uint64(room)
            elif room > 0:
                word |= digit >> np.uint64(32 - room)
                rest |= digit & ((np.uint64(1) << np.uint64(32 - room)) - np.uint64(1))
                room = 0
            else:
                rest |= digit
        if rest != 0:
            word |= np.uint64(1)
        power = 32 * (lowest + top) - 1074 + used - 64
        out[i] = np.float64(sign) * ldexp(np.float64(word), power)


def float_sums(values: npt.NDArray[np.float64], low: Words, high: Words) -> npt.NDArray[np.float64]:
    """Return the sum of the finite values at [low, high) for each frame, exact and then rounded once.

    So a sum is a function of what is in its frame, whatever else was added up beside it. Cost: O(n + m).
    """
    bits = np.ascontiguousarray(values).view(np.int64)
    exponents = np.maximum(((bits >> 52) & 0x7FF) - 1, 0)[values != 0]
    lowest, highest = (int(exponents.min()) // 32, int(exponents.max()) // 32) if len(exponents) else (0, 0)
    sums = np.zeros((len(bits) + 1, highest - lowest + 3), np.int64)
    _add_up(bits, lowest, sums)
    out = np.empty(len(low), np.float64)
    _read_sums(sums, lowest, np.ascontiguousarray(low), np.ascontiguousarray(high), out)
    return out
