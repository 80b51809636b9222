"""One SELECT: from the names of FROM to a plan.

The clauses are bound first, over the row of FROM, with slots for what is computed elsewhere. Then the operators are put
together in the order in which SQL evaluates them: WHERE, groups, subqueries, HAVING, windows, QUALIFY, SELECT, DISTINCT
and LIMIT.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from penstock.data.types import Field, Kind
from penstock.sql.binder.aggregates import Calls, sort_keys
from penstock.sql.binder.catalog import Catalog
from penstock.sql.binder.expressions import BindQuery, Expressions
from penstock.sql.binder.grouping import Grouping, Regroup, aggregate
from penstock.sql.binder.names import Frame, Scope, Visible
from penstock.sql.binder.shape import columns, keep, one_row, project, where
from penstock.sql.binder.slots import AggregateSlot, GroupingSlot, Slots, SubquerySlot, WindowSlot, slots_in
from penstock.sql.binder.sources import Shared, Sources, hop
from penstock.sql.binder.special import both
from penstock.sql.binder.subqueries import attach, restrict
from penstock.sql.diagnostics import NotSupported, SqlError
from penstock.sql.parser.ast import (
    Apply,
    Constant,
    Expression,
    Identifier,
    OrderItem,
    Select,
    SelectItem,
    Star,
)
from penstock.sql.plan.expr import Call, ColumnRef, Expr, Literal, SortKey
from penstock.sql.plan.nodes import Distinct, Node, TopK, Window
from penstock.sql.plan.walk import bare, columns_of, map_sort, map_window_call

GROUP_WINDOWS = frozenset(("TUMBLE", "HOP"))
_EDGES = {
    "TUMBLE": 0,
    "HOP": 0,
    "TUMBLE_START": 0,
    "HOP_START": 0,
    "TUMBLE_END": 1,
    "HOP_END": 1,
}


@dataclass(frozen=True, slots=True)
class Limit:
    """LIMIT and OFFSET of a query. limit None: no bound."""

    limit: int | None
    offset: int


@dataclass(slots=True)
class Block:
    """Binds one SELECT and keeps what its clauses share."""

    catalog: Catalog
    frame: Frame
    withs: dict[str, Shared]
    bind_query: BindQuery
    slots: Slots = field(default_factory=Slots)
    node: Node = field(default_factory=one_row)
    scope: Scope = field(default_factory=lambda: Scope([], Frame()))
    window_edges: tuple[Expr, Expr] | None = None

    def bind(self, select: Select, order: Sequence[OrderItem], limit: Limit | None) -> tuple[Node, list[str]]:
        """Return the plan and the output names. order counts only with a limit or DISTINCT ON."""
        sources = Sources(self.catalog, self.frame, self.withs, self.bind_query, self.filter)
        self.scope = Scope([], self.frame)
        if select.source is not None:
            self.node, self.scope = sources.bind(select.source)
        if select.where is not None:
            self.node = self.filter(self.node, self.scope, select.where)
        self._group_window(select)
        items = self._expand(select.items)
        aliases = {i.alias.text: i.expression for i in select.items if i.alias is not None}
        grouping = self._grouping(select, aliases, items)
        calls = Calls(self.scope, self.slots, grouped=grouping is not None and grouping.always_grouped)
        binder = Expressions(self.catalog, self.scope, self.slots, self.bind_query, self._calls(calls))
        exprs, names = self._items(binder, items)
        having = self._having(binder, select, aliases)
        qualify = None
        if select.qualify is not None:
            qualify = replace(binder, aliases=aliases).condition(select.qualify, "QUALIFY")
        on = [self._output(binder, e, exprs, aliases) for e in select.distinct_on]
        keys: tuple[SortKey, ...] = ()
        if limit is not None or on:
            keys = self._order(binder, order, exprs, names, aliases)
        if grouping is None and select.group is not None and select.group.all:
            grouping = self._group_all(exprs)
        finish = self._operators(grouping, having, exprs)
        if qualify is not None:
            self.node = where(self.node, finish(qualify))
        return self._output_rows(
            select, [finish(e) for e in exprs], names, [finish(e) for e in on], map_sort(keys, finish), limit
        )

    # ------------------------------------------------------------------------------------------------------- WHERE

    def filter(self, node: Node, scope: Scope, condition: Expression) -> Node:
        """Return the rows of node for which a condition is true; subqueries become joins."""
        width = len(node.schema)
        plain: list[Expr] = []
        joined: list[tuple[Expr, Slots]] = []
        for part in _and_parts(condition):
            slots = Slots()
            binder = Expressions(self.catalog, scope, slots, self.bind_query, _refuse)
            bound = binder.condition(part, "WHERE")
            if slots.items:
                joined.append((bound, slots))
            else:
                plain.append(bound)
        if plain:
            node = where(node, both(plain))
        for bound, slots in joined:
            node = self._filter_by(node, bound, slots)
        return keep(node, range(width)) if len(node.schema) > width else node

    def _filter_by(self, node: Node, bound: Expr, slots: Slots) -> Node:
        wanted, target = True, bound
        while isinstance(target, Call) and target.name == "NOT":
            wanted, target = not wanted, target.args[0]
        direct = slots_in({target.index}) if isinstance(target, ColumnRef) else set()
        for number, slot in enumerate(slots.items):
            assert isinstance(slot, SubquerySlot)
            width = len(node.schema)
            operands = [slots.settle(o, width) for o in slot.operands]
            variables = [slots.settle(v, width) for v in slot.frame.variables]
            if direct == {number}:
                done = restrict(node, slot, operands, variables, wanted)
                if done is not None:
                    return done
            node, value = attach(node, slot, operands, variables)
            slots.placed[number] = value
        return where(node, slots.settle(bound, len(node.schema)))

    # ---------------------------------------------------------------------------------------------------- GROUP BY

    def _group_window(self, select: Select) -> None:
        """Put GROUP BY TUMBLE(...) or HOP(...) below the groups: each row with its windows."""
        if select.group is None:
            return
        found = [e for e in select.group.expressions if isinstance(e, Apply) and e.name in GROUP_WINDOWS]
        if not found:
            return
        if len(found) > 1:
            raise NotSupported("several windows in GROUP BY", found[1].span)
        call = found[0]
        binder = Expressions(self.catalog, self.scope, self.slots, self.bind_query)
        args = [binder.bind(a) for a in call.args]
        if not args:
            raise SqlError(f"Invalid number of arguments to function '{call.name}'", call.span)
        width = len(self.node.schema)
        self.node = hop(self.node, args[0], call.name, args[1:], call.span)
        edges = columns(self.node, width)
        self.window_edges = (edges[0], edges[1])

    def _calls(self, calls: Calls) -> Callable[[Expressions, Apply], Expr | None]:
        """Recognise the edges of the window of GROUP BY besides aggregates."""
        edges = self.window_edges
        if edges is None:
            return calls

        def bind(binder: Expressions, apply: Apply) -> Expr | None:
            edge = _EDGES.get(apply.name)
            return calls(binder, apply) if edge is None else edges[edge]

        return bind

    def _grouping(self, select: Select, aliases: dict[str, Expression], items: list[_Item]) -> Grouping | None:
        group = select.group
        if group is None or group.all:
            return None
        calls = Calls(self.scope, self.slots, aggregates=False, windows=False)
        binder = Expressions(
            self.catalog, self.scope, self.slots, self.bind_query, self._calls(calls), aliases, alias_first=True
        )
        keys: list[Expr] = []

        def number(expression: Expression) -> list[int]:
            if isinstance(expression, Apply) and expression.name in GROUP_WINDOWS and self.window_edges is not None:
                bound = list(self.window_edges)
            else:
                bound = [self._key(binder, expression, items)]
            places = []
            for key in map(bare, bound):
                if key not in keys:
                    keys.append(key)
                places.append(keys.index(key))
            return places

        written = group.sets if group.sets else (group.expressions,)
        sets = [tuple(dict.fromkeys(p for e in chosen for p in number(e))) for chosen in written]
        if group.distinct:
            sets = list({frozenset(chosen): chosen for chosen in sets}.values())
        return Grouping(keys, sets)

    def _key(self, binder: Expressions, expression: Expression, items: list[_Item]) -> Expr:
        if isinstance(expression, Constant) and expression.kind == "number" and expression.text.isdigit():
            ordinal = int(expression.text)
            if not 1 <= ordinal <= len(items):
                raise SqlError("Ordinal out of range", expression.span)
            return items[ordinal - 1].bind(binder)
        return binder.bind(expression)

    def _group_all(self, exprs: Sequence[Expr]) -> Grouping:
        """Group by the output expressions that have no aggregate in them."""
        keys: list[Expr] = []
        for expr in exprs:
            used = slots_in(columns_of(expr))
            if not any(isinstance(self.slots.items[i], (AggregateSlot, GroupingSlot)) for i in used):
                key = bare(expr)
                if key not in keys:
                    keys.append(key)
        return Grouping(keys, [tuple(range(len(keys)))])

    # ------------------------------------------------------------------------------------------------------ SELECT

    def _expand(self, items: Sequence[SelectItem]) -> list[_Item]:
        expanded: list[_Item] = []
        for item in items:
            if isinstance(item.expression, Star):
                expanded += self._star(item.expression)
            else:
                expanded.append(_Item(item.expression, None, _name_of(item)))
        return expanded

    def _star(self, star: Star) -> list[_Item]:
        if star.table is None:
            shown = [c for c in self.scope.columns if c.in_star]
        else:
            shown = [c for c in self.scope.columns if c.table == star.table.text]
            if not shown:
                raise SqlError(f"Unknown identifier '{star.table.text}'", star.span)
        if not self.scope.columns:
            raise SqlError("SELECT * requires a FROM clause", star.span)
        names = {c.name for c in shown}
        for name in (*star.exclude, *[n for n, _ in star.replace]):
            if name.text not in names:
                raise SqlError(f"Column '{name.text}' not found in any table", name.span)
        excluded = {n.text for n in star.exclude}
        replaced = {n.text: e for n, e in star.replace}
        return [
            _Item(replaced.get(c.name), c if c.name not in replaced else None, c.name)
            for c in shown
            if c.name not in excluded
        ]

    def _items(self, binder: Expressions, items: Sequence[_Item]) -> tuple[list[Expr], list[str]]:
        """Bind the output; an expression may use the names of those before it."""
        exprs: list[Expr] = []
        names: list[str] = []
        known: dict[str, Expression] = {}
        for position, item in enumerate(items):
            exprs.append(item.bind(replace(binder, aliases=known)))
            names.append(item.name or f"EXPR${position}")
            if item.name is not None and item.expression is not None:
                known = {**known, item.name: item.expression}
        return exprs, names

    def _having(self, binder: Expressions, select: Select, aliases: dict[str, Expression]) -> Expr | None:
        if select.having is None:
            return None
        inner = replace(binder, aliases=aliases, alias_first=True)
        return inner.condition(select.having, "HAVING")

    def _output(
        self, binder: Expressions, expression: Expression, exprs: Sequence[Expr], aliases: dict[str, Expression]
    ) -> Expr:
        if isinstance(expression, Constant) and expression.kind == "number" and expression.text.isdigit():
            ordinal = int(expression.text)
            if not 1 <= ordinal <= len(exprs):
                raise SqlError("Ordinal out of range", expression.span)
            return exprs[ordinal - 1]
        return replace(binder, aliases=aliases, alias_first=True).bind(expression)

    def _order(
        self,
        binder: Expressions,
        order: Sequence[OrderItem],
        exprs: Sequence[Expr],
        names: Sequence[str],
        aliases: dict[str, Expression],
    ) -> tuple[SortKey, ...]:
        keys = sort_keys(binder, [replace(o, expression=Constant("null", "NULL", None)) for o in order])
        return tuple(
            [
                replace(k, expr=self._output(binder, o.expression, exprs, aliases))
                for k, o in zip(keys, order, strict=True)
            ]
        )

    # --------------------------------------------------------------------------------------------------- operators

    def _operators(
        self, grouping: Grouping | None, having: Expr | None, exprs: Sequence[Expr]
    ) -> Callable[[Expr], Expr]:
        """Build everything between WHERE and QUALIFY; return what turns a bound expression into one over the result."""
        items = self.slots.items
        grouped = grouping is not None or having is not None
        if grouped or any(isinstance(s, (AggregateSlot, GroupingSlot)) for s in items):
            grouping = grouping or Grouping([], [()])
            in_keys = slots_in(set[int]().union(*(columns_of(k) for k in grouping.keys)))
            for number, slot in enumerate(items):
                if isinstance(slot, SubquerySlot) and (slot.before or number in in_keys):
                    self._place(number, slot, lambda e: e)
            names = [f.name for f in self.node.schema]
            regroup = Regroup(grouping, names)
            width = len(self.node.schema)
            self.node = aggregate(self.node, grouping, self.slots, lambda e: self.slots.settle(e, width))
        else:
            regroup = None

        def finish(expr: Expr) -> Expr:
            return self.slots.settle(expr if regroup is None else regroup(expr), len(self.node.schema))

        over_groups: Callable[[Expr], Expr] = (lambda e: e) if regroup is None else regroup
        for number, slot in enumerate(items):
            if isinstance(slot, SubquerySlot) and number not in self.slots.placed:
                self._place(number, slot, over_groups)
        if having is not None:
            self.node = where(self.node, finish(having))
        self._windows(finish)
        return finish

    def _place(self, number: int, slot: SubquerySlot, read: Callable[[Expr], Expr]) -> None:
        width = len(self.node.schema)
        operands = [self.slots.settle(read(o), width) for o in slot.operands]
        variables = [self.slots.settle(read(v), width) for v in slot.frame.variables]
        self.node, self.slots.placed[number] = attach(self.node, slot, operands, variables)

    def _windows(self, finish: Callable[[Expr], Expr]) -> None:
        """One Window for each different OVER."""
        specs: dict[tuple[object, object], list[int]] = {}
        for number, slot in enumerate(self.slots.items):
            if isinstance(slot, WindowSlot):
                specs.setdefault((slot.partition, slot.order), []).append(number)
        for numbers in specs.values():
            first = self.slots.items[numbers[0]]
            assert isinstance(first, WindowSlot)
            partition = tuple([finish(p) for p in first.partition])
            order = map_sort(first.order, finish)
            calls, fields = [], []
            for number in numbers:
                slot = self.slots.items[number]
                assert isinstance(slot, WindowSlot)
                calls.append(map_window_call(slot.call, finish))
                fields.append(Field(f"{slot.call.name.lower()}{number}", slot.type))
            at = len(self.node.schema)
            self.node = Window(self.node, partition, order, tuple(calls), self.node.schema + tuple(fields))
            for place, number in enumerate(numbers):
                self.slots.placed[number] = ColumnRef(at + place, fields[place].type)

    def _output_rows(
        self,
        select: Select,
        exprs: list[Expr],
        names: list[str],
        on: list[Expr],
        order: tuple[SortKey, ...],
        limit: Limit | None,
    ) -> tuple[Node, list[str]]:
        if not on and limit is None:
            made = project(self.node, exprs, names)
            return (Distinct(made, made.schema) if select.distinct else made), names
        outputs = [bare(e) for e in exprs]
        wide = list(exprs)
        distinct = select.distinct and not on

        def column(expr: Expr) -> Expr:
            plain = bare(expr)
            if plain in outputs:
                at = outputs.index(plain)
            elif distinct:
                raise SqlError("Expression of ORDER BY is not in the select clause of SELECT DISTINCT", expr.span)
            else:
                at = len(wide)
                wide.append(expr)
                outputs.append(plain)
            return ColumnRef(at, wide[at].type)

        partition = tuple([column(e) for e in on])
        keys = map_sort(order, column)
        made = project(self.node, wide, [*names, *[f"sort{i}" for i in range(len(wide) - len(names))]])
        if distinct:
            made = Distinct(made, made.schema)
        if on:
            made = TopK(made, partition, keys, 1, 0, "row_number", False, made.schema)
        if limit is not None:
            made = top(made, keys, limit)
        return keep(made, range(len(names))), names


def top(node: Node, order: tuple[SortKey, ...], limit: Limit) -> Node:
    """Return the first rows of node in an order."""
    return TopK(node, (), order, limit.limit, limit.offset, "row_number", False, node.schema)


@dataclass(frozen=True, slots=True)
class _Item:
    """An output column: an expression, or a column that a star stands for."""

    expression: Expression | None
    column: Visible | None
    name: str | None

    def bind(self, binder: Expressions) -> Expr:
        if self.column is not None:
            return self.column.expr
        assert self.expression is not None
        return binder.bind(self.expression)


def _name_of(item: SelectItem) -> str | None:
    if item.alias is not None:
        return item.alias.text
    match item.expression:
        case Identifier(parts=parts):
            return parts[-1].text
        case Apply(name="FIELD", args=(_, Constant(text=text))):
            return text
    return None


def _and_parts(condition: Expression) -> list[Expression]:
    if isinstance(condition, Apply) and condition.name == "AND":
        return [p for a in condition.args for p in _and_parts(a)]
    return [condition]


def _refuse(binder: Expressions, apply: Apply) -> Expr | None:
    """Aggregates and windows are no part of WHERE and ON."""
    return Calls(binder.scope, binder.slots, aggregates=False, windows=False)(binder, apply)


def constant_count(expr: Expr, clause: str) -> int:
    """Return the number in LIMIT or OFFSET."""
    if isinstance(expr, Literal) and expr.type.kind in (Kind.INTEGER, Kind.BIGINT) and isinstance(expr.value, int):
        if expr.value < 0:
            raise SqlError(f"{clause} must not be negative", expr.span)
        return expr.value
    raise NotSupported(f"{clause} that is not a constant number", expr.span)
