"""Directives that let rows go, refuse them, or make several of one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.transform.directives.declaring import (
    Setting,
    Step,
    directive,
    each_value,
    null_value,
    refused,
    stopped,
    wrong_type,
)
from penstock.transform.frames.data import Data, encode, is_text, to_mask
from penstock.transform.frames.frame import Failure, Frame
from penstock.transform.jexl import Expression, ExpressionInvalid, compile_expression
from penstock.transform.jvm.regex import PatternInvalid, compile_pattern, fast_pattern, split
from penstock.transform.jvm.values import class_name, column_of, print_any, scalars
from penstock.transform.recipe.parser import BOOLEAN, COLUMN, COLUMNS, EXPRESSION, IDENTIFIER, NUMBER, TEXT
from penstock.transform.recipe.usage import Arguments, Parameter

__all__ = ["condition_of", "explode", "stop_failures"]


def condition_of(arguments: Arguments, name: str = "condition") -> Expression:
    """Compile the condition of a directive. Raises: RecipeInvalid."""
    text = arguments.text(name)
    try:
        return compile_expression(text)
    except ExpressionInvalid as error:
        raise arguments.refuse(
            f"Error encountered while evaluating '{text.strip()}', at line '{error.at[0]}' and column '{error.at[1]}'. "
            "Make sure the JEXL transformation is valid and uses only allowlisted classes, methods, and properties. "
            f"({error})"
        ) from None


def stop_failures(name: str, failed: dict[int, Failure]) -> dict[int, Failure]:
    """Say of failures which directive they are of."""
    return {row: stopped(name, failure.message).failure for row, failure in failed.items()}


def _tested(frame: Frame, name: str, condition: Expression) -> tuple[Frame, np.ndarray[Any, np.dtype[np.bool_]]]:
    mask, failed = condition.test(frame)
    if not failed:
        return frame, mask
    records = np.unique(frame.origin[np.fromiter(failed, np.int64, len(failed))])
    kept = ~np.isin(frame.origin, records)
    return frame.fail(stop_failures(name, failed)), mask[kept]


@directive("filter-row", Parameter("condition", EXPRESSION), Parameter("type", BOOLEAN, True))
def filter_row(arguments: Arguments, setting: Setting) -> Step:
    """Drop rows for which a condition is true, or false if told so."""
    condition, when = condition_of(arguments), arguments.flag("type", True)

    def step(frame: Frame) -> Frame:
        frame, mask = _tested(frame, "filter-row", condition)
        return frame.keep(~mask if when else mask)

    return step


@directive(
    "send-to-error",
    Parameter("condition", EXPRESSION),
    Parameter("metric", IDENTIFIER, True),
    Parameter("message", TEXT, True),
)
def send_to_error(arguments: Arguments, setting: Setting) -> Step:
    """Refuse rows for which a condition is true."""
    condition, metric = condition_of(arguments), arguments.optional("metric")
    failure = refused("send-to-error", arguments.optional("message") or arguments.shown("condition")).failure

    def step(frame: Frame) -> Frame:
        frame, mask = _tested(frame, "send-to-error", condition)
        if metric is not None and mask.any():
            setting.count(metric, int(mask.sum()))
        return frame.fail_where(mask, failure)

    return step


@directive(
    "send-to-error-and-continue",
    Parameter("condition", EXPRESSION),
    Parameter("metric", IDENTIFIER, True),
    Parameter("message", TEXT, True),
)
def send_to_error_and_continue(arguments: Arguments, setting: Setting) -> Step:
    """Report rows for which a condition is true to the error port, and go on with them.

    The variables dq_total and dq_failure count conditions that were tested, and those that held.
    """
    condition, metric = condition_of(arguments), arguments.optional("metric")
    message = arguments.optional("message") or arguments.shown("condition")
    failure = Failure(f"{message} (ecode: 1)", 1, True)

    def step(frame: Frame) -> Frame:
        frame, mask = _tested(frame, "send-to-error-and-continue", condition)
        if mask.any():
            if metric is not None:
                setting.count(metric, int(mask.sum()))
            frame.failures.reported += [(int(record), failure) for record in np.unique(frame.origin[mask])]
        made = frame.with_columns(frame.columns)
        for name, added in (("dq_total", np.ones(frame.rows)), ("dq_failure", mask)):
            before = made.variables.get(name)
            counts = np.asarray(added, dtype=np.int64)
            if isinstance(before, pa.Array):
                counts = counts + before.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
            made.variables[name] = pa.array(counts)
        return made

    return step


@directive("fail", Parameter("condition", EXPRESSION))
def fail(arguments: Arguments, setting: Setting) -> Step:
    """Fail rows for which a condition is true: the pipeline, if it is to fail on errors."""
    condition = condition_of(arguments)
    text = arguments.shown("condition")
    failure = stopped("fail", f"Condition '{text}' evaluated to true. Terminating processing.").failure

    def step(frame: Frame) -> Frame:
        frame, mask = _tested(frame, "fail", condition)
        return frame.fail_where(mask, failure)

    return step


@directive(
    "filter-by-regex", Parameter("match-type", IDENTIFIER), Parameter("column", COLUMN), Parameter("regex", TEXT)
)
def filter_by_regex(arguments: Arguments, setting: Setting) -> Step:
    """Drop rows whose column matches as a whole, or does not; rows without the column stay."""
    kind, column, regex = arguments.text("match-type").lower(), arguments.text("column"), arguments.text("regex")
    if kind not in ("if-matched", "if-not-matched"):
        raise arguments.refuse("Match type specified is not 'if-matched' or 'if-not-matched'")
    if not regex or regex.lower() == "null":
        return lambda frame: frame
    try:
        pattern = compile_pattern(regex)
    except PatternInvalid as error:
        raise arguments.refuse(str(error)) from None
    fast = fast_pattern(regex, full=True)
    wanted = "'String', 'JSONObject' or 'Number'"
    empty = stopped("filter-by-regex", f"Column '{column}' has null value. It should be a non-null {wanted}.").failure

    def matched(value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise stopped(
                "filter-by-regex",
                f"Column '{column}' is of invalid type '{class_name(value)}'. It should be of type {wanted}.",
            )
        return pattern.fullmatch(print_any(value)) is not None

    def step(frame: Frame) -> Frame:
        at = frame.find(column)
        if at < 0:
            return frame
        frame = frame.fail_where(frame.nulls_of(at), empty)
        data = frame.columns[at].data
        if is_text(data) and fast is not None:
            hit = to_mask(pc.match_substring_regex(data, fast))
        else:
            frame, at, found = each_value(frame, column, matched)
            hit = (
                to_mask(found)
                if isinstance(found, pa.Array) and pa.types.is_boolean(found.type)
                else np.zeros(frame.rows, dtype=bool)
            )
        drop = hit if kind == "if-matched" else ~hit
        return frame.keep(~(drop & frame.columns[at].there()))

    return step


def explode(frame: Frame, at: int, pieces: Callable[[str], list[str]], data: Data | None = None) -> tuple[Frame, Data]:
    """Make one row for each piece of a column's strings; return the rows and the pieces."""
    values, codes = encode(frame.columns[at].data if data is None else data)
    cut = [pieces(value) for value in values]
    counts = np.fromiter(map(len, cut), np.int64, len(cut))
    starts = np.concatenate([[0], np.cumsum(counts)])
    flat = pa.array([piece for group in cut for piece in group], pa.string())
    per_row = np.where(codes >= 0, counts[codes] if len(counts) else 0, 0)
    rows = np.repeat(np.arange(frame.rows, dtype=np.int64), per_row)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(per_row) - per_row, per_row)
    picked = starts[codes[rows]] + within if len(rows) else np.zeros(0, dtype=np.int64)
    return frame.take(rows), flat.take(pa.array(picked, pa.int64()))


