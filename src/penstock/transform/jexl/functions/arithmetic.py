"""`arithmetic:` and `decimal:`: sums over any number of columns, null if one is; decimals that keep every digit."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal
from functools import reduce
from typing import Any, Final

from penstock.transform.jexl.functions.signatures import function
from penstock.transform.jvm.numbers import WIDE, decimal_of, to_int, to_long, to_short
from penstock.transform.jvm.values import BigInteger, Float, Long, Short

__all__: list[str] = []

_ORDER: Final = ("short", "int", "long", "float", "double", "decimal")
_CAST: Final[dict[str, Callable[[Any], Any]]] = {
    "short": to_short,
    "int": to_int,
    "long": to_long,
    "float": lambda value: Float(float(value)),
    "double": float,
    "decimal": decimal_of,
}


def _kind(value: Any) -> str:
    if isinstance(value, Short):
        return "short"
    if isinstance(value, Long | BigInteger):
        return "long"
    if isinstance(value, int):
        return "int"
    if isinstance(value, Float):
        return "float"
    return "double" if isinstance(value, float) else "decimal"


def _widest(values: tuple[Any, ...]) -> str | None:
    if any(value is None for value in values):
        return None
    return max((_kind(value) for value in values), key=_ORDER.index, default="short")


def stripped(value: Decimal) -> Decimal:
    """Drop zeros at the end of a decimal, before the point too."""
    return value.normalize(WIDE) if value else Decimal(0)


def _folded(values: tuple[Any, ...], start: int, step: Callable[[Any, Any], Any], strip: bool) -> Any:
    kind = _widest(values)
    if kind is None:
        return None
    cast = _CAST[kind]
    if kind == "decimal":
        total = reduce(step, map(decimal_of, values), Decimal(start))
        return stripped(total) if strip else total
    return reduce(lambda total, value: cast(step(total, cast(value))), values, cast(start))


def _add(left: Any, right: Any) -> Any:
    return WIDE.add(left, right) if isinstance(left, Decimal) else left + right


def _multiply(left: Any, right: Any) -> Any:
    return WIDE.multiply(left, right) if isinstance(left, Decimal) else left * right


@function("arithmetic", "n*")
def add(*values: Any) -> Any:
    return _folded(values, 0, _add, strip=True)


@function("arithmetic", "n*")
def multiply(*values: Any) -> Any:
    return _folded(values, 1, _multiply, strip=False)


@function("arithmetic", "nn")
def minus(left: Any, right: Any) -> Any:
    kind = _widest((left, right))
    if kind is None:
        return None
    if kind == "decimal":
        return stripped(WIDE.subtract(decimal_of(left), decimal_of(right)))
    cast = _CAST[kind]
    return cast(cast(left) - cast(right))


def _divide_like_left(left: Decimal, right: Decimal) -> Decimal:
    """Divide, with as many digits after the point as the left side has; halves go to the even digit."""
    scale = -int(left.as_tuple().exponent)
    return WIDE.divide(left, right).quantize(Decimal(1).scaleb(-scale), ROUND_HALF_EVEN, context=WIDE)


@function("arithmetic", "nn")
def divideq(left: Any, right: Any) -> Any:
    kind = _widest((left, right))
    if kind is None or float(right) == 0:
        return None
    if kind == "decimal":
        return stripped(_divide_like_left(decimal_of(left), decimal_of(right)))
    return float(left) / float(right)


@function("arithmetic", "nn")
def divider(left: Any, right: Any) -> Any:
    kind = _widest((left, right))
    if kind is None or float(right) == 0:
        return None
    if kind == "decimal":
        return WIDE.remainder(decimal_of(left), decimal_of(right))
    cast = _CAST["int" if kind == "short" else kind]
    if kind in ("float", "double"):
        return cast(math.fmod(left, right))
    return cast(int(math.copysign(1, left)) * (abs(int(left)) % abs(int(right))))


@function("arithmetic", "nn")
def lcm(left: Any, right: Any) -> Any:
    kind = _widest((left, right))
    if kind is None:
        return None
    a, b = decimal_of(left), decimal_of(right)
    scale = max(-int(a.as_tuple().exponent), -int(b.as_tuple().exponent), 0)
    whole = math.lcm(int(a.scaleb(scale)), int(b.scaleb(scale)))
    result = Decimal(whole).scaleb(-scale)
    return result if kind == "decimal" else _CAST[kind](float(result) if kind in ("float", "double") else int(result))


@function("arithmetic", "n*")
def equal(*values: Any) -> bool | None:
    for value in values:
        if value is None:
            return None
        if value != values[0]:
            return False
    return True


def _extreme(name: str, choose: Callable[..., Any]) -> None:
    def call(*values: Any) -> Any:
        kind = _widest(values)
        return None if kind is None or not values else choose(map(_CAST[kind], values))

    function("arithmetic", "n*", name)(call)


_extreme("max", max)
_extreme("min", min)


@function("arithmetic", "n*")
def average(*values: Any) -> Any:
    present = [value for value in values if value is not None]
    if not present:
        return None
    if any(isinstance(value, Decimal) for value in present):
        mean = Decimal(0)
        for count, value in enumerate(present, 1):
            step = WIDE.subtract(decimal_of(value), mean)
            mean = WIDE.add(mean, _divide_like_left(step, Decimal(count)))
        return mean
    mean_real = 0.0
    for count, value in enumerate(present, 1):
        mean_real += (float(value) - mean_real) / count
    return mean_real


def _other(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ArithmeticError("null")
    return decimal_of(value)


@function("decimal", "mo", "add")
def decimal_add(left: Decimal | None, right: Any) -> Decimal:
    return _other(right) if left is None else WIDE.add(left, _other(right))


@function("decimal", "mo", "subtract")
def decimal_subtract(left: Decimal | None, right: Any) -> Decimal:
    return -_other(right) if left is None else WIDE.subtract(left, _other(right))


@function("decimal", "mo", "multiply")
def decimal_multiply(left: Decimal | None, right: Any) -> Decimal:
    return Decimal(0) if left is None else WIDE.multiply(left, _other(right))


@function("decimal", "mo", "divideq")
def decimal_divide(left: Decimal | None, right: Any) -> Decimal | None:
    if _other(right) == 0:
        return None
    return Decimal(0) if left is None else _divide_like_left(left, _other(right))


@function("decimal", "mo", "divider")
def decimal_remainder(left: Decimal | None, right: Any) -> Decimal | None:
    if _other(right) == 0:
        return None
    return Decimal(0) if left is None else WIDE.remainder(left, _other(right))


def _needed(value: Decimal | None) -> Decimal:
    if value is None:
        raise ArithmeticError("null")
    return value


@function("decimal", "m", "abs")
def decimal_abs(value: Decimal | None) -> Decimal:
    return abs(_needed(value))


@function("decimal", "m")
def precision(value: Decimal | None) -> int:
    return len(_needed(value).as_tuple().digits)


@function("decimal", "m")
def scale(value: Decimal | None) -> int:
    return -int(_needed(value).as_tuple().exponent)


@function("decimal", "m")
def unscaled(value: Decimal | None) -> BigInteger:
    sign, digits, _ = _needed(value).as_tuple()
    return BigInteger(int("".join(map(str, digits))) * (-1 if sign else 1))


@function("decimal", "mi", "decimal_left")
def decimal_left(value: Decimal | None, places: int) -> Decimal:
    return stripped(_needed(value).scaleb(-places, Context(prec=400)))


@function("decimal", "mi", "decimal_right")
def decimal_right(value: Decimal | None, places: int) -> Decimal:
    given = _needed(value)
    left = max(-int(given.as_tuple().exponent) - places, 0)
    return given.scaleb(places, WIDE).quantize(Decimal(1).scaleb(-left), ROUND_DOWN, context=WIDE)


@function("decimal", "mi", "pow")
def decimal_pow(value: Decimal | None, power: int) -> Decimal:
    if not 0 <= power <= 9999:
        raise ArithmeticError("Invalid operation")
    return reduce(WIDE.multiply, [_needed(value)] * power, Decimal(1))


@function("decimal", "m", "negate")
def decimal_negate(value: Decimal | None) -> Decimal:
    return -_needed(value) if value else Decimal(0)


@function("decimal", "m", "strip_zero")
def strip_zero(value: Decimal | None) -> Decimal:
    return stripped(_needed(value))


@function("decimal", "m")
def sign(value: Decimal | None) -> int:
    return (_needed(value) > 0) - (_needed(value) < 0)
