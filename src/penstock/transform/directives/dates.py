"""Directives about dates, times and instants."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.kernel.datepatterns import PatternRefused
from penstock.kernel.simple_dates import DateUnreadable, SimpleDates, simple_dates
from penstock.transform.directives.declaring import Setting, Step, directive, each_value, no_column, refused, stopped
from penstock.transform.frames.data import Data, is_text, null_mask
from penstock.transform.frames.frame import Frame
from penstock.transform.jvm.date_formats import date_format, zone_of
from penstock.transform.jvm.numbers import NumberFormat, parse_whole
from penstock.transform.jvm.values import Long, class_name, print_any
from penstock.transform.recipe.parser import COLUMN, TEXT
from penstock.transform.recipe.usage import Arguments, Parameter

__all__: list[str] = []

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT: Final = pa.timestamp("us", "UTC")


def _is_instant(data: Data) -> bool:
    return isinstance(data, pa.Array) and pa.types.is_timestamp(data.type) and data.type.tz is not None


@directive("parse-as-simple-date", Parameter("column", COLUMN), Parameter("format", TEXT))
def parse_as_simple_date(arguments: Arguments, setting: Setting) -> Step:
    """Read instants by a pattern."""
    column = arguments.text("column")
    try:
        dates = simple_dates(arguments.text("format"))
    except PatternRefused as error:
        raise arguments.refuse(str(error)) from None

    def read(value: Any) -> Any:
        if isinstance(value, datetime) and value.tzinfo is not None:
            return value
        if not isinstance(value, str):
            message = f"Column '{column}' is of invalid type '{class_name(value)}'. It should be of type 'String'."
            raise refused("parse-as-simple-date", message, 2)
        try:
            return _EPOCH + timedelta(milliseconds=dates.parse_ms(value))
        except (DateUnreadable, OverflowError):
            message = f"Failed to parse '{value}' with pattern '{dates.pattern}'"
            raise refused("parse-as-simple-date", message) from None

    def step(frame: Frame) -> Frame:
        at = frame.find(column)
        if at < 0 or _is_instant(frame.columns[at].data):
            return frame
        data = frame.columns[at].data
        if is_text(data) and (fast := _read_column(data, dates)) is not None:
            return frame.put(at, fast)
        frame, at, made = each_value(frame, column, read)
        return frame if made is None else frame.put(at, _as_instants(made))

    return step


def _as_instants(data: Data) -> Data:
    """Keep a column of nulls alone from being taken for one of texts."""
    if isinstance(data, pa.Array) and is_text(data) and data.null_count == len(data):
        return pa.nulls(len(data), _INSTANT)
    return data


def _read_column(data: pa.Array, dates: SimpleDates) -> pa.Array | None:
    """Read a column as a whole if its pattern is one of plain numbers and all texts are exactly as long as it is."""
    if dates.strptime is None:
        return None
    lengths = pc.unique(pc.binary_length(data).drop_null())
    if len(lengths) != 1 or lengths[0].as_py() != len(dates.pattern):
        return None
    if not pc.all(pc.match_substring_regex(data, f"^{_digits(dates.pattern)}$"), min_count=0).as_py():
        return None
    try:
        made = pc.strptime(data, dates.strptime, unit="us")
    except pa.ArrowInvalid:
        return None
    return made.cast(_INSTANT)


def _digits(pattern: str) -> str:
    import re

    return "".join("[0-9]" if char.isalpha() else re.escape(char) for char in pattern)


@directive("parse-as-date", Parameter("column", COLUMN), Parameter("timezone", TEXT, True))
def parse_as_date(arguments: Arguments, setting: Setting) -> Step:
    """Read dates in any form; what is found goes to `<column>_1`."""
    column = arguments.text("column")
    try:
        zone = zone_of(arguments.text("timezone", "UTC"))
    except DateUnreadable:
        zone = UTC

    def read(value: Any) -> Any:
        if isinstance(value, datetime):
            return None
        if not isinstance(value, str):
            message = f"Column '{column}' is of invalid type '{class_name(value)}'. It should be of type 'String'."
            raise refused("parse-as-date", message)
        return _any_date(value, zone)

    def step(frame: Frame) -> Frame:
        frame, _, data = each_value(frame, column, read)
        if data is None:
            return frame
        there = ~null_mask(data)
        return frame.add(f"{column}_1", _as_instants(data), there) if there.any() else frame

    return step


def _any_date(text: str, zone: Any) -> datetime | None:
    from dateutil import parser

    now = datetime.now(zone).replace(microsecond=0)
    words = {"now": 0, "today": 0, "tomorrow": 1, "yesterday": -1}
    lowered = text.strip().lower()
    if lowered in words:
        return (now + timedelta(days=words[lowered])).astimezone(UTC)
    try:
        found = parser.parse(text, default=now.replace(tzinfo=None), fuzzy=True)
    except (ValueError, OverflowError, TypeError):
        return None
    if found.tzinfo is None:
        found = found.replace(tzinfo=zone)
    instant: datetime = found.astimezone(UTC)
    return instant


@directive("format-date", Parameter("column", COLUMN), Parameter("format", TEXT))
def format_date(arguments: Arguments, setting: Setting) -> Step:
    """Print dates and instants by a pattern."""
    column = arguments.text("column")
    try:
        pattern = date_format(arguments.text("format"))
    except PatternRefused as error:
        raise arguments.refuse(str(error)) from None

    def show(value: Any) -> str:
        if isinstance(value, datetime):
            if value.tzinfo is None:
                raise _not_parsed(column, value)
        elif isinstance(value, date):
            value = datetime(value.year, value.month, value.day, tzinfo=UTC)
        else:
            raise _not_parsed(column, value)
        try:
            return pattern.format(value)
        except DateUnreadable as error:
            raise stopped("format-date", str(error)) from None

    def step(frame: Frame) -> Frame:
        frame, at, data = each_value(frame, column, show, missing=no_column("format-date", column))
        return frame if data is None else frame.put(at, data)

    return step


def _not_parsed(column: str, value: Any) -> Exception:
    return stopped(
        "format-date",
        f"Column '{column}' has invalid type '{class_name(value)}'. Apply 'parse-as-date' directive first.",
    )


@directive("format-unix-timestamp", Parameter("column", COLUMN), Parameter("format", TEXT))
def format_unix_timestamp(arguments: Arguments, setting: Setting) -> Step:
    """Print milliseconds since 1970 by a pattern."""
    column = arguments.text("column")
    try:
        dates = simple_dates(arguments.text("format"))
    except PatternRefused as error:
        raise arguments.refuse(str(error)) from None

    def show(value: Any) -> str:
        try:
            millis = parse_whole(value, 64) if isinstance(value, str) else int(value)
        except (NumberFormat, TypeError, ValueError):
            raise stopped("format-unix-timestamp", f'For input string: "{print_any(value)}"') from None
        try:
            return dates.format(_EPOCH + timedelta(milliseconds=millis))
        except OverflowError:
            raise stopped("format-unix-timestamp", f"{millis} is out of range") from None

    def step(frame: Frame) -> Frame:
        frame, at, data = each_value(frame, column, show)
        return frame if data is None else frame.put(at, data)

    return step


@directive("diff-date", Parameter("column1", COLUMN), Parameter("column2", COLUMN), Parameter("destination", COLUMN))
def diff_date(arguments: Arguments, setting: Setting) -> Step:
    """Subtract instants, in milliseconds; a column called `now` is the time when the recipe was opened."""
    names = (arguments.text("column1"), arguments.text("column2"))
    destination = arguments.text("destination")
    opened = datetime.now(UTC)

    def step(frame: Frame) -> Frame:
        for name in names:
            if name.lower() != "now":
                at = frame.find(name)
                there = frame.columns[at].there() if at >= 0 else np.zeros(frame.rows, dtype=bool)
                frame = frame.fail_where(~there, no_column("diff-date", name).failure)
        parts = [_millis(frame, name, opened) for name in names]
        return frame.set(destination, pc.subtract(*parts))

    return step


def _millis(frame: Frame, name: str, now: datetime) -> pa.Array:
    if name.lower() == "now":
        return pa.array(np.full(frame.rows, (now - _EPOCH) // timedelta(milliseconds=1), dtype=np.int64))
    column = frame.value(name)
    if column is None:
        return pa.nulls(frame.rows, pa.int64())
    if isinstance(column.data, pa.Array) and _is_instant(column.data):
        return pc.floor(pc.divide(column.data.cast(pa.int64()).cast(pa.float64()), 1000.0)).cast(pa.int64())
    if isinstance(column.data, pa.Array):
        return pa.nulls(frame.rows, pa.int64())
    return pa.array(
        [
            (v - _EPOCH) // timedelta(milliseconds=1) if isinstance(v, datetime) and v.tzinfo is not None else None
            for v in column.data
        ],
        pa.int64(),
    )


_UNITS: Final = {"SECONDS": 1_000_000, "MILLISECONDS": 1000, "MICROSECONDS": 1}


@directive("parse-timestamp", Parameter("column", COLUMN), Parameter("timeunit", TEXT, True))
def parse_timestamp(arguments: Arguments, setting: Setting) -> Step:
    """Read numbers as instants; they count milliseconds since 1970 unless told otherwise."""
    column, unit = arguments.text("column"), arguments.text("timeunit", "MILLISECONDS")
    factor = _UNITS.get(unit.upper())
    if factor is None:
        raise arguments.refuse(
            f"Time unit '{unit}' is not a supported time unit. Supported time units are "
            "[SECONDS, MILLISECONDS, MICROSECONDS]"
        )

    def read(value: Any) -> Any:
        if isinstance(value, datetime) and value.tzinfo is not None:
            return value
        if isinstance(value, str):
            try:
                value = Long(parse_whole(value, 64))
            except NumberFormat:
                message = f"Invalid value for column '{column}'. Must be of type 'Long' or 'String' representing long."
                raise refused("parse-timestamp", message, 2) from None
        elif not isinstance(value, Long):
            message = f"Invalid type '{class_name(value)}' of column '{column}'. Must be of type 'Long' or 'String'."
            raise refused("parse-timestamp", message, 2)
        try:
            return _EPOCH + timedelta(microseconds=int(value) * factor)
        except OverflowError:
            message = f"Invalid value for column '{column}'. Must be of type 'Long' or 'String' representing long."
            raise refused("parse-timestamp", message, 2) from None

    def step(frame: Frame) -> Frame:
        at = frame.find(column)
        if at < 0:
            return frame
        data = frame.columns[at].data
        if isinstance(data, pa.Array) and pa.types.is_int64(data.type):
            largest = pc.max(pc.abs_checked(data)).as_py() or 0
            if largest * factor < 1 << 57:
                return frame.put(at, pc.multiply(data, factor).cast(_INSTANT))
        frame, at, made = each_value(frame, column, read)
        return frame if made is None else frame.put(at, _as_instants(made))

    return step


@directive("parse-as-datetime", Parameter("column", COLUMN), Parameter("format", TEXT))
def parse_as_datetime(arguments: Arguments, setting: Setting) -> Step:
    """Read dates with times of day, without zone, by a pattern."""
    column, shown = arguments.text("column"), arguments.text("format")
    try:
        pattern = date_format(shown)
    except PatternRefused:
        raise arguments.refuse(f"'{shown}' is an invalid datetime format.") from None

    def read(value: Any) -> Any:
        if isinstance(value, datetime) and value.tzinfo is None:
            return value
        try:
            return pattern.parse_local(print_any(value))
        except DateUnreadable:
            message = f"Value {print_any(value)} for column {column} is not in expected format {shown}"
            raise refused("parse-as-datetime", message, 2) from None

    def step(frame: Frame) -> Frame:
        frame, at, data = each_value(frame, column, read)
        return frame if data is None else frame.put(at, data)

    return step


def _expect(name: str, column: str, value: Any, wanted: str) -> Exception:
    return refused(
        name,
        f"Value {print_any(value)} for column {column} expected to be {wanted} but found {class_name(value)}",
        2,
    )


@directive("format-datetime", Parameter("column", COLUMN), Parameter("format", TEXT))
def format_datetime(arguments: Arguments, setting: Setting) -> Step:
    """Print dates with times of day, without zone, by a pattern."""
    column, shown = arguments.text("column"), arguments.text("format")
    try:
        pattern = date_format(shown)
    except PatternRefused:
        raise arguments.refuse(f"Datetime format '{shown}' is invalid.") from None

    def show(value: Any) -> str:
        if not isinstance(value, datetime) or value.tzinfo is not None:
            raise _expect("format-datetime", column, value, "datetime")
        try:
            return pattern.format(value)
        except DateUnreadable:
            message = f"Error converting datetime {print_any(value)} to string with format {shown}"
            raise refused("format-datetime", message, 2) from None

    def step(frame: Frame) -> Frame:
        frame, at, data = each_value(frame, column, show)
        return frame if data is None else frame.put(at, data)

    return step


def _zone(arguments: Arguments) -> Any:
    name = arguments.text("zone", "UTC")
    try:
        return zone_of(name)
    except DateUnreadable:
        raise arguments.refuse(f"Zone '{name}' is invalid.") from None


@directive("current-datetime", Parameter("column", COLUMN), Parameter("zone", TEXT, True))
def current_datetime(arguments: Arguments, setting: Setting) -> Step:
    """Set a column to the time now in a zone, without it."""
    column, zone = arguments.text("column"), _zone(arguments)

    def step(frame: Frame) -> Frame:
        now = datetime.now(zone).replace(tzinfo=None)
        return frame.set(column, pa.array([now] * frame.rows, pa.timestamp("us")))

    return step


@directive("datetime-to-timestamp", Parameter("column", COLUMN), Parameter("zone", TEXT, True))
def datetime_to_timestamp(arguments: Arguments, setting: Setting) -> Step:
    """Make instants of dates with times of day, in a zone."""
    column, zone = arguments.text("column"), _zone(arguments)

    def convert(value: Any) -> Any:
        if not isinstance(value, datetime) or value.tzinfo is not None:
            raise _expect("datetime-to-timestamp", column, value, "datetime")
        return value.replace(tzinfo=zone)

    def step(frame: Frame) -> Frame:
        frame, at, data = each_value(frame, column, convert)
        return frame if data is None else frame.put(at, data)

    return step


@directive("timestamp-to-datetime", Parameter("column", COLUMN))
def timestamp_to_datetime(arguments: Arguments, setting: Setting) -> Step:
    """Take the zone away from instants."""
    column = arguments.text("column")

    def convert(value: Any) -> Any:
        if not isinstance(value, datetime):
            raise _expect("timestamp-to-datetime", column, value, "timestamp")
        return value.replace(tzinfo=None)

    def step(frame: Frame) -> Frame:
        at = frame.find(column)
        held = frame.columns[at].data if at >= 0 else None
        if isinstance(held, pa.Array) and _is_instant(held) and held.type.tz == "UTC":
            return frame.put(at, held.cast(pa.timestamp("us")))
        frame, at, data = each_value(frame, column, convert)
        return frame if data is None else frame.put(at, data)

    return step
