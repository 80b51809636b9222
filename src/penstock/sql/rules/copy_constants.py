"""Say of every column that must equal a constant that it does: `a = b AND a = 5` says `b = 5` too.

Then both sides of a join keep only the rows of the constant. Equalities are those of a filter and the keys of the inner
joins below it; only columns of one type count, whose values are equal when their words are.

Source: transitive closure of equality predicates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from penstock.data.types import SqlType
from penstock.sql.plan.expr import Call, ColumnRef, Expr, Literal
from penstock.sql.plan.nodes import Filter, Join, Node
from penstock.sql.plan.walk import bare, conjuncts
from penstock.sql.rules.driver import everywhere

_CHOOSES = frozenset(("=", "IN"))


def copy_constants(plans: Sequence[Node]) -> list[Node]:
    """Rewrite all plans."""
    return everywhere(plans, _local)


def _local(node: Node) -> Node:
    if not isinstance(node, Filter) or not isinstance(node.input, Join) or node.input.kind != "inner":
        return node
    conditions = conjuncts(node.predicate)
    chosen = [(c, column) for c in conditions if (column := _chosen(c)) is not None]
    if not chosen:
        return node
    pairs = [p for c in conditions if (p := _pair(c)) is not None] + _keys(node.input, 0)
    classes = _classes(pairs)
    known = {bare(c) for c in conditions}
    predicate = node.predicate
    for condition, column in chosen:
        for other in sorted(classes.get(column.index, ())):
            kind = node.input.schema[other].type
            if other == column.index or not _alike(kind, column.type):
                continue
            copied = _about(condition, ColumnRef(other, kind, column.span))
            if bare(copied) not in known:
                known.add(bare(copied))
                nullable = predicate.type.nullable or copied.type.nullable
                predicate = Call("AND", (predicate, copied), predicate.type.with_nullable(nullable), condition.span)
    return node if predicate is node.predicate else replace(node, predicate=predicate)


def _chosen(condition: Expr) -> ColumnRef | None:
    """Return the one column that a condition compares with constants."""
    if not isinstance(condition, Call) or condition.name not in _CHOOSES:
        return None
    columns = [a for a in condition.args if isinstance(a, ColumnRef)]
    rest = [a for a in condition.args if not isinstance(a, ColumnRef)]
    first = condition.name == "=" or isinstance(condition.args[0], ColumnRef)
    return columns[0] if len(columns) == 1 and first and all(isinstance(a, Literal) for a in rest) else None


def _about(condition: Expr, column: ColumnRef) -> Expr:
    """Return a condition of one column as one of another."""
    assert isinstance(condition, Call)
    args = tuple([column if isinstance(a, ColumnRef) else a for a in condition.args])
    nulls = any(isinstance(a, Literal) and a.value is None for a in args)
    return replace(condition, args=args, type=condition.type.with_nullable(column.type.nullable or nulls))


def _pair(condition: Expr) -> tuple[ColumnRef, ColumnRef] | None:
    match condition:
        case Call(name="=", args=(ColumnRef() as left, ColumnRef() as right)):
            return left, right
    return None


def _keys(node: Node, start: int) -> list[tuple[ColumnRef, ColumnRef]]:
    """Return the keys between columns of a tree of inner joins. start: where its columns begin."""
    if not isinstance(node, Join) or node.kind != "inner":
        return []
    middle = start + len(node.left.schema)
    found = [*_keys(node.left, start), *_keys(node.right, middle)]
    for key in node.keys:
        if isinstance(key.left, ColumnRef) and isinstance(key.right, ColumnRef) and not key.null_safe:
            left, right = key.left, key.right
            found.append((replace(left, index=left.index + start), replace(right, index=right.index + middle)))
    return found


def _classes(pairs: Sequence[tuple[ColumnRef, ColumnRef]]) -> dict[int, set[int]]:
    """Return for each column those that equal it, itself included."""
    classes: dict[int, set[int]] = {}
    for left, right in pairs:
        if not _alike(left.type, right.type):
            continue
        joined = classes.get(left.index, {left.index}) | classes.get(right.index, {right.index})
        for column in joined:
            classes[column] = joined
    return classes


def _alike(a: SqlType, b: SqlType) -> bool:
    return a.with_nullable(True) == b.with_nullable(True)
