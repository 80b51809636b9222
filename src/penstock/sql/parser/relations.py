"""FROM: tables, joins, derived tables, UNNEST and table functions."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal as Word

from penstock.sql.diagnostics import NotSupported, SqlError
from penstock.sql.parser import expressions, queries
from penstock.sql.parser.ast import (
    Constant,
    DerivedTable,
    Expression,
    FromItem,
    JoinRef,
    Name,
    PivotRef,
    Query,
    SelectItem,
    TableFunction,
    TableRef,
    UnnestRef,
    UnpivotRef,
)
from penstock.sql.parser.cursor import Cursor
from penstock.sql.parser.dialect import PARSE_ERROR, Token
from penstock.sql.parser.words import QUERY_STARTS

_JOIN_STARTS = frozenset(("JOIN", "INNER", "LEFT", "RIGHT", "FULL", "CROSS", "NATURAL", "ASOF", "OUTER"))
_REFUSED = ("TABLESAMPLE", "MATCH_RECOGNIZE")
_PARAMETERS = {"TUMBLE": ("SIZE", "OFFSET"), "HOP": ("SLIDE", "SIZE", "OFFSET")}
"""Names of the arguments behind the table and its descriptor, DATA and TIMECOL."""
_Kind = Word["inner", "left", "right", "full", "cross", "semi", "anti", "asof", "inner asof"]


def from_items(c: Cursor) -> FromItem:
    """Read relations between commas, which join less tightly than JOIN does.

    Raises:
        SqlError: no relation stands here.
    """
    start = c.token
    left = _joined(c, _primary(c), start)
    length = 0
    while c.accept(","):
        place = c.token
        right = _joined(c, _primary(c), place)
        left = JoinRef("cross", left, right, None, (), False, None, c.span(start))
        length += 1
        c.chain(length, "relations")
    return left


def table_name(c: Cursor) -> Name:
    """Read the name of a relation, which has no schema."""
    start = c.token
    name = c.name()
    if c.key == ".":
        while c.accept("."):
            c.any_name()
        raise SqlError(f"Object '{c.written(start)}' not found: names of relations have no schema", c.span(start))
    return name


# ------------------------------------------------------------------------------------------------------------ joins


def _joined(c: Cursor, left: FromItem, start: Token) -> FromItem:
    """Read the joins after a first relation."""
    length = 0
    while c.key in _JOIN_STARTS:
        if c.at("CROSS", "APPLY") or c.at("OUTER", "APPLY"):
            left = _apply(c, left, start)
        else:
            left = _join(c, left, start)
        length += 1
        c.chain(length, "joins")
    return left


def _join(c: Cursor, left: FromItem, start: Token) -> JoinRef:
    place = c.token
    natural = c.accept("NATURAL")
    kind = _kind(c)
    c.expect("JOIN")
    inner = c.token
    right = _primary(c)
    if not natural and kind not in ("cross", "asof", "inner asof"):
        while c.key in _JOIN_STARTS:  # a JOIN b JOIN c ON ... ON ...: the inner join comes first
            right = _join(c, right, inner)
    match = None
    if kind in ("asof", "inner asof"):
        c.expect("MATCH_CONDITION")
        match = expressions.expression(c)
    on: Expression | None = None
    using: tuple[Name, ...] = ()
    if not natural and kind != "cross":
        if c.accept("ON"):
            on = expressions.expression(c)
        elif c.accept("USING"):
            using = c.names()
        else:
            word = "asof" if "asof" in kind else kind
            raise SqlError(f"{word.upper()} join requires a condition: ON or USING", place.span)
    return JoinRef(kind, left, right, on, using, natural, match, c.span(start))


def _kind(c: Cursor) -> _Kind:
    if c.accept("INNER"):
        return "inner"
    if c.accept("CROSS"):
        return "cross"
    if c.accept("ASOF"):
        return "inner asof"
    if c.accept("LEFT"):
        if c.accept("ASOF"):
            return "asof"
        if c.accept("SEMI"):
            return "semi"
        if c.accept("ANTI"):
            return "anti"
        c.accept("OUTER")
        return "left"
    if c.accept("RIGHT"):
        c.accept("OUTER")
        return "right"
    if c.accept("FULL"):
        c.accept("OUTER")
        return "full"
    return "inner"


def _apply(c: Cursor, left: FromItem, start: Token) -> JoinRef:
    outer = c.key == "OUTER"
    c.advance()
    c.expect("APPLY")
    place = c.token
    right = _primary(c)
    if isinstance(right, DerivedTable):
        right = replace(right, lateral=True)
    if outer:
        return JoinRef("left", left, right, Constant("boolean", "TRUE", place.span), (), False, None, c.span(start))
    return JoinRef("cross", left, right, None, (), False, None, c.span(start))


# -------------------------------------------------------------------------------------------------------- relations


def _primary(c: Cursor) -> FromItem:
    start = c.token
    found = _plain(c)
    while c.key in ("PIVOT", "UNPIVOT"):
        found = _pivot(c, found, start) if c.key == "PIVOT" else _unpivot(c, found, start)
    return found


def _unpivot(c: Cursor, source: FromItem, start: Token) -> UnpivotRef:
    """Read UNPIVOT [INCLUDE NULLS] (measures FOR axes IN (columns AS labels, ...)) AS t(columns)."""
    c.expect("UNPIVOT")
    nulls = c.accept("INCLUDE", "NULLS")
    if not nulls:
        c.accept("EXCLUDE", "NULLS")
    c.expect("(")
    measures = _one_or_more(c)
    c.expect("FOR")
    axes = _one_or_more(c)
    c.expect("IN", "(")
    groups: list[tuple[tuple[Name, ...], tuple[Expression, ...] | None]] = []
    while not groups or c.accept(","):
        place = c.token
        columns = _one_or_more(c)
        labels: tuple[Expression, ...] | None = None
        if c.accept("AS"):
            labels = c.wrapped(expressions.expression) if c.key == "(" else (expressions.expression(c),)
        if len(columns) != len(measures):
            raise SqlError(f"UNPIVOT has {len(measures)} measures but {len(columns)} columns in IN", c.span(place))
        if labels is not None and len(labels) != len(axes):
            raise SqlError(f"UNPIVOT has {len(axes)} axes but {len(labels)} values in IN", c.span(place))
        groups.append((columns, labels))
    c.expect(")", ")")
    span = c.span(start)
    alias, renamed = _alias(c)
    return UnpivotRef(source, measures, axes, tuple(groups), nulls, alias, renamed, span)


def _one_or_more(c: Cursor) -> tuple[Name, ...]:
    return c.names() if c.key == "(" else (c.name(),)


def _pivot(c: Cursor, source: FromItem, start: Token) -> PivotRef:
    """Read PIVOT (agg(x) AS a, ... FOR column or (columns) IN (value AS v, ...)) AS t(columns)."""
    c.expect("PIVOT", "(")
    aggregates: list[SelectItem] = []
    while not aggregates or c.accept(","):
        call = expressions.expression(c)
        aggregates.append(SelectItem(call, c.alias() if c.key != "FOR" else None))
    c.expect("FOR")
    axes = c.names() if c.key == "(" else (c.name(),)
    c.expect("IN", "(")
    values: list[tuple[tuple[Expression, ...], Name | None]] = []
    while not values or c.accept(","):
        several = len(axes) > 1 or c.key == "("
        value = c.wrapped(expressions.expression) if several else (expressions.expression(c),)
        if len(value) != len(axes):
            raise SqlError(f"PIVOT has {len(axes)} columns in FOR but {len(value)} values in IN", c.span(start))
        values.append((value, c.alias()))
    c.expect(")")
    c.expect(")")
    span = c.span(start)
    alias, columns = _alias(c)
    return PivotRef(source, tuple(aggregates), axes, tuple(values), alias, columns, span)


def _plain(c: Cursor) -> FromItem:
    start = c.token
    match c.key:
        case "(":
            return _aliased_parentheses(c, start)
        case "LATERAL":
            return _lateral(c, start)
        case "UNNEST":
            return _unnest(c, start)
        case "TABLE" if c.peek().key == "(":
            c.expect("TABLE", "(")
            found = _table_function(c, start)
            c.expect(")")
            return _aliased_function(c, found, start)
        case "TABLE":
            c.advance()
    if c.peek().key == "(" and c.names_at(0):
        return _aliased_function(c, _table_function(c, start), start)
    name = table_name(c)
    if c.key == "FOR" or c.at("EXTEND", "("):
        raise NotSupported(f"{c.key} after a table", c.token.span)
    alias, columns = _alias(c)
    return TableRef(name, alias, columns, name.span)


def _alias(c: Cursor) -> tuple[Name | None, tuple[Name, ...]]:
    """Read [AS] name [(columns)]."""
    if c.key in _REFUSED:
        raise NotSupported(c.key, c.token.span)
    alias = c.alias()
    columns = c.names() if alias is not None and c.key == "(" else ()
    if c.key in _REFUSED:
        raise NotSupported(c.key, c.token.span)
    return alias, columns


def _aliased_parentheses(c: Cursor, start: Token) -> FromItem:
    content = _parenthesized(c)
    if isinstance(content, Query):
        return _derived(c, content, False, start)
    return content


def _derived(c: Cursor, query: Query, lateral: bool, start: Token) -> DerivedTable:
    span = c.span(start)
    alias, columns = _alias(c)
    return DerivedTable(query, alias, columns, lateral, span)


def _parenthesized(c: Cursor) -> Query | FromItem:
    """Read what stands in parentheses in FROM: a query, or joined relations."""
    c.expect("(")
    c.enter()
    start = c.token
    content: Query | FromItem
    if c.key in QUERY_STARTS:
        content = queries.query(c)
    elif c.key == "(":
        content = _parenthesized(c)
        if isinstance(content, Query):
            if c.key in queries.CONTINUES:
                content = queries.proceed(c, content, start)
            elif c.key != ")":
                content = _joined(c, _derived(c, content, False, start), start)
        else:
            content = _joined(c, content, start)
    else:
        content = from_items(c)
    c.leave()
    c.expect(")")
    return content


def _lateral(c: Cursor, start: Token) -> FromItem:
    c.expect("LATERAL")
    if c.key == "(":
        return _derived(c, expressions.subquery(c), True, start)
    if c.key == "UNNEST" or c.key == "TABLE" or c.peek().key == "(":
        return _primary(c)
    c.fail("a query in parentheses")


def _unnest(c: Cursor, start: Token) -> UnnestRef:
    c.expect("UNNEST")
    values = c.wrapped(expressions.expression)
    ordinality = c.accept("WITH", "ORDINALITY")
    span = c.span(start)
    alias, columns = _alias(c)
    return UnnestRef(values, ordinality, alias, columns, span)


# -------------------------------------------------------------------------------------------------- table functions


def _aliased_function(c: Cursor, found: TableFunction, start: Token) -> TableFunction:
    span = c.span(start)
    alias, columns = _alias(c)
    return replace(found, alias=alias, columns=columns, span=span)


def _table_function(c: Cursor, start: Token) -> TableFunction:
    """Read f(TABLE t, DESCRIPTOR(c), arguments) or f(arguments)."""
    name = c.name().text.upper()
    c.expect("(")
    source: TableRef | DerivedTable | None = None
    descriptor: tuple[Name, ...] = ()
    arguments: list[Expression] = []
    named: dict[str, Expression] = {}
    order = _PARAMETERS.get(name, ())
    while c.key != ")":
        if source is not None or descriptor or arguments or named:
            c.expect(",")
        if c.peek().key == "=>":
            parameter = c.name()
            c.expect("=>")
            word = parameter.text.upper()
            if word not in (*order, "DATA", "TIMECOL"):
                raise SqlError(f"Function '{name}' has no parameter '{parameter.text}'", parameter.span)
            if word in order:
                if word in named:
                    raise SqlError(f"Duplicate argument name '{parameter.text}'", parameter.span)
                named[word] = expressions.expression(c)
                continue
        if c.key == "DESCRIPTOR" and c.peek().key == "(" and not descriptor and not arguments:
            c.advance()
            descriptor = c.wrapped(_described)
        elif source is None and not arguments and (c.key == "TABLE" or (c.key == "(" and _query_ahead(c))):
            source = _function_input(c)
        else:
            arguments.append(expressions.lambda_or_expression(c))
    c.expect(")")
    span = c.span(start)
    for at, word in enumerate(order):
        if word in named and at != len(arguments):
            raise SqlError(f"Function '{name}' needs its argument '{order[len(arguments)].lower()}'", span)
        if word in named:
            arguments.append(named[word])
    return TableFunction(name, source, descriptor, tuple(arguments), None, (), span)


def _query_ahead(c: Cursor) -> bool:
    distance = 1
    while c.peek(distance).key == "(":
        distance += 1
    return c.peek(distance).key in QUERY_STARTS


def _function_input(c: Cursor) -> TableRef | DerivedTable:
    start = c.token
    if c.accept("TABLE") and c.key != "(":
        name = table_name(c)
        return TableRef(name, None, (), name.span)
    query = expressions.subquery(c)
    return DerivedTable(query, None, (), False, c.span(start))


def _described(c: Cursor) -> Name:
    name = c.name()
    if c.key == ".":
        raise SqlError("DESCRIPTOR takes names of columns only", c.token.span, PARSE_ERROR)
    return name
