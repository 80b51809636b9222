"""WITH RECURSIVE: a local view of its own that reads itself, the least fixpoint that recursive views have.

Its columns have the types of the operands of the UNION that do not read it, or wider ones if the others need them.
Source: SQL:2016, 7.17, for UNION. UNION ALL counts derivations, which a fixpoint of sets cannot, and is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.data.types import Field, SqlType
from penstock.sql.binder.catalog import Recursive
from penstock.sql.binder.coerce import alike, shared_type
from penstock.sql.binder.decorrelate import is_free
from penstock.sql.binder.names import Frame
from penstock.sql.binder.shape import project_as, relabel
from penstock.sql.diagnostics import NotSupported, SqlError
from penstock.sql.functions.coercion import describe
from penstock.sql.parser.ast import Query, SetQuery, TableRef, WithItem
from penstock.sql.plan.nodes import Node, Relation, TableColumn, ViewScan

if TYPE_CHECKING:
    from penstock.sql.binder.queries import Queries

_ROUNDS = 3
"""How often the columns' types may have to grow before the recursion must agree with itself."""


def bind_recursive(queries: Queries, item: WithItem) -> tuple[Node, list[str]]:
    """Declare the view of a recursive WITH query; return the node that reads it, and its columns' names.

    Raises:
        SqlError: it is no UNION of queries of which one does not read it, or its types do not settle.
    """
    span = item.name.span
    bases = [q for q in _operands(item.query, item.name.text) if not mentions(q, item.name.text)]
    if not bases:
        raise SqlError(
            f"Recursive WITH query '{item.name.text}' needs a UNION with a query that does not read it", span
        )
    bound = [queries.bind(base, Frame()) for base in bases]
    names = [n.text for n in item.columns] if item.columns else list(bound[0][1])
    if len(names) != len(bound[0][1]):
        raise SqlError("Number of columns must match number of query columns", span)
    types = _together([[f.type for f in node.schema] for node, _ in bound], item)
    view = f"with {item.name.text} {len(queries.catalog.views)}"
    for _ in range(_ROUNDS):
        node = _round(queries, item, view, names, types)
        wider = _together([types, [f.type for f in node.schema]], item)
        if all(alike(a, b) and a.nullable == b.nullable for a, b in zip(types, wider, strict=True)):
            return _declare(queries, item, view, names, types, node)
        types = wider
    raise SqlError(
        f"The column types of recursive WITH query '{item.name.text}' do not settle: cast its columns to those of its "
        f"first query, {', '.join(describe(f.type) for f in bound[0][0].schema)}",
        span,
    )


def _operands(query: Query, name: str) -> list[Query]:
    """Return the operands of the UNIONs on top of a query."""
    body = query.body
    if isinstance(body, Query):
        return _operands(body, name)
    if not isinstance(body, SetQuery) or body.kind != "union" or query.withs or query.limit is not None:
        return [query]
    if body.all and mentions(body, name):
        raise NotSupported("UNION ALL in WITH RECURSIVE, whose result is a set: write UNION", body.span)
    return [*_operands(body.left, name), *_operands(body.right, name)]


def _together(rows: list[list[SqlType]], item: WithItem) -> list[SqlType]:
    found = []
    for position, types in enumerate(zip(*rows, strict=False)):
        shared = shared_type(types)
        if shared is None or any(len(row) != len(rows[0]) for row in rows):
            raise SqlError(f"Type mismatch in column {position + 1} of UNION", item.name.span)
        found.append(shared)
    return found


def _fields(names: list[str], types: list[SqlType]) -> tuple[Field, ...]:
    return tuple([Field(n, t) for n, t in zip(names, types, strict=True)])


def _round(queries: Queries, item: WithItem, view: str, names: list[str], types: list[SqlType]) -> Node:
    """Bind the query with columns of these types for what it reads of itself."""
    from penstock.sql.binder.sources import Shared

    scan = ViewScan(view, _fields(names, types), True)
    queries.withs[item.name.text] = Shared(scan, tuple(names), Frame())
    node, _ = queries.bind(item.query, Frame())
    if is_free(node):
        raise NotSupported("a recursive WITH query that reads columns of the query around it", item.name.span)
    return node


def _declare(
    queries: Queries, item: WithItem, view: str, names: list[str], types: list[SqlType], node: Node
) -> tuple[Node, list[str]]:
    schema = _fields(names, types)
    queries.catalog.recursive[view] = Recursive(ViewScan(view, schema, True), item.name.span)
    queries.catalog.views[view] = Relation(
        view,
        False,
        schema,
        tuple([TableColumn(n, False) for n in names]),
        False,
        local=True,
        plan=relabel(project_as(node, types), schema),
        span=item.name.span,
    )
    return ViewScan(view, schema), names


def mentions(query: object, name: str) -> bool:
    """Whether a name occurs as a relation anywhere in a syntax tree."""
    if isinstance(query, TableRef) and query.name.text == name:
        return True
    if isinstance(query, tuple):
        return any(mentions(q, name) for q in query)
    slots = getattr(type(query), "__dataclass_fields__", None)
    return slots is not None and any(mentions(getattr(query, s), name) for s in slots)
