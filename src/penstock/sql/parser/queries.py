"""Queries: WITH, SELECT, VALUES, set operations, ORDER BY and LIMIT."""

from __future__ import annotations

from typing import Literal as Word

from penstock.sql.diagnostics import NotSupported, SqlError
from penstock.sql.parser import expressions, grouping, relations, windows
from penstock.sql.parser.ast import (
    Constant,
    Expression,
    FromItem,
    Name,
    OrderItem,
    Query,
    Select,
    SelectItem,
    SetQuery,
    Star,
    TableRef,
    ValuesQuery,
    WindowSpec,
    WithItem,
)
from penstock.sql.parser.cursor import Cursor
from penstock.sql.parser.dialect import PARSE_ERROR, Token
from penstock.sql.plan.expr import Span

_SET_WORDS: dict[str, Word["union", "intersect", "except"]] = {
    "UNION": "union",
    "EXCEPT": "except",
    "MINUS": "except",
    "INTERSECT": "intersect",
}
_MODIFIERS = frozenset(("ORDER", "LIMIT", "OFFSET", "FETCH"))
CONTINUES = _MODIFIERS | frozenset(_SET_WORDS)
"""Words that go on with a query that stood in parentheses."""

_BALANCED = 16
"""Chains of one UNION longer than this become a balanced tree, as it is associative."""


def query(c: Cursor) -> Query:
    """Read a query with everything that may stand around it.

    Raises:
        SqlError: no query stands here.
    """
    start = c.token
    c.enter()
    withs: tuple[WithItem, ...] = ()
    if c.accept("WITH"):
        recursive = c.accept("RECURSIVE")
        items = [_with_item(c, recursive)]
        while c.accept(","):
            items.append(_with_item(c, recursive))
        for at, item in enumerate(items):
            if any(item.name.text == other.name.text for other in items[:at]):
                raise SqlError(f"Duplicate relation name '{item.name.text}' in WITH clause", item.name.span)
        withs = tuple(items)
    found = _finish(c, _set_operations(c, _term(c), start, 0), withs, start)
    c.leave()
    return found


def proceed(c: Cursor, first: Query, start: Token) -> Query:
    """Go on with a query whose first operand, in parentheses, is read already. start: the first of these."""
    return _finish(c, _set_operations(c, first, start, 0), (), start)


def _with_item(c: Cursor, recursive: bool) -> WithItem:
    name = c.name()
    columns = c.names() if c.key == "(" else ()
    c.expect("AS")
    return WithItem(name, columns, expressions.subquery(c), recursive)


def _finish(c: Cursor, body: Query, withs: tuple[WithItem, ...], start: Token) -> Query:
    order: tuple[OrderItem, ...] = ()
    limit: Expression | None = None
    offset: Expression | None = None
    if c.accept("ORDER"):
        c.expect("BY")
        order = c.listed(expressions.order_item)
    seen: set[str] = set()
    while c.key in ("LIMIT", "OFFSET", "FETCH"):
        word = "OFFSET" if c.key == "OFFSET" else "LIMIT"
        if word in seen:
            c.fail()
        seen.add(word)
        if word == "OFFSET":
            c.advance()
            offset = expressions.bound(c)
            if not c.accept("ROWS"):
                c.accept("ROW")
        elif c.key == "FETCH":
            limit = _fetch(c)
        else:
            c.advance()
            limit = None if c.accept("ALL") else expressions.bound(c)
            if c.accept(","):
                offset, limit = limit, expressions.bound(c)
                seen.add("OFFSET")
    if not (withs or order or seen):
        return body
    simple = not (body.withs or body.order or body.limit is not None or body.offset is not None)
    # What stood in parentheses with an order or limit of its own stays a query of its own.
    return Query(body.body if simple else body, withs, order, limit, offset, c.span(start))


def _fetch(c: Cursor) -> Expression:
    c.expect("FETCH")
    if not c.accept("FIRST"):
        c.expect("NEXT")
    one = Constant("number", "1", c.token.span)
    count = one if c.key in ("ROW", "ROWS") else expressions.bound(c)
    if not c.accept("ROWS"):
        c.expect("ROW")
    if c.at("WITH", "TIES"):
        raise NotSupported("WITH TIES", c.token.span)
    c.expect("ONLY")
    return count


def _plain(body: Select | SetQuery | ValuesQuery, span: Span | None) -> Query:
    return Query(body, (), (), None, None, span)


