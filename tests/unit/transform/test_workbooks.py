"""Workbooks in a column, made by the library that other programs make them with."""

from __future__ import annotations

import io
from datetime import date, datetime, time
from typing import Any

import openpyxl

from tests.unit.transform.recipes import failure_of, rows_of, wrangle


def workbook(**sheets: list[list[Any]]) -> bytes:
    """Return a workbook of these sheets."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


PEOPLE = [["name", "age"], ["Ann", 42], [None, None], ["Bo", 7.5]]


def test_rows_of_a_sheet_are_rows_with_their_places_and_the_other_columns() -> None:
    made = wrangle("parse-as-excel :body '0'", {"body": workbook(people=PEOPLE), "id": 9, "A": "kept where free"})
    assert made.rows == [
        {"fwd": 0, "bkd": 2, "A": "name", "B": "age", "id": 9},
        {"fwd": 1, "bkd": 1, "A": "Ann", "B": "42.0", "id": 9},
        {"fwd": 2, "bkd": 0, "A": "Bo", "B": "7.5", "id": 9},
    ]


def test_a_header_names_the_columns_of_a_sheet_that_is_chosen_by_name() -> None:
    content = workbook(other=[["x"]], people=PEOPLE)
    assert rows_of("parse-as-excel :body 'people' true", {"body": content}) == [
        {"fwd": 1, "bkd": 1, "name": "Ann", "age": "42.0"},
        {"fwd": 2, "bkd": 0, "name": "Bo", "age": "7.5"},
    ]


def test_cells_are_texts_and_dates_look_as_their_format_says() -> None:
    row = [True, 1e7, "=1+1", datetime(2024, 5, 6, 7, 8, 9), date(2024, 5, 6), time(13, 5)]  # noqa: DTZ001
    book = openpyxl.load_workbook(io.BytesIO(workbook(one=[row, row])))
    for column, code in zip("DEF", ("d/m/yyyy h:mm AM/PM", "mmm\\-yy", "hh:mm:ss"), strict=True):
        book["one"][f"{column}2"].number_format = code
    content = io.BytesIO()
    book.save(content)
    plain, formatted = rows_of("parse-as-excel :body 'one'\nkeep A,B,C,D,E,F", {"body": content.getvalue()})
    assert list(plain.values()) == ["true", "1.0E7", "", "2024-05-06 7:08:09", "2024-05-06", "13:05:00"]
    assert list(formatted.values())[3:] == ["6/5/2024 7:08 AM", "May-24", "13:05:00"]


def test_what_is_no_workbook_or_has_no_such_sheet_fails_its_record() -> None:
    assert "should be of type 'byte array'" in failure_of("parse-as-excel :body", {"body": "text"})
    assert "no workbook" in failure_of("parse-as-excel :body", {"body": b"no archive"})
    assert "Sheet 'z' does not exist" in failure_of("parse-as-excel :body 'z'", {"body": workbook(a=[["x"]])})
    assert "Sheet '4' does not exist" in failure_of("parse-as-excel :body '4'", {"body": workbook(a=[["x"]])})
