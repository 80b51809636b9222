"""`json:`: parsing, selecting, changing and printing JSON values."""

from __future__ import annotations

from typing import Any

from penstock.transform.jexl.functions.signatures import function
from penstock.transform.jvm.json_path import PathInvalid, read_path
from penstock.transform.jvm.json_text import JsonInvalid, parse_json
from penstock.transform.jvm.values import JsonArray, JsonObject, print_json

__all__: list[str] = []


def _parsed(text: Any) -> Any:
    if not isinstance(text, str):
        return text
    try:
        return parse_json(text)
    except JsonInvalid as error:
        raise ArithmeticError(str(error)) from None


def _selected(value: Any, path: str) -> Any:
    try:
        return read_path(value, path)
    except (PathInvalid, LookupError):
        return None


def _lowered(value: Any) -> Any:
    if isinstance(value, dict):
        return JsonObject({key.lower(): _lowered(item) for key, item in value.items()})
    return JsonArray(map(_lowered, value)) if isinstance(value, list) else value


@function("json", "os*", "Select")
def select(value: Any, *paths: str) -> Any:
    found = [_selected(_parsed(value), path) for path in paths]
    return found[0] if len(found) == 1 else JsonArray(found)


@function("json", "os*", "select")
def select_lowered(value: Any, *paths: str) -> Any:
    return select(_lowered(_parsed(value)), *paths)


@function("json", "obs*", "select")
def select_as_told(value: Any, lower: bool, *paths: str) -> Any:
    parsed = _parsed(value)
    return select(_lowered(parsed) if lower else parsed, *paths)


@function("json", "os*")
def drop(value: Any, *names: str) -> Any:
    value = _parsed(value)
    if isinstance(value, dict):
        return JsonObject({key: drop(item, *names) for key, item in value.items() if key not in names})
    if isinstance(value, list):
        return JsonArray(drop(item, *names) if isinstance(item, dict) else item for item in value)
    return value


@function("json", "o", "keysToLower")
def keys_to_lower(value: Any) -> Any:
    return _lowered(value)


@function("json", "os", "join")
def join(value: Any, separator: str | None) -> str:
    if not isinstance(value, list):
        return ""
    parts = ("" if isinstance(item, dict | list) or item is None else print_json(item) for item in value)
    return "".join(part + (separator or "") for part in parts)


@function("json", "o", "stringify", "Stringify")
def stringify(value: Any) -> str:
    return print_json(value)


@function("json", "s", "parse")
def parse(text: str | None) -> Any:
    return _parsed(text)


@function("json", "sb", "parse")
def parse_lowered(text: str | None, lower: bool) -> Any:
    return _lowered(_parsed(text)) if lower else _parsed(text)


@function("json", "s", "Parse")
def parse_or_null(text: str | None) -> Any:
    try:
        return _parsed(text)
    except ArithmeticError:
        return None


@function("json", "s", "IsValid")
def is_valid(text: str | None) -> bool:
    try:
        _parsed(text)
    except ArithmeticError:
        return False
    return True


@function("json", "o", "IsNull")
def is_null(value: Any) -> bool:
    return value is None


@function("json", "o", "IsObject")
def is_object(value: Any) -> bool:
    return isinstance(value, dict)


@function("json", "o", "IsArray")
def is_array(value: Any) -> bool:
    return isinstance(value, list)


@function("json", "a", "ArrayLength")
def array_length(value: list[Any] | None) -> int | None:
    return None if value is None else len(value)