def _set_operations(c: Cursor, first: Query, start: Token, floor: int) -> Query:
    """Read set operations; INTERSECT (power 2) binds tighter than UNION and EXCEPT (power 1)."""
    left = first
    length = 0
    while (kind := _SET_WORDS.get(c.key)) is not None:
        power = 2 if kind == "intersect" else 1
        if power <= floor:
            return left
        operands = [left]
        word = c.key
        every = _all_follows(c)
        while c.key == word and _all_follows(c) == every:
            c.advance()
            c.accept("ALL") if every else c.accept("DISTINCT")
            if c.key == "CORRESPONDING":
                raise NotSupported("CORRESPONDING", c.token.span)
            place = c.token
            operands.append(_set_operations(c, _term(c), place, power))
            if kind != "union":
                break
        left = _united(kind, every, operands)
        length += 1
        c.chain(length, "set operations")
    return left


def _all_follows(c: Cursor) -> bool:
    return c.peek().key == "ALL"


def _united(kind: Word["union", "intersect", "except"], every: bool, operands: list[Query]) -> Query:
    if len(operands) == 1:
        return operands[0]
    middle = len(operands) // 2 if len(operands) > _BALANCED else len(operands) - 1
    left = _united(kind, every, operands[:middle])
    right = _united(kind, every, operands[middle:])
    a, b = left.span, right.span
    span = Span(a.start_line, a.start_column, b.end_line, b.end_column) if a and b else None
    return _plain(SetQuery(kind, every, left, right, span), span)


def _term(c: Cursor) -> Query:
    start = c.token
    match c.key:
        case "SELECT":
            select = _select(c)
            return _plain(select, select.span)
        case "VALUES":
            c.advance()
            rows = c.listed(_row)
            return _plain(ValuesQuery(rows, c.span(start)), c.span(start))
        case "TABLE":
            c.advance()
            name = relations.table_name(c)
            source = TableRef(name, None, (), name.span)
            item = SelectItem(Star(None, (), (), start.span), None)
            span = c.span(start)
            return _plain(Select((item,), False, (), source, None, None, None, None, (), span), span)
        case "(":
            c.advance()
            inner = query(c)
            c.expect(")")
            return inner
    c.fail("a query")


def _row(c: Cursor) -> tuple[Expression, ...]:
    if c.key == "ROW" and c.peek().key == "(":
        c.advance()
    if c.key == "(":
        content = expressions.parenthesized(c)
        if isinstance(content, tuple) and content:
            return content
        raise SqlError("a row of VALUES is a list of expressions", c.previous.span, PARSE_ERROR)
    return (expressions.expression(c),)


def _select(c: Cursor) -> Select:
    start = c.token
    outer = c.windows
    c.windows = windows.find_windows(c) if c.uses_windows else {}
    c.expect("SELECT")
    distinct = c.accept("DISTINCT")
    distinct_on: tuple[Expression, ...] = ()
    if distinct and c.key == "ON" and c.peek().key == "(":
        c.advance()
        distinct_on = c.wrapped(expressions.expression)
    elif not distinct:
        c.accept("ALL")
    items = c.listed(_select_item)
    source: FromItem | None = relations.from_items(c) if c.accept("FROM") else None
    where = expressions.expression(c) if c.accept("WHERE") else None
    group = grouping.group_by(c) if c.key == "GROUP" else None
    having = expressions.expression(c) if c.accept("HAVING") else None
    named: tuple[tuple[Name, WindowSpec], ...] = ()
    qualify: Expression | None = None
    while True:
        if not named and c.accept("WINDOW"):
            c.windows = {}
            named = windows.definitions(c)
        elif qualify is None and c.accept("QUALIFY"):
            qualify = expressions.expression(c)
        else:
            break
    c.windows = outer
    span = c.span(start)
    return Select(items, distinct, distinct_on, source, where, group, having, qualify, named, span)


def _select_item(c: Cursor) -> SelectItem:
    start = c.token
    if c.key == "*":
        c.advance()
        return SelectItem(_star(c, None, start), None)
    if c.peek().key == "." and c.peek(2).key == "*" and c.names_at(0):
        table = c.name()
        c.expect(".", "*")
        return SelectItem(_star(c, table, start), None)
    value = expressions.expression(c)
    return SelectItem(value, c.alias())


def _star(c: Cursor, table: Name | None, start: Token) -> Star:
    exclude: tuple[Name, ...] = ()
    replaced: tuple[tuple[Name, Expression], ...] = ()
    if c.key in ("EXCLUDE", "EXCEPT") and c.peek().key == "(" and c.peek(2).key not in ("SELECT", "WITH", "VALUES"):
        c.advance()
        exclude = c.wrapped(_excluded)
    if c.key == "REPLACE" and c.peek().key == "(":
        c.advance()
        replaced = c.wrapped(_replaced)
    return Star(table, exclude, replaced, c.span(start))


def _excluded(c: Cursor) -> Name:
    name = c.name()
    while c.accept("."):
        name = c.any_name()
    return name


def _replaced(c: Cursor) -> tuple[Name, Expression]:
    value = expressions.expression(c)
    c.expect("AS")
    return c.name(), value
