"""`set-type` and `quantize`."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.transform.directives.declaring import Setting, Step, directive, each_value, no_column, stopped
from penstock.transform.frames.cells import CellFailed
from penstock.transform.frames.data import Data, as_strings, is_text
from penstock.transform.frames.frame import Frame
from penstock.transform.jexl.functions.encoding import decimal_from_bytes, to_bytes
from penstock.transform.jvm.numbers import (
    ROUNDINGS,
    NumberFormat,
    decimal_of,
    parse_decimal,
    parse_float,
    parse_whole,
    rescale,
    to_int,
    to_long,
    to_short,
)
from penstock.transform.jvm.values import Float, Long, Short, class_name, print_any
from penstock.transform.recipe.parser import COLUMN, IDENTIFIER, NUMBER, PROPERTIES, RANGES, TEXT
from penstock.transform.recipe.usage import Arguments, Parameter

__all__: list[str] = []

_NAMES: Final = {
    "INTEGER": "int",
    "I64": "int",
    "INT": "int",
    "I32": "short",
    "SHORT": "short",
    "LONG": "long",
    "BOOL": "boolean",
    "BOOLEAN": "boolean",
    "STRING": "string",
    "FLOAT": "float",
    "DECIMAL": "decimal",
    "DOUBLE": "double",
    "BYTES": "bytes",
}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _whole(bits: int, narrow: Callable[[Any], Any], size: int) -> Callable[[Any], Any]:
    make = {16: Short, 32: int, 64: Long}[bits]

    def convert(value: Any) -> Any:
        if isinstance(value, str):
            return make(parse_whole(value, bits))
        if _is_number(value):
            return narrow(value)
        if isinstance(value, bytes):
            if len(value) != size:
                raise ValueError("wrong number of bytes")
            return make(int.from_bytes(value, "big", signed=True))
        raise TypeError

    return convert


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value.lower() == "true"
    if _is_number(value):
        return bool(value > 0)
    if isinstance(value, bytes):
        return value != b"\x00"
    raise TypeError


def _string(value: Any) -> str:
    return print_any(value)


def _real(make: Callable[[float], float], code: str) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        if isinstance(value, str):
            return make(parse_float(value))
        if _is_number(value):
            return make(float(value))
        if isinstance(value, bytes):
            return make(struct.unpack(code, value)[0])
        raise TypeError

    return convert


def _decimal(value: Any) -> Decimal:
    if isinstance(value, str):
        return parse_decimal(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise NumberFormat("Infinite or NaN")
    if _is_number(value):
        return decimal_of(float(value)) if isinstance(value, Float) else decimal_of(value)
    if isinstance(value, bytes):
        return decimal_from_bytes(value)
    raise TypeError


def _bytes(value: Any) -> bytes:
    if isinstance(value, str | bytes) or _is_number(value):
        return to_bytes(value)
    raise TypeError


_CONVERT: Final[dict[str, Callable[[Any], Any]]] = {
    "int": _whole(32, to_int, 4),
    "short": _whole(16, to_short, 2),
    "long": _whole(64, to_long, 8),
    "boolean": _boolean,
    "string": _string,
    "float": _real(Float, ">f"),
    "double": _real(float, ">d"),
    "decimal": _decimal,
    "bytes": _bytes,
}
_ARROW: Final = {
    "int": pa.int32(),
    "short": pa.int16(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
}


@directive(
    "set-type",
    Parameter("column", COLUMN),
    Parameter("type", IDENTIFIER),
    Parameter("scale", NUMBER, True),
    Parameter("rounding-mode", TEXT, True),
    Parameter("precision", PROPERTIES, True),
)
def set_type(arguments: Arguments, setting: Setting) -> Step:
    """Convert values; nulls and blank texts stay as they are; numbers that do not fit wrap around."""
    column, shown = arguments.text("column"), arguments.text("type")
    kind = _NAMES.get(shown.upper())
    if kind is None:
        raise arguments.refuse(
            f"Column '{column}' is of unsupported type '{shown}'. Supported types are: "
            "int, short, long, double, decimal, boolean, string, bytes"
        )
    finish = _rescaling(arguments) if kind == "decimal" else None
    convert = _CONVERT[kind]

    def cell(value: Any) -> Any:
        if isinstance(value, str) and not value.strip():
            return value
        try:
            made = convert(value)
        except TypeError:
            raise CellFailed(
                f"Column '{column}' has value of type '{class_name(value)}' and cannot be converted to a "
                f"'{shown.upper()}'."
            ) from None
        except (ValueError, ArithmeticError, OverflowError, struct.error):
            raise stopped("set-type", f"Column '{column}' cannot be converted to a '{shown}'.") from None
        return made if finish is None else finish(made)

    def step(frame: Frame) -> Frame:
        at = frame.find(column)
        if at < 0:
            return frame
        if finish is None and (fast := _fast(frame.columns[at].data, kind)) is not None:
            return frame.put(at, fast)
        frame, at, data = each_value(frame, column, cell)
        return frame if data is None else frame.put(at, data)

    return step


def _rescaling(arguments: Arguments) -> Callable[[Decimal], Decimal]:
    scale = arguments.number("scale") if "scale" in arguments else None
    precision = None
    if "precision" in arguments:
        try:
            precision = int(arguments.value("precision").get("precision", 0))
        except ValueError:
            precision = 0
        if precision < 1:
            raise arguments.refuse("precision cannot be less than 1")
    if "rounding-mode" in arguments and scale is None and precision is None:
        raise arguments.refuse("'rounding-mode' can only be specified when a 'scale' or 'precision' is set")
    mode = arguments.text("rounding-mode", "HALF_EVEN")
    if mode not in ROUNDINGS:
        raise arguments.refuse(f"Specified rounding-mode '{mode}' is not a valid Java rounding mode")
    rounding = ROUNDINGS[mode]

    def finish(value: Decimal) -> Decimal:
        try:
            if precision is not None and len(value.as_tuple().digits) > precision:
                value = Context(prec=precision, rounding=rounding or ROUND_HALF_EVEN).plus(value)
            return value if scale is None else rescale(value, scale, rounding)
        except ArithmeticError:
            raise CellFailed(
                f"Cannot set scale as '{scale}' for value '{print_any(value)}' when rounding-mode is '{mode}'"
            ) from None

    return finish


def _fast(data: Data, kind: str) -> Data | None:
    """Convert a column as a whole where that is the same; None where it is not known to be."""
    if not isinstance(data, pa.Array):
        return None
    if kind == "string":
        return None if pa.types.is_binary(data.type) else as_strings(data, print_any)
    if kind == "boolean" and is_text(data):
        blank = pc.equal(pc.utf8_trim_whitespace(data), "")
        return None if pc.any(blank).as_py() else pc.equal(pc.utf8_lower(data), "true")
    target = _ARROW.get(kind)
    if target is None:
        return None
    if data.type == target:
        return data
    if pa.types.is_integer(data.type) and pa.types.is_integer(target):
        return data.cast(target, safe=False)
    if pa.types.is_integer(data.type) and pa.types.is_floating(target):
        return data.cast(target, safe=False)
    if is_text(data):
        try:
            made = data.cast(target)
        except pa.ArrowInvalid:
            return None
        if pa.types.is_floating(target) and not np.isfinite(made.fill_null(0).to_numpy(zero_copy_only=False)).all():
            return None
        return made
    return None


@directive("quantize", Parameter("source", COLUMN), Parameter("destination", COLUMN), Parameter("ranges", RANGES))
def quantize(arguments: Arguments, setting: Setting) -> Step:
    """Label numbers by the range that they are in, both ends included; a later range covers an earlier one."""
    source, destination = arguments.text("source"), arguments.text("destination")
    ranges: list[tuple[float, float, str]] = []
    for low, high, label in arguments.value("ranges"):
        lower, upper = float(low.rstrip("L")), float(high.rstrip("L"))
        if lower > upper:
            raise arguments.refuse(f"Invalid range: [{print_any(lower)}..{print_any(upper)}]")
        ranges.append((lower, upper, label))
    kinds = "It should be of type 'String', 'Float' or 'Double'."

    def label_of(value: Any) -> str | None:
        if isinstance(value, str):
            try:
                number = parse_float(value)
            except NumberFormat:
                raise stopped("quantize", f"Column '{source}' has invalid type. {kinds}") from None
        elif isinstance(value, float):
            number = float(value)
        else:
            raise stopped("quantize", f"Column '{source}' has invalid type '{class_name(value)}'. {kinds}")
        return next((label for low, high, label in reversed(ranges) if low <= number <= high), None)

    def step(frame: Frame) -> Frame:
        empty = stopped(
            "quantize",
            f"Column '{source}' has null value. It should be a non-null 'String', 'Float' or 'Double'.",
        )
        frame, _, data = each_value(frame, source, label_of, on_null=empty, missing=no_column("quantize", source))
        return frame if data is None else frame.set(destination, data)

    return step
