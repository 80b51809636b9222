"""JSON values to SQL values: one reading per column type and flavour.

Flavours differ in how times, VARIANT and binary values are spelled; every flavour takes the default spellings as well.
Source: spec of data formats, type encodings (accepted forms and the table of flavours).
"""

from __future__ import annotations

import datetime as dt
import functools
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
import numpy as np

from penstock.connect.formats.columns import (
    Reading,
    booleans,
    decimals,
    floats,
    integers,
    strings,
    text_times,
)
from penstock.data.batch import Words
from penstock.data.jsontext import number_variant
from penstock.data.pool import Pool
from penstock.data.types import BINARIES, FLOATS, INTEGER_BITS, STRINGS, Kind, SqlType
from penstock.data.values import VARIANT_NULL, Variant
from penstock.data.values_scalars import integer_range

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_TIME = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})(?:\.(\d{1,9})\d*)?\Z")
_FRACTION = re.compile(r"(\.\d{6})\d+")

_exact = msgspec.json.Decoder(float_hook=Decimal)


@dataclass(frozen=True, slots=True)
class Flavor:
    """How a producer spells what differs between producers.

    date_ns, time_ns, timestamp_ns: how many nanoseconds one of an integer is; None: integers are refused.
    variant_text: a VARIANT is a string that holds JSON. binary: how a string is binary: "hex", "base58", "utf8", None.
    """

    date_ns: int | None = None
    time_ns: int | None = None
    timestamp_ns: int | None = None
    variant_text: bool = False
    binary: str | None = None


_DAY_NS, _MS_NS, _US_NS = 86_400_000_000_000, 1_000_000, 1_000

FLAVORS: Mapping[str, Flavor] = {
    "default": Flavor(),
    "pandas": Flavor(_MS_NS, _MS_NS, _MS_NS, variant_text=True, binary="utf8"),
    "debezium_mysql": Flavor(_DAY_NS, _US_NS, _MS_NS, variant_text=True),
    "debezium_postgres": Flavor(_DAY_NS, _US_NS, _MS_NS, variant_text=True),
    "kafka_connect_json_converter": Flavor(_DAY_NS, _MS_NS, _MS_NS, variant_text=True),
    "snowflake": Flavor(variant_text=True, binary="hex"),
    "postgres": Flavor(binary="hex"),
    "blockchain": Flavor(variant_text=True, binary="base58"),
    "c_hex": Flavor(variant_text=True, binary="hex"),
    "datagen": Flavor(_DAY_NS, _MS_NS, _MS_NS),
}


@functools.lru_cache(maxsize=1024)
def reading(type: SqlType, flavor: Flavor) -> Reading:
    """Return how values of a type are read in a flavour."""
    return Reading(type, value_reader(type, flavor), _column_reader(type, flavor))


@functools.lru_cache(maxsize=1024)
def needs_exact_numbers(type: SqlType) -> bool:
    """Whether fractions must not pass through floats on their way to this type."""
    parts = [part for part in (type.element, type.key, *(f.type for f in type.fields)) if part is not None]
    return type.kind in (Kind.DECIMAL, Kind.VARIANT) or any(map(needs_exact_numbers, parts))


# ------------------------------------------------------------------------------------------- whole columns


def _column_reader(type: SqlType, flavor: Flavor) -> Callable[[list[Any], Pool], Words] | None:
    kind = type.kind
    if kind in INTEGER_BITS:
        return integers(type)
    if kind in FLOATS:
        return floats(type)
    if kind is Kind.BOOLEAN:
        return booleans
    if kind in STRINGS:
        return strings
    if kind is Kind.DECIMAL:
        return decimals(type)
    text = text_times(type)
    unit = _unit(kind, flavor)
    if text is None and unit is None:
        return None
    return _times(text, unit, kind)


