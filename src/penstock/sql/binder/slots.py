"""What an expression needs computed elsewhere in the plan: aggregates, window functions, subqueries.

While an expression is bound, each of these is a ColumnRef to a slot (index from SLOT on). When the query's operators
have been put together, `settle` replaces slots by the columns that hold their values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal as Word
from typing import TypeAlias

from penstock.data.types import SqlType
from penstock.sql.binder.names import Frame
from penstock.sql.diagnostics import NotSupported
from penstock.sql.plan.expr import ColumnRef, Expr, SortKey, Span
from penstock.sql.plan.nodes import AggregateCall, Node, WindowCall
from penstock.sql.plan.walk import Substitute, bare, map_call, map_sort, map_window_call, remap
from penstock.sql.rules.share_plans import share_plans

SLOT = 1 << 40
PARAMETER = 1 << 50
"""Where parameters of lambdas are numbered from while the width of the row is not known."""


@dataclass(frozen=True, slots=True)
class AggregateSlot:
    """An aggregate over the rows of a group."""

    call: AggregateCall
    type: SqlType


@dataclass(frozen=True, slots=True)
class GroupingSlot:
    """GROUPING(keys): which of the keys the grouping set leaves out, as bits.

    args None: GROUP_ID(), how many equal sets stand before this one.
    """

    args: tuple[Expr, ...] | None
    type: SqlType


@dataclass(frozen=True, slots=True)
class WindowSlot:
    """A function over a window."""

    call: WindowCall
    partition: tuple[Expr, ...]
    order: tuple[SortKey, ...]
    type: SqlType


@dataclass(frozen=True, slots=True)
class SubquerySlot:
    """A query used as a value. before: it stands inside an aggregate's argument, so it is joined before grouping."""

    kind: Word["scalar", "exists", "in", "array", "map"]
    plan: Node
    frame: Frame
    operands: tuple[Expr, ...]
    type: SqlType
    before: bool
    span: Span | None


Slot: TypeAlias = AggregateSlot | GroupingSlot | WindowSlot | SubquerySlot


@dataclass(slots=True)
class Slots:
    """The slots of one query and, as the plan grows, where their values are."""

    items: list[Slot] = field(default_factory=list)
    placed: dict[int, Expr] = field(default_factory=dict)

    def add(self, slot: Slot, span: Span | None) -> ColumnRef:
        """Return the reference to a slot; equal ones share one."""
        if isinstance(slot, AggregateSlot):
            slot = replace(slot, call=map_call(slot.call, bare))
        elif isinstance(slot, WindowSlot):
            slot = WindowSlot(
                map_window_call(slot.call, bare),
                tuple([bare(p) for p in slot.partition]),
                map_sort(slot.order, bare),
                slot.type,
            )
        known = self._equal_subquery(slot) if isinstance(slot, SubquerySlot) else slot
        if known in self.items:
            return ColumnRef(SLOT + self.items.index(known), slot.type, span)
        self.items.append(slot)
        return ColumnRef(SLOT + len(self.items) - 1, slot.type, span)

    def _equal_subquery(self, slot: SubquerySlot) -> SubquerySlot:
        """Return the slot of the same subquery, or the slot itself if there is none yet."""
        for known in self.items:
            if isinstance(known, SubquerySlot) and _outside(known) == _outside(slot):
                [one, other] = share_plans([known.plan, slot.plan])
                if one is other:
                    return known
        return slot

    def settle(self, expr: Expr, width: int, substitute: Substitute | None = None) -> Expr:
        """Replace slots by their columns and other columns by `substitute`. width: of the row it is evaluated over.

        Raises:
            NotSupported: a slot's value does not exist at this place of the plan.
        """

        def settled(column: ColumnRef) -> Expr:
            if SLOT <= column.index < PARAMETER:
                where = self.placed.get(column.index - SLOT)
                if where is None:
                    raise NotSupported("an aggregate, window function or subquery at this place", column.span)
                return where
            if column.index < 0 or substitute is None:
                return column
            return substitute(column)

        return remap(expr, settled, width)


def _outside(slot: SubquerySlot) -> tuple[object, ...]:
    """Return all that tells subqueries apart but their plans."""
    given = tuple([bare(e) for e in (*slot.operands, *slot.frame.variables)])
    return slot.kind, slot.type, slot.before, len(slot.operands), given


def slots_in(found: set[int]) -> set[int]:
    """Return the numbers of the slots among column positions."""
    return {i - SLOT for i in found if SLOT <= i < PARAMETER}


def kinds_used(slots: Slots, found: set[int]) -> Mapping[type, bool]:
    """Return which kinds of slots are among column positions."""
    return {type(slots.items[i]): True for i in slots_in(found)}
