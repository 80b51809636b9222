"""Explicit casts where an expression's type is not the one that is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from penstock.data.types import INTEGER_BITS, NUMERIC, SIGNED, STRINGS, TEMPORAL, Field, Kind, SqlType
from penstock.sql.diagnostics import SqlError
from penstock.sql.functions.coercion import describe, least_restrictive
from penstock.sql.plan.expr import Call, Cast, ColumnRef, Expr, Literal, Span

_SHOWN_AS_STRING = frozenset((*STRINGS, *NUMERIC, *TEMPORAL, Kind.BOOLEAN, Kind.NULL))


def alike(left: SqlType, right: SqlType) -> bool:
    """Whether values of the types are the same values, whatever their nullability, names and spelling."""
    if left.kind is not right.kind or left.precision != right.precision or (left.scale or 0) != (right.scale or 0):
        return False
    if len(left.fields) != len(right.fields):
        return False
    if not all(alike(a.type, b.type) for a, b in zip(left.fields, right.fields, strict=True)):
        return False
    for mine, yours in ((left.element, right.element), (left.key, right.key)):
        if (mine is None) != (yours is None) or (mine is not None and yours is not None and not alike(mine, yours)):
            return False
    return True


def named_as(expr: Expr, target: SqlType) -> Expr:
    """Return a row with the names that its fields have in a type alike; other values as they are."""
    source = expr.type
    renamed = any(mine.name != yours.name for mine, yours in zip(source.fields, target.fields, strict=True))
    if not renamed or not (isinstance(expr, ColumnRef) or (isinstance(expr, Call) and expr.name == "ROW")):
        return expr
    fields = tuple([Field(t.name, s.type) for s, t in zip(source.fields, target.fields, strict=True)])
    return replace(expr, type=replace(source, fields=fields, name=target.name))


def coerce(expr: Expr, target: SqlType) -> Expr:
    """Return the expression as the target type; its own nullability stays.

    A string keeps its type where the target is a longer or unbounded VARCHAR: the value does not change.
    """
    source = expr.type
    if alike(source, target) or _fits(source, target):
        return expr
    if isinstance(expr, Literal):
        folded = _literal(expr, target)
        if folded is not None:
            return folded
    nullable = source.nullable or source.kind in (Kind.VARIANT, Kind.NULL)
    return Cast(expr, target.with_nullable(nullable), False, expr.span)


def exactly(expr: Expr, target: SqlType) -> Expr:
    """Return the expression as the target type, also where only the length of a string differs."""
    if alike(expr.type, target):
        return named_as(expr, target)
    if isinstance(expr, Literal):
        folded = _literal(expr, target)
        if folded is not None:
            return folded
    nullable = expr.type.nullable or expr.type.kind in (Kind.VARIANT, Kind.NULL)
    return Cast(expr, target.with_nullable(nullable), False, expr.span)


def common(exprs: Sequence[Expr], message: str, span: Span | None) -> tuple[list[Expr], SqlType]:
    """Return the expressions as the type that they have in common, and that type.

    Raises:
        SqlError: with `message` when they have none.
    """
    shared = shared_type([e.type for e in exprs])
    if shared is None:
        raise SqlError(message, span)
    return [exactly(e, shared) for e in exprs], shared


def shared_type(types: Sequence[SqlType]) -> SqlType | None:
    """Return the type that CASE, VALUES or a set operation of these types has, None if there is none.

    Source: coercion of the dialect: a string with a number, a truth value or a moment gives a string.
    """
    shared = least_restrictive(types)
    if shared is not None or not any(t.kind in STRINGS for t in types):
        return shared
    if all(t.kind in _SHOWN_AS_STRING for t in types):
        return SqlType(Kind.VARCHAR, any(t.nullable for t in types))
    return None


def _fits(source: SqlType, target: SqlType) -> bool:
    if source.kind in (Kind.CHAR, Kind.VARCHAR) and target.kind is Kind.VARCHAR:
        return target.precision is None or (source.precision is not None and source.precision <= target.precision)
    if source.kind in (Kind.BINARY, Kind.VARBINARY) and target.kind is Kind.VARBINARY:
        return target.precision is None or (source.precision is not None and source.precision <= target.precision)
    return False


def _literal(expr: Literal, target: SqlType) -> Literal | None:
    """Convert constants where the result is beyond doubt, so that plans stay small."""
    if expr.value is None:
        # A NULL of some type becomes the null of a VARIANT, as a column's would.
        same = target.kind is not Kind.VARIANT or expr.type.kind in (Kind.VARIANT, Kind.NULL)
        return replace(expr, type=target.with_nullable(True)) if same else None
    value = expr.value
    if isinstance(value, bool) or not isinstance(value, int) or expr.type.kind not in SIGNED:
        return None
    if target.kind in SIGNED and -(2 ** (INTEGER_BITS[target.kind] - 1)) <= value < 2 ** (
        INTEGER_BITS[target.kind] - 1
    ):
        return replace(expr, type=target.with_nullable(False))
    if target.kind in INTEGER_BITS and target.kind not in SIGNED and 0 <= value < 2 ** INTEGER_BITS[target.kind]:
        return replace(expr, type=target.with_nullable(False))
    if target.kind is Kind.DOUBLE and abs(value) <= 2**53:
        return replace(expr, value=float(value), type=target.with_nullable(False))
    scale, precision = target.scale or 0, target.precision or 38
    if target.kind is Kind.DECIMAL and len(str(abs(value))) <= precision - scale:
        return replace(expr, value=Decimal(value), type=target.with_nullable(False))
    return None


def names_of(types: Sequence[SqlType]) -> str:
    """Return the types as a message lists them."""
    return ", ".join(f"<{describe(t)}>" for t in types)
