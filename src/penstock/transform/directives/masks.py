"""Directives that hide values: masks, digests, encodings, identifiers."""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pyarrow as pa

from penstock.transform.directives.declaring import (
    Setting,
    Step,
    directive,
    each_value,
    no_column,
    stopped,
    wrong_type,
)
from penstock.transform.frames.cells import map_cells
from penstock.transform.frames.data import choose, constant, is_ascii, is_text
from penstock.transform.frames.frame import Frame
from penstock.transform.jvm.chance import Chance, draws
from penstock.transform.jvm.digests import DIGESTS, digest
from penstock.transform.jvm.values import class_name, print_any
from penstock.transform.recipe.parser import BOOLEAN, COLUMN, TEXT
from penstock.transform.recipe.usage import Arguments, Parameter

__all__: list[str] = []

_BYTES: Final = "type 'String' or 'byte array'"


@directive("mask-number", Parameter("column", COLUMN), Parameter("mask", TEXT))
def mask_number(arguments: Arguments, setting: Setting) -> Step:
    """Keep characters where the mask has `#`, write `x` where it has one, insert everything else."""
    column, mask = arguments.text("column"), arguments.text("mask")

    def step(frame: Frame) -> Frame:
        at = frame.find(column)
        if at < 0:
            return frame.add(column, constant("", frame.rows))
        data = frame.columns[at].data
        if is_text(data) and mask.isascii() and is_ascii(data):
            made: Any = _mask_column(data, mask.encode())
        else:
            made, _ = map_cells(data, lambda value: _mask(print_any(value), mask))
        there = frame.columns[at].present
        if there is not None and not there.all():
            made = choose(there, made, constant("", frame.rows))
        return frame.put(at, made, np.ones(frame.rows, dtype=bool))

    return step


def _mask(value: str, mask: str) -> str:
    out: list[str] = []
    at = 0
    for char in mask:
        if char == "#":
            if at < len(value):
                out.append(value[at])
                at += 1
        elif char in "xX":
            out.append("x")
            at += 1
        else:
            if at < len(value) and value[at] == char:
                at += 1
            out.append(char)
    return "".join(out)


def _bytes_of(data: pa.Array) -> tuple[Any, Any]:
    """Return the bytes of a column of strings, and where each begins, with the end of the last."""
    buffers = data.buffers()
    offsets = np.frombuffer(buffers[1], np.int32)[data.offset : data.offset + len(data) + 1].astype(np.int64)
    values = np.frombuffer(buffers[2], np.uint8) if buffers[2] is not None else np.zeros(0, np.uint8)
    return values[offsets[0] : offsets[-1]], offsets - offsets[0]


def _strings_of(values: Any, offsets: Any, data: pa.Array) -> pa.Array:
    """Return a column of strings from bytes, null where another column is."""
    if data.null_count:
        validity = pa.array(np.packbits(~np.asarray(data.is_null()), bitorder="little")).buffers()[1]
    else:
        validity = None
    buffers = [validity, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(np.ascontiguousarray(values))]
    return pa.Array.from_buffers(pa.string(), len(data), buffers, data.null_count)


def _mask_column(data: pa.Array, mask: bytes) -> pa.Array:
    """Mask a whole column of ASCII strings."""
    values, offsets = _bytes_of(data)
    start, length = offsets[:-1], np.diff(offsets)
    size = len(data)
    padded = np.append(values, 0).astype(np.uint8)
    at = np.zeros(size, dtype=np.int64)
    shown = np.zeros((size, len(mask)), dtype=np.uint8)
    kept = np.ones((size, len(mask)), dtype=bool)
    for i, char in enumerate(mask):
        inside = at < length
        if char == ord("#"):
            shown[:, i] = padded[np.where(inside, start + at, len(values))]
            kept[:, i] = inside
            at += inside
        elif char in b"xX":
            shown[:, i] = ord("x")
            at += 1
        else:
            at += inside & (padded[np.where(inside, start + at, len(values))] == char)
            shown[:, i] = char
    if data.null_count:
        kept[np.asarray(data.is_null())] = False
    ends = np.concatenate([[0], np.cumsum(kept.sum(axis=1))])
    return _strings_of(shown[kept], ends, data)


