"""What names, labels, fields and numbers may be. Pure; every refusal names the key and what would do.

Source: the product's documentation of names and limits; where it says nothing, what clients send is taken.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from starlette.datastructures import QueryParams

from penstock.api.ubiops.kinds import DATA_TYPES, PLAIN, STRUCTURED, FieldBody
from penstock.api.ubiops.wire import Field
from penstock.kernel.errors import Invalid

__all__ = [
    "checked_choice",
    "checked_fields",
    "checked_labels",
    "checked_name",
    "checked_number",
    "checked_text",
    "checked_title",
    "instant",
    "matches_labels",
    "offset_and_limit",
    "wanted_labels",
]

MAX_NAME: Final = 64
MAX_DESCRIPTION: Final = 400
MAX_LABEL: Final = 256

_NAME = re.compile(r"[a-z][a-z0-9-]*")
_TITLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_. -]*")
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_. -]*")


def checked_name(name: str, key: str = "name") -> str:
    """Return the name of a project, deployment or pipeline. Raises: Invalid."""
    if not _NAME.fullmatch(name) or len(name) > MAX_NAME:
        raise Invalid(
            f"{key}: {name[:80]!r} is no name: it must start with a lowercase letter, have only lowercase letters, "
            f"digits and dashes, and at most {MAX_NAME} characters"
        )
    return name


def checked_title(title: str, key: str = "version") -> str:
    """Return the name of a version or of an object. Raises: Invalid."""
    if not _TITLE.fullmatch(title) or len(title) > MAX_NAME:
        raise Invalid(
            f"{key}: {title[:80]!r} is no name: it must start with a letter or digit, have only letters, digits, "
            f"dashes, dots and underscores, and at most {MAX_NAME} characters"
        )
    return title


def checked_text(text: str, key: str = "description", most: int = MAX_DESCRIPTION) -> str:
    """Return a text that is not too long. Raises: Invalid."""
    if len(text) > most:
        raise Invalid(f"{key}: the text has {len(text)} characters; at most {most} are taken")
    return text


def checked_number(value: int, key: str, least: int, most: int) -> int:
    """Return a number within its limits. Raises: Invalid."""
    if not least <= value <= most:
        raise Invalid(f"{key}: {value} is out of range; it must lie between {least} and {most}")
    return value


def checked_choice(value: str, key: str, allowed: Sequence[str]) -> str:
    """Return one of the allowed words. Raises: Invalid."""
    if value not in allowed:
        raise Invalid(f"{key}: {value!r} is not a valid choice; it must be one of {', '.join(allowed)}")
    return value


def checked_labels(labels: Mapping[str, Any]) -> dict[str, str]:
    """Return labels as texts. Raises: Invalid if a value is no scalar."""
    made = {}
    for key, value in labels.items():
        if isinstance(value, dict | list):
            raise Invalid(f"labels: the value of {key!r} is no text; labels map texts to texts")
        text = str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)
        if not key or len(key) > MAX_LABEL or len(text) > MAX_LABEL:
            raise Invalid(f"labels: {key[:80]!r} and its value must have at most {MAX_LABEL} characters each")
        made[key] = text
    return made


def checked_fields(fields: Sequence[Field], side: str, key: str) -> tuple[FieldBody, ...]:
    """Return the fields of a side. side: its type; a plain one has no fields. Raises: Invalid."""
    checked_choice(side, key.replace("fields", "type"), (STRUCTURED, PLAIN))
    made: dict[str, FieldBody] = {}
    if side == PLAIN:
        return ()
    for index, field in enumerate(fields):
        if not _FIELD.fullmatch(field.name) or len(field.name) > MAX_LABEL:
            raise Invalid(f"{key}[{index}].name: {field.name[:80]!r} is no name of a field")
        checked_choice(field.data_type, f"{key}[{index}].data_type", DATA_TYPES)
        if field.name in made:
            raise Invalid(f"{key}: the field {field.name!r} is there twice")
        widget = field.widget if field.widget and field.widget.get("type") else None
        made[field.name] = FieldBody(field.name, field.data_type, widget)
    return tuple(made.values())


def wanted_labels(query: QueryParams) -> dict[str, str]:
    """Return the labels that a list is asked for: `labels=key:value,key:value`. Raises: Invalid."""
    wanted = {}
    for text in query.getlist("labels"):
        for part in filter(None, text.split(",")):
            key, colon, value = part.partition(":")
            if not colon or not key:
                raise Invalid(f"labels: {part!r} is no label; write key:value, several with commas between them")
            wanted[key] = value
    return wanted


def matches_labels(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Tell whether all wanted labels are there."""
    return all(labels.get(key) == value for key, value in wanted.items())


def offset_and_limit(query: QueryParams, default: int, most: int) -> tuple[int, int]:
    """Return where a page starts and how long it is. Raises: Invalid."""
    offset, limit = _integer(query, "offset", 0), _integer(query, "limit", default)
    return checked_number(offset, "offset", 0, 1 << 31), checked_number(limit, "limit", 1, most)


def instant(text: str, key: str) -> datetime:
    """Read a date of ISO 8601; one without a zone is UTC. Raises: Invalid."""
    try:
        # A plus sign that a client did not escape arrives as a blank.
        found = datetime.fromisoformat(re.sub(r" (\d\d:?\d\d)$", r"+\1", text.strip()))
    except ValueError:
        raise Invalid(f"{key}: {text[:80]!r} is no date; write it like 2024-05-31T13:45:00Z") from None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _integer(query: QueryParams, key: str, default: int) -> int:
    text = query.get(key)
    if text is None or text == "":
        return default
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 19):
        raise Invalid(f"{key}: {text[:80]!r} is not an integer")
    return int(text)
