"""Waterlines: below which value of a column nothing changes any more, by LATENESS and by the clock.

A waterline of a node's column is a word W, known while the circuit runs: no change of a later step has a value below W
there. It begins at a table's column with LATENESS, or at a filter that compares a column with NOW(), and is carried
through what keeps it: expressions that grow with the column, groups, windows, joins on the column.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from penstock.data.batch import Column
from penstock.data.pool import Pool
from penstock.data.types import FLOATS, Kind, SqlType
from penstock.sql.diagnostics import SqlError
from penstock.sql.evaluate import compile_expr
from penstock.sql.functions.registry import EvaluationError, Evaluator
from penstock.sql.plan.expr import Call, Cast, ColumnRef, Expr, Literal
from penstock.sql.plan.nodes import (
    Aggregate,
    Distinct,
    Filter,
    Hop,
    Join,
    Node,
    Program,
    Project,
    Relation,
    Scan,
    SetOperation,
    TopK,
    UnionAll,
    Unnest,
    ViewScan,
    Window,
    WindowCall,
)
from penstock.sql.plan.recursion import declared
from penstock.sql.plan.walk import children, exprs_of, parts

Waterline = Callable[[], int | None]
"""The word, or None as long as there is none."""

Waterlines = Mapping[int, Waterline]
"""By column."""

_GROWS = {
    "TIMESTAMPADD": 2,
    "TIMESTAMP_TRUNC": 0,
    "DATE_TRUNC": 0,
    "DATE_ADD": 0,
    "DATE_SUB": 0,
    "-": 0,
    "FLOOR": 0,
    "CEIL": 0,
    "YEAR": 0,
}
"""Functions that grow with an argument, and which one; the others must be constant."""

_CASTS = (Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ, Kind.SMALLINT, Kind.INTEGER, Kind.BIGINT)


def comparable(type: SqlType) -> bool:
    """Whether values of a type compare as their words do."""
    return not type.pooled and type.kind not in FLOATS and type.kind not in (Kind.UBIGINT, Kind.BOOLEAN, Kind.NULL)


def grows_with(expr: Expr, is_source: Callable[[Expr], bool]) -> Expr | None:
    """Return the only part of an expression that is_source says yes to, if the expression grows with it (or stays)."""
    if is_source(expr):
        return expr
    if not comparable(expr.type) or expr.type.kind is Kind.TIME:  # times of day begin anew at midnight
        return None
    if isinstance(expr, Cast):
        plain = expr.type.kind in _CASTS and expr.arg.type.kind in _CASTS and not expr.safe
        return grows_with(expr.arg, is_source) if plain else None
    if not isinstance(expr, Call) or not expr.args:
        return None
    varying = [i for i, a in enumerate(expr.args) if not isinstance(a, Literal)]
    if len(varying) != 1 or (expr.name != "+" and _GROWS.get(expr.name) != varying[0]):
        return None
    return grows_with(expr.args[varying[0]], is_source)


def smallest(lines: Sequence[Waterline | None]) -> Waterline | None:
    """Return the waterline that is kept by several; None if one has none."""
    known = [line for line in lines if line is not None]
    if len(known) < len(lines) or not known:
        return None
    if len(known) == 1:
        return known[0]

    def least() -> int | None:
        words = [line() for line in known]
        return None if any(w is None for w in words) else min(w for w in words if w is not None)

    return least


def after(line: Waterline, expr: Expr, source: Expr, pool: Pool) -> Waterline:
    """Return the waterline of an expression that grows with a source that has one."""
    if expr is source:
        return line
    here: Evaluator | None = None
    known: tuple[int, int] | None = None

    def moved() -> int | None:
        nonlocal known, here
        here = here or compile_expr(_over_one(expr, source), pool)
        word = line()
        if word is None:
            return None
        if known is None or known[0] != word:
            try:
                made = here([Column(np.array([word], np.int64))], 1)
            except EvaluationError:
                return None
            if made.nulls is not None and made.nulls[0]:
                return None
            known = word, int(made.words[0])
        return known[1]

    return moved


def _over_one(expr: Expr, source: Expr) -> Expr:
    """Return the expression over a row of one column, which stands for the source."""
    if expr is source:
        return ColumnRef(0, source.type.with_nullable(False))
    if isinstance(expr, Call):
        return Call(expr.name, tuple([_over_one(a, source) for a in expr.args]), expr.type, expr.span)
    if isinstance(expr, Cast):
        return Cast(_over_one(expr.arg, source), expr.type, expr.safe, expr.span)
    return expr


def of_expr(expr: Expr, lines: Waterlines, pool: Pool) -> Waterline | None:
    """Return the waterline of an expression over a row whose columns have some."""
    source = grows_with(expr, lambda e: isinstance(e, ColumnRef) and e.index in lines and comparable(e.type))
    if not isinstance(source, ColumnRef):
        return None
    return after(lines[source.index], expr, source, pool)


def through(node: Node, below: Sequence[Waterlines], pool: Pool) -> dict[int, Waterline]:
    """Return the waterlines of a node from those of its inputs."""
    match node:
        case Filter() | Distinct() | Unnest():
            return dict(below[0])
        case Project():
            return _known({i: of_expr(e, below[0], pool) for i, e in enumerate(node.exprs)})
        case Aggregate():
            return _known({i: of_expr(k, below[0], pool) for i, k in enumerate(node.keys)})
        case UnionAll() | SetOperation():
            return _known({i: smallest([b.get(i) for b in below]) for i in range(len(node.schema))})
        case TopK() | Window():
            found = {
                e.index: below[0][e.index] for e in node.partition if isinstance(e, ColumnRef) and e.index in below[0]
            }
            return {**_in_order(node, below[0]), **found} if isinstance(node, Window) else found
        case Hop():
            return _windows(node, below[0], pool)
        case Join():
            return _joined(node, below, pool)
        case _:
            return {}


def _known(lines: Mapping[int, Waterline | None]) -> dict[int, Waterline]:
    return {i: line for i, line in lines.items() if line is not None}


def _in_order(node: Window, lines: Waterlines) -> dict[int, Waterline]:
    """The waterline of the first order key: a row's values change with rows at most so far ahead of it."""
    key = node.order[0] if node.order else None
    if key is None or key.descending or not isinstance(key.expr, ColumnRef) or key.expr.index not in lines:
        return {}
    if key.expr.type.nullable and key.nulls_first:  # a row without a key can come at any time, before all others
        return {}
    reaches = [_reach(call) for call in node.calls]
    if any(r is None for r in reaches):
        # A session that ends at or before the waterline is not joined by any row any more.
        width = len(node.input.schema)
        return {width + i: lines[key.expr.index] for i, c in enumerate(node.calls) if c.name == "SESSION_END"}
    line, reach = lines[key.expr.index], max([r for r in reaches if r is not None], default=0)

    def lower() -> int | None:
        word = line()
        return None if word is None else word - reach

    return {key.expr.index: lower if reach else line}


