"""Move conditions towards the rows they are about, and equalities between the sides of a join into its keys.

A condition goes below an operator only when it reads nothing but what the operator passes on unchanged, and, for
operators over groups of rows, when it keeps or drops whole groups. It never goes below a node that has other readers.

Source: selection push-down of relational algebra; outer joins by which side may be padded with NULLs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from penstock.data.types import BOOLEAN
from penstock.sql.functions.registry import FUNCTIONS
from penstock.sql.plan.expr import Call, ColumnRef, Expr, Literal
from penstock.sql.plan.keys import key_of
from penstock.sql.plan.nodes import (
    Aggregate,
    AsofJoin,
    Distinct,
    Filter,
    Hop,
    Join,
    JoinKey,
    Node,
    Project,
    TopK,
    UnionAll,
    Unnest,
    Window,
)
from penstock.sql.plan.walk import children, columns_of, conjuncts, parts, remap, shift, with_children
from penstock.sql.rules.driver import readers

_CHEAP = 4
"""An expression of at most this many nodes may be computed twice: in a condition and in the projection above it."""


def push_filters(plans: Sequence[Node]) -> list[Node]:
    """Rewrite all plans."""
    pusher = _Pusher(readers(plans))
    return [pusher.visit(p) for p in plans]


class _Pusher:
    def __init__(self, counts: dict[int, int]) -> None:
        self._counts = counts
        self._done: dict[int, Node] = {}

    def visit(self, node: Node) -> Node:
        """Rewrite a plan from its root down."""
        known = self._done.get(id(node))
        if known is None:
            known = self._done[id(node)] = self._rewrite(node)
        return known

    def _rewrite(self, node: Node) -> Node:
        if isinstance(node, Filter):
            return self.place(conjuncts(node.predicate), node.input)
        if isinstance(node, Join):
            return self._join(node, [])
        return with_children(node, tuple([self.visit(c) for c in children(node)]))

    def place(self, conditions: list[Expr], node: Node) -> Node:
        """Return the rows of node for which all conditions are true, in the order in which they are written."""
        if not conditions:
            return self.visit(node)
        if self._counts.get(id(node), 0) > 1:
            return _filter(self.visit(node), conditions)
        match node:
            case Filter():
                return self.place(conjuncts(node.predicate) + conditions, node.input)
            case Project():
                return self._project(node, conditions)
            case Join():
                return self._join(node, conditions)
            case UnionAll():
                inputs = tuple([self.place(list(conditions), i) for i in node.inputs])
                return replace(node, inputs=inputs)
            case Distinct():
                return replace(node, input=self.place(conditions, node.input))
            case Aggregate():
                return self._aggregate(node, conditions)
            case Window() | TopK():
                allowed = {p.index for p in node.partition if isinstance(p, ColumnRef)}
                return self._through(node, node.input, conditions, allowed)
            case Hop() | Unnest():
                return self._through(node, node.input, conditions, set(range(len(node.input.schema))))
            case AsofJoin():
                return self._asof(node, conditions)
            case _:
                return _filter(self.visit(node), conditions)

    def _project(self, node: Project, conditions: list[Expr]) -> Node:
        below: list[Expr] = []
        above: list[Expr] = []
        for condition in conditions:
            used = [node.exprs[i] for i in columns_of(condition)]
            if not above and all(_is_cheap(e) for e in used):
                width = len(node.input.schema)
                below.append(remap(condition, lambda c: node.exprs[c.index], width))
            else:
                above.append(condition)
        return _filter(replace(node, input=self.place(below, node.input)), above)

    def _through(
        self, node: Window | TopK | Hop | Unnest, source: Node, conditions: list[Expr], allowed: set[int]
    ) -> Node:
        below = [c for c in conditions if columns_of(c) and columns_of(c) <= allowed]
        above = [c for c in conditions if c not in below]
        width = len(source.schema)
        moved = [shift(c, 0, width) for c in below]
        return _filter(replace(node, input=self.place(moved, source)), above)

    def _aggregate(self, node: Aggregate, conditions: list[Expr]) -> Node:
        """A condition on keys keeps or drops whole groups; without keys there is one group that must not go."""
        below: list[Expr] = []
        above: list[Expr] = []
        for condition in conditions:
            used = columns_of(condition)
            if used and max(used) < len(node.keys):
                below.append(remap(condition, lambda c: node.keys[c.index], len(node.input.schema)))
            else:
                above.append(condition)
        return _filter(replace(node, input=self.place(below, node.input)), above)

    def _asof(self, node: AsofJoin, conditions: list[Expr]) -> Node:
        split = len(node.left.schema)
        left = [c for c in conditions if columns_of(c) and max(columns_of(c)) < split]
        above = [c for c in conditions if c not in left]
        moved = replace(
            node, left=self.place([shift(c, 0, split) for c in left], node.left), right=self.visit(node.right)
        )
        return _filter(moved, above)

    # -------------------------------------------------------------------------------------------------------- joins

    def _join(self, node: Join, conditions: list[Expr]) -> Node:
        split, right_width = len(node.left.schema), len(node.right.schema)
        width = split + right_width
        own = [] if node.residual is None else conjuncts(node.residual)
        left: list[Expr] = []
        right: list[Expr] = []
        keys = list(node.keys)
        residual: list[Expr] = []
        above: list[Expr] = []
        for condition in own:
            side = _side(condition, split)
            if side == "left" and node.kind in ("inner", "right", "semi"):
                left.append(condition)
            elif side == "right" and node.kind in ("inner", "left", "semi", "anti"):
                right.append(condition)
            else:
                _join_on(condition, split, width, keys, residual)
        for condition in conditions:
            side = "left" if node.kind in ("semi", "anti") else _side(condition, split)
            if side == "left" and node.kind in ("inner", "left", "semi", "anti"):
                left.append(condition)
            elif side == "right" and node.kind in ("inner", "right"):
                right.append(condition)
            elif node.kind == "inner" and side != "none":
                _join_on(condition, split, width, keys, residual)
            else:
                above.append(condition)
        made = replace(
            node,
            left=self.place([shift(c, 0, split) for c in left], node.left),
            right=self.place([shift(c, -split, right_width) for c in right], node.right),
            keys=tuple(keys),
            residual=_all(residual),
        )
        return _filter(made, above)


def _side(condition: Expr, split: int) -> str:
    used = columns_of(condition)
    if not used:
        return "none"
    if max(used) < split:
        return "left"
    return "right" if min(used) >= split else "both"


def _join_on(condition: Expr, split: int, width: int, keys: list[JoinKey], residual: list[Expr]) -> None:
    key = key_of(condition, split, width)
    if key is None:
        residual.append(condition)
    else:
        keys.append(key)


def _is_cheap(expr: Expr) -> bool:
    """Whether an expression may be computed once more, and gives the same value then."""
    if isinstance(expr, (ColumnRef, Literal)):
        return True
    found = list(parts(expr))
    if len(found) > _CHEAP:
        return False
    return all(FUNCTIONS[p.name].deterministic for p in found if isinstance(p, Call) and p.name in FUNCTIONS)


def _all(conditions: list[Expr]) -> Expr | None:
    if not conditions:
        return None
    result = conditions[0]
    for condition in conditions[1:]:
        nullable = result.type.nullable or condition.type.nullable
        result = Call("AND", (result, condition), BOOLEAN.with_nullable(nullable), condition.span)
    return result


def _filter(node: Node, conditions: list[Expr]) -> Node:
    predicate = _all(conditions)
    return node if predicate is None else Filter(node, predicate, node.schema)
