"""Choices that a generator makes, written down so that they can be repeated and made simpler.

A generator asks for numbers below a bound, 0 being the simplest answer. What it asked is a list of integers; a list
that is too short goes on with zeros, one that is out of bounds wraps. So any list gives a program, and a smaller list
a smaller one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


class Choices:
    """Numbers drawn from a seed, or repeated from a list. taken: all numbers given out so far."""

    def __init__(self, seed: int | None = None, given: Sequence[int] = ()) -> None:
        self._rng = None if seed is None else random.Random(seed)
        self._given = given
        self.taken: list[int] = []

    def below(self, bound: int) -> int:
        """Return a number from 0 to bound - 1."""
        at = len(self.taken)
        if self._rng is not None:
            value = self._rng.randrange(bound)
        else:
            value = self._given[at] % bound if at < len(self._given) else 0
        self.taken.append(value)
        return value

    def pick(self, options: Sequence[T]) -> T:
        """Return one of the options, the first being the simplest."""
        return options[self.below(len(options))]

    def chance(self, percent: int) -> bool:
        """Return True in so many cases of a hundred; False is the simpler answer."""
        return self.below(100) >= 100 - percent

    def some(self, options: Sequence[T], least: int, most: int) -> list[T]:
        """Return from `least` to `most` of the options, each at most once, in an order of their own."""
        left = list(options)
        count = min(least + self.below(most - least + 1), len(left))
        return [left.pop(self.below(len(left))) for _ in range(count)]


def simplest(taken: Sequence[int], fails: Callable[[Sequence[int]], bool], tries: int) -> list[int]:
    """Return the simplest list found, in so many tries, that still fails.

    fails: runs the case of a list; it is asked only for lists that are shorter, or as long and smaller.
    """
    best = list(taken)
    left = tries

    def attempt(candidate: list[int]) -> bool:
        nonlocal best, left
        if left <= 0 or candidate == best:
            return False
        left -= 1
        if not fails(candidate):
            return False
        best = candidate
        return True

    size = max(len(best) // 2, 1)
    while size and left > 0:
        at = 0
        while at < len(best) and left > 0:
            cut = best[:at] + best[at + size :]
            zeroed = best[:at] + [0] * len(best[at : at + size]) + best[at + size :]
            if not attempt(cut) and not (any(best[at : at + size]) and attempt(zeroed)):
                at += size
        size //= 2
    return best


def fewest(items: Sequence[T], fails: Callable[[list[T]], bool], tries: int) -> list[T]:
    """Return few items that still fail, found in so many tries by leaving out runs of them."""
    best = list(items)
    size = max(len(best) // 2, 1)
    while size and tries > 0:
        at = 0
        while at < len(best) and tries > 0:
            cut = best[:at] + best[at + size :]
            tries -= 1
            if len(cut) < len(best) and fails(cut):
                best = cut
            else:
                at += size
        size //= 2
    return best
