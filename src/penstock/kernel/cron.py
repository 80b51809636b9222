"""Cron expressions of five, six or seven fields, and the instants they name. Pure.

    five    minute hour day-of-month month day-of-week
    six     second minute hour day-of-month month day-of-week
    seven   the same and a year

A field is `*`, `?` (the same), or a list of values, ranges `a-b` and steps `*/n`, `a/n`, `a-b/n`. Months and days have
English names; Sunday is 0 or 7. `L` in the day of month is its last day, `L-3` three days before it, `5L` in the day of
week the last Friday, `5#2` the second one, `15W` the weekday nearest the 15th. Also `@hourly`, `@daily` (`@midnight`),
`@weekly`, `@monthly`, `@yearly` (`@annually`), and `@every 1h30m`; `TZ=Area/City ` (or `CRON_TZ=`) may come first.

If day of month and day of week are both restricted, either is enough; if one is not, the other decides.
Local times that a clock change leaves out do not occur; those it repeats occur once, the first time.
Source: crontab(5) for the rules of days; the further letters are those of Quartz's documentation.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from penstock.kernel.errors import Invalid

__all__ = ["Cron", "parse_cron", "parse_duration_s", "zone"]

_MONTHS: Final = {name.lower(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAYS: Final = {"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6}
_NAMED: Final = {
    "@yearly": "0 0 0 1 1 *",
    "@annually": "0 0 0 1 1 *",
    "@monthly": "0 0 0 1 * *",
    "@weekly": "0 0 0 * * 0",
    "@daily": "0 0 0 * * *",
    "@midnight": "0 0 0 * * *",
    "@hourly": "0 0 * * * *",
}
_UNITS_S: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_LAST_YEAR: Final = 2199
_HORIZON_YEARS: Final = 50

_NEAR: Final = timedelta(hours=3)

DayTest = Callable[[date], bool]


@dataclass(frozen=True, slots=True)
class Cron:
    """A parsed expression.

    text: as it was written. zone: of its fields, None for that of whoever asks. every_s: a fixed interval instead of
    fields. is_date, is_weekday: tests of the day, None if unrestricted.
    """

    text: str
    zone: ZoneInfo | None = None
    every_s: float | None = None
    seconds: tuple[int, ...] = ()
    minutes: tuple[int, ...] = ()
    hours: tuple[int, ...] = ()
    months: frozenset[int] = frozenset()
    years: frozenset[int] | None = None
    is_date: DayTest | None = None
    is_weekday: DayTest | None = None

    def after(self, instant: datetime, default_zone: ZoneInfo | None = None) -> datetime | None:
        """Return the first occurrence later than an instant, in UTC; None if there is none within fifty years.

        An `@every` counts from the instant itself, in whole seconds.
        """
        if self.every_s is not None:
            return instant + timedelta(seconds=self.every_s)
        zone = self.zone or default_zone or ZoneInfo("UTC")
        wall = instant.astimezone(zone).replace(tzinfo=None, microsecond=0, fold=0)
        if (instant - _NEAR).astimezone(zone).utcoffset() != (instant + _NEAR).astimezone(zone).utcoffset():
            # Near a change of the clock the same wall-clock time lies before and after it: begin surely earlier.
            wall -= _NEAR
        for candidate in self._walls(wall):
            found = candidate.replace(tzinfo=zone)
            moment = found.astimezone(UTC)
            if moment.astimezone(zone).replace(tzinfo=None) != candidate:
                continue  # the clock skips it
            if moment > instant:
                return moment
        return None

    def _walls(self, start: datetime) -> Iterator[datetime]:
        """Yield wall-clock times from `start` on."""
        day = start.date()
        last = date(min(day.year + _HORIZON_YEARS, _LAST_YEAR), 12, 31)
        is_first = True
        while day <= last:
            if self.years is not None and day.year not in self.years:
                later = [year for year in self.years if year > day.year]
                if not later:
                    return
                day, is_first = date(min(later), 1, 1), False
                continue
            if day.month not in self.months:
                day = date(day.year + day.month // 12, day.month % 12 + 1, 1)
                is_first = False
                continue
            if self._is_day(day):
                yield from self._times(day, start if is_first else None)
            day += timedelta(days=1)
            is_first = False

    def _is_day(self, day: date) -> bool:
        if self.is_date is not None and self.is_weekday is not None:
            return self.is_date(day) or self.is_weekday(day)
        test = self.is_date or self.is_weekday
        return test is None or test(day)

    def _times(self, day: date, start: datetime | None) -> Iterator[datetime]:
        for hour in self.hours:
            if start is not None and hour < start.hour:
                continue
            for minute in self.minutes:
                for second in self.seconds:
                    at = datetime(day.year, day.month, day.day, hour, minute, second)  # noqa: DTZ001  # a wall clock's
                    if start is None or at >= start:
                        yield at


def parse_cron(text: str, *, seconds_first: bool = False) -> Cron:
    """Read an expression.

    seconds_first: five fields begin with seconds as well, and the day of week is left out.
    Raises: Invalid that says which field is wrong.
    """
    rest, zone_ = text.strip(), None
    if found := re.match(r"(?:CRON_)?TZ=(\S+)\s+", rest):
        zone_, rest = zone(found[1]), rest[found.end() :]
    if rest.startswith("@every"):
        every_s = parse_duration_s(rest.removeprefix("@every").strip())
        return Cron(text, zone_, every_s=max(1.0, float(round(every_s))))
    fields = _NAMED.get(rest.lower(), rest).split()
    if len(fields) == 5:
        fields = [*fields, "*"] if seconds_first else ["0", *fields]
    if len(fields) not in (6, 7):
        raise Invalid(f"the cron expression {text!r} has {len(fields)} fields; it must have 5, 6 or 7")
    second, minute, hour, day, month, weekday, *year = fields
    years = None if not year or year[0] in ("*", "?") else frozenset(_values(year[0], "year", 1970, _LAST_YEAR))
    return Cron(
        text,
        zone_,
        seconds=_values(second, "second", 0, 59),
        minutes=_values(minute, "minute", 0, 59),
        hours=_values(hour, "hour", 0, 23),
        months=frozenset(_values(month, "month", 1, 12, _MONTHS)),
        years=years,
        is_date=_date_test(day),
        is_weekday=_weekday_test(weekday),
    )


def parse_duration_s(text: str) -> float:
    """Read `1h30m`, `90s`, `1.5h`. Raises: Invalid."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|h|m|s)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise Invalid(f"{text!r} is no duration; write it as 1h30m or 90s")
    return sum(float(number) * _UNITS_S[unit] for number, unit in parts)


