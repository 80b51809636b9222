"""What servers put into parameters: `[[RunUUID]]`, `[[ScheduledTime.2006-01-02]]`, `{{$.currentTime.strftime('…')}}`.

Source: the layouts are those of Go's time package, whose reference time is Mon Jan 2 15:04:05 MST 2006.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

__all__ = ["Moment", "go_layout", "replaced"]

_MACRO: Final = re.compile(r"\[\[(RunUUID|Index|CurrentTime|ScheduledTime)(?:\.([^\]]*))?\]\]")
_STRFTIME: Final = re.compile(r"\{\{\s*\$\.(currentTime|scheduledTime)\.strftime\((['\"])(.*?)\2\)\s*\}\}")
_DEFAULT_BUCKET: Final = "{{kfp-default-bucket}}"
_DEFAULT_LAYOUT: Final = "%Y%m%d%H%M%S"
_LAYOUT: Final = re.compile(
    r"2006|January|Jan|Monday|Mon|MST|Z0700|Z07:00|-0700|-07:00|-07|\.0+|\.9+|01|02|03|04|05|06|15|PM|pm|_2|1|2|3|4|5"
)
_DIRECTIVES: Final = {
    "2006": "%Y", "06": "%y", "January": "%B", "Jan": "%b", "01": "%m", "1": "%-m", "02": "%d", "2": "%-d", "_2": "%e",
    "Monday": "%A", "Mon": "%a", "15": "%H", "03": "%I", "3": "%-I", "04": "%M", "4": "%-M", "05": "%S", "5": "%-S",
    "PM": "%p", "pm": "%P", "MST": "UTC", "Z0700": "Z", "Z07:00": "Z", "-0700": "+0000", "-07:00": "+00:00",
    "-07": "+00",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Moment:
    """What is known when a run is made. index: which run of its job it is."""

    run_id: str
    now: datetime
    scheduled: datetime
    index: int = 0
    bucket: str = "mlpipeline"


def replaced(value: Any, moment: Moment) -> Any:
    """Return a parameter's value with its macros replaced, in all texts it has."""
    match value:
        case str():
            return _text(value, moment)
        case list():
            return [replaced(member, moment) for member in value]
        case dict():
            return {name: replaced(member, moment) for name, member in value.items()}
        case _:
            return value


def go_layout(at: datetime, layout: str) -> str:
    """Write an instant in a layout of Go's."""
    parts: list[str] = []
    place = 0
    for match in _LAYOUT.finditer(layout):
        parts.append(layout[place : match.start()])
        word = match[0]
        if word.startswith("."):
            digits = f"{at.microsecond:06d}000"[: len(word) - 1]
            parts.append("." + digits)
        else:
            parts.append(at.strftime(_DIRECTIVES[word]))
        place = match.end()
    return "".join((*parts, layout[place:]))


def _text(text: str, moment: Moment) -> str:
    if "[[" in text:
        text = _MACRO.sub(lambda found: _macro(found[1], found[2], moment), text)
    if "{{" in text:
        text = _STRFTIME.sub(lambda found: _at(found[1], moment).strftime(found[3]), text)
        text = text.replace(_DEFAULT_BUCKET, moment.bucket)
    return text


def _macro(name: str, layout: str | None, moment: Moment) -> str:
    match name:
        case "RunUUID":
            return moment.run_id
        case "Index":
            return str(moment.index)
    at = _at(name, moment)
    return go_layout(at, layout) if layout else at.strftime(_DEFAULT_LAYOUT)


def _at(name: str, moment: Moment) -> datetime:
    return moment.now if name.lower().startswith("current") else moment.scheduled
