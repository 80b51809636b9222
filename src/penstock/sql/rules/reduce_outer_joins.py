"""Make an outer join an inner one, or pad one side less, where the rows that it pads are dropped further up.

From the top of a plan down, each node is told conditions that must be true of its rows for them to matter: those of
filters, and that the keys of joins are not NULL. A condition that cannot be true when all columns of one side are NULL
drops every row in which that side is padded.

Source: simplification of outer joins by null-rejecting predicates (Galindo-Legaria and Rosenthal, TODS 1997).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal as Word

from penstock.data.types import BOOLEAN
from penstock.sql.functions.registry import FUNCTIONS
from penstock.sql.plan.expr import Call, Cast, ColumnRef, Expr, Literal
from penstock.sql.plan.nodes import Distinct, Filter, Join, Node, Project, UnionAll
from penstock.sql.plan.walk import children, columns_of, conjuncts, remap, shift, with_children
from penstock.sql.rules.driver import readers

IsNull = Callable[[int], bool]
"""Whether a column is taken to be NULL."""

_Kind = Word["inner", "left", "right", "full", "semi", "anti"]
_COMPARES = frozenset(("BETWEEN", "BETWEEN SYMMETRIC", "IN"))
"""Functions with a NULL rule of their own that are never true of a NULL in the first place."""


def reduce_outer_joins(plans: Sequence[Node]) -> list[Node]:
    """Rewrite all plans."""
    return [_Reducer(readers(plans)).visit(p, []) for p in plans] if _has_outer(plans) else list(plans)


def _has_outer(plans: Sequence[Node]) -> bool:
    seen: set[int] = set()

    def found(node: Node) -> bool:
        if id(node) in seen:
            return False
        seen.add(id(node))
        return (isinstance(node, Join) and node.kind in ("left", "right", "full")) or any(map(found, children(node)))

    return any(map(found, plans))


class _Reducer:
    def __init__(self, counts: dict[int, int]) -> None:
        self._counts = counts
        self._shared: dict[int, Node] = {}

    def visit(self, node: Node, needed: list[Expr]) -> Node:
        """Return the node. needed: conditions over its rows of which each must be true for a row to matter."""
        if self._counts[id(node)] == 1:
            return self._rewrite(node, needed)
        if id(node) not in self._shared:
            self._shared[id(node)] = self._rewrite(node, [])
        return self._shared[id(node)]

    def _rewrite(self, node: Node, needed: list[Expr]) -> Node:
        match node:
            case Join():
                return self._join(node, needed)
            case Filter():
                below = [*needed, *conjuncts(node.predicate)]
            case Project():
                exprs = node.exprs
                below = [remap(c, lambda column: exprs[column.index], len(node.input.schema)) for c in needed]
            case Distinct() | UnionAll():
                below = needed
            case _:
                below = []
        return with_children(node, tuple([self.visit(c, below) for c in children(node)]))

    def _join(self, node: Join, needed: list[Expr]) -> Node:
        split = len(node.left.schema)
        kind = _reduced(node.kind, needed, split)
        left = [_present(k.left) for k in node.keys if not k.null_safe] if kind in ("inner", "right", "semi") else []
        right = [] if kind in ("right", "full") else [_present(k.right) for k in node.keys if not k.null_safe]
        both = list(needed)
        if kind == "inner" and node.residual is not None:
            both += conjuncts(node.residual)
        for condition in both:
            used = columns_of(condition)
            if used and max(used) < split and kind in ("inner", "left", "semi", "anti"):
                left.append(condition)
            elif used and min(used) >= split and kind in ("inner", "right"):
                right.append(shift(condition, -split, len(node.right.schema)))
        made = replace(node, kind=kind) if kind != node.kind else node
        return with_children(made, (self.visit(node.left, left), self.visit(node.right, right)))


def _reduced(kind: _Kind, needed: Sequence[Expr], split: int) -> _Kind:
    """Return the kind of a join of whose rows only those matter that meet the conditions."""
    if kind not in ("left", "right", "full"):
        return kind
    keeps_left = kind != "right" and not any(never_true(c, lambda i: i >= split) for c in needed)
    keeps_right = kind != "left" and not any(never_true(c, lambda i: i < split) for c in needed)
    if keeps_left:
        return "full" if keeps_right else "left"
    return "right" if keeps_right else "inner"


def _present(expr: Expr) -> Expr:
    return Call("IS NOT NULL", (expr,), BOOLEAN)


def never_true(condition: Expr, is_null: IsNull) -> bool:
    """Whether a condition cannot be true when these columns are NULL."""
    match condition:
        case Literal():
            return condition.value is not True
        case Call(name="AND"):
            return any(never_true(a, is_null) for a in condition.args)
        case Call(name="OR"):
            return all(never_true(a, is_null) for a in condition.args)
        case Call(name="IS TRUE"):
            return never_true(condition.args[0], is_null)
        case Call(name="IS NOT NULL" | "IS FALSE" | "IS NOT UNKNOWN"):
            return _always_null(condition.args[0], is_null)
        case Call() if condition.name in _COMPARES:
            return _always_null(condition.args[0], is_null)
    return _always_null(condition, is_null)


def _always_null(expr: Expr, is_null: IsNull) -> bool:
    """Whether an expression is NULL when these columns are."""
    match expr:
        case ColumnRef():
            return is_null(expr.index)
        case Literal():
            return expr.value is None
        case Cast():
            return _always_null(expr.arg, is_null)
        case Call():
            function = FUNCTIONS.get(expr.name)
            return function is not None and function.strict and any(_always_null(a, is_null) for a in expr.args)
    return False
