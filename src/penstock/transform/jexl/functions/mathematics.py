"""`math:` as `java.lang.Math` has it."""

from __future__ import annotations

import math
import random as chance
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from penstock.transform.jexl.functions.signatures import function
from penstock.transform.jvm.numbers import to_int, to_long, wrap
from penstock.transform.jvm.values import Float, Long

__all__: list[str] = []


def _real(name: str, compute: Callable[..., float], kinds: str = "d") -> None:
    def call(*values: float) -> float:
        try:
            with np.errstate(all="ignore"):
                return float(compute(*values))
        except OverflowError:
            return math.inf

    function("math", kinds, name)(call)


_ONE: Final[tuple[tuple[str, Callable[..., Any]], ...]] = (
    ("sin", np.sin),
    ("cos", np.cos),
    ("tan", np.tan),
    ("asin", np.arcsin),
    ("acos", np.arccos),
    ("atan", np.arctan),
    ("sinh", np.sinh),
    ("cosh", np.cosh),
    ("tanh", np.tanh),
    ("exp", np.exp),
    ("expm1", np.expm1),
    ("log", np.log),
    ("log10", np.log10),
    ("log1p", np.log1p),
    ("sqrt", np.sqrt),
    ("cbrt", np.cbrt),
    ("ceil", np.ceil),
    ("floor", np.floor),
    ("rint", np.rint),
    ("signum", lambda v: math.copysign(1.0, v) if v and v == v else v),
    ("toDegrees", lambda v: v / math.pi * 180.0),
    ("toRadians", lambda v: v / 180.0 * math.pi),
    ("ulp", math.ulp),
    ("nextUp", lambda v: math.nextafter(v, math.inf)),
    ("nextDown", lambda v: math.nextafter(v, -math.inf)),
)
_TWO: Final[tuple[tuple[str, Callable[..., Any]], ...]] = (
    ("atan2", np.arctan2),
    ("hypot", np.hypot),
    ("pow", lambda a, b: np.power(a, b)),
    ("IEEEremainder", math.remainder),
    ("copySign", math.copysign),
)
for _name, _compute in _ONE:
    _real(_name, _compute)
for _name, _compute in _TWO:
    _real(_name, _compute, "dd")


@function("math", "", impure=True)
def random() -> float:
    return chance.random()


@function("math", "f", "round")
def round_float(value: float) -> int:
    return to_int(float(np.floor(float(value) + 0.5)))


@function("math", "d", "round")
def round_double(value: float) -> Long:
    floor = math.floor(value) if math.isfinite(value) else value
    return to_long(float(floor + 1 if math.isfinite(value) and value - floor >= 0.5 else floor))


def _each_width(name: str, whole: Callable[..., int], real: Callable[..., float], arity: int) -> None:
    function("math", "i" * arity, name)(lambda *v: wrap(whole(*v), 32))
    function("math", "l" * arity, name)(lambda *v: Long(wrap(whole(*v), 64)))
    if real is not None:
        function("math", "f" * arity, name)(lambda *v: Float(real(*v)))
        function("math", "d" * arity, name)(lambda *v: float(real(*v)))


def _greatest(left: float, right: float) -> float:
    return math.nan if left != left or right != right else max(left, right)


def _least(left: float, right: float) -> float:
    return math.nan if left != left or right != right else min(left, right)


_each_width("abs", lambda v: abs(int(v)), math.fabs, 1)
_each_width("max", lambda a, b: max(int(a), int(b)), _greatest, 2)
_each_width("min", lambda a, b: min(int(a), int(b)), _least, 2)


def _exact(compute: Callable[..., int], bits: int) -> Callable[..., Any]:
    def call(*values: int) -> int:
        result = compute(*map(int, values))
        if wrap(result, bits) != result:
            raise ArithmeticError(f"{'integer' if bits == 32 else 'long'} overflow")
        return result if bits == 32 else Long(result)

    return call


def _divided(left: int, right: int) -> int:
    if right == 0:
        raise ArithmeticError("/ by zero")
    return left // right


for _name, _whole, _kinds in (
    ("addExact", int.__add__, 2),
    ("subtractExact", int.__sub__, 2),
    ("multiplyExact", int.__mul__, 2),
    ("negateExact", int.__neg__, 1),
    ("incrementExact", lambda v: v + 1, 1),
    ("decrementExact", lambda v: v - 1, 1),
    ("floorDiv", _divided, 2),
    ("floorMod", lambda a, b: a - b * _divided(a, b), 2),
):
    function("math", "i" * _kinds, _name)(_exact(_whole, 32))
    function("math", "l" * _kinds, _name)(_exact(_whole, 64))


@function("math", "l", "toIntExact")
def to_int_exact(value: int) -> int:
    return int(_exact(int, 32)(value))
