"""Directives about JSON: taking it apart, picking from it, writing rows as it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from penstock.transform.directives.declaring import Setting, Step, directive, stopped
from penstock.transform.frames.cells import CellFailed
from penstock.transform.frames.data import encode, take
from penstock.transform.frames.frame import Failure, Frame
from penstock.transform.jvm.json_path import PathInvalid, read_path
from penstock.transform.jvm.json_text import JsonInvalid, parse_json
from penstock.transform.jvm.values import JsonArray, JsonObject, class_name, column_of, objects, print_json, scalars
from penstock.transform.recipe.parser import COLUMN, COLUMNS, NUMBER, TEXT
from penstock.transform.recipe.usage import Arguments, Parameter

__all__ = ["flattened", "spread_members"]


def flattened(value: dict[str, Any], name: str, depth: int, most: int) -> dict[str, Any]:
    """Return the members of an object down to a depth, named by the way to them."""
    if depth > most:
        return {name: value}
    out: dict[str, Any] = {}
    for key, item in value.items():
        label = f"{name}_{key}"
        if isinstance(item, dict):
            out.update(flattened(item, label, depth + 1, most))
        else:
            out[label] = item
    return out


def spread_members(frame: Frame, records: list[dict[str, Any] | None], codes: Any) -> Frame:
    """Append a column for each member that occurs; `records[code]` has those of the rows with that code."""
    members: dict[str, None] = {}
    for record in records:
        members.update(dict.fromkeys(record or ()))
    known = codes >= 0
    for member in members:
        has = np.fromiter((record is not None and member in record for record in records), bool, len(records))
        values = column_of([record.get(member) if record else None for record in records])
        there = known & has[codes] if len(has) else known
        frame = frame.add(member, take(values, np.where(known, codes, -1)), there)
    return frame


def spread_groups(frame: Frame, groups: list[list[dict[str, Any]]], codes: Any) -> tuple[Frame, Any]:
    """Make a row of each record in the group of a row's code, in the place of that row, with the record's members.

    Returns: rows with these columns alone, and of each the row that it comes from.
    """
    counts = np.fromiter(map(len, groups), np.int64, len(groups))
    starts = np.concatenate([[0], np.cumsum(counts)])
    origin = np.repeat(np.arange(frame.rows, dtype=np.int64), counts[codes])
    within = np.arange(len(origin)) - np.repeat(np.cumsum(counts[codes]) - counts[codes], counts[codes])
    records = [record for group in groups for record in group]
    return spread_members(frame.with_columns([]).take(origin), list(records), starts[codes[origin]] + within), origin


@directive("parse-as-json", Parameter("column", COLUMN), Parameter("depth", NUMBER, True))
def parse_as_json(arguments: Arguments, setting: Setting) -> Step:
    """Replace a JSON text by columns of its members, or by rows of its elements.

    A row whose column is null or missing, or holds neither object nor array, goes no further.
    """
    column, depth = arguments.text("column"), arguments.number("depth", 1 << 31)

    def parsed(value: Any) -> Any:
        if isinstance(value, str):
            try:
                return parse_json(value)
            except JsonInvalid as error:
                raise stopped("parse-as-json", str(error)) from None
        if isinstance(value, JsonObject | JsonArray):
            return value
        raise stopped(
            "parse-as-json",
            f"Column '{column}' is of invalid type '{class_name(value)}'. It should be of type 'String' or "
            "'JsonObject' or 'JsonArray'.",
        )

    def step(frame: Frame) -> Frame:
        at = frame.find(column)
        if at < 0:
            return frame.keep(np.zeros(frame.rows, dtype=bool))
        frame, values, codes = _parsed(frame, at, parsed)
        kinds = np.fromiter(
            (1 if isinstance(v, dict) else 2 if isinstance(v, list) else 0 for v in values), int, len(values)
        )
        row_kinds = np.where(codes >= 0, kinds[codes] if len(kinds) else 0, 0)
        frame, codes = frame.keep(row_kinds > 0), codes[row_kinds > 0]
        columns = list(frame.columns)
        del columns[at]
        frame = frame.with_columns(columns)
        if (kinds == 2).any():
            frame, codes = _elements(frame, column, values, codes)
        records = [flattened(v, column, 1, depth) if isinstance(v, dict) else None for v in values]
        return spread_members(frame, records, codes)

    return step


def _parsed(frame: Frame, at: int, parse: Any) -> tuple[Frame, list[Any], Any]:
    """Parse the distinct values of a column; rows whose value cannot be parsed fail."""
    values, codes = encode(frame.columns[at].data)
    results: list[Any] = []
    bad: dict[int, Failure] = {}
    for i, value in enumerate(values):
        try:
            results.append(None if value is None else parse(value))
        except CellFailed as error:
            results.append(None)
            bad[i] = error.failure
    if bad:
        failed = {int(row): bad[int(codes[row])] for row in np.flatnonzero(np.isin(codes, list(bad)))}
        records = np.unique(frame.origin[np.fromiter(failed, np.int64, len(failed))])
        codes = codes[~np.isin(frame.origin, records)]
        frame = frame.fail(failed)
    return frame, results, codes


def _elements(frame: Frame, column: str, values: list[Any], codes: Any) -> tuple[Frame, Any]:
    """Make a row of each element of arrays, holding it under the column's own name; an empty array leaves one row."""
    sizes = np.fromiter((max(len(v), 1) if isinstance(v, list) else 1 for v in values), np.int64, len(values))
    counts = sizes[codes]
    rows = np.repeat(np.arange(frame.rows, dtype=np.int64), counts)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    made = frame.take(rows)
    codes = codes[rows]
    items: list[Any] = []
    there = np.zeros(len(rows), dtype=bool)
    for i, (code, place) in enumerate(zip(codes.tolist(), within.tolist(), strict=True)):
        value = values[code]
        if isinstance(value, list) and value:
            items.append(value[place])
            there[i] = True
        else:
            items.append(None)
    if there.any():
        made = made.add(column, column_of(items), there)
    return made, codes


