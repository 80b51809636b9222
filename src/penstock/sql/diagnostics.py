"""Messages about a program's text: what is wrong, where, and the lines it stands in."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from penstock.sql.plan.expr import Span

_LEAST_GUESSED = 4
_LIKENESS = 0.75
"""Shorter names, and less like ones, are not guessed at: everything is like `a`."""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One error or warning. kind: the heading clients show ("Error parsing SQL", "Compilation error", ...)."""

    kind: str
    message: str
    span: Span
    warning: bool = False
    snippet: str | None = None


class SqlError(Exception):
    """A program that cannot be compiled. Carries one diagnostic; the message has no position in it."""

    def __init__(self, message: str, span: Span | None, kind: str = "Compilation error") -> None:
        super().__init__(message)
        self.message = message
        self.span = span
        self.kind = kind


class NotSupported(SqlError):
    """A feature of the dialect that the engine does not run; refused by name and place, never answered wrongly."""

    def __init__(self, feature: str, span: Span | None) -> None:
        super().__init__(f"Not yet implemented: {feature}", span, "Not yet implemented")
        self.feature = feature


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """Return the end of a message that a name is not found: the most alike of those that are there, or nothing.

    Source: the form in which Calcite's validator offers a name of another case.
    """
    known = sorted(set(candidates))
    near = [k for k in known if k.lower() == name.lower()]
    if not near and len(name) >= _LEAST_GUESSED:
        near = difflib.get_close_matches(name, known, 1, _LIKENESS)
    return f"; did you mean '{near[0]}'?" if near else ""


def snippet(text: str, span: Span) -> str:
    """Return the line before and the line of the span's start with numbers, and carets under the span.

    Source: the layout that clients of the dialect compare, spec of compile errors (number right-aligned to 5, a bar).
    """
    lines = text.split("\n")
    shown = []
    for number in (span.start_line - 1, span.start_line):
        if 1 <= number <= len(lines):
            shown.append(f"{number:>5}|{lines[number - 1]}")
    last = span.end_column if span.end_line == span.start_line else len(lines[span.start_line - 1])
    width = max(last - span.start_column + 1, 1)
    shown.append(" " * (5 + span.start_column) + "^" * width)
    return "\n".join(shown) + "\n"
