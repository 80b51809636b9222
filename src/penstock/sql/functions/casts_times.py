"""Casts among dates, times, timestamps and intervals, and between them and numbers.

Source: rules of the dialect: an integer cast to TIMESTAMP counts milliseconds since 1970, to an interval the units of
its qualifier; a TIMESTAMP cast to DATE or TIME loses the other part.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from penstock.data.batch import Column
from penstock.data.types import INTEGERS, Kind, SqlType
from penstock.sql.functions.casts import KEEP, Conversion, conversion
from penstock.sql.functions.casts_numbers import integer_words
from penstock.sql.functions.civil import DAY_MICROS, MAX_DAY, MIN_DAY, trunc_divide
from penstock.sql.functions.coercion import describe
from penstock.sql.functions.decimals import loader, rounded, safe_storer, scale_of, storer
from penstock.sql.functions.intervals import UNIT_MICROS, UNIT_MONTHS, units
from penstock.sql.functions.registry import Context, EvaluationError

_STAMPS = (Kind.TIMESTAMP, Kind.TIMESTAMP_TZ)
_LEAST, _GREATEST = MIN_DAY * DAY_MICROS, (MAX_DAY + 1) * DAY_MICROS - 1


@conversion(_STAMPS, _STAMPS)
def _stamp_to_stamp(context: Context, source: SqlType, target: SqlType, safe: bool) -> Conversion:
    return KEEP  # a TIMESTAMP is taken as UTC


@conversion((Kind.DATE,), (Kind.DATE,))
def _date_to_date(context: Context, source: SqlType, target: SqlType, safe: bool) -> Conversion:
    return KEEP


@conversion((Kind.TIME,), (Kind.TIME,))
def _time_to_time(context: Context, source: SqlType, target: SqlType, safe: bool) -> Conversion:
    return KEEP


@conversion((Kind.DATE,), _STAMPS)
def _date_to_stamp(context: Context, source: SqlType, target: SqlType, safe: bool) -> Conversion:
    return Conversion(lambda arguments, row_count: Column(arguments[0].words * DAY_MICROS))


@conversion(_STAMPS, (Kind.DATE,))
def _stamp_to_date(context: Context, source: SqlType, target: SqlType, safe: bool) -> Conversion:
    return Conversion(lambda arguments, row_count: Column(arguments[0].words // DAY_MICROS))


@conversion(_STAMPS, (Kind.TIME,))
def _stamp_to_time(context: Context, source: SqlType, target: SqlType, safe: bool) -> Conversion:
    return Conversion(lambda arguments, row_count: Column(arguments[0].words % DAY_MICROS * 1000))


@conversion((*INTEGERS, Kind.DECIMAL), _STAMPS)
def _number_to_stamp(context: Context, source: SqlType, target: SqlType, safe: bool) -> Conversion:
    load, scale = loader(source, context.pool), scale_of(source)

    def kernel(arguments: Sequence[Column], row_count: int) -> Column:
        millis = rounded(load(arguments[0]), scale, "down")
        bad = np.array((millis < _LEAST // 1000) | (millis > _GREATEST // 1000), np.bool_)
        if not bad.any():
            return Column(millis.astype(np.int64) * 1000)
        if not safe:
            value = int(millis[np.flatnonzero(bad)[0]])
            raise EvaluationError(f"Error converting {value} to {describe(target)}: input is out of range")
        return Column(np.where(bad, 0, millis).astype(np.int64) * 1000, bad)

    return Conversion(kernel, not safe, tolerant=True)


@conversion(_STAMPS, INTEGERS)
def _stamp_to_integer(context: Context, source: SqlType, target: SqlType, safe: bool) -> Conversion:
    keep = integer_words(target, safe)
    return Conversion(lambda arguments, row_count: keep(arguments[0].words // 1000), not safe, tolerant=True)


def _unit(kind: SqlType) -> int:
    """Return months or microseconds of the field that a number cast to or from the interval counts: the last one."""
    if kind.kind is Kind.INTERVAL_MONTHS:
        return UNIT_MONTHS[units(kind.qualifier, "MONTH")[1]]
    return UNIT_MICROS[units(kind.qualifier, "SECOND")[1]]


def _overflow(value: object, target: SqlType) -> EvaluationError:
    return EvaluationError(f"Error converting {value} to {describe(target)}: out of range")


@conversion((*INTEGERS, Kind.DECIMAL), (Kind.INTERVAL_MONTHS, Kind.INTERVAL_MICROS))
def _number_to_interval(context: Context, source: SqlType, target: SqlType, safe: bool) -> Conversion:
    load, scale, unit = loader(source, context.pool), scale_of(source), _unit(target)
    limit = (1 << 63) // unit

    def kernel(arguments: Sequence[Column], row_count: int) -> Column:
        values = load(arguments[0])
        whole = rounded(values, scale, "down")
        bad = np.array((whole >= limit) | (whole <= -limit), np.bool_)
        nulls = None
        if bad.any():
            if not safe:
                raise _overflow(int(whole[np.flatnonzero(bad)[0]]), target)
            values, nulls = np.where(bad, 0, values), bad
        exact = rounded(values * unit, scale, "down") if scale else values * unit
        return Column(exact.astype(np.int64), nulls)

    return Conversion(kernel, not safe, tolerant=True)


@conversion((Kind.INTERVAL_MONTHS, Kind.INTERVAL_MICROS), INTEGERS)
def _interval_to_integer(context: Context, source: SqlType, target: SqlType, safe: bool) -> Conversion:
    unit, keep = _unit(source), integer_words(target, safe)
    return Conversion(
        lambda arguments, row_count: keep(trunc_divide(arguments[0].words, unit)), not safe, tolerant=True
    )


@conversion((Kind.INTERVAL_MONTHS, Kind.INTERVAL_MICROS), (Kind.DECIMAL,))
def _interval_to_decimal(context: Context, source: SqlType, target: SqlType, safe: bool) -> Conversion:
    unit, scale = _unit(source), target.scale or 0
    store = (safe_storer if safe else storer)(target, context.pool)

    def kernel(arguments: Sequence[Column], row_count: int) -> Column:
        values = arguments[0].words
        if scale == 0:
            return store(trunc_divide(values, unit))
        exact = values.astype(object) * 10**scale
        return store(np.where(exact < 0, -(-exact // unit), exact // unit))

    return Conversion(kernel, not safe, tolerant=True)


@conversion((Kind.INTERVAL_MONTHS,), (Kind.INTERVAL_MONTHS,))
def _months_to_months(context: Context, source: SqlType, target: SqlType, safe: bool) -> Conversion:
    return KEEP


@conversion((Kind.INTERVAL_MICROS,), (Kind.INTERVAL_MICROS,))
def _micros_to_micros(context: Context, source: SqlType, target: SqlType, safe: bool) -> Conversion:
    return KEEP
