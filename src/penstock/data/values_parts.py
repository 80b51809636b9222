"""Parts of pooled values found in their bytes, without making the values around them.

Everything here reads the self-delimiting forms of `values_bytes.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache

from penstock.data.jsontext import BadJson, decode_document, number_variant
from penstock.data.types import BINARIES, FLOATS, STRINGS, Kind, SqlType
from penstock.data.values_bytes import (
    ABSENT,
    END,
    ENTRY,
    PRESENT,
    RANK_OF,
    RANKS,
    Reader,
    fixed_width,
    part_type,
    reader,
    text_bytes,
    writer,
)

Skip = Callable[[bytes, int], int]
"""skip(data, position) -> the position behind the value that begins there."""

_ARRAY, _MAP = RANK_OF["ARRAY"], RANK_OF["MAP"]
_VARCHAR, _BOOLEAN = RANK_OF["VARCHAR"], RANK_OF["BOOLEAN"]
_VARIANT = SqlType(Kind.VARIANT, nullable=False)


def _skip_bytes(data: bytes, at: int) -> int:
    end = data.index(b"\x00", at)
    while data[end + 1]:
        end = data.index(b"\x00", end + 2)
    return end + 2


def _skip_decimal(data: bytes, at: int) -> int:
    """Pass sign, exponent, digits and scale of a DECIMAL in a VARIANT."""
    sign = data[at]
    if sign == 1:
        return at + 3
    return data.index(b"\x00" if sign == 2 else b"\xff", at + 3) + 3


def _skip_variant(data: bytes, at: int) -> int:
    return _skip_ranked(data[at])(data, at + 1)


@lru_cache(maxsize=64)
def _skip_ranked(rank: int) -> Skip:
    if rank == 0:
        return lambda data, at: at
    return _skip_decimal if RANKS[rank].kind is Kind.DECIMAL else skipper(RANKS[rank])


def _skip_optional(type: SqlType) -> Skip:
    skip = skipper(type)
    return lambda data, at: at + 1 if data[at] == ABSENT else skip(data, at + 1)


def _skip_array(element: SqlType) -> Skip:
    skip = _skip_optional(element)

    def skip_array(data: bytes, at: int) -> int:
        while data[at] != END:
            at = skip(data, at)
        return at + 1

    return skip_array


def _skip_map(key: SqlType, element: SqlType) -> Skip:
    skip_key, skip_value = skipper(key), _skip_optional(element)

    def skip_map(data: bytes, at: int) -> int:
        while data[at] != END:
            at = skip_value(data, skip_key(data, at + 1))
        return at + 1

    return skip_map


def _skip_row(type: SqlType) -> Skip:
    skips = [_skip_optional(field.type) for field in type.fields]

    def skip_row(data: bytes, at: int) -> int:
        for skip in skips:
            at = skip(data, at)
        return at

    return skip_row


@lru_cache(maxsize=4096)
def skipper(type: SqlType) -> Skip:
    """Return the function that passes over a value of a type that is not NULL."""
    kind = type.kind
    if kind in STRINGS or kind in BINARIES:
        return _skip_bytes
    if kind is Kind.VARIANT:
        return _skip_variant
    if kind is Kind.ARRAY:
        return _skip_array(part_type(type.element))
    if kind is Kind.MAP:
        return _skip_map(part_type(type.key), part_type(type.element))
    if kind is Kind.STRUCT:
        return _skip_row(type)
    width = 0 if kind is Kind.NULL else 16 if kind is Kind.UUID else fixed_width(type)
    if kind in FLOATS:
        width = 4 if kind is Kind.REAL else 8
    return lambda data, at: at + width


def row_field(type: SqlType, position: int) -> Callable[[bytes], object]:
    """Return the function from a ROW's bytes to its field at a position from 0."""
    skips = [_skip_optional(field.type) for field in type.fields[:position]]
    read: Reader = reader(type.fields[position].type)

    def field(data: bytes) -> object:
        at = 0
        for skip in skips:
            at = skip(data, at)
        return None if data[at] == ABSENT else read(data, at + 1)[0]

    return field


def array_element(type: SqlType) -> Callable[[bytes, int], object]:
    """Return the function from an ARRAY's bytes and a position from 1 to the element, None if there is none."""
    element = part_type(type.element)
    skip, read = _skip_optional(element), reader(element)

    def find(data: bytes, position: int) -> object:
        at = 0
        if position < 1:
            return None
        while data[at] != END:
            if position == 1:
                return None if data[at] == ABSENT else read(data, at + 1)[0]
            at = skip(data, at)
            position -= 1
        return None

    return find


def variant_element(data: bytes, position: int) -> bytes | None:
    """Return the bytes of the element at a position from 1 of a VARIANT that holds an ARRAY."""
    if data[0] != _ARRAY or position < 1:
        return None
    at = 1
    while data[at] != END:
        end = at + 1 if data[at] == ABSENT else _skip_variant(data, at + 1)
        if position == 1:
            return None if data[at] == ABSENT else data[at + 1 : end]
        at = end
        position -= 1
    return None


def variant_member(data: bytes, key: bytes) -> bytes | None:
    """Return the bytes of the value under a key, given as the bytes of a VARIANT, of a VARIANT that holds a MAP."""
    if data[0] != _MAP:
        return None
    at = 1
    while data[at] != END:
        found = data.startswith(key, at + 1)
        at = at + 1 + len(key) if found else _skip_variant(data, at + 1)
        end = at + 1 if data[at] == ABSENT else _skip_variant(data, at + 1)
        if found:
            return None if data[at] == ABSENT else data[at + 1 : end]
        at = end
    return None


# ------------------------------------------------------------------------------------- documents straight to bytes

_write_variant = writer(_VARIANT)


def _escaped(text: str) -> bytes:
    data = text_bytes(text)
    return (data.replace(b"\x00", b"\x00\xff") if 0 in data else data) + b"\x00\x00"


def write_document(document: object, out: bytearray) -> None:
    """Append the bytes of the VARIANT that a decoded JSON document is (`jsontext.json_variant`)."""
    if document is None:
        out.append(0)
    elif isinstance(document, str):
        out.append(_VARCHAR)
        out += _escaped(document)
    elif isinstance(document, bool):
        out.append(_BOOLEAN)
        out.append(document)
    elif isinstance(document, dict):
        out.append(_MAP)
        for key, value in sorted([(_escaped(k), v) for k, v in document.items()], key=_first):
            out.append(ENTRY)
            out.append(_VARCHAR)
            out += key
            out.append(PRESENT)
            write_document(value, out)
        out.append(END)
    elif isinstance(document, list):
        out.append(_ARRAY)
        for item in document:
            out.append(PRESENT)
            write_document(item, out)
        out.append(END)
    else:
        assert isinstance(document, int | Decimal)
        _write_variant(number_variant(document), out)


def _first(entry: tuple[bytes, object]) -> bytes:
    return entry[0]


def parse_document(text: str | bytes) -> bytes:
    """Read a JSON document as the bytes of a VARIANT.

    Raises: BadJson if the text is none.
    """
    out = bytearray()
    try:
        write_document(decode_document(text), out)
    except RecursionError:
        raise BadJson("too deeply nested") from None
    return bytes(out)
