"""Query results as bytes in the formats that clients ask for.

Source: spec of ad-hoc queries: a grid as DataFusion prints it, explicit nulls in JSON, the same Parquet bytes for the
same rows, one line of hash.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

FORMATS = ("text", "json", "parquet", "arrow_ipc", "hash")
IN_BAND_ERRORS = ("text", "json")
"""Formats in which an error of a running query is part of the answer."""

_MAX_TEXT_ROWS = 1_000_000
_json = msgspec.json.Encoder(decimal_format="number")


def render(reader: Any, format: str) -> Iterator[bytes]:
    """Yield the pieces of an answer. reader: a pyarrow.RecordBatchReader; what it raises is passed on."""
    return _RENDERERS[format](reader)


def error_line(message: str, format: str) -> bytes:
    """Return an error as the last line of an answer."""
    if format == "json":
        return _json.encode({"error": message}) + b"\n"
    return f"ERROR: {message}\n".encode()


# ------------------------------------------------------------------------------------------------- text


def _text(reader: Any) -> Iterator[bytes]:
    header = [str(name) for name in reader.schema.names]
    rows: list[list[str]] = []
    for batch in reader:
        columns = [[_cell(value) for value in column.to_pylist()] for column in batch.columns]
        rows += [[*row] for row in zip(*columns, strict=True)]
        if len(rows) > _MAX_TEXT_ROWS:
            raise ValueError(f"a text answer has at most {_MAX_TEXT_ROWS} rows; ask for json or arrow_ipc")
    if not header:
        return
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    border = "+" + "+".join("-" * (width + 2) for width in widths) + "+"
    lines = [border, _line(header, widths), border, *(_line(row, widths) for row in rows), border]
    for start in range(0, len(lines), 10_000):
        yield ("\n".join(lines[start : start + 10_000]) + "\n").encode()


def _line(cells: list[str], widths: list[int]) -> str:
    return "|" + "|".join(f" {cell.ljust(width)} " for cell, width in zip(cells, widths, strict=True)) + "|"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        if value and all(isinstance(item, tuple) and len(item) == 2 for item in value):
            return "{" + ", ".join(f"{_cell(key)}: {_cell(item)}" for key, item in value) + "}"
        return "[" + ", ".join(map(_cell, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_cell(item)}" for name, item in value.items()) + "}"
    return str(_plain(value))


def _float(value: float) -> str:
    if value != value:
        return "NaN"
    return repr(value) if value - value == 0 else ("inf" if value > 0 else "-inf")


# ------------------------------------------------------------------------------------------------- json


class _BadKey(ValueError):
    """A MAP whose keys are no strings has no JSON form."""


def _ndjson(reader: Any) -> Iterator[bytes]:
    names = [str(name) for name in reader.schema.names]
    for field in reader.schema:
        if pa.types.is_map(field.type) and not _is_text(field.type.key_type):
            raise _BadKey(f"column {field.name!r} is a map whose keys are no strings: it has no JSON form")
    for batch in reader:
        if not batch.num_rows:
            continue
        columns = [column.to_pylist() for column in batch.columns]
        maps = [pa.types.is_map(column.type) for column in batch.columns]
        lines = [
            _json.encode(
                {
                    n: _plain(dict(v) if is_map and v is not None else v)
                    for n, v, is_map in zip(names, row, maps, strict=True)
                }
            )
            for row in zip(*columns, strict=True)
        ]
        yield b"\n".join(lines) + b"\n"


def _is_text(type: Any) -> bool:
    return bool(pa.types.is_string(type) or pa.types.is_large_string(type))


def _plain(value: Any) -> Any:
    """Return a value as JSON and grids write it."""
    if isinstance(value, dt.datetime):
        text = value.replace(tzinfo=None).isoformat(timespec="microseconds")
        whole, _, fraction = text.partition(".")
        fraction = fraction.removesuffix("000").removesuffix("000")
        return whole + ("." + fraction if fraction else "") + ("Z" if value.tzinfo is not None else "")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Decimal):
        return value
    if isinstance(value, list):
        if value and all(isinstance(item, tuple) and len(item) == 2 for item in value):
            return {str(key): _plain(item) for key, item in value}
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value


# ------------------------------------------------------------------------------------------------- binary


class _Pieces(io.RawIOBase):
    """A file that keeps what is written until it is taken."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        """Return what was written since the last call."""
        joined = b"".join(self._parts)
        self._parts.clear()
        return joined


def _arrow(reader: Any) -> Iterator[bytes]:
    pieces = _Pieces()
    with pa.ipc.new_stream(pieces, reader.schema) as writer:
        for batch in reader:
            if batch.num_rows:
                writer.write_batch(batch)
                yield pieces.taken()
    yield pieces.taken()


def _parquet(reader: Any) -> Iterator[bytes]:
    table = reader.read_all()
    schema = pa.schema([pa.field(f.name, f.type) for f in table.schema])
    pieces = _Pieces()
    pq.write_table(table.cast(schema), pieces, store_schema=True, compression="snappy")
    data = pieces.taken()
    for start in range(0, len(data), 1 << 20):
        yield data[start : start + (1 << 20)]


def _hash(reader: Any) -> Iterator[bytes]:
    """Hash schema, row count and two sums over rows that do not depend on their order."""
    digest = hashlib.sha256()
    for field in reader.schema:
        digest.update(f"{field.name}\0{field.type}\0".encode())
    count = first = second = 0
    for batch in reader:
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            mark = hashlib.blake2b(repr(row).encode(), digest_size=16).digest()
            first += int.from_bytes(mark[:8], "big")
            second += int.from_bytes(mark[8:], "big")
            count += 1
    digest.update(b"%d %d %d" % (count, first % (1 << 64), second % (1 << 64)))
    yield (digest.hexdigest().upper() + "\n").encode()


_RENDERERS: dict[str, Callable[[Any], Iterator[bytes]]] = {
    "text": _text,
    "json": _ndjson,
    "arrow_ipc": _arrow,
    "parquet": _parquet,
    "hash": _hash,
}
