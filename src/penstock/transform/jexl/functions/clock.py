"""`date:` over instants and `datetime:` over dates, times and both. The zone of what has none is UTC."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from penstock.kernel.datepatterns import DAYS, MONTHS
from penstock.transform.jexl.functions.signatures import function
from penstock.transform.jvm.values import Long

__all__ = ["is_date_text", "is_time_text"]

_EPOCH_LOCAL: Final = datetime(1970, 1, 1)  # noqa: DTZ001 (dates and times without a zone)
_JULIAN_OF_EPOCH: Final = 2440588


def _given(value: Any, name: str) -> Any:
    if value is None:
        raise ArithmeticError(f"Date can not be null for {name}")
    return value


def _millis(value: datetime) -> int:
    return (value - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


for _name, _body in (
    ("UNIXTIMESTAMP_MILLIS", lambda d: Long(_millis(d))),
    ("UNIXTIMESTAMP_SECONDS", lambda d: Long(_millis(d) // 1000)),
    ("MONTH", lambda d: d.month),
    ("MONTH_SHORT", lambda d: MONTHS[d.month - 1][:3]),
    ("MONTH_LONG", lambda d: MONTHS[d.month - 1]),
    ("YEAR", lambda d: d.year),
    ("DAY_OF_WEEK", lambda d: d.isoweekday()),
    ("DAY_OF_WEEK_SHORT", lambda d: DAYS[d.weekday()][:3]),
    ("DAY_OF_WEEK_LONG", lambda d: DAYS[d.weekday()]),
    ("DAY_OF_YEAR", lambda d: d.timetuple().tm_yday),
    ("DAY_OF_MONTH", lambda d: d.day),
    ("HOUR", lambda d: d.hour),
    ("MINUTE", lambda d: d.minute),
    ("SECOND", lambda d: d.second),
    ("ERA", lambda d: 1),
    ("ERA_SHORT", lambda d: "AD"),
    ("ERA_LONG", lambda d: "AD"),
):
    function("date", "z", _name)(lambda value, body=_body, name=_name: body(_given(value, name)))


@function("date", "zz", "DAYS_BETWEEN")
def days_between(left: datetime | None, right: datetime | None) -> int:
    between = _millis(_given(right, "DAYS_BETWEEN")) - _millis(_given(left, "DAYS_BETWEEN"))
    return int(between / 86_400_000)


@function("date", "z", "DAYS_BETWEEN_NOW", impure=True)
def days_between_now(value: datetime | None) -> int:
    return days_between(_given(value, "DAYS_BETWEEN_NOW"), datetime.now(UTC))


for _name, _seconds in (
    ("SECONDS_TO_DAYS", 86400),
    ("SECONDS_TO_HOURS", 3600),
    ("SECONDS_TO_MINUTES", 60),
    ("SECONDS_TO_WEEKS", 604800),
):
    function("date", "i", _name)(lambda value, unit=_seconds: int(value / unit))

_DATE_TEXT: Final = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2})|\d{8}"
    r"|\d{1,2}[ -](?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*[ -,]+\d{2,4}"
    r"|(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? )?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
    r"[ .-]\d{1,2},? ?\d{4}",
    re.IGNORECASE,
)
_TIME_TEXT: Final = re.compile(r"\d{1,2}:\d{2}(:\d{2}(\.\d{1,9})?)?( ?[AaPp][Mm])?( ?(Z|UTC|GMT|[+-]\d{2}:?\d{2}))?")


def is_date_text(text: str | None) -> bool:
    """Whether a text looks like a date, with or without a time of day."""
    if text is None:
        return False
    stripped = text.strip()
    found = _DATE_TEXT.match(stripped)
    if found is None or not _is_real(found[0]):
        return False
    rest = stripped[found.end() :].lstrip(" T")
    return not rest or _TIME_TEXT.fullmatch(rest) is not None


def _is_real(text: str) -> bool:
    numbers = [int(number) for number in re.findall(r"\d+", text)]
    if len(numbers) != 3:
        return True
    small = numbers[1:] if numbers[0] > 31 else numbers[:2]
    return all(1 <= number <= 31 for number in small) and min(small) <= 12


def is_time_text(text: str | None) -> bool:
    """Whether a text looks like a time of day."""
    return text is not None and _TIME_TEXT.fullmatch(text.strip()) is not None


@function("date", "s", "isDate")
@function("dq", "s", "isDate")
def is_date(text: str | None) -> bool:
    return is_date_text(text)


@function("date", "s", "isTime")
@function("dq", "s", "isTime")
def is_time(text: str | None) -> bool:
    return is_time_text(text)


# --- datetime:

_DATE_TIME: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?: (\d{2}):(\d{2}):(\d{2})(?:\.(\d{0,6}))?)?\Z")
_TIME: Final = re.compile(r"(\d{2}):(\d{2}):(\d{2})(?:\.(\d{0,6}))?\Z")


def _parsed(text: str) -> re.Match[str]:
    found = _DATE_TIME.match(text)
    if found is None:
        raise ArithmeticError(f"Text '{text}' could not be parsed")
    return found


@function("datetime", "s", "GetDate")
def get_date(text: str | None) -> date | None:
    if text is None:
        return None
    found = _parsed(text)
    return date(int(found[1]), int(found[2]), int(found[3]))


@function("datetime", "s", "GetTime")
def get_time(text: str | None) -> time | None:
    if text is None:
        return None
    found = _TIME.match(text)
    if found is None:
        raise ArithmeticError(f"Text '{text}' could not be parsed")
    return time(int(found[1]), int(found[2]), int(found[3]), int((found[4] or "0").ljust(6, "0")))


@function("datetime", "s", "GetDateTime")
def get_date_time(text: str | None) -> datetime:
    found = _parsed(_given(text, "GetDateTime"))
    if found[4] is None:
        raise ArithmeticError(f"Text '{text}' could not be parsed")
    micros = int((found[7] or "0").ljust(6, "0"))
    year, month, day, hour, minute, second = (int(found[i]) for i in range(1, 7))
    return datetime(year, month, day, hour, minute, second, micros)  # noqa: DTZ001 (a date and time without a zone)


@function("datetime", "yt", "GetDateTime")
def join_date_time(day: date | None, moment: time | None) -> datetime | None:
    return None if day is None or moment is None else datetime.combine(day, moment)


def _now() -> datetime:
    return datetime.now(UTC)


@function("datetime", "", "CurrentDate", impure=True)
def current_date() -> date:
    return _now().date()


@function("datetime", "", "CurrentTime", impure=True)
def current_time() -> time:
    return _now().time()


@function("datetime", "", "CurrentTimeMS", impure=True)
def current_time_ms() -> Long:
    return Long(_now().microsecond // 1000)


@function("datetime", "", "CurrentDateTime", impure=True)
def current_date_time() -> datetime:
    return _now().replace(tzinfo=None)


@function("datetime", "", "CurrentTimestamp", impure=True)
def current_timestamp() -> datetime:
    return _now()


@function("datetime", "", "EpochSeconds", impure=True)
def epoch_seconds() -> Long:
    return Long(_millis(_now()) // 1000)


@function("datetime", "", "CurrentTimestampMS", impure=True)
def current_timestamp_ms() -> Long:
    return Long(_millis(_now()))


@function("datetime", "", "CurrentTimestampNano", impure=True)
def current_timestamp_nano() -> Long:
    return Long(_now().microsecond * 1000)


@function("datetime", "", "TimeDate", impure=True)
def time_date() -> str:
    moment = _now()
    return f"{moment:%H:%M:%S %d} {MONTHS[moment.month - 1][:3]} {moment.year}"


def _months_later(day: date, months: int) -> date:
    import calendar

    total = day.year * 12 + day.month - 1 + months
    year, month = divmod(total, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return day.replace(year=year, month=month + 1, day=min(day.day, last))


@function("datetime", "I", "DateFromDaysSince", impure=True)
def date_from_days(days: int | None) -> date:
    return _now().date() + timedelta(days=days or 0)


@function("datetime", "Iy", "DateFromDaysSince", impure=True)
def date_from_days_since(days: int | None, base: date | None) -> date:
    return (base or _now().date()) + timedelta(days=days or 0)


@function("datetime", "III", "DateFromComponents")
def date_from_components(year: int | None, month: int | None, day: int | None) -> date | None:
    return None if year is None or month is None or day is None else date(year, month, day)


@function("datetime", "L", "DateFromJulianDay")
def date_from_julian(number: int | None) -> date:
    return date(1970, 1, 1) + timedelta(days=(number or 0) - _JULIAN_OF_EPOCH)


@function("datetime", "yIII", "DateOffsetByComponents")
def date_offset(day: date | None, years: int | None, months: int | None, days: int | None) -> date | None:
    if day is None:
        return None
    return _months_later(_months_later(day, (years or 0) * 12), months or 0) + timedelta(days=days or 0)


@function("datetime", "yI", "DateOffsetByDays")
def date_offset_days(day: date | None, days: int | None) -> date | None:
    return None if day is None else day + timedelta(days=days or 0)


@function("datetime", "yy", "DaysSinceFromDate")
def days_since(source: date | None, target: date | None) -> Long | None:
    return None if source is None or target is None else Long((target - source).days)


for _name, _of_date in (
    ("DaysInMonth", lambda d: (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[d.month - 1]),
    ("DaysInYear", lambda d: (date(d.year + 1, 1, 1) - date(d.year, 1, 1)).days),
    ("JulianDayFromDate", lambda d: Long((d - date(1970, 1, 1)).days + _JULIAN_OF_EPOCH)),
    ("MonthDayFromDate", lambda d: d.day),
    ("MonthFromDate", lambda d: d.month),
    ("YearFromDate", lambda d: d.year),
    ("YeardayFromDate", lambda d: d.timetuple().tm_yday),
    ("YearweekFromDate", lambda d: _week(d)),
    ("WeekdayFromDate", lambda d: 1),
):
    function("datetime", "y", _name)(lambda value, body=_of_date: None if value is None else body(value))

for _name, _of_time in (
    ("HoursFromTime", lambda t: t.hour),
    ("MinutesFromTime", lambda t: t.minute),
    ("SecondsFromTime", lambda t: t.second),
    ("NanoSecondsFromTime", lambda t: t.microsecond * 1000),
    ("MicroSecondsFromTime", lambda t: t.microsecond),
    ("MilliSecondsFromTime", lambda t: t.microsecond // 1000),
    ("MidnightSecondsFromTime", lambda t: t.hour * 3600 + t.minute * 60 + t.second),
):
    function("datetime", "t", _name)(lambda value, body=_of_time: None if value is None else body(value))


def _week(day: date) -> int:
    """Weeks begin on Monday; the first is the first whole one of the year, days before it belong to the last year's."""
    first = date(day.year, 1, 1)
    start = first + timedelta(days=(7 - first.weekday()) % 7)
    return (day - start).days // 7 + 1 if day >= start else _week(date(day.year - 1, 12, 31))


