"""Values as the library gives them, for columns of a table; and the columns of changes as the library takes them."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa

from penstock.connect.formats.columns import Reading, booleans, floats, integers, strings
from penstock.connect.formats.json_values import FLAVORS, value_reader
from penstock.data.batch import Column, Words
from penstock.data.jsontext import parse_variant
from penstock.data.pool import Pool
from penstock.data.types import BINARIES, FLOATS, INTEGER_BITS, STRINGS, Kind, SqlType
from penstock.data.values import decode_column

__all__ = ["avro_reading", "avro_values"]

_PYTHON = {Kind.DATE: dt.date, Kind.TIME: dt.time, Kind.TIMESTAMP: dt.datetime, Kind.TIMESTAMP_TZ: dt.datetime}


def avro_reading(type: SqlType) -> Reading:
    """Return how the values of a column are read."""
    return Reading(type, _one(type), _many(type))


def _many(type: SqlType) -> Callable[[list[Any], Pool], Words] | None:
    kind = type.kind
    if kind in STRINGS:
        return strings
    if kind in INTEGER_BITS:
        return integers(type)
    if kind in FLOATS:
        return floats(type)
    if kind is Kind.BOOLEAN:
        return booleans
    if kind in (Kind.TIMESTAMP, Kind.TIMESTAMP_TZ):
        return _moments
    return None


def _moments(values: list[Any], pool: Pool) -> Words:
    if {*map(_type, values)} != {dt.datetime}:
        raise ValueError("not all are instants")
    # Instants of Avro have a zone, local ones have none: both are what stands on the clock, in UTC.
    zone = "UTC" if values[0].tzinfo is not None else None
    words: Words = pa.array(values, pa.timestamp("us", zone)).cast(pa.int64()).to_numpy(zero_copy_only=False)
    return words


_type = type


def _one(type: SqlType) -> Callable[[Any], object]:
    kind = type.kind
    if kind in _PYTHON:
        return _time(type)
    if kind in BINARIES:
        return _bytes
    if kind is Kind.DECIMAL:
        return _decimal(type)
    if kind is Kind.UUID:
        return lambda value: value if isinstance(value, uuid.UUID) else uuid.UUID(value)
    if kind is Kind.VARIANT:
        return parse_variant
    if kind is Kind.ARRAY and type.element is not None:
        item = _or_none(type.element)
        return lambda value: [item(v) for v in _of(value, list, "an array")]
    if kind is Kind.MAP and type.key is not None and type.element is not None:
        key, item = value_reader(type.key, FLAVORS["default"]), _or_none(type.element)
        return lambda value: {key(k): item(v) for k, v in _of(value, dict, "a map").items()}
    if kind is Kind.STRUCT:
        parts = [(f.name, _or_none(f.type)) for f in type.fields]
        return lambda value: tuple(part(_of(value, dict, "a record").get(name)) for name, part in parts)
    return value_reader(type, FLAVORS["default"])


def _or_none(type: SqlType) -> Callable[[Any], Any]:
    one = _one(type)

    def read(value: Any) -> Any:
        if value is None and not type.nullable:
            raise ValueError("a part that is NOT NULL is null")
        return None if value is None else one(value)

    return read


def _of(value: Any, wanted: type, what: str) -> Any:
    if not isinstance(value, wanted):
        raise ValueError(f"{what} is needed")
    return value


def _bytes(value: Any) -> object:
    return bytes(_of(value, bytes, "a value of bytes"))


def _time(type: SqlType) -> Callable[[Any], object]:
    """Times of a logical type, or their texts; a number says nothing of its unit and is refused."""
    wanted, from_text = _PYTHON[type.kind], value_reader(type, FLAVORS["default"])

    def read(value: Any) -> object:
        if isinstance(value, str):
            return from_text(value)
        if not isinstance(value, wanted) or (wanted is dt.date and isinstance(value, dt.datetime)):
            raise ValueError("its Avro type has no logical type for it")
        if isinstance(value, dt.datetime):
            if type.kind is Kind.TIMESTAMP_TZ:
                return value if value.tzinfo is not None else value.replace(tzinfo=dt.UTC)
            return value.astimezone(dt.UTC).replace(tzinfo=None) if value.tzinfo is not None else value
        return value

    return read


def _decimal(type: SqlType) -> Callable[[Any], object]:
    plain = value_reader(type, FLAVORS["default"])

    def read(value: Any) -> object:
        if isinstance(value, dict) and {"scale", "value"} <= value.keys():  # a decimal with a scale of its own
            value = Decimal(int.from_bytes(value["value"], "big", signed=True)).scaleb(-int(value["scale"]))
        return plain(value)

    return read


def avro_values(column: Column, type: SqlType, pool: Pool) -> list[Any]:
    """Return a column as the library takes it."""
    convert = _written(type)
    values = decode_column(column, type, pool)
    return values if convert is None else [None if value is None else convert(value) for value in values]


def _written(type: SqlType) -> Callable[[Any], Any] | None:
    kind = type.kind
    if kind is Kind.TIMESTAMP:
        return lambda value: value.replace(tzinfo=dt.UTC)
    if kind is Kind.TIME:
        return lambda value: value if isinstance(value, dt.time) else _clock(int(value))
    if kind is Kind.UBIGINT:
        return Decimal
    if kind is Kind.VARIANT:
        from penstock.data.jsontext import variant_text

        return variant_text
    if kind is Kind.ARRAY and type.element is not None:
        item = _written_or_none(type.element)
        return lambda value: [item(v) for v in value]
    if kind is Kind.MAP and type.element is not None:
        item = _written_or_none(type.element)
        return lambda value: {k: item(v) for k, v in value.items()}
    if kind is Kind.STRUCT:
        parts = [(f.name, _written_or_none(f.type)) for f in type.fields]

        def row(value: Any) -> dict[str, Any]:
            values = value.values() if isinstance(value, dict) else value
            return {name: part(v) for (name, part), v in zip(parts, values, strict=True)}

        return row
    return None


def _written_or_none(type: SqlType) -> Callable[[Any], Any]:
    convert = _written(type)
    return lambda value: value if value is None or convert is None else convert(value)


def _clock(nanoseconds: int) -> dt.time:
    seconds, rest = divmod(nanoseconds // 1000, 1_000_000)
    return dt.time(seconds // 3600, seconds // 60 % 60, seconds % 60, rest)
