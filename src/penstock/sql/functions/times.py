"""Parts of dates and times (EXTRACT and the functions named after a unit) and rounding them down or up to a unit.

Source: the dialect counts days of the week from Sunday = 1; MILLISECOND and MICROSECOND include the whole seconds;
weeks are those of ISO 8601 in EXTRACT and begin on Sunday in DATE_TRUNC unless WEEK(day) or ISOWEEK is given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from penstock.data.batch import Column, Words
from penstock.data.pool import Pool
from penstock.data.types import BIGINT, INTERVALS, STRINGS, TEMPORAL, Kind, SqlType
from penstock.sql.functions import civil
from penstock.sql.functions.civil import DAY_MICROS, trunc_divide
from penstock.sql.functions.coercion import any_nullable, describe, expect_count, mismatch
from penstock.sql.functions.intervals import UNIT_MICROS
from penstock.sql.functions.numbers import resolve_whole, whole
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

Part = Callable[[Words], Words]
Rounding = Callable[[str, SqlType], Part | None]
"""rounding(unit, type) -> function of words, None where the type has no such unit."""

_MINUTE = 60_000_000
_STAMPS = (Kind.TIMESTAMP, Kind.TIMESTAMP_TZ)

_SYNONYMS = {"DAYOFWEEK": "DOW", "DAYOFYEAR": "DOY", "DAYOFMONTH": "DAY", "ISOWEEK": "WEEK"}


def _year(days: Words) -> Words:
    return civil.civil(days)[0]


def _month(days: Words) -> Words:
    return civil.civil(days)[1]


_OF_DAYS: dict[str, Part] = {
    "MILLENNIUM": lambda days: (_year(days) + 999) // 1000,
    "CENTURY": lambda days: (_year(days) + 99) // 100,
    "DECADE": lambda days: _year(days) // 10,
    "YEAR": _year,
    "ISOYEAR": civil.iso_year,
    "QUARTER": lambda days: (_month(days) + 2) // 3,
    "MONTH": _month,
    "WEEK": civil.iso_week,
    "DAY": lambda days: civil.civil(days)[2],
    "DOW": civil.day_of_week,
    "ISODOW": civil.iso_day_of_week,
    "DOY": civil.day_of_year,
}

_OF_MICROS: dict[str, Part] = {
    "HOUR": lambda micros: micros % DAY_MICROS // UNIT_MICROS["HOUR"],
    "MINUTE": lambda micros: micros % UNIT_MICROS["HOUR"] // _MINUTE,
    "SECOND": lambda micros: micros % _MINUTE // 1_000_000,
    "MILLISECOND": lambda micros: micros % _MINUTE // 1000,
    "MICROSECOND": lambda micros: micros % _MINUTE,
    "NANOSECOND": lambda micros: micros % _MINUTE * 1000,
    "EPOCH": lambda micros: micros // 1_000_000,
}


def part(unit: str, kind: SqlType) -> Part | None:
    """Return the function from words of a temporal type to a part of them, None if the type has no such part."""
    unit = _SYNONYMS.get(unit, unit)
    if kind.kind is Kind.DATE:
        return _part_of_date(unit)
    if kind.kind in _STAMPS:
        of_days = _OF_DAYS.get(unit)
        return (lambda micros: of_days(micros // DAY_MICROS)) if of_days else _OF_MICROS.get(unit)
    if kind.kind is Kind.TIME:
        if unit == "NANOSECOND":
            return lambda nanos: nanos % (_MINUTE * 1000)
        of_micros = _OF_MICROS.get(unit)
        return (lambda nanos: of_micros(nanos // 1000)) if of_micros else None
    return _part_of_interval(unit, kind.kind)


def _part_of_date(unit: str) -> Part | None:
    if unit == "EPOCH":
        return lambda days: days * 86_400
    if unit in _OF_MICROS:
        return np.zeros_like
    return _OF_DAYS.get(unit)


def _part_of_interval(unit: str, kind: Kind) -> Part | None:
    """Parts of an interval carry its sign."""
    if kind is Kind.INTERVAL_MONTHS:
        table: dict[str, Part] = {
            "YEAR": lambda months: trunc_divide(months, 12),
            "QUARTER": lambda months: trunc_divide(np.fmod(months, 12), 3) + 1,
            "MONTH": lambda months: np.fmod(months, 12),
            "EPOCH": lambda months: trunc_divide(months, 12) * 31_557_600 + np.fmod(months, 12) * 2_592_000,
        }
        return table.get(unit)
    if unit == "DAY":
        return lambda micros: trunc_divide(micros, DAY_MICROS)
    of_micros = _OF_MICROS.get(unit)
    if of_micros is None:
        return None
    return lambda micros: np.sign(micros) * of_micros(np.abs(micros))


def constant_text(column: Column | None, pool: Pool) -> str | None:
    """Return the text of a constant string argument, None if it varies or is NULL."""
    if column is None or (column.nulls is not None and bool(column.nulls[0])):
        return None
    return pool.value(int(column.words[0])).decode()


def unit_of(column: Column | None, pool: Pool, name: str) -> str:
    """Return the unit that a call names.

    Raises: TypeMismatch if it is not constant.
    """
    return unit_named(constant_text(column, pool), name)


def unit_named(value: object, name: str) -> str:
    """Return the unit that a call names by its argument's value.

    Raises: TypeMismatch if it is not a constant string.
    """
    if not isinstance(value, str):
        raise TypeMismatch(f"the unit of '{name}' must be a constant")
    return value.strip().upper()


def _resolve_extract(name: str) -> Resolve:
    def resolve(types: Sequence[SqlType]) -> Signature:
        expect_count(name, types, 2)
        if types[0].kind not in STRINGS or types[1].kind not in (*TEMPORAL, *INTERVALS, Kind.NULL):
            raise mismatch(name, types)
        return Signature(tuple(types), BIGINT.with_nullable(any_nullable(types)))

    return resolve


def _extract(name: str) -> Prepare:
    def prepare(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Kernel:
        return _part_kernel(name, unit_of(constants[0], context.pool, name), signature.arguments[1], 1)

    return prepare


def _part_kernel(name: str, unit: str, kind: SqlType, at: int) -> Kernel:
    if kind.kind is Kind.NULL:
        return lambda arguments, row_count: Column(np.zeros(row_count, np.int64))
    take = _known_part(name, unit, kind)
    return lambda arguments, row_count: Column(take(arguments[at].words))


def _known_part(name: str, unit: str, kind: SqlType) -> Part:
    take = part(unit, kind)
    if take is None:
        raise TypeMismatch(f"Cannot apply '{name}' to extract {unit} from a value of type {describe(kind)}")
    return take


def _check_extract(name: str) -> Check:
    def check(signature: Signature, values: Sequence[object]) -> None:
        if signature.arguments[1].kind is not Kind.NULL:
            _known_part(name, unit_named(values[0], name), signature.arguments[1])

    return check


for _name in ("EXTRACT", "DATE_PART"):
    prepared(_name, resolve=_resolve_extract(_name), check=_check_extract(_name))(_extract(_name))


def _declare_part(name: str, unit: str) -> None:
    def resolve(types: Sequence[SqlType]) -> Signature:
        expect_count(name, types, 1)
        timed = types[0].kind in (*TEMPORAL, *INTERVALS)
        if types[0].kind is not Kind.NULL and not (timed and part(unit, types[0]) is not None):
            raise mismatch(name, types)
        return Signature(tuple(types), BIGINT.with_nullable(types[0].nullable))

    @prepared(name, resolve=resolve)
    def prepare(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Kernel:
        return _part_kernel(name, unit, signature.arguments[0], 0)


for _name in ("YEAR", "QUARTER", "MONTH", "WEEK", "DAYOFMONTH", "DOW", "DOY", "DAYOFWEEK", "DAYOFYEAR", "HOUR"):
    _declare_part(_name, _name)
for _name in ("MINUTE", "SECOND", "MILLISECOND", "MICROSECOND", "EPOCH", "ISODOW", "ISOYEAR", "DAY"):
    _declare_part(_name, _name)


# --------------------------------------------------------------------------------------------------------- rounding

_WEEKDAYS = ("SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY")
_YEARS = {"MILLENNIUM": 1000, "CENTURY": 100, "DECADE": 10, "YEAR": 1}


def floor_days(unit: str) -> Part | None:
    """Return the function that takes days back to the first day of their unit, None for units below the day."""
    if unit in _YEARS:
        size = _YEARS[unit]
        first = 1 if size >= 100 else 0  # the centuries begin with the year 1
        return lambda days: _new_year((_year(days) - first) // size * size + first)
    if unit == "MONTH":
        return lambda days: days - civil.civil(days)[2] + 1
    if unit == "QUARTER":
        return _first_of_quarter
    if unit == "ISOYEAR":
        return lambda days: _first_iso_week(civil.iso_year(days))
    if unit.startswith(("WEEK", "ISOWEEK")):
        return _floor_week(unit)
    return (lambda days: days) if unit == "DAY" else None


def _new_year(year: Words) -> Words:
    year = np.maximum(year, 1)
    one = np.ones_like(year)
    return civil.days_from_civil(year, one, one)


def _first_of_quarter(days: Words) -> Words:
    year, month, _ = civil.civil(days)
    return civil.days_from_civil(year, (month - 1) // 3 * 3 + 1, np.ones_like(year))


def _first_iso_week(year: Words) -> Words:
    fourth = _new_year(year) + 3
    return fourth - civil.iso_day_of_week(fourth) + 1


def _floor_week(unit: str) -> Part:
    start = 1 if unit == "ISOWEEK" else 0
    if unit.startswith("WEEK("):
        day = unit[5:].rstrip(")")
        if day not in _WEEKDAYS:
            raise TypeMismatch(f"unknown day of the week '{day}'")
        start = _WEEKDAYS.index(day)
    return lambda days: days - (civil.day_of_week(days) - 1 - start) % 7


def floor_words(unit: str, kind: SqlType) -> Part | None:
    """Return the function that rounds words of a temporal type down to a unit, None where there is none."""
    of_days = floor_days(unit)
    if kind.kind is Kind.DATE:
        return of_days or ((lambda days: days) if unit in UNIT_MICROS else None)
    if kind.kind in _STAMPS:
        if of_days is not None:
            return lambda micros: of_days(micros // DAY_MICROS) * DAY_MICROS
        size = UNIT_MICROS.get(unit)
        if size is None:
            return (lambda micros: micros) if unit == "NANOSECOND" else None
        return lambda micros: micros // size * size
    if kind.kind is Kind.TIME:
        nanos = {"DAY": civil.DAY_NANOS, "NANOSECOND": 1}.get(unit, UNIT_MICROS.get(unit, 0) * 1000)
        return (lambda words: words // nanos * nanos) if nanos else None
    return None


def ceil_words(unit: str, kind: SqlType) -> Part | None:
    """Return the function that rounds words of a temporal type up to a unit."""
    down = floor_words(unit, kind)
    if down is None:
        return None

    def up(words: Words) -> Words:
        floor = down(words)
        return np.where(floor == words, words, _next_unit(floor, unit, kind))

    return up


def _next_unit(floor: Words, unit: str, kind: SqlType) -> Words:
    day = 1 if kind.kind is Kind.DATE else DAY_MICROS
    months = {"QUARTER": 3, "MONTH": 1}.get(unit, _YEARS.get(unit, 0) * 12)
    if months:
        return civil.add_months(floor // day, np.full_like(floor, months)) * day
    if unit == "ISOYEAR":
        return _first_iso_week(civil.iso_year(floor // day) + 1) * day
    if unit.startswith(("WEEK", "ISOWEEK")):
        return floor + 7 * day
    if kind.kind is Kind.DATE:
        return floor + 1
    size = UNIT_MICROS.get(unit, 0)
    if kind.kind is Kind.TIME:
        return (floor + (size * 1000 or 1)) % civil.DAY_NANOS
    return floor + size


def checked_range(words: Words, kind: SqlType) -> Column:
    """Return a column of dates or timestamps.

    Raises: EvaluationError if one is not in the years 1 to 9999.
    """
    if kind.kind in (Kind.DATE, *_STAMPS) and len(words):
        day = 1 if kind.kind is Kind.DATE else DAY_MICROS
        if int(words.min()) < civil.MIN_DAY * day or int(words.max()) >= (civil.MAX_DAY + 1) * day:
            raise EvaluationError(f"causes overflow for type {kind.kind.value}: the years are 1 to 9999")
    return Column(words)


def _resolve_rounding(name: str, kinds: tuple[Kind, ...], first: bool) -> Resolve:
    """Typing of f(value, unit) or, with `first`, f(unit, value)."""

    def resolve(types: Sequence[SqlType]) -> Signature:
        expect_count(name, types, 2)
        value, unit = (types[1], types[0]) if first else (types[0], types[1])
        if unit.kind not in STRINGS or value.kind not in (*kinds, Kind.NULL):
            raise mismatch(name, types)
        return Signature(tuple(types), value.with_nullable(any_nullable(types)))

    return resolve


def _rounding(name: str, round_to: Rounding) -> Prepare:
    def prepare(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Kernel:
        kind = signature.result
        at = 0 if signature.arguments[0].kind not in STRINGS else 1
        if kind.kind is Kind.NULL:
            return lambda arguments, row_count: Column(np.zeros(row_count, np.int64))
        compute = _known_rounding(name, unit_of(constants[1 - at], context.pool, name), kind, round_to)
        return lambda arguments, row_count: checked_range(compute(arguments[at].words), kind)

    return prepare


def _known_rounding(name: str, unit: str, kind: SqlType, round_to: Rounding) -> Part:
    compute = round_to(unit, kind)
    if compute is None:
        raise TypeMismatch(f"Cannot apply '{name}' to the unit {unit} of a value of type {describe(kind)}")
    return compute


def _check_rounding(name: str, round_to: Rounding) -> Check:
    def check(signature: Signature, values: Sequence[object]) -> None:
        if len(values) == 2 and signature.result.kind is not Kind.NULL:
            at = 0 if signature.arguments[0].kind not in STRINGS else 1
            _known_rounding(name, unit_named(values[1 - at], name), signature.result, round_to)

    return check


_DATED = (Kind.DATE, *_STAMPS)
for _name, _kinds in (
    ("DATE_TRUNC", _DATED),
    ("TIMESTAMP_TRUNC", _DATED),
    ("DATETIME_TRUNC", _DATED),
    ("TIME_TRUNC", (Kind.TIME,)),
):
    prepared(
        _name,
        resolve=_resolve_rounding(_name, _kinds, False),
        can_fail=True,
        tolerant=True,
        check=_check_rounding(_name, floor_words),
    )(_rounding(_name, floor_words))


def _declare_whole(name: str, mode: str, round_to: Rounding) -> None:
    """CEIL and FLOOR: of a number, or of a date or time TO a unit."""
    of_time = _resolve_rounding(name, TEMPORAL, False)

    def resolve(types: Sequence[SqlType]) -> Signature:
        return of_time(types) if len(types) == 2 else resolve_whole(name, types)

    @prepared(name, resolve=resolve, can_fail=True, tolerant=True, check=_check_rounding(name, round_to))
    def prepare(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Kernel:
        chosen = whole(mode) if len(signature.arguments) == 1 else _rounding(name, round_to)
        return chosen(context, signature, constants)


for _name in ("CEIL", "CEILING"):
    _declare_whole(_name, "ceil", ceil_words)
_declare_whole("FLOOR", "floor", floor_words)
