"""Reading numbers from text and narrowing them as the JVM does. Pure.

Source: `Integer.parseInt`, `Double.parseDouble`, `BigDecimal(String)`, and the narrowing conversions of the Java
Language Specification, 5.1.3.
"""

from __future__ import annotations

import math
import re
import struct
from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_DOWN,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    ROUND_UP,
    Context,
    Decimal,
    Inexact,
    InvalidOperation,
)
from typing import Any, Final

from penstock.transform.jvm.values import Float, Long, Short

__all__ = [
    "DECIMAL128",
    "ROUNDINGS",
    "NumberFormat",
    "decimal_of",
    "double_bits",
    "parse_decimal",
    "parse_float",
    "parse_whole",
    "rescale",
    "to_int",
    "to_long",
    "to_short",
    "wrap",
]

DECIMAL128: Final = Context(prec=34, rounding=ROUND_HALF_EVEN, Emax=999999, Emin=-999999)
"""The precision of decimal arithmetic in expressions."""

WIDE: Final = Context(prec=400, rounding=ROUND_HALF_EVEN, Emax=999999, Emin=-999999)
"""Enough digits for sums and products of decimals that are exact."""

ROUNDINGS: Final[dict[str, str | None]] = {
    "UP": ROUND_UP,
    "DOWN": ROUND_DOWN,
    "CEILING": ROUND_CEILING,
    "FLOOR": ROUND_FLOOR,
    "HALF_UP": ROUND_HALF_UP,
    "HALF_DOWN": ROUND_HALF_DOWN,
    "HALF_EVEN": ROUND_HALF_EVEN,
    "UNNECESSARY": None,
}

_WHOLE = re.compile(r"[+-]?[0-9]+\Z")
_FLOATING = re.compile(r"[+-]?(NaN|Infinity|([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[dDfF]?)\Z")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\Z")


class NumberFormat(ValueError):
    """A text that is no number of the kind asked for. The message is the JVM's."""


def parse_whole(text: str, bits: int = 32) -> int:
    """Read a whole number of so many bits. Raises: NumberFormat."""
    if not _WHOLE.match(text):
        raise NumberFormat(f'For input string: "{text}"')
    value = int(text)
    if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
        if bits == 16:
            raise NumberFormat(f'Value out of range. Value:"{text}" Radix:10')
        raise NumberFormat(f'For input string: "{text}"')
    return value


def parse_float(text: str) -> float:
    """Read a floating number; blanks around it and a suffix d or f are fine. Raises: NumberFormat."""
    stripped = text.strip(" \t\n\r\x0b\x0c\x00")
    if not stripped:
        raise NumberFormat("empty String")
    if not _FLOATING.match(stripped):
        raise NumberFormat(f'For input string: "{text}"')
    bare = stripped if stripped.endswith(("NaN", "Infinity")) else stripped.rstrip("dDfF")
    return float(bare.replace("Infinity", "inf"))


def parse_decimal(text: str) -> Decimal:
    """Read a decimal, keeping its scale. Raises: NumberFormat."""
    if not _DECIMAL.match(text):
        raise NumberFormat(f"Character array is missing \"exponent\" mark or is no number: '{text}'")
    return Decimal(text)


def wrap(value: int, bits: int) -> int:
    """Keep the low bits of a whole number, as a signed one."""
    half = 1 << (bits - 1)
    return ((value + half) & ((1 << bits) - 1)) - half


def _truncate(value: float, bits: int) -> int:
    """Turn a floating number into a whole one: towards zero, the nearest if it is too big, zero if it is none."""
    if math.isnan(value):
        return 0
    top = 1 << (bits - 1)
    if value >= top:
        return top - 1
    return -top if value <= -top else int(value)


def to_int(value: Any) -> int:
    """Narrow any number to 32 bits."""
    return _truncate(value, 32) if isinstance(value, float) else wrap(int(value), 32)


def to_long(value: Any) -> Long:
    """Narrow or widen any number to 64 bits."""
    return Long(_truncate(value, 64) if isinstance(value, float) else wrap(int(value), 64))


def to_short(value: Any) -> Short:
    """Narrow any number to 16 bits: floating ones by way of 32."""
    return Short(wrap(_truncate(value, 32) if isinstance(value, float) else int(value), 16))


def decimal_of(value: Any) -> Decimal:
    """Return a number as a decimal with the digits it prints."""
    if isinstance(value, Decimal):
        return value
    if isinstance(value, float):
        from penstock.transform.jvm.values import print_any

        return Decimal(print_any(value))
    return Decimal(int(value))


def rescale(value: Decimal, scale: int, rounding: str | None) -> Decimal:
    """Give a decimal so many digits after the point. rounding None: none may be lost. Raises: ArithmeticError."""
    unit = Decimal(1).scaleb(-scale)
    context = WIDE.copy()
    if rounding is None:
        context.traps[Inexact] = True
        return value.quantize(unit, context=context)
    try:
        return value.quantize(unit, rounding=rounding, context=context)
    except InvalidOperation as error:
        raise ArithmeticError(str(error)) from None


def double_bits(value: float, *, narrow: bool = False) -> bytes:
    """Return the bytes of a floating number, most significant first."""
    return struct.pack(">f" if narrow or isinstance(value, Float) else ">d", value)
