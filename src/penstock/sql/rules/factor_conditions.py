"""Take out of an OR what every branch of it asks for: (k AND a) OR (k AND b) is k AND (a OR b).

An equality of two inputs that stands in every branch so becomes a join's key. Sound in three-valued logic, where AND
distributes over OR as in two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

from penstock.data.types import BOOLEAN
from penstock.sql.plan.expr import Call, Expr
from penstock.sql.plan.nodes import Filter, Join, Node
from penstock.sql.plan.walk import bare, conjuncts
from penstock.sql.rules.driver import everywhere


def factor_conditions(plans: Sequence[Node]) -> list[Node]:
    """Rewrite all plans."""

    def local(node: Node) -> Node:
        if isinstance(node, Filter):
            found = factored(node.predicate)
            return node if found is node.predicate else replace(node, predicate=found)
        if isinstance(node, Join) and node.residual is not None:
            found = factored(node.residual)
            return node if found is node.residual else replace(node, residual=found)
        return node

    return everywhere(plans, local)


def factored(condition: Expr) -> Expr:
    """Return a condition with the common parts of its ORs taken out; the same object if there are none."""
    parts = conjuncts(condition)
    made = [_factored(p) for p in parts]
    if all(a is b for a, b in zip(parts, made, strict=True)):
        return condition
    return _joined("AND", made)


def _factored(condition: Expr) -> Expr:
    if not (isinstance(condition, Call) and condition.name == "OR"):
        return condition
    branches = [conjuncts(b) for b in _branches(condition)]
    others = [[bare(c) for c in branch] for branch in branches[1:]]
    common = [c for c in branches[0] if all(bare(c) in branch for branch in others)]
    if not common:
        return condition
    taken = [bare(c) for c in common]
    rest = [[c for c in branch if bare(c) not in taken] for branch in branches]
    if not all(rest):
        # A branch that asks for nothing more makes the others idle.
        return _joined("AND", common)
    return _joined("AND", [*common, _joined("OR", [_joined("AND", branch) for branch in rest])])


def _branches(condition: Expr) -> list[Expr]:
    if isinstance(condition, Call) and condition.name == "OR":
        return [b for arg in condition.args for b in _branches(arg)]
    return [condition]


def _joined(name: str, conditions: Sequence[Expr]) -> Expr:
    def two(left: Expr, right: Expr) -> Expr:
        nullable = left.type.nullable or right.type.nullable
        return Call(name, (left, right), BOOLEAN.with_nullable(nullable), left.span)

    return reduce(two, conditions)
