"""The records of a file of the public SQLLogicTest corpus, in order.

Records are divided by blank lines; `#` begins a comment. Before a record, `skipif X` and `onlyif X` say for which
engine it stands, and we stand in SQLite's place, whose words and answers the corpus keeps. `halt` ends the file.
Source of the format: the SQLLogicTest documentation of SQLite.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ENGINE = "sqlite"
HASHED = re.compile(r"(\d+) values hashing to (\w+)")


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement and whether it must succeed."""

    sql: str
    ok: bool
    line: int


@dataclass(frozen=True, slots=True)
class Query:
    """A query. types: one letter for each column; sort: nosort, rowsort or valuesort; expected: lines, or one hash."""

    sql: str
    types: str
    sort: str
    expected: tuple[str, ...]
    line: int
    only: bool = False
    """Whether the record stands only for SQLite."""


@dataclass(frozen=True, slots=True)
class Other:
    """A query that stands for other engines."""

    line: int


Record = Statement | Query | Other


def read_records(path: Path) -> Iterator[Record]:
    """Yield the records of a file, up to a `halt` that is meant for us. Raises ValueError for an unknown record."""
    lines = path.read_text(encoding="utf-8").split("\n")
    at = 0
    ours, only = True, False
    while at < len(lines):
        words = lines[at].split()
        number = at + 1
        at += 1
        if not words or words[0].startswith("#") or words[0] == "hash-threshold":
            continue
        if words[0] in ("skipif", "onlyif"):
            ours = ours and (words[1] == ENGINE) == (words[0] == "onlyif")
            only = only or (words[0] == "onlyif" and words[1] == ENGINE)
            continue
        if words[0] == "halt":
            if ours:
                return
            ours, only = True, False
            continue
        begin = at
        while at < len(lines) and lines[at].strip():
            at += 1
        body = lines[begin:at]
        if words[0] == "statement":
            if ours:
                yield Statement("\n".join(body), words[1] == "ok", number)
        elif words[0] == "query":
            if ours:
                yield _query(words, body, number, only)
            else:
                yield Other(number)
        else:
            raise ValueError(f"{path}:{number}: unknown record {words[0]!r}")
        ours, only = True, False


def _query(words: list[str], body: list[str], number: int, only: bool) -> Query:
    end = body.index("----") if "----" in body else len(body)
    sort = words[2] if len(words) > 2 else "nosort"
    return Query("\n".join(body[:end]), words[1], sort, tuple(body[end + 1 :]), number, only)
