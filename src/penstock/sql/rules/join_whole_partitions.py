"""A window function over whole partitions becomes an aggregate that is joined to their rows.

Sound because its value is the same for all rows of a partition. The aggregate is kept up to date at the cost of the
change, and the join touches the partition's rows only when the value is another one.
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.data.types import Field
from penstock.sql.plan.expr import ColumnRef, Expr, SortKey
from penstock.sql.plan.nodes import Aggregate, AggregateCall, Frame, Join, JoinKey, Node, Project, Window, WindowCall
from penstock.sql.rules.driver import everywhere

_ELSEWHERE = frozenset(
    (
        *("ROW_NUMBER", "RANK", "DENSE_RANK", "NTILE", "PERCENT_RANK", "CUME_DIST", "LAG", "LEAD", "NTH_VALUE"),
        *("ARRAY_AGG", "MAP", "SINGLE_VALUE"),
    )
)
"""What has no frame, or what changes with every row anyway."""

_EDGES = ("FIRST_VALUE", "LAST_VALUE")


def join_whole_partitions(plans: Sequence[Node]) -> list[Node]:
    """Rewrite all plans."""
    return everywhere(plans, lambda node: _rewrite(node) if isinstance(node, Window) else node)


def _rewrite(node: Window) -> Node:
    whole = [i for i, call in enumerate(node.calls) if _is_whole(call, bool(node.order))]
    if not whole:
        return node
    width = len(node.input.schema)
    rest = [i for i in range(len(node.calls)) if i not in whole]
    rows: Node = node.input
    if rest:
        schema = (*node.input.schema, *(node.schema[width + i] for i in rest))
        rows = Window(node.input, node.partition, node.order, tuple([node.calls[i] for i in rest]), schema)
    keys = len(node.partition)
    groups = Aggregate(
        node.input,
        node.partition,
        tuple([_aggregate(node, node.calls[i]) for i in whole]),
        (
            *(Field(f"key{i}", e.type) for i, e in enumerate(node.partition)),
            *(node.schema[width + i] for i in whole),
        ),
    )
    pairs = tuple([JoinKey(e, ColumnRef(i, e.type), True) for i, e in enumerate(node.partition)])
    joined = Join("inner", rows, groups, pairs, None, (*rows.schema, *groups.schema))
    places = list(range(width)) + [0] * len(node.calls)
    for place, i in enumerate(rest):
        places[width + i] = width + place
    for place, i in enumerate(whole):
        places[width + i] = width + len(rest) + keys + place
    exprs: list[Expr] = [ColumnRef(at, field.type) for at, field in zip(places, node.schema, strict=True)]
    return Project(joined, tuple(exprs), node.schema)


def _is_whole(call: WindowCall, ordered: bool) -> bool:
    if call.name in _ELSEWHERE:
        return False
    frame = call.frame or Frame("range", None, 0 if ordered else None)
    if call.name == "FIRST_VALUE" and not call.ignore_nulls:
        return frame.start is None and (frame.end is None or frame.end >= 0)
    return frame.start is None and frame.end is None


def _aggregate(node: Window, call: WindowCall) -> AggregateCall:
    """Return the call as an aggregate: over the window's order, in which rows that tie stand by their own values."""
    order: tuple[SortKey, ...] = ()
    if call.name in _EDGES:
        own = [SortKey(ColumnRef(i, f.type), False, True) for i, f in enumerate(node.input.schema)]
        order = (*node.order, *own)
    return AggregateCall(call.name, call.args, call.name.lower(), call.distinct, call.filter, order, call.ignore_nulls)
