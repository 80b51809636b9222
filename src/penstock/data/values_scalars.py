"""Python values of the fixed-width types and the integers that stand for them in words and bytes.

`number_of(type)` gives the function from a Python value to its integer, `value_of(type)` the way back; floats are not
here, their words are bits. What the integer counts is in the table of `types.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from functools import lru_cache

from penstock.data.types import INTEGER_BITS, MAX_DECIMAL_PRECISION, UNSIGNED, Kind, SqlType

EXACT = Context(prec=120, rounding=ROUND_HALF_EVEN)
"""Decimal arithmetic with more digits than any SQL decimal needs."""

_EPOCH_DAY = dt.date(1970, 1, 1).toordinal()
_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - a TIMESTAMP has no zone
_EPOCH_UTC = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_DAY_NS = 86_400_000_000_000


class ValueOutOfRange(ValueError):
    """A Python value that the SQL type cannot hold."""


def integer_range(kind: Kind) -> tuple[int, int]:
    """Return the least and the greatest value of an integer type."""
    bits = INTEGER_BITS[kind]
    return (0, (1 << bits) - 1) if kind in UNSIGNED else (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)


def unscaled(value: object, precision: int, scale: int) -> int:
    """Return value * 10^scale, rounded half to even. value: Decimal, int, or a float (its shortest decimal is meant).

    Raises: ValueOutOfRange if it has more than precision digits or is not finite.
    """
    number = value if isinstance(value, Decimal) else Decimal(repr(value) if isinstance(value, float) else str(value))
    try:
        result = int(EXACT.scaleb(number, scale).to_integral_value(ROUND_HALF_EVEN, EXACT))
    except (InvalidOperation, ValueError, OverflowError):
        raise ValueOutOfRange(f"{value!r} is no value of DECIMAL({precision}, {scale})") from None
    if abs(result) >= 10**precision:
        raise ValueOutOfRange(f"{value!r} does not fit DECIMAL({precision}, {scale})")
    return result


def scaled(number: int, scale: int) -> Decimal:
    """Return number / 10^scale with exactly scale fraction digits."""
    return EXACT.scaleb(Decimal(number), -scale)


def _of_bool(value: object) -> int:
    return 1 if value else 0


def _of_int(value: object) -> int:
    return int(value)  # type: ignore[call-overload, no-any-return]


def _of_date(value: object) -> int:
    if isinstance(value, dt.date):
        return value.toordinal() - _EPOCH_DAY
    return _of_int(value)


def _of_time(value: object) -> int:
    if isinstance(value, dt.time):
        seconds = (value.hour * 60 + value.minute) * 60 + value.second
        return (seconds * 1_000_000 + value.microsecond) * 1000
    if isinstance(value, dt.timedelta):
        return (value // _MICROSECOND) * 1000
    return _of_int(value)


def _of_timestamp(value: object) -> int:
    if isinstance(value, dt.datetime):
        return (value - (_EPOCH if value.tzinfo is None else _EPOCH_UTC)) // _MICROSECOND
    if isinstance(value, dt.date):
        return (value.toordinal() - _EPOCH_DAY) * 86_400_000_000
    return _of_int(value)


def _of_micros(value: object) -> int:
    return value // _MICROSECOND if isinstance(value, dt.timedelta) else _of_int(value)


def _to_time(number: int) -> object:
    if number % 1000 or not 0 <= number < _DAY_NS:
        return number
    micros = number // 1000
    seconds, micros = divmod(micros, 1_000_000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return dt.time(hours, minutes, seconds, micros)


_NUMBERS: dict[Kind, Callable[[object], int]] = {
    Kind.BOOLEAN: _of_bool,
    Kind.DATE: _of_date,
    Kind.TIME: _of_time,
    Kind.TIMESTAMP: _of_timestamp,
    Kind.TIMESTAMP_TZ: _of_timestamp,
    Kind.INTERVAL_MICROS: _of_micros,
}
_VALUES: dict[Kind, Callable[[int], object]] = {
    Kind.BOOLEAN: bool,
    Kind.DATE: lambda number: dt.date.fromordinal(number + _EPOCH_DAY),
    Kind.TIME: _to_time,
    Kind.TIMESTAMP: lambda number: _EPOCH + dt.timedelta(microseconds=number),
    Kind.TIMESTAMP_TZ: lambda number: _EPOCH_UTC + dt.timedelta(microseconds=number),
}


def decimal_size(type: SqlType) -> tuple[int, int]:
    """Return precision and scale of a DECIMAL."""
    return (MAX_DECIMAL_PRECISION if type.precision is None else type.precision), type.scale or 0


@lru_cache(maxsize=4096)
def number_of(type: SqlType) -> Callable[[object], int]:
    """Return the function from a value of a fixed-width type or a DECIMAL of any width to its integer.

    The function raises ValueOutOfRange for an integer or decimal that the type cannot hold.
    """
    if type.kind is Kind.DECIMAL:
        precision, scale = decimal_size(type)
        return lambda value: unscaled(value, precision, scale)
    if type.kind in INTEGER_BITS:
        low, high = integer_range(type.kind)

        def checked(value: object) -> int:
            number = _of_int(value)
            if not low <= number <= high:
                raise ValueOutOfRange(f"{number} is no value of {type.kind.value}")
            return number

        return checked
    return _NUMBERS.get(type.kind, _of_int)


@lru_cache(maxsize=4096)
def value_of(type: SqlType) -> Callable[[int], object]:
    """Return the function from the integer of a fixed-width type or a DECIMAL of any width to its value."""
    if type.kind is Kind.DECIMAL:
        _, scale = decimal_size(type)
        return lambda number: scaled(number, scale)
    return _VALUES.get(type.kind, int)
