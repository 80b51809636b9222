"""How a pooled value is written: bytes whose memcmp order is the SQL order, equal bytes for equal values.

At the top (what stands in the pool): CHAR/VARCHAR as UTF-8, BINARY as it is, UUID 16 bytes, wide DECIMAL 16 bytes if
it does not fit into a word (`decimal128.py`), the rest as the self-delimiting form below, of which arrays, rows and
maps are made:

| kind                 | self-delimiting form                                                                   |
|----------------------|----------------------------------------------------------------------------------------|
| integers, times      | big-endian two's complement with the sign bit flipped (unsigned: as it is)             |
| REAL, DOUBLE         | IEEE bits big-endian; negative: all bits flipped, else the sign bit flipped            |
| DECIMAL              | unscaled integer, 8 bytes up to 18 digits, else 16                                     |
| strings, binary      | 00 written as 00 FF, closed by 00 00                                                   |
| ARRAY                | per element 01 (NULL) or 02 and the element; closed by 00                              |
| ROW                  | per field 01 (NULL) or 02 and the field                                                |
| MAP                  | per entry in the order of keys 01, the key, 01 (NULL) or 02 and the value; closed by 00|
| VARIANT              | rank of the kind (`RANKS`), then the value; elements and keys of ARRAY and MAP as VARIANT |

NULL is smallest inside values. A DECIMAL in a VARIANT is written so that numbers of any scale order by value: sign,
exponent, digits, then the scale.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import lru_cache

from penstock.data.types import (
    BINARIES,
    FLOATS,
    NARROW_DECIMAL_PRECISION,
    STRINGS,
    UNSIGNED,
    Kind,
    SqlType,
)
from penstock.data.values_scalars import EXACT, decimal_size, number_of, value_of
from penstock.data.values_variant import Variant

Writer = Callable[[object, bytearray], None]
Reader = Callable[[bytes, int], tuple[object, int]]
"""reader(data, position) -> value and the position behind it."""

ABSENT, PRESENT, END, ENTRY = 0x01, 0x02, 0x00, 0x01

_WIDTH = {
    Kind.BOOLEAN: 1,
    Kind.TINYINT: 1,
    Kind.UTINYINT: 1,
    Kind.SMALLINT: 2,
    Kind.USMALLINT: 2,
    Kind.INTEGER: 4,
    Kind.UINTEGER: 4,
}

_NOT_NULL = SqlType(Kind.VARIANT, nullable=False)
RANKS: tuple[SqlType, ...] = (
    SqlType(Kind.NULL),
    *(
        SqlType(kind, nullable=False)
        for kind in (
            Kind.BOOLEAN,
            Kind.TINYINT,
            Kind.SMALLINT,
            Kind.INTEGER,
            Kind.BIGINT,
            Kind.UTINYINT,
            Kind.USMALLINT,
            Kind.UINTEGER,
            Kind.UBIGINT,
            Kind.REAL,
            Kind.DOUBLE,
            Kind.DECIMAL,
            Kind.VARCHAR,
            Kind.DATE,
            Kind.TIME,
            Kind.TIMESTAMP,
            Kind.TIMESTAMP_TZ,
            Kind.INTERVAL_MICROS,
            Kind.INTERVAL_MONTHS,
            Kind.VARBINARY,
            Kind.UUID,
        )
    ),
    SqlType(Kind.ARRAY, nullable=False, element=SqlType(Kind.VARIANT)),
    SqlType(Kind.MAP, nullable=False, key=_NOT_NULL, element=SqlType(Kind.VARIANT)),
)
"""The types of values in a VARIANT by rank, which is their order in comparisons; rank 0 is the variant null."""

RANK_OF = {type.kind.value: rank for rank, type in enumerate(RANKS)}
"""Rank by the word of the kind: a member of an Enum is slow to hash."""


def hashable(value: object) -> object:
    """Return an equal value that can be a key of a dict: lists, dicts and rows as tuples of their parts."""
    if isinstance(value, list):
        return tuple(hashable(part) for part in value)
    if isinstance(value, dict):
        return tuple(hashable(part) for part in value.values())
    return value


def text_bytes(value: object) -> bytes:
    """Return a string's UTF-8; a lone surrogate, which no SQL string can hold, becomes U+FFFD."""
    text = value if isinstance(value, str) else str(value)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def uuid_bytes(value: object) -> bytes:
    """Return the 16 bytes of a UUID given as such, as bytes or as text."""
    if isinstance(value, uuid.UUID):
        return value.bytes
    return bytes(value) if isinstance(value, bytes | bytearray) else uuid.UUID(str(value)).bytes


