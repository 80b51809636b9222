"""The proleptic Gregorian calendar on arrays: days since 1970-01-01 to year, month, day and back; months and weeks.

Source: years that begin in March and eras of 400 years as in H. Hinnant, "chrono-compatible low-level date algorithms";
the multiplications in place of divisions from C. Neri, L. Schneider, "Euclidean affine functions" (2022).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from penstock.data.batch import Words
from penstock.data.kernels import compiled

DAY_MICROS = 86_400_000_000
DAY_NANOS = 86_400_000_000_000
MIN_DAY, MAX_DAY = -719_162, 2_932_896
"""0001-01-01 and 9999-12-31 in days since 1970-01-01."""

_MONTH_DAYS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], np.int64)


_IN = types.Array(types.int64, 1, "A", readonly=True)
_OUT = types.int64[::1]


_U = np.uint64
_ERAS_DAYS, _ERAS_YEARS = 82 * 146_097, 82 * 400
"""Whole eras of 400 years added so that all numbers within are positive."""


@compiled(types.void(_IN, _OUT, _OUT, _OUT))
def _civil(days: Any, year: Any, month: Any, day: Any) -> None:  # pragma: no cover - compiled
    for i in range(len(year)):
        quarters = _U(4) * _U(days[i] + 719_468 + _ERAS_DAYS) + _U(3)
        century = quarters // _U(146_097)
        within = (quarters - century * _U(146_097)) | _U(3)
        product = _U(2_939_745) * within
        year_of_century = product >> _U(32)
        day_of_year = (product & _U(0xFFFFFFFF)) // _U(2_939_745) // _U(4)
        mixed = _U(2141) * day_of_year + _U(197_913)
        late = day_of_year >= _U(306)
        m = np.int64(mixed >> _U(16))
        day[i] = np.int64((mixed & _U(0xFFFF)) // _U(2141)) + 1
        month[i] = m - 12 if late else m
        year[i] = np.int64(_U(100) * century + year_of_century) - _ERAS_YEARS + (1 if late else 0)


@compiled(types.void(_IN, _IN, _IN, _OUT))
def _days(year: Any, month: Any, day: Any, out: Any) -> None:  # pragma: no cover - compiled
    for i in range(len(out)):
        early = month[i] <= 2
        y = _U(year[i] + _ERAS_YEARS - (1 if early else 0))
        m = _U(month[i] + 9 if early else month[i] - 3)
        leap = y // _U(4) - y // _U(100) + y // _U(400)
        in_year = (_U(153) * m + _U(2)) // _U(5)
        out[i] = np.int64(_U(365) * y + leap + in_year) + day[i] - 1 - 719_468 - _ERAS_DAYS


def civil(days: Words) -> tuple[Words, Words, Words]:
    """Return year, month (1..12) and day of month of days since 1970-01-01. Shapes (n,)."""
    year, month, day = np.empty((3, len(days)), np.int64)
    _civil(days, year, month, day)
    return year, month, day


def days_from_civil(year: Words, month: Words, day: Words) -> Words:
    """Return days since 1970-01-01 of valid dates. Shapes (n,)."""
    out = np.empty(len(year), np.int64)
    _days(year, month, day, out)
    return out


def month_length(year: Words, month: Words) -> Words:
    """Return the number of days of each month."""
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    result: Words = _MONTH_DAYS[month - 1] + ((month == 2) & leap)
    return result


def add_months(days: Words, months: Words) -> Words:
    """Return the dates months later; a day beyond the end of its month becomes the last one."""
    year, month, day = civil(days)
    total = year * 12 + (month - 1) + months
    year, month = total // 12, total % 12 + 1
    return days_from_civil(year, month, np.minimum(day, month_length(year, month)))


def months_between(later: Words, earlier: Words, later_rest: Words, earlier_rest: Words) -> Words:
    """Return whole months from earlier to later, towards zero.

    later, earlier: days since 1970-01-01; *_rest: time of day in any common unit.
    """
    y1, m1, d1 = civil(later)
    y2, m2, d2 = civil(earlier)
    months = (y1 - y2) * 12 + (m1 - m2)
    ahead = (d1 < d2) | ((d1 == d2) & (later_rest < earlier_rest))
    behind = (d1 > d2) | ((d1 == d2) & (later_rest > earlier_rest))
    result: Words = months - ((months > 0) & ahead) + ((months < 0) & behind)
    return result


def day_of_week(days: Words) -> Words:
    """Return the day of the week, Sunday = 1 .. Saturday = 7."""
    return (days + 4) % 7 + 1


def iso_day_of_week(days: Words) -> Words:
    """Return the day of the week, Monday = 1 .. Sunday = 7."""
    return (days + 3) % 7 + 1


def day_of_year(days: Words) -> Words:
    """Return the day of the year from 1."""
    year, _, _ = civil(days)
    one = np.ones_like(year)
    return days - days_from_civil(year, one, one) + 1


def iso_year(days: Words) -> Words:
    """Return the year that the ISO 8601 week of the day belongs to: that of the week's Thursday."""
    return civil(days - iso_day_of_week(days) + 4)[0]


def iso_week(days: Words) -> Words:
    """Return the ISO 8601 week from 1 to 53."""
    thursday = days - iso_day_of_week(days) + 4
    return (day_of_year(thursday) - 1) // 7 + 1


def trunc_divide(values: Words, divisor: int) -> Words:
    """Return values / divisor towards zero."""
    quotient = values // divisor
    result: Words = quotient + ((quotient < 0) & (quotient * divisor != values))
    return result
