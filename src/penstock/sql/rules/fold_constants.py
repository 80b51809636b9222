"""Compute at compile time what reads no column, and drop conditions that are settled.

Sound because a function of constants has the same value for every row; what fails is left to fail at run time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from penstock.data.pool import Pool
from penstock.data.types import Kind, SqlType
from penstock.data.values import decode_column
from penstock.sql.evaluate.program import compile_expr
from penstock.sql.functions.registry import FUNCTIONS, EvaluationError, TypeMismatch
from penstock.sql.plan.expr import Call, Case, Cast, Expr, Literal
from penstock.sql.plan.nodes import Filter, Node, Values
from penstock.sql.plan.walk import map_exprs, parts, rewrite
from penstock.sql.rules.driver import everywhere

_KEPT = frozenset((Kind.ARRAY, Kind.MAP, Kind.STRUCT, Kind.VARIANT, Kind.TIME, Kind.REAL, Kind.UUID))
"""Kinds whose constants are left as they are written: their Python values may not say all of the SQL value."""


def fold_constants(plans: Sequence[Node]) -> list[Node]:
    """Rewrite the expressions of all nodes."""

    def local(node: Node) -> Node:
        return _settled(map_exprs(node, fold))

    return everywhere(plans, local)


def fold(expr: Expr) -> Expr:
    """Return the expression with its constant parts computed."""
    if not any(isinstance(p, (Call, Cast, Case)) for p in parts(expr)):
        return expr
    return rewrite(expr, _fold_one)


def _fold_one(expr: Expr) -> Expr:
    match expr:
        case Call(name="AND", args=args):
            return _connective(expr, args, False)
        case Call(name="OR", args=args):
            return _connective(expr, args, True)
        case Call(args=args) if args and all(isinstance(a, Literal) for a in args):
            function = FUNCTIONS.get(expr.name)
            return expr if function is None or not function.deterministic else _evaluated(expr)
        case Cast(arg=Literal()):
            return _evaluated(expr)
        case Case():
            return _case(expr)
        case _:
            return expr


def _connective(expr: Call, args: tuple[Expr, ...], absorbing: bool) -> Expr:
    """AND (absorbing false) or OR (absorbing true): neutral constants go, an absorbing one decides what follows it."""
    kept: list[Expr] = []
    for arg in args:
        if isinstance(arg, Literal) and arg.value is not None:
            if bool(arg.value) is absorbing:
                if not kept:
                    return replace(arg, type=expr.type.with_nullable(False))
                kept.append(arg)
                break
            continue
        kept.append(arg)
    if not kept:
        return Literal(not absorbing, expr.type.with_nullable(False), expr.span)
    if len(kept) == 1:
        return kept[0]
    return expr if len(kept) == len(args) else replace(expr, args=tuple(kept))


def _case(expr: Case) -> Expr:
    whens: list[tuple[Expr, Expr]] = []
    for condition, value in expr.whens:
        if isinstance(condition, Literal):
            if condition.value is not True:
                continue
            if not whens:
                return _as(value, expr.type)
            return replace(expr, whens=tuple(whens), otherwise=value)
        whens.append((condition, value))
    if not whens:
        return _as(expr.otherwise, expr.type)
    return expr if len(whens) == len(expr.whens) else replace(expr, whens=tuple(whens))


def _as(expr: Expr, kind: SqlType) -> Expr:
    return replace(expr, type=kind) if isinstance(expr, Literal) and expr.value is None else expr


def _evaluated(expr: Call | Cast) -> Expr:
    if expr.type.kind in _KEPT or any(p.type.kind in _KEPT for p in parts(expr)):
        return expr
    pool = Pool()
    try:
        column = compile_expr(expr, pool)([], 1)
        (value,) = decode_column(column, expr.type, pool)
    except (EvaluationError, TypeMismatch, LookupError, ValueError, OverflowError):
        return expr
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return expr
    return Literal(value, expr.type.with_nullable(value is None), expr.span)


def _settled(node: Node) -> Node:
    if isinstance(node, Filter) and isinstance(node.predicate, Literal):
        return node.input if node.predicate.value is True else Values((), node.schema)
    return node
