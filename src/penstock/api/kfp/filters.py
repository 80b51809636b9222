"""The filter of list requests: JSON in the query string, to a predicate of the core.

The text is read as it is; only if that is no JSON it is un-escaped once more, then taken for base64, because clients
have sent all three.
"""

import base64
import binascii
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import unquote_plus

import msgspec

from penstock.kernel.errors import Invalid
from penstock.kernel.instants import unix_us
from penstock.kernel.query import AllOf, AnyOf, Compare, Comparison, IsNull, Not, OneOf, Predicate

__all__ = ["Column", "predicate_of", "seconds_of"]

SECOND_US: Final = 1_000_000

_OPERATIONS: Final = {
    1: "EQUALS",
    2: "NOT_EQUALS",
    3: "GREATER_THAN",
    5: "GREATER_THAN_EQUALS",
    6: "LESS_THAN",
    7: "LESS_THAN_EQUALS",
    8: "IN",
    9: "IS_SUBSTRING",
}
_COMPARISONS: Final = {
    "EQUALS": Comparison.EQ,
    "NOT_EQUALS": Comparison.NE,
    "GREATER_THAN": Comparison.GT,
    "GREATER_THAN_EQUALS": Comparison.GE,
    "LESS_THAN": Comparison.LT,
    "LESS_THAN_EQUALS": Comparison.LE,
}
_SCALARS: Final = ("int_value", "long_value", "string_value", "timestamp_value")
_LISTS: Final = ("int_values", "long_values", "string_values")
_SPELLINGS: Final = {
    **{name: name for name in (*_SCALARS, *_LISTS)},
    **{"".join([name.split("_")[0], name.split("_")[1].capitalize()]): name for name in (*_SCALARS, *_LISTS)},
}


@dataclass(frozen=True, slots=True)
class Column:
    """A key of the wire and what it stands for.

    Attributes:
        field: the field of the record.
        is_time: microseconds inside, whole seconds outside.
        substring: the field in which parts of the text are looked for, without regard to case; None for `field`.
        words: what the wire calls a value → the stored values it stands for; None where the two are the same.
    """

    field: str
    is_time: bool = False
    substring: str | None = None
    words: Mapping[str, tuple[str, ...]] | None = None


def predicate_of(text: str, columns: Mapping[str, Column]) -> Predicate | None:
    """Read a filter; None if it is empty.

    Raises: Invalid.
    """
    if not text:
        return None
    document = _document(text)
    if not isinstance(document, dict):
        raise Invalid(f"the filter is {text!r}; it must be a JSON object with predicates", at="filter")
    predicates = document.get("predicates") or []
    if not isinstance(predicates, list) or document.keys() - {"predicates"}:
        raise Invalid("the filter must have one member, a list called predicates", at="filter")
    parts = tuple(_predicate(entry, columns, f"filter/predicates/{at}") for at, entry in enumerate(predicates))
    return AllOf(parts) if parts else None


def seconds_of(text: str, at: str) -> int:
    """Read an instant in RFC 3339, or a number of seconds since 1970, as microseconds.

    Raises: Invalid.
    """
    try:
        return int(text) * SECOND_US
    except ValueError:
        pass
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(f"{text!r} is no time in RFC 3339", at=at) from None
    return unix_us(instant if instant.tzinfo else instant.replace(tzinfo=UTC))


def _document(text: str) -> Any:
    for candidate in _readings(text):
        try:
            return msgspec.json.decode(candidate)
        except (msgspec.DecodeError, UnicodeError):
            continue
    raise Invalid("the filter is not JSON", at="filter")


def _readings(text: str) -> list[bytes]:
    readings = [text.encode(), unquote_plus(text).encode()]
    with contextlib.suppress(binascii.Error, ValueError):
        readings.append(base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4)))
    return readings


def _predicate(entry: Any, columns: Mapping[str, Column], at: str) -> Predicate:
    if not isinstance(entry, dict):
        raise Invalid("a predicate must be an object", at=at)
    operation = _operation(entry, at)
    key = entry.get("key")
    if not isinstance(key, str) or not key:
        raise Invalid("the predicate has no key", at=f"{at}/key")
    column = columns.get(key.lower())
    if column is None:
        raise Invalid(f"key {key!r} cannot be filtered by here; it must be one of {', '.join(columns)}", at=f"{at}/key")
    kind, value = _value(entry, at)
    if operation == "IN":
        return _one_of(column, kind, value, at)
    if kind in _LISTS:
        raise Invalid(f"{operation} takes one value, not {kind}", at=at)
    if operation == "IS_SUBSTRING":
        if kind != "string_value":
            raise Invalid(f"IS_SUBSTRING takes a string_value, not {kind}", at=at)
        return _substring(column, str(value))
    return _comparison(column, operation, _stored(column, kind, value, at))


