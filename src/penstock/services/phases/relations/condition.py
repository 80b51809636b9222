"""Conditions of joins in SQL: bound by the SQL front end over the two inputs' columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlglot
from sqlglot import exp

from penstock.data.types import Schema, SqlType
from penstock.sql.binder.catalog import Catalog
from penstock.sql.binder.statements import bind_statement
from penstock.sql.diagnostics import SqlError
from penstock.sql.parser import parse_program
from penstock.sql.plan import nodes
from penstock.sql.plan.expr import Expr

__all__ = ["Bound", "ConditionInvalid", "bind_condition"]


class ConditionInvalid(ValueError):
    """A condition that cannot be read, or does not fit the inputs."""


@dataclass(frozen=True, slots=True)
class Bound:
    """Equalities between the inputs, and what else must hold over left columns followed by right columns."""

    keys: tuple[nodes.JoinKey, ...]
    residual: Expr | None


def bind_condition(text: str, aliases: Mapping[str, str], schemas: Mapping[str, Schema]) -> Bound:
    """Bind a condition. aliases: what inputs are called in it; schemas: of exactly two inputs, left first.

    Raises: ConditionInvalid.
    """
    try:
        tree = sqlglot.parse_one(text, dialect="spark")
    except sqlglot.errors.SqlglotError as error:
        raise ConditionInvalid(str(error).splitlines()[0]) from None
    left, right = schemas
    assert isinstance(tree, exp.Expression)
    sql = _quoted(tree, aliases, schemas).sql(dialect="postgres")
    program = (
        f"{_table(left, schemas[left])}\n{_table(right, schemas[right])}\n"
        f"CREATE VIEW v AS SELECT 1 AS one FROM {_name(left)} JOIN {_name(right)} ON {sql};"
    )
    catalog = Catalog()
    try:
        for statement in parse_program(program):
            bind_statement(statement, catalog)
    except SqlError as error:
        raise ConditionInvalid(error.message) from None
    plan = catalog.views["v"].plan
    while not isinstance(plan, nodes.Join):
        if not isinstance(plan, nodes.Project | nodes.Filter):
            raise ConditionInvalid("it is no plain condition over the two inputs")
        plan = plan.input
    return Bound(plan.keys, plan.residual)


def _quoted(tree: exp.Expression, aliases: Mapping[str, str], schemas: Mapping[str, Schema]) -> exp.Expression:
    """Return the condition with inputs and fields spelled as they are; their case counts for nothing in it."""
    by_alias = {alias.lower(): name for name, alias in aliases.items()}

    def spell(node: exp.Expression) -> exp.Expression:
        if not isinstance(node, exp.Column):
            return node
        wanted = node.table.lower()
        if wanted and wanted not in by_alias:
            raise ConditionInvalid(f"there is no input '{node.table}'; there are {', '.join(aliases.values())}")
        stages = [by_alias[wanted]] if wanted else list(schemas)
        for stage in stages:
            for field in schemas[stage]:
                if field.name.lower() == node.name.lower():
                    table = exp.to_identifier(stage, quoted=True)
                    return exp.Column(this=exp.to_identifier(field.name, quoted=True), table=table)
        raise ConditionInvalid(f"there is no field '{node.name}' in {' or '.join(stages)}")

    return tree.transform(spell)


def _table(name: str, schema: Schema) -> str:
    columns = ", ".join(f"{_name(field.name)} {_spelled(field.type)}" for field in schema)
    return f"CREATE TABLE {_name(name)} ({columns});"


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _spelled(type: SqlType) -> str:
    kind = type.kind.value.replace("TIMESTAMP_TZ", "TIMESTAMP WITH TIME ZONE")
    if type.precision is not None and kind == "DECIMAL":
        kind = f"DECIMAL({type.precision}, {type.scale or 0})"
    if kind in ("ARRAY", "MAP", "STRUCT", "NULL"):
        kind = "VARIANT"  # such columns may be there, but no condition can say anything about them
    return kind + ("" if type.nullable else " NOT NULL")
