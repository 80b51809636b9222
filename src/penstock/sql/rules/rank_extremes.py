"""Rows joined to the greatest or least value of their own group become the rows of the first rank.

`R JOIN (SELECT k, MAX(x) AS m FROM R GROUP BY k) AS peak ON R.k = peak.k AND R.x >= peak.m` keeps the rows of each k
that tie for the greatest x, and so does RANK() = 1. Rows whose x is NULL, or whose k is where the join compares it by
`=`, match nothing: they are left out beforehand. The first rank costs what changes at the top of a group, the join an
index of all rows and another aggregate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from penstock.data.types import BOOLEAN, INTEGERS, Kind
from penstock.sql.plan.expr import Call, ColumnRef, Expr, SortKey
from penstock.sql.plan.nodes import Aggregate, Filter, Join, Node, Project, TopK
from penstock.sql.plan.walk import bare, conjuncts, remap
from penstock.sql.rules.driver import everywhere

_MIRRORED = {"<=": ">=", ">=": "<=", "=": "="}
_REACHES = {"MAX": ("=", ">="), "MIN": ("=", "<=")}
"""Comparisons with an extreme of their group that only the rows at the extreme fulfil."""

_KINDS = (*INTEGERS, Kind.DECIMAL, Kind.DATE, Kind.TIME, Kind.TIMESTAMP)
"""Types whose equality, order and words agree; not so for NaN and 0 of both signs, nor for padded text."""


def rank_extremes(plans: Sequence[Node]) -> list[Node]:
    """Rewrite all plans, in which equal parts are shared."""
    return everywhere(plans, lambda node: _rewrite(node) if isinstance(node, Join) else node)


def _rewrite(node: Join) -> Node:
    if node.kind not in ("inner", "semi"):
        return node
    for side in ("right", "left") if node.kind == "inner" else ("right",):
        found = _Sides(node, side).ranked()
        if found is not None:
            return found
    return node


@dataclass(slots=True)
class _Condition:
    """`mine operator yours` over the rows' side and the peak's side."""

    mine: Expr
    operator: str
    yours: Expr
    null_safe: bool = False


class _Sides:
    """A join whose `side` may be the extremes of the groups of the other side's rows."""

    def __init__(self, join: Join, side: str) -> None:
        self._join = join
        self._split = len(join.left.schema)
        self._peak_first = side == "left"
        self._rows, self._peak = (join.right, join.left) if self._peak_first else (join.left, join.right)

    def ranked(self) -> Node | None:
        """Return the rows of the first rank in the place of the join, None if it is another join."""
        whole = [ColumnRef(i, f.type) for i, f in enumerate(self._peak.schema)]
        aggregate, outputs = _below(self._peak, whole)
        if not isinstance(aggregate, Aggregate) or not _is_extreme(aggregate):
            return None
        known: dict[int, ColumnRef] = {}
        open_keys: list[ColumnRef] = []
        for key in self._join.keys:
            mine, yours = (key.right, key.left) if self._peak_first else (key.left, key.right)
            if not self._take(_Condition(mine, "=", yours, key.null_safe), aggregate, outputs, known, open_keys):
                return None
        rest = []
        for condition in [] if self._join.residual is None else conjuncts(self._join.residual):
            pair = self._pair(condition)
            if pair is None or not self._take(pair, aggregate, outputs, known, open_keys):
                rest.append(condition)
        count = len(aggregate.keys)
        if len(known) <= count or not self._same_rows(aggregate, known):
            return None
        return self._top(aggregate, outputs, known, open_keys, rest)

    def _take(
        self,
        condition: _Condition,
        aggregate: Aggregate,
        outputs: Sequence[Expr],
        known: dict[int, ColumnRef],
        open_keys: list[ColumnRef],
    ) -> bool:
        """Note which column of the rows stands for a column of the aggregate. open_keys: columns to be there."""
        if not isinstance(condition.mine, ColumnRef) or not isinstance(condition.yours, ColumnRef):
            return False
        there = outputs[condition.yours.index]
        if not isinstance(there, ColumnRef) or there.index in known:
            return False
        if there.index < len(aggregate.keys):
            if condition.operator != "=":
                return False
        elif condition.operator not in _REACHES[aggregate.calls[0].name] or condition.null_safe:
            return False
        known[there.index] = condition.mine
        if not condition.null_safe and condition.mine.type.nullable:
            open_keys.append(condition.mine)
        return True

    def _pair(self, condition: Expr) -> _Condition | None:
        """Return a condition of the residual as one that compares a column of each side."""
        if not isinstance(condition, Call) or condition.name not in _MIRRORED:
            return None
        first, second = condition.args
        if not isinstance(first, ColumnRef) or not isinstance(second, ColumnRef):
            return None
        operator = condition.name
        if self._is_mine(second.index):
            first, second, operator = second, first, _MIRRORED[operator]
        if not self._is_mine(first.index) or self._is_mine(second.index):
            return None
        return _Condition(self._own(first), operator, self._own(second))

    def _is_mine(self, column: int) -> bool:
        return (column >= self._split) == self._peak_first

    def _own(self, column: ColumnRef) -> ColumnRef:
        """Return a column of the pairs as one of its side."""
        index = column.index - self._split if column.index >= self._split else column.index
        return ColumnRef(index, column.type, column.span)

    def _same_rows(self, aggregate: Aggregate, known: dict[int, ColumnRef]) -> bool:
        """Whether the extremes are those of the very rows, by the very columns."""
        mine = _below(self._rows, [known[i] for i in range(len(known))])
        yours = _below(aggregate.input, [*aggregate.keys, *aggregate.calls[0].args])
        return mine[0] is yours[0] and [bare(e) for e in mine[1]] == [bare(e) for e in yours[1]]

    def _top(
        self,
        aggregate: Aggregate,
        outputs: Sequence[Expr],
        known: dict[int, ColumnRef],
        open_keys: list[ColumnRef],
        rest: list[Expr],
    ) -> Node:
        schema = self._rows.schema
        width = len(schema)
        count = len(aggregate.keys)
        input = _filtered(self._rows, [Call("IS NOT NULL", (c,), BOOLEAN) for c in open_keys])
        order = (SortKey(known[count], aggregate.calls[0].name == "MAX", False),)
        partition = tuple([known[i] for i in range(count)])
        top: Node = TopK(input, partition, order, 1, 0, "rank", False, schema)

        def stands_for(column: ColumnRef) -> Expr:
            own = self._own(column)
            if self._is_mine(column.index):
                return own
            return remap(outputs[own.index], lambda c: known[c.index], width)

        top = _filtered(top, [remap(condition, stands_for, width) for condition in rest])
        if self._join.kind == "semi":
            return top
        exprs = tuple([stands_for(ColumnRef(i, f.type)) for i, f in enumerate(self._join.schema)])
        return Project(top, exprs, self._join.schema)


def _is_extreme(node: Aggregate) -> bool:
    """Whether a node is one MAX or MIN of a column by columns, of a type whose order is that of its words."""
    if len(node.calls) != 1 or node.calls[0].name not in _REACHES or node.calls[0].filter is not None:
        return False
    return node.calls[0].args[0].type.kind in _KINDS


def _below(node: Node, exprs: Sequence[Expr]) -> tuple[Node, list[Expr]]:
    """Return what is below projections, and expressions over their row as expressions over its row."""
    found = list(exprs)
    while isinstance(node, Project):
        inner, width = node.exprs, len(node.input.schema)
        found = [remap(e, partial(_nth, inner), width) for e in found]
        node = node.input
    return node, found


def _nth(exprs: Sequence[Expr], column: ColumnRef) -> Expr:
    return exprs[column.index]


def _filtered(node: Node, conditions: Sequence[Expr]) -> Node:
    if not conditions:
        return node
    nullable = any(c.type.nullable for c in conditions)
    predicate = (
        conditions[0] if len(conditions) == 1 else Call("AND", tuple(conditions), BOOLEAN.with_nullable(nullable))
    )
    return Filter(node, predicate, node.schema)
