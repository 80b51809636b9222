"""Functions of binary strings and digests of strings; those named like a string function stand in `strings.py`."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence

from penstock.data.batch import Column
from penstock.data.pool import Pool
from penstock.data.types import BINARIES, STRINGS, Kind, SqlType
from penstock.sql.functions.coercion import expect_count, mismatch
from penstock.sql.functions.distinct import by_column, by_value
from penstock.sql.functions.registry import EvaluationError, Resolve, Signature
from penstock.sql.functions.textual import texts

_MAX_BYTES = 1 << 28
"""Data that inflate to more are refused."""


def _raw(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


def _octets(name: str, result: Kind, strings: bool = True, nullable: bool = False) -> Resolve:
    """Return the typing of a function of one string or binary value that is not read from other types."""

    def resolve(types: Sequence[SqlType]) -> Signature:
        expect_count(name.lower(), types, 1)
        kind = types[0].kind
        if kind is Kind.NULL:
            return Signature((SqlType(Kind.VARBINARY),), SqlType(result))
        if kind not in BINARIES and not (strings and kind in STRINGS):
            raise mismatch(name, types)
        return Signature((types[0],), SqlType(result, nullable or types[0].nullable))

    return resolve


@by_column("OCTET_LENGTH", resolve=_octets("OCTET_LENGTH", Kind.INTEGER))
def octet_length(pool: Pool, signature: Signature, columns: Sequence[Column]) -> Column:
    """Count bytes."""
    return Column(pool.sizes(columns[0].words))


@by_value("TO_HEX", resolve=_octets("TO_HEX", Kind.VARCHAR))
def to_hex(value: str | bytes) -> str:
    """Return the bytes as lower-case hexadecimal digits."""
    return _raw(value).hex()


@by_value("TO_INT", resolve=_octets("TO_INT", Kind.INTEGER))
def to_int(value: str | bytes) -> int:
    """Return the first four bytes, the first the most significant, as an INTEGER."""
    number = int.from_bytes(_raw(value)[:4], "big")
    return number - (1 << 32) if number >= 1 << 31 else number


@by_value("BIN2UTF8", resolve=_octets("BIN2UTF8", Kind.VARCHAR, strings=False, nullable=True))
def bin2utf8(value: bytes) -> str | None:
    """Read bytes as UTF-8; NULL if they are none."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


@by_value("GUNZIP", resolve=_octets("GUNZIP", Kind.VARCHAR, strings=False), can_fail=True)
def gunzip(value: bytes) -> str:
    """Decompress gzip data to a string."""
    inflate = zlib.decompressobj(wbits=31)
    try:
        text = inflate.decompress(value, _MAX_BYTES).decode()
    except (zlib.error, UnicodeDecodeError) as error:
        raise EvaluationError(f"failed to decompress gzipped data: {error}") from None
    if not inflate.eof:
        reason = f"more than {_MAX_BYTES} bytes" if inflate.unconsumed_tail else "it ends too early"
        raise EvaluationError(f"failed to decompress gzipped data: {reason}")
    return text


@by_value("MD5", resolve=texts("MD5", "x", Kind.VARCHAR))
def md5(value: str | bytes) -> str:
    """Return the MD5 digest as hexadecimal digits."""
    return hashlib.md5(_raw(value), usedforsecurity=False).hexdigest()
