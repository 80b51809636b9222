"""What a piece of code takes and gives: a plain value, or an object with named, typed fields. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final

import msgspec

from penstock.kernel.values import Value

__all__ = ["ANYTHING", "Field", "FieldType", "Misfit", "Signature", "fit", "kind_of"]


class FieldType(StrEnum):
    """The types of fields. `file` is a text that names a stored file; `array_*` are lists of the type after it."""

    INT = "int"
    DOUBLE = "double"
    STRING = "string"
    BOOL = "bool"
    DICT = "dict"
    FILE = "file"
    ARRAY_INT = "array_int"
    ARRAY_DOUBLE = "array_double"
    ARRAY_STRING = "array_string"
    ARRAY_FILE = "array_file"

    @property
    def is_file(self) -> bool:
        """Whether values name stored files."""
        return self in (FieldType.FILE, FieldType.ARRAY_FILE)


class Field(msgspec.Struct, frozen=True):
    """One named field."""

    name: str
    type: FieldType


class Signature(msgspec.Struct, frozen=True, omit_defaults=True):
    """The form of a value. fields: of an object, all of them required and no others; None: any JSON value (plain)."""

    fields: tuple[Field, ...] | None = None

    @property
    def is_plain(self) -> bool:
        """Whether any JSON value will do."""
        return self.fields is None

    @property
    def has_files(self) -> bool:
        """Whether a field names stored files."""
        return any(field.type.is_file for field in self.fields or ())


ANYTHING: Final = Signature()


class Misfit(ValueError):
    """A value has not the form it should have; the message names field and types."""


def fit(signature: Signature, value: Value) -> Value:
    """Return a value in the form of a signature: whole doubles become ints where ints are wanted.

    Raises: Misfit (a ValueError), naming the field, what was expected and what came.
    """
    if signature.fields is None:
        return value
    if not isinstance(value, dict):
        raise Misfit(f"an object with the fields {_names(signature)} was expected, not {kind_of(value)}")
    fitted: dict[str, Value] = {}
    for field in signature.fields:
        if field.name not in value:
            raise Misfit(f"field {field.name!r} ({field.type.value}) is missing")
        fitted[field.name] = _CHECKS[field.type](field, value[field.name])
    if len(fitted) != len(value):
        unknown = next(name for name in value if name not in fitted)
        raise Misfit(f"there is no field {unknown!r}; there are {_names(signature)}")
    return fitted


def kind_of(value: Value) -> str:
    """Name the type of a JSON value for a message."""
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "double"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "dict"


def _names(signature: Signature) -> str:
    names = ", ".join(repr(field.name) for field in signature.fields or ())
    return names or "(none)"


def _wrong(field: Field, value: Value, where: str = "") -> Misfit:
    return Misfit(f"field {field.name!r}{where}: expected {field.type.value}, got {kind_of(value)}")


def _int(field: Field, value: Value, where: str = "") -> Value:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise _wrong(field, value, where)


def _double(field: Field, value: Value, where: str = "") -> Value:
    if isinstance(value, int | float) and not isinstance(value, bool):
        if isinstance(value, float) and not math.isfinite(value):
            raise Misfit(f"field {field.name!r}{where}: {value} is no number in JSON")
        return value
    raise _wrong(field, value, where)


def _string(field: Field, value: Value, where: str = "") -> Value:
    if isinstance(value, str):
        return value
    raise _wrong(field, value, where)


def _bool(field: Field, value: Value, where: str = "") -> Value:
    if isinstance(value, bool):
        return value
    raise _wrong(field, value, where)


def _dict(field: Field, value: Value, where: str = "") -> Value:
    if isinstance(value, dict):
        return value
    raise _wrong(field, value, where)


def _array(element: Callable[[Field, Value, str], Value]) -> Callable[[Field, Value], Value]:
    def check(field: Field, value: Value) -> Value:
        if not isinstance(value, list):
            raise _wrong(field, value)
        return [element(field, member, f" at index {index}") for index, member in enumerate(value)]

    return check


def _file(field: Field, value: Value, where: str = "") -> Value:
    if isinstance(value, str) or (isinstance(value, dict) and isinstance(value.get("file"), str)):
        return value
    raise _wrong(field, value, where)


_CHECKS: Final[dict[FieldType, Any]] = {
    FieldType.INT: _int,
    FieldType.DOUBLE: _double,
    FieldType.STRING: _string,
    FieldType.BOOL: _bool,
    FieldType.DICT: _dict,
    FieldType.FILE: _file,
    FieldType.ARRAY_INT: _array(_int),
    FieldType.ARRAY_DOUBLE: _array(_double),
    FieldType.ARRAY_STRING: _array(_string),
    FieldType.ARRAY_FILE: _array(_file),
}
