"""Directives that evaluate expressions."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from penstock.transform.directives.declaring import Setting, Step, directive
from penstock.transform.directives.rows import condition_of, stop_failures
from penstock.transform.frames.data import Data, take
from penstock.transform.frames.frame import Failure, Frame
from penstock.transform.jexl import Expression
from penstock.transform.recipe.parser import COLUMN, EXPRESSION, IDENTIFIER, NUMBER
from penstock.transform.recipe.usage import Arguments, Parameter

__all__: list[str] = []


def _evaluated(frame: Frame, name: str, expression: Expression) -> tuple[Frame, Data]:
    data, failed = expression.over(frame)
    if not failed:
        return frame, data
    records = np.unique(frame.origin[np.fromiter(failed, np.int64, len(failed))])
    kept = np.flatnonzero(~np.isin(frame.origin, records))
    failures: dict[int, Failure] = stop_failures(name, failed)
    return frame.fail(failures), take(data, kept)


@directive("set-column", Parameter("column", COLUMN), Parameter("expression", EXPRESSION))
def set_column(arguments: Arguments, setting: Setting) -> Step:
    """Set a column to what an expression gives."""
    column, expression = arguments.text("column"), condition_of(arguments, "expression")

    def step(frame: Frame) -> Frame:
        frame, data = _evaluated(frame, "set-column", expression)
        return frame.set(column, data)

    return step


@directive("set-variable", Parameter("variable", IDENTIFIER), Parameter("condition", EXPRESSION))
def set_variable(arguments: Arguments, setting: Setting) -> Step:
    """Keep what an expression gives under a name, for the expressions that follow for the same record."""
    variable, expression = arguments.text("variable"), condition_of(arguments)

    def step(frame: Frame) -> Frame:
        frame, data = _evaluated(frame, "set-variable", expression)
        made = frame.with_columns(frame.columns)
        made.variables[variable] = data
        return made

    return step


@directive(
    "increment-variable",
    Parameter("variable", IDENTIFIER),
    Parameter("value", NUMBER),
    Parameter("condition", EXPRESSION),
)
def increment_variable(arguments: Arguments, setting: Setting) -> Step:
    """Add to a variable of the record if a condition holds."""
    variable, amount, condition = arguments.text("variable"), arguments.number("value"), condition_of(arguments)

    def step(frame: Frame) -> Frame:
        mask, failed = condition.test(frame)
        if failed:
            records = np.unique(frame.origin[np.fromiter(failed, np.int64, len(failed))])
            mask = mask[~np.isin(frame.origin, records)]
            frame = frame.fail(stop_failures("increment-variable", failed))
        made = frame.with_columns(frame.columns)
        before = made.variables.get(variable)
        counts = np.zeros(frame.rows, dtype=np.int64)
        if isinstance(before, pa.Array) and pa.types.is_integer(before.type):
            counts = before.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
        made.variables[variable] = pa.array(counts + mask * amount)
        return made

    return step
