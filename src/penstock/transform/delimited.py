"""Delimited texts in the formats that are known by name: reading and printing. Pure.

Source: the predefined formats of Apache Commons CSV.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from penstock.transform.directives.csv_values import CsvInvalid

__all__ = ["print_record", "read_records"]


def read_records(text: str, form: Mapping[str, str]) -> list[list[str | None]]:
    """Read records. Empty cells are empty texts, apart from what a format writes for null. Raises: CsvInvalid.

    form: `delimiter`, `quote`, `escape`, `null`, and `trim` and `keep_empty_lines` if they are set.
    """
    return _Reader(text, form).run()


class _Reader:
    """One text."""

    def __init__(self, text: str, form: Mapping[str, str]) -> None:
        self._text = text
        self._delimiter = form.get("delimiter", ",")
        self._quote = form.get("quote", '"')
        self._escape = form.get("escape", "")
        self._null = form.get("null")
        self._trim = "trim" in form
        self._keeps_empty = "keep_empty_lines" in form
        self._at = 0

    def run(self) -> list[list[str | None]]:
        records: list[list[str | None]] = []
        record: list[str | None] = []
        while self._at <= len(self._text):
            begin = self._at
            value, quoted, ended = self._cell()
            if self._trim and not quoted:
                value = value.strip()
            record.append(None if self._null is not None and value == self._null else value)
            if not ended:
                continue
            is_empty = len(record) == 1 and value == "" and not quoted
            if not is_empty or (self._keeps_empty and begin < len(self._text)):
                records.append(record)
            record = []
            if self._at >= len(self._text):
                break
        return records

    def _cell(self) -> tuple[str, bool, bool]:
        text = self._text
        if self._trim:
            while self._at < len(text) and text[self._at] in " \t" and text[self._at] != self._delimiter:
                self._at += 1
        if self._quote and text[self._at : self._at + 1] == self._quote:
            return self._quoted()
        out: list[str] = []
        while self._at < len(text) and text[self._at] != self._delimiter and text[self._at] not in "\r\n":
            if self._escape and text[self._at] == self._escape and self._at + 1 < len(text):
                self._at += 1
                if text[self._at] == "N" and self._null == "\\N":
                    out.append("\\")
            out.append(text[self._at])
            self._at += 1
        return "".join(out), False, self._step()

    def _quoted(self) -> tuple[str, bool, bool]:
        text, out = self._text, []
        self._at += 1
        while True:
            if self._at >= len(text):
                raise CsvInvalid("(startline 1) EOF reached before encapsulated token finished")
            if text[self._at] == self._quote:
                if text[self._at + 1 : self._at + 2] != self._quote:
                    break
                self._at += 1
            out.append(text[self._at])
            self._at += 1
        self._at += 1
        while self._at < len(text) and text[self._at] in " \t" and text[self._at] != self._delimiter:
            self._at += 1
        if self._at < len(text) and text[self._at] != self._delimiter and text[self._at] not in "\r\n":
            raise CsvInvalid("(line 1) invalid char between encapsulated token and delimiter")
        return "".join(out), True, self._step()

    def _step(self) -> bool:
        """Go behind the mark that ends a cell; tell whether it ends the record."""
        if self._at >= len(self._text):
            self._at += 1
            return True
        if self._text[self._at] == self._delimiter:
            self._at += 1
            return False
        self._at += 2 if self._text.startswith("\r\n", self._at) else 1
        return True


def print_record(
    values: Sequence[str | None], delimiter: str, *, quote: str = '"', escape: str = "", null: str = ""
) -> str:
    """Print a record, quoting what must be, or escaping it where there are no quotes."""
    return delimiter.join(
        null if value is None else _printed(value, delimiter, quote, escape, i == 0) for i, value in enumerate(values)
    )


def _printed(value: str, delimiter: str, quote: str, escape: str, first: bool) -> str:
    if not quote:
        for char, shown in (("\\", "\\"), (delimiter, delimiter), ("\n", "n"), ("\r", "r")):
            value = value.replace(char, escape + shown) if escape else value
        return value
    if not value:
        return quote * 2 if first else ""
    odd = first and not (value[0].isascii() and value[0].isalnum())
    if odd or value[0] <= "#" or value[-1] <= " " or any(c in value for c in (delimiter, quote, "\r", "\n")):
        return quote + value.replace(quote, quote * 2) + quote
    return value
