"""Equalities as join keys: both sides brought to one type, so that equal values are equal words."""

from __future__ import annotations

from dataclasses import replace

from penstock.data.types import INTEGERS, STRINGS, Kind, SqlType
from penstock.sql.functions.coercion import INTEGER_DIGITS, least_restrictive
from penstock.sql.plan.expr import Call, Cast, Expr
from penstock.sql.plan.nodes import JoinKey
from penstock.sql.plan.walk import columns_of, shift

NULL_SAFE = ("<=>", "IS NOT DISTINCT FROM")


def as_key(left: Expr, right: Expr, null_safe: bool) -> JoinKey | None:
    """Return the key that compares the sides, None if their types have no common words."""
    a, b = left.type, right.type
    if _same_words(a, b):
        return JoinKey(left, right, null_safe)
    if Kind.UBIGINT in (a.kind, b.kind):
        return None
    shared = least_restrictive((a, b))
    if shared is None or shared.kind in (Kind.REAL, Kind.VARIANT, Kind.STRUCT):
        return None
    if shared.kind is Kind.DECIMAL and not (_holds(shared, a) and _holds(shared, b)):
        return None
    if shared.kind in (Kind.ARRAY, Kind.MAP):
        return None
    return JoinKey(_cast(left, shared), _cast(right, shared), null_safe)


def key_of(condition: Expr, split: int, width: int) -> JoinKey | None:
    """Return the join key of a condition over left columns (below split) and right columns, None if it is none."""
    if not isinstance(condition, Call) or len(condition.args) != 2:
        return None
    if condition.name != "=" and condition.name not in NULL_SAFE:
        return None
    first, second = condition.args
    for left, right in ((first, second), (second, first)):
        mine, yours = columns_of(left), columns_of(right)
        if mine and yours and max(mine) < split and min(mine) >= 0 and min(yours) >= split:
            return as_key(left, shift(right, -split, width - split), condition.name != "=")
    return None


def _same_words(a: SqlType, b: SqlType) -> bool:
    if a.kind in INTEGERS and b.kind in INTEGERS:
        return a.kind is b.kind or Kind.UBIGINT not in (a.kind, b.kind)
    if a.kind in STRINGS and b.kind in STRINGS:
        return True
    if a.kind is Kind.DECIMAL and b.kind is Kind.DECIMAL:
        return (a.scale or 0) == (b.scale or 0) and a.pooled == b.pooled
    plain = (a.element, a.key, a.fields) == (None, None, ()) == (b.element, b.key, b.fields)
    if a.kind is b.kind and plain:
        return True
    return replace(_open(a), qualifier=None, name=None) == replace(_open(b), qualifier=None, name=None)


def _open(kind: SqlType) -> SqlType:
    """The type with everything in it nullable: nullability is not part of a word."""
    return replace(
        kind,
        nullable=True,
        element=None if kind.element is None else _open(kind.element),
        key=None if kind.key is None else _open(kind.key),
        fields=tuple([replace(f, type=_open(f.type)) for f in kind.fields]),
    )


def _holds(shared: SqlType, part: SqlType) -> bool:
    """Whether the decimal holds every value of an exact number."""
    whole = (shared.precision or 38) - (shared.scale or 0)
    if part.kind is Kind.DECIMAL:
        return (part.precision or 38) - (part.scale or 0) <= whole and (part.scale or 0) <= (shared.scale or 0)
    return whole >= INTEGER_DIGITS[part.kind]


def _cast(expr: Expr, shared: SqlType) -> Expr:
    target = shared.with_nullable(expr.type.nullable)
    return expr if expr.type == target else Cast(expr, target, False, expr.span)
