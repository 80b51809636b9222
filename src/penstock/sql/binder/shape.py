"""Small plans: constant rows, and projections that pass columns on."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.data.types import Field, Kind, Schema, SqlType
from penstock.sql.binder.coerce import alike, exactly
from penstock.sql.plan.expr import Call, ColumnRef, Expr, SortKey
from penstock.sql.plan.nodes import Filter, Node, Project, Values


def one_row() -> Values:
    """Return the relation of one row without columns: what SELECT without FROM reads."""
    return Values(((),), ())


def columns(node: Node, start: int = 0, end: int | None = None) -> list[Expr]:
    """Return references to a node's columns from start to end."""
    return [ColumnRef(i, f.type) for i, f in enumerate(node.schema) if i >= start and (end is None or i < end)]


def project(node: Node, exprs: Sequence[Expr], names: Sequence[str]) -> Node:
    """Return the projection with these names; the node itself when it changes neither columns nor names."""
    schema = tuple([Field(n, e.type) for n, e in zip(names, exprs, strict=True)])
    if schema == node.schema and all(isinstance(e, ColumnRef) and e.index == i for i, e in enumerate(exprs)):
        return node
    return Project(node, tuple(exprs), schema)


def keep(node: Node, positions: Sequence[int]) -> Node:
    """Return some of a node's columns, in the order of positions."""
    exprs = [ColumnRef(p, node.schema[p].type) for p in positions]
    return project(node, exprs, [node.schema[p].name for p in positions])


def project_as(node: Node, types: Sequence[SqlType]) -> Node:
    """Return the node with its columns cast to the types; names stay, and so does each column's nullability or more."""
    if all(f.type == t for f, t in zip(node.schema, types, strict=True)):
        return node
    if all(alike(f.type, t) for f, t in zip(node.schema, types, strict=True)):
        return relabel(node, [Field(f.name, t) for f, t in zip(node.schema, types, strict=True)])
    exprs = [exactly(c, t) for c, t in zip(columns(node), types, strict=True)]
    schema = tuple([Field(f.name, t) for f, t in zip(node.schema, types, strict=True)])
    return Project(node, tuple(exprs), schema)


def as_rows(node: Node) -> Node:
    """Return the node's columns as fields of one ROW."""
    row = SqlType(Kind.STRUCT, False, fields=node.schema)
    return Project(node, (Call("ROW", tuple(columns(node)), row),), (Field("EXPR$0", row),))


def relabel(node: Node, fields: Sequence[Field]) -> Node:
    """Return the node under another schema whose values are held in the same way."""
    schema: Schema = tuple(fields)
    return node if schema == node.schema else Project(node, tuple(columns(node)), schema)


def where(node: Node, predicate: Expr) -> Filter:
    """Return the filter."""
    return Filter(node, predicate, node.schema)


def ascending(exprs: Sequence[Expr]) -> tuple[SortKey, ...]:
    """Return sort keys of the expressions, nulls last."""
    return tuple([SortKey(e) for e in exprs])
