"""Instants: always aware, always UTC, stored as whole microseconds since 1970. Never a float."""

from datetime import UTC, datetime, timedelta

__all__ = ["EPOCH", "from_unix_us", "rfc3339", "unix_ms", "unix_us"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""The zero of stored time."""

_MICROSECOND = timedelta(microseconds=1)


def unix_us(instant: datetime) -> int:
    """Return the microseconds since 1970.

    Raises: ValueError if the instant names no time zone.
    """
    if instant.tzinfo is None:
        raise ValueError(f"instant {instant!r} has no time zone; instants are aware and UTC")
    return (instant - EPOCH) // _MICROSECOND


def unix_ms(instant: datetime) -> int:
    """Return the whole milliseconds since 1970, rounded down."""
    return unix_us(instant) // 1000


def from_unix_us(microseconds: int) -> datetime:
    """Return the instant that many microseconds after 1970."""
    return EPOCH + timedelta(microseconds=microseconds)


def rfc3339(instant: datetime) -> str:
    """Write an instant with six decimals and a `Z`: `2013-01-01T05:15:00.000000Z`."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
