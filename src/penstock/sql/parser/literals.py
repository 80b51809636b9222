"""Literals: numbers, strings, binary, dates and times, intervals."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal as Word

from penstock.sql.diagnostics import SqlError
from penstock.sql.parser import expressions
from penstock.sql.parser.ast import Apply, Constant, Expression
from penstock.sql.parser.cursor import Cursor
from penstock.sql.parser.dialect import PARSE_ERROR, Token
from penstock.sql.parser.words import INTERVAL_UNITS

_NUMBER = re.compile(r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_MAX_DIGITS = 1000
_SIGN_POWER = 80


def number(c: Cursor, start: Token) -> Constant:
    """Read a number. start: its first token, a minus that belongs to it or the number itself."""
    token = c.advance()
    text = token.text
    if _NUMBER.fullmatch(text) is None or len(text) > _MAX_DIGITS:
        raise SqlError(f"'{text[:40]}' is not a number", token.span, PARSE_ERROR)
    if c.token.kind == "word" and c.token.start == token.end:
        c.fail()
    return Constant("number", "-" + text if start is not token else text, c.span(start))


def fraction(c: Cursor) -> Constant:
    """Read a number that starts with its point."""
    following = c.peek()
    if following.kind != "number" or following.start != c.token.end:
        c.fail("an expression")
    start = c.advance()
    token = c.advance()
    text = "." + token.text
    if _NUMBER.fullmatch(text) is None:
        raise SqlError(f"'{text[:40]}' is not a number", c.span(start), PARSE_ERROR)
    return Constant("number", text, c.span(start))


def string(c: Cursor) -> Constant:
    """Read a string; pieces on following lines belong to it."""
    start = c.advance()
    text = start.text
    while c.token.kind == "string":
        if c.token.line == c.previous.end_line:
            c.fail()
        text += c.advance().text
    return Constant("string", text, c.span(start))


def binary(c: Cursor) -> Constant:
    """Read x'..'; pieces on following lines belong to it."""
    start = c.advance()
    text = start.text
    while c.token.kind == "string":
        if c.token.line == c.previous.end_line:
            c.fail()
        text += c.advance().text
    if re.fullmatch(r"(?:[0-9A-Fa-f]{2})*", text) is None:
        reason = "a binary literal is an even number of hexadecimal digits"
        raise SqlError(reason, c.span(start), PARSE_ERROR)
    return Constant("binary", text, c.span(start))


def interval_qualifier(c: Cursor) -> str:
    """Read the fields of an interval, as DAY or DAY(3) TO SECOND(6); precisions are dropped, as they only bound."""
    fields = _interval_field(c)
    if c.key == "TO" and c.peek().key in INTERVAL_UNITS:
        c.advance()
        fields += f" TO {_interval_field(c)}"
    return fields


def _interval_field(c: Cursor) -> str:
    unit = INTERVAL_UNITS.get(c.key)
    if unit is None:
        c.fail("a unit of time")
    c.advance()
    if c.key == "(" and c.peek().kind == "number":
        c.advance()
        c.advance()
        if c.accept(",") and c.advance().kind != "number":
            c.fail("a precision")
        c.expect(")")
    return unit


def _interval(c: Cursor) -> Expression:
    start = c.advance()
    sign = ""
    if c.key in ("-", "+"):
        sign = "-" if c.advance().key == "-" else ""
    if c.token.kind == "string":
        text = string(c).text
    elif c.token.kind == "number" and c.peek().key in INTERVAL_UNITS:
        text = number(c, c.token).text
    else:
        value = expressions.operand(c, _SIGN_POWER)
        if sign:
            value = Apply("-", (value,), value.span)
        place = c.token
        qualifier = interval_qualifier(c)
        return Apply("INTERVAL", (value, Constant("string", qualifier, c.span(place))), c.span(start))
    if sign:
        text = text.strip()
        text = text[1:] if text.startswith("-") else f"-{text.removeprefix('+')}"
    qualifier = interval_qualifier(c)
    return Constant("interval", text, c.span(start), qualifier)


_Dated = Word["date", "time", "timestamp", "timestamp_tz", "uuid"]


def _dated(kind: _Dated) -> Callable[[Cursor], Expression | None]:
    def read(c: Cursor) -> Expression | None:
        start = c.token
        if c.peek().kind == "string":
            c.advance()
            text = string(c).text
            return Constant(kind, text, c.span(start))
        if kind == "timestamp" and c.at("TIMESTAMP", "WITH", "TIME", "ZONE") and c.peek(4).kind == "string":
            c.expect("TIMESTAMP", "WITH", "TIME", "ZONE")
            text = string(c).text
            return Constant("timestamp_tz", text, c.span(start))
        return None

    return read


def _fixed(kind: Word["boolean", "null"]) -> Callable[[Cursor], Expression | None]:
    def read(c: Cursor) -> Expression | None:
        token = c.advance()
        return Constant(kind, token.key, token.span)

    return read


def _moment(c: Cursor) -> Expression | None:
    """Read a function that may stand without parentheses."""
    token = c.token
    if c.peek().key == "(" or c.peek().key == ".":
        return None
    c.advance()
    return Apply(token.key, (), token.span)


WORDS: dict[str, Callable[[Cursor], Expression | None]] = {
    "TRUE": _fixed("boolean"),
    "FALSE": _fixed("boolean"),
    "NULL": _fixed("null"),
    "UNKNOWN": _fixed("null"),
    "DATE": _dated("date"),
    "TIME": _dated("time"),
    "TIMESTAMP": _dated("timestamp"),
    "UUID": _dated("uuid"),
    "INTERVAL": _interval,
    **dict.fromkeys(("CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP"), _moment),
}
"""What may start with a word that is a literal, by the word; None where it is a name after all."""