@directive("split-to-rows", Parameter("column", COLUMN), Parameter("regex", TEXT))
def split_to_rows(arguments: Arguments, setting: Setting) -> Step:
    """Make a row of each piece of a text; rows without the column are dropped."""
    column, regex = arguments.text("column"), arguments.text("regex")
    _check_pattern(arguments, regex)

    def check(value: Any) -> Any:
        if not isinstance(value, str):
            raise wrong_type("split-to-rows", column, value)
        return value

    def step(frame: Frame) -> Frame:
        at = frame.find(column)
        if at < 0:
            return frame.keep(np.zeros(frame.rows, dtype=bool))
        frame = frame.keep(frame.columns[at].there())
        frame = frame.fail_where(frame.nulls_of(at), null_value("split-to-rows", column).failure)
        if not is_text(frame.columns[at].data):
            frame, at, data = each_value(frame, column, check)
            if frame.rows == 0 or data is None:
                return frame
            frame = frame.put(at, data)
        exploded, flat = explode(frame, at, lambda value: split(value, regex))
        return exploded.put(at, flat)

    return step


def _check_pattern(arguments: Arguments, regex: str) -> None:
    try:
        compile_pattern(regex)
    except PatternInvalid as error:
        raise arguments.refuse(str(error)) from None


@directive(
    "set-record-delim", Parameter("column", COLUMN), Parameter("delimiter", TEXT), Parameter("limit", NUMBER, True)
)
def set_record_delim(arguments: Arguments, setting: Setting) -> Step:
    """Make a row of each piece of a text, holding nothing else."""
    column, delimiter = arguments.text("column"), arguments.text("delimiter")
    limit = arguments.number("limit", 1 << 31)
    _check_pattern(arguments, delimiter)

    def step(frame: Frame) -> Frame:
        at = frame.find(column)
        if at < 0 or not is_text(frame.columns[at].data):
            return frame.keep(np.zeros(frame.rows, dtype=bool))
        name = frame.columns[at].name
        exploded, flat = explode(frame, at, lambda value: split(value, delimiter)[: limit + 1])
        return exploded.with_columns([]).add(name if name == column else column, flat)

    return step


@directive("flatten", Parameter("column", COLUMNS))
def flatten(arguments: Arguments, setting: Setting) -> Step:
    """Make a row of each member of lists; several columns go in step, the shorter ones filled with nulls."""
    names = arguments.texts("column")

    def step(frame: Frame) -> Frame:
        places = [frame.find(name) for name in names]
        lists = {at: scalars(frame.columns[at].data) for at in places if at >= 0}
        if not lists:
            return frame.keep(np.zeros(frame.rows, dtype=bool))
        there = {at: frame.columns[at].there() for at in lists}
        sizes = np.zeros(frame.rows, dtype=np.int64)
        for row in range(frame.rows):
            found = [values[row] for at, values in lists.items() if there[at][row]]
            longest = max((len(v) if isinstance(v, list) else 1 for v in found), default=0)
            sizes[row] = longest or 1
        rows = np.repeat(np.arange(frame.rows, dtype=np.int64), sizes)
        within = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        made = frame.take(rows)
        for at, values in lists.items():
            flat = [_member(values[row], place) for row, place in zip(rows.tolist(), within.tolist(), strict=True)]
            made = made.put(at, column_of(flat))
        for name, at in zip(names, places, strict=True):
            if at < 0:
                made = made.set(name, pa.nulls(made.rows, pa.string()))
        return made

    return step


def _member(value: Any, place: int) -> Any:
    if not isinstance(value, list):
        return value
    if not value:
        return value if place == 0 else None
    return value[place] if place < len(value) else None