def zone(name: str) -> ZoneInfo:
    """Return a time zone by its name. Raises: Invalid."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid(f"there is no time zone {name!r}; write Area/City, such as Europe/Paris") from None


def _values(field: str, name: str, least: int, most: int, names: dict[str, int] | None = None) -> tuple[int, ...]:
    found: set[int] = set()
    for part in field.split(","):
        span, slash, step_text = part.partition("/")
        step = _number(step_text, name, 1, most - least + 1) if slash else 1
        if span in ("*", "?"):
            first, last = least, most
        else:
            start, dash, end = span.partition("-")
            first = _number(start, name, least, most, names)
            last = _number(end, name, least, most, names) if dash else (most if slash else first)
            if first > last:
                raise Invalid(f"the {name} field {field!r} has a range that ends before it begins: {span!r}")
        found.update(range(first, last + 1, step))
    return tuple(sorted(found))


def _number(text: str, name: str, least: int, most: int, names: dict[str, int] | None = None) -> int:
    if names and text.lower() in names:
        return names[text.lower()]
    if not (text.isascii() and text.isdecimal() and len(text) <= 4) or not least <= int(text) <= most:
        raise Invalid(f"{text!r} is no value for the {name} field; it must lie between {least} and {most}")
    return int(text)


def _date_test(field: str) -> DayTest | None:
    if field in ("*", "?"):
        return None
    plain: list[str] = []
    tests: list[DayTest] = []
    for part in field.upper().split(","):
        if found := re.fullmatch(r"L(?:-(\d{1,2}))?", part):
            back = int(found[1] or 0)
            tests.append(lambda day, back=back: day.day == max(1, _month_length(day) - back))  # type: ignore[misc]
        elif part == "LW":
            tests.append(lambda day: day == _nearest_weekday(day, _month_length(day)))
        elif found := re.fullmatch(r"(\d{1,2})W", part):
            wanted = _number(found[1], "day of month", 1, 31)
            tests.append(lambda day, wanted=wanted: day == _nearest_weekday(day, wanted))  # type: ignore[misc]
        else:
            plain.append(part)
    if plain:
        days = frozenset(_values(",".join(plain), "day of month", 1, 31))
        tests.append(lambda day: day.day in days)
    return lambda day: any(test(day) for test in tests)


def _weekday_test(field: str) -> DayTest | None:
    if field in ("*", "?"):
        return None
    plain: list[str] = []
    tests: list[DayTest] = []
    for part in field.upper().split(","):
        if found := re.fullmatch(r"(\w{1,3})L", part):
            wanted = _weekday(found[1])
            tests.append(
                lambda day, wanted=wanted: day.isoweekday() % 7 == wanted and day.day + 7 > _month_length(day)  # type: ignore[misc]
            )
        elif found := re.fullmatch(r"(\w{1,3})#([1-5])", part):
            wanted, nth = _weekday(found[1]), int(found[2])
            tests.append(
                lambda day, wanted=wanted, nth=nth: day.isoweekday() % 7 == wanted and (day.day - 1) // 7 + 1 == nth  # type: ignore[misc]
            )
        else:
            plain.append(part)
    if plain:
        days = frozenset(value % 7 for value in _values(",".join(plain), "day of week", 0, 7, _DAYS))
        tests.append(lambda day: day.isoweekday() % 7 in days)
    return lambda day: any(test(day) for test in tests)


def _weekday(text: str) -> int:
    return _number(text, "day of week", 0, 7, _DAYS) % 7


def _month_length(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def _nearest_weekday(day: date, wanted: int) -> date:
    """Return the working day nearest a day of the month, in the same month."""
    length = _month_length(day)
    target = date(day.year, day.month, min(wanted, length))
    if target.isoweekday() == 6:
        return target - timedelta(days=1) if target.day > 1 else target + timedelta(days=2)
    if target.isoweekday() == 7:
        return target + timedelta(days=1) if target.day < length else target - timedelta(days=2)
    return target
