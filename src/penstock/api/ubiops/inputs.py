"""From the body of a request to the data it carries, checked against what is asked. Pure.

Plain data is text as it came; structured data is an object, or a list of objects that are asked together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.kernel.errors import Invalid
from penstock.kernel.signature import FieldType, Misfit, Signature, fit
from penstock.kernel.values import Value

__all__ = ["MAX_BATCH", "checked", "read_batch", "read_data", "read_ids", "read_timeout"]

MAX_BATCH: Final = 250
_TEXT: Final = ("text/plain",)


def read_data(takes: Signature, body: bytes, content_type: str) -> Value:
    """Return the data of one request. Raises: Invalid, naming field and type."""
    return checked(takes, _decoded(takes, body, content_type))


def read_batch(takes: Signature, body: bytes, content_type: str) -> list[Value]:
    """Return the data of each request of a batch: a list, or one bare item. Raises: Invalid."""
    decoded = _decoded(takes, body, content_type)
    items = decoded if isinstance(decoded, list) else [decoded]
    if not items:
        raise Invalid("The batch is empty; send at least one item")
    if len(items) > MAX_BATCH:
        raise Invalid(f"A batch has at most {MAX_BATCH} requests; {len(items)} were sent")
    made = []
    for index, item in enumerate(items):
        if isinstance(item, list) and not takes.is_plain:
            raise Invalid(f"data[{index}]: one object is expected for each request of a batch")
        try:
            made.append(checked(takes, item))
        except Invalid as error:
            raise Invalid(f"data[{index}]: {error.message}") from None
    return made


def checked(takes: Signature, data: Value) -> Value:
    """Return data in the form that is asked for. Raises: Invalid."""
    if takes.is_plain:
        return [_text(item) for item in data] if isinstance(data, list) else _text(data)
    try:
        if isinstance(data, list):
            return [_fitted(takes, item) for item in data]
        return _fitted(takes, data)
    except Misfit as error:
        raise Invalid(f"Invalid input data: {error}") from None


def read_timeout(query: Mapping[str, str], default: int, most: int, least: int = 10) -> int:
    """Return how long a request may take, in seconds; an old name of the parameter counts too. Raises: Invalid."""
    text = query.get("timeout") or query.get("pipeline_timeout")
    if text is None:
        return default
    value = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None
    if value is None or not least <= value <= most:
        raise Invalid(f"timeout: {text!r} is not a whole number of seconds from {least} to {most}")
    return value


def read_ids(body: object, least: int = 0) -> list[str]:
    """Return a list of ids of requests, each of them once. Raises: Invalid."""
    given = body.get("data") if isinstance(body, dict) else body
    if not isinstance(given, list) or not all(isinstance(id, str) for id in given):
        raise Invalid("A list of request ids is expected")
    if len(given) > MAX_BATCH:
        raise Invalid(f"At most {MAX_BATCH} request ids can be sent at once; {len(given)} were sent")
    if len(given) < least:
        raise Invalid("The list of request ids is empty")
    return list(dict.fromkeys(given))


def _decoded(takes: Signature, body: bytes, content_type: str) -> Any:
    is_text = content_type.partition(";")[0].strip().lower() in _TEXT
    is_json = "json" in content_type.lower()
    if takes.is_plain and (is_text or not is_json):
        return _utf8(body)
    if not body and takes.is_plain:
        return ""
    if not body and not takes.fields:
        return {}
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"The data of the request is not JSON: {error}") from None
    # An object that is sent to a plain input is handed on as its text.
    return _utf8(body) if takes.is_plain and isinstance(decoded, dict) else decoded


def _utf8(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise Invalid(f"The data of the request is not text in UTF-8: {error.reason}") from None


def _text(data: Value) -> Value:
    return data if isinstance(data, str) else msgspec.json.encode(data).decode()


def _fitted(takes: Signature, item: Value) -> Value:
    fitted = fit(takes, item)
    if takes.has_files:
        assert isinstance(fitted, dict), "a structured value is an object"
        for field in takes.fields or ():
            names = fitted[field.name]
            if field.type.is_file and not all(
                _is_file(name) for name in (names if isinstance(names, list) else [names])
            ):
                what = "a file" if field.type is FieldType.FILE else "files"
                raise Misfit(f"field {field.name!r}: {what} must be given as ubiops-file://<bucket>/<path>")
    return fitted


def _is_file(name: Value) -> bool:
    return isinstance(name, str) and (name.startswith("ubiops-file://") or (len(name) == 36 and name.count("-") == 4))
