"""Find the parts that several expressions have in common, so that each is evaluated once.

A part is shared only if at least one of its places is evaluated for every row: what stands in a branch that may not be
reached must not be run early, since it might fail there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from penstock.sql.functions.registry import FUNCTIONS
from penstock.sql.plan.expr import Call, Case, Cast, ColumnRef, Expr, Lambda, Literal


def share(exprs: Sequence[Expr]) -> tuple[list[Expr], list[Expr]]:
    """Return (shared, rewritten): the m parts to evaluate first, in order, and the expressions that refer to them.

    Part k is referred to as column k - m: counted from the end of the input columns with the m parts put behind them.
    """
    finder = _Finder()
    for expr in exprs:
        finder.visit(expr, eager=True)
    order = [k for k in finder.order if finder.count[k] > 1 and k in finder.eager]
    if not order:
        return [], list(exprs)
    rewriter = _Rewriter(finder, {k: i - len(order) for i, k in enumerate(order)})
    parts = [rewriter.inside(finder.node[k]) for k in order]
    return parts, [rewriter.rewrite(e) for e in exprs]


class _Finder:
    def __init__(self) -> None:
        self._numbers: dict[object, int] = {}
        self._by_identity: dict[int, tuple[Expr, int]] = {}
        self.count: dict[int, int] = {}
        self.eager: set[int] = set()
        self.node: dict[int, Expr] = {}
        self.order: list[int] = []

    def key(self, node: Expr) -> int:
        """Return the number of the node's structure, which leaves out where it stands in the text."""
        known = self._by_identity.get(id(node))
        if known is not None:
            return known[1]
        shape: object
        match node:
            case ColumnRef():
                shape = ("column", node.index, node.type)
            case Literal():
                shape = ("literal", type(node.value).__name__, repr(node.value), node.type)
            case Call():
                shape = ("call", node.name, tuple(self.key(a) for a in node.args), node.type)
            case Cast():
                shape = ("cast", self.key(node.arg), node.type, node.safe)
            case Case():
                whens = tuple((self.key(a), self.key(b)) for a, b in node.whens)
                shape = ("case", whens, self.key(node.otherwise), node.type)
            case Lambda():
                shape = ("lambda", node.parameters, self.key(node.body), node.width, node.type)
        number = self._numbers.setdefault(shape, len(self._numbers))
        self._by_identity[id(node)] = (node, number)
        return number

    def visit(self, node: Expr, eager: bool) -> None:
        if isinstance(node, (ColumnRef, Literal, Lambda)):
            return
        key = self.key(node)
        seen = key in self.count
        self.count[key] = self.count.get(key, 0) + 1
        if seen and (key in self.eager or not eager):
            return
        if eager:
            self.eager.add(key)
        for child, at_once in children(node):
            self.visit(child, eager and at_once)
        if not seen:
            self.node[key] = node
            self.order.append(key)


def children(node: Expr) -> list[tuple[Expr, bool]]:
    """Return the parts of a node, each with whether it is evaluated for every row that the node is."""
    match node:
        case Call():
            function = FUNCTIONS.get(node.name)
            waits = function is not None and function.lazy is not None
            return [(a, i == 0 or not waits) for i, a in enumerate(node.args)]
        case Cast():
            return [(node.arg, True)]
        case Case():
            parts = [(e, i == 0) for i, e in enumerate(e for when in node.whens for e in when)]
            return [*parts, (node.otherwise, False)]
        case _:
            return []


class _Rewriter:
    def __init__(self, finder: _Finder, slots: dict[int, int]) -> None:
        self._finder = finder
        self._slots = slots

    def rewrite(self, node: Expr) -> Expr:
        if isinstance(node, (ColumnRef, Literal, Lambda)):
            return node
        slot = self._slots.get(self._finder.key(node))
        return self.inside(node) if slot is None else ColumnRef(slot, node.type, node.span)

    def inside(self, node: Expr) -> Expr:
        """Rewrite the parts of a node, not the node itself."""
        match node:
            case Call():
                return replace(node, args=tuple(self.rewrite(a) for a in node.args))
            case Cast():
                return replace(node, arg=self.rewrite(node.arg))
            case Case():
                whens = tuple((self.rewrite(a), self.rewrite(b)) for a, b in node.whens)
                return replace(node, whens=whens, otherwise=self.rewrite(node.otherwise))
            case _:
                return node
