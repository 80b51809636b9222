"""Which of Kafka's messages are wanted by their headers, and what there is to tell of a message beside its body."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from penstock.ports.source import TransportRefused

__all__ = ["Headers", "facts_of", "header_filter"]

Headers = Sequence[tuple[str, bytes | None]]


def facts_of(message: Any, told: Sequence[str]) -> Mapping[str, Any]:
    """Return what is to be told of a message: names with prefix `kafka_`."""
    facts: dict[str, Any] = {}
    for name in told:
        match name:
            case "headers":
                facts["kafka_headers"] = {key: value or b"" for key, value in message.headers() or []}
            case "timestamp":
                at_ms = message.timestamp()[1]
                facts["kafka_timestamp"] = dt.datetime(1970, 1, 1) + dt.timedelta(milliseconds=at_ms)  # noqa: DTZ001
            case "partition":
                facts["kafka_partition"] = message.partition()
            case "offset":
                facts["kafka_offset"] = message.offset()
            case "topic":
                facts["kafka_topic"] = message.topic()
    return facts


def header_filter(given: Any) -> Callable[[Headers], bool]:
    """Return whether messages with such headers are wanted. Raises: TransportRefused."""
    if isinstance(given, dict) and len(given) == 1:
        ((word, operand),) = given.items()
        if word == "not":
            inner = header_filter(operand)
            return lambda headers: not inner(headers)
        if word in ("and", "or") and isinstance(operand, list) and operand:
            several = [header_filter(each) for each in operand]
            both = all if word == "and" else any
            return lambda headers: both(each(headers) for each in several)
        if word == "header" and isinstance(operand, dict) and {*operand} == {"name", "pattern"}:
            return _header(operand["name"], operand["pattern"])
    raise TransportRefused(
        'header_filter is {"header": {"name", "pattern"}}, {"not": filter}, {"and": [filters]} or {"or": [filters]}, '
        f"not {given!r}"
    )


def _header(name: Any, pattern: Any) -> Callable[[Headers], bool]:
    try:
        expression = re.compile(str(pattern).encode())
    except re.error as error:
        raise TransportRefused(f"the pattern of header {name!r} is no regular expression: {error}") from None
    return lambda headers: any(key == name and expression.search(value or b"") is not None for key, value in headers)