def _operation(entry: Mapping[str, Any], at: str) -> str:
    given = [entry[name] for name in ("op", "operation") if entry.get(name) is not None]
    if len(given) != 1:
        raise Invalid("a predicate has one operation, called op or operation", at=at)
    name = _OPERATIONS.get(given[0]) if isinstance(given[0], int) else given[0]
    if name not in _OPERATIONS.values():
        raise Invalid(f"operation {given[0]!r} is not one of {', '.join(_OPERATIONS.values())}", at=at)
    return str(name)


def _value(entry: Mapping[str, Any], at: str) -> tuple[str, Any]:
    found: list[tuple[str, Any]] = []
    for name, value in entry.items():
        if name in ("op", "operation", "key") or value is None:
            continue
        if name not in _SPELLINGS:
            raise Invalid(f"unknown field {name!r} in a predicate", at=f"{at}/{name}")
        found.append((_SPELLINGS[name], value))
    if len(found) != 1:
        raise Invalid(f"a predicate has exactly one value, not {len(found)}", at=at)
    return found[0]


def _one_of(column: Column, kind: str, value: Any, at: str) -> Predicate:
    if kind not in _LISTS:
        raise Invalid(f"IN takes a list of values, not {kind}", at=at)
    values = value.get("values") if isinstance(value, dict) else None
    if not isinstance(values, list):
        raise Invalid(f"{kind} must be an object with a list called values", at=at)
    scalar = kind.removesuffix("s")
    stored = tuple(each for value in values for each in _meant(column, _stored(column, scalar, value, at)))
    if column.is_time:
        return AnyOf(tuple(_comparison(column, "EQUALS", each) for each in stored))
    return OneOf(column.field, stored)


def _substring(column: Column, value: str) -> Predicate:
    if not value:
        return AllOf()
    if column.substring:
        return Compare(column.substring, Comparison.CONTAINS, value.casefold())
    return Compare(column.field, Comparison.CONTAINS, value)


def _stored(column: Column, kind: str, value: Any, at: str) -> int | str:
    """Return the value as the column holds it."""
    if kind in ("int_value", "long_value"):
        number = _integer(value, kind, at)
        return number * SECOND_US if column.is_time else number
    if not isinstance(value, str):
        raise Invalid(f"{kind} is {value!r}; it must be a text", at=at)
    if kind == "timestamp_value" or column.is_time:
        return seconds_of(value, at)
    return value


def _meant(column: Column, value: int | str) -> tuple[int | str, ...]:
    """Return the stored values that a value of the wire stands for."""
    if column.words is None or not isinstance(value, str):
        return (value,)
    return column.words.get(value, (value,))


def _integer(value: Any, kind: str, at: str) -> int:
    if isinstance(value, str) and kind == "long_value" and value.removeprefix("-").isdecimal():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not -(1 << 63) <= value < 1 << 63:
        raise Invalid(f"{kind} is {value!r}; it must be an integer", at=at)
    return int(value)


def _comparison(column: Column, operation: str, value: int | str) -> Predicate:
    if column.is_time and isinstance(value, int):
        return _in_seconds(column.field, operation, value)
    if column.words is not None and operation in ("EQUALS", "NOT_EQUALS"):
        among = OneOf(column.field, _meant(column, value))
        return among if operation == "EQUALS" else Not(among)
    if operation == "NOT_EQUALS":
        return Not(Compare(column.field, Comparison.EQ, value))
    return Compare(column.field, _COMPARISONS[operation], value)


def _in_seconds(name: str, operation: str, at_us: int) -> Predicate:
    """Compare a time of microseconds as if it had been cut to whole seconds, which is all that clients see of it."""
    start = at_us if at_us % SECOND_US == 0 else at_us - at_us % SECOND_US
    after = Compare(name, Comparison.GE, start + SECOND_US)
    before = Compare(name, Comparison.LT, start)
    match operation:
        case "EQUALS":
            return AllOf((Not(before), Not(after), Not(IsNull(name))))
        case "NOT_EQUALS":
            return AnyOf((before, after, IsNull(name)))
        case "GREATER_THAN":
            return after
        case "GREATER_THAN_EQUALS":
            return Compare(name, Comparison.GE, start)
        case "LESS_THAN":
            return before
        case _:
            return Compare(name, Comparison.LT, start + SECOND_US)
