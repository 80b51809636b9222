"""FROM: tables, views, subqueries, joins, UNNEST and windowing functions to a plan and the names it brings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal as Word

from penstock.data.types import Field, Kind, SqlType
from penstock.sql.binder.asof import asof_join
from penstock.sql.binder.catalog import Catalog
from penstock.sql.binder.coerce import common, names_of
from penstock.sql.binder.decorrelate import is_free
from penstock.sql.binder.expressions import BindQuery, Expressions
from penstock.sql.binder.matching import outer_join, padded, unmatched
from penstock.sql.binder.names import Frame, Scope, Visible, scope_of
from penstock.sql.binder.pivot import pivot, unpivot
from penstock.sql.binder.sessions import session
from penstock.sql.binder.shape import one_row, where
from penstock.sql.binder.slots import SLOT, Slots, SubquerySlot
from penstock.sql.binder.special import both, present
from penstock.sql.binder.subqueries import lateral
from penstock.sql.binder.unnesting import unnest_together
from penstock.sql.diagnostics import NotSupported, SqlError
from penstock.sql.parser.ast import (
    Apply,
    Constant,
    DerivedTable,
    Expression,
    FromItem,
    JoinRef,
    Name,
    PivotRef,
    TableFunction,
    TableRef,
    UnnestRef,
    UnpivotRef,
)
from penstock.sql.plan.expr import Case, ColumnRef, Expr, Literal, Span
from penstock.sql.plan.keys import key_of
from penstock.sql.plan.nodes import Hop, Join, JoinKey, Node, Unnest
from penstock.sql.plan.walk import columns_of, conjuncts, remap

Attach = Callable[[Node, Scope, Expression], Node]
"""attach(node, scope, condition) -> the rows of node for which the condition, which may hold subqueries, is true."""


@dataclass(frozen=True, slots=True)
class Shared:
    """A query of WITH: planned once. frame: where its outer columns, if any, belong."""

    node: Node
    names: tuple[str, ...]
    frame: Frame


@dataclass(slots=True)
class Sources:
    """Binds the FROM of one query."""

    catalog: Catalog
    frame: Frame
    withs: dict[str, Shared]
    bind_query: BindQuery
    filter: Attach
    slots: Slots = field(default_factory=Slots)

    def bind(self, item: FromItem) -> tuple[Node, Scope]:
        """Return the plan and the scope of one item of FROM."""
        match item:
            case TableRef():
                return self._table(item)
            case DerivedTable():
                node, names = self.bind_query(item.query, self.frame)
                return node, self.named(node, names, item.alias, item.columns, item.span)
            case UnnestRef():
                return self._unnest(item, one_row(), Scope([], self.frame), False)
            case TableFunction():
                return self._windowed(item)
            case PivotRef():
                return pivot(self, item)
            case UnpivotRef():
                return unpivot(self, item)
            case JoinRef():
                return self._join(item)

    def _table(self, item: TableRef) -> tuple[Node, Scope]:
        shared = self.withs.get(item.name.text)
        if shared is not None:
            if shared.frame is not self.frame and is_free(shared.node):
                raise NotSupported("a correlated WITH query used in a nested query", item.span)
            node, names = shared.node, list(shared.names)
        else:
            node, schema = self.catalog.relation(item.name)
            names = [f.name for f in schema]
        return node, self.named(node, names, item.alias or item.name, item.columns, item.span)

    def named(
        self, node: Node, names: Sequence[str], alias: Name | None, renamed: Sequence[Name], span: Span | None
    ) -> Scope:
        """Return the scope of one relation under an alias, with its columns renamed if the text does."""
        if renamed and len(renamed) != len(names):
            raise SqlError(
                f"List of column aliases must have same degree as table; table has {len(names)} columns, "
                f"whereas alias list has {len(renamed)} columns",
                span,
            )
        shown = [n.text for n in renamed] if renamed else list(names)
        return scope_of(None if alias is None else alias.text, node.schema, self.frame, shown)

    def expressions(self, scope: Scope) -> Expressions:
        """Return the binder of expressions in FROM, where only names and calls are of use."""
        return Expressions(self.catalog, scope, self.slots, self.bind_query)

    # ------------------------------------------------------------------------------------------------------- joins

    def _join(self, item: JoinRef) -> tuple[Node, Scope]:
        left, left_scope = self.bind(item.left)
        right_item = item.right
        if isinstance(right_item, UnnestRef):
            outer = self._is_outer(item)
            return self._unnest(right_item, left, left_scope, outer)
        if isinstance(right_item, DerivedTable) and right_item.lateral:
            return self._lateral(item, right_item, left, left_scope)
        right, right_scope = self.bind(right_item)
        width = len(left.schema)
        for table in {c.table for c in right_scope.columns if c.table is not None}:
            if left_scope.has_table(table):
                raise SqlError(f"Duplicate relation name '{table}' in FROM clause", item.right.span)
        kind = item.kind
        if kind == "inner asof":
            raise SqlError("Currently only left asof joins are supported.", item.span)
        schema = _joined_schema(left, right, kind)
        scope = Scope(
            _moved(left_scope, schema, 0) + _moved(right_scope, schema, width),
            self.frame,
        )
        if kind == "asof":
            return asof_join(self.expressions(scope), item, left, right, schema), scope
        if item.using or item.natural:
            return self._using(item, left, left_scope, right, right_scope, scope)
        if item.on is not None and item.kind in ("left", "right"):
            item, left, right = self._asked_first(item, (left, left_scope), (right, right_scope), scope)
        return self._on(item, left, right, scope), self._visible(item, left_scope, scope)

    def _asked_first(
        self, item: JoinRef, left: tuple[Node, Scope], right: tuple[Node, Scope], scope: Scope
    ) -> tuple[JoinRef, Node, Node]:
        """Filter the padded side of an outer join by the conditions with subqueries that ask for its columns only."""
        assert item.on is not None
        nodes = {"left": left[0], "right": right[0]}
        padded, own = ("right", right[1]) if item.kind == "left" else ("left", left[1])
        split = len(left[0].schema)
        rest: list[Expression] = []
        for part in _and_parts(item.on):
            used = self._reads(part, scope)
            mine = used is not None and all((i >= split) == (padded == "right") for i in used)
            if mine:
                nodes[padded] = self.filter(nodes[padded], own, part)
            else:
                rest.append(part)
        condition = rest[0] if rest else Constant("boolean", "TRUE", item.on.span)
        for part in rest[1:]:
            condition = Apply("AND", (condition, part), item.on.span)
        return replace(item, on=condition), nodes["left"], nodes["right"]

    def _reads(self, part: Expression, scope: Scope) -> set[int] | None:
        """Return the columns that a condition with subqueries reads; None for one without."""
        slots = Slots()
        condition = Expressions(self.catalog, scope, slots, self.bind_query).condition(part, "ON")
        subqueries = [s for s in slots.items if isinstance(s, SubquerySlot)]
        if not subqueries or len(subqueries) < len(slots.items):
            return None
        used = {i for i in columns_of(condition) if i < SLOT}
        for slot in subqueries:
            for expr in (*slot.operands, *slot.frame.variables):
                used |= {i for i in columns_of(expr) if i < SLOT}
        return used

    def _visible(self, item: JoinRef, left_scope: Scope, scope: Scope) -> Scope:
        if item.kind in ("semi", "anti"):
            return Scope(scope.columns[: len(left_scope.columns)], self.frame)
        return scope

    def _on(self, item: JoinRef, left: Node, right: Node, scope: Scope) -> Node:
        kind = _join_kind(item)
        schema = left.schema if kind in ("semi", "anti") else _joined_schema(left, right, kind)
        if item.on is None:
            return Join(kind, left, right, (), None, schema)
        binder = self.expressions(scope)
        condition = binder.condition(item.on, "ON")
        if any(i >= SLOT for i in columns_of(condition)):
            pairs = Join("inner", left, right, (), None, scope_row(left, right))
            matched = self.filter(pairs, scope, item.on)
            return matched if kind == "inner" else outer_join(kind, left, right, matched)
        keys, residual = split_condition(condition, len(left.schema), len(scope_row(left, right)))
        return Join(kind, left, right, keys, residual, schema)

    def _using(
        self, item: JoinRef, left: Node, left_scope: Scope, right: Node, right_scope: Scope, scope: Scope
    ) -> tuple[Node, Scope]:
        kind = item.kind
        assert kind in ("inner", "left", "right", "full", "cross")
        if item.using:
            names = [n.text for n in item.using]
        else:
            mine = [c.name for c in left_scope.columns if c.in_star]
            yours = {c.name for c in right_scope.columns if c.in_star}
            names = [n for n in mine if n in yours]
        spans = {n.text: n.span for n in item.using}
        width = len(left.schema)
        keys, merged = [], []
        for name in names:
            first, second = left_scope.local(name, spans.get(name)), right_scope.local(name, spans.get(name))
            if first is None or second is None:
                raise SqlError(f"Column '{name}' not found in any table", spans.get(name) or item.span)
            message = f"Column '{name}' matched using NATURAL keyword or USING clause has incompatible types"
            (a, b), _ = common([first, second], message, spans.get(name) or item.span)
            if a.type.kind is Kind.STRUCT:
                text = "ROW values cannot be compared using '='; use ON with IS NOT DISTINCT FROM"
                raise SqlError(text, spans.get(name) or item.span)
            keys.append(JoinKey(a, b))
            merged.append(Visible(None, name, self._merged(kind, name, scope, width, left_scope, a, b)))
        node = Join(
            "inner" if kind == "cross" else kind, left, right, tuple(keys), None, _joined_schema(left, right, kind)
        )
        rest = [replace(c, in_star=c.in_star and c.name not in names) for c in scope.columns]
        return node, Scope(merged + rest, self.frame)

    def _merged(self, kind: str, name: str, scope: Scope, width: int, left_scope: Scope, a: Expr, b: Expr) -> Expr:
        split = len(left_scope.columns)
        first = next(c.expr for c in scope.columns[:split] if c.name == name and c.in_star)
        second = next(c.expr for c in scope.columns[split:] if c.name == name and c.in_star)
        if kind == "right":
            return second
        if kind != "full":
            return first
        (x, y), shared = common([first, second], f"Column '{name}' has incompatible types", None)
        return Case(((present(x), x),), y, shared)

    # ------------------------------------------------------------------------------------------- lateral and unnest

    def _is_outer(self, item: JoinRef) -> bool:
        trivial = item.on is None or _is_true(item.on)
        if item.using or item.natural or not trivial or item.kind not in ("inner", "cross", "left"):
            raise NotSupported("a join with UNNEST or LATERAL other than CROSS JOIN or ON TRUE", item.span)
        return item.kind == "left"

    def _lateral(self, item: JoinRef, right: DerivedTable, left: Node, left_scope: Scope) -> tuple[Node, Scope]:
        inner = Frame(left_scope)
        plan, names = self.bind_query(right.query, inner)
        plain = item.kind in ("inner", "left") and item.on is not None and not _is_true(item.on)
        outer = False if plain else self._is_outer(item)
        node = lateral(left, plan, inner, "left" if outer else "inner", right.span)
        width = len(left.schema)
        own = scope_of(None if right.alias is None else right.alias.text, plan.schema, self.frame, names)
        if right.columns:
            own = self.named(plan, names, right.alias, right.columns, right.span)
        scope = Scope(_moved(left_scope, node.schema, 0) + _moved(own, node.schema, width), self.frame)
        if plain:
            assert item.on is not None
            node = self.filter(node, scope, item.on)
            if item.kind == "left":
                node = padded(node, unmatched(left, node, 0), width)
                scope = Scope(_moved(scope, node.schema, 0), self.frame)
        return node, scope

    def _unnest(self, item: UnnestRef, node: Node, scope: Scope, outer: bool) -> tuple[Node, Scope]:
        binder = self.expressions(scope)
        collections = [binder.bind(e) for e in item.expressions]
        if any(i >= SLOT for collection in collections for i in columns_of(collection)):
            raise NotSupported("a subquery in UNNEST", item.span)
        several = len(collections) > 1
        added = [f for c in collections for f in self._elements(c, outer or several, item.span)]
        if item.ordinality:
            added.append(Field("ordinality", SqlType(Kind.INTEGER, outer)))
        names = [f.name for f in added]
        if item.columns:
            if len(item.columns) != len(names):
                raise SqlError(
                    f"List of column aliases must have same degree as table; table has {len(names)} columns, "
                    f"whereas alias list has {len(item.columns)} columns",
                    item.span,
                )
            names = [n.text for n in item.columns]
        elif item.alias is not None and len(added) == 1:
            names = [item.alias.text]
        width = len(node.schema)
        made: Node
        if several:
            made = unnest_together(binder, node, collections, added, item.ordinality, outer)
        else:
            made = Unnest(node, collections[0], item.ordinality, outer, node.schema + tuple(added))
        table = None if item.alias is None else item.alias.text
        own = [
            Visible(table, n, ColumnRef(width + i, f.type)) for i, (n, f) in enumerate(zip(names, added, strict=True))
        ]
        return made, Scope(scope.columns + own, self.frame)

    def _elements(self, collection: Expr, outer: bool, span: Span | None) -> list[Field]:
        kind = collection.type
        if kind.kind is Kind.ARRAY and kind.element is not None:
            element = kind.element
            if element.kind is Kind.STRUCT:
                null = outer or element.nullable
                return [Field(f.name, f.type.with_nullable(null or f.type.nullable)) for f in element.fields]
            return [Field("EXPR$0", element.with_nullable(outer or element.nullable))]
        if kind.kind is Kind.MAP and kind.key is not None and kind.element is not None:
            key = kind.key.with_nullable(outer)
            return [Field("key", key), Field("value", kind.element.with_nullable(True))]
        raise SqlError(f"Cannot apply 'UNNEST' to arguments of type 'UNNEST({names_of([kind])})'", span)

    # ------------------------------------------------------------------------------------ TUMBLE, HOP, SESSION

    def _windowed(self, item: TableFunction) -> tuple[Node, Scope]:
        name = item.function.upper()
        if name not in ("TUMBLE", "HOP", "SESSION"):
            raise NotSupported(f"table function {name}", item.span)
        if item.input is None:
            raise SqlError(f"Function '{name}' needs a table: {name}(TABLE t, DESCRIPTOR(column), ...)", item.span)
        node, scope = self.bind(item.input)
        binder = self.expressions(scope)
        if len(item.descriptor) != 1:
            raise SqlError(f"Function '{name}' expects a descriptor of one column", item.span)
        column = item.descriptor[0]
        time = scope.local(column.text, column.span)
        if time is None:
            raise SqlError(f"Column '{column.text}' not found in any table", column.span)
        made: Node
        if name == "SESSION":
            keys, gap = self._session_arguments(binder, item)
            made = session(node, time, keys, gap, item.span)
        else:
            made = hop(node, time, name, [binder.bind(a) for a in item.arguments], item.span)
        names = [c.name for c in scope.columns] + ["window_start", "window_end"]
        table = item.alias
        return made, self.named(made, names, table, item.columns, item.span)

    def _session_arguments(self, binder: Expressions, item: TableFunction) -> tuple[list[Expr], Expr]:
        """Return the columns of the key's descriptor, if there is one, and the gap."""
        *keys, gap = item.arguments or (None,)
        if gap is None or len(keys) > 1 or (keys and not (isinstance(keys[0], Apply) and keys[0].name == "DESCRIPTOR")):
            raise SqlError("Invalid number of arguments to function 'SESSION'", item.span)
        columns = keys[0].args if keys and isinstance(keys[0], Apply) else ()
        return [binder.bind(c) for c in columns], binder.bind(gap)


