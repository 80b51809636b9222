"""Recursive views: which views depend on each other, and the plans that one round of their recursion evaluates.

A component is a set of views that depend on each other. Its variables are those of them that were declared ahead
(`DECLARE RECURSIVE VIEW`): every cycle passes one. The meaning of a component is its least fixpoint of sets, so each
variable's query must be monotone in all variables: more rows of them never take a row away.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal as Word
from typing import NoReturn

from penstock.sql.diagnostics import SqlError
from penstock.sql.plan.expr import Call, ColumnRef, Expr, Literal
from penstock.sql.plan.nodes import (
    Aggregate,
    AsofJoin,
    Distinct,
    Filter,
    Hop,
    Join,
    JoinKey,
    Node,
    Program,
    Project,
    Relation,
    Scan,
    SetOperation,
    TopK,
    UnionAll,
    Unnest,
    Values,
    ViewScan,
    Window,
)
from penstock.sql.plan.walk import children, exprs_of, parts, remap, with_children


@dataclass(frozen=True, slots=True)
class Given:
    """What a round reads from outside: a node, and whether more rows of it can only add rows (else: take away)."""

    node: Node
    adds: bool


@dataclass(frozen=True, slots=True)
class Round:
    """One round of a component: the plans of its variables over scans of variables and of what is given.

    Scans are named "variable v" and "given n".
    """

    variables: dict[str, Node]
    given: tuple[Given, ...]


def declared(program: Program) -> frozenset[str]:
    """Return the views that are read before their own statement."""
    return frozenset(name for view in program.views for name in _early(view.plan))


def _early(plan: Node | None) -> set[str]:
    return {n.view for n in _scans(plan) if n.early}


def _scans(plan: Node | None) -> list[ViewScan]:
    found: list[ViewScan] = []
    seen: set[int] = set()

    def visit(node: Node) -> None:
        if id(node) not in seen:
            seen.add(id(node))
            if isinstance(node, ViewScan):
                found.append(node)
            for child in children(node):
                visit(child)

    if plan is not None:
        visit(plan)
    return found


def components(program: Program) -> list[frozenset[str]]:
    """Return the sets of views that depend on each other, of those with a view declared ahead."""
    reads = {view.name: {n.view for n in _scans(view.plan)} for view in program.views}
    found: list[frozenset[str]] = []
    for name in sorted(declared(program)):
        if any(name in component for component in found):
            continue
        below = _reachable(name, reads)
        found.append(frozenset({name} | {other for other in below if name in _reachable(other, reads)}))
    return found


def _reachable(name: str, reads: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    todo = [name]
    while todo:
        for other in reads[todo.pop()] - found:
            found.add(other)
            todo.append(other)
    return found


def check(program: Program) -> None:
    """Raise SqlError for a recursion that is not monotone."""
    for component in components(program):
        round_of(program, component)


def round_of(program: Program, component: frozenset[str]) -> Round:
    """Return one round of a component. Raises: SqlError where it is not monotone."""
    maker = _Maker({v.name: v for v in program.views}, component, declared(program) & component)
    plans = {}
    for name in sorted(maker.variables):
        view = maker.views[name]
        assert view.plan is not None
        plans[name] = maker.inside(view.plan, True, name)
    return Round(plans, tuple(maker.given))


@dataclass(slots=True)
class _Maker:
    """Copies the part of plans that depends on the component. adds: whether more rows there can only add rows.

    The copy gives the same rows, perhaps more often: nothing in it may hide that one of several derivations of a row
    is lost, since the others may lean on the row itself. So there is no DISTINCT, and a semi-join is a join.
    """

    views: dict[str, Relation]
    component: frozenset[str]
    variables: frozenset[str]
    given: list[Given] = field(default_factory=list)
    _depends: dict[int, bool] = field(default_factory=dict)
    _done: dict[tuple[int, bool], Node] = field(default_factory=dict)

    def depends(self, node: Node) -> bool:
        """Whether a node reads a view of the component."""
        known = self._depends.get(id(node))
        if known is None:
            if isinstance(node, ViewScan):
                known = node.view in self.component
            else:
                known = any(self.depends(child) for child in children(node))
            self._depends[id(node)] = known
        return known

    def inside(self, node: Node, adds: bool, view: str) -> Node:
        """Return the copy of a node in the plan of a round. view: the one whose query it is in."""
        made = self._done.get((id(node), adds))
        if made is None:
            made = self._done[id(node), adds] = self._copy(node, adds, view)
        return made

    def _copy(self, node: Node, adds: bool, view: str) -> Node:
        if not self.depends(node):
            self.given.append(Given(node, adds))
            return Scan(given_name(len(self.given) - 1), node.schema)
        self._no_clock(node, view)
        if not adds:
            self._refuse("a recursive view under negation", view)
        match node:
            case ViewScan():
                if node.view in self.variables:
                    return Scan(variable_name(node.view), node.schema)
                plan = self.views[node.view].plan
                assert plan is not None
                return self.inside(plan, adds, node.view)
            case Distinct():
                return self.inside(node.input, adds, view)
            case Filter() | Project() | UnionAll() | Unnest() | Hop():
                return with_children(node, tuple([self.inside(c, adds, view) for c in children(node)]))
            case Join():
                return self._join(node, adds, view)
            case SetOperation():
                if node.all:
                    self._refuse(f"{node.kind.upper()} ALL of a recursive view", view)
                keys = [
                    JoinKey(ColumnRef(i, a.type), ColumnRef(i, b.type), True)
                    for i, (a, b) in enumerate(zip(node.left.schema, node.right.schema, strict=True))
                ]
                kind: Word["semi", "anti"] = "semi" if node.kind == "intersect" else "anti"
                return self._join(Join(kind, node.left, node.right, tuple(keys), None, node.schema), adds, view)
            case Aggregate() if node.keys and not node.calls:
                return Project(self.inside(node.input, adds, view), node.keys, node.schema)
            case Aggregate():
                self._refuse(f"aggregate {', '.join(c.name for c in node.calls)} over a recursive view", view)
            case AsofJoin():
                self._refuse("an ASOF join of a recursive view", view)
            case TopK() | Window():
                self._refuse("a window function or LIMIT over a recursive view", view)
            case Scan() | Values():
                raise AssertionError("a leaf depends on no view")

    def _join(self, node: Join, adds: bool, view: str) -> Node:
        if node.kind == "semi":
            both = (*node.left.schema, *node.right.schema)
            pairs = self._join(replace(node, kind="inner", schema=both), adds, view)
            columns = tuple([ColumnRef(i, f.type) for i, f in enumerate(node.left.schema)])
            return Project(pairs, columns, node.schema)
        if node.kind in ("inner", "anti"):
            right = not adds if node.kind == "anti" else adds
            return with_children(node, (self.inside(node.left, adds, view), self.inside(node.right, right, view)))
        padded = [side for side in ("left", "right") if node.kind in (side, "full")]
        if len(padded) == 2 or self.depends(node.right if padded[0] == "left" else node.left):
            self._refuse("an outer join whose padded side is a recursive view", view)
        # The pairs, and the rows without one: of these, more rows on the other side take away.
        pairs = replace(node, kind="inner")
        return UnionAll((self._join(pairs, adds, view), self._unmatched(node, padded[0], adds, view)), node.schema)

    def _unmatched(self, node: Join, side: str, adds: bool, view: str) -> Node:
        width = len(node.left.schema)
        if side == "left":
            kept, other, keys, residual = node.left, node.right, node.keys, node.residual
        else:
            kept, other = node.right, node.left
            keys = tuple([JoinKey(k.right, k.left, k.null_safe) for k in node.keys])
            residual = None if node.residual is None else _swapped(node.residual, width, len(node.right.schema))
        first, second = self.inside(kept, adds, view), self.inside(other, not adds, view)
        without = Join("anti", first, second, keys, residual, first.schema)
        exprs: list[Expr] = []
        for i, field_ in enumerate(node.schema):
            here = i if side == "left" else i - width
            if (i < width) == (side == "left"):
                exprs.append(ColumnRef(here, field_.type))
            else:
                exprs.append(Literal(None, field_.type.with_nullable(True)))
        return Project(without, tuple(exprs), node.schema)

    def _no_clock(self, node: Node, view: str) -> None:
        for expr in exprs_of(node):
            if any(isinstance(p, Call) and p.name == "NOW" for p in parts(expr)):
                self._refuse("NOW()", view)

    def _refuse(self, what: str, view: str) -> NoReturn:
        span = self.views[view].span
        raise SqlError(f"Recursion of view '{view}' is not monotone or not supported: it goes through {what}", span)


def _swapped(expr: Expr, left: int, right: int) -> Expr:
    """Return a condition over left and right columns as one over right and left columns."""
    return remap(expr, lambda c: replace(c, index=c.index + right if c.index < left else c.index - left), left + right)


def variable_name(view: str) -> str:
    """Return the name of the scan of a variable."""
    return f"variable {view}"


def given_name(number: int) -> str:
    """Return the name of the scan of what is given."""
    return f"given {number}"
