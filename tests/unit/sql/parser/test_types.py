"""Written types: canonical words, sizes, parts."""

from __future__ import annotations

import pytest
from tests.unit.sql.parser import render

from penstock.sql.diagnostics import NotSupported
from penstock.sql.parser import parse_query
from penstock.sql.parser.ast import CastTo, Select, TypeName

TYPES = [
    ("BOOLEAN", "BOOLEAN"),
    ("bool", "BOOLEAN"),
    ("TINYINT", "TINYINT"),
    ("SMALLINT", "SMALLINT"),
    ("INT", "INTEGER"),
    ("INTEGER", "INTEGER"),
    ("BIGINT", "BIGINT"),
    ("INT64", "BIGINT"),
    ("INT8", "BIGINT"),
    ("TINYINT UNSIGNED", "UTINYINT"),
    ("SMALLINT UNSIGNED", "USMALLINT"),
    ("INT UNSIGNED", "UINTEGER"),
    ("INTEGER UNSIGNED", "UINTEGER"),
    ("BIGINT UNSIGNED", "UBIGINT"),
    ("UNSIGNED", "UINTEGER"),
    ("DECIMAL", "DECIMAL"),
    ("DECIMAL(10)", "DECIMAL(10)"),
    ("NUMERIC(10, 2)", "DECIMAL(10, 2)"),
    ("DEC(3,1)", "DECIMAL(3, 1)"),
    ("REAL", "REAL"),
    ("FLOAT", "FLOAT"),
    ("FLOAT4", "REAL"),
    ("FLOAT64", "DOUBLE"),
    ("DOUBLE", "DOUBLE"),
    ("DOUBLE PRECISION", "DOUBLE"),
    ("CHAR", "CHAR"),
    ("CHARACTER(3)", "CHAR(3)"),
    ("CHARACTER VARYING (4)", "VARCHAR(4)"),
    ("VARCHAR", "VARCHAR"),
    ("STRING", "VARCHAR"),
    ("TEXT", "VARCHAR"),
    ("BINARY(2)", "BINARY(2)"),
    ("BINARY VARYING", "VARBINARY"),
    ("VARBINARY", "VARBINARY"),
    ("BYTEA", "VARBINARY"),
    ("DATE", "DATE"),
    ("TIME", "TIME"),
    ("TIME(3)", "TIME(3)"),
    ("TIMESTAMP", "TIMESTAMP"),
    ("TIMESTAMP(6) WITHOUT TIME ZONE", "TIMESTAMP(6)"),
    ("TIMESTAMP WITH TIME ZONE", "TIMESTAMP_TZ"),
    ("DATETIME", "TIMESTAMP"),
    ("INTERVAL DAY", "INTERVAL DAY"),
    ("INTERVAL YEARS TO MONTH", "INTERVAL YEAR TO MONTH"),
    ("UUID", "UUID"),
    ("VARIANT", "VARIANT"),
    ("INT ARRAY", "INTEGER ARRAY"),
    ("INT ARRAY ARRAY", "INTEGER ARRAY ARRAY"),
    ("ARRAY<INT NOT NULL>", "INTEGER NOT NULL ARRAY"),
    ("MAP<INT, MAP<VARCHAR(3), INT ARRAY>>", "MAP<INTEGER, MAP<VARCHAR(3), INTEGER ARRAY>>"),
    ("ROW(a INT, b ROW(c INT) NULL)", "ROW(a INTEGER, b ROW(c INTEGER) NULL)"),
    ("my_type", "user my_type"),
    ('"My Type" ARRAY', 'user "My Type" ARRAY'),
    ("VARCHAR(10) ARRAY", "VARCHAR(10) ARRAY"),
]


def _parsed(text: str) -> TypeName:
    body = parse_query(f"SELECT CAST(a AS {text})").body
    assert isinstance(body, Select)
    cast = body.items[0].expression
    assert isinstance(cast, CastTo)
    return cast.type


@pytest.mark.parametrize(("text", "expected"), TYPES, ids=[text for text, _ in TYPES])
def test_each_spelling_becomes_its_type(text: str, expected: str) -> None:
    found = _parsed(text)

    assert expected == render.type_name(found)
    assert text == render.covered(f"SELECT CAST(a AS {text})", found.span)


@pytest.mark.parametrize("text", ["INT MULTISET", "TIME WITH TIME ZONE", "TIMESTAMP WITH LOCAL TIME ZONE", "GEOMETRY"])
def test_types_that_do_not_exist_here_are_refused_by_name(text: str) -> None:
    with pytest.raises(NotSupported) as caught:
        _parsed(text)

    assert caught.value.span is not None
