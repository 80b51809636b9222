"""ROW_NUMBER, RANK or DENSE_RANK with an upper bound on the rank becomes TopK, which keeps only the rows it needs.

Sound because rows beyond the bound do not influence the rank of those within it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal as Word

from penstock.sql.plan.expr import Call, ColumnRef, Expr, Literal
from penstock.sql.plan.nodes import Filter, Node, TopK, Window
from penstock.sql.plan.walk import conjuncts
from penstock.sql.rules.driver import everywhere, readers

_RANKS: dict[str, Word["row_number", "rank", "dense_rank"]] = {
    "ROW_NUMBER": "row_number",
    "RANK": "rank",
    "DENSE_RANK": "dense_rank",
}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}


def detect_topk(plans: Sequence[Node]) -> list[Node]:
    """Rewrite all plans."""
    shared = {i for i, n in readers(plans).items() if n > 1}

    def local(node: Node) -> Node:
        if isinstance(node, Filter) and isinstance(node.input, Window) and id(node.input) not in shared:
            return _rewrite(node, node.input)
        return node

    return everywhere(plans, local)


def _rewrite(node: Filter, window: Window) -> Node:
    if len(window.calls) != 1:
        return node
    call = window.calls[0]
    rank = len(window.input.schema)
    if call.filter is not None:
        return node
    word = _RANKS.get(call.name)
    if word is None:
        return node
    bounds = [(c, _bound(c, rank)) for c in conjuncts(node.predicate)]
    limits = [limit for _, limit in bounds if limit is not None]
    if not limits:
        return node
    limit = max(min(limits), 0)
    rest = [c for c, found in bounds if found is None or not _is_implied(c, limit)]
    top = TopK(window.input, window.partition, window.order, limit, 0, word, True, window.schema)
    if not rest:
        return top
    predicate = rest[0]
    for condition in rest[1:]:
        nullable = predicate.type.nullable or condition.type.nullable
        predicate = Call("AND", (predicate, condition), node.predicate.type.with_nullable(nullable), condition.span)
    return replace(node, input=top, predicate=predicate)


def _bound(condition: Expr, rank: int) -> int | None:
    """The greatest rank that a condition lets pass, None if it sets no upper bound."""
    if not isinstance(condition, Call) or condition.name not in _MIRRORED:
        return None
    left, right = condition.args
    operator = condition.name
    if isinstance(left, Literal):
        left, right, operator = right, left, _MIRRORED[operator]
    if not isinstance(left, ColumnRef) or left.index != rank or not isinstance(right, Literal):
        return None
    if not isinstance(right.value, int) or isinstance(right.value, bool):
        return None
    if operator in ("<=", "="):
        return right.value
    return right.value - 1 if operator == "<" else None


def _is_implied(condition: Expr, limit: int) -> bool:
    """Whether every rank from 1 to limit satisfies a condition that bounds the rank."""
    return isinstance(condition, Call) and (condition.name != "=" or limit == 1)
