"""Values as PostgreSQL writes them in text, for columns of a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.connect.formats.columns import Reading
from penstock.connect.formats.csv_values import text_reading
from penstock.data.types import BINARIES, Kind, SqlType

__all__ = ["postgres_reading"]


def postgres_reading(type: SqlType) -> Reading:
    """Return how the texts of a column are read."""
    kind = type.kind
    plain = text_reading(type)
    if kind is Kind.BOOLEAN:
        return Reading(type, _boolean)
    if kind in BINARIES:
        return Reading(type, _binary)
    if kind is Kind.ARRAY and type.element is not None:
        one = _array_item(type.element)
        return Reading(type, lambda text: _array(text, one) if text.startswith("{") else plain.one(text))
    return plain


def _boolean(text: str) -> bool:
    if text in ("t", "true"):
        return True
    if text in ("f", "false"):
        return False
    raise ValueError("a boolean is t or f")


def _binary(text: str) -> bytes:
    if not text.startswith("\\x"):
        raise ValueError("bytes are \\x and hexadecimal digits")
    return bytes.fromhex(text[2:])


def _array_item(type: SqlType) -> Callable[[str], Any]:
    if type.kind is Kind.ARRAY:
        assert type.element is not None
        inner = _array_item(type.element)
        return lambda text: _array(text, inner)
    return postgres_reading(type).one


def _array(text: str, one: Callable[[str], Any]) -> list[Any]:
    """Read `{1,NULL,"a b",{…}}`. Raises: ValueError."""
    items, at = _items(text, 0)
    if at != len(text):
        raise ValueError("an array ends with }")
    return [_item(item, one) for item in items]


def _item(item: Any, one: Callable[[str], Any]) -> Any:
    if item is None:
        return None
    # An array within the array was read already; its reader takes text, so that it is written once more.
    return one(_written(item) if isinstance(item, list) else item)


def _written(items: list[Any]) -> str:
    parts = []
    for item in items:
        if isinstance(item, list):
            parts.append(_written(item))
        else:
            parts.append("NULL" if item is None else '"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"')
    return "{" + ",".join(parts) + "}"


def _items(text: str, at: int) -> tuple[list[Any], int]:
    if text[at : at + 1] != "{":
        raise ValueError("an array begins with {")
    at += 1
    items: list[Any] = []
    item: Any
    while text[at : at + 1] != "}":
        if text[at : at + 1] == "{":
            item, at = _items(text, at)
        elif text[at : at + 1] == '"':
            item, at = _quoted(text, at + 1)
        else:
            end = min(found for found in (text.find(",", at), text.find("}", at), len(text)) if found >= 0)
            word, at = text[at:end], end
            item = None if word == "NULL" else word
        items.append(item)
        if text[at : at + 1] == ",":
            at += 1
        elif text[at : at + 1] != "}":
            raise ValueError("the items of an array stand between commas")
    return items, at + 1


def _quoted(text: str, at: int) -> tuple[str, int]:
    characters: list[str] = []
    while at < len(text) and text[at] != '"':
        at += text[at] == "\\"
        characters.append(text[at : at + 1])
        at += 1
    return "".join(characters), at + 1