def _weekday(name: str) -> int:
    wanted = name.upper()
    return next((i for i, day in enumerate(DAYS) if wanted in (day.upper(), day[:3].upper())), 6)


def _moved(day: date, name: str, direction: int) -> date:
    steps = (_weekday(name) - day.weekday()) * direction % 7 or 7
    return day + timedelta(days=steps * direction)


@function("datetime", "ys", "NextWeekdayFromDate")
def next_weekday(day: date | None, name: str | None) -> date | None:
    return day if day is None or name is None else _moved(day, name, 1)


@function("datetime", "ys", "PreviousWeekdayFromDate")
def previous_weekday(day: date | None, name: str | None) -> date | None:
    return day if day is None or name is None else _moved(day, name, -1)


@function("datetime", "ysn", "NthWeekdayFromDate")
def nth_weekday(day: date | None, name: str | None, offset: Any) -> date | None:
    if day is None or name is None:
        return day
    for _ in range(abs(int(offset or 0))):
        day = _moved(day, name, 1 if offset > 0 else -1)
    return day


@function("datetime", "ys", "WeekdayFromDate")
def weekday(day: date | None, start: str | None) -> int | None:
    if day is None:
        return None
    number = day.isoweekday() if start is None else _weekday(start) + 1
    return 7 - number + 1