def _reach(call: WindowCall) -> int | None:
    """How far ahead of a row, by the order key, a change can still change its value; None: without a bound."""
    if call.name in ("LAG", "LEAD"):
        offset = call.args[1].value if len(call.args) > 1 and isinstance(call.args[1], Literal) else 1
        ahead = isinstance(offset, int) and (offset >= 0 if call.name == "LAG" else offset <= 0)
        return 0 if ahead else None
    if call.name in ("SESSION_START", "SESSION_END", "NTILE", "PERCENT_RANK", "CUME_DIST"):
        return None
    frame = call.frame
    if frame is None or (frame.end is not None and frame.end <= 0):
        return 0
    return frame.end if frame.unit == "range" else None


def _windows(node: Hop, lines: Waterlines, pool: Pool) -> dict[int, Waterline]:
    found = dict(lines)
    time = of_expr(node.time, lines, pool)
    if time is not None:
        width = len(node.input.schema)

        def start() -> int | None:
            word = time()
            if word is None:
                return None
            return (word - node.size - node.offset) // node.slide * node.slide + node.slide + node.offset

        def end() -> int | None:
            word = start()
            return None if word is None else word + node.size

        found[width], found[width + 1] = start, end
    return found


class Lines:
    """The waterlines of all nodes of a program. scan, view, filter: those of leaves and of filters on the clock."""

    def __init__(
        self,
        pool: Pool,
        scan: Callable[[Scan], Waterlines],
        view: Callable[[ViewScan], Waterlines],
        clock: Callable[[Filter], Waterlines],
    ) -> None:
        self._pool = pool
        self._scan = scan
        self._view = view
        self._clock = clock
        self._known: dict[int, tuple[Node, Waterlines]] = {}

    def of(self, node: Node) -> Waterlines:
        """Return the waterlines of a node by column."""
        known = self._known.get(id(node))
        if known is None:
            known = self._known[id(node)] = node, self._find(node)
        return known[1]

    def _find(self, node: Node) -> Waterlines:
        if isinstance(node, Scan):
            return self._scan(node)
        if isinstance(node, ViewScan):
            return self._view(node)
        if any(isinstance(p, Call) and p.name == "NOW" for e in exprs_of(node) for p in parts(e)):
            return self._clock(node) if isinstance(node, Filter) else {}
        return through(node, [self.of(c) for c in children(node)], self._pool)


