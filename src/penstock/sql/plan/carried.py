"""Which columns of append-only tables a program only carries: no operator compares them or computes with them, other
than by quick functions of their text; which of those it just hands on; and which views it only hands out.

Values of such columns need no common code for equal values, so taking them in need not look them up: a row of an
append-only table is never named again from outside, and inside it keeps the codes that it came with. Where only
filters, projections and unions lie between the table and what is handed out, they are gone with their step.
"""

from __future__ import annotations

from penstock.data.fate import Fate
from penstock.data.types import Kind
from penstock.sql.functions.registry import FUNCTIONS
from penstock.sql.plan import recursion
from penstock.sql.plan.expr import Call, Case, Cast, ColumnRef, Expr, Literal
from penstock.sql.plan.nodes import (
    Aggregate,
    Distinct,
    Filter,
    Join,
    Node,
    Program,
    Project,
    Scan,
    SetOperation,
    UnionAll,
    ViewScan,
)
from penstock.sql.plan.walk import children, columns_of, exprs_of, parts


def fates(program: Program) -> dict[str, dict[int, Fate]]:
    """Return for each append-only table what becomes of its columns, by position, where they are not compared."""
    kept = _kept(program)
    return {
        table: {i: Fate.CARRIED if i in kept.get(table, ()) else Fate.PASSED for i in sorted(columns)}
        for table, columns in _carried(program).items()
    }


def _carried(program: Program) -> dict[str, frozenset[int]]:
    compared: dict[str, set[int]] = {}
    plans = {view.name: view.plan for view in program.views if view.plan is not None}
    # The rows of a recursive view are compared as wholes, so nobody else who reads it has to be asked.
    recursive = [plans.pop(name) for name in sorted(recursion.declared(program))]
    for plan in recursive:
        _visit(plan, set(range(len(plan.schema))), plans, compared)
    for view in program.views:
        if view.name in plans:
            used = set() if view.emit_final is None else {view.emit_final}
            assert view.plan is not None
            _visit(view.plan, used, plans, compared)
    result = {}
    for table in program.tables:
        if table.append_only and not table.primary_key:
            pooled = {i for i, f in enumerate(table.schema) if f.type.kind in (Kind.VARCHAR, Kind.CHAR)}
            result[table.name] = frozenset(pooled - compared.get(table.name, set()))
    return result


def carried_views(program: Program) -> frozenset[str]:
    """Return the views whose rows are only handed out: not kept, not told apart by an index, read by no other view."""
    plans = [view.plan for view in program.views if view.plan is not None]
    read = {node.view for plan in plans for node in _nodes(plan) if isinstance(node, ViewScan)}
    read |= recursion.declared(program) | {index.relation for index in program.indexes}
    return frozenset(
        view.name
        for view in program.views
        if view.name not in read
        and not view.materialized
        and view.emit_final is None
        and all(column.lateness is None for column in view.columns)
    )


def _kept(program: Program) -> dict[str, set[int]]:
    """Return for each table the columns whose values state may hold, or that something reads."""
    recursive = recursion.declared(program)
    whole = recursive | {index.relation for index in program.indexes}
    keeping = _Keeping({view.name: view.plan for view in program.views if view.plan and view.name not in recursive})
    for table in program.tables:
        if table.materialized or table.name in whole or any(column.watermark is not None for column in table.columns):
            keeping.kept[table.name] = set(range(len(table.schema)))
    for view in program.views:
        is_whole = view.materialized or view.name in whole or view.emit_final is not None
        assert view.plan is not None
        keeping.visit(view.plan, set(range(len(view.schema))) if is_whole else set())
    return keeping.kept


