"""How a query's rows are printed and compared with what the corpus expects."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from tests.properties.law import Row
from tests.sql.corpus.dialect import tokens
from tests.sql.corpus.records import HASHED, Query


class Unordered(Exception):
    """A hash over rows in an order that the query does not tell by column numbers."""


def printed(value: Any, kind: str) -> str:
    """Return a value as SQLite prints it: I cuts fractions off, R shows three decimals, T shows what is there."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        value = int(value)
    if kind == "R":
        # SQLite writes at most 16 significant digits, then zeros.
        return f"{Decimal(f'{float(value):.15e}'):.3f}" if abs(value) >= 1e15 else f"{float(value):.3f}"
    if kind == "I":
        return str(math.trunc(value)) if isinstance(value, (int, float, Decimal)) else "0"
    if value == "":
        return "(empty)"
    return "".join(c if " " <= c <= "~" else "@" for c in str(value))


def ordering(sql: str) -> list[tuple[int, bool]] | None:
    """Return the columns of an outermost ORDER BY (from 0) and whether each descends; None: not said by numbers."""
    found = [t.upper() for t in tokens(sql) if t != " "]
    depth, start = 0, -1
    for i, token in enumerate(found):
        depth += (token == "(") - (token == ")")
        if depth == 0 and token == "ORDER" and found[i + 1 : i + 2] == ["BY"]:
            start = i + 2
    if start < 0:
        return None
    keys = []
    for item in " ".join(found[start:]).split(","):
        words = item.split()
        if not words[0].isdigit() or words[1:] not in ([], ["ASC"], ["DESC"]):
            return None
        keys.append((int(words[0]) - 1, words[1:] == ["DESC"]))
    return keys


def check_answer(query: Query, rows: Sequence[Row]) -> str | None:
    """Compare rows with what a query expects; returns what differs, or None.

    Rows without a told order compare as bags. Raises: Unordered.
    """
    if rows and len(rows[0]) != len(query.types):
        return f"{len(rows[0])} columns instead of {len(query.types)}"
    hashed = HASHED.fullmatch(query.expected[0]) if len(query.expected) == 1 else None
    ordered = rows
    known = len(rows) < 2
    if query.sort == "nosort" and not known:
        keys = ordering(query.sql)
        if keys is not None:
            known = True
            for column, descending in reversed(keys):
                # SQLite sorts NULL before every value.
                ordered = sorted(ordered, key=lambda r: (r[column] is not None, r[column]), reverse=descending)
            told = {tuple(r[c] for c, _ in keys) for r in rows}
            known = len(told) == len(set(rows))
    shown = [[printed(v, k) for v, k in zip(row, query.types, strict=True)] for row in ordered]
    if query.sort == "rowsort":
        shown.sort()
    values = [v for row in shown for v in row]
    if query.sort == "valuesort":
        values.sort()
    if hashed is not None:
        if int(hashed[1]) != len(values):
            return f"{len(values)} values instead of {hashed[1]}"
        if query.sort == "nosort" and not known:
            raise Unordered
        digest = hashlib.md5("".join([v + "\n" for v in values]).encode()).hexdigest()
        return None if digest == hashed[2] else f"other values: {values[:12]}"
    expected = list(query.expected)
    if query.sort == "nosort" and not known:
        width = len(query.types)
        shown.sort()
        values = [v for row in shown for v in row]
        expected = [v for row in sorted(expected[i : i + width] for i in range(0, len(expected), width)) for v in row]
    return None if values == expected else f"{values[:12]} instead of {expected[:12]}"
