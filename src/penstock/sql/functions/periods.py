"""Predicates of periods: CONTAINS, OVERLAPS, EQUALS, PRECEDES, SUCCEEDS and their IMMEDIATELY forms.

A period is a ROW of its two ends, in any order, or of its start and an interval. Evaluated once for each distinct pair.
Source: SQL:2011 period predicates as Calcite expands them to comparisons of the ends, both inclusive.
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

from penstock.data.types import BOOLEAN, INTERVALS, TEMPORAL, Kind, SqlType
from penstock.sql.functions.coercion import expect_count, mismatch
from penstock.sql.functions.distinct import by_type
from penstock.sql.functions.registry import Resolve, Signature

Ends = tuple[Any, Any]
Relation = Callable[[Ends, Ends], bool]

_RELATIONS: dict[str, Relation] = {
    "CONTAINS": lambda a, b: bool(a[0] <= b[0] and a[1] >= b[1]),
    "OVERLAPS": lambda a, b: bool(a[1] >= b[0] and b[1] >= a[0]),
    "EQUALS": lambda a, b: a == b,
    "PRECEDES": lambda a, b: bool(a[1] <= b[0]),
    "IMMEDIATELY PRECEDES": lambda a, b: bool(a[1] == b[0]),
    "SUCCEEDS": lambda a, b: bool(a[0] >= b[1]),
    "IMMEDIATELY SUCCEEDS": lambda a, b: bool(a[0] == b[1]),
}


def _resolve(name: str) -> Resolve:
    def resolve(types: Sequence[SqlType]) -> Signature:
        expect_count(name, types, 2)
        starts = [_start(name, types, types[0])]
        moment = name == "CONTAINS" and types[1].kind in TEMPORAL
        starts.append(types[1] if moment else _start(name, types, types[1]))
        if starts[0].kind is not starts[1].kind:
            raise mismatch(name, types)
        return Signature(tuple(types), BOOLEAN.with_nullable(True))

    return resolve


def _start(name: str, types: Sequence[SqlType], period: SqlType) -> SqlType:
    """Return the type of the ends of a period."""
    if period.kind is Kind.STRUCT and len(period.fields) == 2:
        start, end = (f.type for f in period.fields)
        if start.kind in TEMPORAL and (end.kind is start.kind or end.kind in INTERVALS):
            return start
    raise mismatch(name, types)


def _ends(kind: SqlType) -> Callable[[Any], Ends | None]:
    """Return the function from a period's value to its ends in order, None if one is NULL; a moment is both ends."""
    if kind.kind is not Kind.STRUCT:
        return lambda moment: (moment, moment)
    last = kind.fields[1].type.kind

    def ends(value: Any) -> Ends | None:
        start, end = value.values()
        if start is None or end is None:
            return None
        if last in INTERVALS:
            end = _moved(start, end, last)
        return (start, end) if start <= end else (end, start)

    return ends


def _moved(start: Any, interval: int, kind: Kind) -> Any:
    if kind is Kind.INTERVAL_MICROS:
        if isinstance(start, dt.time):
            return (dt.datetime.combine(dt.date(2000, 1, 1), start) + dt.timedelta(microseconds=interval)).time()
        return start + dt.timedelta(microseconds=interval)
    year, month = divmod(start.year * 12 + start.month - 1 + interval, 12)
    return start.replace(year, month + 1, min(start.day, calendar.monthrange(year, month + 1)[1]))


def _declare(name: str, relation: Relation) -> None:
    @by_type(name, resolve=_resolve(name))
    def build(signature: Signature) -> Callable[..., object]:
        left, right = (_ends(t) for t in signature.arguments)

        def holds(a: Any, b: Any) -> bool | None:
            one, other = left(a), right(b)
            return None if one is None or other is None else relation(one, other)

        return holds


for _name, _relation in _RELATIONS.items():
    _declare(_name, _relation)
