"""Functions and constructors with a syntax of their own: CAST, CASE, EXTRACT, TRIM, ARRAY, MAP, ROW, EXISTS, ..."""

from __future__ import annotations

from collections.abc import Callable

from penstock.sql.diagnostics import NotSupported, SqlError
from penstock.sql.parser import calls, expressions, types
from penstock.sql.parser.ast import Apply, CaseWhen, CastTo, Constant, Expression, Query, Subquery
from penstock.sql.parser.cursor import Cursor
from penstock.sql.parser.dialect import PARSE_ERROR
from penstock.sql.parser.words import QUERY_STARTS, TIME_UNITS


def _unit(c: Cursor) -> Constant:
    """Read a unit of time that a keyword follows or precedes."""
    token = c.token
    if token.kind != "word":
        c.fail("a unit of time")
    c.advance()
    text = TIME_UNITS.get(token.key, token.key)
    if token.key == "WEEK" and c.accept("("):
        text = f"WEEK({c.name().text.upper()})"
        c.expect(")")
    return Constant("string", text, c.span(token))


def _opened(c: Cursor) -> bool:
    """Read a word and the parenthesis after it, if there is one."""
    if c.peek().key != "(":
        return False
    c.advance()
    c.advance()
    return True


def _cast(c: Cursor) -> Expression | None:
    start = c.token
    if not _opened(c):
        return None
    value = expressions.expression(c)
    c.expect("AS")
    target = types.type_name(c)
    if c.key == "FORMAT":
        raise NotSupported("FORMAT in CAST", c.token.span)
    c.expect(")")
    return CastTo(value, target, start.key != "CAST", c.span(start))


def _case(c: Cursor) -> Expression:
    start = c.advance()
    value = None if c.key == "WHEN" else expressions.expression(c)
    whens = []
    while c.accept("WHEN"):
        values = c.listed(expressions.expression)
        if value is None and len(values) > 1:
            raise SqlError("several values in one WHEN need CASE value WHEN", c.previous.span, PARSE_ERROR)
        c.expect("THEN")
        result = expressions.expression(c)
        whens += [(when, result) for when in values]
    if not whens:
        c.fail("WHEN")
    otherwise = expressions.expression(c) if c.accept("ELSE") else None
    c.expect("END")
    return CaseWhen(value, tuple(whens), otherwise, c.span(start))


def _extract(c: Cursor) -> Expression | None:
    start = c.token
    if not _opened(c):
        return None
    unit = _unit(c)
    c.expect("FROM")
    value = expressions.expression(c)
    c.expect(")")
    return Apply("EXTRACT", (unit, value), c.span(start))


def _position(c: Cursor) -> Expression | None:
    start = c.token
    if not _opened(c):
        return None
    needle = expressions.bound(c)
    arguments: list[Expression] = [needle]
    if c.accept(","):
        arguments += c.listed(expressions.expression)
    else:
        c.expect("IN")
        arguments.append(expressions.expression(c))
        if c.accept("FROM"):
            arguments.append(expressions.expression(c))
    c.expect(")")
    return Apply("POSITION", tuple(arguments), c.span(start))


def _spaced(*words: str) -> Callable[[Cursor], Expression | None]:
    """Return the reader of F(a word b word c), where commas may stand for the words; the last ones may be missing."""

    def read(c: Cursor) -> Expression | None:
        start = c.token
        if not _opened(c):
            return None
        arguments = [expressions.expression(c)]
        if c.key == ",":
            c.advance()
            arguments += c.listed(expressions.expression)
        else:
            for word in words:
                if c.accept(word):
                    arguments.append(expressions.expression(c))
                elif word == "PLACING":
                    c.fail("PLACING")
                elif word == "FROM" and c.key == "FOR":
                    arguments.append(Constant("number", "1", c.token.span))
        c.expect(")")
        return Apply(start.key, tuple(arguments), c.span(start))

    return read


def _trim(c: Cursor) -> Expression | None:
    start = c.token
    if not _opened(c):
        return None
    side = Constant("string", "BOTH", start.span)
    if c.key in ("BOTH", "LEADING", "TRAILING") and c.peek().key not in (",", ")", "."):
        side = Constant("string", c.key, c.token.span)
        c.advance()
    characters: Expression = Constant("string", " ", side.span)
    if c.accept("FROM"):
        value = expressions.expression(c)
    else:
        value = expressions.expression(c)
        if c.accept("FROM"):
            characters, value = value, expressions.expression(c)
        elif c.accept(","):
            characters = expressions.expression(c)
    c.expect(")")
    return Apply("TRIM", (side, characters, value), c.span(start))


