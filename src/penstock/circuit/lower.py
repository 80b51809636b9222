"""Plan to circuit: one arm for each plan node. Nodes that are shared become one operator; so do equal arrangements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from penstock.circuit.circuit import CLOCK, Circuit, Output
from penstock.circuit.clock import CLOCK_SCHEMA, bind_clock, reads_clock
from penstock.circuit.lower_joins import JoinLowering, layout_of
from penstock.circuit.operator import Operator
from penstock.circuit.operators.aggregate import Aggregate
from penstock.circuit.operators.asof import AsofJoin
from penstock.circuit.operators.best import Best
from penstock.circuit.operators.distinct import Distinct
from penstock.circuit.operators.final import FinalRows, Held, LateRows
from penstock.circuit.operators.fixpoint import Fixpoint, VariableRows
from penstock.circuit.operators.hop import Hop
from penstock.circuit.operators.leaders import Leaders
from penstock.circuit.operators.linear import Linear
from penstock.circuit.operators.listed import ListedRows
from penstock.circuit.operators.panes import Panes
from penstock.circuit.operators.session import Session, SessionAggregate
from penstock.circuit.operators.session import serves as is_session
from penstock.circuit.operators.setops import SetOperation
from penstock.circuit.operators.standings import Standings
from penstock.circuit.operators.table import Lateness, Table, distance_of
from penstock.circuit.operators.temporal import Edge, TemporalFilter
from penstock.circuit.operators.topk import TopK
from penstock.circuit.operators.union import Union
from penstock.circuit.operators.unnest import Unnest
from penstock.circuit.operators.values import Values
from penstock.circuit.operators.window import Window
from penstock.circuit.retention import Retention
from penstock.circuit.temporal import Temporal, temporal
from penstock.data.fate import Fate
from penstock.data.pool import Pool
from penstock.data.rows import RowLayout
from penstock.data.types import BOOLEAN, Schema, SqlType
from penstock.data.zset import Contents
from penstock.sql.diagnostics import NotSupported
from penstock.sql.evaluate import compile_expr
from penstock.sql.plan import nodes
from penstock.sql.plan.carried import carried_views, fates
from penstock.sql.plan.expr import Call, ColumnRef, Expr
from penstock.sql.plan.recursion import components, declared, given_name, round_of, variable_name
from penstock.sql.plan.walk import children, columns_of, exprs_of
from penstock.sql.waterlines import (
    Lines,
    Waterline,
    Waterlines,
    comparable,
    key_lines,
    late_columns,
    of_expr,
    smallest,
)


def lower(program: nodes.Program, pool: Pool | None = None) -> Circuit:
    """Build the circuit of a compiled program. Raises NotSupported for what no operator maintains."""
    pool = Pool() if pool is None else pool
    with pool.keeping():
        return Lowering(program, pool).circuit


class Lowering(JoinLowering):
    """The circuit of one program in the making; `bounded` has its own way with some nodes."""

    def __init__(self, program: nodes.Program, pool: Pool) -> None:
        super().__init__(Circuit(pool, fates=fates(program)), pool)
        self._program = program
        self._built: dict[int, int] = {}
        self._bound: dict[int, nodes.Node] = {}
        self._append_only: dict[int, bool] = {}
        self._recursive: dict[str, int] = {}
        self._view_at: dict[str, int] = {}
        self._late_views: dict[str, dict[int, Waterline]] = {}
        self._temporal_parts: dict[int, Temporal | None] = {}
        self._temporal_at: dict[int, TemporalFilter] = {}
        self._components = components(program)
        self._ahead = declared(program)
        self._tables = {t.name: t for t in program.tables}
        self._views = {v.name: v for v in program.views}
        handed_out = carried_views(program)
        self._handed_out = {id(view.plan) for view in program.views if view.name in handed_out}
        self._uses = Counter[int]()
        for view in program.views:
            assert view.plan is not None
            self._count(view.plan)
        self._sources: dict[str, int] = {}
        self._table_lines: dict[str, dict[int, Waterline]] = {}
        self._kept: list[nodes.Node] = []
        self._readers: dict[int, list[list[Waterline | None]]] = {}
        self._lines = Lines(pool, lambda n: self._table_lines.get(n.table, {}), self._view_lines, self._clock_lines)
        for table in program.tables:
            self._table(table)
        for view in program.views:
            assert view.plan is not None
            try:
                at = self._view(view.name)
                if view.emit_final is not None:
                    at = self._final(view, view.emit_final, at)
            except NotSupported as refusal:
                raise NotSupported(refusal.feature, refusal.span or view.span) from None
            if not view.local:
                layout = RowLayout([f.type for f in view.schema])
                self._show(view, at, Contents(layout) if view.materialized else None)
        self._forget_arrangements()

    def _show(self, relation: nodes.Relation, at: int, contents: Contents | None) -> None:
        layout = RowLayout([f.type for f in relation.schema])
        self.circuit.outputs[relation.name] = Output(at, relation.schema, layout, contents)

    def _count(self, node: nodes.Node) -> None:
        """Count how many places use each node, so that a node is fused into its user only if it has no other."""
        self._uses[id(node)] += 1
        if self._uses[id(node)] == 1:
            for child in children(node):
                self._count(child)

    # ------------------------------------------------------------------------------------------------- plan nodes

    def node(self, node: nodes.Node) -> int:
        """Return the operator that gives a plan node, building it if there is none yet."""
        known = self._built.get(id(node))
        if known is None:
            parts = self._temporal(node)
            if parts is None:
                known = self._lower(self._without_clock(node))
            else:
                assert isinstance(node, nodes.Filter)
                known = self._temporal_filter(node, parts)
            self._built[id(node)] = known
        return known

    def _without_clock(self, node: nodes.Node) -> nodes.Node:
        bound = self._bound.get(id(node))
        if bound is None:
            bound = self._bound[id(node)] = bind_clock(node)
        return bound

    def _lower(self, node: nodes.Node) -> int:
        arms: dict[type, Callable[[Any], int]] = {
            nodes.Scan: self._scan,
            nodes.ViewScan: lambda n: self._view(n.view),
            nodes.Values: lambda n: self._add(n.schema, Values(n.rows, self._pool)),
            nodes.Filter: self._linear,
            nodes.Project: self._linear,
            nodes.Join: lambda n: self._join(n, None, n.schema),
            nodes.AsofJoin: lambda n: self._add(
                n.schema, AsofJoin(n, self._pool), self.node(n.left), self.node(n.right)
            ),
            nodes.Aggregate: self._aggregate,
            nodes.Distinct: self._distinct,
            nodes.UnionAll: lambda n: self._add(n.schema, Union(), *map(self.node, n.inputs)),
            nodes.SetOperation: self._set_operation,
            nodes.TopK: self._top,
            nodes.Window: self._window,
            nodes.Hop: lambda n: self._add(
                n.schema, Hop(n.time, n.slide, n.size, n.offset, self._pool), self.node(n.input)
            ),
            nodes.Unnest: self._unnest,
        }
        return arms[type(node)](node)

    def _view_plan(self, node: nodes.ViewScan) -> nodes.Node:
        plan = self._views[node.view].plan
        assert plan is not None
        return plan

    def _distinct(self, node: nodes.Distinct) -> int:
        at = self._add(node.schema, Distinct(layout_of(node.schema)), self.node(node.input))
        return self._forgets(at, self._lines.of(node.input))

    def _set_operation(self, node: nodes.SetOperation) -> int:
        operator = SetOperation(layout_of(node.schema), node.kind, node.all)
        at = self._add(node.schema, operator, self.node(node.left), self.node(node.right))
        return self._forgets(at, self._lines.of(node))

    def _window(self, node: nodes.Window) -> int:
        return self._ordered(
            node, node.schema, Session(node, self._pool) if is_session(node) else Window(node, self._pool)
        )

    def _ordered(self, node: nodes.Window, schema: Schema, operator: Window | Session | SessionAggregate) -> int:
        """Add an operator over a window's input, which forgets by the order or by the partition."""
        at = self._add(schema, operator, self.node(node.input))
        line = of_expr(node.order[0].expr, self._lines.of(node.input), self._pool) if node.order else None
        if line is not None and (behind := operator.behind()):
            self.circuit.retentions.append((at, Retention(behind, line)))
        return self._forgets(at, self._key_lines(node.partition, node.input))

    # ------------------------------------------------------------------------------------------------------- time

    def _table(self, table: nodes.Relation) -> None:
        """Add a table, and behind it what WATERMARK holds back."""
        operator = Table(table, self._pool)
        at = self._add(table.schema, operator)
        self.circuit.inputs[table.name] = at
        self._show(table, at, None)
        bounds = operator.lines()
        lines: dict[int, Waterline] = {i: bounds[i].line for i in late_columns(table)}
        self._forgets(at, lines)
        for i, column in enumerate(table.columns):
            if column.watermark is None:
                continue
            if table.primary_key:
                raise NotSupported("WATERMARK on a table with a primary key", column.watermark.span)
            held = Held(layout_of(table.schema), i, self._distance(column.watermark, table.schema[i].type))
            at = self._add(table.schema, held, at)
            line = smallest([lines.get(i), held.line])
            lines = {} if line is None else {i: line}
        self._sources[table.name] = at
        self._table_lines[table.name] = lines

    def _distance(self, delay: Expr, type: SqlType) -> int:
        return distance_of(type, delay.type, int(compile_expr(delay, self._pool)([], 1).words[0]))

    def _view(self, name: str) -> int:
        """Return the operator that gives a view's rows, without the late ones."""
        if name in self._view_at:
            return self._view_at[name]
        view = self._views[name]
        assert view.plan is not None
        at = self._variable(name) if name in self._ahead else self.node(view.plan)
        bounds = [
            Lateness(i, view.schema[i].type, self._distance(column.lateness, view.schema[i].type))
            for i, column in enumerate(view.columns)
            if column.lateness is not None
        ]
        if bounds:
            self._late_views[name] = {b.column: b.line for b in bounds if comparable(view.schema[b.column].type)}
            at = self._add(view.schema, LateRows(bounds), at)
        self._view_at[name] = at
        return at

    def _view_lines(self, node: nodes.ViewScan) -> Waterlines:
        self._view(node.view)
        own = self._late_views.get(node.view, {})
        return own if node.view in self._ahead else {**self._lines.of(self._view_plan(node)), **own}

    def _final(self, view: nodes.Relation, column: int, at: int) -> int:
        line = self._view_lines(nodes.ViewScan(view.name, view.schema)).get(column)
        if line is None:
            raise NotSupported(f"'emit_final' on column '{view.schema[column].name}'", view.span)
        operator = FinalRows(layout_of(view.schema), column, line)
        # Whatever comes in may raise the waterline, also where nothing of it gets this far.
        others = [*self.circuit.inputs.values(), *(self._view_at[name] for name in self._late_views)]
        return self._add(view.schema, operator, at, *others)

    def _temporal(self, node: nodes.Node) -> Temporal | None:
        if not isinstance(node, nodes.Filter) or not reads_clock(node.predicate):
            return None
        if id(node) not in self._temporal_parts:
            self._temporal_parts[id(node)] = temporal(node)
        return self._temporal_parts[id(node)]

    def _temporal_filter(self, node: nodes.Filter, parts: Temporal) -> int:
        below: nodes.Node = node.input
        if parts.rest:
            predicate = parts.rest[0] if len(parts.rest) == 1 else Call("AND", parts.rest, BOOLEAN)
            below = nodes.Filter(node.input, predicate, node.schema)
            self._kept.append(below)
        leaves, enters = (None if c is None else Edge(*c, self._pool) for c in (parts.leaves, parts.enters))
        operator = TemporalFilter(layout_of(node.schema), leaves, enters)
        clock = self._scan(nodes.Scan(CLOCK, CLOCK_SCHEMA))
        self._temporal_at[id(node)] = operator
        return self._add(node.schema, operator, self.node(below), clock)

    def _clock_lines(self, node: nodes.Filter) -> Waterlines:
        parts = self._temporal(node)
        if parts is None or parts.leaves is None or not isinstance(parts.leaves.row, ColumnRef):
            return {}
        self.node(node)
        return {parts.leaves.row.index: self._temporal_at[id(node)].leave_bound}

    def _key_lines(self, keys: Sequence[Expr], input: nodes.Node) -> dict[int, Waterline]:
        lines = self._lines.of(input)
        found = {i: of_expr(key, lines, self._pool) for i, key in enumerate(keys)}
        return {i: line for i, line in found.items() if line is not None}

    def _forgets(self, at: int, lines: Waterlines) -> int:
        """Have an operator forget what lies below one of the waterlines of what it is kept by."""
        for column, line in lines.items():
            forgetters = self.circuit.operators[at].operator.forgetters(column)
            if forgetters:
                self.circuit.retentions.append((at, Retention(forgetters, line)))
                break
        return at

    def _forget_arrangements(self) -> None:
        """Rows of an arrangement may go when none of its readers can ask for their key again."""
        for at, readers in self._readers.items():
            lines = {i: smallest([r[i] for r in readers]) for i in range(len(readers[0]))}
            self._forgets(at, {i: line for i, line in lines.items() if line is not None})

    def _read(self, at: int, node: nodes.Join, side: str, alone: bool) -> None:
        """Note who reads an arrangement: up to where. alone: its rows are asked for by the other side's only."""
        lines = key_lines(node, [self._lines.of(node.left), self._lines.of(node.right)], self._pool)
        other = 1 if side == "left" else 0
        self._readers.setdefault(at, []).append([pair[other] if alone else smallest(pair) for pair in lines])

    # -------------------------------------------------------------------------------------------------- recursion

    def _variable(self, view: str) -> int:
        """Return the operator that gives the rows of a view that was declared ahead."""
        if view not in self._recursive:
            self._fixpoint(next(c for c in self._components if view in c))
        return self._recursive[view]

    def _fixpoint(self, component: frozenset[str]) -> None:
        one = round_of(self._program, component)
        inner = Lowering(nodes.Program((), ()), self._pool)
        inner.circuit.collector = self.circuit.collector
        given = [(given_name(i), g) for i, g in enumerate(one.given)]
        names = {variable_name(view): view for view in one.variables}
        layouts = {name: layout_of(self._views[view].schema) for name, view in names.items()}
        for name, schema in [
            *((name, g.node.schema) for name, g in given),
            *((name, self._views[view].schema) for name, view in names.items()),
        ]:
            inner.circuit.inputs[name] = inner._add(schema, Union())
        for plan in one.variables.values():
            inner._count(plan)
        for view, plan in one.variables.items():
            name = variable_name(view)
            inner.circuit.outputs[name] = Output(inner.node(plan), plan.schema, layouts[name])
        fixpoint = Fixpoint(inner.circuit, layouts, [(n, layout_of(g.node.schema), g.adds) for n, g in given], names)
        at = self._add((), fixpoint, *[self.node(g.node) for _, g in given])
        for view in one.variables:
            self._recursive[view] = self._add(self._views[view].schema, VariableRows(fixpoint, view), at)

    # ----------------------------------------------------------------------------------------------------- leaves

    def _scan(self, node: nodes.Scan) -> int:
        if node.table == CLOCK and CLOCK not in self._tables and CLOCK not in self.circuit.inputs:
            self.circuit.inputs[CLOCK] = self._add(node.schema, Union())
        return self._sources.get(node.table, self.circuit.inputs[node.table])

    def _unnest(self, node: nodes.Unnest) -> int:
        added = [f.type for f in node.schema[len(node.input.schema) :]]
        operator = Unnest(node.collection, added, node.ordinality, node.outer, self._pool)
        return self._add(node.schema, operator, self.node(node.input))

    def _top(self, node: nodes.TopK) -> int:
        append_only = self.append_only(node.input)
        operator: Operator
        if append_only and Leaders.serves(node):
            operator = Leaders(node, self._pool)
        elif Best.serves(node):
            operator = Best(node, append_only, None if append_only else self._listed(node), self._pool)
        elif not append_only and Standings.serves(node):
            operator = Standings(node, self._pool)
        else:
            operator = TopK(node, append_only, self._pool)
        at = self._add(node.schema, operator, self.node(node.input))
        return self._forgets(at, self._key_lines(node.partition, node.input))

    def _listed(self, node: nodes.TopK) -> ListedRows | None:
        """Have the aggregation that a top-k is over list its groups by the partition, if that can be."""
        then: list[nodes.Project | nodes.Filter] = []
        below = node.input
        partition = list(node.partition)
        while isinstance(below, nodes.Project | nodes.Filter | nodes.ViewScan) and self._without_clock(below) is below:
            if isinstance(below, nodes.ViewScan):
                view = self._views.get(below.view)
                if view is None or view.name in self._ahead or any(c.lateness is not None for c in view.columns):
                    return None
                below = self._view_plan(below)
                continue
            if isinstance(below, nodes.Project):
                if not all(isinstance(e, ColumnRef) for e in partition):
                    return None
                partition = [below.exprs[e.index] for e in partition if isinstance(e, ColumnRef)]
            then.append(below)
            below = below.input
        if not isinstance(below, nodes.Aggregate) or self._without_clock(below) is not below:
            return None
        positions = [e.index for e in partition if isinstance(e, ColumnRef) and e.index < len(below.keys)]
        aggregate = self.circuit.operators[self.node(below)].operator
        # Groups that are forgotten must be of parts that are forgotten.
        forgotten = next(iter(self._key_lines(below.keys, below.input)), None)
        if (
            not isinstance(aggregate, Aggregate)
            or not below.keys
            or len(positions) < len(partition)
            or (forgotten is not None and forgotten not in positions)
        ):
            return None
        layout = RowLayout([e.type for e in node.partition])
        return ListedRows(aggregate, positions, layout, then[::-1], self._pool)

    def _aggregate(self, node: nodes.Aggregate) -> int:
        window = node.input
        if isinstance(window, nodes.Window) and SessionAggregate.serves(node) and self._alone(window):
            grows = self.append_only(window.input)
            return self._ordered(window, node.schema, SessionAggregate(node, window, grows, self._pool))
        operator = Aggregate(
            node.input.schema, node.keys, node.calls, node.schema, self.append_only(node.input), self._pool
        )
        at = self._add(
            node.schema, operator, self._panes(node) if self._by_window_only(node) else self.node(node.input)
        )
        return self._forgets(at, self._key_lines(node.keys, node.input))

    def _by_window_only(self, node: nodes.Aggregate) -> bool:
        """Whether an aggregate over windows asks for a row's time only through its window."""
        hop = node.input
        if not isinstance(hop, nodes.Hop) or not isinstance(hop.time, ColumnRef) or not self._alone(hop):
            return False
        used = set().union(*map(columns_of, exprs_of(node))) if exprs_of(node) else set()
        return hop.time.index not in used

    def _panes(self, node: nodes.Aggregate) -> int:
        hop = node.input
        assert isinstance(hop, nodes.Hop) and isinstance(hop.time, ColumnRef)
        panes = Panes(layout_of(hop.input.schema), hop.time.index, hop.slide, hop.size, hop.offset)
        spread = Hop(hop.time, hop.slide, hop.size, hop.offset, self._pool)
        return self._add(hop.schema, spread, self._add(hop.input.schema, panes, self.node(hop.input)))

    def _linear(self, node: nodes.Project | nodes.Filter) -> int:
        """Lower a projection and the filter below it as one operator; above an inner join as part of the join."""
        exprs = node.exprs if isinstance(node, nodes.Project) else None
        below = node.input if isinstance(node, nodes.Project) else node
        predicate: Expr | None = None
        below = self._without_clock(below) if below is not node and self._temporal(below) is None else below
        if isinstance(below, nodes.Filter) and (
            below is node or (self._uses[id(below)] <= 1 and self._temporal(below) is None)
        ):
            predicate, below = below.predicate, self._without_clock(below.input)
        if isinstance(below, nodes.Join) and below.kind == "inner" and self._alone(below):
            return self._join(below, (predicate, exprs), node.schema)
        return self._add(node.schema, Linear(predicate, exprs, self._pool, self._fate(node)), self.node(below))

    def _fate(self, node: nodes.Node) -> Fate:
        """Tell what becomes of what a node computes."""
        is_last = id(node) in self._handed_out and self._uses[id(node)] <= 1
        return Fate.PASSED if is_last and self.append_only(node) else Fate.COMPARED

    def _alone(self, node: nodes.Node) -> bool:
        return self._uses[id(node)] <= 1 and id(node) not in self._built

    # ------------------------------------------------------------------------------------------------ append-only

    def append_only(self, node: nodes.Node) -> bool:
        """Whether rows of a node are only ever added."""
        known = self._append_only.get(id(node))
        if known is None:
            known = self._append_only[id(node)] = self._only_grows(self._without_clock(node))
        return known

    def _only_grows(self, node: nodes.Node) -> bool:
        match node:
            case nodes.Scan():
                return node.table in self._tables and self._tables[node.table].append_only
            case nodes.ViewScan():
                return node.view not in self._ahead and self.append_only(self._view_plan(node))
            case nodes.Values():
                return True
            case nodes.Filter() | nodes.Project() | nodes.Hop() | nodes.Unnest() | nodes.Distinct():
                return self.append_only(node.input)
            case nodes.UnionAll():
                return all(map(self.append_only, node.inputs))
            case nodes.Join():
                if node.kind == "semi":
                    return self.append_only(node.left) and self.append_only(node.right)
                return node.kind == "inner" and self.append_only(node.left) and self.append_only(node.right)
            case _:
                return False
