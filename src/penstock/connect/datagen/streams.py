"""Random numbers for many rows at once: each row has a generator of its own, seeded with seed + number of the row.

Which numbers are drawn is part of what a seed promises, so it is spelled out here and depends on no library's version.

Source: xoshiro256++ (Blackman, Vigna, "Scrambled linear pseudorandom number generators", 2021), its state filled by
PCG-XSH-RR 64/32 (O'Neill, 2014) as the small generator of Rust's `rand` 0.8 has it: other servers' datagen uses that;
integers by widening multiplication with rejection (Lemire, "Fast random integer generation in an interval", 2019);
Zipf by rejection from a bounding density (Crease, "Rejection sampling the Zipf distribution").
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

__all__ = ["Rows", "Streams", "Zipf", "real_span"]

Bits = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.intp]
"""Positions of rows among those of a `Streams`: ascending, each once."""

_ALL = (1 << 64) - 1
_PCG_MULTIPLIER = np.uint64(6364136223846793005)
_PCG_INCREMENT = np.uint64(11634580027462260723)
_LOW_HALF = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_GOLDEN = 0x9E3779B97F4A7C15
_UNIT = 2.0**-53


class Streams:
    """The generators of `count` rows from number `first` on. Draws advance only the rows that are asked for."""

    def __init__(self, seed: int, first: int, count: int) -> None:
        self._ids = np.arange(first, first + count, dtype=np.int64).view(np.uint64) + np.uint64(seed & _ALL)
        state = self._ids
        halves = []
        for _ in range(8):
            state = state * _PCG_MULTIPLIER + _PCG_INCREMENT
            mixed = (((state >> np.uint64(18)) ^ state) >> np.uint64(27)) & _LOW_HALF
            turn = state >> np.uint64(59)
            halves.append(((mixed >> turn) | (mixed << (_HALF - turn))) & _LOW_HALF)
        self._state = [low | (high << _HALF) for low, high in zip(halves[::2], halves[1::2], strict=True)]

    def __len__(self) -> int:
        return len(self._ids)

    def bits(self, rows: Rows) -> Bits:
        """Draw 64 bits for each row."""
        whole = len(rows) == len(self)
        state: list[Bits] = self._state if whole else [part[rows] for part in self._state]
        s0, s1, s2, s3 = state
        drawn = _turned(s0 + s3, 23) + s0
        shifted = s1 << np.uint64(17)
        s2 = s2 ^ s0
        s3 = s3 ^ s1
        s1 = s1 ^ s2
        s0 = s0 ^ s3
        after = [s0, s1, s2 ^ shifted, _turned(s3, 45)]
        if whole:
            self._state = after
        else:
            for kept, part in zip(self._state, after, strict=True):
                kept[rows] = part
        return drawn

    def below(self, rows: Rows, size: int) -> npt.NDArray[np.int64]:
        """Draw an integer 0 <= x < size for each row, 1 <= size <= 2^64; above 2^63 it is the unsigned value's bits."""
        drawn = self.bits(rows)
        if size > _ALL:
            return drawn.view(np.int64)
        high, low = _product(drawn, size)
        greatest = np.uint64(_ALL - (_ALL - size + 1) % size)
        again = np.flatnonzero(low > greatest)
        while len(again):
            high[again], low = _product(self.bits(rows[again]), size)
            again = again[low > greatest]
        return high.view(np.int64)

    def wide_below(self, rows: Rows, size: int) -> list[int]:
        """Draw an integer 0 <= x < size for each row, size up to 2^128."""
        all_bits = (1 << 128) - 1
        greatest = all_bits - (all_bits - size + 1) % size
        values = [0] * len(rows)
        left = np.arange(len(rows))
        while len(left):
            low, high = self.bits(rows[left]).tolist(), self.bits(rows[left]).tolist()
            again = []
            for at, a, b in zip(left.tolist(), low, high, strict=True):
                product = ((b << 64) | a) * size
                if product & all_bits <= greatest:
                    values[at] = product >> 128
                else:
                    again.append(at)
            left = np.array(again, np.intp)
        return values

    def unit(self, rows: Rows) -> npt.NDArray[np.float64]:
        """Draw 0 <= x < 1 for each row, in steps of 2^-53."""
        drawn: npt.NDArray[np.float64] = (self.bits(rows) >> np.uint64(11)).astype(np.float64) * _UNIT
        return drawn

    def real(self, rows: Rows, low: float, span: float) -> npt.NDArray[np.float64]:
        """Draw low <= x < low + span for each row, in 2^52 steps. span: of `real_span`."""
        mantissa = (self.bits(rows) >> np.uint64(12)) | np.uint64(0x3FF << 52)
        drawn: npt.NDArray[np.float64] = (mantissa.view(np.float64) - 1.0) * span + low
        return drawn

    def letters(self, rows: Rows) -> npt.NDArray[np.int64]:
        """Draw 0 <= x < 62 for each row: six bits, again as long as they are too many."""
        drawn = self.bits(rows) >> np.uint64(58)
        again = np.flatnonzero(drawn >= 62)
        while len(again):
            drawn[again] = self.bits(rows[again]) >> np.uint64(58)
            again = again[drawn[again] >= 62]
        return drawn.view(np.int64)

    def aside(self, rows: Rows, salt: int) -> Bits:
        """Return 64 bits for each row that are not drawn: a hash of its seed and `salt`, the same at any time."""
        mixed = self._ids[rows] + np.uint64((salt + 1) * _GOLDEN & _ALL)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return mixed ^ (mixed >> np.uint64(31))


