"""SQL values as JSON and back, by their types, for the conversation with a function's process.

A form says how a value is written: a word for plain ones, a list for nested ones. The process translates by the same
forms (`worker.py`) and is not believed: what comes back is checked against the type.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import uuid
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from penstock.data.jsontext import parse_variant, variant_text
from penstock.data.types import INTEGER_BITS, SIGNED, STRINGS, Kind, SqlType

__all__ = ["NotOfType", "form", "reader", "writer"]

Form = str | list[Any]
_FORMS = {
    Kind.BOOLEAN: "bool",
    Kind.REAL: "float",
    Kind.DOUBLE: "float",
    Kind.DECIMAL: "decimal",
    Kind.CHAR: "str",
    Kind.VARCHAR: "str",
    Kind.BINARY: "bytes",
    Kind.VARBINARY: "bytes",
    Kind.DATE: "date",
    Kind.TIME: "time",
    Kind.TIMESTAMP: "timestamp",
    Kind.TIMESTAMP_TZ: "timestamp",
    Kind.UUID: "uuid",
    Kind.VARIANT: "json",
}


class NotOfType(Exception):
    """A value that is not of the type it should have."""


def form(kind: SqlType) -> Form:
    """Return how values of a type are written."""
    if kind.kind in INTEGER_BITS:
        return "int"
    if kind.kind is Kind.ARRAY and kind.element is not None:
        return ["array", form(kind.element)]
    if kind.kind is Kind.MAP and kind.key is not None and kind.element is not None:
        return ["map", form(kind.key), form(kind.element)]
    if kind.kind is Kind.STRUCT:
        return ["row", [f.name for f in kind.fields], [form(f.type) for f in kind.fields]]
    return _FORMS[kind.kind]


def writer(kind: SqlType) -> Callable[[Any], Any]:
    """Return the function from a value, or None, to its JSON."""
    write = _write(kind)
    return lambda value: None if value is None else write(value)


def _write(kind: SqlType) -> Callable[[Any], Any]:
    match form(kind):
        case "decimal" | "uuid":
            return str
        case "date" | "time" | "timestamp":
            return lambda value: value.isoformat()
        case "bytes":
            return lambda value: base64.b64encode(value).decode()
        case "json":
            return variant_text
        case ["array", _]:
            assert kind.element is not None
            each = writer(kind.element)
            return lambda value: [each(v) for v in value]
        case ["map", _, _]:
            assert kind.key is not None and kind.element is not None
            key, element = writer(kind.key), writer(kind.element)
            return lambda value: [[key(k), element(v)] for k, v in value.items()]
        case ["row", _, _]:
            fields = [writer(f.type) for f in kind.fields]
            return lambda value: [w(v) for w, v in zip(fields, value.values(), strict=True)]
    return lambda value: value


def reader(kind: SqlType) -> Callable[[Any], Any]:
    """Return the function from JSON that came back to the value. It raises NotOfType."""
    read = _read(kind)

    def checked(value: Any) -> Any:
        if value is None:
            if kind.nullable:
                return None
            raise NotOfType(f"None where {_shown(kind)} NOT NULL is declared")
        try:
            return read(value)
        except (ValueError, TypeError, InvalidOperation, binascii.Error, OverflowError):
            raise NotOfType(f"{value!r}, which is no {_shown(kind)}") from None

    return checked


def _shown(kind: SqlType) -> str:
    return kind.kind.value


def _read(kind: SqlType) -> Callable[[Any], Any]:
    match form(kind):
        case "bool":
            return lambda value: _exactly(value, bool)
        case "int":
            return _integer(kind)
        case "float":
            return lambda value: float(_exactly(value, float, int))
        case "decimal":
            return _decimal(kind)
        case "str":
            return _text(kind)
        case "bytes":
            return lambda value: base64.b64decode(_exactly(value, str), validate=True)
        case "date":
            return dt.date.fromisoformat
        case "time":
            return dt.time.fromisoformat
        case "timestamp":
            return _moment(kind.kind is Kind.TIMESTAMP_TZ)
        case "uuid":
            return lambda value: uuid.UUID(_exactly(value, str))
        case "json":
            return parse_variant
    return _read_nested(kind)


def _read_nested(kind: SqlType) -> Callable[[Any], Any]:
    if kind.kind is Kind.ARRAY:
        assert kind.element is not None
        each = reader(kind.element)
        return lambda value: [each(v) for v in _exactly(value, list)]
    if kind.kind is Kind.MAP:
        assert kind.key is not None and kind.element is not None
        key, element = reader(kind.key), reader(kind.element)
        return lambda value: {key(k): element(v) for k, v in _exactly(value, list)}
    fields = [(f.name, reader(f.type)) for f in kind.fields]
    return lambda value: {name: read(v) for (name, read), v in zip(fields, _exactly(value, list), strict=True)}


def _exactly(value: Any, *types: type) -> Any:
    if type(value) not in types:
        raise TypeError(value)
    return value


def _integer(kind: SqlType) -> Callable[[Any], int]:
    bits, signed = INTEGER_BITS[kind.kind], kind.kind in SIGNED
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1)) if signed else (0, 2**bits)

    def read(value: Any) -> int:
        number: int = _exactly(value, int)
        if not low <= number < high:
            raise ValueError(value)
        return number

    return read


def _decimal(kind: SqlType) -> Callable[[Any], Decimal]:
    precision, scale = kind.precision or 38, kind.scale or 0

    def read(value: Any) -> Decimal:
        number = Decimal(_exactly(value, str))
        if not number.is_finite() or number.adjusted() >= precision - scale:
            raise ValueError(value)
        return number.quantize(Decimal(1).scaleb(-scale), "ROUND_HALF_EVEN")

    return read


def _text(kind: SqlType) -> Callable[[Any], str]:
    size = kind.precision if kind.kind in STRINGS else None

    def read(value: Any) -> str:
        text: str = _exactly(value, str)
        if size is not None and len(text) > size:
            raise ValueError(value)
        return text.ljust(size) if kind.kind is Kind.CHAR and size is not None else text

    return read


def _moment(zoned: bool) -> Callable[[Any], dt.datetime]:
    def read(value: Any) -> dt.datetime:
        moment = dt.datetime.fromisoformat(value)
        if zoned:
            return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
        return moment if moment.tzinfo is None else moment.astimezone(dt.UTC).replace(tzinfo=None)

    return read
