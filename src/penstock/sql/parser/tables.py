"""CREATE TABLE: columns with their constraints, keys, properties."""

from __future__ import annotations

from penstock.sql.diagnostics import NotSupported, SqlError
from penstock.sql.parser import expressions, types
from penstock.sql.parser.ast import ColumnDefinition, CreateTable, Expression, ForeignKey, Name, PropertyItem
from penstock.sql.parser.cursor import Cursor
from penstock.sql.parser.dialect import PARSE_ERROR, Token
from penstock.sql.parser.words import words


def create_table(c: Cursor, start: Token) -> CreateTable:
    """Read a CREATE TABLE from the word TABLE on.

    Raises:
        SqlError: the statement is wrong.
    """
    c.expect("TABLE")
    if c.at("IF", "NOT", "EXISTS"):
        raise NotSupported("IF NOT EXISTS", c.token.span)
    name = c.name()
    if c.key == ".":
        raise NotSupported("schemas", c.token.span)
    if c.key == "AS":
        raise NotSupported("CREATE TABLE AS", c.token.span)
    columns, key, foreign = elements(c)
    found: tuple[PropertyItem, ...] = ()
    if c.accept("WITH"):
        found = properties(c)
    return CreateTable(name, columns, key, foreign, found, c.span(start))


def elements(c: Cursor) -> tuple[tuple[ColumnDefinition, ...], tuple[Name, ...], tuple[ForeignKey, ...]]:
    """Read the columns of a relation in parentheses, its primary key if declared apart, and its foreign keys."""
    columns: list[ColumnDefinition] = []
    key: tuple[Name, ...] = ()
    foreign: list[ForeignKey] = []
    c.expect("(")
    while True:
        place = c.token
        if c.key == "CONSTRAINT" and c.peek(2).key in ("PRIMARY", "FOREIGN", "UNIQUE", "CHECK"):
            c.advance()
            c.name()
        if c.key == "PRIMARY":
            c.expect("PRIMARY", "KEY")
            if key:
                raise SqlError("PRIMARY KEY is declared twice", c.span(place))
            key = c.names()
        elif c.key == "FOREIGN":
            c.expect("FOREIGN", "KEY")
            foreign.append(_references(c, c.names()))
        elif c.key in ("UNIQUE", "CHECK") and c.peek().key == "(":
            raise NotSupported(f"{c.key} constraints", c.token.span)
        else:
            columns.append(_column(c, foreign))
        if not c.accept(","):
            break
    c.expect(")")
    return tuple(columns), key, tuple(foreign)


def _references(c: Cursor, columns: tuple[Name, ...]) -> ForeignKey:
    c.expect("REFERENCES")
    table = c.name()
    referred = c.names() if c.key == "(" else ()
    return ForeignKey(columns, table, referred)


def _column(c: Cursor, foreign: list[ForeignKey]) -> ColumnDefinition:
    start = c.token
    name = c.name()
    written = types.type_name(c)
    seen: dict[str, Token] = {}
    values: dict[str, tuple[Expression, str]] = {}
    while c.key in _CONSTRAINTS:
        place = c.token
        word = "NULL" if c.key == "NOT" else c.key
        if word in seen and word not in ("FOREIGN", "REFERENCES"):
            raise SqlError(f"{c.key} is given twice for column '{name.text}'", place.span)
        seen[word] = place
        match c.key:
            case "NOT":
                c.expect("NOT", "NULL")
            case "NULL" | "INTERNED":  # the latter is a hint for storage only
                c.advance()
            case "PRIMARY":
                c.expect("PRIMARY", "KEY")
            case "FOREIGN":
                c.expect("FOREIGN", "KEY")
                foreign.append(_references(c, (name,)))
            case "REFERENCES":
                foreign.append(_references(c, (name,)))
            case "DEFAULT" | "LATENESS" | "WATERMARK":
                c.advance()
                values[word] = _value(c)
            case _:
                raise NotSupported(f"{c.key} in a column", place.span)
    default, default_text = values.get("DEFAULT", (None, None))
    lateness, lateness_text = values.get("LATENESS", (None, None))
    watermark, watermark_text = values.get("WATERMARK", (None, None))
    return ColumnDefinition(
        name,
        written,
        "NULL" in seen and seen["NULL"].key == "NOT",
        "PRIMARY" in seen,
        default,
        default_text,
        lateness,
        lateness_text,
        watermark,
        watermark_text,
        c.span(start),
    )


_CONSTRAINTS = words(
    "NOT NULL INTERNED PRIMARY FOREIGN REFERENCES DEFAULT LATENESS WATERMARK UNIQUE CHECK GENERATED COLLATE"
    " AUTO_INCREMENT"
)


def _value(c: Cursor) -> tuple[Expression, str]:
    start = c.token
    # Stronger than IS and NOT, so that the NOT NULL behind a value belongs to the column.
    value = expressions.bound(c)
    return value, c.written(start)


def properties(c: Cursor) -> tuple[PropertyItem, ...]:
    """Read ('key' = 'value', ...).

    Raises:
        SqlError: a key or value is not a string, or a key is given twice.
    """
    found = c.wrapped(_property)
    keys: set[str] = set()
    for item in found:
        if item.key in keys:
            raise SqlError(f"Duplicate property '{item.key}'", item.key_span)
        keys.add(item.key)
    return found


def _property(c: Cursor) -> PropertyItem:
    key = _text(c, "key")
    c.expect("=")
    value = _text(c, "value")
    return PropertyItem(key.text, value.text, key.span, value.span)


def _text(c: Cursor, role: str) -> Token:
    token = c.token
    if token.kind != "string":
        raise SqlError(f"the {role} of a property is a string in single quotes", token.span, PARSE_ERROR)
    return c.advance()
