"""Plain CSV to Arrow columns by one pass over the bytes: whole numbers, timestamps, text; other fields stepped over.

It reads only what is spelled in the usual way and says so where something is not; then the whole piece is left to a
reader that knows more. Delimiters and line ends are found 64 bytes at a time, as a mask of bits.
Source: structural masks, "Parsing gigabytes of JSON per second" (Langdale and Lemire, VLDB Journal 2019); days of a
date, "chrono-compatible low-level date algorithms" (Hinnant).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import types

from penstock.data.kernels import READ_BYTES, compiled, either_of_64, load64, one_bits, store64, trailing_zeros
from penstock.data.types import INTEGER_BITS, STRINGS, Kind, SqlType

SKIP, INTEGER, MOMENT, TEXT = 0, 1, 2, 3
"""What is made of a field: nothing, an int64, microseconds since 1970, a string."""

_NEWLINE = np.uint8(10)
_ZEROS = np.uint64(0x3030303030303030)
_ABOVE_NINE = np.uint64(0x7676767676767676)
_PAIRS, _FOURS, _EIGHTS = np.uint64(2561), np.uint64(6553601), np.uint64(42949672960001)
_OF_PAIRS, _OF_FOURS = np.uint64(0x00FF00FF00FF00FF), np.uint64(0x0000FFFF0000FFFF)
_CLOCK = np.uint64(0x30303A30303A3030)
"""The eight bytes 00:00:00."""
_HIGH = np.uint64(0x8080808080808080)
_DAY = 86_400_000_000


@compiled(inline=True)
def _digits(data: Any, at: Any, count: Any) -> Any:  # pragma: no cover - compiled
    """Return the number of `count` digits, or -1."""
    value = np.int64(0)
    for k in range(count):
        digit = np.int64(data[at + k]) - 48
        if digit < 0 or digit > 9:
            return np.int64(-1)
        value = value * 10 + digit
    return value


@compiled(inline=True)
def _digits_before(data: Any, end: Any, count: Any) -> Any:  # pragma: no cover - compiled
    """Return the number of at most eight digits that end there, or -1; all at once but in the first eight bytes."""
    value = np.int64(-1)
    if end >= 8:
        word = (load64(data, end - 8) ^ _ZEROS) & (~np.uint64(0) << np.uint64(64 - 8 * count))
        if ((word + _ABOVE_NINE) | word) & _HIGH == 0:
            word = (word * _PAIRS) >> np.uint64(8)
            word = ((word & _OF_PAIRS) * _FOURS) >> np.uint64(16)
            value = np.int64(((word & _OF_FOURS) * _EIGHTS) >> np.uint64(32))
    else:
        value = _digits(data, end - count, count)
    return value


@compiled(types.int64(READ_BYTES, types.int64))
def _day(data: Any, at: int) -> Any:  # pragma: no cover - compiled
    """Return the microseconds of a date YYYY-MM-DD, or -1 for none after 1970; the caller keeps within the data."""
    year = _digits(data, at, 4)
    month = _digits(data, at + 5, 2)
    day = _digits(data, at + 8, 2)
    if data[at + 4] != 45 or data[at + 7] != 45 or year < 1970 or month < 1 or month > 12 or day < 1:
        return -1
    longest = 31
    if month == 4 or month == 6 or month == 9 or month == 11:
        longest = 30
    elif month == 2:
        longest = 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    if day > longest:
        return -1
    if month <= 2:
        year -= 1
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return (era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468) * _DAY


@compiled(types.int64(READ_BYTES, types.int64, types.int64))
def _clock(data: Any, at: int, end: int) -> Any:  # pragma: no cover - compiled
    """Return the microseconds of a time HH:MM:SS, up to six digits of a second after it, or -1."""
    word = load64(data, at) ^ _CLOCK
    if ((word + _ABOVE_NINE) | word) & _HIGH != 0 or data[at + 2] != 58 or data[at + 5] != 58:
        return -1
    pairs = word * np.uint64(10) + (word >> np.uint64(8))
    hour = np.int64(pairs & np.uint64(0xFF))
    minute = np.int64((pairs >> np.uint64(24)) & np.uint64(0xFF))
    second = np.int64((pairs >> np.uint64(48)) & np.uint64(0xFF))
    if hour > 23 or minute > 59 or second > 59:
        return -1
    micros = np.int64(0)
    if end > at + 8:
        places = end - at - 9
        if data[at + 8] != 46 or places < 1 or places > 6:
            return -1
        micros = _digits_before(data, end, places)
        if micros < 0:
            return -1
        for _ in range(6 - places):
            micros *= 10
    return ((hour * 60 + minute) * 60 + second) * 1_000_000 + micros


@compiled(inline=True)
def _is_null(data: Any, at: Any) -> Any:  # pragma: no cover - compiled
    """Return whether four bytes are the word null, in whatever case."""
    nu = (data[at] | 32) == 110 and (data[at + 1] | 32) == 117
    return nu and (data[at + 2] | 32) == 108 and (data[at + 3] | 32) == 108


@compiled(types.UniTuple(types.int64, 2)(READ_BYTES), nogil=True)
def _survey(data: Any) -> Any:  # pragma: no cover - compiled
    """Count the line ends; return with their number whether all bytes are ASCII."""
    n = len(data)
    lines = np.int64(0)
    bits = np.uint64(0)
    i = 0
    while i + 64 <= n:
        lines += np.int64(one_bits(either_of_64(data, i, _NEWLINE, _NEWLINE)))
        for k in range(8):
            bits |= load64(data, i + 8 * k)
        i += 64
    for k in range(i, n):
        lines += np.int64(data[k] == _NEWLINE)
        bits |= np.uint64(data[k])
    return lines, np.int64(bits & _HIGH == 0)


@compiled(inline=True)
def _mask(data: Any, at: Any, delimiter: Any) -> Any:  # pragma: no cover - compiled
    """Return which of the next 64 bytes are a delimiter or a line end."""
    if at + 64 <= len(data):
        return either_of_64(data, at, delimiter, _NEWLINE)
    bits = np.uint64(0)
    for k in range(len(data) - at):
        if data[at + k] == delimiter or data[at + k] == _NEWLINE:
            bits |= np.uint64(1) << np.uint64(k)
    return bits


@compiled(
    types.int64(
        READ_BYTES,
        types.uint8,
        types.int64[::1],
        types.int64[:, ::1],
        types.boolean[:, ::1],
        types.int32[:, ::1],
        types.uint8[:, ::1],
    ),
    nogil=True,
)
def _scan(
    data: Any, delimiter: int, kinds: Any, words: Any, nulls: Any, offsets: Any, texts: Any
) -> int:  # pragma: no cover - compiled
    """Read all lines, the last one with its end; returns their number, or -1 where something is not plain.

    words, nulls: a line for each number and moment; offsets, texts: a line for each text; in the order of fields.
    """
    n = len(data)
    last = len(kinds) - 1
    row = 0
    start: Any = 0
    base: Any = 0
    bits = _mask(data, 0, delimiter)
    known_at: Any = np.int64(-1)
    known_day: Any = np.int64(0)
    while start < n:
        number = 0
        text = 0
        for j in range(len(kinds)):
            while bits == 0:
                base += 64
                if base >= n:
                    return -1
                bits = _mask(data, base, delimiter)
            end: Any = base + np.int64(trailing_zeros(bits))
            bits &= bits - np.uint64(1)
            if (data[end] == _NEWLINE) != (j == last):
                return -1
            kind = kinds[j]
            size = end - start
            if kind == INTEGER:
                at: Any = start
                if size > 0 and data[at] == 45:
                    at += 1
                if end - at > 18 or (size == 1 and at == end):
                    return -1
                value = np.int64(0)
                if end - at > 8:
                    value = _digits(data, at, end - at - 8)
                    if value < 0:
                        return -1
                    value *= 100_000_000
                    at = end - 8
                if end > at:
                    low = _digits_before(data, end, end - at)
                    if low < 0:
                        return -1
                    value += low
                words[number, row] = -value if size > 0 and data[start] == 45 else value
                nulls[number, row] = size == 0
                number += 1
            elif kind == MOMENT:
                words[number, row] = 0
                nulls[number, row] = size == 0
                if size > 0:
                    if size < 19 or (data[start + 10] != 32 and data[start + 10] != 84):
                        return -1
                    if not (
                        known_at >= 0
                        and load64(data, known_at) == load64(data, start)
                        and data[known_at + 8] == data[start + 8]
                        and data[known_at + 9] == data[start + 9]
                    ):
                        known_day = _day(data, start)
                        known_at = start
                    clock = _clock(data, start + 11, end)
                    if known_day < 0 or clock < 0:
                        return -1
                    words[number, row] = known_day + clock
                number += 1
            elif kind == TEXT:
                if size > 0 and data[end - 1] == 13:
                    return -1
                if size == 4 and _is_null(data, start):
                    return -1
                at = np.int64(offsets[text, row])
                k = 0
                while k < size:
                    if start + k + 8 <= n:
                        store64(texts[text], at + k, load64(data, start + k))
                        k += 8
                    else:
                        texts[text, at + k] = data[start + k]
                        k += 1
                offsets[text, row + 1] = at + size
                text += 1
            start = end + 1
        row += 1
    return row


def kind_of(type: SqlType) -> int | None:
    """Return what is made of the fields of a column, or None for a type that is not read here."""
    if type.kind in INTEGER_BITS and type.kind is not Kind.UBIGINT:
        return INTEGER
    if type.kind is Kind.TIMESTAMP:
        return MOMENT
    return TEXT if type.kind in STRINGS else None


def scan_csv(data: bytes | memoryview, delimiter: str, kinds: Sequence[int], names: Sequence[str]) -> Any:
    """Return the rows of whole lines as a pyarrow.RecordBatch, or None if they need a closer look.

    kinds: for each field of a line what is made of it; names: of the columns that are made.
    An empty number or timestamp is NULL, an empty text is empty.
    """
    if data[-1:] != b"\n":
        data = bytes(data) + b"\n"
    buffer = np.frombuffer(data, np.uint8)
    room, plain = _survey(buffer)
    made = [kind for kind in kinds if kind != SKIP]
    texts = made.count(TEXT)
    numbers = len(made) - texts
    words = np.empty((numbers, room), np.int64)
    nulls = np.empty((numbers, room), np.bool_)
    offsets = np.zeros((texts, room + 1), np.int32)
    text = np.empty((texts, len(data) + 8), np.uint8)
    read = _scan(buffer, ord(delimiter), np.array(kinds, np.int64), words, nulls, offsets, text)
    if read != room:
        return None
    columns = []
    number = at = 0
    for kind in made:
        if kind == TEXT:
            column = _text(offsets[at], text[at])
            if not plain:
                column.validate(full=True)
            at += 1
        else:
            type = pa.int64() if kind == INTEGER else pa.timestamp("us")
            column = _number(type, words[number], nulls[number])
            number += 1
        columns.append(column)
    return pa.RecordBatch.from_arrays(columns, list(names))


def _number(type: Any, words: npt.NDArray[np.int64], nulls: npt.NDArray[np.bool_]) -> Any:
    validity = pa.py_buffer(np.packbits(~nulls, bitorder="little")) if nulls.any() else None
    return pa.Array.from_buffers(type, len(words), [validity, pa.py_buffer(words)])


def _text(offsets: npt.NDArray[np.int32], data: npt.NDArray[np.uint8]) -> Any:
    size = len(offsets) - 1
    return pa.StringArray.from_buffers(size, pa.py_buffer(offsets), pa.py_buffer(data[: int(offsets[-1])]))
