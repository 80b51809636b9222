"""What operators mean for single values. Pure.

Null is an error for `+`, `-`, `*`, `/`, `%` and where a truth value is needed; comparisons take it: nothing is
smaller or greater than null, and null equals null alone. Texts that look like numbers count as numbers, except for
`+`, which joins as soon as one side is a text. Whole numbers become wider when they do not fit. Source:
`JexlArithmetic`, strict, Commons JEXL 3.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal, DivisionByZero, InvalidOperation
from typing import Any, Final

from penstock.transform.jvm.numbers import DECIMAL128, decimal_of, parse_decimal, parse_float, parse_whole, to_long
from penstock.transform.jvm.regex import PatternInvalid, compile_pattern
from penstock.transform.jvm.values import BigInteger, Float, Long, class_name, is_whole, print_any

__all__ = ["BINARY", "Impossible", "compare", "contains", "equals", "is_empty", "negate", "size_of", "truth"]

_FLOATING: Final = re.compile(r"[+-]?[0-9]*(\.[0-9]*)?([eE][+-]?[0-9]+)?\Z")


class Impossible(ArithmeticError):
    """Operands that an operator cannot take."""


def _control(value: Any) -> Any:
    if value is None:
        raise Impossible("null operand")
    return value


def truth(value: Any) -> bool:
    """Take a value as a truth value."""
    _control(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float | Decimal):
        return not (isinstance(value, float) and math.isnan(value)) and value != 0
    if isinstance(value, str):
        return bool(value) and value != "false"
    return True


def _is_long(value: Any) -> bool:
    return is_whole(value) and not isinstance(value, BigInteger)


def _is_floating(value: Any) -> bool:
    if isinstance(value, float):
        return True
    if isinstance(value, str):
        found = _FLOATING.match(value)
        return found is not None and (found[1] is not None or found[2] is not None)
    return False


def to_double(value: Any) -> float:
    """Take a value as a double; the empty text is not a number."""
    _control(value)
    if isinstance(value, bool):
        return 1.0 if value else 0.0
    if isinstance(value, Float):
        return float(print_any(value))
    if isinstance(value, int | float | Decimal):
        return float(value)
    if isinstance(value, str):
        return parse_float(value) if value else math.nan
    raise Impossible(f"Double coercion: {class_name(value)}:({print_any(value)})")


def _big(value: Any) -> int:
    _control(value)
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float):
        return 0 if math.isnan(value) else int(to_long(value))
    if isinstance(value, int | Decimal):
        return int(value)
    if isinstance(value, str):
        return parse_whole(value, 4096) if value else 0
    raise Impossible(f"BigInteger coercion: {class_name(value)}:({print_any(value)})")


def long_of(value: Any) -> int:
    """Take a value as a whole number of 64 bits."""
    _control(value)
    if isinstance(value, str):
        return parse_whole(value, 64) if value else 0
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float) and math.isnan(value):
        return 0
    if isinstance(value, int | float | Decimal):
        return int(to_long(value))
    raise Impossible(f"Long coercion: {class_name(value)}:({print_any(value)})")


def _decimal(value: Any) -> Decimal:
    _control(value)
    if isinstance(value, bool):
        return Decimal("1.0") if value else Decimal("0.0")
    if isinstance(value, float) and math.isnan(value):
        return Decimal(0)
    if isinstance(value, int | float | Decimal):
        return decimal_of(value)
    if isinstance(value, str):
        return parse_decimal(value) if value else Decimal(0)
    raise Impossible(f"BigDecimal coercion: {class_name(value)}:({print_any(value)})")


def _narrow_whole(left: Any, right: Any, result: int) -> int:
    if isinstance(left, BigInteger) or isinstance(right, BigInteger) or not -(1 << 63) <= result < 1 << 63:
        return BigInteger(result)
    if isinstance(left, Long) or isinstance(right, Long) or not -(1 << 31) <= result < 1 << 31:
        return Long(result)
    return int(result)


def _narrow_decimal(left: Any, right: Any, result: Decimal) -> Any:
    if (_is_long(left) or _is_long(right)) and result == result.to_integral_value():
        whole = int(result)
        if -(1 << 31) <= whole < 1 << 31:
            return whole
        if -(1 << 63) <= whole < 1 << 63:
            return Long(whole)
    return result


def _text(value: Any) -> str:
    _control(value)
    return "" if isinstance(value, float) and not isinstance(value, Float) and math.isnan(value) else print_any(value)


def _operate(
    left: Any,
    right: Any,
    whole: Callable[[int, int], int],
    real: Callable[[float, float], float],
    exact: Callable[[Decimal, Decimal], Decimal],
) -> Any:
    if left is None and right is None:
        raise Impossible("null operands")
    if isinstance(left, Decimal) or isinstance(right, Decimal):
        try:
            return _narrow_decimal(left, right, exact(_decimal(left), _decimal(right)))
        except (DivisionByZero, InvalidOperation):
            raise Impossible("/") from None
    if _is_floating(left) or _is_floating(right):
        return real(to_double(left), to_double(right))
    return _narrow_whole(left, right, whole(_big(left), _big(right)))


def add(left: Any, right: Any) -> Any:
    """`+`"""
    if isinstance(left, str) or isinstance(right, str):
        return _text(left) + _text(right)
    if left is None or right is None:
        raise Impossible("null operand")
    if not isinstance(left, int | float | Decimal) or not isinstance(right, int | float | Decimal):
        try:
            return _operate(left, right, int.__add__, float.__add__, DECIMAL128.add)
        except Impossible:
            return _text(left) + _text(right)
    return _operate(left, right, int.__add__, float.__add__, DECIMAL128.add)


def subtract(left: Any, right: Any) -> Any:
    """`-`"""
    return _operate(left, right, int.__sub__, float.__sub__, DECIMAL128.subtract)


def multiply(left: Any, right: Any) -> Any:
    """`*`"""
    return _operate(left, right, int.__mul__, float.__mul__, DECIMAL128.multiply)


def divide(left: Any, right: Any) -> Any:
    """`/`: whole numbers give whole numbers, towards zero; by zero is an error."""
    return _operate(left, right, _div, _div_real, _div_exact)


def modulo(left: Any, right: Any) -> Any:
    """`%`, with the sign of the left side."""
    return _operate(left, right, _mod, _mod_real, _mod_exact)


def _div(left: int, right: int) -> int:
    if right == 0:
        raise Impossible("/")
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _mod(left: int, right: int) -> int:
    return left - right * _div(left, right)


def _div_real(left: float, right: float) -> float:
    if right == 0.0:
        raise Impossible("/")
    return left / right


def _mod_real(left: float, right: float) -> float:
    if right == 0.0:
        raise Impossible("%")
    if math.isinf(left) or math.isnan(left) or math.isnan(right):
        return math.nan
    return math.fmod(left, right)


def _div_exact(left: Decimal, right: Decimal) -> Decimal:
    if right == 0:
        raise Impossible("/")
    return DECIMAL128.divide(left, right)


def _mod_exact(left: Decimal, right: Decimal) -> Decimal:
    if right == 0:
        raise Impossible("%")
    return DECIMAL128.remainder(left, right)


def compare(left: Any, right: Any, operator: str) -> int:
    """Return a negative number, zero or a positive one."""
    if left is not None and right is not None:
        if isinstance(left, Decimal) or isinstance(right, Decimal):
            return _order(_decimal(left), _decimal(right))
        if isinstance(left, BigInteger) or isinstance(right, BigInteger):
            return _order(_big(left), _big(right))
        if isinstance(left, float) or isinstance(right, float):
            return _order_real(to_double(left), to_double(right))
        if is_whole(left) or is_whole(right):
            return _order(long_of(left), long_of(right))
        if isinstance(left, str) or isinstance(right, str):
            return _order(_units(_text(left)), _units(_text(right)))
        if operator == "==":
            return 0 if left == right else -1
        if type(left) is type(right) and isinstance(left, bool | date | time | datetime):
            return _order(left, right)
    raise Impossible(f"Object comparison:({print_any(left)} {operator} {print_any(right)})")


def _units(text: str) -> Any:
    return text if text.isascii() else text.encode("utf-16-be", "surrogatepass")


def _order(left: Any, right: Any) -> int:
    if isinstance(left, str) != isinstance(right, str):
        left = left if isinstance(left, bytes) else left.encode("utf-16-be", "surrogatepass")
        right = right if isinstance(right, bytes) else right.encode("utf-16-be", "surrogatepass")
    return int(left > right) - int(left < right)


def _order_real(left: float, right: float) -> int:
    if math.isnan(left):
        return 0 if math.isnan(right) else -1
    return 1 if math.isnan(right) else _order(left, right)


def equals(left: Any, right: Any) -> bool:
    """`==`"""
    if left is None or right is None:
        return left is right
    if isinstance(left, bool) or isinstance(right, bool):
        return truth(left) == truth(right)
    if isinstance(left, list | dict) and isinstance(right, list | dict):
        return bool(left == right)
    return compare(left, right, "==") == 0


def _ordered(operator: str, test: Callable[[int], bool], if_same: bool) -> Callable[[Any, Any], bool]:
    def ordered(left: Any, right: Any) -> bool:
        if left is None and right is None:
            return if_same
        if left is None or right is None:
            return False
        return test(compare(left, right, operator))

    return ordered


def contains(container: Any, value: Any) -> bool:
    """`value =~ container`: a text matches a pattern as a whole; a list or map contains."""
    if container is None or value is None:
        return container is value
    if isinstance(container, str):
        try:
            return compile_pattern(container).fullmatch(print_any(value)) is not None
        except PatternInvalid as error:
            raise Impossible(str(error)) from None
    if isinstance(container, dict):
        return all(key in container for key in value) if isinstance(value, dict) else value in container
    if isinstance(container, list | tuple | set | frozenset | range):
        return all(item in container for item in value) if isinstance(value, list | set) else value in container
    return equals(container, value)


def _starts(left: Any, right: Any) -> bool:
    if left is None or right is None:
        return left is right
    if not isinstance(left, str):
        return equals(left, right)
    return left.startswith(_text(right))


def _ends(left: Any, right: Any) -> bool:
    if left is None or right is None:
        return left is right
    if not isinstance(left, str):
        return equals(left, right)
    return left.endswith(_text(right))


def _bitwise(operate: Callable[[int, int], int]) -> Callable[[Any, Any], Any]:
    return lambda left, right: Long(operate(long_of(left), long_of(right)))


def _range(left: Any, right: Any) -> list[Any]:
    low, high = long_of(left), long_of(right)
    step = 1 if low <= high else -1
    if abs(high - low) > 10_000_000:
        raise Impossible("the range is too long")
    fits = min(low, high) >= -(1 << 31) and max(low, high) < 1 << 31
    return [value if fits else Long(value) for value in range(low, high + step, step)]


def negate(value: Any) -> Any:
    """Unary `-`."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float | Decimal):
        if isinstance(value, int) and not isinstance(value, BigInteger):
            return type(value)(-value) if value != -(1 << (63 if isinstance(value, Long) else 31)) else value
        return -value if isinstance(value, Decimal) else type(value)(-value)
    raise Impossible(f"Object negation:({print_any(value)})")


