"""Joins of a plan as operators: arrangements of both sides by the keys, which joins of the same keys share.

An outer join is the union of the pairs and of the rows without a match, padded with NULLs.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import Any

from penstock.circuit.circuit import Circuit, Wired
from penstock.circuit.operator import Operator
from penstock.circuit.operators.arrange import Arrange
from penstock.circuit.operators.join import Join
from penstock.circuit.operators.linear import Linear
from penstock.circuit.operators.semijoin import SemiJoin
from penstock.circuit.operators.union import Union
from penstock.data.pool import Pool
from penstock.data.rows import RowLayout
from penstock.data.types import BOOLEAN, Kind, Schema
from penstock.sql.plan import nodes
from penstock.sql.plan.expr import Call, ColumnRef, Expr, Literal

__all__ = ["JoinLowering", "layout_of"]


class JoinLowering(ABC):
    """The part of `lower.Lowering` that builds joins."""

    def __init__(self, circuit: Circuit, pool: Pool) -> None:
        self.circuit = circuit
        self._pool = pool
        self._arranged: dict[Any, int] = {}

    @abstractmethod
    def node(self, node: nodes.Node) -> int:
        """Return the operator that gives a plan node, building it if there is none yet."""

    @abstractmethod
    def append_only(self, node: nodes.Node) -> bool:
        """Whether rows of a node are only ever added."""

    @abstractmethod
    def _read(self, at: int, node: nodes.Join, side: str, alone: bool) -> None:
        """Note who reads an arrangement: up to where. alone: its rows are asked for by the other side's only."""

    def _add(self, schema: Schema, operator: Operator, *inputs: int) -> int:
        """Add an operator whose output has that schema; returns its place."""
        pooled = tuple([i for i, f in enumerate(schema) if f.type.pooled])
        self.circuit.operators.append(Wired(operator, inputs, pooled))
        return len(self.circuit.operators) - 1

    def _join(self, node: nodes.Join, then: tuple[Expr | None, Sequence[Expr] | None] | None, schema: Schema) -> int:
        if node.kind == "inner":
            return self._inner(node, then, schema)
        if node.residual is None:
            return self._equi_join(node)
        return self._residual_join(node)

    def _inner(self, node: nodes.Join, then: tuple[Expr | None, Sequence[Expr] | None] | None, schema: Schema) -> int:
        predicate, exprs = then if then is not None else (None, None)
        if node.residual is not None:
            predicate = node.residual if predicate is None else Call("AND", (node.residual, predicate), BOOLEAN)
        linear = None if predicate is None and exprs is None else Linear(predicate, exprs, self._pool)
        left = self._arrange(node, "left", drop_null=True)
        right = self._arrange(node, "right", drop_null=True)
        return self._pair(schema, left, right, linear)

    def _pair(self, schema: Schema, left: int, right: int, linear: Linear | None) -> int:
        return self._add(schema, Join(self._trace(left), self._trace(right), linear, layout_of(schema)), left, right)

    def _trace(self, at: int) -> Arrange:
        operator = self.circuit.operators[at].operator
        assert isinstance(operator, Arrange)
        return operator

    def _semi(self, schema: Schema, left: int, right: int, anti: bool) -> int:
        return self._add(schema, SemiJoin(self._trace(left), self._trace(right), anti), left, right)

    def _equi_join(self, node: nodes.Join) -> int:
        """Outer, semi- and anti-joins whose condition is only equalities: matches are told by the key alone."""
        if node.kind in ("semi", "anti"):
            left = self._arrange(node, "left", drop_null=False)
            right = self._arrange(node, "right", drop_null=True, keys_only=True)
            return self._semi(node.schema, left, right, node.kind == "anti")
        parts = []
        keep, drop = ("right", "left") if node.kind == "right" else ("left", "right")
        kept = self._arrange(node, keep, drop_null=False)
        kept_schema = (node.left if keep == "left" else node.right).schema
        dropped = self._arrange(node, drop, drop_null=True)
        left, right = (dropped, kept) if node.kind == "right" else (kept, dropped)
        parts.append(self._pair(node.schema, left, right, None))
        parts.append(self._padded(node, keep, self._semi(kept_schema, kept, dropped, True)))
        if node.kind == "full":
            other = self._arrange(node, "right", drop_null=False)
            present = self._arrange(node, "left", drop_null=True, keys_only=True)
            parts.append(self._padded(node, "right", self._semi(node.right.schema, other, present, True)))
        return self._add(node.schema, Union(), *parts)

    def _residual_join(self, node: nodes.Join) -> int:
        """With a further condition a left row has a match if it occurs, whole, among the pairs that fulfil it."""
        width = len(node.left.schema)
        schema = (*node.left.schema, *node.right.schema)
        pairs = self._inner(node, None, schema)
        sides = {"left": ["left"], "right": ["right"], "full": ["left", "right"], "semi": ["left"], "anti": ["left"]}
        parts = [] if node.kind in ("semi", "anti") else [pairs]
        for side in sides[node.kind]:
            input = node.left if side == "left" else node.right
            first = 0 if side == "left" else width
            exprs = [ColumnRef(first + i, schema[first + i].type) for i in range(len(input.schema))]
            matched = self._add(input.schema, Linear(None, exprs, self._pool), pairs)
            layout = layout_of(input.schema)
            whole = [ColumnRef(i, f.type) for i, f in enumerate(input.schema)]
            arrange = partial(Arrange, layout, whole, layout, (), False, True, False, self._pool)
            rows = self._add(input.schema, arrange(), self.node(input))
            present = self._add(input.schema, arrange(), matched)
            found = self._semi(input.schema, rows, present, node.kind != "semi")
            parts.append(found if node.kind in ("semi", "anti") else self._padded(node, side, found))
        return parts[0] if len(parts) == 1 else self._add(node.schema, Union(), *parts)

    def _padded(self, node: nodes.Join, side: str, at: int) -> int:
        """Project the unmatched rows of one side to the join's columns, with NULLs for the other side."""
        width = len(node.left.schema)
        exprs: list[Expr] = []
        for i, field in enumerate(node.schema):
            if (i < width) == (side == "left"):
                exprs.append(ColumnRef(i if side == "left" else i - width, field.type))
            else:
                exprs.append(Literal(None, field.type.with_nullable(True)))
        return self._add(node.schema, Linear(None, exprs, self._pool), at)

    def _arrange(self, node: nodes.Join, side: str, *, drop_null: bool, keys_only: bool = False) -> int:
        input = node.left if side == "left" else node.right
        keys = tuple(k.left if side == "left" else k.right for k in node.keys)
        types = []
        for key in node.keys:
            a, b = key.left.type, key.right.type
            if not _same_words(a.kind, b.kind) or (a.scale or 0) != (b.scale or 0) or a.pooled != b.pooled:
                raise TypeError(f"join of {a.kind.value} with {b.kind.value} without a cast")
            types.append(a.with_nullable(a.nullable or b.nullable))
        never_null = tuple(i for i, k in enumerate(node.keys) if not k.null_safe)
        drop = drop_null and any(keys[i].type.nullable for i in never_null)
        at = self.node(input)
        signature = (at, _repr_of(keys), tuple(t.nullable for t in types), never_null if drop else (), keys_only)
        known = self._arranged.get(signature)
        if known is None:
            layout = layout_of(input.schema)
            operator = Arrange(
                layout, keys, RowLayout(types), never_null, drop, keys_only, self.append_only(input), self._pool
            )
            known = self._arranged[signature] = self._add(input.schema, operator, at)
        self._read(known, node, side, node.kind == "inner" or node.residual is not None)
        return known


def _repr_of(exprs: Sequence[Expr]) -> tuple[str, ...]:
    """Return a form of expressions that is equal for equal ones, wherever they stand in the text."""
    return tuple(re.sub(r", span=(None|Span\([^)]*\))", "", repr(e)) for e in exprs)


_ALIKE = {Kind.CHAR: Kind.VARCHAR, Kind.BINARY: Kind.VARBINARY, Kind.REAL: Kind.DOUBLE}


def _same_words(a: Kind, b: Kind) -> bool:
    """Whether equal values of two kinds are equal words."""
    integers = (Kind.TINYINT, Kind.SMALLINT, Kind.INTEGER, Kind.BIGINT, Kind.UTINYINT, Kind.USMALLINT, Kind.UINTEGER)
    return a is b or (a in integers and b in integers) or _ALIKE.get(a, a) is _ALIKE.get(b, b)


def layout_of(schema: Schema) -> RowLayout:
    """Return the layout of rows with these fields."""
    return RowLayout([f.type for f in schema])
