"""Leave out what can have no rows: everything below a condition that is never true, and what depends on it.

Sound because each operator gives no rows for an empty input, or is the other input alone: an outer join with nothing
on the padded side is that side with NULLs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

from penstock.sql.plan.expr import ColumnRef, Expr, Literal
from penstock.sql.plan.nodes import (
    Aggregate,
    Distinct,
    Filter,
    Hop,
    Join,
    Node,
    Project,
    SetOperation,
    TopK,
    UnionAll,
    Unnest,
    Values,
    Window,
)
from penstock.sql.rules.driver import everywhere


def drop_empty(plans: Sequence[Node]) -> list[Node]:
    """Rewrite all plans."""
    return everywhere(plans, _local)


def _local(node: Node) -> Node:
    match node:
        case Filter(predicate=Literal(value=value)) if value is not True:
            return _nothing(node)
        case TopK(limit=0):
            return _nothing(node)
        case Filter() | Project() | Distinct() | TopK() | Window() | Hop() | Unnest() if _is_empty(node.input):
            return _nothing(node)
        case Aggregate() if node.keys and _is_empty(node.input):
            return _nothing(node)
        case SetOperation() if _is_empty(node.left) or (node.kind == "intersect" and _is_empty(node.right)):
            return _nothing(node)
        case UnionAll():
            return _union(node)
        case Join():
            return _join(node)
    return node


def _is_empty(node: Node) -> TypeGuard[Values]:
    return isinstance(node, Values) and not node.rows


def _nothing(node: Node) -> Node:
    return Values((), node.schema)


def _union(node: UnionAll) -> Node:
    kept = tuple([i for i in node.inputs if not _is_empty(i)])
    if not kept:
        return _nothing(node)
    if len(kept) == 1:
        if kept[0].schema == node.schema:
            return kept[0]
        return Project(kept[0], tuple([ColumnRef(i, f.type) for i, f in enumerate(kept[0].schema)]), node.schema)
    return node if len(kept) == len(node.inputs) else UnionAll(kept, node.schema)


def _join(node: Join) -> Node:
    left, right = _is_empty(node.left), _is_empty(node.right)
    if not left and not right:
        return node
    if left and right:
        return _nothing(node)
    match node.kind:
        case "anti":
            return _nothing(node) if left else node.left
        case "inner" | "semi":
            return _nothing(node)
        case "left":
            return _nothing(node) if left else _padded(node, node.left, 0)
        case "right":
            return _nothing(node) if right else _padded(node, node.right, len(node.left.schema))
    return _padded(node, node.right, len(node.left.schema)) if left else _padded(node, node.left, 0)


def _padded(node: Join, side: Node, start: int) -> Node:
    """Return one side of an outer join with NULL for the other's columns. start: where its columns stand."""
    end = start + len(side.schema)
    exprs: list[Expr] = []
    for at, column in enumerate(node.schema):
        own = start <= at < end
        exprs.append(ColumnRef(at - start, column.type) if own else Literal(None, column.type.with_nullable(True)))
    return Project(side, tuple(exprs), node.schema)
