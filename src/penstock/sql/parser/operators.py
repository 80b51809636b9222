"""Operators that follow their first operand and are more than a symbol between two: IS, IN, LIKE, BETWEEN, `::`, ..."""

from __future__ import annotations

from collections.abc import Callable

from penstock.sql.diagnostics import NotSupported, SqlError
from penstock.sql.parser import expressions, types
from penstock.sql.parser.ast import Apply, CastTo, Constant, Expression, Query, Subquery
from penstock.sql.parser.cursor import Cursor
from penstock.sql.parser.dialect import PARSE_ERROR, Token

IS, COMPARISON, RANGE, ZONE, POSTFIX = 28, 30, 32, 90, 100
"""Powers of these operators; the greater binds tighter."""

_PERIODS = ("CONTAINS", "EQUALS", "OVERLAPS", "PRECEDES", "SUCCEEDS")
_GOES_ON = {
    "COLLATE": (),
    "MEMBER": ("OF",),
    "MULTISET": ("UNION", "INTERSECT", "EXCEPT"),
    "SUBMULTISET": ("OF",),
}


def quantified(c: Cursor, left: Expression, operator: str, start: Token) -> Expression:
    """Read ANY, SOME or ALL and its query, after a comparison."""
    word = c.advance().key
    content = expressions.parenthesized(c)
    span = c.span(start)
    if not isinstance(content, Query):
        raise NotSupported(f"{operator} {word} over a list of values", span)
    return Subquery("all" if word == "ALL" else "any", content, left, operator, span)


def _is(c: Cursor, left: Expression, start: Token) -> Expression:
    c.advance()
    negated = c.accept("NOT")
    if c.accept("DISTINCT", "FROM"):
        right = expressions.operand(c, RANGE + 1)
        result = Apply("IS DISTINCT FROM", (left, right), c.span(start))
    elif c.key in ("NULL", "TRUE", "FALSE", "UNKNOWN"):
        result = Apply(f"IS {c.advance().key}", (left,), c.span(start))
    elif c.key in ("JSON", "EMPTY", "A"):
        raise NotSupported(f"IS {c.token.text.upper()}", c.token.span)
    else:
        c.fail("NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM")
    return Apply("NOT", (result,), result.span) if negated else result


def _negated(c: Cursor, left: Expression, start: Token) -> Expression | None:
    rule = POSTFIXES.get(c.peek().key)
    if rule is None or c.peek().key not in _NEGATABLE:
        return None
    c.advance()
    positive = rule[1](c, left, start)
    return None if positive is None else Apply("NOT", (positive,), positive.span)


def _in(c: Cursor, left: Expression, start: Token) -> Expression:
    c.advance()
    if c.key != "(":
        c.fail('"("')
    content = expressions.parenthesized(c)
    span = c.span(start)
    if isinstance(content, Query):
        return Subquery("in", content, left, "=", span)
    if not content:
        raise SqlError('Encountered ")": IN needs at least one value', c.previous.span, PARSE_ERROR)
    return Apply("IN", (left, *content), span)


def _between(c: Cursor, left: Expression, start: Token) -> Expression:
    c.advance()
    symmetric = c.accept("SYMMETRIC")
    if not symmetric:
        c.accept("ASYMMETRIC")
    low = expressions.bound(c)
    c.expect("AND")
    high = expressions.bound(c)
    return Apply("BETWEEN SYMMETRIC" if symmetric else "BETWEEN", (left, low, high), c.span(start))


def _like(c: Cursor, left: Expression, start: Token) -> Expression:
    name = c.advance().key
    if name == "SIMILAR":
        c.expect("TO")
        name = "SIMILAR TO"
    arguments = [left, expressions.bound(c)]
    if name != "RLIKE" and c.accept("ESCAPE"):
        arguments.append(expressions.bound(c))
    return Apply(name, tuple(arguments), c.span(start))


def _period(c: Cursor, left: Expression, start: Token) -> Expression | None:
    name = c.key
    if name == "IMMEDIATELY":
        if c.peek().key not in ("PRECEDES", "SUCCEEDS"):
            return None
        c.advance()
        name = f"IMMEDIATELY {c.key}"
    c.advance()
    right = expressions.operand(c, COMPARISON + 1)
    return Apply(name, (left, right), c.span(start))


def _cast(c: Cursor, left: Expression, start: Token) -> Expression:
    c.advance()
    target = types.type_name(c)
    return CastTo(left, target, False, c.span(start))


def _item(c: Cursor, left: Expression, start: Token) -> Expression:
    c.advance()
    index = expressions.expression(c)
    if c.key == ":" or c.key == ",":
        c.fail('"]"')
    c.expect("]")
    return Apply("ITEM", (left, index), c.span(start))


def _field(c: Cursor, left: Expression, start: Token) -> Expression:
    c.advance()
    name = c.any_name()
    if c.key == "(":
        raise NotSupported("methods", c.span(start))
    return Apply("FIELD", (left, Constant("string", name.text, name.span)), c.span(start))


def _zone(c: Cursor, left: Expression, start: Token) -> Expression | None:
    if c.at("AT", "LOCAL"):
        raise NotSupported("AT LOCAL", c.token.span)
    if not c.accept("AT", "TIME", "ZONE"):
        return None
    return Apply("AT TIME ZONE", (left, expressions.operand(c, ZONE + 1)), c.span(start))


def _refused(c: Cursor, left: Expression, start: Token) -> Expression | None:
    goes_on = _GOES_ON[c.key]
    if goes_on and c.peek().key not in goes_on:
        return None
    raise NotSupported(c.key, c.token.span)


_Postfix = Callable[[Cursor, Expression, Token], Expression | None]
POSTFIXES: dict[str, tuple[int, _Postfix]] = {
    "IS": (IS, _is),
    "NOT": (RANGE, _negated),
    "IN": (RANGE, _in),
    "BETWEEN": (RANGE, _between),
    **dict.fromkeys(("LIKE", "ILIKE", "RLIKE", "SIMILAR"), (RANGE, _like)),
    **dict.fromkeys((*_PERIODS, "IMMEDIATELY"), (COMPARISON, _period)),
    **dict.fromkeys(_GOES_ON, (COMPARISON, _refused)),
    "AT": (ZONE, _zone),
    "::": (POSTFIX, _cast),
    "[": (POSTFIX, _item),
    ".": (POSTFIX, _field),
}
"""By the word or symbol: the power, and the reader of what follows; None where it is no operator after all."""

_NEGATABLE = frozenset(("IN", "BETWEEN", "LIKE", "ILIKE", "RLIKE", "SIMILAR"))
