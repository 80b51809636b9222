"""Calls of aggregates and window functions: recognised by name, typed, and put into slots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal as Word

from penstock.data.types import BIGINT, INTEGERS, Kind, SqlType
from penstock.sql.binder.coerce import coerce, exactly
from penstock.sql.binder.expressions import Expressions
from penstock.sql.binder.names import Scope
from penstock.sql.binder.slots import AggregateSlot, GroupingSlot, Slots, WindowSlot
from penstock.sql.diagnostics import NotSupported, SqlError
from penstock.sql.functions.aggregates import RANKS, WINDOW_ONLY, resolve_aggregate, resolve_window
from penstock.sql.functions.registry import TypeMismatch
from penstock.sql.parser.ast import Apply, FrameBound, OrderItem, WindowSpec
from penstock.sql.plan.expr import Expr, Literal, SortKey, Span
from penstock.sql.plan.nodes import AggregateCall, Frame, WindowCall
from penstock.sql.plan.walk import columns_of

SYNONYMS = {
    "LOGICAL_AND": "EVERY",
    "BOOL_AND": "EVERY",
    "LOGICAL_OR": "SOME",
    "BOOL_OR": "SOME",
    "ANY": "SOME",
    "STDDEV": "STDDEV_SAMP",
    "VARIANCE": "VAR_SAMP",
    "COUNT_IF": "COUNTIF",
    "MIN_BY": "ARG_MIN",
    "MAX_BY": "ARG_MAX",
    "ARGMIN": "ARG_MIN",
    "ARGMAX": "ARG_MAX",
}
AGGREGATES = frozenset(
    (
        *SYNONYMS,
        *("SUM", "COUNT", "AVG", "MIN", "MAX", "ARRAY_AGG", "ARG_MIN", "ARG_MAX", "EVERY", "SOME", "COUNTIF", "MODE"),
        *("BIT_AND", "BIT_OR", "BIT_XOR", "STDDEV_POP", "STDDEV_SAMP", "VAR_POP", "VAR_SAMP"),
        *("COVAR_POP", "COVAR_SAMP", "REGR_COUNT", "REGR_SXX", "REGR_SYY", "ANY_VALUE", "SINGLE_VALUE"),
        *("FIRST_VALUE", "LAST_VALUE"),
    )
)
OFFSETS = frozenset(("LAG", "LEAD"))
VALUES = frozenset(("FIRST_VALUE", "LAST_VALUE"))
COUNTS = frozenset(("COUNT", "COUNTIF", "REGR_COUNT"))
"""Aggregates that are 0, not NULL, over no rows."""
_NULLS_CHOSEN = frozenset((*OFFSETS, *VALUES, "NTH_VALUE", "ARRAY_AGG", "ANY_VALUE"))


@dataclass(slots=True)
class Calls:
    """Binds aggregates and window functions of one query. allowed: what its present clause admits."""

    scope: Scope
    slots: Slots
    aggregates: bool = True
    windows: bool = True
    grouped: bool = False
    keys: list[Expr] = field(default_factory=list)

    def __call__(self, binder: Expressions, apply: Apply) -> Expr | None:
        """Return the slot of an aggregate or window function, None when the call is neither."""
        if apply.name in ("GROUPING", "GROUPING_ID", "GROUP_ID"):
            return self._grouping(binder, apply)
        if apply.over is not None:
            return self._window(binder, apply, apply.over)
        if apply.name in AGGREGATES:
            return self._aggregate(binder, apply)
        if apply.name in WINDOW_ONLY:
            raise SqlError(f"OVER clause is necessary for window functions: '{apply.name}'", apply.span)
        return None

    def _grouping(self, binder: Expressions, apply: Apply) -> Expr:
        if not self.aggregates or binder.in_aggregate:
            raise SqlError(f"{apply.name} operator may only occur in SELECT, HAVING or ORDER BY clause", apply.span)
        if (apply.name == "GROUP_ID") != (not apply.args):
            count = "0" if apply.name == "GROUP_ID" else "1 or more"
            raise SqlError(
                f"Invalid number of arguments to function '{apply.name}'. Was expecting {count} arguments", apply.span
            )
        args = tuple([binder.bind(a) for a in apply.args]) if apply.args else None
        return self.slots.add(GroupingSlot(args, BIGINT), apply.span)

    def _aggregate(self, binder: Expressions, apply: Apply) -> Expr:
        if binder.in_aggregate:
            raise SqlError("Aggregate expressions cannot be nested", apply.span)
        if not self.aggregates:
            raise SqlError(f"Aggregate expression is illegal in this clause: '{apply.name}'", apply.span)
        inner = replace(binder, in_aggregate=True, aliases={})
        args, result = self._typed(inner, apply)
        condition = None if apply.filter is None else inner.condition(apply.filter, "FILTER")
        order = sort_keys(inner, apply.order)
        name = SYNONYMS.get(apply.name, apply.name)
        reads = set[int]().union(*(columns_of(e) for e in (*args, *(k.expr for k in order))))
        if reads and max(reads) < 0:
            raise NotSupported("an aggregate of columns of an outer query", apply.span)
        if name not in COUNTS and (condition is not None or not self.grouped):
            result = result.with_nullable(True)
        call = AggregateCall(name, args, name.lower(), apply.distinct, condition, order, apply.ignore_nulls)
        return self.slots.add(AggregateSlot(call, result), apply.span)

    def _typed(self, binder: Expressions, apply: Apply) -> tuple[tuple[Expr, ...], SqlType]:
        name = SYNONYMS.get(apply.name, apply.name)
        if apply.ignore_nulls and name not in _NULLS_CHOSEN:
            raise SqlError(f"Cannot specify IGNORE NULLS or RESPECT NULLS following '{apply.name}'", apply.span)
        if apply.star:
            return (), BIGINT
        if not apply.args:
            raise SqlError(
                f"Invalid number of arguments to function '{apply.name}'. Was expecting at least 1 argument", apply.span
            )
        args = binder.arguments(apply)
        try:
            signature = resolve_aggregate(name, [a.type for a in args], apply.distinct)
        except TypeMismatch as error:
            raise SqlError(str(error), apply.span) from None
        return tuple([coerce(a, t) for a, t in zip(args, signature.arguments, strict=True)]), signature.result

    # ----------------------------------------------------------------------------------------------------- windows

    def _window(self, binder: Expressions, apply: Apply, over: WindowSpec) -> Expr:
        if not self.windows or binder.in_aggregate:
            raise SqlError(f"Windowed aggregate expression is illegal in this clause: '{apply.name}'", apply.span)
        inner = replace(binder, grouped=replace(self, windows=False))
        partition = tuple([inner.bind(p) for p in over.partition])
        order = sort_keys(inner, over.order)
        condition = None if apply.filter is None else inner.condition(apply.filter, "FILTER")
        name = SYNONYMS.get(apply.name, apply.name)
        if name in WINDOW_ONLY and (apply.distinct or condition is not None):
            what = "DISTINCT" if apply.distinct else "FILTER"
            raise SqlError(f"'{name}' is no aggregate function: {what} is not allowed", apply.span)
        if apply.ignore_nulls and name not in _NULLS_CHOSEN:
            raise SqlError(f"Cannot specify IGNORE NULLS or RESPECT NULLS following '{apply.name}'", apply.span)
        frame: Frame | None = None
        if name in OFFSETS:
            args, result = self._offset(inner, apply)
            if not order:
                raise SqlError("LAG or LEAD functions require ORDER BY clause in window specification", over.span)
        elif name in WINDOW_ONLY:
            args, result = self._placed(inner, apply, name, over)
            frame = _frame(inner, over, order) if name == "NTH_VALUE" else None
        elif name in AGGREGATES:
            args, result = self._typed(inner, apply)
            frame = _frame(inner, over, order)
            if name not in COUNTS:
                result = result.with_nullable(True)
        else:
            raise NotSupported(f"window function {apply.name}", apply.span)
        distinct = apply.distinct and name not in VALUES
        call = WindowCall(name, args, frame, apply.ignore_nulls, condition, distinct)
        return self.slots.add(WindowSlot(call, partition, order, result), apply.span)

    def _placed(
        self, binder: Expressions, apply: Apply, name: str, over: WindowSpec
    ) -> tuple[tuple[Expr, ...], SqlType]:
        """Bind a rank, NTILE or NTH_VALUE; the last argument of the latter two is a number from 1."""
        args = binder.arguments(apply)
        try:
            signature = resolve_window(name, [a.type for a in args])
        except TypeMismatch as error:
            raise SqlError(str(error), apply.span) from None
        if name in RANKS:
            if not over.order and name != "ROW_NUMBER":
                raise SqlError(
                    "RANK or DENSE_RANK functions require ORDER BY clause in window specification", over.span
                )
            return args, signature.result
        number = args[-1]
        if not isinstance(number, Literal) or not isinstance(number.value, int):
            raise NotSupported(f"{apply.name} with a number that is not constant", apply.span)
        if number.value < 1:
            raise SqlError(f"Argument to function '{apply.name}' must be a positive integer literal", apply.span)
        return args, signature.result

    def _offset(self, binder: Expressions, apply: Apply) -> tuple[tuple[Expr, ...], SqlType]:
        args = binder.arguments(apply)
        if not 1 <= len(args) <= 3:
            raise SqlError(
                f"Invalid number of arguments to function '{apply.name}'. Was expecting 1 to 3 arguments", apply.span
            )
        value = args[0]
        distance = args[1] if len(args) > 1 else Literal(1, SqlType(Kind.INTEGER, False), apply.span)
        if not isinstance(distance, Literal) or not isinstance(distance.value, int):
            raise NotSupported(f"{apply.name} with an offset that is not constant", apply.span)
        default: Expr = Literal(None, value.type.with_nullable(True), apply.span)
        if len(args) > 2:
            default = exactly(args[2], value.type)
        nullable = value.type.nullable or default.type.nullable
        return (value, distance, default), value.type.with_nullable(nullable)


def sort_keys(binder: Expressions, items: Sequence[OrderItem]) -> tuple[SortKey, ...]:
    """Bind ORDER BY items. NULL is the least value where the text does not say where nulls go.

    Source: default null collation of the dialect (low).
    """
    keys = []
    for item in items:
        nulls_first = not item.descending if item.nulls_first is None else item.nulls_first
        keys.append(SortKey(binder.bind(item.expression), item.descending, nulls_first))
    return tuple(keys)


def _frame(binder: Expressions, over: WindowSpec, order: tuple[SortKey, ...]) -> Frame:
    if over.unit is None:
        return Frame("range", None, 0) if order else Frame("rows", None, None)
    if over.unit == "range" and (over.start, over.end) and len(order) != 1:
        bounded = any(b is not None and b.offset is not None for b in (over.start, over.end))
        if bounded:
            raise NotSupported("RANGE with an offset and not exactly one ORDER BY column", over.span)
    start = _bound(binder, over.start, over.unit, order, over.span)
    end = 0 if over.end is None else _bound(binder, over.end, over.unit, order, over.span)
    if start is not None and end is not None and start > end:
        raise SqlError("The lower bound of a window frame lies after its upper bound", over.span)
    return Frame(over.unit, start, end)


def _bound(
    binder: Expressions,
    bound: FrameBound | None,
    unit: Word["rows", "range"],
    order: tuple[SortKey, ...],
    span: Span | None,
) -> int | None:
    if bound is None or (bound.offset is None and not bound.current):
        return None
    if bound.current or bound.offset is None:
        return 0
    value = binder.bind(bound.offset)
    if not isinstance(value, Literal) or not isinstance(value.value, int) or isinstance(value.value, bool):
        raise NotSupported("a window frame bound that is not a constant", span)
    distance = value.value
    if distance < 0:
        raise SqlError("A window frame bound must not be negative", span)
    if value.type.kind not in INTEGERS:
        if unit == "rows":
            raise SqlError("A ROWS frame is bounded by a number of rows", span)
        distance = _in_key_units(distance, value.type, order[0].expr.type, span)
    elif unit == "range":
        distance = _scaled(distance, order[0].expr.type, span)
    return distance if bound.following else -distance


def _in_key_units(distance: int, interval: SqlType, key: SqlType, span: Span | None) -> int:
    if interval.kind is not Kind.INTERVAL_MICROS:
        raise NotSupported("a window frame bounded by months", span)
    if key.kind in (Kind.TIMESTAMP, Kind.TIMESTAMP_TZ):
        return distance
    if key.kind is Kind.TIME:
        return distance * 1000
    if key.kind is Kind.DATE and distance % 86_400_000_000 == 0:
        return distance // 86_400_000_000
    raise SqlError("The bound of a RANGE frame does not match the type of its ORDER BY column", span)


def _scaled(distance: int, key: SqlType, span: Span | None) -> int:
    if key.kind in INTEGERS:
        return distance
    if key.kind is Kind.DECIMAL and not key.pooled:
        return distance * int(10 ** (key.scale or 0))
    raise NotSupported(f"RANGE with a number over a column of type {key.kind.value}", span)
