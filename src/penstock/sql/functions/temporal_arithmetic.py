"""Arithmetic of dates, times and intervals: + and -, DATE_ADD, TIMESTAMPADD, TIMESTAMPDIFF and their kin.

Source: rules of the dialect: adding months keeps the day or takes the last of the month; a DATE plus less than a day
stays as it is; a TIME wraps at midnight; differences in units are cut off towards zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from penstock.data.batch import Column, Words
from penstock.data.types import BIGINT, FLOATS, INTEGERS, INTERVALS, NUMERIC, STRINGS, TEMPORAL, Kind, SqlType
from penstock.sql.functions import civil
from penstock.sql.functions.arithmetic import OTHERS, Others
from penstock.sql.functions.civil import DAY_MICROS, DAY_NANOS, trunc_divide
from penstock.sql.functions.coercion import any_nullable, expect_count, least_restrictive, mismatch
from penstock.sql.functions.comparison import doubles
from penstock.sql.functions.decimals import loader, scale_of
from penstock.sql.functions.intervals import UNIT_MICROS, UNIT_MONTHS
from penstock.sql.functions.registry import (
    Check,
    Context,
    EvaluationError,
    Kernel,
    Prepare,
    Resolve,
    Signature,
    TypeMismatch,
    prepared,
)
from penstock.sql.functions.times import checked_range, unit_named, unit_of

_STAMPS = (Kind.TIMESTAMP, Kind.TIMESTAMP_TZ)
_DATED = (Kind.DATE, *_STAMPS)
Combine = Callable[[Words, Words], Words]

DAY_TO_SECOND = "DAY TO SECOND"


# ------------------------------------------------------------------------------------------------------------ + and -


def _resolve_sum(types: Sequence[SqlType]) -> Signature | None:
    left, right = types
    if left.kind in INTERVALS and right.kind in TEMPORAL:
        return _shifted(left, right, right)
    if left.kind in TEMPORAL and right.kind in INTERVALS:
        return _shifted(left, right, left)
    return _interval_pair(left, right)


def _resolve_difference(types: Sequence[SqlType]) -> Signature | None:
    left, right = types
    if left.kind in TEMPORAL and right.kind in INTERVALS:
        return _shifted(left, right, left)
    if left.kind in TEMPORAL and right.kind in TEMPORAL:
        shared = least_restrictive(types)
        if shared is None:
            return None
        arguments = tuple(shared.with_nullable(t.nullable) for t in types)
        return Signature(arguments, _micros(any_nullable(types)))
    return _interval_pair(left, right)


def _micros(nullable: bool) -> SqlType:
    return SqlType(Kind.INTERVAL_MICROS, nullable, qualifier=DAY_TO_SECOND)


def _shifted(left: SqlType, right: SqlType, moment: SqlType) -> Signature | None:
    if moment.kind is Kind.TIME and Kind.INTERVAL_MONTHS in (left.kind, right.kind):
        return None
    return Signature((left, right), moment.with_nullable(left.nullable or right.nullable))


def _interval_pair(left: SqlType, right: SqlType) -> Signature | None:
    if left.kind not in INTERVALS or right.kind is not left.kind:
        return None
    shared = least_restrictive((left, right))
    return None if shared is None else Signature((left, right), shared)


def shift(moment: SqlType, interval: SqlType, sign: int) -> Combine:
    """Return the function (words of the moment, words of the interval) -> words of moment + sign * interval."""
    if interval.kind is Kind.INTERVAL_MONTHS:
        if moment.kind is Kind.DATE:
            return lambda days, months: civil.add_months(days, sign * months)

        def add(micros: Words, months: Words) -> Words:
            return civil.add_months(micros // DAY_MICROS, sign * months) * DAY_MICROS + micros % DAY_MICROS

        return add
    if moment.kind is Kind.DATE:
        return lambda days, micros: days + sign * trunc_divide(micros, DAY_MICROS)
    if moment.kind is Kind.TIME:
        return lambda nanos, micros: (nanos + sign * (micros % DAY_MICROS) * 1000) % DAY_NANOS
    return lambda stamp, micros: stamp + sign * micros


def _sum(operator: str) -> Prepare:
    sign = 1 if operator == "+" else -1

    def prepare(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Kernel:
        left, right = signature.arguments
        if left.kind in INTERVALS and right.kind in INTERVALS:
            return lambda arguments, row_count: Column(arguments[0].words + sign * arguments[1].words)
        if left.kind in TEMPORAL and right.kind in TEMPORAL:
            return _difference_kernel(left)
        at = 0 if left.kind in TEMPORAL else 1
        moment = signature.arguments[at]
        return _shift_kernel(moment, signature.arguments[1 - at], sign, at)

    return prepare


def _shift_kernel(moment: SqlType, interval: SqlType, sign: int, at: int) -> Kernel:
    combine = shift(moment, interval, sign)
    return lambda arguments, row_count: checked_range(combine(arguments[at].words, arguments[1 - at].words), moment)


def _difference_kernel(kind: SqlType) -> Kernel:
    if kind.kind is Kind.DATE:
        return lambda arguments, row_count: Column((arguments[0].words - arguments[1].words) * DAY_MICROS)
    if kind.kind is Kind.TIME:
        return lambda arguments, row_count: Column(trunc_divide(arguments[0].words - arguments[1].words, 1000))
    return lambda arguments, row_count: Column(arguments[0].words - arguments[1].words)


def _resolve_scaling(operator: str) -> Callable[[Sequence[SqlType]], Signature | None]:
    def resolve(types: Sequence[SqlType]) -> Signature | None:
        left, right = types
        if left.kind in INTERVALS and right.kind in NUMERIC:
            return Signature((left, right), left.with_nullable(any_nullable(types)))
        if operator == "*" and left.kind in NUMERIC and right.kind in INTERVALS:
            return Signature((left, right), right.with_nullable(any_nullable(types)))
        return None

    return resolve


def _scaling(operator: str) -> Prepare:
    """Interval times or divided by a number, cut off towards zero."""

    def prepare(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Kernel:
        at = 0 if signature.arguments[0].kind in INTERVALS else 1
        number = signature.arguments[1 - at]
        if number.kind in FLOATS:
            return _scale_by_float(operator, at)
        load, factor = loader(number, context.pool), 10 ** scale_of(number)

        def kernel(arguments: Sequence[Column], row_count: int) -> Column:
            interval = arguments[at].words.astype(object)
            value = load(arguments[1 - at]).astype(object)
            if operator == "/":
                if not value.all():
                    raise EvaluationError("attempt to divide by zero")
                top, bottom = interval * factor, value
            else:
                top, bottom = interval * value, factor
            size = abs(top) // abs(bottom)
            return Column(_interval_words(np.where((top < 0) != (np.asarray(bottom) < 0), -size, size)))

        return kernel

    return prepare


def _interval_words(values: np.ndarray[tuple[int], np.dtype[np.object_]]) -> Words:
    try:
        return values.astype(np.int64)
    except OverflowError:
        raise EvaluationError("causes overflow for type INTERVAL") from None


def _scale_by_float(operator: str, at: int) -> Kernel:
    def kernel(arguments: Sequence[Column], row_count: int) -> Column:
        interval, value = arguments[at].words.astype(np.float64), doubles(arguments[1 - at])
        with np.errstate(all="ignore"):
            result = np.trunc(interval / value if operator == "/" else interval * value)
        if not (np.abs(result) < 9.2e18).all():
            raise EvaluationError("causes overflow for type INTERVAL")
        return Column(result.astype(np.int64))

    return kernel


OTHERS["+"] = Others(_resolve_sum, _sum("+"))
OTHERS["-"] = Others(_resolve_difference, _sum("-"))
OTHERS["*"] = Others(_resolve_scaling("*"), _scaling("*"))
OTHERS["/"] = Others(_resolve_scaling("/"), _scaling("/"))


def _months_of(kind: SqlType) -> Combine:
    if kind.kind is Kind.DATE:
        return lambda a, b: civil.months_between(a, b, np.zeros_like(a), np.zeros_like(b))

    def months(a: Words, b: Words) -> Words:
        return civil.months_between(a // DAY_MICROS, b // DAY_MICROS, a % DAY_MICROS, b % DAY_MICROS)

    return months


# ---------------------------------------------------------------------------------------------------- named functions


def _resolve_date_add(name: str) -> Resolve:
    def resolve(types: Sequence[SqlType]) -> Signature:
        expect_count(name, types, 2)
        moment, interval = types
        if moment.kind not in TEMPORAL or interval.kind not in INTERVALS:
            raise mismatch(name, types)
        signature = _shifted(moment, interval, moment)
        if signature is None:
            raise mismatch(name, types)
        return signature

    return resolve


def _date_add(sign: int) -> Prepare:
    def prepare(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Kernel:
        return _shift_kernel(signature.arguments[0], signature.arguments[1], sign, 0)

    return prepare


for _name, _sign in (
    *((f"{kind}_ADD", 1) for kind in ("DATE", "TIME", "TIMESTAMP", "DATETIME")),
    *((f"{kind}_SUB", -1) for kind in ("DATE", "TIME", "TIMESTAMP", "DATETIME")),
):
    prepared(_name, resolve=_resolve_date_add(_name), can_fail=True, tolerant=True)(_date_add(_sign))


def _unit_size(unit: str, name: str) -> tuple[Kind, int]:
    """Return the kind of interval that a unit makes and its size in months or microseconds."""
    if unit in UNIT_MONTHS:
        return Kind.INTERVAL_MONTHS, UNIT_MONTHS[unit]
    years = {"DECADE": 10, "CENTURY": 100, "MILLENNIUM": 1000}.get(unit)
    if years is not None:
        return Kind.INTERVAL_MONTHS, 12 * years
    size = UNIT_MICROS.get("WEEK" if unit in ("ISOWEEK", "WEEK") else unit)
    if size is None:
        raise TypeMismatch(f"Cannot apply '{name}' to the unit {unit}")
    return Kind.INTERVAL_MICROS, size


def _resolve_timestampadd(name: str) -> Resolve:
    def resolve(types: Sequence[SqlType]) -> Signature:
        expect_count(name, types, 3)
        unit, count, moment = types
        if unit.kind not in STRINGS or count.kind not in INTEGERS or moment.kind not in TEMPORAL:
            raise mismatch(name, types)
        arguments = (unit, BIGINT.with_nullable(count.nullable), moment)
        return Signature(arguments, moment.with_nullable(any_nullable(types)))

    return resolve


def _timestampadd(name: str) -> Prepare:
    def prepare(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Kernel:
        moment = signature.arguments[2]
        kind, size = _size_for(unit_of(constants[0], context.pool, name), moment, name)
        combine = shift(moment, SqlType(kind), 1)
        limit = (1 << 62) // size

        def kernel(arguments: Sequence[Column], row_count: int) -> Column:
            counts = arguments[1].words
            if ((counts > limit) | (counts < -limit)).any():
                raise EvaluationError(f"causes overflow for type {moment.kind.value}")
            return checked_range(combine(arguments[2].words, counts * size), moment)

        return kernel

    return prepare


def _size_for(unit: str, moment: SqlType, name: str) -> tuple[Kind, int]:
    kind, size = _unit_size(unit, name)
    if kind is Kind.INTERVAL_MONTHS and moment.kind is Kind.TIME:
        raise TypeMismatch(f"Cannot apply '{name}' to add months to a TIME")
    return kind, size


def _check_timestampadd(name: str) -> Check:
    def check(signature: Signature, values: Sequence[object]) -> None:
        _size_for(unit_named(values[0], name), signature.arguments[2], name)

    return check


for _name in ("TIMESTAMPADD", "DATEADD"):
    prepared(
        _name,
        resolve=_resolve_timestampadd(_name),
        can_fail=True,
        tolerant=True,
        check=_check_timestampadd(_name),
    )(_timestampadd(_name))


def _resolve_diff(name: str, unit_at: int) -> Resolve:
    def resolve(types: Sequence[SqlType]) -> Signature:
        expect_count(name, types, 3)
        moments = [t for i, t in enumerate(types) if i != unit_at]
        shared = least_restrictive(moments)
        if types[unit_at].kind not in STRINGS or shared is None or shared.kind not in TEMPORAL:
            raise mismatch(name, types)
        arguments = tuple(t if i == unit_at else shared.with_nullable(t.nullable) for i, t in enumerate(types))
        return Signature(arguments, BIGINT.with_nullable(any_nullable(types)))

    return resolve


def difference(unit: str, kind: SqlType, name: str) -> Combine:
    """Return the function (later, earlier) -> whole units between words of a temporal type."""
    interval, size = _unit_size(unit, name)
    if interval is Kind.INTERVAL_MONTHS:
        if kind.kind is Kind.TIME:
            raise TypeMismatch(f"Cannot apply '{name}' to the unit {unit} of a TIME")
        months = _months_of(kind)
        return lambda a, b: trunc_divide(months(a, b), size)
    if kind.kind is Kind.DATE:
        return lambda a, b: trunc_divide((a - b) * DAY_MICROS, size)
    if kind.kind is Kind.TIME:
        return lambda a, b: trunc_divide(a - b, size * 1000)
    return lambda a, b: trunc_divide(a - b, size)


def _diff(name: str, unit_at: int, later: int, earlier: int) -> Prepare:
    def prepare(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Kernel:
        unit = unit_of(constants[unit_at], context.pool, name)
        between = difference(unit, signature.arguments[later], name)
        return lambda arguments, row_count: Column(between(arguments[later].words, arguments[earlier].words))

    return prepare


def _check_diff(name: str, unit_at: int) -> Check:
    def check(signature: Signature, values: Sequence[object]) -> None:
        difference(unit_named(values[unit_at], name), signature.arguments[1], name)

    return check


for _name in ("TIMESTAMPDIFF", "DATEDIFF"):
    prepared(_name, resolve=_resolve_diff(_name, 0), check=_check_diff(_name, 0))(_diff(_name, 0, 2, 1))
for _name in ("TIMESTAMP_DIFF", "DATE_DIFF", "TIME_DIFF", "DATETIME_DIFF"):
    prepared(_name, resolve=_resolve_diff(_name, 2), check=_check_diff(_name, 2))(_diff(_name, 2, 0, 1))
