"""Whole records printed to one field.

`print-csv`: `format` (`DELIMITED`, `EXCEL`, `MYSQL`, `RFC4180`, `TDF`), `delimiter` (a name such as `COMMA`, or a
character),
`schema` with one string. `print-json`: `schema` with one string or bytes. `print-stream`: `body` and `header`
(fields), `format` (`CSV`, `TSV`, `PSV`, `JSON`), `schema` with a header (map of strings) and a body (string).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import pyarrow as pa

from penstock.data.conversion import as_text
from penstock.ports.transform import MAIN, Described, Emitted, Finding, Surroundings
from penstock.transform.delimited import print_record
from penstock.transform.jvm.values import print_any, print_json, scalars
from penstock.transform.stateless import Stateless, check_present, names_of, read_schema

__all__ = ["CsvPrintTransform", "JsonPrintTransform", "StreamPrintTransform"]

_DELIMITERS: Final = {
    "COMMA": ",",
    "CTRL-A": "\x01",
    "TAB": "\t",
    "VBAR": "|",
    "STAR": "*",
    "CARET": "^",
    "DOLLAR": "$",
    "HASH": "#",
    "TILDE": "~",
    "CTRL-B": "\x02",
    "CTRL-C": "\x03",
    "CTRL-D": "\x04",
    "CTRL-E": "\x05",
    "CTRL-F": "\x06",
    "SEMICOLON": ";",
}
_FORMATS: Final[dict[str, dict[str, str]]] = {
    "DELIMITED": {},
    "EXCEL": {},
    "RFC4180": {},
    "TDF": {"delimiter": "\t"},
    "MYSQL": {"delimiter": "\t", "quote": "", "escape": "\\", "null": "\\N"},
}


def _texts(batch: pa.RecordBatch) -> list[list[str | None]]:
    columns = []
    for column in batch.columns:
        if pa.types.is_nested(column.type):
            columns.append([None if v is None else print_any(v) for v in scalars(column)])
        else:
            columns.append(as_text(column).to_pylist())
    return [list(row) for row in zip(*columns, strict=True)]


def _single(
    properties: Mapping[str, str], hidden: Collection[str], findings: list[Finding], kinds: tuple[str, ...]
) -> pa.Schema | None:
    output = read_schema(properties, "schema", hidden, findings)
    if output is None:
        return None
    names = {"string": pa.types.is_string, "bytes": pa.types.is_binary}
    if len(output) != 1 or not any(names[kind](output.field(0).type) for kind in kinds):
        message = f"Output schema should have only one field of type {' or '.join(kinds)}."
        findings.append(Finding(message, "Remove the other fields.", "schema"))
    return output


class CsvPrintTransform:
    """Transform `print-csv`."""

    name = "print-csv"

    def describe(
        self, properties: Mapping[str, str], schema: pa.Schema | None, hidden: Collection[str] = ()
    ) -> Described:
        """Check format, delimiter and output."""
        findings: list[Finding] = []
        form = (properties.get("format") or "").upper()
        if form not in _FORMATS and "format" not in hidden:
            message = f"Invalid format '{form}'." if form else "Required property 'format' has no value."
            findings.append(Finding(message, f"Use one of {', '.join(_FORMATS)}.", "format"))
        if form == "DELIMITED" and "delimiter" not in hidden:
            delimiter = properties.get("delimiter") or ""
            if delimiter.upper() not in _DELIMITERS and len(delimiter) != 1:
                message = f"Invalid delimiter '{delimiter}'." if delimiter else "Delimiter is not specified."
                findings.append(Finding(message, f"Use one of {', '.join(_DELIMITERS)}.", "delimiter"))
        return Described({MAIN: _single(properties, hidden, findings, ("string",))}, tuple(findings))

    def open(self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings) -> Stateless:
        """Return the transform."""
        output = read_schema(properties, "schema", (), [])
        assert output is not None, "the configuration was checked"
        form = dict(_FORMATS[properties["format"].upper()])
        if properties["format"].upper() == "DELIMITED":
            given = properties.get("delimiter") or ","
            form["delimiter"] = _DELIMITERS.get(given.upper(), given)
        options = {key: value for key, value in form.items() if key != "delimiter"}

        def apply(batch: pa.RecordBatch) -> Emitted:
            delimiter = form.get("delimiter", ",")
            lines = [print_record(row, delimiter, **options) for row in _texts(batch)]
            return Emitted.main(pa.RecordBatch.from_arrays([pa.array(lines, pa.string())], schema=output))

        return Stateless(apply)


def _records(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    columns = [(name, scalars(c)) for name, c in zip(batch.schema.names, batch.columns, strict=True)]
    return [{name: values[row] for name, values in columns} for row in range(batch.num_rows)]


class JsonPrintTransform:
    """Transform `print-json`."""

    name = "print-json"

    def describe(
        self, properties: Mapping[str, str], schema: pa.Schema | None, hidden: Collection[str] = ()
    ) -> Described:
        """Check the output."""
        findings: list[Finding] = []
        return Described({MAIN: _single(properties, hidden, findings, ("string", "bytes"))}, tuple(findings))

    def open(self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings) -> Stateless:
        """Return the transform."""
        output = read_schema(properties, "schema", (), [])
        assert output is not None, "the configuration was checked"

        def apply(batch: pa.RecordBatch) -> Emitted:
            texts = pa.array([print_json(record) for record in _records(batch)], pa.string())
            return Emitted.main(pa.RecordBatch.from_arrays([texts.cast(output.field(0).type)], schema=output))

        return Stateless(apply)


class StreamPrintTransform:
    """Transform `print-stream`."""

    name = "print-stream"

    def describe(
        self, properties: Mapping[str, str], schema: pa.Schema | None, hidden: Collection[str] = ()
    ) -> Described:
        """Check fields, format and output."""
        findings: list[Finding] = []
        for property in ("body", "header"):
            check_present(schema, names_of(properties.get(property)), property, findings)
        form = (properties.get("format") or "CSV").upper()
        if form not in ("CSV", "TSV", "PSV", "JSON") and "format" not in hidden:
            findings.append(Finding(f"Invalid format '{form}'.", "Use CSV, TSV, PSV or JSON.", "format"))
        output = read_schema(properties, "schema", hidden, findings)
        if output is not None and (
            len(output) != 2
            or not {True} <= {pa.types.is_map(f.type) for f in output}
            or not {True} <= {pa.types.is_string(f.type) for f in output}
        ):
            message = "Output schema should have a field of type map<string, string> and one of type string."
            findings.append(Finding(message, None, "schema"))
        return Described({MAIN: output}, tuple(findings))

    def open(self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings) -> Stateless:
        """Return the transform."""
        output = read_schema(properties, "schema", (), [])
        assert output is not None, "the configuration was checked"
        body = names_of(properties.get("body")) or schema.names
        header = names_of(properties.get("header"))
        form = (properties.get("format") or "CSV").upper()
        delimiter = {"TSV": "\t", "PSV": "|"}.get(form, ",")

        def apply(batch: pa.RecordBatch) -> Emitted:
            chosen = batch.select(body)
            if form == "JSON":
                texts = [print_json(record) for record in _records(chosen)]
            else:
                texts = [print_record(row, delimiter) for row in _texts(chosen)]
            heads: list[list[tuple[str, str]]] = [[] for _ in texts]
            if header:
                heads = [
                    [(name, value) for name, value in zip(header, row, strict=True) if value is not None]
                    for row in _texts(batch.select(header))
                ]
            columns = [pa.array(heads if pa.types.is_map(f.type) else texts, f.type) for f in output]
            return Emitted.main(pa.RecordBatch.from_arrays(columns, schema=output))

        return Stateless(apply)
