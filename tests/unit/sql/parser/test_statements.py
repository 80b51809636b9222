"""Statements of a program."""

from __future__ import annotations

import pytest
from tests.unit.sql.parser import render

from penstock.sql.parser import parse_program
from penstock.sql.parser.ast import (
    ColumnDefinition,
    CreateFunction,
    CreateIndex,
    CreateTable,
    CreateType,
    CreateView,
    DeclareRecursive,
    ForeignKey,
    LatenessStatement,
    PropertyItem,
    SetOption,
    Statement,
)


def _render(statement: Statement) -> str:
    match statement:
        case CreateTable(name, columns, key, foreign, properties):
            text = f"table {render.name(name)} ({', '.join(map(_column, columns))})"
            text += f" key{render.names(key)}" if key else ""
            return text + "".join(map(_foreign, foreign)) + _properties(properties)
        case CreateView(name, columns, local, materialized, properties, query):
            text = f"{'local ' if local else 'materialized ' if materialized else ''}view {render.name(name)}"
            text += render.names(columns) if columns else ""
            return f"{text}{_properties(properties)} {render.query(query)}"
        case CreateType(name, fields, alias_of):
            parts = [f"{render.name(n)} {render.type_name(t)}" for n, t in fields]
            return f"type {render.name(name)} {render.type_name(alias_of) if alias_of else parts}"
        case CreateFunction(name, parameters, returns, body):
            shown = ", ".join(f"{render.name(n)} {render.type_name(t)}" for n, t in parameters)
            text = f"function {render.name(name)}({shown}) {render.type_name(returns)}"
            return f"{text} = {render.expression(body)}" if body else text
        case DeclareRecursive(name, columns):
            return f"recursive {render.name(name)} ({', '.join(map(_column, columns))})"
        case CreateIndex(name, relation, columns):
            return f"index {render.name(name)} {render.name(relation)}{render.names(columns)}"
        case LatenessStatement(view, column, expression):
            return f"lateness {render.name(view)}.{render.name(column)} {render.expression(expression)}"
        case SetOption(option, value):
            return f"set {option} = {value}"


def _column(c: ColumnDefinition) -> str:
    text = f"{render.name(c.name)} {render.type_name(c.type)}"
    text += " not null" * c.not_null + " key" * c.primary_key
    text += f" default {c.default_text}" if c.default else ""
    text += f" lateness {c.lateness_text}" if c.lateness else ""
    return text + (f" watermark {c.watermark_text}" if c.watermark else "")


def _foreign(f: ForeignKey) -> str:
    return f" foreign{render.names(f.columns)} {render.name(f.table)}{render.names(f.referred)}"


def _properties(items: tuple[PropertyItem, ...]) -> str:
    return f" with { ({i.key: i.value for i in items}) }" if items else ""


