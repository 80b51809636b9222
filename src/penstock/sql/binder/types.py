"""Written types to SQL types: defaults of precision, nullability of parts, user-defined types."""

from __future__ import annotations

from dataclasses import replace

from penstock.data.types import MAX_DECIMAL_PRECISION, Field, Kind, SqlType
from penstock.sql.binder.catalog import Blamed, Catalog
from penstock.sql.diagnostics import SqlError
from penstock.sql.parser.ast import TypeName

_PLAIN = {
    "BOOLEAN": Kind.BOOLEAN,
    "BOOL": Kind.BOOLEAN,
    "TINYINT": Kind.TINYINT,
    "SMALLINT": Kind.SMALLINT,
    "INT": Kind.INTEGER,
    "INTEGER": Kind.INTEGER,
    "BIGINT": Kind.BIGINT,
    "UTINYINT": Kind.UTINYINT,
    "USMALLINT": Kind.USMALLINT,
    "UINTEGER": Kind.UINTEGER,
    "UBIGINT": Kind.UBIGINT,
    "TINYINT UNSIGNED": Kind.UTINYINT,
    "SMALLINT UNSIGNED": Kind.USMALLINT,
    "INTEGER UNSIGNED": Kind.UINTEGER,
    "BIGINT UNSIGNED": Kind.UBIGINT,
    "REAL": Kind.REAL,
    "DOUBLE": Kind.DOUBLE,
    "DATE": Kind.DATE,
    "UUID": Kind.UUID,
    "VARIANT": Kind.VARIANT,
    "NULL": Kind.NULL,
}
_SIZED = {"CHAR": Kind.CHAR, "VARCHAR": Kind.VARCHAR, "BINARY": Kind.BINARY, "VARBINARY": Kind.VARBINARY}
_CLOCK = {"TIME": (Kind.TIME, 9), "TIMESTAMP": (Kind.TIMESTAMP, 6), "TIMESTAMP_TZ": (Kind.TIMESTAMP_TZ, 6)}
MONTH_UNITS = ("YEAR", "QUARTER", "MONTH")


def bind_type(written: TypeName, catalog: Catalog, nullable: bool) -> SqlType:
    """Return the type that is written; nullable applies where the text does not say.

    Source: defaults of the dialect: DECIMAL is DECIMAL(38, 0), CHAR is CHAR(1), members of a ROW are NOT NULL, elements
    of arrays and values of maps may be NULL, keys of maps may not.
    """
    null = nullable if written.nullable is None else written.nullable
    word = written.word.upper()
    if word in _PLAIN:
        return SqlType(_PLAIN[word], null)
    if word in _SIZED:
        length = written.arguments[0] if written.arguments else 1 if word == "CHAR" else None
        if length is not None and length < 0:
            raise SqlError(f"Illegal length {length} of type {word}", written.span)
        return SqlType(_SIZED[word], null, precision=length)
    if word in _CLOCK:
        kind, default = _CLOCK[word]
        return SqlType(kind, null, precision=written.arguments[0] if written.arguments else default)
    match word:
        case "DECIMAL" | "NUMERIC" | "DEC" | "NUMBER":
            return _decimal(written, null)
        case "ARRAY":
            assert written.element is not None
            return SqlType(Kind.ARRAY, null, element=bind_type(written.element, catalog, True).with_nullable(True))
        case "MAP":
            assert written.element is not None and written.key is not None
            key = bind_type(written.key, catalog, False).with_nullable(False)
            if key.kind is Kind.MAP:
                raise SqlError("a MAP cannot be the key of a MAP", written.span)
            return SqlType(
                Kind.MAP, null, key=key, element=bind_type(written.element, catalog, True).with_nullable(True)
            )
        case "ROW" | "STRUCT":
            fields = tuple(Field(name.text, bind_type(t, catalog, False)) for name, t in written.fields)
            return SqlType(Kind.STRUCT, null, fields=fields)
        case "INTERVAL":
            return interval_type(written.qualifier or "SECOND", null)
        case "USER":
            return _user(written, catalog, null)
        case "FLOAT":
            raise SqlError("Do not use the FLOAT type, please use REAL or DOUBLE", written.span)
    raise SqlError(f"Unknown identifier '{written.word}'", written.span)


def cast_target(written: TypeName, catalog: Catalog) -> SqlType:
    """Return the type that a cast converts to.

    Source: a cast to BINARY without a length keeps one byte, while a column of type BINARY takes any number.
    """
    target = bind_type(written, catalog, True)
    if target.kind is Kind.BINARY and target.precision is None:
        return replace(target, precision=1)
    return target


def interval_type(qualifier: str, nullable: bool) -> SqlType:
    """Return the type of an interval with these fields, as "DAY TO SECOND"."""
    fields = qualifier.upper().split(" TO ")
    kind = Kind.INTERVAL_MONTHS if fields[0] in MONTH_UNITS else Kind.INTERVAL_MICROS
    return SqlType(kind, nullable, qualifier=qualifier.upper())


def _decimal(written: TypeName, null: bool) -> SqlType:
    precision = written.arguments[0] if written.arguments else MAX_DECIMAL_PRECISION
    scale = written.arguments[1] if len(written.arguments) > 1 else 0
    if not 1 <= precision <= MAX_DECIMAL_PRECISION:
        raise SqlError(f"DECIMAL precision {precision} must be between 1 and {MAX_DECIMAL_PRECISION}", written.span)
    if not 0 <= scale <= precision:
        raise SqlError(f"DECIMAL scale {scale} must be between 0 and the precision {precision}", written.span)
    return SqlType(Kind.DECIMAL, null, precision=precision, scale=scale)


def _user(written: TypeName, catalog: Catalog, null: bool) -> SqlType:
    assert written.user is not None
    found = catalog.types.get(written.user.text)
    if found is None:
        if written.user.text in catalog.failed:
            raise Blamed(written.user.text)
        raise SqlError(f"Unknown identifier '{written.user.text}'", written.user.span)
    return replace(found, nullable=null)
