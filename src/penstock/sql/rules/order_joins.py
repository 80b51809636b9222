"""Order the inputs of inner joins so that a key finds their partners, where the written order multiplies them out.

A tree of inner joins is one bag of inputs and conditions. Unless every join of it has keys already, it is built anew:
from an input that equals a constant, if there is one, else from the one that is declared smallest, always next one that
a key ties to those before it. What no key ties together is multiplied last. A join that has other readers stays an
input of its own.

Source: greedy join ordering over the graph of conditions; of sizes it knows what tables declare (`expected_size`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from penstock.data.types import BOOLEAN
from penstock.sql.plan.expr import Call, ColumnRef, Expr, Literal
from penstock.sql.plan.nodes import Filter, Join, JoinKey, Node, Project, Scan
from penstock.sql.plan.walk import children, columns_of, conjuncts, remap, shift, with_children
from penstock.sql.rules.driver import readers


def order_joins(plans: Sequence[Node]) -> list[Node]:
    """Rewrite all plans."""
    counts = readers(plans)
    done: dict[int, Node] = {}

    def visit(node: Node) -> Node:
        known = done.get(id(node))
        if known is None:
            known = done[id(node)] = (
                _ordered(node, counts, visit) if isinstance(node, Join) and node.kind == "inner" else below(node)
            )
        return known

    def below(node: Node) -> Node:
        return with_children(node, tuple([visit(c) for c in children(node)]))

    return [visit(p) for p in plans]


@dataclass(frozen=True, slots=True)
class _Equality:
    """A key between inputs; both sides over the columns of all inputs in the order of the text."""

    left: Expr
    right: Expr
    null_safe: bool


@dataclass(slots=True)
class _Tree:
    """Inputs with the position of their first column, and all conditions over the columns of all inputs."""

    inputs: list[Node] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    equalities: list[_Equality] = field(default_factory=list)
    conditions: list[Expr] = field(default_factory=list)
    crossed: bool = False
    width: int = 0


def _ordered(node: Join, counts: dict[int, int], visit: Callable[[Node], Node]) -> Node:
    tree = _Tree()
    _flatten(node, counts, tree, root=True)
    tree.inputs = [visit(i) for i in tree.inputs]
    if not tree.crossed or len(tree.inputs) < 3:
        return _as_written(node, counts, iter(tree.inputs))
    return _Builder(tree).build(node)


def _flatten(node: Node, counts: dict[int, int], tree: _Tree, root: bool = False) -> None:
    start = tree.width
    if not isinstance(node, Join) or node.kind != "inner" or (not root and counts[id(node)] > 1):
        tree.inputs.append(node)
        tree.starts.append(start)
        tree.width += len(node.schema)
        return
    _flatten(node.left, counts, tree)
    middle = tree.width
    _flatten(node.right, counts, tree)
    width = tree.width
    for key in node.keys:
        tree.equalities.append(_Equality(shift(key.left, start, width), shift(key.right, middle, width), key.null_safe))
    if node.residual is not None:
        tree.conditions += [shift(c, start, width) for c in conjuncts(node.residual)]
    tree.crossed = tree.crossed or not node.keys


def _as_written(node: Node, counts: dict[int, int], inputs: Iterator[Node], root: bool = True) -> Node:
    """Put rewritten inputs in the places of the old ones."""
    if not isinstance(node, Join) or node.kind != "inner" or (not root and counts[id(node)] > 1):
        return next(inputs)
    left = _as_written(node.left, counts, inputs, False)
    right = _as_written(node.right, counts, inputs, False)
    return with_children(node, (left, right))


class _Builder:
    def __init__(self, tree: _Tree) -> None:
        self._tree = tree
        self._owner = [i for i, n in enumerate(tree.inputs) for _ in n.schema]
        self._equalities = list(tree.equalities)
        self._conditions = list(tree.conditions)

    def build(self, written: Join) -> Node:
        """Return the rows of the tree with the columns in their written order."""
        rest = list(range(len(self._tree.inputs)))
        made: Node | None = None
        order: list[int] = []
        while rest:
            first = self._best(rest)
            rest.remove(first)
            island, columns = self._tree.inputs[first], self._columns(first)
            grown = {first}
            while True:
                near = [i for i in rest if self._keys(grown, i)]
                if not near:
                    break
                following = self._best(near)
                rest.remove(following)
                island = self._joined(island, columns, grown, {following}, self._tree.inputs[following])
                columns = columns + self._columns(following)
                grown = grown | {following}
            if made is None:
                made, order = island, columns
            else:
                # The columns of an island that was built apart follow in its own order.
                so_far = {self._owner[c] for c in order}
                made = self._joined(made, order, so_far, grown, island, columns)
                order = order + columns
        assert made is not None and not self._equalities and not self._conditions
        places = {column: place for place, column in enumerate(order)}
        exprs = tuple([ColumnRef(places[i], f.type) for i, f in enumerate(written.schema)])
        return Project(made, exprs, written.schema)

    def _columns(self, at: int) -> list[int]:
        start = self._tree.starts[at]
        return list(range(start, start + len(self._tree.inputs[at].schema)))

    def _best(self, found: Sequence[int]) -> int:
        """An input that equals a constant goes before others, then the smallest by declaration, then as written."""
        return min(found, key=lambda i: (not _is_selective(self._tree.inputs[i]), _size(self._tree.inputs[i]), i))

    def _inputs_of(self, expr: Expr) -> set[int]:
        return {self._owner[c] for c in columns_of(expr)}

    def _keys(self, left: set[int], right: int) -> list[_Equality]:
        return [e for e in self._equalities if self._ties(e, left, {right}) is not None]

    def _ties(self, equality: _Equality, left: set[int], right: set[int]) -> tuple[Expr, Expr] | None:
        a, b = self._inputs_of(equality.left), self._inputs_of(equality.right)
        if a and b and a <= left and b <= right:
            return equality.left, equality.right
        if a and b and a <= right and b <= left:
            return equality.right, equality.left
        return None

    def _joined(
        self,
        left: Node,
        left_columns: list[int],
        left_inputs: set[int],
        right_inputs: set[int],
        right: Node,
        right_columns: list[int] | None = None,
    ) -> Node:
        """Join two parts by all keys and conditions that they fulfil together."""
        if right_columns is None:
            (only,) = right_inputs
            right_columns = self._columns(only)
        both = left_columns + right_columns
        keys: list[JoinKey] = []
        kept: list[_Equality] = []
        residual: list[Expr] = []
        for equality in self._equalities:
            sides = self._ties(equality, left_inputs, right_inputs)
            if sides is not None:
                one, other = _moved(sides[0], left_columns), _moved(sides[1], right_columns)
                keys.append(JoinKey(one, other, equality.null_safe))
            elif self._inputs_of(equality.left) | self._inputs_of(equality.right) <= left_inputs | right_inputs:
                residual.append(_moved(_condition(equality), both))
            else:
                kept.append(equality)
        self._equalities = kept
        there = left_inputs | right_inputs
        residual += [_moved(c, both) for c in self._conditions if self._inputs_of(c) <= there]
        self._conditions = [c for c in self._conditions if not self._inputs_of(c) <= there]
        schema = (*left.schema, *right.schema)
        return Join("inner", left, right, tuple(keys), _all(residual), schema)


def _condition(equality: _Equality) -> Expr:
    nullable = not equality.null_safe and (equality.left.type.nullable or equality.right.type.nullable)
    name = "IS NOT DISTINCT FROM" if equality.null_safe else "="
    return Call(name, (equality.left, equality.right), BOOLEAN.with_nullable(nullable))


def _moved(expr: Expr, columns: Sequence[int]) -> Expr:
    """Return an expression over the columns of all inputs as one over some of them."""
    places = {column: place for place, column in enumerate(columns)}
    return remap(expr, lambda c: replace(c, index=places[c.index]), len(columns))


def _all(conditions: Sequence[Expr]) -> Expr | None:
    result: Expr | None = None
    for condition in conditions:
        if result is None:
            result = condition
        else:
            nullable = result.type.nullable or condition.type.nullable
            result = Call("AND", (result, condition), BOOLEAN.with_nullable(nullable), condition.span)
    return result


def _size(node: Node) -> float:
    """How many rows a table is declared to have, infinite if nothing is known."""
    while isinstance(node, (Project, Filter)):
        node = node.input
    if isinstance(node, Scan) and node.expected_rows is not None:
        return node.expected_rows
    return math.inf


def _is_selective(node: Node) -> bool:
    """Whether an input keeps only rows in which a column equals a constant."""
    while isinstance(node, Project):
        node = node.input
    if not isinstance(node, Filter):
        return False
    for condition in conjuncts(node.predicate):
        if isinstance(condition, Call) and condition.name == "=":
            kinds = {type(a) for a in condition.args}
            if Literal in kinds and kinds != {Literal}:
                return True
    return False
