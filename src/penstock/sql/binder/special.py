"""Calls whose typing depends on more than their arguments' types: signs, rows, fields, indexing, negated tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

from penstock.data.types import BOOLEAN, INTERVALS, NUMERIC, TIMESTAMP, Field, Kind, SqlType
from penstock.sql.binder.expressions import Expressions, special
from penstock.sql.binder.types import interval_type
from penstock.sql.diagnostics import SqlError
from penstock.sql.functions.coercion import describe, mismatch
from penstock.sql.functions.intervals import UNIT_MICROS
from penstock.sql.functions.registry import FUNCTIONS
from penstock.sql.parser.ast import Apply, Constant, Expression
from penstock.sql.plan.expr import Call, Case, Cast, Expr, Literal


@special("NOT")
def _not(binder: Expressions, apply: Apply) -> Expr:
    (arg,) = apply.args
    if isinstance(arg, Apply) and arg.name.startswith("IS ") and not arg.name.startswith("IS NOT "):
        negative = "IS NOT " + arg.name[3:]
        if negative in FUNCTIONS and arg.name not in ("IS JSON",):
            return binder.call(negative, binder.arguments(arg), apply.span)
    return binder.call("NOT", (binder.bind(arg),), apply.span)


@special("AND", "OR")
def _logic(binder: Expressions, apply: Apply) -> Expr:
    args = [binder.bind(a) for a in apply.args]
    return reduce(lambda a, b: binder.call(apply.name, (a, b), apply.span), args)


@special("-")
def _minus(binder: Expressions, apply: Apply) -> Expr:
    args = binder.arguments(apply)
    if len(args) > 1:
        return binder.call("-", args, apply.span)
    (arg,) = args
    if isinstance(arg, Literal) and isinstance(arg.value, int) and arg.type.kind in INTERVALS:
        return replace(arg, value=-arg.value, span=apply.span)
    return binder.call("NEGATE", args, apply.span)


@special("+")
def _plus(binder: Expressions, apply: Apply) -> Expr:
    args = binder.arguments(apply)
    if len(args) > 1:
        return binder.call("+", args, apply.span)
    if args[0].type.kind not in NUMERIC + INTERVALS:
        raise SqlError(str(mismatch("+", [args[0].type])), apply.span)
    return args[0]


@special("TIMESTAMPADD", "DATEADD")
def _add_units(binder: Expressions, apply: Apply) -> Expr:
    """A date with units shorter than a day added to it is a timestamp, unlike one with an interval of them."""
    _expect(apply, 3)
    args = binder.arguments(apply)
    unit, moment = args[0], args[-1]
    if isinstance(unit, Literal) and str(unit.value).upper() in _WITHIN_A_DAY and moment.type.kind is Kind.DATE:
        args = (*args[:-1], binder.cast(moment, TIMESTAMP.with_nullable(moment.type.nullable), False, moment.span))
    return binder.call(apply.name, args, apply.span)


_WITHIN_A_DAY = UNIT_MICROS.keys() - {"WEEK", "DAY"}


@special("NULLIF")
def _nullif(binder: Expressions, apply: Apply) -> Expr:
    """The first argument in its own type, whatever type the two are compared in.

    Source: SQL:2016, 6.12: NULLIF(a, b) is CASE WHEN a = b THEN NULL ELSE a END.
    """
    _expect(apply, 2)
    args = binder.arguments(apply)
    if args[0].type.kind is Kind.STRUCT:
        # Refused there, as any comparison of rows by equality.
        binder.call("=", args, apply.span)
    made = binder.call("NULLIF", args, apply.span)
    own = args[0].type.with_nullable(True)
    if made.type == own or own.kind is Kind.NULL:
        return made
    equal = binder.call("=", args, apply.span)
    return Case(((equal, Literal(None, own)),), args[0], own, apply.span)


@special("COALESCE", "IFNULL")
def _first_present(binder: Expressions, apply: Apply) -> Expr:
    """Whether an argument is there is asked before it becomes a VARIANT, whose null is a value."""
    args = binder.arguments(apply)
    variants = [a.type.kind is Kind.VARIANT for a in args]
    if not any(variants) or all(variants) or (apply.name == "IFNULL" and len(args) != 2):
        return binder.call(apply.name, args, apply.span)
    return binder.case([(binder.call("IS NOT NULL", (a,), a.span), a) for a in args[:-1]], args[-1], apply.span)


@special("MINUS_DATE")
def _minus_date(binder: Expressions, apply: Apply) -> Expr:
    """(a - b) DAY and its like: the qualifier says whether months or microseconds are counted, and how it is shown."""
    _expect(apply, 3)
    left, right = binder.bind(apply.args[0]), binder.bind(apply.args[1])
    kind = _interval_of(apply)
    if kind.kind is Kind.INTERVAL_MICROS:
        made = binder.call("-", (left, right), apply.span)
        if made.type.kind is not Kind.INTERVAL_MICROS:
            raise SqlError(str(mismatch("-", [left.type, right.type])), apply.span)
        return replace(made, type=replace(made.type, qualifier=kind.qualifier))
    unit = Literal("MONTH", SqlType(Kind.CHAR, False, precision=5), apply.span)
    months = binder.call("TIMESTAMPDIFF", (unit, right, left), apply.span)
    shown = replace(kind, nullable=months.type.nullable)
    return Cast(Cast(months, replace(shown, qualifier="MONTH"), False, apply.span), shown, False, apply.span)


@special("INTERVAL")
def _interval(binder: Expressions, apply: Apply) -> Expr:
    _expect(apply, 2)
    value = binder.bind(apply.args[0])
    return binder.cast(value, _interval_of(apply), False, apply.span)


def _interval_of(apply: Apply) -> SqlType:
    return interval_type(_constant(apply, apply.args[-1]).text, False)


def _expect(apply: Apply, count: int) -> None:
    """Refuse a call with too many or too few arguments."""
    if len(apply.args) != count:
        message = f"Invalid number of arguments to function '{apply.name}'. Was expecting {count} arguments"
        raise SqlError(message, apply.span)


def _constant(apply: Apply, written: Expression) -> Constant:
    """Return what stands in a call as the parser makes it of words of the syntax."""
    if not isinstance(written, Constant):
        raise SqlError(f"No match found for function signature {apply.name.lower()}", apply.span)
    return written


@special("ROW")
def _row(binder: Expressions, apply: Apply) -> Expr:
    args = binder.arguments(apply)
    fields = tuple([Field(f"EXPR${i}", a.type) for i, a in enumerate(args)])
    return Call("ROW", args, SqlType(Kind.STRUCT, False, fields=fields), apply.span)


@special("FIELD")
def _field(binder: Expressions, apply: Apply) -> Expr:
    _expect(apply, 2)
    value, name = apply.args
    return binder.member(binder.bind(value), _constant(apply, name).text, apply.span)


@special("ITEM")
def _item(binder: Expressions, apply: Apply) -> Expr:
    _expect(apply, 2)
    value, index = (binder.bind(a) for a in apply.args)
    if value.type.kind is not Kind.STRUCT:
        return binder.call("ITEM", (value, index), apply.span)
    if isinstance(index, Literal) and isinstance(index.value, str):
        return binder.member(value, index.value, apply.span)
    if isinstance(index, Literal) and isinstance(index.value, int) and 1 <= index.value <= len(value.type.fields):
        return binder.at(value, index.value - 1, apply.span)
    raise SqlError(f"Cannot infer type of field at position within ROW type: {describe(value.type)}", apply.span)


def present(value: Expr) -> Expr:
    """Return value IS NOT NULL."""
    return Call("IS NOT NULL", (value,), BOOLEAN, value.span)


def both(conditions: Sequence[Expr]) -> Expr:
    """Return the conjunction of conditions; at least one is needed."""
    result = conditions[0]
    for condition in conditions[1:]:
        nullable = result.type.nullable or condition.type.nullable
        result = Call("AND", (result, condition), BOOLEAN.with_nullable(nullable), condition.span)
    return result
