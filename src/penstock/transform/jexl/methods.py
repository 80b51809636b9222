"""What values can be asked for in expressions: methods of strings, numbers, dates, lists and maps. Pure.

Source: `String`, `Number`, `java.time`, `List` and `Map` of the Java SE 8 API documentation.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from penstock.kernel.datepatterns import DAYS, MONTHS, PatternRefused
from penstock.transform.jexl.arithmetic import Impossible
from penstock.transform.jvm.numbers import to_int, to_long, to_short
from penstock.transform.jvm.regex import PatternInvalid, matches, replace_all, split
from penstock.transform.jvm.text import trim
from penstock.transform.jvm.values import Float, Long, class_name, print_any

__all__ = ["call_method", "read_index", "read_property"]

Method = Callable[..., Any]


def _bounded(text: str, start: int, end: int | None = None) -> str:
    end = len(text) if end is None else end
    if not 0 <= start <= end <= len(text):
        raise Impossible(f"String index out of range: {start if not 0 <= start <= len(text) else end}")
    return text[start:end]


def _char(text: str, at: int) -> str:
    if not 0 <= at < len(text):
        raise Impossible(f"String index out of range: {at}")
    return text[at]


def _compared(left: str, right: str) -> int:
    for a, b in zip(left, right, strict=False):
        if a != b:
            return ord(a) - ord(b)
    return len(left) - len(right)


def _hash(text: str) -> int:
    code = 0
    encoded = text.encode("utf-16-be", "surrogatepass")
    for i in range(0, len(encoded), 2):
        code = (code * 31 + int.from_bytes(encoded[i : i + 2], "big")) & 0xFFFFFFFF
    return code - (1 << 32) if code >= 1 << 31 else code


_STRING: Final[dict[str, Method]] = {
    "length": len,
    "isEmpty": lambda s: not s,
    "equals": lambda s, o: isinstance(o, str) and s == o,
    "equalsIgnoreCase": lambda s, o: o is not None and s.lower() == o.lower(),
    "contentEquals": lambda s, o: s == o,
    "contains": lambda s, o: _text(o) in s,
    "startsWith": lambda s, o, at=0: s.startswith(_text(o), at),
    "endsWith": lambda s, o: s.endswith(_text(o)),
    "substring": _bounded,
    "subSequence": _bounded,
    "charAt": _char,
    "codePointAt": lambda s, at: ord(_char(s, at)),
    "indexOf": lambda s, o, at=0: s.find(_piece(o), max(at, 0)),
    "lastIndexOf": lambda s, o: s.rfind(_piece(o)),
    "toUpperCase": lambda s: s.upper(),
    "toLowerCase": lambda s: s.lower(),
    "trim": trim,
    "strip": lambda s: s.strip(),
    "concat": lambda s, o: s + _text(o),
    "replace": lambda s, a, b: s.replace(_text(a), _text(b)),
    "replaceAll": lambda s, a, b: replace_all(s, _text(a), _text(b)),
    "replaceFirst": lambda s, a, b: replace_all(s, _text(a), _text(b), 1),
    "matches": lambda s, o: matches(s, _text(o)),
    "split": lambda s, o, limit=0: split(s, _text(o), limit),
    "compareTo": lambda s, o: _compared(s, _text(o)),
    "compareToIgnoreCase": lambda s, o: _compared(s.upper().lower(), _text(o).upper().lower()),
    "hashCode": _hash,
    "toString": lambda s: str(s),
    "getBytes": lambda s, charset="UTF-8": s.encode(charset),
    "toCharArray": list,
    "repeat": lambda s, n: s * n,
    "isBlank": lambda s: not s.strip(),
    "intern": lambda s: s,
    "format": lambda s, *v: s,
}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Impossible("null" if value is None else f"unsolvable method for {class_name(value)}")
    return value


def _piece(value: Any) -> str:
    return chr(value) if isinstance(value, int) and not isinstance(value, bool) else _text(value)


def _order(left: Any, right: Any) -> int:
    if type(left) is not type(right):
        raise Impossible(f"cannot compare {class_name(left)} with {class_name(right)}")
    return int(left > right) - int(left < right)


_NUMBER: Final[dict[str, Method]] = {
    "intValue": to_int,
    "longValue": to_long,
    "shortValue": to_short,
    "floatValue": lambda v: Float(float(v)),
    "doubleValue": float,
    "toString": print_any,
    "equals": lambda v, o: type(v) is type(o) and v == o,
    "compareTo": _order,
    "hashCode": lambda v: to_int(v) if isinstance(v, int) else hash(v),
    "isNaN": lambda v: v != v,
    "isInfinite": lambda v: v in (float("inf"), float("-inf")),
}
_DECIMAL: Final[dict[str, Method]] = {
    "scale": lambda v: -int(v.as_tuple().exponent),
    "precision": lambda v: len(v.as_tuple().digits),
    "signum": lambda v: (v > 0) - (v < 0),
    "negate": lambda v: -v,
    "abs": abs,
    "add": lambda v, o: v + o,
    "subtract": lambda v, o: v - o,
    "multiply": lambda v, o: v * o,
    "toPlainString": lambda v: f"{v:f}",
    "stripTrailingZeros": lambda v: v.normalize(),
}


def _millis(value: datetime) -> Long:
    return Long((value - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1))


def _later_months(value: Any, months: int) -> Any:
    import calendar

    year, month = divmod(value.year * 12 + value.month - 1 + months, 12)
    return value.replace(year=year, month=month + 1, day=min(value.day, calendar.monthrange(year, month + 1)[1]))


def _formatted(value: Any, pattern: Any) -> str:
    from penstock.transform.jvm.date_formats import date_format

    return date_format(_text(pattern)).format(value)


_DATE: Final[dict[str, Method]] = {
    "getYear": lambda v: v.year,
    "getMonthValue": lambda v: v.month,
    "getMonth": lambda v: MONTHS[v.month - 1].upper(),
    "getDayOfMonth": lambda v: v.day,
    "getDayOfYear": lambda v: v.timetuple().tm_yday,
    "getDayOfWeek": lambda v: DAYS[v.weekday()].upper(),
    "plusDays": lambda v, n: v + timedelta(days=n),
    "minusDays": lambda v, n: v - timedelta(days=n),
    "plusWeeks": lambda v, n: v + timedelta(weeks=n),
    "minusWeeks": lambda v, n: v - timedelta(weeks=n),
    "plusMonths": lambda v, n: _later_months(v, n),
    "minusMonths": lambda v, n: _later_months(v, -n),
    "plusYears": lambda v, n: _later_months(v, 12 * n),
    "minusYears": lambda v, n: _later_months(v, -12 * n),
    "withDayOfMonth": lambda v, n: v.replace(day=n),
    "toEpochDay": lambda v: Long((v - date(1970, 1, 1)).days),
}
_TIME: Final[dict[str, Method]] = {
    "getHour": lambda v: v.hour,
    "getMinute": lambda v: v.minute,
    "getSecond": lambda v: v.second,
    "getNano": lambda v: v.microsecond * 1000,
    "toSecondOfDay": lambda v: v.hour * 3600 + v.minute * 60 + v.second,
}
_MOMENT: Final[dict[str, Method]] = {
    "plusHours": lambda v, n: v + timedelta(hours=n),
    "minusHours": lambda v, n: v - timedelta(hours=n),
    "plusMinutes": lambda v, n: v + timedelta(minutes=n),
    "minusMinutes": lambda v, n: v - timedelta(minutes=n),
    "plusSeconds": lambda v, n: v + timedelta(seconds=n),
    "minusSeconds": lambda v, n: v - timedelta(seconds=n),
    "toLocalDate": lambda v: v.date(),
    "toLocalTime": lambda v: v.time(),
    "toLocalDateTime": lambda v: v.replace(tzinfo=None),
    "toInstant": lambda v: v.astimezone(UTC),
    "toEpochMilli": _millis,
    "toEpochSecond": lambda v: Long(_millis(v) // 1000),
}
_ANY_DATE: Final[dict[str, Method]] = {
    "toString": print_any,
    "equals": lambda v, o: v == o,
    "isBefore": lambda v, o: v < o,
    "isAfter": lambda v, o: v > o,
    "isEqual": lambda v, o: v == o,
    "compareTo": _order,
    "format": _formatted,
}


def _at(values: list[Any], index: Any) -> Any:
    if not isinstance(index, int) or not 0 <= index < len(values):
        raise Impossible(f"Index: {print_any(index)}, Size: {len(values)}")
    return values[index]


_LIST: Final[dict[str, Method]] = {
    "size": len,
    "length": len,
    "get": _at,
    "isEmpty": lambda v: not v,
    "contains": lambda v, o: o in v,
    "indexOf": lambda v, o: v.index(o) if o in v else -1,
    "subList": lambda v, a, b: v[a:b],
    "toString": print_any,
    "getAsJsonArray": lambda v: v,
    "isJsonArray": lambda v: True,
    "isJsonObject": lambda v: False,
    "equals": lambda v, o: v == o,
}
_MAP: Final[dict[str, Method]] = {
    "size": len,
    "width": len,
    "get": lambda v, k: v.get(k),
    "getValue": lambda v, k: next((x for n, x in v.items() if str(n).lower() == str(k).lower()), None),
    "has": lambda v, k: k in v,
    "containsKey": lambda v, k: k in v,
    "containsValue": lambda v, o: o in v.values(),
    "isEmpty": lambda v: not v,
    "keySet": lambda v: list(v),
    "values": lambda v: list(v.values()),
    "toString": print_any,
    "getAsJsonObject": lambda v, k=None: v if k is None else v.get(k),
    "getAsJsonArray": lambda v, k: v.get(k),
    "isJsonObject": lambda v: True,
    "isJsonArray": lambda v: False,
    "find": lambda v, k: next((i for i, n in enumerate(v) if str(n).lower() == str(k).lower()), -1),
    "equals": lambda v, o: v == o,
}
_JSON_SCALAR: Final[dict[str, Method]] = {
    "getAsString": print_any,
    "getAsInt": lambda v: to_int(float(v) if isinstance(v, str) else v),
    "getAsLong": lambda v: to_long(float(v) if isinstance(v, str) else v),
    "getAsDouble": float,
    "getAsBoolean": lambda v: v is True or v == "true",
    "isJsonNull": lambda v: v is None,
    "isJsonPrimitive": lambda v: not isinstance(v, list | dict),
}


def _tables(value: Any) -> tuple[dict[str, Method], ...]:
    match value:
        case str():
            return (_STRING, _JSON_SCALAR)
        case bool():
            return ({"toString": print_any, "booleanValue": bool, "equals": lambda v, o: v is o}, _JSON_SCALAR)
        case Decimal():
            return (_NUMBER, _DECIMAL, _JSON_SCALAR)
        case int() | float():
            return (_NUMBER, _JSON_SCALAR)
        case datetime():
            return (_DATE, _TIME, _MOMENT, _ANY_DATE)
        case date():
            return (_DATE, _ANY_DATE)
        case time():
            return (_TIME, _ANY_DATE)
        case list() | tuple():
            return (_LIST, _JSON_SCALAR)
        case dict():
            return (_MAP, _JSON_SCALAR)
    return ()


def call_method(value: Any, name: str, arguments: list[Any]) -> Any:
    """Call a method of a value. Raises: Impossible if there is none or it does not take the arguments."""
    if value is None:
        raise Impossible(f"unsolvable function/method '{name}' on null")
    for table in _tables(value):
        method = table.get(name)
        if method is None:
            continue
        try:
            return method(value, *arguments)
        except (TypeError, ValueError, OverflowError, PatternInvalid, PatternRefused, LookupError) as error:
            raise Impossible(f"unsolvable function/method '{name}': {error}") from None
    raise Impossible(f"unsolvable function/method '{name}' of {class_name(value)}")


def read_property(value: Any, name: str) -> Any:
    """Read a property: a member of a map, or what a getter gives."""
    if value is None:
        raise Impossible(f"unsolvable property '{name}' on null")
    if isinstance(value, dict):
        if name in value:
            return value[name]
        found = [member for key, member in value.items() if str(key).lower() == name.lower()]
        return found[0] if found else None
    if isinstance(value, list) and name in ("length", "size"):
        return len(value)
    for candidate in (f"get{name[:1].upper()}{name[1:]}", f"is{name[:1].upper()}{name[1:]}", name):
        if any(candidate in table for table in _tables(value)):
            return call_method(value, candidate, [])
    raise Impossible(f"unsolvable property '{name}'")


def read_index(value: Any, key: Any) -> Any:
    """Read a member by index or key."""
    if isinstance(value, dict):
        return value.get(key) if key in value else read_property(value, print_any(key))
    if isinstance(value, list | tuple):
        if isinstance(key, str) and key.isdigit():
            key = int(key)
        return _at(list(value), key)
    if isinstance(value, str) and isinstance(key, int):
        return _char(value, key)
    if value is None:
        raise Impossible("null has no members")
    return read_property(value, print_any(key))
