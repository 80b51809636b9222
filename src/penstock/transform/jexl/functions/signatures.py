"""Declaring functions with the kinds of their parameters, and choosing the one that fits given values. Pure.

| letter | takes |
|---|---|
| `d` `f` `l` `i` `h` | a number, widened to double, float, long, int, short; never null |
| `D` `F` `L` `I` | the same, or null |
| `n` | any number or null |
| `m` | a decimal or null |
| `s` | a string or null |
| `c` | a character: a string of length one |
| `b` | a truth value |
| `y` `t` `w` `z` | a date, a time of day, a date with time, an instant with zone; or null |
| `x` | bytes or null |
| `a` | a list or null |
| `o` | anything |

A star at the end repeats the last kind any number of times.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final, TypeVar

from penstock.transform.jvm.values import BigInteger, Float, Long, Short, class_name

__all__ = ["Function", "Misfit", "collected", "function"]


class Misfit(ArithmeticError):
    """No variant of a function takes values of these kinds."""


@dataclass(frozen=True, slots=True)
class _Variant:
    kinds: str
    variadic: bool
    body: Callable[..., Any]


@dataclass(slots=True)
class Function:
    """A function by name, in all its variants."""

    space: str
    name: str
    impure: bool = False
    variants: list[_Variant] = field(default_factory=list)

    def __call__(self, *values: Any) -> Any:
        """Call the variant that fits best. Raises: Misfit."""
        best: tuple[int, _Variant, list[Any]] | None = None
        for variant in self.variants:
            fitted = _fit(variant, values)
            if fitted is not None and (best is None or fitted[0] < best[0]):
                best = (fitted[0], variant, fitted[1])
                if fitted[0] == 0:
                    break
        if best is None:
            kinds = ", ".join(class_name(value) if value is not None else "null" for value in values)
            raise Misfit(f"unsolvable function/method '{self.name}({kinds})'")
        return best[1].body(*best[2])


_Body = TypeVar("_Body", bound=Callable[..., Any])
_FUNCTIONS: Final[dict[str, dict[str, Function]]] = {}


def function(space: str, kinds: str = "", *names: str, impure: bool = False) -> Callable[[_Body], _Body]:
    """Declare a variant of a function under a name, by default that of what is decorated."""

    def declare(body: _Body) -> _Body:
        for name in names or (body.__name__.rstrip("_"),):
            known = _FUNCTIONS.setdefault(space, {}).setdefault(name, Function(space, name, impure))
            known.variants.append(_Variant(kinds.rstrip("*"), kinds.endswith("*"), body))
        return body

    return declare


def collected() -> Mapping[str, Mapping[str, Function]]:
    """Return all functions that have been declared."""
    return _FUNCTIONS


def _fit(variant: _Variant, values: Sequence[Any]) -> tuple[int, list[Any]] | None:
    kinds = variant.kinds
    cost = 0
    if variant.variadic:
        if len(values) < len(kinds) - 1:
            return None
        kinds = kinds[:-1] + kinds[-1] * (len(values) - len(kinds) + 1)
        cost = 1
    if len(kinds) != len(values):
        return None
    fitted: list[Any] = []
    for kind, value in zip(kinds, values, strict=True):
        taken = _take(kind, value)
        if taken is None:
            return None
        cost += taken[0]
        fitted.append(taken[1])
    return cost, fitted


_WIDTH: Final = {"h": (0, 16), "i": (1, 32), "l": (2, 64), "f": (3, 0), "d": (4, 0)}


def _rank(value: Any) -> int | None:
    if isinstance(value, bool | BigInteger):
        return None
    if isinstance(value, Short):
        return 0
    if isinstance(value, Long):
        return 2
    if isinstance(value, int):
        return 1
    if isinstance(value, Float):
        return 3
    return 4 if isinstance(value, float) else None


def _number(kind: str, value: Any) -> tuple[int, Any] | None:
    rank = _rank(value)
    if rank is None:
        return None
    wanted, bits = _WIDTH[kind]
    if rank > wanted:
        # a wider number that fits is narrowed, as calls do it when nothing fits otherwise
        fits = rank <= 2 and wanted <= 2 and -(1 << (bits - 1)) <= value < 1 << (bits - 1)
        if not fits and not (kind == "f" and rank == 4):
            return None
        cost = 10
    else:
        cost = wanted - rank
    if kind == "d":
        return cost, float(value)
    if kind == "f":
        return cost, Float(value)
    return cost, Long(value) if kind == "l" else Short(value) if kind == "h" else int(value)


_KINDS: Final[dict[str, Callable[[Any], bool]]] = {
    "n": lambda v: isinstance(v, int | float | Decimal) and not isinstance(v, bool),
    "m": lambda v: isinstance(v, Decimal),
    "s": lambda v: isinstance(v, str),
    "y": lambda v: isinstance(v, date) and not isinstance(v, datetime),
    "t": lambda v: isinstance(v, time),
    "w": lambda v: isinstance(v, datetime) and v.tzinfo is None,
    "z": lambda v: isinstance(v, datetime) and v.tzinfo is not None,
    "x": lambda v: isinstance(v, bytes),
    "a": lambda v: isinstance(v, list | tuple),
}


def _take(kind: str, value: Any) -> tuple[int, Any] | None:
    if kind == "o":
        return 5, value
    if kind in "dflih":
        return None if value is None else _number(kind, value)
    if kind in "DFLI":
        return (1, None) if value is None else _number(kind.lower(), value)
    if kind == "b":
        return (0, value) if isinstance(value, bool) else None
    if kind == "c":
        return (1, value) if isinstance(value, str) and len(value) == 1 else None
    if value is None:
        return 1, None
    return (0 if kind != "n" else 2, value) if _KINDS[kind](value) else None