def hop(node: Node, time: Expr, name: str, bounds: Sequence[Expr], span: Span | None) -> Hop:
    """Return the assignment of rows to windows. bounds: TUMBLE's size, or HOP's slide and size, then the offset."""
    least = 1 if name == "TUMBLE" else 2
    shown = names_of([b.type for b in bounds])
    wrong = SqlError(f"Cannot apply '{name}' to arguments of type '{name}({names_of([time.type])}, {shown})'", span)
    if time.type.kind not in (Kind.TIMESTAMP, Kind.TIMESTAMP_TZ, Kind.DATE):
        raise wrong
    if not least <= len(bounds) <= least + 1:
        raise SqlError(f"Invalid number of arguments to function '{name}'", span)
    unit = 86_400_000_000 if time.type.kind is Kind.DATE else 1
    values = []
    for bound in bounds:
        if bound.type.kind is Kind.INTERVAL_MONTHS:
            raise NotSupported(f"{name} with an interval of months", span)
        if bound.type.kind is not Kind.INTERVAL_MICROS:
            raise wrong
        if not isinstance(bound, Literal) or not isinstance(bound.value, int):
            raise NotSupported(f"{name} with an interval that is not constant", span)
        if bound.value % unit:
            raise SqlError(f"The intervals of '{name}' over a DATE must be whole days", span)
        values.append(bound.value // unit)
    slide, size = values[0], values[least - 1]
    if slide <= 0 or size <= 0:
        raise SqlError(f"The intervals of '{name}' must be positive", span)
    offset = values[least] if len(values) > least else 0
    edge = time.type.with_nullable(False)
    added = (Field("window_start", edge), Field("window_end", edge))
    kept = where(node, present(time)) if time.type.nullable else node
    return Hop(kept, time, slide, size, offset, node.schema + added)


def scope_row(left: Node, right: Node) -> tuple[Field, ...]:
    """Return the row of left columns followed by right columns."""
    return left.schema + right.schema


def split_condition(condition: Expr, split: int, width: int) -> tuple[tuple[JoinKey, ...], Expr | None]:
    """Return the equalities of a join condition as keys, and the rest."""
    keys, rest = [], []
    for part in conjuncts(condition):
        if isinstance(part, Literal) and part.value is True:
            continue
        key = key_of(part, split, width)
        if key is None:
            rest.append(part)
        else:
            keys.append(key)
    return tuple(keys), both(rest) if rest else None


def _is_true(condition: Expression) -> bool:
    return isinstance(condition, Constant) and condition.text.upper() == "TRUE"


def _and_parts(condition: Expression) -> list[Expression]:
    if isinstance(condition, Apply) and condition.name == "AND":
        return [p for a in condition.args for p in _and_parts(a)]
    return [condition]


def _joined_schema(left: Node, right: Node, kind: str) -> tuple[Field, ...]:
    first, second = left.schema, right.schema
    if kind in ("left", "full", "asof"):
        second = tuple([Field(f.name, f.type.with_nullable(True)) for f in second])
    if kind in ("right", "full"):
        first = tuple([Field(f.name, f.type.with_nullable(True)) for f in first])
    return first + second


def _moved(scope: Scope, schema: tuple[Field, ...], offset: int) -> list[Visible]:
    """The scope's columns at their place in a wider row, with that row's types."""

    def move(column: ColumnRef) -> Expr:
        if column.index < 0:
            return column
        at = column.index + offset
        return replace(column, index=at, type=schema[at].type)

    moved = []
    for c in scope.columns:
        expr = remap(c.expr, move, len(schema))
        if not isinstance(expr, ColumnRef) and any(schema[i].type.nullable for i in columns_of(expr) if i >= 0):
            expr = replace(expr, type=expr.type.with_nullable(True))
        moved.append(replace(c, expr=expr))
    return moved


def _join_kind(item: JoinRef) -> Word["inner", "left", "right", "full", "semi", "anti"]:
    if item.kind == "cross":
        return "inner"
    if item.kind == "asof" or item.kind == "inner asof":
        raise NotSupported("this form of ASOF JOIN", item.span)
    return item.kind
