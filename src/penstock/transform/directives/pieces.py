"""Directives that make columns of the parts of a text."""

from __future__ import annotations

import re
from typing import Any, Final

import numpy as np

from penstock.transform.directives.declaring import (
    Setting,
    Step,
    directive,
    each_value,
    no_column,
    null_value,
    refused,
    stopped,
    wrong_type,
)
from penstock.transform.frames.data import encode, take
from penstock.transform.frames.frame import Frame
from penstock.transform.jvm.regex import PatternInvalid, compile_pattern, replace_all, split
from penstock.transform.jvm.values import column_of
from penstock.transform.recipe.parser import COLUMN, NUMBERS, TEXT
from penstock.transform.recipe.usage import Arguments, Parameter

__all__ = ["spread"]


def spread(frame: Frame, names: list[str], parts: list[list[Any] | None], codes: Any) -> Frame:
    """Append columns of parts: `parts[code]` has the parts of the rows with that code, as many as there are.

    A row lacks the columns for which it has no part; a code of -1 has none.
    """
    sizes = np.fromiter((0 if part is None else len(part) for part in parts), np.int64, len(parts))
    known = codes >= 0
    row_sizes = np.where(known, sizes[codes], 0) if len(parts) else np.zeros(len(codes), dtype=np.int64)
    for i in range(int(sizes.max(initial=0))):
        values = column_of([part[i] if part is not None and i < len(part) else None for part in parts])
        frame = frame.add(names[i], take(values, np.where(known, codes, -1)), row_sizes > i)
    return frame


@directive("split-to-columns", Parameter("column", COLUMN), Parameter("regex", TEXT))
def split_to_columns(arguments: Arguments, setting: Setting) -> Step:
    """Make a column of each piece; rows without the column are dropped."""
    column, regex = arguments.text("column"), arguments.text("regex")
    try:
        compile_pattern(regex)
    except PatternInvalid as error:
        raise arguments.refuse(str(error)) from None

    def check(value: Any) -> str:
        if not isinstance(value, str):
            raise wrong_type("split-to-columns", column, value)
        return value

    def step(frame: Frame) -> Frame:
        at = frame.find(column)
        if at < 0:
            return frame.keep(np.zeros(frame.rows, dtype=bool))
        frame = frame.keep(frame.columns[at].there())
        frame, _, data = each_value(frame, column, check, on_null=null_value("split-to-columns", column))
        if data is None or frame.rows == 0:
            return frame
        values, codes = encode(data)
        parts: list[list[Any] | None] = [split(value, regex) for value in values]
        longest = max((len(part) for part in parts if part is not None), default=0)
        return spread(frame, [f"{column}_{i}" for i in range(1, longest + 1)], parts, codes)

    return step


@directive("extract-regex-groups", Parameter("column", COLUMN), Parameter("regex", TEXT))
def extract_regex_groups(arguments: Arguments, setting: Setting) -> Step:
    """Make columns of the groups of all matches, named by match and group."""
    column, regex = arguments.text("column"), arguments.text("regex")
    try:
        pattern = compile_pattern(regex)
    except PatternInvalid as error:
        raise arguments.refuse(str(error)) from None
    groups = pattern.groups

    def step(frame: Frame) -> Frame:
        at = frame.find(column)
        if at < 0 or not groups:
            return frame
        values, codes = encode(frame.columns[at].data)
        parts: list[list[Any] | None] = [
            [found[i] for found in pattern.finditer(value) for i in range(1, groups + 1)]
            if isinstance(value, str)
            else None
            for value in values
        ]
        longest = max((len(part) for part in parts if part is not None), default=0)
        names = [f"{column}_{i // groups + 1}_{i % groups + 1}" for i in range(longest)]
        return spread(frame, names, parts, codes)

    return step


@directive("split-email", Parameter("column", COLUMN))
def split_email(arguments: Arguments, setting: Setting) -> Step:
    """Take an address apart into account and domain; a name before it in angle brackets does not matter."""
    column = arguments.text("column")

    def parts(value: Any) -> list[Any]:
        if not isinstance(value, str):
            raise wrong_type("split-email", column, value)
        start, end = value.rfind("<"), value.rfind(">")
        if start >= 0:
            if end < 0:
                return [None, None]
            value = value[start + 1 : max(end, start + 1)]
        account, sign, domain = value.rpartition("@")
        return [account, domain] if sign else [None, None]

    return _in_fixed("split-email", column, ("_account", "_domain"), parts)


