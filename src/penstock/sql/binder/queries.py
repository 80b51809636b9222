"""Queries: WITH, set operations, VALUES, and what may stand around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

from penstock.data.types import Field
from penstock.sql.binder.aggregates import sort_keys
from penstock.sql.binder.catalog import Catalog
from penstock.sql.binder.coerce import exactly, shared_type
from penstock.sql.binder.expressions import Expressions
from penstock.sql.binder.names import Frame, Scope, scope_of
from penstock.sql.binder.recursive_with import bind_recursive, mentions
from penstock.sql.binder.select import Block, Limit, constant_count, top
from penstock.sql.binder.shape import one_row, project_as, relabel
from penstock.sql.binder.slots import Slots
from penstock.sql.binder.sources import Shared
from penstock.sql.diagnostics import NotSupported, SqlError
from penstock.sql.parser.ast import Constant, Expression, OrderItem, Query, Select, SelectItem, SetQuery, ValuesQuery
from penstock.sql.plan.expr import Expr, Literal, Span
from penstock.sql.plan.nodes import Distinct, Node, Project, SetOperation, UnionAll, Values


@dataclass(slots=True)
class Queries:
    """Binds queries over a catalog. withs: the WITH queries that can be named here."""

    catalog: Catalog
    withs: dict[str, Shared] = field(default_factory=dict)

    def bind(self, query: Query, frame: Frame) -> tuple[Node, list[str]]:
        """Return a query's plan and output names. frame: where outer columns are looked up."""
        inner = self
        if query.withs:
            inner = Queries(self.catalog, dict(self.withs))
            for item in query.withs:
                if item.recursive and mentions(item.query, item.name.text):
                    node, names = bind_recursive(inner, item)
                else:
                    node, names = inner.bind(item.query, frame)
                if item.columns:
                    if len(item.columns) != len(names):
                        raise SqlError("Number of columns must match number of query columns", item.name.span)
                    names = [n.text for n in item.columns]
                inner.withs[item.name.text] = Shared(node, tuple(names), frame)
        limit = inner._limit(query)
        body = query.body
        match body:
            case Select():
                block = Block(self.catalog, frame, inner.withs, inner.bind)
                return block.bind(body, query.order, limit)
            case SetQuery():
                node, names = inner._set(body, frame)
            case ValuesQuery():
                node, names = inner._values(body, frame)
            case Query():
                node, names = inner.bind(body, frame)
        if limit is not None:
            node = inner._top(node, names, query.order, limit, frame)
        return node, names

    def _limit(self, query: Query) -> Limit | None:
        if query.limit is None and query.offset is None:
            return None
        limit = None if query.limit is None else constant_count(self._constant(query.limit), "LIMIT")
        offset = 0 if query.offset is None else constant_count(self._constant(query.offset), "OFFSET")
        return Limit(limit, offset) if limit is not None or offset else None

    def _constant(self, expression: Expression) -> Expr:
        return Expressions(self.catalog, Scope([], Frame()), Slots(), self.bind).bind(expression)

    def _top(self, node: Node, names: Sequence[str], order: Sequence[OrderItem], limit: Limit, frame: Frame) -> Node:
        scope = scope_of(None, node.schema, frame, names)
        binder = Expressions(self.catalog, scope, Slots(), self.bind)
        items = []
        for item in order:
            written = item.expression
            if _is_ordinal(written) and not 1 <= int(written.text) <= len(names):
                raise SqlError("Ordinal out of range", written.span)
            items.append(item)
        keys = list(sort_keys(binder, items))
        for position, item in enumerate(items):
            written = item.expression
            if _is_ordinal(written):
                column = scope.columns[int(written.text) - 1].expr
                key = keys[position]
                keys[position] = type(key)(column, key.descending, key.nulls_first)
        if binder.slots.items:
            raise NotSupported("a subquery in ORDER BY of a set operation", order[0].expression.span)
        return top(node, tuple(keys), limit)

    # ------------------------------------------------------------------------------------------------ set operations

    def _set(self, written: SetQuery, frame: Frame) -> tuple[Node, list[str]]:
        left, names = self.bind(written.left, frame)
        right, _ = self.bind(written.right, frame)
        word = written.kind.upper() + (" ALL" if written.all else "")
        if len(left.schema) != len(right.schema):
            raise SqlError(f"Column count mismatch in {word}", written.span)
        types = []
        for position, (a, b) in enumerate(zip(left.schema, right.schema, strict=True)):
            shared = shared_type([a.type, b.type])
            if shared is None:
                place = written.right.span or written.span
                raise SqlError(f"Type mismatch in column {position + 1} of {word}", place)
            types.append(shared)
        schema = tuple([Field(n, t) for n, t in zip(names, types, strict=True)])
        first = relabel(project_as(left, types), schema)
        second = relabel(project_as(right, types), schema)
        if written.kind == "union":
            parts = [*_branches(first, written.all), *_branches(second, written.all)]
            united = UnionAll(tuple(parts), schema)
            return (united if written.all else Distinct(united, schema)), names
        return SetOperation(written.kind, written.all, first, second, schema), names

    # ------------------------------------------------------------------------------------------------------- VALUES

    def _values(self, written: ValuesQuery, frame: Frame) -> tuple[Node, list[str]]:
        slots = Slots()
        binder = Expressions(self.catalog, Scope([], frame), slots, self.bind)
        width = len(written.rows[0])
        message = "Values passed to VALUES operator must have compatible types"
        if any(len(row) != width for row in written.rows):
            raise SqlError(message, written.span)
        rows = [[binder.bind(e) for e in row] for row in written.rows]
        types = []
        for position in range(width):
            shared = shared_type([row[position].type for row in rows])
            if shared is None:
                raise SqlError(message, written.span)
            types.append(shared)
        names = [f"EXPR${i}" for i in range(width)]
        schema = tuple([Field(n, t) for n, t in zip(names, types, strict=True)])
        made = tuple([tuple([exactly(e, t) for e, t in zip(row, types, strict=True)]) for row in rows])
        if all(isinstance(e, Literal) for row in made for e in row):
            return Values(made, schema), names
        if slots.items:
            parts = [relabel(project_as(self._row(row, frame, written.span), types), schema) for row in written.rows]
        else:
            parts = [Project(one_row(), row, schema) for row in made]
        return (parts[0] if len(parts) == 1 else UnionAll(tuple(parts), schema)), names

    def _row(self, row: Sequence[Expression], frame: Frame, span: Span | None) -> Node:
        """Return a row of VALUES with subqueries in it: a SELECT without FROM."""
        items = tuple([SelectItem(e, None) for e in row])
        select = Select(items, False, (), None, None, None, None, None, (), span)
        return Block(self.catalog, frame, self.withs, self.bind).bind(select, (), None)[0]


def _is_ordinal(written: Expression) -> TypeGuard[Constant]:
    """Whether an ORDER BY item is the number of an output column."""
    return isinstance(written, Constant) and written.kind == "number" and written.text.isdigit()


def _branches(node: Node, every: bool) -> tuple[Node, ...]:
    """The inputs of a union in a union; DISTINCT inside ALL must stay."""
    if isinstance(node, UnionAll):
        return node.inputs
    if isinstance(node, Distinct) and isinstance(node.input, UnionAll) and not every:
        return node.input.inputs
    return (node,)