def float_bits(value: float, single: bool) -> bytes:
    """Return a float's order-preserving bytes; -0.0 is 0.0 and every NaN is the greatest value."""
    if value != value:
        value = float("nan")
    data = struct.pack(">f" if single else ">d", value + 0.0)
    if data[0] & 0x80:
        return bytes(b ^ 0xFF for b in data)
    return bytes([data[0] ^ 0x80]) + data[1:]


def bits_float(data: bytes, single: bool) -> float:
    """Return the float that `float_bits` wrote."""
    data = bytes([data[0] ^ 0x80]) + data[1:] if data[0] & 0x80 else bytes(b ^ 0xFF for b in data)
    result: float = struct.unpack(">f" if single else ">d", data)[0]
    return result


# ------------------------------------------------------------------------------------------- self-delimiting form


def fixed_width(type: SqlType) -> int:
    """Return how many bytes an integer-like value takes."""
    return _fixed(type)[0]


def _fixed(type: SqlType) -> tuple[int, int]:
    """The width in bytes of an integer-like type and what is added to make it unsigned."""
    width = _WIDTH.get(type.kind, 8)
    if type.kind is Kind.DECIMAL and decimal_size(type)[0] > NARROW_DECIMAL_PRECISION:
        width = 16
    unsigned = type.kind in UNSIGNED or type.kind is Kind.BOOLEAN
    return width, 0 if unsigned else 1 << (8 * width - 1)


def _bytes_writer(raw: Callable[[object], bytes]) -> Writer:
    def write(value: object, out: bytearray) -> None:
        data = raw(value)
        out += data.replace(b"\x00", b"\x00\xff") if 0 in data else data
        out += b"\x00\x00"

    return write


def _bytes_reader(make: Callable[[bytes], object]) -> Reader:
    def read(data: bytes, at: int) -> tuple[object, int]:
        end = data.index(b"\x00", at)
        if data[end + 1] == 0:
            return make(data[at:end]), end + 2
        parts = []
        while data[end + 1] != 0:
            parts.append(data[at : end + 1])
            at = end + 2
            end = data.index(b"\x00", at)
        parts.append(data[at:end])
        return make(b"".join(parts)), end + 2

    return read


def _raw_bytes(value: object) -> bytes:
    return bytes(value)  # type: ignore[call-overload, no-any-return]


def _optional_writer(type: SqlType) -> Writer:
    write = writer(type)

    def write_optional(value: object, out: bytearray) -> None:
        if value is None:
            out.append(ABSENT)
        else:
            out.append(PRESENT)
            write(value, out)

    return write_optional


def _optional_reader(type: SqlType) -> Reader:
    read = reader(type)

    def read_optional(data: bytes, at: int) -> tuple[object, int]:
        return (None, at + 1) if data[at] == ABSENT else read(data, at + 1)

    return read_optional


def _array_writer(element: SqlType) -> Writer:
    write = _optional_writer(element)

    def write_array(value: object, out: bytearray) -> None:
        for item in value:  # type: ignore[attr-defined]
            write(item, out)
        out.append(END)

    return write_array


def _array_reader(element: SqlType) -> Reader:
    read = _optional_reader(element)

    def read_array(data: bytes, at: int) -> tuple[object, int]:
        items = []
        while data[at] != END:
            item, at = read(data, at)
            items.append(item)
        return items, at + 1

    return read_array