def _in_fixed(name: str, column: str, suffixes: tuple[str, ...], parts: Any) -> Step:
    """Return a step that appends a fixed set of columns; nulls give nulls."""

    def step(frame: Frame) -> Frame:
        frame, _, data = each_value(frame, column, parts, missing=no_column(name, column))
        if data is None:
            return frame
        values, codes = encode(data)
        for i, suffix in enumerate(suffixes):
            made = column_of([None if value is None else value[i] for value in values] or [None])
            frame = frame.add(f"{column}{suffix}", take(made, codes))
        return frame

    return step


_URL: Final = re.compile(r"\s*([a-zA-Z][a-zA-Z0-9+.\-]*):(.*)\Z", re.DOTALL)
_PROTOCOLS: Final = frozenset(("http", "https", "ftp", "file", "jar", "mailto"))


@directive("split-url", Parameter("column", COLUMN))
def split_url(arguments: Arguments, setting: Setting) -> Step:
    """Take a URL apart."""
    column = arguments.text("column")

    def parts(value: Any) -> list[Any]:
        if not isinstance(value, str):
            raise wrong_type("split-url", column, value)
        found = url_parts(value)
        if found is None:
            raise stopped("split-url", f"Malformed url '{value}' found in column '{column}'.")
        return found

    suffixes = ("_protocol", "_authority", "_host", "_port", "_path", "_filename", "_query")
    return _in_fixed("split-url", column, suffixes, parts)


def url_parts(text: str) -> list[Any] | None:
    """Return protocol, authority, host, port (-1 if there is none), path, path with query, and query."""
    found = _URL.match(text.strip())
    if found is None or found[1].lower() not in _PROTOCOLS:
        return None
    rest = found[2].partition("#")[0]
    rest, mark, query = rest.partition("?")
    authority, path = None, rest
    if rest.startswith("//"):
        authority, slash, after = rest[2:].partition("/")
        path = slash + after
    host, port = authority or "", -1
    if authority:
        host = authority.rpartition("@")[2]
        bracketed = re.fullmatch(r"(\[[^\]]*\])(?::(\d*))?", host)
        if bracketed:
            host, digits = bracketed[1], bracketed[2]
        else:
            host, _, digits = host.partition(":")
        if digits:
            if not digits.isdigit():
                return None
            port = int(digits)
    return [
        found[1].lower(),
        authority,
        host,
        port,
        path,
        path + (f"?{query}" if mark else ""),
        query if mark else None,
    ]


@directive(
    "parse-as-fixed-length", Parameter("column", COLUMN), Parameter("width", NUMBERS), Parameter("padding", TEXT, True)
)
def parse_as_fixed_length(arguments: Arguments, setting: Setting) -> Step:
    """Cut a text by widths; what is left over is a further row as often as it is long enough."""
    column = arguments.text("column")
    try:
        widths = [int(float(width.rstrip("L"))) for width in arguments.texts("width")]
    except ValueError:
        raise arguments.refuse("Widths are whole numbers.") from None
    total, padding = sum(widths), arguments.optional("padding")
    if total <= 0:
        raise arguments.refuse("Widths are whole numbers above zero.")

    def cut(text: str) -> list[str]:
        out, at = [], 0
        for width in widths:
            piece = text[at : at + width]
            out.append(replace_all(piece, padding, "") if padding is not None else piece)
            at += width
        return out

    def records(value: Any) -> list[list[str]]:
        if not isinstance(value, str):
            raise wrong_type("parse-as-fixed-length", column, value)
        if len(value) < total:
            raise refused(
                "parse-as-fixed-length",
                f"Column '{column}' contains a value with fewer characters than the specified length of row. "
                f"Expected at least {total} characters but found {len(value)} characters.",
                2,
            )
        return [cut(value[start:]) for start in range(0, len(value) - total + 1, total)]

    def step(frame: Frame) -> Frame:
        at = frame.find(column)
        if at < 0:
            return frame.keep(np.zeros(frame.rows, dtype=bool))
        frame = frame.keep(frame.columns[at].there())
        frame, _, data = each_value(frame, column, records, on_null=null_value("parse-as-fixed-length", column))
        if data is None or frame.rows == 0:
            return frame
        values, codes = encode(data)
        counts = np.fromiter(map(len, values), np.int64, len(values))
        rows = np.repeat(np.arange(frame.rows, dtype=np.int64), counts[codes])
        starts = np.concatenate([[0], np.cumsum(counts)])
        within = np.arange(len(rows)) - np.repeat(np.cumsum(counts[codes]) - counts[codes], counts[codes])
        flat: list[list[Any] | None] = [record for group in values for record in group]
        names = [f"{column}_{i}" for i in range(1, len(widths) + 1)]
        return spread(frame.take(rows), names, flat, starts[codes[rows]] + within)

    return step
