"""Conversions between text and typed values of records, as pipelines of records print and read them. Pure, vectorised.

Numbers print and parse as the JVM does it: shortest digits, `.0` on whole ones, `1.0E7` from ten millions on and below
a thousandth; whole numbers do not take `1.0`. Times print in ISO form.
Source: `Double.toString`, `Integer.parseInt`, `Double.parseDouble` of the Java SE documentation.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from penstock.data.record_schema import type_name

__all__ = ["ConversionFailed", "as_text", "convert", "from_text", "print_double", "print_value"]


class ConversionFailed(ValueError):
    """A value that cannot be converted. value: its text; index: its place in the array."""

    def __init__(self, value: str, target: str, index: int) -> None:
        super().__init__(f"cannot convert {value!r} to the type {target!r}")
        self.value = value
        self.target = target
        self.index = index


def convert(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """Convert a column to text, to bytes of its text, or to a wider number; nothing happens if it has the type.

    Numbers that do not fit wrap around like casts of the JVM.
    """
    if column.type.equals(kind):
        return column
    if pa.types.is_string(kind):
        return as_text(column)
    if pa.types.is_binary(kind):
        return as_text(column).cast(pa.binary())
    return column.cast(kind, safe=False)


def as_text(column: pa.Array) -> pa.Array:
    """Print every value; nulls stay null. The result is a string array of the same length."""
    kind, types = column.type, pa.types
    if types.is_string(kind):
        return column
    if types.is_floating(kind):
        return _print_floats(column)
    if types.is_integer(kind) or types.is_decimal(kind) or types.is_boolean(kind) or types.is_null(kind):
        return column.cast(pa.string())
    if types.is_date32(kind):
        return pc.strftime(column, "%Y-%m-%d")
    if types.is_timestamp(kind) and kind.tz is None and kind.unit == "us":
        return pc.replace_substring_regex(pc.strftime(column, "%Y-%m-%dT%H:%M:%S"), r"\.000000$", "")
    if types.is_large_string(kind) or types.is_string_view(kind):
        return column.cast(pa.string())
    printed = [None if value is None else print_value(value) for value in column.to_pylist()]
    return pa.array(printed, pa.string())


def _print_floats(column: pa.Array) -> pa.Array:
    plain = column.cast(pa.string())
    size = pc.abs(column)
    zero = pc.equal(column, 0)
    simple = pc.or_(pc.and_(pc.greater_equal(size, 1e-3), pc.less(size, 1e7)), zero)
    whole = pc.invert(pc.match_substring(plain, "."))
    printed = pc.if_else(whole, pc.binary_join_element_wise(plain, ".0", ""), plain)
    if pc.all(simple, skip_nulls=True, min_count=0).as_py():
        return printed
    odd = pc.unique(plain.filter(pc.and_(pc.invert(simple), pc.is_valid(plain))))
    spelled = {text: _spell(text) for text in odd.to_pylist()}
    found = pc.index_in(plain, odd)
    replacement = pa.array([spelled[text] for text in odd.to_pylist()], pa.string()).take(found)
    return pc.if_else(pc.invert(simple), replacement, printed)


def print_double(value: float) -> str:
    """Print one double."""
    return _spell(repr(value)) if value else repr(value)


def _spell(text: str) -> str:
    """Turn shortest digits in any notation into the JVM's."""
    lowered = text.lower()
    if "nan" in lowered:
        return "NaN"
    if "inf" in lowered:
        return "-Infinity" if lowered.startswith("-") else "Infinity"
    sign, digits, exponent = Decimal(text).as_tuple()
    shown = "".join(map(str, digits)).rstrip("0") or "0"
    point = len(digits) + int(exponent)
    minus = "-" if sign else ""
    if shown == "0":
        return minus + "0.0"
    if -2 <= point <= 7:
        if point <= 0:
            return f"{minus}0.{'0' * -point}{shown}"
        shown = shown.ljust(point, "0")
        return f"{minus}{shown[:point]}.{shown[point:] or '0'}"
    return f"{minus}{shown[0]}.{shown[1:] or '0'}E{point - 1}"