def check_final(program: Program) -> None:
    """Raise SqlError for an `emit_final` whose column has no waterline, so that no row would ever be final."""
    views = {v.name: v for v in program.views}
    tables = {t.name: t for t in program.tables}
    ahead = declared(program)

    def scan(node: Scan) -> Waterlines:
        return dict.fromkeys(late_columns(tables[node.table]), _none) if node.table in tables else {}

    def view(node: ViewScan) -> Waterlines:
        return of_view(views[node.view])

    def of_view(relation: Relation) -> Waterlines:
        own = {i: _none for i, c in enumerate(relation.columns) if c.lateness is not None}
        plan = relation.plan
        return {**(lines.of(plan) if plan is not None and relation.name not in ahead else {}), **own}

    lines = Lines(Pool(), scan, view, lambda node: lines.of(node.input))
    for relation in program.views:
        at = relation.emit_final
        if at is not None and at not in of_view(relation):
            raise SqlError(
                f"Could not infer a waterline for column '{relation.schema[at].name}' which has a 'emit_final' "
                "annotation",
                relation.span,
            )


def late_columns(table: Relation) -> list[int]:
    """Return the columns of a table whose LATENESS bounds all of its changes: in keyed tables those of the key."""
    return [
        i
        for i, column in enumerate(table.columns)
        if column.lateness is not None
        and comparable(table.schema[i].type)
        and (not table.primary_key or i in table.primary_key)
    ]


def _none() -> None:
    return None


def key_lines(node: Join, below: Sequence[Waterlines], pool: Pool) -> list[tuple[Waterline | None, Waterline | None]]:
    """Return for each key of a join the waterlines of its left and its right side."""
    return [(of_expr(k.left, below[0], pool), of_expr(k.right, below[1], pool)) for k in node.keys]


def _joined(node: Join, below: Sequence[Waterlines], pool: Pool) -> dict[int, Waterline]:
    width = len(node.left.schema)
    found: dict[int, Waterline] = {}
    for key, (left, right) in zip(node.keys, key_lines(node, below, pool), strict=True):
        line = smallest([left, right])
        if line is None:
            continue
        if isinstance(key.left, ColumnRef):
            found[key.left.index] = line
        if isinstance(key.right, ColumnRef) and node.kind not in ("semi", "anti"):
            found[width + key.right.index] = line
    return found