def _times(
    text: Callable[[list[Any], Pool], Words] | None, unit: int | None, kind: Kind
) -> Callable[[list[Any], Pool], Words]:
    """Columns of dates or times that are all texts, or all integers of a unit."""
    word_ns = {Kind.DATE: _DAY_NS, Kind.TIME: 1}.get(kind, _US_NS)

    def many(values: list[Any], pool: Pool) -> Words:
        first = values[0]
        if isinstance(first, str) and text is not None:
            return text(values, pool)
        if unit is None or {*map(_type, values)} != {int}:
            raise ValueError("not all are numbers")
        words = np.array(values, np.int64)
        return words * (unit // word_ns) if unit >= word_ns else words // (word_ns // unit)

    return many


def _unit(kind: Kind, flavor: Flavor) -> int | None:
    if kind is Kind.DATE:
        return flavor.date_ns
    if kind is Kind.TIME:
        return flavor.time_ns
    if kind in (Kind.TIMESTAMP, Kind.TIMESTAMP_TZ):
        return flavor.timestamp_ns
    return None


_type = type


# ------------------------------------------------------------------------------------------- single values


def value_reader(type: SqlType, flavor: Flavor) -> Callable[[Any], object]:
    """Return the function from a JSON value that is not null to the canonical value; it raises ValueError."""
    kind = type.kind
    if kind in INTEGER_BITS:
        return _integer_reader(kind)
    if kind is Kind.ARRAY and type.element is not None:
        return _array_reader(type.element, flavor)
    if kind is Kind.MAP and type.key is not None and type.element is not None:
        return _map_reader(type.key, type.element, flavor)
    if kind is Kind.STRUCT:
        return _row_reader(type, flavor)
    if kind is Kind.VARIANT:
        return _variant_text if flavor.variant_text else variant
    if kind in BINARIES:
        return _binary_reader(flavor.binary)
    if kind in (Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ):
        return _time_reader(kind, _unit(kind, flavor))
    if kind in FLOATS:
        return read_float
    simple: dict[Kind, Callable[[Any], object]] = {
        Kind.BOOLEAN: _boolean,
        Kind.DECIMAL: read_decimal,
        Kind.CHAR: _string,
        Kind.VARCHAR: _string,
        Kind.UUID: _uuid,
    }
    if kind in simple:
        return simple[kind]
    raise ValueError(f"values of type {kind.value} cannot be read")


def _boolean(value: Any) -> object:
    if value is True or value is False:
        return value
    raise ValueError("a boolean is true or false")


def _string(value: Any) -> object:
    if not isinstance(value, str):
        raise ValueError("a string is needed")
    value.encode()  # a lone surrogate is no text
    return value


def _uuid(value: Any) -> object:
    return uuid.UUID(_string(value))  # type: ignore[arg-type]


def _integer_reader(kind: Kind) -> Callable[[Any], object]:
    low, high = integer_range(kind)

    def read(value: Any) -> object:
        if _type(value) is not int:
            raise ValueError("an integer is needed")
        if not low <= value <= high:
            raise ValueError(f"it is not in the range of {low} to {high}")
        return value

    return read


def read_float(value: Any) -> object:
    """Read a DOUBLE from a number or the text of one."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise ValueError("a number is needed")
    number = float(value)
    if number - number != 0:
        raise ValueError("JSON has only finite numbers, and those that a double can hold")
    return number


def read_decimal(value: Any) -> object:
    """Read a DECIMAL from a number or the text of one."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise ValueError("a number is needed")
    try:
        number = (
            Decimal(value.strip())
            if isinstance(value, str)
            else Decimal(repr(value) if isinstance(value, float) else value)
        )
    except InvalidOperation:
        raise ValueError("a number is needed") from None
    if not number.is_finite():
        raise ValueError("a finite number is needed")
    return number


def read_time(text: str) -> int:
    """Return nanoseconds since midnight of HH:MM:SS[.fffffffff]. Raises: ValueError."""
    match = _TIME.match(text.strip())
    if match is None:
        raise ValueError("a time is written HH:MM:SS[.fffffffff]")
    hours, minutes, seconds = (int(part) for part in match.groups()[:3])
    if hours > 23 or minutes > 59 or seconds > 59:
        raise ValueError("no such time of day")
    return ((hours * 60 + minutes) * 60 + seconds) * 1_000_000_000 + int((match[4] or "").ljust(9, "0"))


def read_timestamp(text: str) -> dt.datetime:
    """Return a timestamp, with its zone if it names one; digits beyond microseconds are cut. Raises: ValueError."""
    return dt.datetime.fromisoformat(_FRACTION.sub(r"\1", text.strip()))


def _time_reader(kind: Kind, unit: int | None) -> Callable[[Any], object]:
    def read(value: Any) -> object:
        if isinstance(value, str):
            if kind is Kind.TIME:
                return read_time(value)
            if kind is Kind.DATE:
                return _date(value)
            moment = read_timestamp(value)
            if kind is Kind.TIMESTAMP:
                return moment.astimezone(dt.UTC).replace(tzinfo=None) if moment.tzinfo is not None else moment
            return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
        if unit is None or _type(value) is not int:
            raise ValueError("a text is needed")
        ns = value * unit
        return ns if kind is Kind.TIME else ns // (_DAY_NS if kind is Kind.DATE else _US_NS)

    return read


def _date(text: str) -> dt.date:
    text = text.strip()
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        moment = read_timestamp(text)  # a date is also read from a timestamp at midnight
        if (moment.hour, moment.minute, moment.second, moment.microsecond) != (0, 0, 0, 0):
            raise
        return moment.date()


def _binary_reader(spelling: str | None) -> Callable[[Any], object]:
    def read(value: Any) -> object:
        if isinstance(value, list):
            if any(_type(item) is not int for item in value):
                raise ValueError("a list of byte values is needed")
            return bytes(value)
        if not isinstance(value, str) or spelling is None:
            raise ValueError("a list of byte values is needed")
        if spelling == "hex":
            return bytes.fromhex(value[2:] if value[:2] in ("\\x", "0x") else value)
        return _base58(value) if spelling == "base58" else value.encode()

    return read


def _base58(text: str) -> bytes:
    number = 0
    for character in text:
        number = number * 58 + _BASE58.index(character)
    zeros = len(text) - len(text.lstrip("1"))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")


def _optional(type: SqlType, flavor: Flavor) -> Callable[[Any], object]:
    read = value_reader(type, flavor)
    if type.kind is Kind.VARIANT and not type.nullable:
        return lambda value: VARIANT_NULL if value is None else read(value)
    return lambda value: None if value is None else read(value)


def _array_reader(element: SqlType, flavor: Flavor) -> Callable[[Any], object]:
    read_item = _optional(element, flavor)

    def read(value: Any) -> object:
        if not isinstance(value, list):
            raise ValueError("an array is needed")
        return [read_item(item) for item in value]

    return read


def _map_reader(key: SqlType, element: SqlType, flavor: Flavor) -> Callable[[Any], object]:
    read_key, read_item = key_reader(key, flavor), _optional(element, flavor)

    def read(value: Any) -> object:
        if not isinstance(value, dict):
            raise ValueError("an object is needed")
        return {read_key(name): read_item(item) for name, item in value.items()}

    return read


def key_reader(type: SqlType, flavor: Flavor) -> Callable[[str], object]:
    """Return the function from the name of an object's member to a key of a MAP; keys of other types are their text."""
    read = value_reader(type, flavor)
    if type.kind in INTEGER_BITS:
        return lambda text: read(int(text))
    if type.kind is Kind.BOOLEAN:
        return lambda text: read({"true": True, "false": False}[text.lower()])
    if type.kind in (Kind.ARRAY, Kind.MAP, Kind.STRUCT):
        return lambda text: read(_exact.decode(text))
    return read


def _row_reader(type: SqlType, flavor: Flavor) -> Callable[[Any], object]:
    readers = {field.name: _optional(field.type, flavor) for field in type.fields}

    def read(value: Any) -> object:
        if isinstance(value, list) and len(value) == len(readers):
            value = dict(zip(readers, value, strict=True))
        if not isinstance(value, dict):
            raise ValueError("an object is needed")
        if not readers.keys() <= value.keys():
            folded = {name.lower(): item for name, item in value.items()}
            value = {name: value.get(name, folded.get(name.lower())) for name in readers}
        return {name: read_item(value[name]) for name, read_item in readers.items()}

    return read


def _variant_text(value: Any) -> object:
    if not isinstance(value, str):
        return variant(value)
    try:
        return variant(_exact.decode(value))
    except msgspec.DecodeError as error:
        raise ValueError(f"its text is no JSON: {error}") from None


def variant(value: Any) -> Variant:
    """Return a JSON value as a VARIANT; numbers stay exact as long as a DECIMAL can hold them."""
    if value is None:
        return VARIANT_NULL
    if isinstance(value, bool):
        return Variant(Kind.BOOLEAN, value)
    if isinstance(value, str):
        return Variant(Kind.VARCHAR, value)
    if isinstance(value, list):
        return Variant(Kind.ARRAY, [variant(item) for item in value])
    if isinstance(value, dict):
        return Variant(Kind.MAP, {Variant(Kind.VARCHAR, name): variant(item) for name, item in sorted(value.items())})
    if isinstance(value, int | Decimal):
        return number_variant(value)
    if isinstance(value, float):
        return Variant(Kind.DOUBLE, value)
    raise ValueError(f"{value!r} is no JSON value")
