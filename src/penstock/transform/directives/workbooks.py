"""Workbooks inside a field: the rows of a sheet as rows.

Source: Office Open XML; number formats of cells as ECMA-376 part 1, 18.8.30 has them, dates printed by them.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import Any, Final

import numpy as np

from penstock.kernel.simple_dates import SimpleDates, simple_dates
from penstock.transform.directives.declaring import Setting, Step, directive, each_value, stopped, wrong_type
from penstock.transform.directives.json_cells import spread_groups
from penstock.transform.frames.data import encode, take
from penstock.transform.frames.frame import Column, Frame
from penstock.transform.jvm.values import print_any
from penstock.transform.recipe.parser import BOOLEAN, COLUMN, TEXT
from penstock.transform.recipe.usage import Arguments, Parameter

__all__: list[str] = []

_NAME: Final = "parse-as-excel"
_DAY: Final = datetime(1899, 12, 31, tzinfo=UTC)
_CODE: Final = re.compile(
    r"""\[[^\]]*\]|"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|(?P<noon>AM/PM|A/P)|(?P<letters>[yY]+|[mM]+|[dD]+|[hH]+|[sS]+|\.0+)"""
    r"|(?P<other>.)",
    re.IGNORECASE,
)


@directive(_NAME, Parameter("column", COLUMN), Parameter("sheet", TEXT, True), Parameter("first-row-as-header", BOOLEAN, True))  # fmt: skip  # noqa: E501
def parse_as_excel(arguments: Arguments, setting: Setting) -> Step:
    """Make a row of each row of a sheet, named or counted from 0: `fwd`, `bkd`, then the cells as texts by letter.

    The other columns stay where the sheet has none of their name. Rows without a text are passed over.
    """
    column, sheet = arguments.text("column"), arguments.text("sheet", "0")
    has_header = arguments.flag("first-row-as-header", False)

    def read(value: Any) -> list[dict[str, Any]]:
        if not isinstance(value, bytes):
            raise wrong_type(_NAME, column, value, "type 'byte array' or 'ByteBuffer'")
        return _records(value, sheet, has_header)

    def step(frame: Frame) -> Frame:
        at = frame.find(column)
        if at < 0:
            return frame.keep(np.zeros(frame.rows, dtype=bool))
        frame = frame.keep(~frame.nulls_of(at) & frame.columns[at].there())
        frame, _, data = each_value(frame, column, read)
        if data is None or frame.rows == 0:
            return frame
        others = [each for i, each in enumerate(frame.columns) if i != at]
        groups, codes = encode(data)
        made, origin = spread_groups(frame, groups, codes)
        for other in others:
            if made.find(other.name) < 0:
                there = None if other.present is None else other.present[origin]
                made = made.with_columns([*made.columns, Column(other.name, take(other.data, origin), there)])
        return made

    return step


def _records(content: bytes, wanted: str, has_header: bool) -> list[dict[str, Any]]:
    """Return the rows of a sheet, counted forwards and backwards. Raises: what a directive stops with."""
    from openpyxl import load_workbook

    try:
        book = load_workbook(io.BytesIO(content), read_only=True)
    except Exception as error:  # whatever is wrong with the archive or the XML in it
        raise stopped(_NAME, f"The column holds no workbook: {error}") from None
    names = book.sheetnames
    name = wanted if not wanted.isdecimal() else names[int(wanted)] if int(wanted) < len(names) else None
    if name not in names:
        raise stopped(_NAME, f"Failed to extract sheet '{wanted}' from the excel. Sheet '{wanted}' does not exist.")
    headers: dict[str, str] = {}
    made: list[dict[str, Any]] = []
    first = 0
    for cells in _filled(book[name]):
        if has_header and not first:
            headers, first = cells, 1
            continue
        named = {headers.get(letter) or letter: text for letter, text in cells.items()}
        made.append({"fwd": first + len(made), "bkd": 0, **named})
    for row, record in enumerate(made):
        record["bkd"] = len(made) - 1 - row
    return made


def _filled(sheet: Any) -> Iterator[dict[str, str]]:
    """Yield the cells of each row that has a text, by their letters."""
    for row in sheet.iter_rows():
        cells = {cell.column_letter: _text(cell) for cell in row if hasattr(cell, "column_letter")}
        if any(text.strip() for text in cells.values()):
            yield cells


def _text(cell: Any) -> str:
    """Return a cell as text; formulas and errors are empty."""
    value = cell.value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date | time):
        return _printer(cell.number_format).format(_instant(value))
    if isinstance(value, int | float):
        return print_any(float(value))
    return value if isinstance(value, str) and cell.data_type != "f" and cell.data_type != "e" else ""


def _instant(value: datetime | date | time) -> datetime:
    if isinstance(value, time):
        return datetime.combine(_DAY, value, UTC)
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC)
    return datetime(value.year, value.month, value.day, tzinfo=UTC)


@lru_cache(maxsize=256)
def _printer(code: str) -> SimpleDates:
    """Return what prints dates by a number format; `m` beside hours or seconds is minutes."""
    parts = list(_CODE.finditer(code.split(";")[0]))
    letters = [part["letters"][0].lower() if part["letters"] else "" for part in parts]
    twelve = any(part["noon"] for part in parts)
    pattern = ""
    for i, part in enumerate(parts):
        before = next((each for each in reversed(letters[:i]) if each), "")
        after = next((each for each in letters[i + 1 :] if each), "")
        pattern += _letters(part, before, after, twelve)
    return simple_dates(pattern or "M/d/yy")


def _letters(part: re.Match[str], before: str, after: str, twelve: bool) -> str:
    text = part["quoted"] or part["escaped"] or part["other"]
    if part["noon"]:
        return "a"
    if text:
        return "'" + text.replace("'", "''") + "'" if text.isalpha() or "'" in text else text
    if not (run := part["letters"]):
        return ""
    letter, count = run[0].lower(), len(run)
    if letter == "y":
        return "yyyy" if count > 2 else "yy"
    if letter == "m":
        return "m" * min(count, 2) if before == "h" or after == "s" else "M" * count
    if letter == "d":
        return "E" * count if count > 2 else "d" * count
    if letter == "h":
        return ("h" if twelve else "H") * min(count, 2)
    return "." + "S" * (count - 1) if letter == "." else "s" * min(count, 2)
