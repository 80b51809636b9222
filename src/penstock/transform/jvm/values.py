"""Kinds of single values that the JVM tells apart and Python does not, their class names, and how they print. Pure.

| JVM | here |
|---|---|
| Integer, Long, Short, BigInteger | int, Long, Short, BigInteger |
| Double, Float, BigDecimal | float, Float, Decimal |
| String, Character, Boolean, byte[] | str, Char, bool, bytes |
| ZonedDateTime, LocalDateTime, LocalDate, LocalTime | datetime with zone, without, date, time |
| List, Map, JsonArray, JsonObject | list, dict; Json where it came from a JSON text |

Arrow columns hold all but the last row of the table; `scalars` and `column_of` go between the two.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import numpy as np
import pyarrow as pa

from penstock.data.conversion import print_double

__all__ = [
    "BigInteger",
    "Char",
    "Float",
    "JsonArray",
    "JsonObject",
    "Long",
    "Short",
    "class_name",
    "column_of",
    "full_class_name",
    "is_whole",
    "print_any",
    "print_float",
    "print_json",
    "scalars",
]


class Long(int):
    """A 64-bit whole number."""

    __slots__ = ()


class Short(int):
    """A 16-bit whole number."""

    __slots__ = ()


class BigInteger(int):
    """A whole number without bounds."""

    __slots__ = ()


class Float(float):
    """A 32-bit floating number; the value is exactly representable in 32 bits."""

    __slots__ = ()

    def __new__(cls, value: float) -> Float:
        with np.errstate(over="ignore"):
            return super().__new__(cls, np.float32(value).item())


class Char(str):
    """One character, not a string."""

    __slots__ = ()


class JsonObject(dict[str, Any]):
    """A parsed JSON object."""

    __slots__ = ()


class JsonArray(list[Any]):
    """A parsed JSON array."""

    __slots__ = ()


_SIMPLE: Final[tuple[tuple[type, str], ...]] = (
    (bool, "Boolean"),
    (Long, "Long"),
    (Short, "Short"),
    (BigInteger, "BigInteger"),
    (int, "Integer"),
    (Float, "Float"),
    (float, "Double"),
    (Decimal, "BigDecimal"),
    (Char, "Character"),
    (str, "String"),
    (bytes, "byte[]"),
    (date, "LocalDate"),
    (time, "LocalTime"),
    (JsonObject, "JsonObject"),
    (JsonArray, "JsonArray"),
    (list, "ArrayList"),
    (dict, "Row"),
    (UUID, "UUID"),
)
_PACKAGES: Final = {
    "BigInteger": "java.math",
    "BigDecimal": "java.math",
    "ZonedDateTime": "java.time",
    "LocalDateTime": "java.time",
    "LocalDate": "java.time",
    "LocalTime": "java.time",
    "ArrayList": "java.util",
    "UUID": "java.util",
    "JsonObject": "com.google.gson",
    "JsonArray": "com.google.gson",
}


def class_name(value: Any) -> str:
    """Return the simple name of a value's class, as messages show it."""
    if isinstance(value, datetime):
        return "LocalDateTime" if value.tzinfo is None else "ZonedDateTime"
    for kind, name in _SIMPLE:
        if isinstance(value, kind):
            return name
    return type(value).__name__


def full_class_name(value: Any) -> str:
    """Return the name of a value's class with its package."""
    name = class_name(value)
    return "[B" if name == "byte[]" else f"{_PACKAGES.get(name, 'java.lang')}.{name}"


def is_whole(value: Any) -> bool:
    """Whether it is a whole number of any width."""
    return isinstance(value, int) and not isinstance(value, bool)


def print_any(value: Any) -> str:
    """Print a value as its `toString` does; null as `null`."""
    match value:
        case str():
            return str(value)
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case Float():
            return print_float(value)
        case float():
            return print_double(value)
        case int():
            return str(int(value))
        case Decimal():
            return print_decimal(value)
        case bytes():
            return value.decode("utf-8", "replace")
        case datetime():
            return print_instant(value)
        case date():
            return value.isoformat()
        case time():
            return _print_clock(value)
        case JsonObject() | JsonArray():
            return print_json(value)
        case dict():
            return "{" + ", ".join(f"{print_any(k)}={print_any(v)}" for k, v in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(print_any, value)) + "]"
    return str(value)


def print_float(value: float) -> str:
    """Print a 32-bit number with as few digits as tell it from its neighbours."""
    narrow = np.float32(value)
    return print_double(float(str(narrow))) if np.isfinite(narrow) else print_double(float(value))


def print_decimal(value: Decimal) -> str:
    """Print a decimal: plain down to a millionth, with an exponent beyond.

    Source: `BigDecimal.toString`, Java SE.
    """
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        return str(value)
    adjusted = exponent + len(digits) - 1
    text = "".join(map(str, digits))
    if exponent <= 0 and adjusted >= -6:
        if exponent:
            text = text.rjust(1 - exponent, "0")
            text = f"{text[:exponent]}.{text[exponent:]}"
    else:
        text = text[0] + (f".{text[1:]}" if len(text) > 1 else "") + f"E{adjusted:+d}"
    return f"-{text}" if sign else text


def print_instant(value: datetime) -> str:
    """Print a local time (`2020-01-02T03:04`) or one with its zone (`2020-01-02T03:04Z[UTC]`)."""
    shown = f"{value.date().isoformat()}T{_print_clock(value.time())}"
    if value.tzinfo is None:
        return shown
    name = str(value.tzinfo)
    offset = value.strftime("%z")
    offset = "Z" if offset in ("+0000", "") else f"{offset[:3]}:{offset[3:5]}"
    return f"{shown}{offset}" if name.startswith(("UTC+", "UTC-")) else f"{shown}{offset}[{name}]"


