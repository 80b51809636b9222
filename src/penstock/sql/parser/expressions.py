"""Expressions: operators by precedence, names, parentheses, indexing.

Precedence, strongest first: `.` `[]` `::`, sign, `* / % ||`, `+ -`, BETWEEN IN LIKE, comparison, IS, NOT, AND, OR.
Source: precedence table of the dialect's grammar documentation; the numbers are those of Calcite's operator table.
"""

from __future__ import annotations

from dataclasses import replace

from penstock.sql.diagnostics import NotSupported, SqlError
from penstock.sql.parser import calls, literals, operators, queries, special
from penstock.sql.parser.ast import (
    Apply,
    Constant,
    Expression,
    Identifier,
    LambdaOf,
    OrderItem,
    Query,
    Subquery,
)
from penstock.sql.parser.cursor import Cursor
from penstock.sql.parser.dialect import PARSE_ERROR, Token
from penstock.sql.parser.words import CALLABLE, INTERVAL_UNITS, QUERY_STARTS, RESERVED
from penstock.sql.plan.expr import Span

_OR, _AND, _NOT, _SIGN = 22, 24, 26, 80
_BINARY = {
    **dict.fromkeys(("=", "<>", "<", ">", "<=", ">=", "<=>"), operators.COMPARISON),
    **dict.fromkeys(("+", "-"), 40),
    **dict.fromkeys(("*", "/", "%", "||"), 60),
}
_COMPARISONS = frozenset(("=", "<>", "<", ">", "<=", ">="))
_BALANCED = 16
"""Chains of AND or OR longer than this become a balanced tree, as both are associative."""


def expression(c: Cursor) -> Expression:
    """Read an expression.

    Raises:
        SqlError: no expression stands here, or it is nested too deeply.
    """
    start = c.token
    c.enter()
    result = _climb(c, _prefix(c), start, 0)
    c.leave()
    return result


def operand(c: Cursor, floor: int) -> Expression:
    """Read an expression of operators at least as strong as floor."""
    start = c.token
    return _climb(c, _prefix(c), start, floor)


def bound(c: Cursor) -> Expression:
    """Read an expression that AND or a comparison ends, as the bounds of BETWEEN and of frames."""
    return operand(c, operators.RANGE + 1)


def _climb(c: Cursor, left: Expression, start: Token, floor: int) -> Expression:
    """Read the operators after a first operand."""
    length = 0
    while True:
        key = c.key
        power = _BINARY.get(key)
        if power is not None:
            if power < floor:
                return left
            c.advance()
            if key in _COMPARISONS and c.key in ("ANY", "SOME", "ALL") and c.peek().key == "(":
                left = operators.quantified(c, left, key, start)
            else:
                right = operand(c, power + 1)
                left = Apply(key, (left, right), c.span(start))
        elif key == "AND" or key == "OR":
            if (_AND if key == "AND" else _OR) < floor:
                return left
            left = _connective(c, left, key)
        else:
            rule = operators.POSTFIXES.get(key)
            if rule is None or rule[0] < floor:
                return left
            found = rule[1](c, left, start)
            if found is None:
                return left
            left = found
        length += 1
        c.chain(length, "operators")


def _connective(c: Cursor, first: Expression, key: str) -> Expression:
    power = (_AND if key == "AND" else _OR) + 1
    parts = [first]
    while c.accept(key):
        parts.append(operand(c, power))
    if len(parts) > _BALANCED:
        return _balance(key, parts)
    result = parts[0]
    for part in parts[1:]:
        result = Apply(key, (result, part), _joined(result, part))
    return result


def _balance(key: str, parts: list[Expression]) -> Expression:
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    left, right = _balance(key, parts[:middle]), _balance(key, parts[middle:])
    return Apply(key, (left, right), _joined(left, right))


def _joined(left: Expression, right: Expression) -> Span | None:
    a, b = left.span, right.span
    return Span(a.start_line, a.start_column, b.end_line, b.end_column) if a and b else None


def _prefix(c: Cursor) -> Expression:
    token = c.token
    kind = token.kind
    if kind == "word":
        read = special.SPECIAL.get(token.key) or literals.WORDS.get(token.key)
        if read is not None:
            found = read(c)
            if found is not None:
                return found
        if token.key == "NOT":
            c.advance()
            c.enter()
            argument = operand(c, _NOT)
            c.leave()
            return Apply("NOT", (argument,), c.span(token))
        return _named(c)
    if kind == "quoted":
        return _named(c)
    if kind == "number":
        return literals.number(c, token)
    if kind == "string":
        return literals.string(c)
    if kind == "binary":
        return literals.binary(c)
    if token.key == "(":
        return _parenthesized(c)
    if token.key == ".":
        return literals.fraction(c)
    if token.key == "-" or token.key == "+":
        return _signed(c)
    c.fail("an expression")


