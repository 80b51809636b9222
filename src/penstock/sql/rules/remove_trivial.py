"""Remove operators that change nothing: DISTINCT of rows that are distinct, unions of one input.

Sound because groups have different keys, so rows that hold all keys of a group differ.
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.sql.plan.nodes import Aggregate, Distinct, Node, UnionAll
from penstock.sql.rules.driver import everywhere


def remove_trivial(plans: Sequence[Node]) -> list[Node]:
    """Rewrite all plans."""
    return everywhere(plans, _local)


def _local(node: Node) -> Node:
    if isinstance(node, Distinct) and isinstance(node.input, (Distinct, Aggregate)):
        return node.input
    if isinstance(node, UnionAll) and len(node.inputs) == 1:
        return node.inputs[0]
    return node