class Zipf:
    """Ranks 1 <= x <= size, each as likely as x to the power of -exponent."""

    def __init__(self, size: int, exponent: float) -> None:
        self._s = exponent
        n = float(size)
        self._total = 1.0 + math.log(n) if exponent == 1 else (n ** (1 - exponent) - exponent) / (1 - exponent)

    def draw(self, streams: Streams, rows: Rows) -> npt.NDArray[np.float64]:
        """Draw a rank for each row."""
        ranks = np.zeros(len(rows), np.float64)
        left = np.arange(len(rows))
        while len(left):
            at = self._inverse(streams.unit(rows[left]))
            rank = np.floor(at + 1.0)
            ratio = np.power(rank, -self._s)
            later = rank > 1
            ratio[later] *= np.power(at[later], self._s)
            taken = streams.unit(rows[left]) < ratio
            ranks[left[taken]] = rank[taken]
            left = left[~taken]
        return ranks

    def _inverse(self, share: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return where the bounding density's integral has a share of its whole."""
        at = share * self._total
        tail = at > 1
        if self._s == 1:
            at[tail] = np.exp(at[tail] - 1.0)
        else:
            at[tail] = np.power(at[tail] * (1 - self._s) + self._s, 1 / (1 - self._s))
        return at


def real_span(low: float, high: float) -> float:
    """Return the span from low to high by which no draw reaches high. Raises: ValueError if it is not finite."""
    span = high - low
    if not math.isfinite(span):
        raise ValueError(f"[{low!r}, {high!r}] is too wide")
    while (1.0 - 2.0**-52) * span + low >= high:
        span = math.nextafter(span, 0.0)
    return span


def _turned(bits: Bits, count: int) -> Bits:
    return (bits << np.uint64(count)) | (bits >> np.uint64(64 - count))


def _product(drawn: Bits, size: int) -> tuple[Bits, Bits]:
    """Return the upper and the lower 64 bits of drawn * size."""
    whole = np.uint64(size)
    a, b = drawn & _LOW_HALF, drawn >> _HALF
    if size >> 32 == 0:
        return (b * whole + ((a * whole) >> _HALF)) >> _HALF, drawn * whole
    c, d = whole & _LOW_HALF, whole >> _HALF
    middle = b * c + ((a * c) >> _HALF)
    carried = a * d + (middle & _LOW_HALF)
    return b * d + (middle >> _HALF) + (carried >> _HALF), drawn * whole