def _print_clock(value: time) -> str:
    text = f"{value.hour:02}:{value.minute:02}"
    if value.second or value.microsecond:
        text += f":{value.second:02}"
    if value.microsecond:
        micros = f"{value.microsecond:06}"
        text += "." + (micros[:3] if micros.endswith("000") else micros)
    return text


def print_json(value: Any, *, nulls: bool = True) -> str:
    """Print a value as compact JSON; what JSON has no form for is printed as text.

    nulls: whether members that are null are shown.
    """
    return json.dumps(_plain(value, nulls), separators=(",", ":"), ensure_ascii=False, allow_nan=True)


class _Number(float):
    """A number that shows the digits it is given."""

    def __new__(cls, value: float, text: str) -> _Number:
        made = super().__new__(cls, value)
        made.text = text  # type: ignore[attr-defined]
        return made

    def __repr__(self) -> str:
        return str(self.text)  # type: ignore[attr-defined]


def _plain(value: Any, nulls: bool) -> Any:
    match value:
        case None | bool():
            return value
        case str():
            return str(value)
        case int():
            return int(value)
        case Float():
            return _json_number(print_float(value), value)
        case float():
            return _json_number(print_double(value), value)
        case Decimal():
            return _Number(float(value), print_decimal(value))
        case dict():
            return {print_any(k): _plain(v, nulls) for k, v in value.items() if nulls or v is not None}
        case list() | tuple():
            return [_plain(v, nulls) for v in value]
        case bytes():
            return [byte - 256 if byte > 127 else byte for byte in value]
    return print_any(value)


def _json_number(text: str, value: float) -> _Number:
    return _Number(value, text)


def scalars(column: pa.Array | np.ndarray[Any, Any]) -> list[Any]:
    """Return a column's values, each of the kind that the column's type means."""
    if isinstance(column, np.ndarray):
        return list(column)
    kind, types = column.type, pa.types
    values: list[Any] = column.to_pylist()
    if types.is_int64(kind):
        return [None if v is None else Long(v) for v in values]
    if types.is_int16(kind) or types.is_int8(kind):
        return [None if v is None else Short(v) for v in values]
    if types.is_float32(kind):
        return [None if v is None else Float(v) for v in values]
    if types.is_timestamp(kind) and kind.tz is not None:
        return values if kind.tz == "UTC" else [None if v is None else v for v in values]
    if types.is_nested(kind):
        return [_nested(v, kind) for v in values]
    return values


def _nested(value: Any, kind: pa.DataType) -> Any:
    types = pa.types
    if value is None:
        return None
    if types.is_map(kind):
        return {_nested(k, kind.key_type): _nested(v, kind.item_type) for k, v in value}
    if types.is_list(kind) or types.is_large_list(kind):
        return [_nested(v, kind.value_type) for v in value]
    if types.is_struct(kind):
        return {f.name: _nested(value.get(f.name), f.type) for f in kind.fields}
    if types.is_int64(kind):
        return Long(value)
    if types.is_float32(kind):
        return Float(value)
    return value


_ARROW: Final[dict[type, pa.DataType]] = {
    bool: pa.bool_(),
    Long: pa.int64(),
    Short: pa.int16(),
    int: pa.int32(),
    Float: pa.float32(),
    float: pa.float64(),
    str: pa.string(),
    bytes: pa.binary(),
    date: pa.date32(),
    time: pa.time64("us"),
}


def column_of(values: Sequence[Any] | Iterable[Any]) -> pa.Array | np.ndarray[Any, Any]:
    """Return a column of values: an Arrow array if they are of one kind that Arrow has, else an array of objects."""
    values = values if isinstance(values, list) else list(values)
    kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return pa.nulls(len(values), pa.string())
    if len(kinds) == 1:
        (kind,) = kinds
        if kind is datetime:
            return _instants(values)
        if kind is Decimal:
            return _decimals(values)
        arrow = _ARROW.get(kind)
        if arrow is not None:
            try:
                return pa.array(values, arrow)
            except (pa.ArrowInvalid, OverflowError, pa.ArrowTypeError):
                return objects(values)
    return objects(values)


def objects(values: Sequence[Any]) -> np.ndarray[Any, Any]:
    """Return an array of Python objects, never taken apart."""
    column = np.empty(len(values), dtype=object)
    for i, value in enumerate(values):
        column[i] = value
    return column


def _instants(values: list[Any]) -> pa.Array | np.ndarray[Any, Any]:
    zones = {None if v.tzinfo is None else str(v.tzinfo) for v in values if v is not None}
    if len(zones) != 1:
        return objects(values)
    (zone,) = zones
    try:
        return pa.array(values, pa.timestamp("us", None if zone is None else _arrow_zone(zone)))
    except (pa.ArrowInvalid, OverflowError):
        return objects(values)


def _arrow_zone(name: str) -> str:
    return "UTC" if name in ("UTC", str(UTC)) else name.removeprefix("UTC") if name.startswith("UTC") else name


def _decimals(values: list[Any]) -> pa.Array | np.ndarray[Any, Any]:
    exponents = {v.as_tuple().exponent for v in values if v is not None}
    if len(exponents) != 1:
        return objects(values)  # each keeps its own scale
    (exponent,) = exponents
    if not isinstance(exponent, int) or exponent > 0:
        return objects(values)
    digits = max(len(v.as_tuple().digits) for v in values if v is not None)
    precision = max(digits, -exponent)
    if precision > 76:
        return objects(values)
    return pa.array(values, (pa.decimal128 if precision <= 38 else pa.decimal256)(max(precision, 1), -exponent))
