"""Statistics and bitwise aggregates as sums: of powers and products, and of single bits. Exact."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from penstock.circuit.aggregates.folds import to_type
from penstock.circuit.aggregates.linear import Accumulator
from penstock.data.batch import Column, Words
from penstock.data.pool import Pool
from penstock.data.rows import Rows
from penstock.data.types import INTEGER_BITS, INTEGERS, UNSIGNED, Kind, SqlType
from penstock.data.values import encode_values

_LOW = np.int64(0xFFFFFFFF)


class _Formula(NamedTuple):
    """A statistic: which two arguments it multiplies, its divisor from the number of rows, and whether it is a root.

    With S the sums over n rows: (n Sxy - Sx Sy) / n / divisor(n); NULL where the divisor is less than 1.
    """

    left: int
    right: int
    divisor: Callable[[int], int]
    root: bool = False


def _all(n: int) -> int:
    return n


def _but_one(n: int) -> int:
    return n - 1


def _one(n: int) -> int:
    return min(n, 1)


FORMULAS: dict[str, _Formula] = {
    "VAR_POP": _Formula(0, 0, _all),
    "VAR_SAMP": _Formula(0, 0, _but_one),
    "VARIANCE": _Formula(0, 0, _but_one),
    "STDDEV_POP": _Formula(0, 0, _all, True),
    "STDDEV_SAMP": _Formula(0, 0, _but_one, True),
    "STDDEV": _Formula(0, 0, _but_one, True),
    "COVAR_POP": _Formula(0, 1, _all),
    "COVAR_SAMP": _Formula(0, 1, _but_one),
    "REGR_SXX": _Formula(1, 1, _one),
    "REGR_SYY": _Formula(0, 0, _one),
}
"""By name. REGR_SXX(y, x) is of its second argument (SQL:2003, 10.9)."""


class Moments(Accumulator):
    """Words: rows without nulls; for each of the two factors the sums of its high and low 32 bits (once if they are the
    same one); the sums of the product's four 32-bit limbs, the highest first and signed."""

    def __init__(self, name: str, arguments: Sequence[SqlType], result: SqlType, pool: Pool) -> None:
        self._formula = FORMULAS[name]
        self._scale = arguments[0].scale or 0 if arguments[0].kind is Kind.DECIMAL else 0
        self._whole = result.kind in INTEGERS and name in ("VAR_POP", "VAR_SAMP", "STDDEV_POP", "STDDEV_SAMP")
        self._result = result
        self._pool = pool
        self._alone = self._formula.left == self._formula.right
        self.words = 7 if self._alone else 9

    @staticmethod
    def serves(arguments: Sequence[SqlType]) -> bool:
        """Whether values of these types are whole numbers (of units) of at most 63 bits and a sign."""
        return all(
            (a.kind in INTEGERS and a.kind is not Kind.UBIGINT) or (a.kind is Kind.DECIMAL and not a.pooled)
            for a in arguments
        )

    def spread(self, args: Sequence[Column], weights: Words, out: Rows) -> None:
        for arg in args:
            weights = weights if arg.nulls is None else np.where(arg.nulls, 0, weights)
        x, y = args[self._formula.left].words, args[self._formula.right].words
        out[:, 0] = weights
        at = 1
        for factor in (x,) if self._alone else (x, y):
            out[:, at] = (factor >> 32) * weights
            out[:, at + 1] = (factor & _LOW) * weights
            at += 2
        for i, limb in enumerate(_product(x, y)):
            out[:, at + i] = limb * weights

    def result(self, sums: Rows) -> Column:
        return encode_values([self._value(line) for line in sums.tolist()], self._result, self._pool)

    def _value(self, line: list[int]) -> object:
        n = line[0]
        divisor = self._formula.divisor(n)
        if n < 1 or divisor < 1:
            return None
        x = (line[1] << 32) + line[2]
        y = x if self._alone else (line[3] << 32) + line[4]
        product = 0
        for limb in line[-4:]:
            product = (product << 32) + limb
        if self._whole:
            # As the dialect does on integers: every division cuts the fraction off.
            value = Fraction((product - x * y // n) // divisor)
        else:
            value = Fraction(n * product - x * y, n * divisor * 10 ** (2 * self._scale))
        return to_type(value, self._result, self._formula.root)


def _product(x: Words, y: Words) -> tuple[Words, Words, Words, Words]:
    """Return the limbs of x * y: whole numbers that, weighted by 2^96, 2^64, 2^32 and 1, sum up to it."""
    high_x, low_x, high_y, low_y = x >> 32, x & _LOW, y >> 32, y & _LOW
    low = (low_x.view(np.uint64) * low_y.view(np.uint64)).view(np.int64)
    first, second, high = high_x * low_y, low_x * high_y, high_x * high_y
    return (
        high >> 32,
        (high & _LOW) + (first >> 32) + (second >> 32),
        (first & _LOW) + (second & _LOW) + ((low >> 32) & _LOW),
        low & _LOW,
    )


class Bits(Accumulator):
    """BIT_AND, BIT_OR and BIT_XOR of integers. Words: values present, then for each bit those that have it."""

    def __init__(self, name: str, argument: SqlType) -> None:
        self._name = name
        self._bits = INTEGER_BITS.get(argument.kind, 64)
        self._signed = argument.kind not in UNSIGNED
        self.words = 1 + self._bits

    def spread(self, args: Sequence[Column], weights: Words, out: Rows) -> None:
        if args[0].nulls is not None:
            weights = np.where(args[0].nulls, 0, weights)
        out[:, 0] = weights
        bits = args[0].words[:, None] >> np.arange(self._bits)
        np.multiply(bits & 1, weights[:, None], out=out[:, 1:])

    def result(self, sums: Rows) -> Column:
        nulls = sums[:, 0] == 0
        counts = sums[:, 1:]
        if self._name == "BIT_AND":
            bits = (counts == sums[:, :1]).astype(np.int64)
        elif self._name == "BIT_OR":
            bits = (counts > 0).astype(np.int64)
        else:
            bits = counts & 1
        weights = np.int64(1) << np.arange(self._bits)
        if self._signed:
            weights[-1] = -weights[-1] if self._bits < 64 else weights[-1]
        words = np.where(nulls, 0, (bits * weights).sum(axis=1))
        return Column(words, nulls if nulls.any() else None)
