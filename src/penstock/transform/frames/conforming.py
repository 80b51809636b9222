"""Rows made into records of a schema: columns picked by name, texts read as the schema says, the rest as it is.

A value of a kind that a field does not take, a text that cannot be read, and a null in a field that takes none fail the
record.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.data.conversion import ConversionFailed, from_text
from penstock.data.record_schema import type_name
from penstock.transform.frames.cells import CellFailed, map_cells
from penstock.transform.frames.data import Data, as_strings, is_text, null_mask
from penstock.transform.frames.frame import Failure, Frame
from penstock.transform.jexl.functions.encoding import to_bytes
from penstock.transform.jvm.numbers import WIDE, NumberFormat, parse_float, parse_whole
from penstock.transform.jvm.values import Float, Long, class_name, full_class_name, print_any

__all__ = ["conform"]

_PREFIX: Final = "Problem converting into output record. Reason : "
_NAMES: Final = {"int": "integer", "long": "long", "float": "float", "double": "double", "boolean": "boolean"}
_WRONG: Final = {
    "int": "is integer, but the value is not a integer or string",
    "long": "is long, but the value is nor a string or long",
    "float": "is float, but the value is nor a string or float",
    "double": "is double, but the value is nor a string or double",
    "boolean": "is double, but the value is nor a string or boolean",
}


def conform(frame: Frame, schema: pa.Schema) -> tuple[Frame, pa.RecordBatch]:
    """Return the records of a schema; rows that cannot be one have failed."""
    failed: dict[int, Failure] = {}
    arrays: list[pa.Array] = []
    for field in schema:
        column = frame.value(field.name)
        if column is None:
            array = pa.nulls(frame.rows, field.type)
        else:
            array, bad = _field(column.data, field)
            for row, failure in bad.items():
                failed.setdefault(row, failure)
        if not field.nullable and array.null_count:
            _refuse_nulls(array, field, failed)
        arrays.append(array)
    if failed:
        gone = np.unique(frame.origin[np.fromiter(failed, np.int64, len(failed))])
        kept = pa.array(~np.isin(frame.origin, gone))
        arrays = [array.filter(kept) for array in arrays]
        frame = frame.fail(failed)
    return frame, pa.RecordBatch.from_arrays(arrays, schema=schema)


def _refuse_nulls(array: pa.Array, field: pa.Field, failed: dict[int, Failure]) -> None:
    kind = type_name(field.type).upper()
    message = (
        f"{_PREFIX}Field '{field.name}' of type '{kind}' (Nullable : 'NO') cannot be set to 'NULL'. Possibly the value "
        f"being set is not in inline with the schema specified. Check schema for field '{field.name}'."
    )
    for row in map(int, np.flatnonzero(null_mask(array))):
        failed.setdefault(row, Failure(message))


def _field(data: Data, field: pa.Field) -> tuple[pa.Array, dict[int, Failure]]:
    kind = field.type
    if isinstance(data, pa.Array):
        if data.type == kind:
            return data, {}
        if data.null_count == len(data):
            return pa.nulls(len(data), kind), {}
        fast = _fast(data, kind)
        if fast is not None:
            return fast, {}
    convert = _converter(kind, field.name)
    made, failed = map_cells(data, lambda value: _Done(convert(value)))
    if isinstance(made, pa.Array):
        return pa.nulls(len(data), kind), failed
    values = [None if done is None else done.value for done in made]
    try:
        return pa.array(values, kind), failed
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, TypeError, ValueError):
        return _one_by_one(values, field, failed)


class _Done:
    """A converted value, kept from being looked at."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def _one_by_one(values: list[Any], field: pa.Field, failed: dict[int, Failure]) -> tuple[pa.Array, dict[int, Failure]]:
    for row, value in enumerate(values):
        try:
            pa.array([value], field.type)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, TypeError, ValueError) as error:
            message = f"{_PREFIX}Field '{field.name}' cannot be set to '{print_any(value)}': {error}"
            failed.setdefault(row, Failure(message))
            values[row] = None
    return pa.array(values, field.type), failed


def _fast(data: pa.Array, kind: pa.DataType) -> pa.Array | None:
    """Convert a column as a whole, if it is known that no value fails."""
    types = pa.types
    if types.is_string(kind):
        return as_strings(data, print_any)
    if types.is_integer(data.type) and types.is_integer(kind):
        return data.cast(kind) if kind.bit_width >= data.type.bit_width else None
    if types.is_integer(data.type) and types.is_floating(kind):
        return data.cast(kind, safe=False)
    if types.is_floating(data.type) and types.is_float64(kind):
        return data.cast(kind)
    if types.is_timestamp(data.type) and types.is_timestamp(kind) and (data.type.tz is None) == (kind.tz is None):
        return data.cast(kind, safe=False)
    if types.is_time(data.type) and types.is_time(kind):
        return data.cast(kind, safe=False)
    if is_text(data):
        return _fast_text(data, kind)
    return None


def _fast_text(data: pa.Array, kind: pa.DataType) -> pa.Array | None:
    types = pa.types
    if types.is_binary(kind):
        return data.cast(kind)
    if not (types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)):
        return None
    blank = pc.equal(pc.binary_length(pc.ascii_trim_whitespace(data)), 0)
    if pc.any(blank).as_py():
        data = pc.if_else(blank, pa.scalar(None, pa.string()), data)
    try:
        made = from_text(data, kind)
    except ConversionFailed:
        return None
    return made.cast(kind) if made.type != kind else made