class _Keeping:
    """Finds what columns of tables are kept. plans: of the views that others are followed into."""

    def __init__(self, plans: dict[str, Node]) -> None:
        self.kept: dict[str, set[int]] = {}
        self._plans = plans
        self._seen: dict[int, set[int]] = {}

    def visit(self, node: Node, held: set[int]) -> None:
        """Go down a plan; held: output columns of the node that something above it keeps or reads."""
        seen = self._seen.get(id(node))
        if seen is not None and held <= seen:
            return
        held = self._seen[id(node)] = held | (seen or set())
        if isinstance(node, Scan):
            self.kept.setdefault(node.table, set()).update(held)
        elif isinstance(node, ViewScan):
            if node.view in self._plans:
                self.visit(self._plans[node.view], held)
        elif isinstance(node, Project) and not _reads_clock(node):
            needed = (e for i, e in enumerate(node.exprs) if i in held or not isinstance(e, ColumnRef))
            self.visit(node.input, set[int]().union(*map(columns_of, needed)))
        elif isinstance(node, Filter) and not _reads_clock(node):
            self.visit(node.input, held | columns_of(node.predicate))
        elif isinstance(node, UnionAll):
            for input in node.inputs:
                self.visit(input, held)
        else:
            for input in children(node):
                self.visit(input, set(range(len(input.schema))))


def _reads_clock(node: Node) -> bool:
    """Whether time that passes changes what a node gives, so that it remembers rows."""
    return any(isinstance(part, Call) and part.name == "NOW" for expr in exprs_of(node) for part in parts(expr))


def _nodes(plan: Node) -> list[Node]:
    found: dict[int, Node] = {}
    left = [plan]
    while left:
        node = left.pop()
        if id(node) not in found:
            found[id(node)] = node
            left += children(node)
    return [*found.values()]


def _visit(node: Node, used: set[int], plans: dict[str, Node], compared: dict[str, set[int]]) -> None:
    """Go down a plan; used: output columns of the node that something above it compares."""
    if isinstance(node, Scan):
        compared.setdefault(node.table, set()).update(used)
    elif isinstance(node, ViewScan):
        if node.view in plans:
            _visit(plans[node.view], used, plans, compared)
    elif isinstance(node, Project):
        below: set[int] = set()
        for i, expr in enumerate(node.exprs):
            if i in used or not isinstance(expr, ColumnRef):
                below |= _compared_by(expr)
        _visit(node.input, below, plans, compared)
    elif isinstance(node, Join):
        _visit_join(node, used, plans, compared)
    elif isinstance(node, UnionAll):
        for input in node.inputs:
            _visit(input, used, plans, compared)
    else:
        for input in children(node):
            width = len(input.schema)
            if isinstance(node, Distinct | SetOperation):
                here = set(range(width))
            elif isinstance(node, Aggregate):
                here = set()
            else:
                here = {i for i in used if i < width}
            for expr in exprs_of(node):
                here |= {i for i in _compared_by(expr) if i < width}
            # Nodes with two inputs beside joins compare by keys over either side: what one side uses, both may.
            _visit(input, here if len(children(node)) == 1 else set(range(width)), plans, compared)


def _compared_by(expr: Expr) -> set[int]:
    """Return the columns that an expression reads otherwise than as the text of functions that read text quickly."""
    match expr:
        case Call():
            function = FUNCTIONS.get(expr.name)
            reads_text = function is not None and function.reads_text
            varying = [arg for arg in expr.args if not isinstance(arg, Literal)]
            if reads_text and len(varying) == 1 and isinstance(varying[0], ColumnRef):
                return set()
            return set[int]().union(*map(_compared_by, expr.args))
        case Cast():
            return _compared_by(expr.arg)
        case Case():
            branches = [part for when in expr.whens for part in when]
            return set[int]().union(*map(_compared_by, [*branches, expr.otherwise]))
        case _:
            return columns_of(expr)


def _visit_join(node: Join, used: set[int], plans: dict[str, Node], compared: dict[str, set[int]]) -> None:
    width = len(node.left.schema)
    left = {i for i in used if i < width}
    right = {i - width for i in used if i >= width}
    for key in node.keys:
        left |= _compared_by(key.left)
        right |= _compared_by(key.right)
    if node.residual is not None:
        residual = _compared_by(node.residual)
        left |= {i for i in residual if i < width}
        right |= {i - width for i in residual if i >= width}
    _visit(node.left, left, plans, compared)
    _visit(node.right, right, plans, compared)
