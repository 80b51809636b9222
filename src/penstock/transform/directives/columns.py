"""Directives that rearrange and rename columns."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pyarrow.compute as pc

from penstock.transform.directives.declaring import (
    Setting,
    Step,
    directive,
    each_value,
    no_column,
    stopped,
    wrong_type,
)
from penstock.transform.directives.sed import SedInvalid, compile_sed
from penstock.transform.frames.data import as_strings
from penstock.transform.frames.frame import Frame
from penstock.transform.jvm.regex import split
from penstock.transform.jvm.text import unescape_java
from penstock.transform.jvm.values import column_of, objects, print_any, scalars
from penstock.transform.recipe.parser import BOOLEAN, COLUMN, COLUMNS, IDENTIFIER, TEXT
from penstock.transform.recipe.usage import Arguments, Parameter

__all__: list[str] = []


@directive("drop", Parameter("column", COLUMNS))
def drop(arguments: Arguments, setting: Setting) -> Step:
    """Remove columns; those that are missing do not matter."""
    names = arguments.texts("column")

    def step(frame: Frame) -> Frame:
        columns = list(frame.columns)
        for name in names:
            at = next((i for i, column in enumerate(columns) if column.name.lower() == name.strip().lower()), -1)
            if at >= 0:
                del columns[at]
        return frame.with_columns(columns)

    return step


@directive("keep", Parameter("column", COLUMNS))
def keep(arguments: Arguments, setting: Setting) -> Step:
    """Remove all other columns."""
    names = {name.strip().lower() for name in arguments.texts("column")}
    return lambda frame: frame.with_columns([c for c in frame.columns if c.name.lower() in names])


@directive("rename", Parameter("source", COLUMN), Parameter("target", COLUMN))
def rename(arguments: Arguments, setting: Setting) -> Step:
    """Rename a column; a name that is taken is an error, a column that is not there is none."""
    source, target = arguments.text("source"), arguments.text("target")
    taken = stopped(
        "rename",
        f"Column '{target}' already exists. Apply the 'drop {target}' directive before renaming "
        f"'{source}' to '{target}'.",
    )

    def step(frame: Frame) -> Frame:
        at, other = frame.find(source), frame.find(target)
        if at < 0:
            return frame
        if other >= 0 and other != at:
            both = frame.columns[at].there() & frame.columns[other].there()
            if both.any():
                frame = frame.fail_where(both, taken.failure)
        columns = list(frame.columns)
        columns[at] = replace(columns[at], name=target)
        return frame.with_columns(columns)

    return step


@directive("copy", Parameter("source", COLUMN), Parameter("destination", COLUMN), Parameter("force", BOOLEAN, True))
def copy(arguments: Arguments, setting: Setting) -> Step:
    """Copy a column to a new one, or over one that is there if told to."""
    source, destination, force = arguments.text("source"), arguments.text("destination"), arguments.flag("force")
    taken = stopped(
        "copy",
        f"Destination column '{destination}' already exists in the row. Use 'force' option to overwrite the column.",
    )

    def step(frame: Frame) -> Frame:
        at, other = frame.find(source), frame.find(destination)
        if at < 0:
            return frame.fail_where(np.ones(frame.rows, dtype=bool), no_column("copy", source).failure)
        if at == other:
            return frame
        if (there := frame.columns[at].present) is not None:
            frame = frame.fail_where(~there, no_column("copy", source).failure)
        if other >= 0 and not force:
            frame = frame.fail_where(frame.columns[other].there(), taken.failure)
        return frame.set(destination, frame.columns[at].data)

    return step


@directive("swap", Parameter("left", COLUMN), Parameter("right", COLUMN))
def swap(arguments: Arguments, setting: Setting) -> Step:
    """Exchange the names of two columns."""
    left, right = arguments.text("left"), arguments.text("right")

    def step(frame: Frame) -> Frame:
        for name in (left, right):
            at = frame.find(name)
            if at < 0:
                return frame.fail_where(np.ones(frame.rows, dtype=bool), no_column("swap", name).failure)
            if (there := frame.columns[at].present) is not None:
                frame = frame.fail_where(~there, no_column("swap", name).failure)
        columns = list(frame.columns)
        a, b = frame.find(left), frame.find(right)
        columns[a], columns[b] = replace(columns[a], name=right), replace(columns[b], name=left)
        return frame.with_columns(columns)

    return step


@directive("set-headers", Parameter("column", COLUMNS))
def set_headers(arguments: Arguments, setting: Setting) -> Step:
    """Name columns by their places."""
    names = [name.strip() for name in arguments.texts("column")]

    def step(frame: Frame) -> Frame:
        renamed = [replace(c, name=n) for c, n in zip(frame.columns, names, strict=False)]
        return frame.with_columns([*renamed, *frame.columns[len(renamed) :]])

    return step


@directive("change-column-case", Parameter("case", IDENTIFIER, True))
def change_column_case(arguments: Arguments, setting: Setting) -> Step:
    """Make the names of all columns upper or lower case."""
    upper = arguments.text("case", "lower").lower() in ("upper", "uppercase")
    return lambda frame: frame.with_columns(
        [replace(c, name=c.name.upper() if upper else c.name.lower()) for c in frame.columns]
    )


@directive("cleanse-column-names")
def cleanse_column_names(arguments: Arguments, setting: Setting) -> Step:
    """Make all names lower case and of letters, digits and underscores."""
    return lambda frame: frame.with_columns(
        [replace(c, name=re.sub(r"[^a-zA-Z0-9_]", "_", c.name.strip().lower())) for c in frame.columns]
    )


@directive("columns-replace", Parameter("sed-expression", TEXT))
def columns_replace(arguments: Arguments, setting: Setting) -> Step:
    """Rename all columns by a replacement."""
    try:
        edit = compile_sed(arguments.text("sed-expression"))
    except SedInvalid as error:
        raise arguments.refuse(str(error)) from None
    return lambda frame: frame.with_columns([replace(c, name=edit(c.name)) for c in frame.columns])


@directive(
    "merge",
    Parameter("column1", COLUMN),
    Parameter("column2", COLUMN),
    Parameter("destination", COLUMN),
    Parameter("separator", TEXT),
)
def merge(arguments: Arguments, setting: Setting) -> Step:
    """Join two columns as text, nulls as `null`; rows that lack one are left alone."""
    first, second = arguments.text("column1"), arguments.text("column2")
    destination, separator = arguments.text("destination"), unescape_java(arguments.text("separator"))

    def step(frame: Frame) -> Frame:
        a, b = frame.value(first), frame.value(second)
        if a is None or b is None:
            return frame
        parts = [as_strings(c.data, print_any).fill_null("null") for c in (a, b)]
        joined = pc.binary_join_element_wise(*parts, separator)
        there = a.there() & b.there()
        if not there.all():
            joined = pc.if_else(there, joined, None)
        return frame.add(destination, joined, there)

    return step


@directive(
    "split",
    Parameter("source", COLUMN),
    Parameter("delimiter", TEXT),
    Parameter("column1", COLUMN),
    Parameter("column2", COLUMN),
)
def split_in_two(arguments: Arguments, setting: Setting) -> Step:
    """Cut a text at the first delimiter; with nothing before it, the rest is the first part and there is no second."""
    source, delimiter = arguments.text("source"), arguments.text("delimiter")
    names = (arguments.text("column1"), arguments.text("column2"))

    def cut(value: object) -> tuple[str | None, str | None]:
        if not isinstance(value, str):
            raise stopped("split", f"{source} is not of type string. Please check the wrangle configuration.")
        parts = split(value, delimiter, 2)
        if len(parts) < 2:
            raise stopped("split", "1")
        return (parts[1], None) if not parts[0] else (parts[0], parts[1])

    def step(frame: Frame) -> Frame:
        missing = stopped("split", f"{source} is not of type string. Please check the wrangle configuration.")
        frame, _, pairs = each_value(frame, source, lambda v: list(cut(v)), missing=missing)
        if pairs is None:
            return frame
        values = scalars(pairs)
        for place, name in enumerate(names):
            frame = frame.add(name, column_of([None if pair is None else pair[place] for pair in values]))
        return frame

    return step


@directive("create-record", Parameter("target_column", COLUMN), Parameter("columns", COLUMNS))
def create_record(arguments: Arguments, setting: Setting) -> Step:
    """Make a record of columns; nulls are left out."""
    target, names = arguments.text("target_column"), arguments.texts("columns")

    def step(frame: Frame) -> Frame:
        found = [(name, frame.value(name)) for name in names]
        columns = [(name, scalars(column.data)) for name, column in found if column is not None]
        records = [
            {name: values[row] for name, values in columns if values[row] is not None} for row in range(frame.rows)
        ]
        return frame.set(target, objects(records))

    return step


@directive("flatten-record", Parameter("columns", COLUMNS))
def flatten_record(arguments: Arguments, setting: Setting) -> Step:
    """Make columns of the members of records."""
    names = arguments.texts("columns")

    def step(frame: Frame) -> Frame:
        for name in names:
            frame = _flattened(frame, name)
        return frame

    return step


def _flattened(frame: Frame, name: str) -> Frame:
    def check(value: object) -> object:
        if not isinstance(value, dict):
            raise wrong_type("flatten-record", name, value, "type 'Record'")
        return value

    frame, _, data = each_value(frame, name, check)
    if data is None:
        return frame
    records = scalars(data)
    members: dict[str, None] = {}
    for record in records:
        members.update(dict.fromkeys(record or ()))
    for member in members:
        there = np.fromiter((record is not None and member in record for record in records), bool, len(records))
        values = column_of([record.get(member) if record else None for record in records])
        frame = frame.set(f"{name}_{member}", values, there)
    return frame