def _signed(c: Cursor) -> Expression:
    start = c.advance()
    if start.key == "-" and c.token.kind == "number" and c.peek().key not in ("::", "[", "."):
        return literals.number(c, start)
    c.enter()
    argument = operand(c, _SIGN)
    c.leave()
    return Apply(start.key, (argument,), c.span(start))


def _named(c: Cursor) -> Expression:
    """Read a column, a dotted path or a function call."""
    start = c.token
    following = c.peek().key
    if following == "(" and (start.kind == "quoted" or start.key not in RESERVED or start.key in CALLABLE):
        c.advance()
        return calls.call(c, start, start.text.upper())
    if start.kind == "word" and start.key in RESERVED:
        c.fail("an expression")
    parts = [c.name()]
    while c.key == ".":
        c.advance()
        parts.append(c.any_name())
    if c.key == "(":
        raise NotSupported("function names with a schema", c.span(start))
    return Identifier(tuple(parts), c.span(start))


def parenthesized(c: Cursor) -> Query | tuple[Expression, ...]:
    """Read what stands in parentheses: a query, or expressions between commas (none for an empty pair)."""
    c.expect("(")
    content: Query | tuple[Expression, ...]
    if c.key in QUERY_STARTS:
        content = queries.query(c)
    elif c.key == ")":
        content = ()
    elif c.key == "(":
        start = c.token
        c.enter()
        first = _parenthesized(c)
        if isinstance(first, Subquery) and first.kind == "scalar" and c.key in queries.CONTINUES:
            content = queries.proceed(c, first.query, start)
        else:
            items = [_climb(c, first, start, 0)]
            while c.accept(","):
                items.append(expression(c))
            content = tuple(items)
        c.leave()
    else:
        content = c.listed(expression)
    c.expect(")")
    return content


def _parenthesized(c: Cursor) -> Expression:
    """Read a parenthesized expression, scalar query or row; (a - b) DAY is the difference of two instants."""
    start = c.token
    content = parenthesized(c)
    span = c.span(start)
    if isinstance(content, Query):
        return Subquery("scalar", content, None, None, span)
    if not content:
        raise SqlError('Encountered ")": an expression is missing in the parentheses', c.previous.span, PARSE_ERROR)
    if len(content) > 1:
        return Apply("ROW", content, span)
    inner = content[0]
    if c.key in INTERVAL_UNITS and isinstance(inner, Apply) and inner.name == "-" and len(inner.args) == 2:
        place = c.token
        qualifier = literals.interval_qualifier(c)
        return Apply("MINUS_DATE", (*inner.args, Constant("string", qualifier, c.span(place))), c.span(start))
    return replace(inner, span=span)


def subquery(c: Cursor) -> Query:
    """Read a query in parentheses."""
    start = c.token
    content = parenthesized(c)
    if not isinstance(content, Query):
        raise SqlError("a query is expected in these parentheses", c.span(start), PARSE_ERROR)
    return content


def order_item(c: Cursor) -> OrderItem:
    """Read expression [ASC | DESC] [NULLS FIRST | NULLS LAST]."""
    key = expression(c)
    descending = c.accept("DESC")
    if not descending:
        c.accept("ASC")
    nulls_first: bool | None = None
    if c.accept("NULLS", "FIRST"):
        nulls_first = True
    elif c.accept("NULLS", "LAST"):
        nulls_first = False
    return OrderItem(key, descending, nulls_first)


def lambda_or_expression(c: Cursor) -> Expression:
    """Read an argument of a call: x -> body, (x, y) -> body, or an expression."""
    start = c.token
    if c.peek().key == "->" and c.names_at(0):
        parameters = [c.name()]
    elif c.key == "(" and (count := _parameters_ahead(c)):
        c.advance()
        parameters = [c.name()]
        for _ in range(count - 1):
            c.expect(",")
            parameters.append(c.name())
        c.expect(")")
    else:
        return expression(c)
    c.expect("->")
    body = expression(c)
    return LambdaOf(tuple(parameters), body, c.span(start))


def _parameters_ahead(c: Cursor) -> int:
    """Return how many names of `(a, b) ->` stand here, 0 if something else does."""
    distance = 1
    while c.names_at(distance):
        following = c.peek(distance + 1).key
        if following == ")":
            return (distance + 1) // 2 if c.peek(distance + 2).key == "->" else 0
        if following != ",":
            return 0
        distance += 2
    return 0
