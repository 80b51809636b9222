"""Walking and rewriting bound expressions and plan nodes; knows their shape, nothing of what they mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from penstock.sql.plan.expr import Call, Case, Cast, ColumnRef, Expr, Lambda, Literal, SortKey
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

Substitute = Callable[[ColumnRef], Expr]


def remap(expr: Expr, substitute: Substitute, width: int) -> Expr:
    """Replace every column of the input row; parameters of lambdas are renumbered to follow the new row.

    Args:
        expr: an expression over some row.
        substitute: gives the expression over the new row that stands for a column of the old one.
        width: number of columns of the new row.
    """
    match expr:
        case ColumnRef():
            return substitute(expr)
        case Literal():
            return expr
        case Call():
            if not expr.args:
                return expr
            args = tuple([remap(a, substitute, width) for a in expr.args])
            return expr if same(args, expr.args) else replace(expr, args=args)
        case Cast():
            arg = remap(expr.arg, substitute, width)
            return expr if arg is expr.arg else replace(expr, arg=arg)
        case Case():
            whens = tuple([(remap(c, substitute, width), remap(v, substitute, width)) for c, v in expr.whens])
            return replace(expr, whens=whens, otherwise=remap(expr.otherwise, substitute, width))
        case Lambda():
            old = expr.width

            def inside(column: ColumnRef) -> Expr:
                if column.index >= old:
                    return replace(column, index=column.index - old + width)
                return substitute(column)

            body = remap(expr.body, inside, width + len(expr.parameters))
            return replace(expr, body=body, width=width)


def same(left: tuple[Expr, ...], right: tuple[Expr, ...]) -> bool:
    """Whether two tuples hold the very same objects."""
    return all(a is b for a, b in zip(left, right, strict=True))


def shift(expr: Expr, offset: int, width: int) -> Expr:
    """Return the expression for a row in which its columns start at offset; width: columns of that row."""
    if offset == 0 and not _has_lambda(expr):
        return expr
    return remap(expr, lambda c: replace(c, index=c.index + offset), width)


def rewrite(expr: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """Apply `change` to every node from the leaves up. Positions keep their meaning."""
    match expr:
        case Call():
            args = tuple([rewrite(a, change) for a in expr.args])
            return change(expr if same(args, expr.args) else replace(expr, args=args))
        case Cast():
            arg = rewrite(expr.arg, change)
            return change(expr if arg is expr.arg else replace(expr, arg=arg))
        case Case():
            whens = tuple([(rewrite(c, change), rewrite(v, change)) for c, v in expr.whens])
            return change(replace(expr, whens=whens, otherwise=rewrite(expr.otherwise, change)))
        case Lambda():
            return change(replace(expr, body=rewrite(expr.body, change)))
        case _:
            return change(expr)


def parts(expr: Expr) -> Iterator[Expr]:
    """Yield the expression and everything in it, outermost first."""
    yield expr
    match expr:
        case Call():
            for arg in expr.args:
                yield from parts(arg)
        case Cast():
            yield from parts(expr.arg)
        case Case():
            for condition, value in expr.whens:
                yield from parts(condition)
                yield from parts(value)
            yield from parts(expr.otherwise)
        case Lambda():
            yield from parts(expr.body)
        case _:
            pass


def columns_of(expr: Expr) -> set[int]:
    """Return the positions of the input row that the expression reads (parameters of lambdas are left out)."""
    found: set[int] = set()
    _collect(expr, 1 << 62, found)
    return found


def _collect(expr: Expr, limit: int, found: set[int]) -> None:
    match expr:
        case ColumnRef():
            if expr.index < limit:
                found.add(expr.index)
        case Call():
            for arg in expr.args:
                _collect(arg, limit, found)
        case Cast():
            _collect(expr.arg, limit, found)
        case Case():
            for condition, value in expr.whens:
                _collect(condition, limit, found)
                _collect(value, limit, found)
            _collect(expr.otherwise, limit, found)
        case Lambda():
            _collect(expr.body, min(limit, expr.width), found)
        case _:
            pass


def _has_lambda(expr: Expr) -> bool:
    return any(isinstance(p, Lambda) for p in parts(expr))


def bare(expr: Expr) -> Expr:
    """Return the expression without places, so that equal expressions compare equal."""
    return rewrite(expr, lambda e: e if e.span is None else replace(e, span=None))


def conjuncts(expr: Expr) -> list[Expr]:
    """Split at AND."""
    if isinstance(expr, Call) and expr.name == "AND":
        return [c for arg in expr.args for c in conjuncts(arg)]
    return [expr]


# ---------------------------------------------------------------------------------------------------------- nodes


def children(node: Node) -> tuple[Node, ...]:
    """Return the inputs of a node."""
    match node:
        case Scan() | ViewScan() | Values():
            return ()
        case Join() | AsofJoin() | SetOperation():
            return (node.left, node.right)
        case UnionAll():
            return node.inputs
        case _:
            return (node.input,)


def with_children(node: Node, inputs: tuple[Node, ...]) -> Node:
    """Return the node over other inputs of the same schemas; itself when they are the same objects."""
    if all(a is b for a, b in zip(inputs, children(node), strict=True)):
        return node
    match node:
        case Scan() | ViewScan() | Values():
            return node
        case Join() | AsofJoin() | SetOperation():
            return replace(node, left=inputs[0], right=inputs[1])
        case UnionAll():
            return replace(node, inputs=inputs)
        case _:
            return replace(node, input=inputs[0])


def map_sort(keys: tuple[SortKey, ...], change: Callable[[Expr], Expr]) -> tuple[SortKey, ...]:
    """Apply a change to the expressions of sort keys."""
    return tuple([replace(k, expr=change(k.expr)) for k in keys])


def map_call(call: AggregateCall, change: Callable[[Expr], Expr]) -> AggregateCall:
    """Apply a change to the expressions of an aggregate."""
    return replace(
        call,
        args=tuple([change(a) for a in call.args]),
        filter=None if call.filter is None else change(call.filter),
        order=map_sort(call.order, change),
    )


def map_window_call(call: WindowCall, change: Callable[[Expr], Expr]) -> WindowCall:
    """Apply a change to the expressions of a window function."""
    return replace(
        call,
        args=tuple([change(a) for a in call.args]),
        filter=None if call.filter is None else change(call.filter),
    )


def map_exprs(node: Node, change: Callable[[Expr], Expr]) -> Node:
    """Apply a change to every expression of a node; positions must keep their meaning."""
    match node:
        case Scan() | ViewScan() | Distinct() | UnionAll() | SetOperation():
            return node
        case Values():
            return replace(node, rows=tuple([tuple([change(e) for e in row]) for row in node.rows]))
        case Filter():
            return replace(node, predicate=change(node.predicate))
        case Project():
            return replace(node, exprs=tuple([change(e) for e in node.exprs]))
        case Join():
            residual = None if node.residual is None else change(node.residual)
            return replace(node, keys=_map_keys(node.keys, change), residual=residual)
        case AsofJoin():
            return replace(
                node,
                keys=_map_keys(node.keys, change),
                left_time=change(node.left_time),
                right_time=change(node.right_time),
            )
        case Aggregate():
            return replace(
                node,
                keys=tuple([change(k) for k in node.keys]),
                calls=tuple([map_call(c, change) for c in node.calls]),
            )
        case TopK():
            return replace(
                node, partition=tuple([change(p) for p in node.partition]), order=map_sort(node.order, change)
            )
        case Window():
            return replace(
                node,
                partition=tuple([change(p) for p in node.partition]),
                order=map_sort(node.order, change),
                calls=tuple([map_window_call(c, change) for c in node.calls]),
            )
        case Hop():
            return replace(node, time=change(node.time))
        case Unnest():
            return replace(node, collection=change(node.collection))


def exprs_of(node: Node) -> list[Expr]:
    """Return every expression of a node (not of its inputs)."""
    found: list[Expr] = []

    def see(expr: Expr) -> Expr:
        found.append(expr)
        return expr

    map_exprs(node, see)
    return found


def _map_keys(keys: tuple[JoinKey, ...], change: Callable[[Expr], Expr]) -> tuple[JoinKey, ...]:
    return tuple([replace(k, left=change(k.left), right=change(k.right)) for k in keys])