def _row_writer(type: SqlType) -> Writer:
    names = [field.name for field in type.fields]
    writers = [_optional_writer(field.type) for field in type.fields]

    def write_row(value: object, out: bytearray) -> None:
        if isinstance(value, Mapping):
            for name, write in zip(names, writers, strict=True):
                write(value[name], out)
        else:
            for item, write in zip(value, writers, strict=True):  # type: ignore[call-overload]
                write(item, out)

    return write_row


def _row_reader(type: SqlType) -> Reader:
    parts = [(field.name, _optional_reader(field.type)) for field in type.fields]

    def read_row(data: bytes, at: int) -> tuple[object, int]:
        row: dict[str, object] = {}
        for name, read in parts:
            row[name], at = read(data, at)
        return row, at

    return read_row


def _entries(value: object) -> Iterable[tuple[object, object]]:
    return value.items() if isinstance(value, Mapping) else value  # type: ignore[return-value]


def _map_writer(key: SqlType, element: SqlType) -> Writer:
    write_key, write_value = writer(key), _optional_writer(element)

    def write_map(value: object, out: bytearray) -> None:
        entries: dict[bytes, object] = {}
        for k, v in _entries(value):
            written = bytearray()
            write_key(k, written)
            entries[bytes(written)] = v
        for name in sorted(entries):
            out.append(ENTRY)
            out += name
            write_value(entries[name], out)
        out.append(END)

    return write_map


def _map_reader(key: SqlType, element: SqlType) -> Reader:
    read_key, read_value = reader(key), _optional_reader(element)

    def read_map(data: bytes, at: int) -> tuple[object, int]:
        entries: dict[object, object] = {}
        while data[at] != END:
            name, at = read_key(data, at + 1)
            entries[hashable(name)], at = read_value(data, at)
        return entries, at + 1

    return read_map


# ------------------------------------------------------------------------------------------------------- VARIANT


def write_decimal(value: Decimal, out: bytearray) -> None:
    """Sign (0, 1, 2), exponent and digits + 1 (both complemented below zero), then the scale."""
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise ValueError(f"{value} cannot be held in a VARIANT")
    plain = bytes(digits).rstrip(b"\x00")
    if not plain:
        out.append(1)
    else:
        body = struct.pack(">H", value.adjusted() + 0x4000) + bytes([d + 1 for d in plain]) + b"\x00"
        out.append(0 if sign else 2)
        out += bytes(b ^ 0xFF for b in body) if sign else body
    out += struct.pack(">H", 0x4000 - exponent)


def _read_decimal(data: bytes, at: int) -> tuple[Decimal, int]:
    sign = data[at]
    at += 1
    number = 0
    exponent = 0
    if sign != 1:
        flip = 0xFF if sign == 0 else 0
        adjusted = (data[at] ^ flip) * 256 + (data[at + 1] ^ flip) - 0x4000
        at += 2
        count = 0
        while data[at] ^ flip:
            number = number * 10 + (data[at] ^ flip) - 1
            count += 1
            at += 1
        at += 1
        exponent = adjusted - count + 1
        number = -number if sign == 0 else number
    scale = struct.unpack_from(">H", data, at)[0] - 0x4000
    return EXACT.scaleb(Decimal(number * 10 ** (exponent + scale)), -scale), at + 2


@lru_cache(maxsize=64)
def write_ranked(rank: int) -> Writer:
    """Return the writer of values of a rank above 0, DECIMAL aside."""
    return writer(RANKS[rank])


@lru_cache(maxsize=64)
def _read_ranked(rank: int) -> Reader:
    return reader(RANKS[rank])


def _write_variant(value: object, out: bytearray) -> None:
    if not isinstance(value, Variant):
        raise TypeError(f"{value!r} is no Variant")
    rank = RANK_OF[value.kind._value_]
    out.append(rank)
    if value.kind is Kind.DECIMAL:
        write_decimal(value.value, out)  # type: ignore[arg-type]
    elif rank:
        write_ranked(rank)(value.value, out)


