"""Drop columns that nobody reads, above all from the rows that joins, windows and TopK keep.

Sound because no operator's other columns depend on them. A node with several readers keeps what any of them reads.
Which of several equal-ranking rows a TopK keeps may change, as SQL leaves it open.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from penstock.data.types import Schema
from penstock.sql.plan.expr import ColumnRef, Expr, Literal
from penstock.sql.plan.nodes import (
    Aggregate,
    AggregateCall,
    AsofJoin,
    Distinct,
    Filter,
    Hop,
    Join,
    JoinKey,
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
    WindowCall,
)
from penstock.sql.plan.walk import children, columns_of, map_call, map_sort, map_window_call, remap

Places = dict[int, int]
"""Where a column of the old node is in the new one."""


def prune_columns(plans: Sequence[Node]) -> list[Node]:
    """Rewrite all plans; each keeps all columns of its root."""
    pruner = _Pruner()
    for node in _parents_first(plans):
        pruner.demand(node, any(node is p for p in plans))
    return [pruner.exact(p, range(len(p.schema))) for p in plans]


def _parents_first(plans: Sequence[Node]) -> list[Node]:
    order: list[Node] = []
    seen: set[int] = set()

    def visit(node: Node) -> None:
        if id(node) not in seen:
            seen.add(id(node))
            for child in children(node):
                visit(child)
            order.append(node)

    for plan in plans:
        visit(plan)
    return order[::-1]


def _reads(exprs: Iterable[Expr]) -> set[int]:
    return set[int]().union(*(columns_of(e) for e in exprs))


def _call_exprs(call: AggregateCall | WindowCall) -> list[Expr]:
    found = [*call.args, *([] if call.filter is None else [call.filter])]
    return found + [k.expr for k in call.order] if isinstance(call, AggregateCall) else found


def _kept_or_one(needed: set[int], node: Node) -> set[int]:
    """A row without any column is not to be had; one column stands for all then, at best one that is only passed on."""
    if needed or not len(node.schema):
        return needed
    while isinstance(node, Filter):
        read = columns_of(node.predicate)
        if read:
            return {min(read)}
        node = node.input
    if isinstance(node, Project):
        return {next((i for i, e in enumerate(node.exprs) if isinstance(e, (ColumnRef, Literal))), 0)}
    return {0}


@dataclass(slots=True)
class _Pruner:
    """needed: by node id, the columns that its readers read."""

    needed: dict[int, set[int]] = field(default_factory=dict)
    done: dict[int, tuple[Node, Places]] = field(default_factory=dict)

    def _add(self, node: Node, columns: Iterable[int]) -> None:
        self.needed.setdefault(id(node), set()).update(_kept_or_one(set(columns), node))

    # ----------------------------------------------------------------------------------------------- what is read

    def demand(self, node: Node, is_root: bool) -> None:
        """Tell a node's inputs what it reads; all its readers have done so before."""
        width = len(node.schema)
        needed = self.needed.setdefault(id(node), set())
        if is_root:
            needed.update(range(width))
        match node:
            case Scan() | ViewScan() | Values():
                pass
            case Filter():
                self._add(node.input, needed | columns_of(node.predicate))
            case Project():
                chosen = self._exprs(node, needed)
                self._add(node.input, _reads(node.exprs[i] for i in chosen))
            case Join():
                condition = set() if node.residual is None else columns_of(node.residual)
                self._both(node, needed, condition)
            case AsofJoin():
                split = len(node.left.schema)
                times = columns_of(node.left_time) | {i + split for i in columns_of(node.right_time)}
                self._both(node, needed, times)
            case Aggregate():
                calls = self._calls(node, needed)
                exprs = [e for i in calls for e in _call_exprs(node.calls[i])]
                self._add(node.input, _reads([*node.keys, *exprs]))
            case Distinct():
                self._add(node.input, range(width))
            case SetOperation():
                self._add(node.left, range(width))
                self._add(node.right, range(width))
            case UnionAll():
                for child in node.inputs:
                    self._add(child, needed)
            case TopK():
                self._through(node, node.input, needed, [*node.partition, *[k.expr for k in node.order]])
            case Window():
                window = self._window_calls(node, needed)
                exprs = [e for i in window for e in _call_exprs(node.calls[i])]
                self._through(node, node.input, needed, [*node.partition, *[k.expr for k in node.order], *exprs])
            case Hop():
                self._through(node, node.input, needed, [node.time])
            case Unnest():
                self._through(node, node.input, needed, [node.collection])
            case _:
                assert_never(node)

    def _through(self, node: Node, source: Node, needed: set[int], exprs: Sequence[Expr]) -> None:
        width = len(source.schema)
        self._add(source, {i for i in needed if i < width} | _reads(exprs))

    def _both(self, node: Join | AsofJoin, needed: set[int], condition: set[int]) -> None:
        split = len(node.left.schema)
        used = condition | needed
        self._add(node.left, {i for i in used if i < split} | _reads(k.left for k in node.keys))
        self._add(node.right, {i - split for i in used if i >= split} | _reads(k.right for k in node.keys))

    def _exprs(self, node: Project, needed: set[int]) -> list[int]:
        return sorted(_kept_or_one(needed, node))

    def _calls(self, node: Aggregate, needed: set[int]) -> list[int]:
        count = len(node.keys)
        kept = [i for i in range(len(node.calls)) if i + count in needed]
        return kept or ([] if node.keys else list(range(min(len(node.calls), 1))))

    def _window_calls(self, node: Window, needed: set[int]) -> list[int]:
        width = len(node.input.schema)
        return [i for i in range(len(node.calls)) if i + width in needed]

    # --------------------------------------------------------------------------------------------------- new nodes

    def exact(self, node: Node, columns: Iterable[int]) -> Node:
        """Return a node with just these columns of the old one, in this order."""
        made, places = self.build(node)
        wanted = list(columns)
        positions = [places[c] for c in wanted]
        if positions == list(range(len(made.schema))):
            return made
        schema = tuple([node.schema[c] for c in wanted])
        return Project(made, tuple([ColumnRef(p, f.type) for p, f in zip(positions, schema, strict=True)]), schema)

    def _narrow(self, node: Node, columns: Iterable[int]) -> tuple[Node, Places]:
        wanted = sorted(_kept_or_one(set(columns), node))
        return self.exact(node, wanted), {old: new for new, old in enumerate(wanted)}

    def build(self, node: Node) -> tuple[Node, Places]:
        """Return the node without what nobody reads."""
        known = self.done.get(id(node))
        if known is None:
            known = self.done[id(node)] = self._build(node, self.needed[id(node)])
        return known

    def _build(self, node: Node, needed: set[int]) -> tuple[Node, Places]:
        same = {i: i for i in range(len(node.schema))}
        match node:
            case Scan() | ViewScan() | Values():
                return node, same
            case Filter():
                below, places = self.build(node.input)
                predicate = _moved(node.predicate, places, len(below.schema))
                return Filter(below, predicate, below.schema), places
            case Project():
                return self._project(node, needed)
            case Join() | AsofJoin():
                return self._join(node, needed)
            case Aggregate():
                return self._aggregate(node, needed)
            case Distinct():
                return replace(node, input=self.exact(node.input, range(len(node.schema)))), same
            case SetOperation():
                columns = range(len(node.schema))
                return replace(node, left=self.exact(node.left, columns), right=self.exact(node.right, columns)), same
            case UnionAll():
                kept = sorted(_kept_or_one(needed, node))
                inputs = tuple([self.exact(i, kept) for i in node.inputs])
                return UnionAll(inputs, tuple([node.schema[i] for i in kept])), {o: n for n, o in enumerate(kept)}
            case TopK():
                return self._topk(node, needed)
            case Window():
                return self._window(node, needed)
            case Hop():
                below, places = self._input(node.input, needed, [node.time])
                width = len(below.schema)
                time = _moved(node.time, places, width)
                made: Node = replace(node, input=below, time=time, schema=_appended(below, node, node.input))
                return made, _extended(places, node, node.input, width)
            case Unnest():
                below, places = self._input(node.input, needed, [node.collection])
                width = len(below.schema)
                collection = _moved(node.collection, places, width)
                made = replace(node, input=below, collection=collection, schema=_appended(below, node, node.input))
                return made, _extended(places, node, node.input, width)
            case _:
                assert_never(node)

    def _input(self, source: Node, needed: set[int], exprs: Sequence[Expr]) -> tuple[Node, Places]:
        width = len(source.schema)
        return self._narrow(source, {i for i in needed if i < width} | _reads(exprs))

    def _project(self, node: Project, needed: set[int]) -> tuple[Node, Places]:
        below, places = self.build(node.input)
        chosen = self._exprs(node, needed)
        exprs = tuple([_moved(node.exprs[i], places, len(below.schema)) for i in chosen])
        return Project(below, exprs, tuple([node.schema[i] for i in chosen])), {o: n for n, o in enumerate(chosen)}

    def _join(self, node: Join | AsofJoin, needed: set[int]) -> tuple[Node, Places]:
        split = len(node.left.schema)
        used = set(needed)
        left_reads, right_reads = _reads(k.left for k in node.keys), _reads(k.right for k in node.keys)
        if isinstance(node, AsofJoin):
            left_reads |= columns_of(node.left_time)
            right_reads |= columns_of(node.right_time)
        elif node.residual is not None:
            used |= columns_of(node.residual)
        left, left_places = self._narrow(node.left, {i for i in used if i < split} | left_reads)
        right, right_places = self._narrow(node.right, {i - split for i in used if i >= split} | right_reads)
        wl, wr = len(left.schema), len(right.schema)
        keys = tuple(
            [
                JoinKey(_moved(k.left, left_places, wl), _moved(k.right, right_places, wr), k.null_safe)
                for k in node.keys
            ]
        )
        places = dict(left_places)
        places.update({old + split: new + wl for old, new in right_places.items()})
        order = {new: old for old, new in places.items()}
        if isinstance(node, AsofJoin):
            schema = tuple([node.schema[order[i]] for i in range(wl + wr)])
            left_time = _moved(node.left_time, left_places, wl)
            right_time = _moved(node.right_time, right_places, wr)
            return AsofJoin(left, right, keys, left_time, right_time, schema), places
        residual = None if node.residual is None else _moved(node.residual, places, wl + wr)
        if node.kind in ("semi", "anti"):
            made = replace(node, left=left, right=right, keys=keys, residual=residual, schema=left.schema)
            return made, left_places
        schema = tuple([node.schema[order[i]] for i in range(wl + wr)])
        return Join(node.kind, left, right, keys, residual, schema), places

    def _aggregate(self, node: Aggregate, needed: set[int]) -> tuple[Node, Places]:
        below, places = self.build(node.input)
        width, count = len(below.schema), len(node.keys)
        chosen = self._calls(node, needed)
        calls = tuple([map_call(node.calls[i], lambda e: _moved(e, places, width)) for i in chosen])
        keys = tuple([_moved(k, places, width) for k in node.keys])
        schema = node.schema[:count] + tuple([node.schema[count + i] for i in chosen])
        own = {i: i for i in range(count)}
        own.update({count + old: count + new for new, old in enumerate(chosen)})
        return Aggregate(below, keys, calls, schema), own

    def _topk(self, node: TopK, needed: set[int]) -> tuple[Node, Places]:
        exprs = [*node.partition, *[k.expr for k in node.order]]
        below, places = self._input(node.input, needed, exprs)
        width, old_width = len(below.schema), len(node.input.schema)
        with_rank = node.with_rank and old_width in needed
        schema = below.schema + (node.schema[old_width:] if with_rank else ())
        made = replace(
            node,
            input=below,
            partition=tuple([_moved(p, places, width) for p in node.partition]),
            order=map_sort(node.order, lambda e: _moved(e, places, width)),
            with_rank=with_rank,
            schema=schema,
        )
        return made, ({**places, old_width: width} if with_rank else places)

    def _window(self, node: Window, needed: set[int]) -> tuple[Node, Places]:
        chosen = self._window_calls(node, needed)
        if not chosen:
            return self.build(node.input)
        exprs = [*node.partition, *[k.expr for k in node.order]]
        exprs += [e for i in chosen for e in _call_exprs(node.calls[i])]
        below, places = self._input(node.input, needed, exprs)
        width, old_width = len(below.schema), len(node.input.schema)
        made = Window(
            below,
            tuple([_moved(p, places, width) for p in node.partition]),
            map_sort(node.order, lambda e: _moved(e, places, width)),
            tuple([map_window_call(node.calls[i], lambda e: _moved(e, places, width)) for i in chosen]),
            below.schema + tuple([node.schema[old_width + i] for i in chosen]),
        )
        return made, {**places, **{old_width + old: width + new for new, old in enumerate(chosen)}}


def _moved(expr: Expr, places: Places, width: int) -> Expr:
    return remap(expr, lambda c: replace(c, index=places[c.index]), width)


def _appended(below: Node, node: Node, source: Node) -> Schema:
    """The schema of a narrower input, then what the operator appends."""
    return below.schema + node.schema[len(source.schema) :]


def _extended(places: Places, node: Node, source: Node, width: int) -> Places:
    start = len(source.schema)
    return {**places, **{start + i: width + i for i in range(len(node.schema) - start)}}
