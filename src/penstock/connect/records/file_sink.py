"""Files as a sink of records: a directory that is there only when it is whole, `_SUCCESS` last.

Properties: `path`, `suffix` (a pattern of the run's nominal time, put behind the path), `format`, `delimiter`,
`writeHeader`, `schema`, `compressionCodec`. The directory must not be there, or be empty.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

import pyarrow as pa

from penstock.connect.records.places import Places, PlaceUnknown
from penstock.connect.records.writers import Writer, open_writer, part_suffix
from penstock.data.record_schema import SchemaInvalid, parse_schema
from penstock.kernel.datepatterns import PatternRefused
from penstock.kernel.simple_dates import simple_dates
from penstock.ports.records import RecordSink, WriteFailed
from penstock.ports.transform import Finding, Surroundings

__all__ = ["DirectorySink", "FileSink", "fit_to_schema"]

_FORMATS = ("avro", "csv", "delimited", "json", "orc", "parquet", "tsv")


class FileSink:
    """Sink `file`."""

    name = "file"

    def __init__(self, places: Places) -> None:
        self._places = places

    def describe(
        self, properties: Mapping[str, str], schema: pa.Schema | None, hidden: Collection[str] = ()
    ) -> tuple[Finding, ...]:
        """Check."""
        findings: list[Finding] = []
        form = properties.get("format")
        if form and form.lower() not in _FORMATS:
            findings.append(Finding(f"Invalid output format '{form}'.", f"Use one of {', '.join(_FORMATS)}.", "format"))
        if form and form.lower() == "delimited" and not properties.get("delimiter") and "delimiter" not in hidden:
            message = "Delimiter is required when format is set to 'delimited'."
            findings.append(Finding(message, "Specify the delimiter.", "delimiter"))
        try:
            simple_dates(properties.get("suffix") or "")
        except PatternRefused as error:
            findings.append(Finding(f"Invalid suffix: {error}.", "Use a pattern like yyyy-MM-dd-HH-mm.", "suffix"))
        _check_schema(properties, schema, findings)
        return tuple(findings)

    def open(self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings) -> RecordSink:
        """Begin a directory under another name."""
        try:
            target = self._places.local((properties.get("path") or "").strip())
        except PlaceUnknown as error:
            raise WriteFailed(str(error)) from None
        if properties.get("suffix"):
            target = target / simple_dates(properties["suffix"]).format_ms(surroundings.logical_start_ms)
        declared = parse_schema(properties["schema"]) if properties.get("schema") else schema
        return DirectorySink(target, (properties.get("format") or "csv").lower(), declared, properties, surroundings)


class DirectorySink:
    """An output directory in the making."""

    def __init__(
        self,
        target: Path,
        form: str,
        schema: pa.Schema,
        properties: Mapping[str, str],
        surroundings: Surroundings,
    ) -> None:
        self._target = target.absolute()
        if self._target.is_file() or (self._target.is_dir() and any(self._target.iterdir())):
            raise WriteFailed(f"Output directory {self._target} already exists")
        self._schema = schema
        self._partial = self._target.parent / f".{self._target.name}.{surroundings.token}.partial"
        surroundings.will_make(str(self._partial))
        self._writer: Writer | None = None
        name = (properties.get("outputFileNameBase") or "part") + f"-r-00000{part_suffix(form)}"
        try:
            self._partial.mkdir(parents=True)
            self._writer = open_writer(self._partial / name, form, schema, properties)
        except (OSError, pa.ArrowInvalid, ValueError) as error:
            self.abort()
            raise WriteFailed(f"{self._target} cannot be written: {error}") from None

    def write(self, batch: pa.RecordBatch) -> None:
        assert self._writer is not None
        try:
            self._writer.write(fit_to_schema(batch, self._schema))
        except (OSError, pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
            raise WriteFailed(f"{self._target} cannot be written: {error}") from None

    def commit(self) -> None:
        try:
            if self._writer is not None:
                self._writer.close()
                self._writer = None
            self._publish()
            (self._target / "_SUCCESS").touch()
        except (OSError, pa.ArrowInvalid) as error:
            raise WriteFailed(f"{self._target} cannot be written: {error}") from None

    def _publish(self) -> None:
        """Give the directory its name; if somebody was faster, that is an error, and nothing of theirs is touched."""
        if self._target.is_dir():
            self._target.rmdir()
        os.rename(self._partial, self._target)

    def abort(self) -> None:
        if self._writer is not None:
            with suppress(Exception):  # what cannot be finished is removed anyway
                self._writer.close()
            self._writer = None
        shutil.rmtree(self._partial, ignore_errors=True)


def fit_to_schema(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return the fields of a schema, in its order; those that are missing are null, types are widened.

    Raises: WriteFailed for a missing value of a field that is not nullable.
    """
    if batch.schema.equals(schema):
        return batch
    columns = []
    for field in schema:
        at = batch.schema.get_field_index(field.name)
        column = pa.nulls(batch.num_rows, field.type) if at < 0 else batch.column(at)
        if not column.type.equals(field.type):
            column = column.cast(field.type)
        if column.null_count and not field.nullable:
            raise WriteFailed(f"field '{field.name}' cannot be set to a null value")
        columns.append(column)
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _check_schema(properties: Mapping[str, str], schema: pa.Schema | None, findings: list[Finding]) -> None:
    text = properties.get("schema")
    if not text:
        return
    try:
        declared = parse_schema(text)
    except SchemaInvalid as error:
        findings.append(Finding(f"Unable to parse the schema: {error}.", None, "schema"))
        return
    if schema is None:
        return
    for field in declared:
        if schema.get_field_index(field.name) < 0 and not field.nullable:
            message = f"Field '{field.name}' must be present in the input schema."
            findings.append(Finding(message, "Remove it from the output schema.", "schema", output_field=field.name))