STATEMENTS = [
    ("CREATE TABLE t (a INT)", "table t (a INTEGER)"),
    ("CREATE TABLE t (c INT INTERNED NOT NULL)", "table t (c INTEGER not null)"),
    (
        """CREATE TABLE "T" (a INT NOT NULL PRIMARY KEY, b VARCHAR(10) ARRAY NULL DEFAULT 'x' || 'y',
        c TIMESTAMP LATENESS INTERVAL '1' HOUR WATERMARK INTERVAL 1 DAY NOT NULL)""",
        """table "T" (a INTEGER not null key, b VARCHAR(10) ARRAY default 'x' || 'y', """
        "c TIMESTAMP not null lateness INTERVAL '1' HOUR watermark INTERVAL 1 DAY)",
    ),
    (
        "CREATE TABLE t (a INT, b INT, PRIMARY KEY (a, b), FOREIGN KEY (a) REFERENCES u (x), "
        "CONSTRAINT k FOREIGN KEY (b) REFERENCES u (y))",
        "table t (a INTEGER, b INTEGER) key(a, b) foreign(a) u(x) foreign(b) u(y)",
    ),
    (
        "CREATE TABLE t (a INT FOREIGN KEY REFERENCES u (x)) WITH ('connectors' = '[{}]', 'append_only' = 'true')",
        "table t (a INTEGER) foreign(a) u(x) with {'connectors': '[{}]', 'append_only': 'true'}",
    ),
    ("CREATE VIEW v AS SELECT 1", "view v [select 1]"),
    (
        "CREATE LOCAL VIEW v (a, b) AS WITH c AS (SELECT 1) SELECT * FROM c",
        "local view v(a, b) [with c = [select 1]: select * from c]",
    ),
    (
        "CREATE MATERIALIZED VIEW v WITH ('emit_final' = 'a') AS (SELECT 1) UNION (SELECT 2)",
        "materialized view v with {'emit_final': 'a'} [[select 1] union [select 2]]",
    ),
    (
        'CREATE TYPE t AS (a INT NOT NULL, b u ARRAY, c MAP<VARCHAR, ROW(x INT NULL, y "U")>)',
        """type t ['a INTEGER NOT NULL', 'b user u ARRAY', 'c MAP<VARCHAR, ROW(x INTEGER NULL, y user "U")>']""",
    ),
    ("CREATE TYPE t AS INT ARRAY NOT NULL", "type t INTEGER ARRAY NOT NULL"),
    (
        "CREATE FUNCTION f(a INT NOT NULL, b VARCHAR) RETURNS VARCHAR NOT NULL",
        "function f(a INTEGER NOT NULL, b VARCHAR) VARCHAR NOT NULL",
    ),
    ("CREATE FUNCTION f() RETURNS INT AS 1 + 1", "function f() INTEGER = +(1, 1)"),
    ("DECLARE RECURSIVE VIEW v (a INT NOT NULL, b INT)", "recursive v (a INTEGER not null, b INTEGER)"),
    ("CREATE INDEX i ON v (a, b)", "index i v(a, b)"),
    ("LATENESS v.c INTERVAL '1' DAY", "lateness v.c interval'1' DAY"),
    ("SET x = 'y'", "set x = y"),
    ("SET a.b = -1", "set a.b = -1"),
]


@pytest.mark.parametrize(("text", "expected"), STATEMENTS, ids=[text for text, _ in STATEMENTS])
def test_each_statement_becomes_its_tree(text: str, expected: str) -> None:
    (found,) = parse_program(text)

    assert expected == _render(found)
    assert text == render.covered(text, found.span)


def test_statements_stand_in_order_between_any_number_of_semicolons() -> None:
    text = "-- first\nCREATE TABLE t (a INT);; ; /* and */ CREATE VIEW v AS SELECT * FROM t; ;"

    assert [CreateTable, CreateView] == [type(s) for s in parse_program(text)]


@pytest.mark.parametrize("text", ["", "  \n", ";", "-- only a remark", "/* two\nlines */ ; -- and more"])
def test_a_program_without_statements_is_empty(text: str) -> None:
    assert parse_program(text) == []


def test_properties_know_where_key_and_value_stand() -> None:
    text = "CREATE TABLE t (a INT)\nWITH ('materialized' =\n  'true')"
    (table,) = parse_program(text)
    assert isinstance(table, CreateTable)
    (item,) = table.properties

    assert render.covered(text, item.key_span) == "'materialized'"
    assert render.covered(text, item.value_span) == "'true'"


def test_unquoted_names_fold_and_quoted_ones_stay() -> None:
    (table,) = parse_program('CREATE TABLE ÄÖ (Foo INT, "Bar" INT, `B z` INT, U&"\\0041b" INT)')
    assert isinstance(table, CreateTable)

    assert table.name.text == "äö"
    assert [(c.name.text, c.name.quoted) for c in table.columns] == [
        ("foo", False),
        ("Bar", True),
        ("B z", True),
        ("Ab", True),
    ]
