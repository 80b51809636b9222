"""Directives about values that are missing."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.transform.directives.declaring import Setting, Step, directive
from penstock.transform.frames.data import choose, constant, is_text, null_mask
from penstock.transform.frames.frame import Frame
from penstock.transform.jvm.values import scalars
from penstock.transform.recipe.parser import COLUMN, COLUMNS, TEXT
from penstock.transform.recipe.usage import Arguments, Parameter

__all__: list[str] = []


@directive("fill-null-or-empty", Parameter("column", COLUMN), Parameter("value", TEXT))
def fill_null_or_empty(arguments: Arguments, setting: Setting) -> Step:
    """Put a text where a column is null, empty, or not there at all."""
    column, value = arguments.text("column"), arguments.text("value")
    if not value:
        raise arguments.refuse("Fixed value cannot be an empty string")

    def step(frame: Frame) -> Frame:
        at = frame.find(column)
        if at < 0:
            return frame.add(column, constant(value, frame.rows))
        data = frame.columns[at].data
        everywhere = np.ones(frame.rows, dtype=bool)
        if isinstance(data, pa.Array) and is_text(data):
            vacant = pc.or_(data.is_null(), pc.equal(data, "").fill_null(False))
            return frame.put(at, pc.if_else(vacant, pa.scalar(value), data), everywhere)
        vacant = null_mask(data)
        if isinstance(data, np.ndarray):
            vacant = vacant | np.fromiter((item == "" for item in scalars(data)), bool, len(data))
        return frame.put(at, choose(vacant, constant(value, frame.rows), data), everywhere)

    return step


@directive("filter-empty-or-null", Parameter("column", COLUMNS))
def filter_empty_or_null(arguments: Arguments, setting: Setting) -> Step:
    """Drop rows in which all of the columns are null; a row that lacks one of them stays."""
    names = [name.strip() for name in arguments.texts("column")]

    def step(frame: Frame) -> Frame:
        dropped = np.ones(frame.rows, dtype=bool)
        for name in names:
            column = frame.value(name)
            if column is None:
                return frame
            dropped &= null_mask(column.data) & column.there()
        return frame.keep(~dropped)

    return step
