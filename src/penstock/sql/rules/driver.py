"""How a rule is carried through plans: bottom-up, every node once, so that shared nodes stay shared."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from penstock.sql.plan.nodes import Node
from penstock.sql.plan.walk import children, with_children

Local = Callable[[Node], Node]
"""local(node) -> an equivalent node, or the same one. Its inputs have been rewritten already."""


def everywhere(plans: Sequence[Node], local: Local) -> list[Node]:
    """Apply a local rewrite to every node of some plans."""
    done: dict[int, Node] = {}

    def visit(node: Node) -> Node:
        known = done.get(id(node))
        if known is None:
            known = done[id(node)] = local(with_children(node, tuple([visit(c) for c in children(node)])))
        return known

    return [visit(p) for p in plans]


def readers(plans: Sequence[Node]) -> dict[int, int]:
    """Return, by id, how many places read each node."""
    counts: dict[int, int] = {}

    def visit(node: Node) -> None:
        counts[id(node)] = counts.get(id(node), 0) + 1
        if counts[id(node)] == 1:
            for child in children(node):
                visit(child)

    for plan in plans:
        visit(plan)
    return counts