def _rounded(c: Cursor) -> Expression | None:
    start = c.token
    if not _opened(c):
        return None
    arguments = [*c.listed(expressions.expression)]
    if c.accept("TO"):
        arguments.append(_unit(c))
    c.expect(")")
    return Apply(start.key, tuple(arguments), c.span(start))


def _exists(c: Cursor) -> Expression | None:
    start = c.token
    if c.peek().key != "(":
        return None
    c.advance()
    return Subquery("exists", expressions.subquery(c), None, None, c.span(start))


def _array(c: Cursor) -> Expression | None:
    """Read ARRAY[...], ARRAY(query) or ARRAY(...), a constructor too."""
    start = c.token
    following = c.peek()
    if following.key == "[":
        c.advance()
        return Apply("ARRAY", _bracketed(c), c.span(start))
    if following.key != "(":
        return None
    c.advance()
    content = expressions.parenthesized(c)
    if isinstance(content, Query):
        return Subquery("array", content, None, None, c.span(start))
    return Apply("ARRAY", content, c.span(start))


def _bracketed(c: Cursor) -> tuple[Expression, ...]:
    c.expect("[")
    items = () if c.key == "]" else c.listed(expressions.expression)
    c.expect("]")
    return items


def _map(c: Cursor) -> Expression | None:
    """Read MAP[k, v, ...] or MAP {k: v, ...}; MAP(...) is a call, named "MAP()" to be told from the constructor."""
    start = c.token
    following = c.peek()
    if following.key == "[":
        c.advance()
        items = _bracketed(c)
    elif following.key == "{":
        c.advance()
        items = _braced(c)
    elif following.key == "(":
        c.advance()
        if c.peek().key in QUERY_STARTS:
            return Subquery("map", expressions.subquery(c), None, None, c.span(start))
        return calls.call(c, start, "MAP()")
    else:
        return None
    span = c.span(start)
    if len(items) % 2:
        raise SqlError("a MAP needs a value for each key", span, PARSE_ERROR)
    return Apply("MAP", items, span)


def _braced(c: Cursor) -> tuple[Expression, ...]:
    c.expect("{")
    items: list[Expression] = []
    while c.key != "}":
        if items:
            c.expect(",")
        items.append(expressions.expression(c))
        if not c.accept(":"):
            c.expect(",")
        items.append(expressions.expression(c))
    c.expect("}")
    return tuple(items)


def _row(c: Cursor) -> Expression | None:
    start = c.token
    if c.peek().key != "(":
        return None
    c.advance()
    content = expressions.parenthesized(c)
    if isinstance(content, Query):
        content = (Subquery("scalar", content, None, None, c.span(start)),)
    return Apply("ROW", content, c.span(start))


def _period(c: Cursor) -> Expression | None:
    """Read PERIOD (start, end), a row of its ends."""
    start = c.token
    if c.peek().key != "(":
        return None
    c.advance()
    ends = expressions.parenthesized(c)
    if isinstance(ends, Query) or len(ends) != 2:
        raise SqlError("PERIOD has two ends: PERIOD (start, end)", c.span(start), PARSE_ERROR)
    return Apply("ROW", ends, c.span(start))


def _refused(feature: str) -> Callable[[Cursor], Expression | None]:
    def read(c: Cursor) -> Expression | None:
        if c.peek().key not in ("(", "["):
            return None
        raise NotSupported(feature, c.token.span)

    return read


SPECIAL: dict[str, Callable[[Cursor], Expression | None]] = {
    **dict.fromkeys(("CAST", "SAFE_CAST", "TRY_CAST"), _cast),
    "CASE": _case,
    "EXTRACT": _extract,
    "POSITION": _position,
    "OVERLAY": _spaced("PLACING", "FROM", "FOR"),
    **dict.fromkeys(("SUBSTRING", "SUBSTR"), _spaced("FROM", "FOR")),
    "TRIM": _trim,
    **dict.fromkeys(("CEIL", "CEILING", "FLOOR"), _rounded),
    "EXISTS": _exists,
    "ARRAY": _array,
    "MAP": _map,
    "ROW": _row,
    "PERIOD": _period,
    "MULTISET": _refused("MULTISET"),
    "UNIQUE": _refused("UNIQUE"),
}
"""Readers by the word they start with; None where the word is a name after all."""
