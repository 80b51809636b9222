"""Moments in time zones: CONVERT_TIMEZONE between two wall clocks, AT TIME ZONE between a wall clock and an instant.

A TIMESTAMP is what a wall clock shows, a TIMESTAMP WITH TIME ZONE an instant. Zones are names of the IANA data base or
offsets (+02:00). Computed once for each distinct value.
Source: SQL:2016, 6.35: a timestamp without a zone AT TIME ZONE z is the instant at which clocks in z show it, one with
a zone is what they show then.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

from penstock.data.types import STRINGS, TIMESTAMP, Kind, SqlType
from penstock.sql.functions.coercion import any_nullable, expect_count, mismatch
from penstock.sql.functions.distinct import by_type, by_value
from penstock.sql.functions.moments import Unreadable, to_utc, zone_named
from penstock.sql.functions.registry import EvaluationError, Signature

_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - a TIMESTAMP has no zone
_MICROSECOND = dt.timedelta(microseconds=1)


def _shown_in(instant: int, zone: str) -> dt.datetime:
    """What clocks in a zone show at an instant, in microseconds since 1970."""
    if zone in ("Z", "UTC", "GMT"):
        return _EPOCH + dt.timedelta(microseconds=instant)
    if zone[:1] in ("+", "-"):
        return _EPOCH + dt.timedelta(microseconds=2 * instant - to_utc(instant, zone))
    utc = _EPOCH.replace(tzinfo=dt.UTC) + dt.timedelta(microseconds=instant)
    return utc.astimezone(zone_named(zone)).replace(tzinfo=None)


def _resolve_convert(types: Sequence[SqlType]) -> Signature:
    expect_count("CONVERT_TIMEZONE", types, 3)
    wrong = any(t.kind not in (*STRINGS, Kind.NULL) for t in types[:2])
    if wrong or types[2].kind not in (Kind.TIMESTAMP, Kind.NULL):
        raise mismatch("CONVERT_TIMEZONE", types)
    arguments = (*types[:2], TIMESTAMP.with_nullable(types[2].nullable))
    return Signature(arguments, TIMESTAMP.with_nullable(True))


@by_value("CONVERT_TIMEZONE", resolve=_resolve_convert, can_fail=True)
def convert_timezone(source: str, target: str, moment: dt.datetime) -> dt.datetime:
    """What clocks in the second zone show when those in the first one show the timestamp."""
    try:
        return _shown_in(to_utc((moment - _EPOCH) // _MICROSECOND, source), target)
    except (Unreadable, ValueError, IndexError, OverflowError) as error:
        raise EvaluationError(f"Error converting {moment} from zone {source} to {target}: {error}") from None


def _resolve_at(types: Sequence[SqlType]) -> Signature:
    expect_count("AT TIME ZONE", types, 2)
    moment, zone = types
    if zone.kind not in (*STRINGS, Kind.NULL) or moment.kind not in (Kind.TIMESTAMP, Kind.TIMESTAMP_TZ, Kind.NULL):
        raise mismatch("AT TIME ZONE", types)
    kind = Kind.TIMESTAMP if moment.kind is Kind.TIMESTAMP_TZ else Kind.TIMESTAMP_TZ
    return Signature(tuple(types), SqlType(kind, any_nullable(types), precision=6))


@by_type("AT TIME ZONE", resolve=_resolve_at, can_fail=True)
def _at_time_zone(signature: Signature) -> Callable[..., object]:
    """The instant at which clocks in a zone show a timestamp; of an instant, what they show then."""
    zoned = signature.arguments[0].kind is Kind.TIMESTAMP_TZ

    def at(moment: dt.datetime, zone: str) -> dt.datetime:
        try:
            micros = (moment.replace(tzinfo=None) - _EPOCH) // _MICROSECOND
            if zoned:
                return _shown_in(micros, zone)
            return (_EPOCH + dt.timedelta(microseconds=to_utc(micros, zone))).replace(tzinfo=dt.UTC)
        except (Unreadable, ValueError, IndexError, OverflowError) as error:
            raise EvaluationError(f"Error converting {moment} to time zone {zone}: {error}") from None

    return at