def is_empty(value: Any) -> bool:
    """`empty`"""
    if value is None:
        return True
    if isinstance(value, bool):
        return False
    if isinstance(value, int | float | Decimal):
        return value == 0 or value != value
    if isinstance(value, str | bytes | list | dict | tuple | set | frozenset):
        return len(value) == 0
    return False


def size_of(value: Any) -> int:
    """`size`"""
    if value is None:
        return 0
    if isinstance(value, str):
        return len(value.encode("utf-16-be", "surrogatepass")) // 2
    if isinstance(value, bytes | list | dict | tuple | set | frozenset):
        return len(value)
    raise Impossible(f"size of {class_name(value)}")


BINARY: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "%": modulo,
    "==": equals,
    "!=": lambda left, right: not equals(left, right),
    "<": _ordered("<", lambda order: order < 0, False),
    ">": _ordered(">", lambda order: order > 0, False),
    "<=": _ordered("<=", lambda order: order <= 0, True),
    ">=": _ordered(">=", lambda order: order >= 0, True),
    "=~": lambda left, right: contains(right, left),
    "!~": lambda left, right: not contains(right, left),
    "=^": _starts,
    "!^": lambda left, right: not _starts(left, right),
    "=$": _ends,
    "!$": lambda left, right: not _ends(left, right),
    "&": _bitwise(int.__and__),
    "|": _bitwise(int.__or__),
    "^": _bitwise(int.__xor__),
    "..": _range,
}
"""Operators of two operands, both evaluated."""