@function("datetime", "ww", "SecondsSinceFromDateTime")
def seconds_since(source: datetime | None, target: datetime | None) -> Long | None:
    return None if source is None or target is None else Long((source - target) // timedelta(seconds=1))


@function("datetime", "IIII", "TimeFromComponents")
def time_from_components(hour: int | None, minute: int | None, second: int | None, micros: int | None) -> time | None:
    if hour is None or minute is None or second is None or micros is None:
        return None
    return time(hour, minute, second, micros)


@function("datetime", "I", "TimeFromMidnightSeconds")
def time_from_midnight(seconds: int | None) -> time:
    return (_EPOCH_LOCAL + timedelta(seconds=(seconds or 0) % 86400)).time()


@function("datetime", "tIII", "TimeOffsetByComponents")
def time_offset(moment: time | None, hours: int | None, minutes: int | None, seconds: int | None) -> time | None:
    if moment is None:
        return None
    shifted = datetime.combine(date(2000, 1, 15), moment)
    return (shifted + timedelta(hours=hours or 0, minutes=minutes or 0, seconds=seconds or 0)).time()


@function("datetime", "Iw", "DateTimeFromSecondsSince")
def date_time_from_seconds(seconds: int | None, base: datetime | None) -> datetime | None:
    return None if base is None else base + timedelta(seconds=seconds or 0)


@function("datetime", "L", "DateTimeFromEpoch")
def date_time_from_epoch(seconds: int | None) -> datetime | None:
    return None if seconds is None else _EPOCH_LOCAL + timedelta(seconds=int(seconds))


@function("datetime", "tw", "DateTimeFromTime")
def date_time_from_time(moment: time | None, base: datetime | None) -> datetime | None:
    return base if base is None or moment is None else datetime.combine(base.date(), moment)


@function("datetime", "wIIIIII", "DateTimeOffsetByComponents")
def date_time_offset(base: datetime | None, *parts: int | None) -> datetime | None:
    if base is None:
        return None
    years, months, days, hours, minutes, seconds = (part or 0 for part in parts)
    day = _months_later(_months_later(base.date(), years * 12), months)
    return datetime.combine(day, base.time()) + timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


@function("datetime", "wI", "DateTimeOffsetBySeconds")
def date_time_offset_seconds(base: datetime | None, seconds: int | None) -> datetime | None:
    return None if base is None else base + timedelta(seconds=seconds or 0)


@function("datetime", "w", "EpochFromDateTime")
def epoch_from_date_time(value: datetime | None) -> Long | None:
    return None if value is None else Long((value - _EPOCH_LOCAL) // timedelta(seconds=1))


@function("datetime", "z", "EpochFromTimestamp")
def epoch_from_timestamp(value: datetime | None) -> Long | None:
    return None if value is None else Long(_millis(value) // 1000)
