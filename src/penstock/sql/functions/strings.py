"""Functions of character strings, and those of binary strings that have the same name.

Positions count characters (bytes of binary values) from 1. Any scalar is taken where a string is wanted, by its text.
Source: the dialect's documentation of string operations; behaviour on mixed arguments as its clients expect it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from penstock.data.arrow import column_to_arrow
from penstock.data.arrow_reading import column_from_arrow
from penstock.data.batch import Column
from penstock.data.characters import character_counts
from penstock.data.pool import Pool
from penstock.data.types import BINARIES, Kind, SqlType
from penstock.sql.functions.coercion import any_nullable, expect_count, mismatch
from penstock.sql.functions.distinct import by_column, by_value
from penstock.sql.functions.registry import Context, EvaluationError, Kernel, Signature, TypeMismatch, prepared
from penstock.sql.functions.strings_arrow import (
    choose_left,
    choose_replace,
    choose_reverse,
    choose_right,
    choose_split_part,
    choose_substr,
    choose_substring,
    choose_trim,
    through,
)
from penstock.sql.functions.textual import as_binary, as_text, texts

_TEXT = SqlType(Kind.VARCHAR, False)
_BYTES = SqlType(Kind.VARBINARY, False)

MAX_CHARACTERS = 1 << 28
"""Longer results are refused, before a wrong count takes all memory."""


def _ascii(data: npt.NDArray[np.uint8]) -> bool:
    return len(data) == 0 or bool(data.max() < 128)


# ----------------------------------------------------------------------------------------------------------- joining


def _concatenation(types: Sequence[SqlType]) -> Signature:
    expect_count("||", types, 2)
    binary = any(t.kind in BINARIES for t in types)
    given = [_BYTES.with_nullable(True) if t.kind is Kind.NULL else as_binary(t) for t in types]
    if not binary:
        given = [as_text(t) for t in types]
    taken = [t for t in given if t is not None]
    if len(taken) != len(types):
        raise mismatch("||", types)
    return Signature(tuple(taken), (_BYTES if binary else _TEXT).with_nullable(any_nullable(taken)))


def _concat(types: Sequence[SqlType]) -> Signature:
    expect_count("concat", types, 1, -1)
    if any(t.kind in BINARIES for t in types):
        raise TypeMismatch("Not yet implemented: CONCAT of binary values; use || instead")
    taken = [t for t in map(as_text, types) if t is not None]
    if len(taken) != len(types):
        raise mismatch("CONCAT", types)
    return Signature(tuple(taken), _TEXT.with_nullable(any_nullable(taken)))


def _join(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Kernel:
    """Put the strings of each row end to end; rows are not made distinct first, that would cost more than joining."""
    pool = context.pool
    kind = _BYTES if signature.result.kind in BINARIES else _TEXT
    empty = pa.scalar(b"" if kind is _BYTES else "")

    def kernel(arguments: Sequence[Column], row_count: int) -> Column:
        parts = [_as_arrow(c, kind, pool, row_count) for c in arguments]
        joined = pc.binary_join_element_wise(*parts, empty.cast(parts[0].type))
        if isinstance(joined, pa.Scalar):
            return Column(np.full(row_count, pool.intern(_to_bytes(joined.as_py())), np.int64))
        return Column(column_from_arrow(joined, kind, pool).words)

    return kernel


def _as_arrow(column: Column, kind: SqlType, pool: Pool, row_count: int) -> Any:
    """A column as an Arrow array without nulls, one value as a scalar."""
    if row_count and column.words.strides == (0,):
        return column_to_arrow(Column(column.words[:1]), kind, pool)[0]
    return column_to_arrow(Column(column.words), kind, pool)


def _to_bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


prepared("||", resolve=_concatenation)(_join)
prepared("CONCAT", resolve=_concat)(_join)


def _concat_ws_types(types: Sequence[SqlType]) -> Signature:
    expect_count("concat_ws", types, 1, -1)
    taken = []
    for type in types:
        text = SqlType(Kind.VARCHAR, type.nullable) if type.kind in BINARIES else as_text(type)
        if text is None:
            raise mismatch("CONCAT_WS", types)
        taken.append(text)
    return Signature(tuple(taken), _TEXT.with_nullable(types[0].nullable))


@by_value("CONCAT_WS", resolve=_concat_ws_types, strict=False)
def concat_ws(separator: str | None, *parts: str | None) -> str | None:
    """Join strings with a separator; a NULL part is left out, a NULL separator gives NULL."""
    return None if separator is None else separator.join(part for part in parts if part is not None)


# ----------------------------------------------------------------------------------------------------------- letters


def _cased(low: int, high: int, change: int, otherwise: Callable[[str], str]) -> Callable[..., Column]:
    """Change the case of ASCII text in place of its bytes, of other text by Python."""

    def bulk(pool: Pool, signature: Signature, columns: Sequence[Column]) -> Column:
        data, offsets = pool.gather(columns[0].words)
        if _ascii(data):
            letters = (data >= low) & (data <= high)
            return Column(pool.intern_buffers(np.where(letters, data + np.uint8(change), data), offsets))
        texts = [otherwise(value.decode()).encode() for value in pool.values(columns[0].words)]
        return Column(pool.intern_many(texts))

    return bulk


by_column("UPPER", "UCASE", resolve=texts("UPPER", "t", Kind.VARCHAR))(_cased(97, 122, 224, str.upper))
by_column("LOWER", "LCASE", resolve=texts("LOWER", "t", Kind.VARCHAR))(_cased(65, 90, 32, str.lower))


@by_value("INITCAP", resolve=texts("INITCAP", "t", Kind.VARCHAR))
def initcap(text: str) -> str:
    """Make the first letter of each run of letters and digits upper case and the others lower case."""
    out = []
    inside = False
    for character in text:
        out.append(character.lower() if inside else character.upper())
        inside = character.isalnum()
    return "".join(out)


@by_value("INITCAP_SPACES", resolve=texts("INITCAP_SPACES", "t", Kind.VARCHAR))
def initcap_spaces(text: str) -> str:
    """Make the first letter of each word upper case and the others lower case; spaces part words."""
    return " ".join(word[:1].upper() + word[1:].lower() for word in text.split(" "))


@by_value("ASCII", resolve=texts("ASCII", "t", Kind.INTEGER))
def ascii_code(text: str) -> int:
    """Return the code point of the first character, 0 for an empty string."""
    return ord(text[0]) if text else 0


@by_value("CHR", resolve=texts("CHR", "i", Kind.VARCHAR))
def chr_text(code: int) -> str:
    """Return the character with a code point, an empty string if there is none."""
    return chr(code) if 0 <= code < 0x110000 and not 0xD800 <= code < 0xE000 else ""


# ----------------------------------------------------------------------------------------------------------- lengths


def _count_characters(array: Any) -> Column:
    return Column(pc.utf8_length(array).to_numpy().astype(np.int64))


def _length(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Kernel:
    """Count characters. No result is remembered: to look it up would cost as much."""
    pool = context.pool
    return lambda arguments, row_count: Column(character_counts(arguments[0].words, pool))


for _name in ("CHAR_LENGTH", "CHARACTER_LENGTH", "LENGTH", "LEN"):
    prepared(_name, resolve=texts(_name, "t", Kind.INTEGER), measure=_count_characters)(_length)


def _position_types(types: Sequence[SqlType]) -> Signature:
    try:
        return texts("POSITION", "bb", Kind.INTEGER)(types)
    except TypeMismatch:
        if len(types) != 2:
            raise
        raise TypeMismatch("Parameters must be of the same type") from None


@by_value("POSITION", resolve=_position_types)
def position(part: Any, whole: Any) -> int:
    """Return where a part begins, counted from 1, or 0."""
    return int(whole.find(part)) + 1


# ------------------------------------------------------------------------------------------------------------- parts


@by_value("LEFT", resolve=texts("LEFT", "bi", Kind.VARBINARY), through=through(choose_left))
def left(whole: Any, count: int) -> Any:
    """Return the first characters."""
    return whole[: max(count, 0)]


@by_value("RIGHT", resolve=texts("RIGHT", "bi", Kind.VARBINARY), through=through(choose_right))
def right(whole: Any, count: int) -> Any:
    """Return the last characters."""
    return whole[len(whole) - count :] if 0 < count < len(whole) else whole if count > 0 else whole[:0]


@by_value("SUBSTR", resolve=texts("SUBSTR", "bii", Kind.VARBINARY, least=2), through=through(choose_substr))
def substr(whole: Any, start: int, count: int | None = None) -> Any:
    """Return the part from `start`, which counts from the end if negative."""
    begin = start - 1 if start > 0 else max(len(whole) + start, 0) if start < 0 else 0
    return whole[begin:] if count is None else whole[begin : begin + max(count, 0)]


@by_value("SUBSTRING", resolve=texts("SUBSTRING", "bii", Kind.VARBINARY, least=2), through=through(choose_substring))
def substring(whole: Any, start: int, count: int | None = None) -> Any:
    """Return the part from `start`; of a string, characters before the first count, though there are none."""
    begin = max(start - 1, 0)
    if count is None:
        return whole[begin:]
    end = start - 1 + count if isinstance(whole, str) else begin + count
    return whole[begin : max(end, begin)]


@by_value("OVERLAY", resolve=texts("OVERLAY", "bbii", Kind.VARBINARY, least=3))
def overlay(whole: Any, placed: Any, start: int, count: int | None = None) -> Any:
    """Put another string in the place of `count` characters from `start`; before the first nothing is changed."""
    if start <= 0:
        return whole
    removed = len(placed) if count is None else max(count, 0)
    return whole[: start - 1] + placed + whole[start - 1 + removed :]


def _trim_types(types: Sequence[SqlType]) -> Signature:
    expect_count("trim", types, 1, 3)
    return texts("TRIM", "t" * len(types), Kind.VARCHAR)(types)


@by_value("TRIM", resolve=_trim_types, through=through(choose_trim, varying=2))
def trim(*arguments: str) -> str:
    """Remove characters of a set from "LEADING", "TRAILING" or "BOTH" ends: (ends, set, string) or (string)."""
    if len(arguments) == 1:
        return arguments[0].strip(" ")
    ends, characters, text = arguments if len(arguments) == 3 else ("BOTH", arguments[1], arguments[0])
    if not characters:
        return text
    if ends.upper() == "LEADING":
        return text.lstrip(characters)
    return text.rstrip(characters) if ends.upper() == "TRAILING" else text.strip(characters)


@by_value("LTRIM", resolve=texts("LTRIM", "tt", Kind.VARCHAR, least=1))
def ltrim(text: str, characters: str = " ") -> str:
    """Remove characters of a set from the beginning."""
    return text.lstrip(characters) if characters else text


@by_value("RTRIM", resolve=texts("RTRIM", "tt", Kind.VARCHAR, least=1))
def rtrim(text: str, characters: str = " ") -> str:
    """Remove characters of a set from the end."""
    return text.rstrip(characters) if characters else text


@by_value("REPEAT", resolve=texts("REPEAT", "ti", Kind.VARCHAR), can_fail=True)
def repeat(text: str, count: int) -> str:
    """Return a string several times, an empty one for no or a negative count."""
    if len(text) * count > MAX_CHARACTERS:
        raise EvaluationError(f"REPEAT: a string of {len(text) * count} characters is too long")
    return text * count


@by_value("REPLACE", resolve=texts("REPLACE", "ttt", Kind.VARCHAR), through=through(choose_replace))
def replace_all(text: str, old: str, new: str) -> str:
    """Put a string in the place of each occurrence of another."""
    return text.replace(old, new)


@by_value("REVERSE", resolve=texts("REVERSE", "t", Kind.VARCHAR), through=through(choose_reverse))
def reverse(text: str) -> str:
    """Return the characters in the opposite order."""
    return text[::-1]


def _split_types(types: Sequence[SqlType]) -> Signature:
    taken = texts("SPLIT", "tt", Kind.VARCHAR, least=1)(types)
    return Signature(taken.arguments, SqlType(Kind.ARRAY, any_nullable(taken.arguments), element=_TEXT))


@by_value("SPLIT", resolve=_split_types)
def split(text: str, delimiter: str = ",") -> list[str]:
    """Return the parts between delimiters; none of an empty string, the whole for an empty delimiter."""
    if not text:
        return []
    return text.split(delimiter) if delimiter else [text]


@by_value("SPLIT_PART", resolve=texts("SPLIT_PART", "tti", Kind.VARCHAR), through=through(choose_split_part))
def split_part(text: str, delimiter: str, number: int) -> str:
    """Return the n-th part between delimiters, from the end if negative, an empty string if there is none."""
    parts = text.split(delimiter) if delimiter else [text]
    if 1 <= number <= len(parts):
        return parts[number - 1]
    return parts[number] if -len(parts) <= number < 0 else ""