_CONSONANTS: Final = "bcdfghjklmnpqrstvwxz"
_VOWELS: Final = "aeiouy"
_DIGITS: Final = "0123456789"


@directive("mask-shuffle", Parameter("column", COLUMN))
def mask_shuffle(arguments: Arguments, setting: Setting) -> Step:
    """Replace letters by letters and digits by digits, drawn anew from the same seed for each value."""
    column = arguments.text("column")

    def shuffle(value: Any) -> str:
        if not isinstance(value, str):
            raise stopped("mask-shuffle", f"java.lang.{class_name(value)} cannot be cast to java.lang.String")
        return _shuffle(value)

    def step(frame: Frame) -> Frame:
        at = frame.find(column)
        if at >= 0 and is_text(frame.columns[at].data) and frame.columns[at].present is None:
            frame = frame.fail_where(frame.nulls_of(at), stopped("mask-shuffle", "null").failure)
            if frame.rows == 0:
                return frame
            made = _shuffle_column(frame.columns[at].data)
            if made is not None:
                return frame.put(at, made)
        failure = stopped("mask-shuffle", "null")
        frame, at, data = each_value(frame, column, shuffle, on_null=failure, missing=no_column("mask-shuffle", column))
        return frame if data is None else frame.put(at, data)

    return step


def _shuffle(value: str) -> str:
    chance = Chance(0)
    out: list[str] = []
    for char in value:
        low = char.lower()
        group = next((g for g in (_CONSONANTS, _VOWELS, _DIGITS) if low in g), None) if len(low) == 1 else None
        if group is None:
            out.append(char)
            continue
        drawn = group[chance.below(len(group))]
        out.append(drawn.upper() if low != char else drawn)
    return "".join(out)


_GROUPS: Final = tuple(
    group for lower in (_CONSONANTS, _VOWELS, _DIGITS) for group in dict.fromkeys((lower, lower.upper()))
)


def _classes() -> Any:
    table = np.zeros(256, dtype=np.int32)
    for number, group in enumerate(_GROUPS, 1):
        table[np.frombuffer(group.encode(), np.uint8)] = number
    return table


_CLASS: Final = _classes()
"""For each byte, which group of characters it is of; 0 for none."""


def _shuffle_column(data: pa.Array) -> pa.Array | None:
    """Shuffle a whole column of ASCII strings; the n-th draw is the same for all. None if it is not that simple."""
    values, offsets = _bytes_of(data)
    if not len(values):
        return data
    if values.max() > 127 or len(values) >= 1 << 30:
        return None
    kinds = _CLASS[values]
    counted = np.cumsum(kinds > 0, dtype=np.int32)
    before = np.concatenate([np.zeros(1, dtype=np.int32), counted])[offsets[:-1]]
    place = counted - np.repeat(before + 1, np.diff(offsets))
    longest = int(place.max(initial=0)) + 1
    drawn = draws(0, longest)
    if any((drawn - drawn % bound + (bound - 1) >= 1 << 31).any() for bound in (20, 6, 10)):
        return None  # a draw that the generator throws away would shift the rest
    table = np.zeros((len(_GROUPS) + 1, longest), dtype=np.uint8)
    for number, group in enumerate(_GROUPS, 1):
        table[number] = np.frombuffer(group.encode(), np.uint8)[drawn % len(group)]
    place[place < 0] = 0
    out = np.where(kinds > 0, table.reshape(-1)[kinds * longest + place], values)
    return _strings_of(out, offsets, data)


