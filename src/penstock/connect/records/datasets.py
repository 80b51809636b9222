"""Named sets of records that the server keeps itself: tables by key, key-value tables, sets by time, snapshots.

They lie below the directory that `Surroundings.datasets` names. Properties: `name`, `schema`, `format`; of tables
`schema.row.field`; of key-value tables `key.field`, `value.field`; of sets by time `duration`, `delay`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from penstock.connect.records.columnar import read_avro, read_columns
from penstock.connect.records.file_sink import DirectorySink, fit_to_schema
from penstock.data.conversion import as_text
from penstock.data.record_schema import SchemaInvalid, parse_schema
from penstock.ports.records import ReadFailed, RecordSink, WriteFailed
from penstock.ports.transform import MAIN, Described, Finding, Surroundings

__all__ = ["KeyValueSink", "KeyValueSource", "PartitionSink", "PartitionSource", "TableSink", "TableSource"]

_SPAN = re.compile(r"\s*(\d+)\s*([smhd])\s*\Z")
_UNIT_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_NAME = re.compile(r"[A-Za-z0-9_.$-]+\Z")


def _folder(properties: Mapping[str, str], surroundings: Surroundings) -> Path:
    if surroundings.datasets is None:
        raise WriteFailed("this server keeps no datasets")
    return Path(surroundings.datasets) / properties["name"]


def _check_name(properties: Mapping[str, str]) -> list[Finding]:
    name = properties.get("name")
    if name and not _NAME.match(name):
        return [Finding(f"Invalid dataset name '{name}'.", "Use letters, digits, '_', '-', '.' and '$'.", "name")]
    return []


def _schema(properties: Mapping[str, str], findings: list[Finding], *, must: bool) -> pa.Schema | None:
    text = properties.get("schema")
    if not text:
        if must:
            findings.append(Finding("The schema is not specified.", "Specify the schema.", "schema"))
        return None
    try:
        return parse_schema(text)
    except SchemaInvalid as error:
        findings.append(Finding(f"Unable to parse the schema: {error}.", None, "schema"))
        return None


class _Source:
    """A source of a configured schema."""

    def describe(self, properties: Mapping[str, str], hidden: Collection[str] = ()) -> Described:
        """Check."""
        findings = _check_name(properties)
        schema = _schema(properties, findings, must="schema" not in hidden)
        return Described({MAIN: schema}, tuple(findings))


class _Sink:
    """A sink whose schema may be configured."""

    def describe(
        self, properties: Mapping[str, str], schema: pa.Schema | None, hidden: Collection[str] = ()
    ) -> tuple[Finding, ...]:
        """Check."""
        findings = _check_name(properties)
        _schema(properties, findings, must=False)
        return tuple(findings)


# Tables by key.


class TableSink(_Sink):
    """Sink `table`: a record replaces the one with its key."""

    name = "table"

    def open(self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings) -> RecordSink:
        """Gather, and merge when committed."""
        declared = parse_schema(properties["schema"]) if properties.get("schema") else schema
        key = properties.get("schema.row.field") or declared.names[0]
        return _Table(_folder(properties, surroundings), declared, key, surroundings)


class _Table:
    """Records on their way into a table; they wait in a file beside it."""

    def __init__(self, folder: Path, schema: pa.Schema, key: str, surroundings: Surroundings) -> None:
        self._folder = folder
        self._schema = schema
        self._key = key
        folder.mkdir(parents=True, exist_ok=True)
        self._waiting = folder / f".{surroundings.token}.partial"
        surroundings.will_make(str(self._waiting))
        self._writer = pq.ParquetWriter(self._waiting, schema)

    def write(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(fit_to_schema(batch, self._schema))

    def commit(self) -> None:
        self._writer.close()
        fresh = pq.read_table(self._waiting)
        present = self._folder / "records.parquet"
        if present.exists():
            fresh = pa.concat_tables([pq.read_table(present), fresh], promote_options="permissive")
        numbers = pa.array(range(fresh.num_rows), pa.int64())
        last = pa.table({"key": fresh.column(self._key), "row": numbers}).group_by("key").aggregate([("row", "max")])
        kept = fresh.take(last.column("row_max")).replace_schema_metadata({"key": self._key})
        pq.write_table(kept, self._waiting)
        os.replace(self._waiting, present)

    def abort(self) -> None:
        self._writer.close()
        self._waiting.unlink(missing_ok=True)


class TableSource(_Source):
    """Source `table`."""

    name = "table"

    def read(
        self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings
    ) -> Iterator[pa.RecordBatch]:
        """Yield all records."""
        present = _folder(properties, surroundings) / "records.parquet"
        if present.exists():
            yield from read_columns(present, "parquet", schema)


# Key-value tables.


class KeyValueSink(_Sink):
    """Sink `keyvalue`: texts by key, as one JSON object."""

    name = "keyvalue"

    def describe(
        self, properties: Mapping[str, str], schema: pa.Schema | None, hidden: Collection[str] = ()
    ) -> tuple[Finding, ...]:
        """Check that key and value are there."""
        findings = _check_name(properties)
        for property, default in (("key.field", "key"), ("value.field", "value")):
            name = properties.get(property) or default
            if schema is not None and property not in hidden and schema.get_field_index(name) < 0:
                message = f"Field '{name}' must be present in the input schema."
                findings.append(Finding(message, "Name a field of the input.", property))
        return tuple(findings)

    def open(self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings) -> RecordSink:
        """Gather, and merge when committed."""
        names = (properties.get("key.field") or "key", properties.get("value.field") or "value")
        return _KeyValues(_folder(properties, surroundings).with_suffix(".json"), names, surroundings)


class _KeyValues:
    def __init__(self, path: Path, names: tuple[str, str], surroundings: Surroundings) -> None:
        self._path = path
        self._names = names
        self._fresh: dict[str, Any] = {}
        self._waiting = path.parent / f".{path.name}.{surroundings.token}.partial"
        surroundings.will_make(str(self._waiting))

    def write(self, batch: pa.RecordBatch) -> None:
        keys, values = (as_text(batch.column(name)).to_pylist() for name in self._names)
        self._fresh.update((key, value) for key, value in zip(keys, values, strict=True) if key is not None)

    def commit(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        present = json.loads(self._path.read_text()) if self._path.exists() else {}
        self._waiting.write_text(json.dumps({**present, **self._fresh}))
        os.replace(self._waiting, self._path)

    def abort(self) -> None:
        self._waiting.unlink(missing_ok=True)


class KeyValueSource:
    """Source `keyvalue`."""

    name = "keyvalue"
    _SCHEMA = pa.schema([pa.field("key", pa.binary(), nullable=False), pa.field("value", pa.binary(), nullable=False)])

    def describe(self, properties: Mapping[str, str], hidden: Collection[str] = ()) -> Described:
        """Keys and values are bytes."""
        return Described({MAIN: self._SCHEMA}, tuple(_check_name(properties)))

    def read(
        self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings
    ) -> Iterator[pa.RecordBatch]:
        """Yield all pairs."""
        path = _folder(properties, surroundings).with_suffix(".json")
        if path.exists():
            pairs = json.loads(path.read_text())
            keys, values = pa.array(list(pairs)), pa.array(["" if v is None else v for v in pairs.values()])
            yield pa.RecordBatch.from_arrays([keys.cast(pa.binary()), values.cast(pa.binary())], schema=schema)


# Sets by time, and snapshots.


class PartitionSink(_Sink):
    """Sink `partition`: each run adds a folder named by its nominal time. `keeps` `latest` removes the older ones."""

    name = "partition"

    def open(self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings) -> RecordSink:
        """Begin a folder."""
        folder = _folder(properties, surroundings)
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{surroundings.logical_start_ms}"
        if properties.get("keeps") == "latest" and target.exists():
            shutil.rmtree(target)
        declared = parse_schema(properties["schema"]) if properties.get("schema") else schema
        inner = DirectorySink(target, properties.get("format") or "parquet", declared, properties, surroundings)
        return _Latest(inner, target) if properties.get("keeps") == "latest" else inner


class _Latest:
    """A folder that replaces those before it."""

    def __init__(self, inner: RecordSink, target: Path) -> None:
        self._inner = inner
        self._target = target

    def write(self, batch: pa.RecordBatch) -> None:
        self._inner.write(batch)

    def commit(self) -> None:
        self._inner.commit()
        for older in _partitions(self._target.parent):
            if older != self._target:
                shutil.rmtree(older, ignore_errors=True)

    def abort(self) -> None:
        self._inner.abort()


class PartitionSource(_Source):
    """Source `partition`: folders of the time `duration` before the run's nominal one less `delay`; of snapshots, the
    last."""

    name = "partition"

    def describe(self, properties: Mapping[str, str], hidden: Collection[str] = ()) -> Described:
        """Check spans too."""
        described = super().describe(properties, hidden)
        findings = [
            Finding(f"Invalid {name} '{properties[name]}'.", "Write it like 5m, 1h or 2d.", name)
            for name in ("duration", "delay")
            if properties.get(name) and not _SPAN.match(properties[name])
        ]
        return Described(described.outputs, (*described.findings, *findings))

    def read(
        self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings
    ) -> Iterator[pa.RecordBatch]:
        """Yield the records of the folders."""
        found = _partitions(_folder(properties, surroundings))
        if properties.get("keeps") == "latest":
            found = found[-1:]
        else:
            end_ms = surroundings.logical_start_ms - _span_ms(properties.get("delay") or "0m")
            start_ms = end_ms - _span_ms(properties.get("duration") or "1h")
            found = [folder for folder in found if start_ms <= int(folder.name) < end_ms]
        for folder in found:
            for file in sorted(folder.glob("part-*")):
                yield from _read(file, properties.get("format") or "parquet", schema)


def _read(file: Path, form: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    if form == "avro":
        yield from read_avro(file, schema)
    elif form in ("parquet", "orc"):
        yield from read_columns(file, form, schema)
    else:
        raise ReadFailed(f"{file} is in the format {form}, which is not read here")


def _partitions(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    found = [entry for entry in folder.iterdir() if entry.name.isdigit() and (entry / "_SUCCESS").exists()]
    return sorted(found, key=lambda entry: int(entry.name))


def _span_ms(text: str) -> int:
    match = _SPAN.match(text)
    assert match is not None, "spans were checked"
    return int(match[1]) * _UNIT_MS[match[2]]