def _read_variant(data: bytes, at: int) -> tuple[object, int]:
    rank = data[at]
    if rank == 0:
        return Variant(Kind.NULL, None), at + 1
    kind = RANKS[rank].kind
    value, at = _read_decimal(data, at + 1) if kind is Kind.DECIMAL else _read_ranked(rank)(data, at + 1)
    return Variant(kind, value), at


# -------------------------------------------------------------------------------------------------- by type


@lru_cache(maxsize=4096)
def writer(type: SqlType) -> Writer:
    """Return the function that appends a value's self-delimiting form; the value is not NULL."""
    kind = type.kind
    if kind in STRINGS:
        return _bytes_writer(text_bytes)
    if kind in BINARIES:
        return _bytes_writer(_raw_bytes)
    if kind in FLOATS:
        single = kind is Kind.REAL
        return lambda value, out: out.extend(float_bits(float(value), single))  # type: ignore[arg-type]
    if kind is Kind.UUID:
        return lambda value, out: out.extend(uuid_bytes(value))
    if kind is Kind.VARIANT:
        return _write_variant
    if kind is Kind.NULL:
        return lambda value, out: None
    if kind is Kind.ARRAY:
        return _array_writer(part_type(type.element))
    if kind is Kind.STRUCT:
        return _row_writer(type)
    if kind is Kind.MAP:
        return _map_writer(part_type(type.key), part_type(type.element))
    width, shift = _fixed(type)
    number = number_of(type)
    return lambda value, out: out.extend((number(value) + shift).to_bytes(width, "big"))


@lru_cache(maxsize=4096)
def reader(type: SqlType) -> Reader:
    """Return the function that reads back what `writer` wrote."""
    kind = type.kind
    if kind in STRINGS:
        return _bytes_reader(bytes.decode)
    if kind in BINARIES:
        return _bytes_reader(bytes)
    if kind in FLOATS:
        size = 4 if kind is Kind.REAL else 8
        return lambda data, at: (bits_float(data[at : at + size], size == 4), at + size)
    if kind is Kind.UUID:
        return lambda data, at: (uuid.UUID(bytes=data[at : at + 16]), at + 16)
    if kind is Kind.VARIANT:
        return _read_variant
    if kind is Kind.NULL:
        return lambda data, at: (None, at)
    if kind is Kind.ARRAY:
        return _array_reader(part_type(type.element))
    if kind is Kind.STRUCT:
        return _row_reader(type)
    if kind is Kind.MAP:
        return _map_reader(part_type(type.key), part_type(type.element))
    width, shift = _fixed(type)
    make = value_of(type)
    return lambda data, at: (make(int.from_bytes(data[at : at + width], "big") - shift), at + width)


def part_type(type: SqlType | None) -> SqlType:
    """Return the type of elements or keys.

    Raises: ValueError if there is none.
    """
    if type is None:
        raise ValueError("the type of elements or keys is missing")
    return type


@lru_cache(maxsize=4096)
def encoder(type: SqlType) -> Callable[[object], bytes]:
    """Return the function from a value to the bytes that stand in the pool; the value is not NULL."""
    if type.kind in STRINGS:
        return text_bytes
    if type.kind in BINARIES:
        return _raw_bytes
    if type.kind is Kind.UUID:
        return uuid_bytes
    write = writer(type)

    def encode(value: object) -> bytes:
        out = bytearray()
        write(value, out)
        return bytes(out)

    return encode


@lru_cache(maxsize=4096)
def decoder(type: SqlType) -> Callable[[bytes], object]:
    """Return the function from the bytes in the pool to the value."""
    if type.kind in STRINGS:
        return bytes.decode
    if type.kind in BINARIES:
        return bytes
    read = reader(type)
    return lambda data: read(data, 0)[0]


def encode_key(value: object, type: SqlType) -> bytes:
    """Write a value that is not NULL so that bytes order as values do; for a pooled type the bytes of the pool."""
    return encoder(type)(value)


def decode_key(data: bytes, type: SqlType) -> object:
    """Read what `encode_key` wrote."""
    return decoder(type)(data)