def print_value(value: Any) -> str:
    """Print one value of any type, nested ones included, as the JVM's `toString` of its usual classes would."""
    match value:
        case None:
            return "null"
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case float():
            return print_double(value)
        case bytes():
            return _print_bytes(value)
        case datetime():
            return print_timestamp(value)
        case date():
            return value.isoformat()
        case time():
            return _clock_time(value)
        case dict():
            return "{" + ", ".join(f"{k}={print_value(v)}" for k, v in value.items()) + "}"
        case list() if value and all(isinstance(item, tuple) for item in value):
            return "{" + ", ".join(f"{print_value(k)}={print_value(v)}" for k, v in value) + "}"
        case list():
            return "[" + ", ".join(map(print_value, value)) + "]"
    return str(value)


def print_timestamp(value: datetime) -> str:
    """Print an instant (`2020-01-02T03:04:05Z[UTC]`) or a local time without a zone (`2020-01-02T03:04:05`)."""
    if value.tzinfo is None:
        return value.isoformat()
    return f"{value.date().isoformat()}T{_clock_time(value.time())}Z[UTC]"


def _print_bytes(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()


def _clock_time(value: time) -> str:
    text = f"{value.hour:02}:{value.minute:02}"
    if value.second or value.microsecond:
        text += f":{value.second:02}"
    if value.microsecond:
        micros = f"{value.microsecond:06}"
        text += "." + (micros[:3] if micros.endswith("000") else micros)
    return text


def from_text(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """Read texts as values of a type; nulls stay null. Raises: ConversionFailed for the first text that is none."""
    types = pa.types
    if types.is_string(kind):
        return column
    if types.is_binary(kind):
        return column.cast(pa.binary())
    if types.is_boolean(kind):
        return pc.equal(pc.ascii_lower(column), "true")
    if types.is_integer(kind) or types.is_floating(kind):
        try:
            return column.cast(kind)
        except pa.ArrowInvalid:
            pass  # the slow way says which one it was, or knows a spelling that Arrow does not
    return _one_by_one(column, kind)


def _one_by_one(column: pa.Array, kind: pa.DataType) -> pa.Array:
    read = _reader(kind)
    distinct = column.dictionary_encode()
    values: list[Any] = []
    bad: dict[int, str] = {}
    for i, text in enumerate(distinct.dictionary.to_pylist()):
        try:
            values.append(read(text))
        except (ValueError, InvalidOperation, OverflowError):
            values.append(None)
            bad[i] = text
    if bad:
        codes = distinct.indices.to_pylist()
        index = next(i for i, code in enumerate(codes) if code in bad)
        raise ConversionFailed(bad[codes[index]], type_name(kind), index)
    try:
        return pa.array(values, kind).take(distinct.indices)
    except (pa.ArrowInvalid, OverflowError):
        for i, value in enumerate(values):
            try:
                pa.array([value], kind)
            except (pa.ArrowInvalid, OverflowError):
                index = distinct.indices.to_pylist().index(i)
                raise ConversionFailed(distinct.dictionary[i].as_py(), type_name(kind), index) from None
        raise


_INTEGER = re.compile(r"[+-]?[0-9]+\Z")
_FLOAT = re.compile(r"[+-]?(NaN|Infinity|([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?)[dDfF]?\Z")


def _reader(kind: pa.DataType) -> Callable[[str], Any]:
    types = pa.types
    if types.is_integer(kind):
        return _read_integer
    if types.is_floating(kind):
        return _read_float
    if types.is_decimal(kind):
        return lambda text: _read_decimal(text, kind.scale)
    if types.is_date(kind):
        return lambda text: date.fromisoformat(text.strip())
    if types.is_time(kind):
        return lambda text: time.fromisoformat(text.strip())
    if types.is_timestamp(kind):
        return _read_instant if kind.tz else _read_local
    raise ValueError(f"texts cannot be read as {type_name(kind)}")


def _read_integer(text: str) -> int:
    if not _INTEGER.match(text):
        raise ValueError(text)
    return int(text)


def _read_float(text: str) -> float:
    stripped = text.strip()
    if not _FLOAT.match(stripped):
        raise ValueError(text)
    return float(stripped.rstrip("dDfF").replace("Infinity", "inf"))


def _read_decimal(text: str, scale: int) -> Decimal:
    value = Decimal(text.strip())
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or -exponent > scale:
        raise ValueError(text)
    return value


def _read_instant(text: str) -> datetime:
    bare = text.strip().removesuffix("[UTC]")
    value = datetime.fromisoformat(bare)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _read_local(text: str) -> datetime:
    value = datetime.fromisoformat(text.strip())
    if value.tzinfo is not None:
        raise ValueError(text)
    return value
