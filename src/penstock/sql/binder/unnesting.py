"""UNNEST of several collections: their elements side by side, NULL where one has fewer than another.

Source: SQL:2011, 7.6 (collection derived table).
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.data.types import Field, Kind, SqlType
from penstock.sql.binder.expressions import Expressions
from penstock.sql.binder.shape import columns
from penstock.sql.plan.expr import ColumnRef, Expr, Literal
from penstock.sql.plan.nodes import Node, Project, Unnest

_INTEGER = SqlType(Kind.INTEGER, False)


def unnest_together(
    binder: Expressions,
    node: Node,
    collections: Sequence[Expr],
    added: Sequence[Field],
    ordinality: bool,
    outer: bool,
) -> Node:
    """Return node's columns and `added`: one row for each place up to the longest collection's.

    Args:
        binder: over node's row.
        node: what has the collections.
        collections: ARRAYs and MAPs over node's row; NULL is as empty.
        added: the columns of the elements, and of the place if there is ordinality.
        ordinality: whether the place is a column.
        outer: whether a row stays, with NULLs, where all collections are empty.
    """
    zero, one = Literal(0, _INTEGER), Literal(1, _INTEGER)
    sizes = [binder.call("COALESCE", (binder.call("CARDINALITY", (c,), c.span), zero), c.span) for c in collections]
    span = collections[0].span
    places = binder.call("SEQUENCE", (one, binder.call("GREATEST", sizes, span)), span)
    width = len(node.schema)
    numbered = Unnest(node, places, False, outer, (*node.schema, Field("ordinality", _INTEGER.with_nullable(outer))))
    place = ColumnRef(width, numbered.schema[width].type)
    values = [value for c in collections for value in _elements(binder, c, place)]
    if ordinality:
        values.append(place)
    exprs = [*columns(numbered, 0, width), *values]
    return Project(numbered, tuple(exprs), (*node.schema, *added))


def _elements(binder: Expressions, collection: Expr, place: Expr) -> list[Expr]:
    """Return the columns of a collection's element at a place."""
    span = collection.span
    if collection.type.kind is Kind.MAP:
        sides = [binder.call(name, (collection,), span) for name in ("MAP_KEYS", "MAP_VALUES")]
        return [binder.call("ITEM", (side, place), span) for side in sides]
    element = binder.call("ITEM", (collection, place), span)
    if element.type.kind is not Kind.STRUCT:
        return [element]
    return [binder.at(element, i, span) for i in range(len(element.type.fields))]
