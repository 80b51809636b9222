"""Records as bytes of text files: delimited lines without quotes, and JSON lines. Vectorised."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from penstock.data.conversion import as_text, print_value

__all__ = ["plain_row", "print_delimited", "print_header", "print_json"]

_ESCAPED = r'[\x00-\x1f"\\]'


def print_header(schema: pa.Schema, delimiter: str) -> bytes:
    """Return the line of the fields' names."""
    return (delimiter.join(schema.names) + "\n").encode()


def print_delimited(batch: pa.RecordBatch, delimiter: str) -> Any:
    """Return lines of values; nothing is quoted or escaped, null is empty. A buffer."""
    texts = [pc.fill_null(_large(as_text(column)), "") for column in batch.columns]
    return _lines(texts, delimiter)


def print_json(batch: pa.RecordBatch) -> Any:
    """Return one compact object on each line. A buffer."""
    parts: list[Any] = []
    for i, (field, column) in enumerate(zip(batch.schema, batch.columns, strict=True)):
        value = _json_values(column)
        if value is None:
            return b"".join(msgspec.json.encode(plain_row(row, batch.schema)) + b"\n" for row in batch.to_pylist())
        parts.append(pa.scalar(("{" if i == 0 else ",") + json.dumps(field.name, ensure_ascii=False) + ":"))
        parts.append(value)
    if not parts:
        return b"{}\n" * batch.num_rows
    return _joined([_wide(part) for part in (*parts, pa.scalar("}\n"))], "")


def _json_values(column: pa.Array) -> pa.Array | None:
    """Return values as JSON texts; None for what is made row by row."""
    kind, types = column.type, pa.types
    if types.is_integer(kind) or types.is_boolean(kind):
        return pc.fill_null(_large(column.cast(pa.string())), "null")
    if types.is_floating(kind):
        return pc.fill_null(_large(as_text(column)), "null")
    if types.is_string(kind) or types.is_date32(kind):
        text = as_text(column)
        if pc.any(pc.match_substring_regex(text, _ESCAPED), min_count=0).as_py():
            encoded = text.dictionary_encode()
            entries = [json.dumps(entry, ensure_ascii=False) for entry in encoded.dictionary.to_pylist()]
            quoted = pa.array(entries, pa.string()).take(encoded.indices)
        else:
            quoted = pc.binary_join_element_wise('"', text, '"', "")
        return pc.fill_null(_large(quoted), "null")
    return None


def plain_row(row: dict[str, Any], schema: pa.Schema) -> dict[str, Any]:
    """Return a record's values as JSON has them."""
    return {field.name: _plain(row[field.name], field.type) for field in schema}


def _plain(value: Any, kind: pa.DataType) -> Any:
    types = pa.types
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value
    if types.is_decimal(kind):
        return msgspec.Raw(str(value).encode())
    if isinstance(value, bytes):
        return [byte - 256 if byte > 127 else byte for byte in value]
    if types.is_struct(kind):
        members = [kind.field(i) for i in range(kind.num_fields)]
        return {f.name: _plain(value[f.name], f.type) for f in members}
    if types.is_map(kind):
        return {print_value(key): _plain(item, kind.item_type) for key, item in value}
    if types.is_list(kind):
        return [_plain(item, kind.value_type) for item in value]
    return print_value(value)


def _lines(texts: list[Any], delimiter: str) -> Any:
    if not texts:
        return b""
    return _joined([_joined_array(texts, delimiter), _wide(pa.scalar("\n"))], "")


def _joined(parts: list[Any], separator: str) -> Any:
    """Return the data of texts joined row by row, one after the other: the buffer of the joined column."""
    joined = _joined_array(parts, separator)
    if len(joined) == 0:
        return b""
    offsets = joined.buffers()[1]
    first, last = _offset(offsets, joined.offset), _offset(offsets, joined.offset + len(joined))
    return joined.buffers()[2].slice(first, last - first)


def _joined_array(parts: list[Any], separator: str) -> Any:
    return pc.binary_join_element_wise(*parts, _wide(pa.scalar(separator)))


def _offset(buffer: Any, index: int) -> int:
    return int.from_bytes(buffer.slice(8 * index, 8).to_pybytes(), "little")


def _large(column: Any) -> Any:
    return column.cast(pa.large_string())


def _wide(part: Any) -> Any:
    """Texts with 64-bit offsets: the lines of one batch may be more than 2 GiB together."""
    return part.cast(pa.large_string()) if isinstance(part, pa.Scalar) else part