def _converter(kind: pa.DataType, name: str) -> Callable[[Any], Any]:
    types = pa.types
    if types.is_string(kind):
        return print_any
    if types.is_nested(kind):
        return lambda value: _nested(value, kind, name)
    if types.is_binary(kind):
        return lambda value: _to_bytes(value, name)
    if types.is_decimal(kind):
        return lambda value: _to_decimal(value, kind, name)
    simple = type_name(kind)
    if simple in _NAMES:
        return lambda value: _simple(value, simple, name)
    return lambda value: _temporal(value, kind, name)


def _simple(value: Any, kind: str, name: str) -> Any:
    if isinstance(value, str):
        if not value.strip():
            return None
        try:
            return _read(value, kind)
        except NumberFormat:
            raise CellFailed(
                f"{_PREFIX}Unable to convert '{value}' to {_NAMES[kind]} for field name '{name}'"
            ) from None
    if _fits(value, kind):
        return float(value) if kind in ("float", "double") else value
    raise CellFailed(
        f"{_PREFIX}Schema specifies field '{name}' {_WRONG[kind]}. It is of type '{full_class_name(value)}'"
    )


def _read(text: str, kind: str) -> Any:
    if kind == "boolean":
        return text.lower() == "true"
    if kind in ("int", "long"):
        return parse_whole(text, 32 if kind == "int" else 64)
    number = parse_float(text)
    return Float(number) if kind == "float" else number


def _fits(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if isinstance(value, int):
        return kind in ("long", "float", "double") or (kind == "int" and not isinstance(value, Long))
    if isinstance(value, float):
        return kind == "double" or (kind == "float" and isinstance(value, Float))
    return isinstance(value, Decimal) and kind == "double"


def _to_bytes(value: Any, name: str) -> bytes:
    if isinstance(value, bytes | str | int | float | Decimal):
        return to_bytes(value)
    raise CellFailed(f"{_PREFIX}Unable to convert '{print_any(value)}' to bytes for field name '{name}'")


def _to_decimal(value: Any, kind: pa.DataType, name: str) -> Decimal | None:
    if isinstance(value, str):
        if not value.strip():
            return None
        try:
            value = Decimal(value.strip())
        except InvalidOperation:
            raise CellFailed(f"{_PREFIX}Unable to convert '{value}' to decimal for field name '{name}'") from None
    elif isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise CellFailed(f"{_PREFIX}Field '{name}' of type 'DECIMAL' cannot be set to a {class_name(value)}")
    exact = value if isinstance(value, Decimal) else Decimal(int(value))
    try:
        scaled = exact.quantize(Decimal(1).scaleb(-kind.scale), context=WIDE)
    except InvalidOperation:
        scaled = None
    if scaled is None or scaled != exact or len(scaled.as_tuple().digits) > kind.precision:
        raise CellFailed(
            f"{_PREFIX}Field '{name}' has a value '{print_any(exact)}' that does not fit precision '{kind.precision}' "
            f"and scale '{kind.scale}'"
        )
    return scaled


def _temporal(value: Any, kind: pa.DataType, name: str) -> Any:
    if isinstance(value, str):
        if not value.strip():
            return None
        try:
            return from_text(pa.array([value]), kind)[0].as_py()
        except (ConversionFailed, ValueError):
            message = f"{_PREFIX}Unable to convert '{value}' to {type_name(kind)} for field name '{name}'"
            raise CellFailed(message) from None
    wanted = {"date": "LocalDate", "datetime": "LocalDateTime"}.get(type_name(kind), "")
    wanted = wanted or ("LocalTime" if pa.types.is_time(kind) else "ZonedDateTime")
    if class_name(value) != wanted:
        raise CellFailed(
            f"{_PREFIX}Field '{name}' of type '{type_name(kind)}' cannot be set to '{print_any(value)}', which is a "
            f"{class_name(value)}"
        )
    return value


def _nested(value: Any, kind: pa.DataType, name: str) -> Any:
    types = pa.types
    if value is None:
        return None
    if types.is_struct(kind):
        if not isinstance(value, dict):
            raise CellFailed(f"{_PREFIX}Unable decode object '{name}' with schema type 'RECORD'.")
        return {
            field.name: None if value.get(field.name) is None else _converter(field.type, name)(value[field.name])
            for field in (kind.field(i) for i in range(kind.num_fields))
        }
    if types.is_map(kind):
        if not isinstance(value, dict):
            raise CellFailed(f"{_PREFIX}Unable decode object '{name}' with schema type 'MAP'.")
        keys, items = _converter(kind.key_type, name), _converter(kind.item_type, name)
        return [(keys(key), None if item is None else items(item)) for key, item in value.items()]
    if types.is_list(kind) or types.is_large_list(kind):
        if not isinstance(value, list | tuple):
            raise CellFailed(f"{_PREFIX}Unable to decode array '{name}'")
        convert = _converter(kind.value_type, name)
        return [None if item is None else convert(item) for item in value]
    return value
