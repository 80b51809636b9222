"""Statements of a program: tables, views, types, functions, indexes, recursion, lateness, options."""

from __future__ import annotations

from penstock.sql.diagnostics import NotSupported, SqlError
from penstock.sql.parser import expressions, queries, tables, types
from penstock.sql.parser.ast import (
    Constant,
    CreateFunction,
    CreateIndex,
    CreateType,
    CreateView,
    DeclareRecursive,
    LatenessStatement,
    Name,
    PropertyItem,
    SetOption,
    Statement,
    TypeName,
)
from penstock.sql.parser.cursor import Cursor
from penstock.sql.parser.dialect import PARSE_ERROR, Token
from penstock.sql.parser.words import words

_NO_STATEMENTS = words(
    "ALTER ANALYZE BEGIN CALL COMMIT DELETE DESCRIBE DROP EXPLAIN INSERT MERGE REMOVE ROLLBACK TRUNCATE UPDATE"
)


_ROUTINE = words("LANGUAGE RETURNS CALLED DETERMINISTIC")


def program(c: Cursor) -> list[Statement]:
    """Read statements between semicolons up to the end; semicolons in a row are fine.

    Raises:
        SqlError: a statement is wrong, or not one of the dialect.
    """
    found: list[Statement] = []
    while True:
        while c.accept(";"):
            pass
        if c.at_end():
            return found
        found.append(_statement(c))
        if c.key != ";" and not c.at_end():
            c.fail('";"')


def _statement(c: Cursor) -> Statement:
    start = c.token
    match c.key:
        case "CREATE":
            c.advance()
            return _create(c, start)
        case "DECLARE":
            c.expect("DECLARE", "RECURSIVE", "VIEW")
            name = _new_name(c)
            columns, key, foreign = tables.elements(c)
            if key or foreign:
                raise SqlError("a recursive view has no keys", c.span(start))
            return DeclareRecursive(name, columns, c.span(start))
        case "LATENESS":
            c.advance()
            view = c.name()
            c.expect(".")
            column = c.any_name()
            return LatenessStatement(view, column, expressions.expression(c), c.span(start))
        case "SET":
            return _set(c, start)
        case "SELECT" | "WITH" | "VALUES" | "(":
            raise SqlError("a query by itself is not a statement: put CREATE VIEW name AS before it", start.span)
    if c.key in _NO_STATEMENTS:
        raise SqlError(f"{c.key} statements cannot be part of a program", start.span)
    c.fail("CREATE, DECLARE, LATENESS or SET")


def _create(c: Cursor, start: Token) -> Statement:
    match c.key:
        case "TABLE":
            return tables.create_table(c, start)
        case "VIEW" | "LOCAL" | "MATERIALIZED":
            return _create_view(c, start)
        case "TYPE":
            return _create_type(c, start)
        case "FUNCTION":
            return _create_function(c, start)
        case "INDEX":
            c.advance()
            name = _new_name(c)
            c.expect("ON")
            relation = c.name()
            columns = c.names()
            return CreateIndex(name, relation, columns, c.span(start))
        case "AGGREGATE" | "LINEAR":
            raise NotSupported("user-defined aggregates (CREATE AGGREGATE)", c.token.span)
        case "OR" | "TEMPORARY" | "UNIQUE" | "SCHEMA":
            raise NotSupported(f"CREATE {c.key}", c.token.span)
    c.fail("TABLE, VIEW, TYPE, FUNCTION or INDEX")


def _new_name(c: Cursor) -> Name:
    name = c.name()
    if c.key == ".":
        raise NotSupported("schemas", c.token.span)
    return name


def _create_view(c: Cursor, start: Token) -> CreateView:
    local = c.accept("LOCAL")
    materialized = not local and c.accept("MATERIALIZED")
    c.expect("VIEW")
    name = _new_name(c)
    columns = c.names() if c.key == "(" else ()
    properties: tuple[PropertyItem, ...] = ()
    if c.accept("WITH"):
        properties = tables.properties(c)
    c.expect("AS")
    query = queries.query(c)
    return CreateView(name, columns, local, materialized, properties, query, c.span(start))


def _create_type(c: Cursor, start: Token) -> CreateType:
    c.expect("TYPE")
    name = _new_name(c)
    c.expect("AS")
    if c.key == "(":
        fields = c.wrapped(types.field)
        return CreateType(name, fields, None, c.span(start))
    return CreateType(name, (), types.nullable_type(c), c.span(start))


def _create_function(c: Cursor, start: Token) -> CreateFunction:
    c.expect("FUNCTION")
    name = _new_name(c)
    parameters: tuple[tuple[Name, TypeName], ...] = ()
    if c.at("(", ")"):
        c.expect("(", ")")
    else:
        parameters = c.wrapped(types.field)
    c.expect("RETURNS")
    returns = types.nullable_type(c)
    language: str | None = None
    strict = False
    while c.key in _ROUTINE:
        if c.accept("LANGUAGE"):
            language = c.name().text.upper()
        elif c.accept("RETURNS", "NULL", "ON", "NULL", "INPUT"):
            strict = True
        elif not c.accept("CALLED", "ON", "NULL", "INPUT") and not c.accept("DETERMINISTIC"):
            c.fail("AS")
    if language is None or language == "SQL":
        body = expressions.expression(c) if c.accept("AS") else None
        return CreateFunction(name, parameters, returns, body, c.span(start))
    c.expect("AS")
    token = c.token
    if token.kind != "string":
        c.fail("the function's text in single quotes")
    c.advance()
    text = Constant("string", token.text, token.span)
    return CreateFunction(name, parameters, returns, None, c.span(start), language, text, strict)


def _set(c: Cursor, start: Token) -> SetOption:
    c.expect("SET")
    name = c.name().text
    while c.accept("."):
        name += f".{c.any_name().text}"
    c.expect("=")
    sign = "-" if c.accept("-") else ""
    token = c.token
    if token.kind not in ("string", "number", "word", "quoted") or (sign and token.kind != "number"):
        raise SqlError("an option is set to a string, a number or a word", token.span, PARSE_ERROR)
    c.advance()
    return SetOption(name, sign + token.text, c.span(start))
