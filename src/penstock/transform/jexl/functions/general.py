"""Functions without a namespace, of numbers and of bits."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from penstock.transform.jexl.functions.signatures import function
from penstock.transform.jvm.numbers import decimal_of, parse_float, parse_whole, to_int, wrap
from penstock.transform.jvm.printf import format_text
from penstock.transform.jvm.values import Float, Long, Short

__all__: list[str] = []

Raised = ArithmeticError


def _given(value: Any) -> Any:
    if value is None:
        raise Raised("null")
    return value


@function("", "s", "toDouble")
def to_double(value: str | None) -> float:
    return parse_float(_given(value))


@function("", "s", "toFloat")
def to_float(value: str | None) -> Float:
    return Float(parse_float(_given(value)))


@function("", "s", "toLong")
def to_long(value: str | None) -> Long:
    return Long(parse_whole(_given(value), 64))


@function("", "s", "toInteger")
def to_integer(value: str | None) -> int:
    return parse_whole(_given(value), 32)


@function("", "s", "toBytes")
def to_bytes(value: str | None) -> bytes:
    return str(_given(value)).encode()


@function("", "ss")
def concat(left: str | None, right: str | None) -> str | None:
    if left is None:
        return right
    return left if right is None else left + right


@function("", "sss", "concat")
def concat_with(left: str | None, joint: str | None, right: str | None) -> str:
    if left is None and right is None:
        raise Raised("null")
    return f"{left or ''}{_given(joint)}{right or ''}"


@function("", "o*")
def coalesce(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


@function("", "o*")
def rcoalesce(*values: Any) -> Any:
    return next((value for value in reversed(values) if value is not None), None)


@function("", "so*", "format")
def format_(template: str | None, *values: Any) -> str:
    return format_text(_given(template), *values)


@function("", "sic", "padAtStart")
@function("strings", "sic", "padStart")
def pad_at_start(text: str | None, size: int, char: str) -> str:
    return str(_given(text)).rjust(size, char)


@function("", "sic", "padAtEnd")
@function("strings", "sic", "padEnd")
def pad_at_end(text: str | None, size: int, char: str) -> str:
    return str(_given(text)).ljust(size, char)


@function("", "si")
@function("strings", "si")
def repeat(text: str | None, count: int) -> str:
    if count < 0 or count * len(_given(text)) > 100_000_000:
        raise Raised(f"invalid count: {count}")
    return str(text) * count


@function("", "s")
def unquote(text: str | None) -> str | None:
    if text is not None and text[:1] in ('"', "'") and text.endswith(text[0]):
        return text[1:-1]
    return text


@function("", "o", "IsNull")
def is_null(value: Any) -> bool:
    return value is None


@function("", "o", "IsNotNull")
def is_not_null(value: Any) -> bool:
    return value is not None


@function("", "o", "NullToEmpty")
def null_to_empty(value: Any) -> Any:
    return "" if value is None else value


@function("", "o", "NullToZero")
def null_to_zero(value: Any) -> Any:
    return 0 if value is None else value


@function("", "oo", "NullToValue")
def null_to_value(value: Any, other: Any) -> Any:
    return other if value is None else value


# Conditions of pipelines know these names.


@function("", "o")
@function("dq", "o")
def isnull(value: Any) -> bool:
    return value is None


@function("strings", "s", "nullToEmpty")
def strings_null_to_empty(text: str | None) -> str:
    return text or ""


@function("strings", "s", "emptyToNull")
def strings_empty_to_null(text: str | None) -> str | None:
    return text or None


@function("strings", "s", "isNullOrEmpty")
def strings_is_null_or_empty(text: str | None) -> bool:
    return not text


@function("strings", "ss", "commonPrefix")
def strings_common_prefix(left: str | None, right: str | None) -> str:
    size = 0
    for a, b in zip(_given(left), _given(right), strict=False):
        if a != b:
            break
        size += 1
    return str(left)[:size]


@function("strings", "ss", "commonSuffix")
def strings_common_suffix(left: str | None, right: str | None) -> str:
    return strings_common_prefix(_given(left)[::-1], _given(right)[::-1])[::-1]


@function("number", "n", "AsDouble")
def as_double(value: Any) -> float | None:
    return None if value is None else float(value)


@function("number", "n", "AsFloat")
def as_float(value: Any) -> Float | None:
    return None if value is None else Float(value)


@function("number", "n", "AsInteger")
def as_integer(value: Any) -> int | None:
    return None if value is None else to_int(value)


@function("number", "n", "Mantissa")
def mantissa(value: Any) -> float:
    if value is None or isinstance(value, int):
        return 0.0
    exact = decimal_of(value)
    return float(exact - Decimal(to_int(exact)))


@function("logical", "ll", "BitAnd")
def bit_and(left: int, right: int) -> Long:
    return Long(left & right)


@function("logical", "ll", "BitOr")
def bit_or(left: int, right: int) -> Long:
    return Long(left | right)


@function("logical", "ll", "BitXor")
def bit_xor(left: int, right: int) -> Long:
    return Long(left ^ right)


@function("logical", "d", "Not")
def not_number(value: float) -> Short:
    return Short(0 if value < 0 else 1)


@function("logical", "s", "Not")
def not_text(value: str | None) -> Short:
    return Short(0 if value is None else 1)


@function("logical", "s", "BitCompress")
def bit_compress(text: str | None) -> Long:
    return Long(wrap(int(_given(text), 2), 64))


@function("logical", "l", "BitExpand")
def bit_expand(value: int) -> str:
    return f"{int(value) & ((1 << 64) - 1):b}"


@function("logical", "lai", "SetBit")
def set_bit(value: int, positions: list[int], bit: int) -> Long:
    result = int(value)
    for position in positions:
        flag = wrap(1 << ((position - 1) % 32), 32)
        result = result | flag if bit > 0 else result & ~flag
    return Long(wrap(result, 64))
