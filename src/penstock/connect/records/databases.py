"""Databases as sources, sinks and actions.

Properties: those of `database_places`; of sources `importQuery`, `boundingQuery`, `splitBy`, `numSplits`, `schema`,
`columnNameCase`, `patternToReplace`, `replaceWith`; of sinks `tableName`, `dbSchemaName`, `operationName`,
`relationTableKey`; of actions `query`, and `column`, `stringArguments` and the like for arguments read from a row.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import pyarrow as pa

from penstock.connect.records.database_drivers import DatabaseFailed, Driver, open_driver
from penstock.connect.records.database_places import DatabaseInvalid, place_of
from penstock.data.conversion import print_value
from penstock.data.record_schema import SchemaInvalid, parse_schema
from penstock.ports.action import ActionFailed
from penstock.ports.records import ReadFailed, RecordSink, WriteFailed
from penstock.ports.transform import MAIN, Described, Finding, Surroundings

__all__ = ["DatabaseAction", "DatabaseArguments", "DatabaseSink", "DatabaseSource"]

_CONDITIONS = "$CONDITIONS"
_MODES = ("insert", "update", "upsert")


def _check_place(properties: Mapping[str, str], hidden: Collection[str]) -> list[Finding]:
    if hidden:
        return []
    try:
        place_of(properties)
    except DatabaseInvalid as error:
        return [Finding(f"Invalid connection: {error}.", "Mend the connection.", error.property)]
    return []


class DatabaseSource:
    """Source `database`."""

    name = "database"

    def describe(self, properties: Mapping[str, str], hidden: Collection[str] = ()) -> Described:
        """Check; read the schema of the query's result if none is configured."""
        findings = _check_place(properties, hidden)
        query = properties.get("importQuery") or ""
        splits = (properties.get("numSplits") or "1").strip()
        if query and splits.isdigit() and int(splits) > 1 and _CONDITIONS not in query:
            message = f"Import query must contain the string '{_CONDITIONS}' if the number of splits is not 1."
            findings.append(Finding(message, f"Include '{_CONDITIONS}' in the query.", "importQuery"))
        declared = self._declared(properties, findings)
        if findings or hidden or not query:
            return Described({MAIN: declared if not findings else None}, tuple(findings))
        if declared is not None:
            return Described({MAIN: declared})
        try:
            driver = open_driver(place_of(properties))
            try:
                schema, _ = driver.query(_unsplit(query))
            finally:
                driver.close()
        except DatabaseFailed as error:
            message = f"Error when trying to detect schema: {error}"
            return Described({MAIN: None}, (Finding(message, "Mend the connection or the query.", "importQuery"),))
        return Described({MAIN: _renamed(schema, properties)})

    def _declared(self, properties: Mapping[str, str], findings: list[Finding]) -> pa.Schema | None:
        if not properties.get("schema"):
            return None
        try:
            return parse_schema(properties["schema"])
        except SchemaInvalid as error:
            findings.append(Finding(f"Unable to parse the schema: {error}.", None, "schema"))
            return None

    def read(
        self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of the query, of the schema's columns."""
        try:
            driver = open_driver(place_of(properties))
            try:
                found, batches = driver.query(_unsplit(properties["importQuery"]))
                found = _renamed(found, properties)
                for batch in batches:
                    yield _chosen(batch, found, schema)
            finally:
                driver.close()
        except DatabaseFailed as error:
            raise ReadFailed(str(error)) from None


def _unsplit(query: str) -> str:
    return query.replace(_CONDITIONS, "1=1")


def _renamed(schema: pa.Schema, properties: Mapping[str, str]) -> pa.Schema:
    case = (properties.get("columnNameCase") or "").strip().lower()
    pattern, new = properties.get("patternToReplace"), properties.get("replaceWith") or ""
    names = []
    for name in schema.names:
        shown = name.upper() if case == "upper" else name.lower() if case == "lower" else name
        names.append(re.sub(pattern, new, shown) if pattern else shown)
    return pa.schema([field.with_name(name) for field, name in zip(schema, names, strict=True)])


def _chosen(batch: pa.RecordBatch, found: pa.Schema, schema: pa.Schema) -> pa.RecordBatch:
    places = {name.lower(): i for i, name in reversed([*enumerate(found.names)])}
    columns = []
    for field in schema:
        at = found.get_field_index(field.name)
        at = places.get(field.name.lower(), -1) if at < 0 else at
        if at < 0:
            raise ReadFailed(f"field '{field.name}' of the schema is no column of the query's result")
        column = batch.column(at)
        if not column.type.equals(field.type):
            try:
                column = column.cast(field.type)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
                raise ReadFailed(f"column '{field.name}' does not fit its type in the schema: {error}") from None
        if column.null_count and not field.nullable:
            raise ReadFailed(f"field '{field.name}' cannot be set to a null value")
        columns.append(column)
    return pa.RecordBatch.from_arrays(columns, schema=schema)


class DatabaseSink:
    """Sink `database`: all in one transaction."""

    name = "database"

    def describe(
        self, properties: Mapping[str, str], schema: pa.Schema | None, hidden: Collection[str] = ()
    ) -> tuple[Finding, ...]:
        """Check connection, operation and keys."""
        findings = _check_place(properties, hidden)
        mode = (properties.get("operationName") or "insert").strip().lower()
        keys = _keys(properties)
        if mode not in _MODES:
            findings.append(
                Finding(f"Invalid operation '{mode}'.", f"Use one of {', '.join(_MODES)}.", "operationName")
            )
        elif mode != "insert" and not keys and "relationTableKey" not in hidden:
            message = f"Table key must be set if the operation is '{mode}'."
            findings.append(Finding(message, "Name the key's columns.", "relationTableKey"))
        if schema is not None:
            for key in keys:
                if schema.get_field_index(key) < 0:
                    message = f"Table key '{key}' does not exist in the input schema."
                    findings.append(Finding(message, "Name fields of the input.", "relationTableKey", key))
        return tuple(findings)

    def open(self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings) -> RecordSink:
        """Connect, and find the columns that fields go to."""
        try:
            driver = open_driver(place_of(properties))
            return _Rows(driver, properties, schema)
        except DatabaseFailed as error:
            raise WriteFailed(str(error)) from None


def _keys(properties: Mapping[str, str]) -> list[str]:
    return [key.strip() for key in (properties.get("relationTableKey") or "").split(",") if key.strip()]


class _Rows:
    def __init__(self, driver: Driver, properties: Mapping[str, str], schema: pa.Schema) -> None:
        self._driver = driver
        self._table = properties["tableName"]
        self._schema = properties.get("dbSchemaName") or None
        self._mode = (properties.get("operationName") or "insert").strip().lower()
        known = driver.columns(self._table, self._schema)
        if not known:
            driver.close()
            raise WriteFailed(f"Table '{self._table}' does not exist")
        folded = {name.lower(): name for name in known}
        self._names = []
        for field in schema:
            column = field.name if field.name in known else folded.get(field.name.lower())
            if column is None:
                driver.close()
                raise WriteFailed(f"field '{field.name}' is no column of table '{self._table}'")
            self._names.append(column)
        by_field = dict(zip(schema.names, self._names, strict=True))
        self._keys = [by_field.get(key, key) for key in _keys(properties)]

    def write(self, batch: pa.RecordBatch) -> None:
        renamed = batch.rename_columns(self._names)
        try:
            self._driver.write(renamed, self._table, self._schema, self._mode, self._keys)
        except DatabaseFailed as error:
            raise WriteFailed(str(error)) from None

    def commit(self) -> None:
        self._driver.commit()
        self._driver.close()

    def abort(self) -> None:
        self._driver.close()


class DatabaseAction:
    """Action `database.execute`."""

    name = "database.execute"

    def describe(self, properties: Mapping[str, str], hidden: Collection[str] = ()) -> tuple[Finding, ...]:
        """Check the connection."""
        return tuple(_check_place(properties, hidden))

    def run(self, properties: Mapping[str, str], surroundings: Surroundings) -> Mapping[str, str]:
        """Execute and commit; the first row becomes arguments if asked for."""
        rows = _execute(properties, properties.get("query") or properties.get("sql") or "")
        if (properties.get("rowAsArguments") or "").strip().lower() != "true":
            return {}
        return {name: print_value(value) for name, value in rows[0].items()} if rows else {}


class DatabaseArguments(DatabaseAction):
    """Action `database.arguments`: columns of one row that conditions choose become arguments."""

    name = "database.arguments"

    def run(self, properties: Mapping[str, str], surroundings: Surroundings) -> Mapping[str, str]:
        """Read the row."""
        columns = [name.strip() for name in (properties.get("argumentsColumns") or "").split(",") if name.strip()]
        conditions = []
        for item in (properties.get("argumentSelectionConditions") or "").split(";"):
            name, equals, value = (part.strip() for part in item.partition("="))
            if equals:
                conditions.append(f"{name} = '{value.replace(chr(39), chr(39) * 2)}'")
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        table = properties.get("tableName") or ""
        rows = _execute(properties, f"SELECT {', '.join(columns) or '*'} FROM {table}{where}")
        if len(rows) != 1:
            raise ActionFailed(f"{len(rows)} rows of '{table}' fulfil the conditions; there must be one")
        return {name: print_value(value) for name, value in rows[0].items()}


def _execute(properties: Mapping[str, str], text: str) -> list[dict[str, Any]]:
    try:
        driver = open_driver(place_of(properties))
        try:
            rows = driver.execute(text)
            driver.commit()
            return rows
        finally:
            driver.close()
    except (DatabaseFailed, DatabaseInvalid) as error:
        raise ActionFailed(str(error)) from None
