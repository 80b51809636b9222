"""Written types: names with precision, arrays, maps, rows, user types."""

from __future__ import annotations

from dataclasses import replace

from penstock.sql.diagnostics import NotSupported, SqlError
from penstock.sql.parser import literals
from penstock.sql.parser.ast import Name, TypeName
from penstock.sql.parser.cursor import Cursor
from penstock.sql.parser.dialect import PARSE_ERROR, Token
from penstock.sql.parser.words import INTERVAL_UNITS

_INTEGERS = {
    "TINYINT": "TINYINT",
    "SMALLINT": "SMALLINT",
    "INT2": "SMALLINT",
    "INT16": "SMALLINT",
    "INTEGER": "INTEGER",
    "INT": "INTEGER",
    "INT4": "INTEGER",
    "INT32": "INTEGER",
    "SIGNED": "INTEGER",
    "BIGINT": "BIGINT",
    "INT8": "BIGINT",
    "INT64": "BIGINT",
}
_UNSIGNED = {"TINYINT": "UTINYINT", "SMALLINT": "USMALLINT", "INTEGER": "UINTEGER", "BIGINT": "UBIGINT"}
_PLAIN = {
    "BOOLEAN": "BOOLEAN",
    "BOOL": "BOOLEAN",
    "UTINYINT": "UTINYINT",
    "USMALLINT": "USMALLINT",
    "UINTEGER": "UINTEGER",
    "UNSIGNED": "UINTEGER",
    "UBIGINT": "UBIGINT",
    "REAL": "REAL",
    "FLOAT4": "REAL",
    "FLOAT32": "REAL",
    "FLOAT8": "DOUBLE",
    "FLOAT64": "DOUBLE",
    "DATE": "DATE",
    "UUID": "UUID",
    "VARIANT": "VARIANT",
    "BYTEA": "VARBINARY",
    "BYTES": "VARBINARY",
}
_SIZED = {
    "FLOAT": ("FLOAT", 1),
    "CHAR": ("CHAR", 1),
    "CHARACTER": ("CHAR", 1),
    "VARCHAR": ("VARCHAR", 1),
    "STRING": ("VARCHAR", 1),
    "TEXT": ("VARCHAR", 1),
    "BINARY": ("BINARY", 1),
    "VARBINARY": ("VARBINARY", 1),
    "DECIMAL": ("DECIMAL", 2),
    "DEC": ("DECIMAL", 2),
    "NUMERIC": ("DECIMAL", 2),
    "NUMBER": ("DECIMAL", 2),
    "DATETIME": ("TIMESTAMP", 1),
    "TIMESTAMPTZ": ("TIMESTAMP_TZ", 1),
}
_REFUSED = frozenset(("ANY", "MULTISET", "GEOMETRY", "CURSOR", "BLOB", "CLOB", "JSON"))


def type_name(c: Cursor) -> TypeName:
    """Read a type without its nullability: INT, VARCHAR(10) ARRAY, MAP<K, V>, ROW(a INT), a user type, ...

    Raises:
        SqlError: no type stands here.
    """
    start = c.token
    c.enter()
    found = _base(c, start)
    length = 0
    while True:
        if c.key == "ARRAY":
            c.advance()
            found = TypeName("ARRAY", element=found, span=c.span(start))
        elif c.key == "MULTISET":
            raise NotSupported("MULTISET", c.token.span)
        else:
            break
        length += 1
        c.chain(length, "array types")
    c.leave()
    return found


def nullable_type(c: Cursor) -> TypeName:
    """Read a type and NULL or NOT NULL behind it."""
    start = c.token
    found = type_name(c)
    if c.accept("NOT", "NULL"):
        return replace(found, nullable=False, span=c.span(start))
    if c.accept("NULL"):
        return replace(found, nullable=True, span=c.span(start))
    return found


def field(c: Cursor) -> tuple[Name, TypeName]:
    """Read name type [NULL | NOT NULL]."""
    name = c.name()
    return name, nullable_type(c)


