"""Small programs for tests of the binder: two tables, and a view of a query."""

from __future__ import annotations

from penstock.data.types import Field, SqlType
from penstock.sql.compile import CompileFailed, compile_program
from penstock.sql.functions.coercion import describe
from penstock.sql.plan.explain import explain
from penstock.sql.plan.nodes import Relation

TABLES = """CREATE TYPE point AS (px INT, py INT NOT NULL);
CREATE TABLE t(id INT NOT NULL PRIMARY KEY, a INT, b VARCHAR NOT NULL, d DECIMAL(6, 2), ts TIMESTAMP, day DATE);
CREATE TABLE s(id INT NOT NULL, x INT, y BIGINT NOT NULL, arr INT ARRAY, m MAP<VARCHAR, INT>, p point,
  r ROW(i INT, j INT));
"""


def view(query: str) -> Relation:
    """Return the compiled view of a query."""
    return compile_program(f"{TABLES}CREATE VIEW v AS {query};").views[-1]


def columns(query: str) -> list[str]:
    """Return "name TYPE" for each output column, with "?" where it is nullable."""
    return [f"{f.name} {shown(f)}" for f in view(query).schema]


def shown(field: Field) -> str:
    kind: SqlType = field.type
    return describe(kind) + ("?" if kind.nullable else "")


def plan(query: str) -> str:
    """Return the rewritten plan of a query as text."""
    found = view(query).plan
    assert found is not None
    return explain(found)


def error(query: str) -> str:
    """Return the kind and message of the only error of a query's view."""
    return program_error(f"{TABLES}CREATE VIEW v AS\n{query};")


def program_error(text: str) -> str:
    """Return the kind and message of the only error of a program."""
    try:
        compile_program(text)
    except CompileFailed as failed:
        (found,) = failed.diagnostics
        return f"{found.kind}: {found.message}"
    return "compiles"
