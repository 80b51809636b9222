"""Directives that rewrite texts in place: case, blanks, replacements, encodings of URLs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus, unquote_plus

import pyarrow as pa
import pyarrow.compute as pc

from penstock.transform.directives.declaring import (
    Setting,
    Step,
    directive,
    each_value,
    no_column,
    null_value,
    stopped,
    wrong_type,
)
from penstock.transform.directives.sed import SedInvalid, compile_sed
from penstock.transform.frames.cells import map_cells
from penstock.transform.frames.data import is_ascii, is_text
from penstock.transform.frames.frame import Frame
from penstock.transform.jvm.text import capitalize_fully, trim_all, trim_left, trim_right
from penstock.transform.recipe.parser import COLUMN, COLUMNS, NUMBER, TEXT
from penstock.transform.recipe.usage import Arguments, Parameter

__all__ = ["rewrite_texts"]

_SPACES = "\t\n\x0b\f\r "


def rewrite_texts(
    frame: Frame, name: str, function: Callable[[str], str], fast: Callable[[pa.Array], pa.Array] | None = None
) -> Frame:
    """Rewrite the strings of a column; other values, nulls and rows without it stay as they are.

    fast: does the same to a whole column of ASCII strings.
    """
    at = frame.find(name)
    if at < 0:
        return frame
    data = frame.columns[at].data
    if is_text(data):
        if fast is not None and is_ascii(data):
            return frame.put(at, fast(data))
    elif isinstance(data, pa.Array):
        return frame
    made, _ = map_cells(data, lambda value: function(value) if isinstance(value, str) else value)
    return frame.put(at, made)


def _rewriting(
    name: str, says: str, function: Callable[[str], str], fast: Callable[[pa.Array], pa.Array] | None = None
) -> None:
    def make(arguments: Arguments, setting: Setting) -> Step:
        column = arguments.text("column")
        return lambda frame: rewrite_texts(frame, column, function, fast)

    make.__doc__ = f"{says} Other values stay as they are."
    directive(name, Parameter("column", COLUMN))(make)


_rewriting("uppercase", "Make strings upper case.", str.upper, pc.ascii_upper)
_rewriting("lowercase", "Make strings lower case.", str.lower, pc.ascii_lower)
_rewriting(
    "titlecase", "Make the first letter of every word of strings upper case, the others lower case.", capitalize_fully
)
_rewriting(
    "trim", "Cut white space of any kind off both ends of strings.", trim_all, lambda data: pc.ascii_trim(data, _SPACES)
)
_rewriting(
    "ltrim",
    "Cut white space of any kind off the beginning of strings.",
    trim_left,
    lambda data: pc.ascii_ltrim(data, _SPACES),
)
_rewriting(
    "rtrim",
    "Cut white space of any kind off the end of strings.",
    trim_right,
    lambda data: pc.ascii_rtrim(data, _SPACES),
)


@directive("find-and-replace", Parameter("column", COLUMNS), Parameter("pattern", TEXT))
def find_and_replace(arguments: Arguments, setting: Setting) -> Step:
    """Edit strings by a sed script; a script that is none leaves them alone."""
    names = arguments.texts("column")
    try:
        edit = compile_sed(arguments.text("pattern"))
    except SedInvalid:
        return lambda frame: frame

    def careful(value: str) -> str:
        try:
            return edit(value)
        except (ValueError, IndexError):
            return value

    def step(frame: Frame) -> Frame:
        for name in names:
            frame = rewrite_texts(frame, name, careful)
        return frame

    return step


def _strict(name: str, says: str, function: Callable[[str], str]) -> None:
    """Declare a directive that needs a column of strings without nulls."""

    def make(arguments: Arguments, setting: Setting) -> Step:
        column = arguments.text("column")

        def rewrite(value: Any) -> str:
            if not isinstance(value, str):
                raise wrong_type(name, column, value)
            return function(value)

        def step(frame: Frame) -> Frame:
            frame, at, data = each_value(
                frame, column, rewrite, on_null=null_value(name, column), missing=no_column(name, column)
            )
            return frame if data is None else frame.put(at, data)

        return step

    make.__doc__ = f"{says} A value that is no string is an error."
    directive(name, Parameter("column", COLUMN))(make)


_strict("url-encode", "Encode strings for URLs.", lambda text: quote_plus(text, safe="*-._").replace("~", "%7E"))
_strict("url-decode", "Decode strings from URLs.", lambda text: unquote_plus(text))


@directive("cut-character", Parameter("source", COLUMN), Parameter("destination", COLUMN), Parameter("ranges", TEXT))
def cut_character(arguments: Arguments, setting: Setting) -> Step:
    """Take characters by their places: `1-3`, `5-`, `-3`, `1,4`, with or without `-c` before it."""
    source, destination = arguments.text("source"), arguments.text("destination")
    try:
        choose = _places(arguments.text("ranges"))
    except ValueError:
        raise arguments.refuse(f"'{arguments.text('ranges')}' is no list of ranges.") from None

    def cut(value: Any) -> str:
        if not isinstance(value, str):
            raise wrong_type("cut-character", source, value)
        return choose(value)

    def step(frame: Frame) -> Frame:
        missing = stopped("cut-character", f"Scope column '{source}' does not exist.")
        frame, _, data = each_value(frame, source, cut, on_null=null_value("cut-character", source), missing=missing)
        return frame if data is None else frame.set(destination, data)

    return step


def _places(text: str) -> Callable[[str], str]:
    ranges: list[tuple[int, int | None]] = []
    text = text.strip()
    if text.startswith(("-c", "-b", "-f")):
        text = text[2:]
    for part in text.replace(" ", "").split(","):
        first, dash, last = part.partition("-")
        low = int(first) if first else 1
        ranges.append((low - 1, (int(last) if last else None) if dash else low))
    return lambda value: "".join(value[low:high] for low, high in ranges)


@directive(
    "indexsplit",
    Parameter("source", COLUMN),
    Parameter("start", NUMBER),
    Parameter("end", NUMBER),
    Parameter("destination", COLUMN),
)
def index_split(arguments: Arguments, setting: Setting) -> Step:
    """Take the characters from one place up to before another, counted from one."""
    source, destination = arguments.text("source"), arguments.text("destination")
    start, end = max(arguments.number("start") - 1, 0), arguments.number("end") - 1
    message = f"{source} is not of type string in the row. Please check the wrangle configuration."

    def cut(value: Any) -> str:
        if not isinstance(value, str):
            raise stopped("indexsplit", message)
        stop = min(end, len(value) - 1)
        if start > stop:
            raise stopped("indexsplit", f"String index out of range: {stop - start}")
        return value[start:stop]

    def step(frame: Frame) -> Frame:
        failure = stopped("indexsplit", message)
        frame, _, data = each_value(frame, source, cut, on_null=failure, missing=failure)
        return frame if data is None else frame.add(destination, data)

    return step


@directive("set-charset", Parameter("column", COLUMN), Parameter("charset", TEXT))
def set_charset(arguments: Arguments, setting: Setting) -> Step:
    """Read bytes as text of a character set."""
    column, charset = arguments.text("column"), arguments.text("charset")
    try:
        b"".decode(charset)
    except (LookupError, ValueError):
        raise arguments.refuse(f"There is no character set '{charset}'.") from None

    def read(value: Any) -> str:
        if not isinstance(value, bytes):
            raise wrong_type("set-charset", column, value, "type 'byte array' or 'ByteBuffer'")
        return value.decode(charset, "replace")

    def step(frame: Frame) -> Frame:
        frame, at, data = each_value(frame, column, read)
        return frame if data is None else frame.put(at, data)

    return step
