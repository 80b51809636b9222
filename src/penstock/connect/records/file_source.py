"""Files as a source of records: which files, in which format, with which schema.

Properties: `path`, `format`, `schema`, `sampleSize`, `override`, `delimiter`, `enableQuotedValues`,
`enableMultilineSupport`, `skipHeader`, `fileRegex`, `pathField`, `filenameOnly`, `recursive`,
`ignoreNonExistingFolders`, `fileEncoding`, `copyHeader`. A schema that is not given is detected in the data.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa

from penstock.connect.records.blocks import EncodingUnknown, blocks_of, check_encoding
from penstock.connect.records.columnar import read_avro, read_blob, read_columns, stored_schema
from penstock.connect.records.delimited import Delimited, split_line
from penstock.connect.records.detection import OverrideInvalid, detect_delimited, parse_override
from penstock.connect.records.lines import parse_json, parse_lines
from penstock.connect.records.listing import list_files
from penstock.connect.records.places import Places, PlaceUnknown
from penstock.data.record_schema import SchemaInvalid, parse_schema
from penstock.ports.records import ReadFailed
from penstock.ports.transform import MAIN, Described, Finding, Surroundings

__all__ = ["FileOptions", "FileSource"]

_DELIMITERS = {"csv": ",", "tsv": "\t"}
_DELIMITED = ("csv", "tsv", "delimited")
_EXTENSIONS = {"avro": ".avro", "parquet": ".parquet", "orc": ".orc"}
_FORMATS = ("avro", "blob", "csv", "delimited", "json", "orc", "parquet", "text", "tsv")
_TEXT = pa.schema([pa.field("offset", pa.int64(), nullable=False), pa.field("body", pa.string(), nullable=True)])
_BLOB = pa.schema([pa.field("body", pa.binary(), nullable=False)])


@dataclass(frozen=True, slots=True)
class FileOptions:
    """A configuration as values."""

    path: str
    form: str
    delimiter: str
    quoted: bool
    multiline: bool
    skip_header: bool
    copy_header: bool
    encoding: str
    pattern: re.Pattern[str] | None
    path_field: str | None
    name_only: bool
    recursive: bool
    may_be_missing: bool
    sample_size: int


class FileSource:
    """Source `file`."""

    name = "file"

    def __init__(self, places: Places) -> None:
        self._places = places

    def describe(self, properties: Mapping[str, str], hidden: Collection[str] = ()) -> Described:
        """Check; detect the schema if there is none and nothing that it depends on is hidden."""
        findings: list[Finding] = []
        override = _override(properties, findings)
        declared = _declared(properties, findings)
        options = None if hidden else _options(properties, findings)
        _check_form(properties, findings)
        schema = declared
        if options is not None and not findings and "schema" not in hidden and declared is None:
            schema = self._detected(options, override, findings)
        if schema is not None and options is not None and not findings:
            schema = _with_path(schema, options, declared is not None, findings)
        return Described({MAIN: None if findings else schema}, tuple(findings))

    def read(
        self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings
    ) -> Iterator[pa.RecordBatch]:
        """Yield the records of all files, one file after the other."""
        options = _options(properties, [])
        assert options is not None, "the configuration was checked"
        for file in self._files(options):
            for batch in _read_file(file, options, _without_path(schema, options)):
                if batch.num_rows:
                    yield _add_path(batch, file, schema, options)

    def size_bytes(self, properties: Mapping[str, str]) -> int:
        """Return how much there is to read; 0 where nothing is there."""
        options = _options(properties, [])
        assert options is not None, "the configuration was checked"
        try:
            return sum(file.stat().st_size for file in self._files(options))
        except (ReadFailed, PlaceUnknown, OSError):
            return 0

    def _files(self, options: FileOptions) -> list[Path]:
        path = self._places.local(options.path)
        files = list_files(path, recursive=options.recursive, pattern=options.pattern)
        if files is None:
            if options.may_be_missing:
                return []
            raise ReadFailed(f"Input path does not exist: {options.path}")
        extension = _EXTENSIONS.get(options.form)
        if extension is not None and not path.is_file():
            files = [file for file in files if file.name.endswith(extension)] or files
        return files

    def _detected(
        self, options: FileOptions, override: dict[str, pa.DataType], findings: list[Finding]
    ) -> pa.Schema | None:
        if options.form == "text":
            return _TEXT
        if options.form == "blob":
            return _BLOB
        if options.form == "json":
            message = "Format 'json' cannot be used without specifying a schema."
            findings.append(Finding(message, "Specify the schema.", "schema"))
            return None
        try:
            return self._sampled(options, override)
        except (ReadFailed, PlaceUnknown, OSError) as error:
            message = f"Error when trying to detect schema: {error}"
            findings.append(Finding(message, "Mend the path, or specify the schema.", "path"))
            return None

    def _sampled(self, options: FileOptions, override: dict[str, pa.DataType]) -> pa.Schema | None:
        path = self._places.local(options.path)
        files = list_files(path, recursive=options.recursive, pattern=options.pattern)
        if files is None:
            if options.may_be_missing:
                return None
            raise ReadFailed(f"Input path not found: {options.path}")
        if not files:
            raise ReadFailed(f"no file was found at {options.path}")
        if options.form in _EXTENSIONS:
            return stored_schema(files[0], options.form)
        lines = list(islice(_sample(files[0], options), options.sample_size + 1))
        if not lines:
            return None
        header = split_line(lines[0], options.delimiter) if options.skip_header else None
        rows = [
            split_line(line, options.delimiter) if options.quoted else line.split(options.delimiter)
            for line in lines[1 if header is not None else 0 : options.sample_size + 1]
        ]
        return detect_delimited(rows, header, override)


def _override(properties: Mapping[str, str], findings: list[Finding]) -> dict[str, pa.DataType]:
    try:
        return parse_override(properties.get("override") or "")
    except OverrideInvalid as error:
        findings.append(Finding(f"{error}.", "Write it as 'column:type'.", "override", error.element))
        return {}


def _declared(properties: Mapping[str, str], findings: list[Finding]) -> pa.Schema | None:
    text = properties.get("schema")
    if not text:
        return None
    try:
        return parse_schema(text)
    except SchemaInvalid as error:
        findings.append(Finding(f"Unable to parse the output schema: {error}.", None, "schema"))
        return None


def _check_form(properties: Mapping[str, str], findings: list[Finding]) -> None:
    form = properties.get("format")
    if form is not None and form.lower() not in _FORMATS:
        message = f"Invalid input format '{form}'."
        findings.append(Finding(message, f"Use one of {', '.join(_FORMATS)}.", "format"))


def _options(properties: Mapping[str, str], findings: list[Finding]) -> FileOptions | None:
    form = (properties.get("format") or "text").lower()
    delimiter = properties.get("delimiter") or ""
    if form == "delimited" and not delimiter:
        message = "Delimiter is required when format is set to 'delimited'."
        findings.append(Finding(message, "Specify the delimiter.", "delimiter"))
    pattern = None
    if properties.get("fileRegex"):
        try:
            pattern = re.compile(properties["fileRegex"])
        except re.error as error:
            findings.append(Finding(f"Invalid file regular expression: {error}.", None, "fileRegex"))
    encoding = "utf-8"
    try:
        encoding = check_encoding(properties.get("fileEncoding") or "UTF-8")
    except EncodingUnknown as error:
        findings.append(Finding(f"{error}.", "Use UTF-8 or the name of another encoding.", "fileEncoding"))
    return FileOptions(
        path=(properties.get("path") or "").strip(),
        form=form,
        delimiter=_DELIMITERS.get(
            form, delimiter.encode().decode("unicode_escape") if "\\" in delimiter else delimiter
        ),
        quoted=_is_on(properties, "enableQuotedValues"),
        multiline=_is_on(properties, "enableMultilineSupport"),
        skip_header=_is_on(properties, "skipHeader"),
        copy_header=_is_on(properties, "copyHeader"),
        encoding=encoding,
        pattern=pattern,
        path_field=properties.get("pathField") or None,
        name_only=_is_on(properties, "filenameOnly"),
        recursive=_is_on(properties, "recursive"),
        may_be_missing=_is_on(properties, "ignoreNonExistingFolders"),
        sample_size=int(properties.get("sampleSize") or 1000),
    )


def _is_on(properties: Mapping[str, str], name: str) -> bool:
    return (properties.get(name) or "").strip().lower() == "true"


def _with_path(schema: pa.Schema, options: FileOptions, is_declared: bool, findings: list[Finding]) -> pa.Schema | None:
    """Return the schema with the field that takes the path."""
    name = options.path_field
    if name is None:
        return schema
    at = schema.get_field_index(name)
    if at >= 0 and not is_declared:
        message = f"Path Field {name} already exists in the data schema."
        correction = "Please provide a field that does not already exist."
        findings.append(Finding(message, correction, "pathField"))
        return None
    if at >= 0:
        if not pa.types.is_string(schema.field(at).type):
            message = f"Path field '{name}' must be of type 'string'."
            findings.append(Finding(message, "Change its type in the schema.", "pathField"))
            return None
        return schema
    if is_declared:
        message = f"Path field '{name}' must exist in input schema."
        findings.append(Finding(message, "Add it to the schema as a string.", "pathField"))
        return None
    return schema.append(pa.field(name, pa.string(), nullable=False))


def _without_path(schema: pa.Schema, options: FileOptions) -> pa.Schema:
    at = schema.get_field_index(options.path_field) if options.path_field else -1
    return schema if at < 0 else schema.remove(at)


def _add_path(batch: pa.RecordBatch, file: Path, schema: pa.Schema, options: FileOptions) -> pa.RecordBatch:
    at = schema.get_field_index(options.path_field) if options.path_field else -1
    if at < 0:
        return batch
    value = file.name if options.name_only else f"file:{file}"
    columns = list(batch.columns)
    columns.insert(at, pa.repeat(pa.scalar(value), batch.num_rows))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _read_file(file: Path, options: FileOptions, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    if options.form in ("parquet", "orc"):
        yield from read_columns(file, options.form, schema)
        return
    if options.form == "avro":
        yield from read_avro(file, schema)
        return
    if options.form == "blob":
        yield read_blob(file, schema)
        return
    reader = Delimited(schema, options.delimiter, options.quoted, options.multiline)
    # A header that is copied is a record of its own; reading the file from its beginning gives it once.
    skips = options.skip_header and not options.copy_header
    multiline = options.quoted and options.multiline
    try:
        for block, offset in blocks_of(file, encoding=options.encoding, skip_first_line=skips, quoted=multiline):
            if options.form == "text":
                yield parse_lines(block, offset, schema)
            elif options.form == "json":
                yield parse_json(block, schema, str(file))
            else:
                yield reader.parse(block, str(file))
    except (OSError, ValueError) as error:
        raise ReadFailed(f"'{file}' cannot be read: {error}") from None


def _sample(file: Path, options: FileOptions) -> Iterator[str]:
    multiline = options.quoted and options.multiline
    reader = Delimited(pa.schema([]), options.delimiter, options.quoted, options.multiline)
    for block, _ in blocks_of(file, encoding=options.encoding, skip_first_line=False, quoted=multiline):
        yield from reader.lines(block)