@directive("json-path", Parameter("source", COLUMN), Parameter("destination", COLUMN), Parameter("json-path", TEXT))
def json_path(arguments: Arguments, setting: Setting) -> Step:
    """Pick from a JSON value by a path; a row whose column is null goes no further."""
    source, destination, path = arguments.text("source"), arguments.text("destination"), arguments.text("json-path")
    try:
        read_path(JsonObject(), path)
    except PathInvalid as error:
        raise arguments.refuse(str(error)) from None
    except LookupError:
        pass

    def picked(value: Any) -> Any:
        if isinstance(value, str):
            try:
                value = parse_json(value)
            except JsonInvalid as error:
                raise stopped("json-path", str(error)) from None
        elif not isinstance(value, JsonObject | JsonArray):
            raise stopped(
                "json-path",
                f"Column '{source}' is of invalid type '{class_name(value)}'. It should be of type 'String' or "
                "'JsonObject' or 'JsonArray'.",
            )
        try:
            return _Found(read_path(value, path))
        except LookupError as error:
            raise stopped("json-path", str(error).strip("'\"")) from None

    def step(frame: Frame) -> Frame:
        at = frame.find(source)
        if at < 0:
            return frame.keep(np.zeros(frame.rows, dtype=bool))
        frame, values, codes = _parsed(frame, at, picked)
        frame, codes = frame.keep(codes >= 0), codes[codes >= 0]
        found = column_of([value.value if value is not None else None for value in values] or [None])
        return frame.set(destination, take(found, codes))

    return step


class _Found:
    """What was picked, which may be null."""

    def __init__(self, value: Any) -> None:
        self.value = value


@directive("write-as-json-map", Parameter("column", COLUMN))
def write_as_json_map(arguments: Arguments, setting: Setting) -> Step:
    """Write the whole row as a JSON text."""
    column = arguments.text("column")

    def step(frame: Frame) -> Frame:
        columns = [(c.name, scalars(c.data), c.there()) for c in frame.columns]
        texts = []
        for row in range(frame.rows):
            record: dict[str, Any] = {}
            for name, values, there in columns:
                if there[row]:
                    record[name] = values[row]
            texts.append(print_json(record, nulls=False))
        return frame.set(column, pa.array(texts, pa.string()))

    return step


@directive("write-as-json-object", Parameter("column", COLUMN), Parameter("col", COLUMNS, True))
def write_as_json_object(arguments: Arguments, setting: Setting) -> Step:
    """Make a JSON object of columns; what is neither number, text nor JSON is left out."""
    column = arguments.text("column")
    names = arguments.texts("col") if "col" in arguments else []

    def step(frame: Frame) -> Frame:
        found = [(name, frame.value(name)) for name in names]
        columns = [(name, scalars(c.data)) for name, c in found if c is not None]
        made = []
        for row in range(frame.rows):
            record = JsonObject()
            for name, values in columns:
                value = values[row]
                if isinstance(value, str | int | float | JsonObject | JsonArray) and not isinstance(value, bool):
                    record[name] = value
            made.append(record)
        return frame.set(column, objects(made))

    return step
