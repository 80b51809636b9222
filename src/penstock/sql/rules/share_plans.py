"""Make equal sub-plans one node, within a view and between views, so that the circuit keeps their state once.

Sound because equal plans have equal rows. Names of columns do not count; types do.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from penstock.sql.plan.expr import Expr, Literal, SortKey
from penstock.sql.plan.nodes import (
    Aggregate,
    AsofJoin,
    Distinct,
    Filter,
    Hop,
    Join,
    Node,
    Project,
    Scan,
    SetOperation,
    TopK,
    UnionAll,
    Unnest,
    Values,
    ViewScan,
    Window,
)
from penstock.sql.plan.walk import bare, children, exprs_of, parts
from penstock.sql.rules.driver import everywhere


def share_plans(plans: Sequence[Node]) -> list[Node]:
    """Rewrite all plans."""
    known: dict[Hashable, Node] = {}

    def local(node: Node) -> Node:
        key = _key(node)
        return node if key is None else known.setdefault(key, node)

    return everywhere(plans, local)


def _key(node: Node) -> Hashable | None:
    exprs = tuple([bare(e) for e in exprs_of(node)])
    if not all(_is_hashable(e) for e in exprs):
        return None
    types = tuple([f.type for f in node.schema])
    return type(node), tuple([id(c) for c in children(node)]), exprs, types, _rest(node)


def _is_hashable(expr: Expr) -> bool:
    return not any(isinstance(p, Literal) and isinstance(p.value, (list, dict, tuple)) for p in parts(expr))


def _rest(node: Node) -> Hashable:
    """What distinguishes nodes beside their inputs, expressions and types."""
    match node:
        case Scan():
            return node.table
        case ViewScan():
            return node.view
        case Values():
            return len(node.rows)
        case Join():
            return node.kind, tuple([k.null_safe for k in node.keys]), node.residual is None
        case AsofJoin():
            return tuple([k.null_safe for k in node.keys])
        case SetOperation():
            return node.kind, node.all
        case Aggregate():
            calls = [
                (c.name, len(c.args), c.distinct, c.filter is None, _order(c.order), c.ignore_nulls) for c in node.calls
            ]
            return len(node.keys), tuple(calls)
        case TopK():
            return len(node.partition), _order(node.order), node.limit, node.offset, node.rank, node.with_rank
        case Window():
            windows = [(c.name, len(c.args), c.frame, c.ignore_nulls, c.filter is None, c.distinct) for c in node.calls]
            return len(node.partition), _order(node.order), tuple(windows)
        case Hop():
            return node.slide, node.size, node.offset
        case Unnest():
            return node.ordinality, node.outer
        case Filter() | Project() | Distinct() | UnionAll():
            return None


def _order(keys: Sequence[SortKey]) -> Hashable:
    return tuple([(k.descending, k.nulls_first) for k in keys])
