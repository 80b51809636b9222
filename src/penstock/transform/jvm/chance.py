"""The pseudo-random numbers of `java.util.Random`, so that what is drawn from a seed is the same. Pure.

Source: `java.util.Random`, Java SE: a linear congruential generator of 48 bits.
"""

from __future__ import annotations

from typing import Final

import numpy as np

__all__ = ["Chance", "draws"]

_MASK: Final = (1 << 48) - 1


class Chance:
    """One generator."""

    def __init__(self, seed: int) -> None:
        self._state = (seed ^ 0x5DEECE66D) & _MASK

    def bits(self, count: int) -> int:
        """Return the next so many bits, as a signed number of 32."""
        self._state = (self._state * 0x5DEECE66D + 0xB) & _MASK
        value = self._state >> (48 - count)
        return value - (1 << 32) if count == 32 and value >= 1 << 31 else value

    def below(self, bound: int) -> int:
        """Return a whole number from 0 up to a bound, which is left out."""
        value = self.bits(31)
        if bound & (bound - 1) == 0:
            return (bound * value) >> 31
        while value - value % bound + (bound - 1) >= 1 << 31:
            value = self.bits(31)
        return value % bound


def draws(seed: int, count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the first so many draws of 31 bits each."""
    chance = Chance(seed)
    return np.fromiter((chance.bits(31) for _ in range(count)), np.int64, count)