def _base(c: Cursor, start: Token) -> TypeName:
    if c.token.kind != "word":
        if c.token.kind == "quoted":
            return _user(c, start)
        c.fail("a type")
    key = c.key
    if key in _INTEGERS:
        return _integer(c, start)
    if key in _PLAIN:
        c.advance()
        return TypeName(_PLAIN[key], span=c.span(start))
    if key in _SIZED:
        return _sized(c, start)
    if key in ("TIME", "TIMESTAMP"):
        return _clock(c, start)
    following = c.peek().key
    match key:
        case "DOUBLE":
            c.advance()
            c.accept("PRECISION")
            return TypeName("DOUBLE", span=c.span(start))
        case "INTERVAL":
            c.advance()
            if c.key not in INTERVAL_UNITS:
                c.fail("a unit of time")
            qualifier = literals.interval_qualifier(c)
            return TypeName("INTERVAL", qualifier=qualifier, span=c.span(start))
        case "NULL":
            c.advance()
            return TypeName("NULL", span=c.span(start))
        case "ARRAY" if following == "<":
            c.expect("ARRAY", "<")
            element = nullable_type(c)
            c.expect(">")
            return TypeName("ARRAY", element=element, span=c.span(start))
        case "MAP" if following == "<":
            c.expect("MAP", "<")
            map_key = nullable_type(c)
            c.expect(",")
            value = nullable_type(c)
            c.expect(">")
            return TypeName("MAP", element=value, key=map_key, span=c.span(start))
        case "ROW" if following == "(":
            c.advance()
            fields = c.wrapped(field)
            return TypeName("ROW", fields=fields, span=c.span(start))
    if key in _REFUSED:
        raise NotSupported(f"type {key}", c.token.span)
    return _user(c, start)


def _integer(c: Cursor, start: Token) -> TypeName:
    word = _INTEGERS[c.advance().key]
    if c.accept("UNSIGNED"):
        word = _UNSIGNED[word]
    return TypeName(word, span=c.span(start))


def _sized(c: Cursor, start: Token) -> TypeName:
    key = c.advance().key
    word, most = _SIZED[key]
    if key in ("CHAR", "CHARACTER", "BINARY") and c.accept("VARYING"):
        word = "VARBINARY" if key == "BINARY" else "VARCHAR"
    arguments = _sizes(c, most)
    if c.key == "CHARACTER" and c.peek().key == "SET":
        raise NotSupported("CHARACTER SET", c.token.span)
    return TypeName(word, arguments, span=c.span(start))


def _clock(c: Cursor, start: Token) -> TypeName:
    word = c.advance().key
    arguments = _sizes(c, 1)
    if c.at("WITH", "LOCAL", "TIME", "ZONE"):
        raise NotSupported(f"{word} WITH LOCAL TIME ZONE", c.token.span)
    if word == "TIME" and c.at("WITH", "TIME", "ZONE"):
        raise NotSupported("TIME WITH TIME ZONE", c.token.span)
    if c.accept("WITH", "TIME", "ZONE"):
        word = "TIMESTAMP_TZ"
    else:
        c.accept("WITHOUT", "TIME", "ZONE")
    return TypeName(word, arguments, span=c.span(start))


def _sizes(c: Cursor, most: int) -> tuple[int, ...]:
    if c.key != "(":
        return ()
    sizes = c.wrapped(_size)
    if len(sizes) > most:
        raise SqlError(f"a type takes at most {most} sizes here, not {len(sizes)}", c.previous.span, PARSE_ERROR)
    return sizes


def _size(c: Cursor) -> int:
    negative = c.accept("-")
    token = c.token
    if token.kind != "number" or not (token.text.isascii() and token.text.isdigit()) or len(token.text) > 10:
        c.fail("a size")
    c.advance()
    return -int(token.text) if negative else int(token.text)


def _user(c: Cursor, start: Token) -> TypeName:
    name = c.name()
    if c.key == ".":
        raise NotSupported("schemas", c.token.span)
    return TypeName("USER", user=name, span=c.span(start))