@directive("hash", Parameter("column", COLUMN), Parameter("algorithm", TEXT), Parameter("encode", BOOLEAN, True))
def hash_(arguments: Arguments, setting: Setting) -> Step:
    """Replace values by their digest, in hexadecimal of at least 64 digits unless bytes are asked for."""
    column, algorithm = arguments.text("column"), arguments.text("algorithm")
    if algorithm not in DIGESTS:
        raise arguments.refuse(f"Algorithm '{algorithm}' specified at line {arguments.line} is not supported.")
    try:
        digest(algorithm, b"")
    except ValueError:
        raise arguments.refuse(f"Unable to find algorithm '{algorithm}' specified at line {arguments.line}.") from None
    encode = arguments.flag("encode", True)

    def hashed(value: Any) -> str | bytes:
        if not isinstance(value, str | bytes):
            raise wrong_type("hash", column, value, _BYTES)
        made = digest(algorithm, value.encode() if isinstance(value, str) else value)
        return made.hex().rjust(64, "0") if encode else made

    def step(frame: Frame) -> Frame:
        empty = stopped("hash", f"Column '{column}' has null value. It should be a non-null 'String' or 'byte array'.")
        frame, at, data = each_value(frame, column, hashed, on_null=empty, missing=no_column("hash", column))
        return frame if data is None else frame.put(at, data)

    return step


_ENCODE: Final[dict[str, Callable[[bytes], bytes]]] = {
    "BASE64": base64.b64encode,
    "BASE32": base64.b32encode,
    "HEX": binascii.hexlify,
}


def _method(arguments: Arguments, message: str) -> str:
    method = arguments.text("method").upper()
    if method not in _ENCODE:
        raise arguments.refuse(message.format(method))
    return method


@directive("encode", Parameter("method", TEXT), Parameter("column", COLUMN))
def encode(arguments: Arguments, setting: Setting) -> Step:
    """Write values in base 64, base 32 or hexadecimal to a column of their own."""
    method = _method(
        arguments,
        "Type of encoding specified '{}' is not supported. Supported types are base64, base32 & hex.",
    )
    column = arguments.text("column")

    def encoded(value: Any) -> str:
        if not isinstance(value, str | bytes):
            raise wrong_type("encode", column, value, _BYTES)
        return _ENCODE[method](value.encode() if isinstance(value, str) else value).decode()

    return _beside("encode", column, method, encoded)


@directive("decode", Parameter("method", TEXT), Parameter("column", COLUMN))
def decode(arguments: Arguments, setting: Setting) -> Step:
    """Read values in base 64, base 32 or hexadecimal to a column of their own."""
    method = _method(arguments, "Decoding type '{}' is not supported. Supported types are base64, base32 & hex.")
    column = arguments.text("column")

    def decoded(value: Any) -> str:
        if not isinstance(value, str | bytes):
            raise stopped(
                "decode",
                f"Column '{column}' has invalid type '{class_name(value)}'. "
                "It should be a non-null 'String' or 'byte array'.",
            )
        return read_encoded(method, value.encode() if isinstance(value, str) else value).decode("utf-8", "replace")

    return _beside("decode", column, method, decoded)


def read_encoded(method: str, value: bytes) -> bytes:
    """Decode leniently in base 64 and 32: what is no digit is passed over. Raises: CellFailed for bad hexadecimal."""
    if method == "HEX":
        try:
            return binascii.unhexlify(value)
        except binascii.Error as error:
            raise stopped("decode", f"Failed to decode hex value. {error}") from None
    if method == "BASE64":
        digits = bytes(c for c in value.translate(bytes.maketrans(b"-_", b"+/")) if chr(c).isalnum() or c in b"+/")
        digits = digits[: len(digits) - 1] if len(digits) % 4 == 1 else digits
        return base64.b64decode(digits + b"=" * (-len(digits) % 4))
    digits = bytes(c for c in value.upper() if chr(c) in "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
    while len(digits) % 8 in (1, 3, 6):
        digits = digits[:-1]
    return base64.b32decode(digits + b"=" * (-len(digits) % 8))


def _beside(name: str, column: str, method: str, function: Any) -> Step:
    target = f"{column}_{name}_{method.lower()}"

    def step(frame: Frame) -> Frame:
        frame, at, data = each_value(frame, column, function)
        if data is None:
            return frame
        where = ~frame.nulls_of(at) & frame.columns[at].there()
        return frame.set(target, data, where)

    return step


@directive("generate-uuid", Parameter("column", COLUMN))
def generate_uuid(arguments: Arguments, setting: Setting) -> Step:
    """Give every row a random identifier."""
    column = arguments.text("column")
    return lambda frame: frame.set(column, pa.array([str(uuid.uuid4()) for _ in range(frame.rows)], pa.string()))
