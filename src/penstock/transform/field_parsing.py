"""Texts inside a field parsed to fields: delimited, JSON, lines of logs.

`parse-csv`: `field`, `format`, `delimiter`, `schema`. A text may hold several records; those with another number of
values than the schema has fields go out of the error port, as what cannot be parsed does. Fields of the input that
are in the schema are passed on.
`parse-json`: `field`, `mapping` (`name:path,…`, by default each field by its name), `schema`.
`parse-log`: `inputName`, `logFormat` (`CLF`, `S3`, `Cloudfront`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import pyarrow as pa

from penstock.data.conversion import ConversionFailed, from_text
from penstock.data.record_schema import type_name
from penstock.ports.transform import MAIN, Described, Emitted, Finding, Rejected, Surroundings, TransformFailed
from penstock.transform.delimited import read_records
from penstock.transform.directives.csv_values import CsvInvalid
from penstock.transform.jvm.json_path import PathInvalid, read_path
from penstock.transform.jvm.json_text import JsonInvalid, parse_json
from penstock.transform.jvm.values import print_any, print_json
from penstock.transform.stateless import Stateless, check_present, mapping_of, pairs_of, read_schema

__all__ = ["CsvParseTransform", "JsonParseTransform", "LogParseTransform"]


def _field_of(
    properties: Mapping[str, str], property: str, schema: pa.Schema | None, hidden: Collection[str]
) -> list[Finding]:
    findings: list[Finding] = []
    name = properties.get(property)
    if not name:
        if property not in hidden:
            findings.append(Finding(f"Required property '{property}' has no value.", None, property))
        return findings
    check_present(schema, [name], property, findings)
    if schema is not None and name in schema.names:
        kind = schema.field(name).type
        if not pa.types.is_string(kind) and not pa.types.is_binary(kind):
            message = f"Field '{name}' is of invalid type '{type_name(kind)}'."
            findings.append(Finding(message, "It should be of type string.", property, name))
    return findings


@dataclass(slots=True)
class _Gathered:
    """Records that were made, and input records that were refused."""

    rows: list[int]
    values: list[dict[str, Any]]
    refused: list[tuple[int, int, str]]

    def emitted(self, batch: pa.RecordBatch, output: pa.Schema, passed: Collection[str]) -> Emitted:
        """Put the output together: fields that are passed on come from the input."""
        rows = pa.array(self.rows, pa.int64())
        columns = []
        for field in output:
            if field.name in passed:
                column = batch.column(field.name).take(rows)
                columns.append(column if column.type == field.type else column.cast(field.type))
            else:
                columns.append(_column([value.get(field.name) for value in self.values], field))
        result = Emitted.main(pa.RecordBatch.from_arrays(columns, schema=output))
        if self.refused:
            chosen = batch.take(pa.array([row for row, _, _ in self.refused], pa.int64()))
            codes = [code for _, code, _ in self.refused]
            result.rejected.append(Rejected.of(chosen, codes, [message for _, _, message in self.refused]))
        return result


def _column(values: list[Any], field: pa.Field) -> pa.Array:
    try:
        made = pa.array(values, field.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, TypeError) as error:
        raise TransformFailed(f"field '{field.name}' cannot be of type {type_name(field.type)}: {error}") from None
    if made.null_count and not field.nullable:
        raise TransformFailed(f"field {field.name} cannot be set to a null value")
    return made


_FORMATS: Final = {
    "default": {},
    "excel": {"keep_empty_lines": "yes"},
    "mysql": {"delimiter": "\t", "quote": "", "escape": "\\", "null": "\\N", "keep_empty_lines": "yes"},
    "rfc4180": {"keep_empty_lines": "yes"},
    "tab delimited": {"delimiter": "\t", "trim": "yes"},
    "tdf": {"delimiter": "\t", "trim": "yes"},
    "pipe delimited": {"delimiter": "|", "quote": ""},
    "pdl": {"delimiter": "|", "quote": ""},
    "custom": {},
}


class CsvParseTransform:
    """Transform `parse-csv`."""

    name = "parse-csv"

    def describe(
        self, properties: Mapping[str, str], schema: pa.Schema | None, hidden: Collection[str] = ()
    ) -> Described:
        """Check the format and the schema, whose parsed fields are simple."""
        findings = _field_of(properties, "field", schema, hidden)
        form = (properties.get("format") or "DEFAULT").lower()
        if form not in _FORMATS and "format" not in hidden:
            message = f"Format specified is not one of the allowed values: '{properties.get('format')}'."
            choices = "Use DEFAULT, EXCEL, MYSQL, RFC4180, Pipe Delimited, Tab Delimited or Custom."
            findings.append(Finding(message, choices, "format"))
        delimiter = properties.get("delimiter")
        if form == "custom" and not delimiter and "delimiter" not in hidden:
            findings.append(Finding("Please specify the delimiter for format option 'Custom'.", None, "delimiter"))
        if delimiter and len(delimiter) != 1:
            message = f"Custom format must have only one character as delimiter, not '{delimiter}'."
            findings.append(Finding(message, None, "delimiter"))
        output = read_schema(properties, "schema", hidden, findings)
        for field in output or ():
            passed = schema is not None and field.name in schema.names and field.name != properties.get("field")
            if not passed and pa.types.is_nested(field.type):
                message = f"Field '{field.name}' is of invalid type '{type_name(field.type)}'."
                findings.append(Finding(message, "It should be of a simple type.", "schema", output_field=field.name))
        return Described({MAIN: output}, tuple(findings))

    def open(self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings) -> Stateless:
        """Return the transform."""
        output = read_schema(properties, "schema", (), [])
        assert output is not None, "the configuration was checked"
        name = properties["field"]
        form = dict(_FORMATS[(properties.get("format") or "DEFAULT").lower()])
        if properties.get("delimiter") and (properties.get("format") or "").lower() == "custom":
            form["delimiter"] = properties["delimiter"]
        passed = {field for field in output.names if field in schema.names and field != name}
        parsed = [field for field in output if field.name not in passed]

        def apply(batch: pa.RecordBatch) -> Emitted:
            gathered = _Gathered([], [], [])
            for row, text in enumerate(_texts(batch.column(name))):
                _parse_csv(gathered, row, text, form, parsed)
            return gathered.emitted(batch, output, passed)

        return Stateless(apply)


def _texts(column: pa.Array) -> list[str | None]:
    if pa.types.is_binary(column.type):
        return [None if v is None else v.decode("utf-8", "replace") for v in column.to_pylist()]
    texts: list[str | None] = column.to_pylist()
    return texts


def _parse_csv(
    gathered: _Gathered, row: int, text: str | None, form: Mapping[str, str], fields: list[pa.Field]
) -> None:
    if text is None:
        gathered.rows.append(row)
        gathered.values.append({})
        return
    try:
        records = read_records(text, form)
    except CsvInvalid as error:
        gathered.refused.append((row, 31, str(error)))
        return
    for record in records:
        if len(record) != len(fields):
            message = f"Number of values ({len(record)}) is not that of fields in the schema ({len(fields)})."
            gathered.refused.append((row, 31, message))
            continue
        gathered.rows.append(row)
        gathered.values.append({f.name: _typed(v, f) for f, v in zip(fields, record, strict=True)})


def _typed(text: str | None, field: pa.Field) -> Any:
    """Read a value; an empty one is null where the field may be null and holds no text."""
    if text is None or (text == "" and field.nullable and not pa.types.is_string(field.type)):
        return None
    if pa.types.is_string(field.type):
        return text
    try:
        return from_text(pa.array([text]), field.type)[0].as_py()
    except (ConversionFailed, ValueError):
        raise TransformFailed(f"cannot convert {text!r} to the type of field '{field.name}'") from None


class JsonParseTransform:
    """Transform `parse-json`."""

    name = "parse-json"

    def describe(
        self, properties: Mapping[str, str], schema: pa.Schema | None, hidden: Collection[str] = ()
    ) -> Described:
        """Check paths and schema."""
        findings = _field_of(properties, "field", schema, hidden)
        mapping = pairs_of(properties.get("mapping"), "mapping", findings)
        output = read_schema(properties, "schema", hidden, findings)
        for name, path in mapping:
            try:
                read_path({}, path)
            except LookupError:
                pass
            except PathInvalid as error:
                findings.append(Finding(f"Invalid mapping: {error}.", None, "mapping", f"{name}:{path}"))
            if output is not None and name not in output.names:
                message = f"Field '{name}' specified in mapping is not present in the output schema."
                findings.append(Finding(message, "Add it to the output schema.", "mapping", f"{name}:{path}"))
        return Described({MAIN: output}, tuple(findings))

    def open(self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings) -> Stateless:
        """Return the transform."""
        output = read_schema(properties, "schema", (), [])
        assert output is not None, "the configuration was checked"
        name = properties["field"]
        mapping = mapping_of(properties.get("mapping"), "", [])
        passed = {field for field in output.names if field in schema.names and field != name and field not in mapping}
        fields = [field for field in output if field.name not in passed]

        def apply(batch: pa.RecordBatch) -> Emitted:
            gathered = _Gathered([], [], [])
            for row, text in enumerate(_texts(batch.column(name))):
                try:
                    values = _parse_json(text, fields, mapping)
                except JsonInvalid as error:
                    gathered.refused.append((row, 31, str(error)))
                    continue
                if values is None:
                    surroundings.log("ERROR", f"A record lacks a value that must be there: {text!r}")
                    continue
                gathered.rows.append(row)
                gathered.values.append(values)
            return gathered.emitted(batch, output, passed)

        return Stateless(apply)


def _parse_json(text: str | None, fields: list[pa.Field], mapping: Mapping[str, str]) -> dict[str, Any] | None:
    document = parse_json(text) if text is not None else None
    values: dict[str, Any] = {}
    for field in fields:
        try:
            found = read_path(document, mapping.get(field.name, f"$['{field.name}']"))
        except LookupError:
            found = None
        if found is None and not field.nullable:
            return None
        values[field.name] = _shaped(found, field.type)
    return values


def _shaped(value: Any, kind: pa.DataType) -> Any:
    """Fit a JSON value to a type: numbers to numbers, members by name; for text, what is no text is printed."""
    types = pa.types
    if value is None:
        return None
    if types.is_string(kind):
        return value if isinstance(value, str) else print_json(value)
    if types.is_struct(kind) and isinstance(value, dict):
        members = [kind.field(i) for i in range(kind.num_fields)]
        return {member.name: _shaped(value.get(member.name), member.type) for member in members}
    if types.is_list(kind) and isinstance(value, list):
        return [_shaped(item, kind.value_type) for item in value]
    if types.is_map(kind) and isinstance(value, dict):
        return [(key, _shaped(item, kind.item_type)) for key, item in value.items()]
    if types.is_binary(kind):
        return (value if isinstance(value, str) else print_json(value)).encode()
    if types.is_boolean(kind):
        return value if isinstance(value, bool) else str(value).lower() == "true"
    if isinstance(value, bool) or not isinstance(value, int | float):
        try:
            return from_text(pa.array([print_any(value)]), kind)[0].as_py()
        except (ConversionFailed, ValueError):
            raise TransformFailed(f"cannot convert {print_any(value)!r} to the type {type_name(kind)!r}") from None
    return int(value) if types.is_integer(kind) else float(value) if types.is_floating(kind) else value


_LOG_SCHEMA: Final = pa.schema(
    [
        pa.field("uri", pa.string(), nullable=False),
        pa.field("ip", pa.string(), nullable=False),
        pa.field("browser", pa.string(), nullable=False),
        pa.field("device", pa.string(), nullable=False),
        pa.field("httpStatus", pa.int32(), nullable=False),
        pa.field("ts", pa.int64(), nullable=False),
    ]
)
_CLF: Final = re.compile(r'^(\S+) \S+ \S+ \[([^\]]+)\] "([^"]*)" (\S+) (\S+) "[^"]*" "([^"]*)"')
_S3: Final = re.compile(
    r'^\S+ \S+ \[([^\]]+)\] (\S+) \S+ \S+ \S+ \S+ "([^"]*)" (\S+) \S+ \S+ \S+ \S+ \S+ "?[^"]*"? "([^"]*)"'
)


class LogParseTransform:
    """Transform `parse-log`."""

    name = "parse-log"

    def describe(
        self, properties: Mapping[str, str], schema: pa.Schema | None, hidden: Collection[str] = ()
    ) -> Described:
        """Check the format."""
        findings = _field_of(properties, "inputName", schema, hidden)
        form = properties.get("logFormat") or ""
        if form.lower() not in ("clf", "s3", "cloudfront") and "logFormat" not in hidden:
            message = f"Invalid log format '{form}'." if form else "Required property 'logFormat' has no value."
            findings.append(Finding(message, "Use CLF, S3 or Cloudfront.", "logFormat"))
        return Described({MAIN: _LOG_SCHEMA}, tuple(findings))

    def open(self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings) -> Stateless:
        """Return the transform."""
        read = _LOGS[properties["logFormat"].lower()]
        name = properties["inputName"]

        def apply(batch: pa.RecordBatch) -> Emitted:
            gathered = _Gathered([], [], [])
            for row, text in enumerate(_texts(batch.column(name))):
                if text is None:
                    gathered.refused.append((row, 31, "Log message is null."))
                    continue
                if text.startswith("#"):
                    continue  # a comment of the format
                try:
                    values = read(text)
                except (ValueError, IndexError, KeyError):
                    values = None
                if values is None:
                    gathered.refused.append((row, 31, f"Could not parse log message: {text}"))
                else:
                    gathered.rows.append(row)
                    gathered.values.append(values)
            return gathered.emitted(batch, _LOG_SCHEMA, ())

        return Stateless(apply)


def _log_record(ip: str, stamp: str, request: str, status: str, agent: str) -> dict[str, Any]:
    moment = datetime.strptime(stamp, "%d/%b/%Y:%H:%M:%S %z")
    parts = request.split(" ")
    browser, device = _agent(agent)
    return {
        "uri": parts[1] if len(parts) > 1 else request,
        "ip": ip,
        "browser": browser,
        "device": device,
        "httpStatus": int(status),
        "ts": int(moment.timestamp() * 1000),
    }


def _read_clf(text: str) -> dict[str, Any] | None:
    found = _CLF.match(text)
    return None if found is None else _log_record(found[1], found[2], found[3], found[4], found[6])


def _read_s3(text: str) -> dict[str, Any] | None:
    found = _S3.match(text)
    return None if found is None else _log_record(found[2], found[1], found[3], found[4], found[5])


def _read_cloudfront(text: str) -> dict[str, Any] | None:
    from urllib.parse import unquote

    parts = text.split("\t")
    if len(parts) < 11:
        return None
    moment = datetime.strptime(f"{parts[0]} {parts[1]}", "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    browser, device = _agent(unquote(unquote(parts[10])))
    return {
        "uri": parts[7],
        "ip": parts[4],
        "browser": browser,
        "device": device,
        "httpStatus": int(parts[8]),
        "ts": int(moment.timestamp() * 1000),
    }


_LOGS: Final[dict[str, Callable[[str], dict[str, Any] | None]]] = {
    "clf": _read_clf,
    "s3": _read_s3,
    "cloudfront": _read_cloudfront,
}


def _agent(text: str) -> tuple[str, str]:
    """Tell browser and kind of device from what a browser says it is."""
    for mark, name in (
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("Opera", "Opera"),
        ("Chromium", "Chromium"),
        ("CriOS", "Chrome Mobile"),
        ("Chrome", "Chrome"),
        ("Firefox", "Firefox"),
        ("MSIE", "IE"),
        ("Trident", "IE"),
        ("Safari", "Safari"),
    ):
        if mark in text:
            browser = name
            break
    else:
        browser = "unknown"
    if re.search(r"iPad|Tablet", text):
        return browser, "Tablet"
    if re.search(r"Mobile|iPhone|Android", text):
        return browser, "Smartphone"
    if re.search(r"bot|crawl|spider|curl|wget", text, re.IGNORECASE):
        return browser, "Other"
    if re.search(r"Windows|Macintosh|Linux|X11", text):
        return browser, "Personal computer"
    return browser, ""
