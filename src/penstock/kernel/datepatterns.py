"""Date patterns taken apart: letters with their counts, quoted text, optional sections. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["DAYS", "MONTHS", "Field", "Optional", "PatternRefused", "tokens"]

MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class PatternRefused(ValueError):
    """A text that is no date pattern. The message says why."""


@dataclass(frozen=True, slots=True)
class Field:
    """A letter so many times."""

    letter: str
    count: int


@dataclass(frozen=True, slots=True)
class Optional:
    """A section in brackets."""

    parts: tuple[Field | str | Optional, ...]


def tokens(pattern: str, letters: str, *, sections: bool) -> tuple[Field | str | Optional, ...]:
    """Take a pattern apart: fields, literal texts and, where there are any, optional sections.

    Raises: PatternRefused for a letter that is none of `letters` and for quotes or brackets that do not close.
    """
    stack: list[list[Field | str | Optional]] = [[]]
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "'":
            text, at = _quoted(pattern, at)
            stack[-1].append(text)
        elif char.isascii() and char.isalpha():
            if char not in letters:
                raise PatternRefused(f"Illegal pattern character '{char}'")
            end = at
            while end < len(pattern) and pattern[end] == char:
                end += 1
            stack[-1].append(Field(char, end - at))
            at = end
        elif sections and char == "[":
            stack.append([])
            at += 1
        elif sections and char == "]":
            if len(stack) == 1:
                raise PatternRefused("Pattern invalid as it contains ] without previous [")
            section = Optional(tuple(stack.pop()))
            stack[-1].append(section)
            at += 1
        else:
            stack[-1].append(char)
            at += 1
    while len(stack) > 1:  # a section that is still open ends with the pattern
        section = Optional(tuple(stack.pop()))
        stack[-1].append(section)
    return _joined(stack[0])


def _quoted(pattern: str, start: int) -> tuple[str, int]:
    if pattern[start + 1 : start + 2] == "'":
        return "'", start + 2
    text, at = "", start + 1
    while at < len(pattern):
        if pattern[at] == "'":
            if pattern[at + 1 : at + 2] != "'":
                return text, at + 1
            at += 1
        text += pattern[at]
        at += 1
    raise PatternRefused("Unterminated quote")


def _joined(parts: list[Field | str | Optional]) -> tuple[Field | str | Optional, ...]:
    joined: list[Field | str | Optional] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        elif part != "":
            joined.append(part)
    return tuple(joined)
