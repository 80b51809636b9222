"""JSON texts read as the usual parser of the JVM does: leniently, whole numbers as 64 bits, others as doubles. Pure."""

from __future__ import annotations

import json
import re
from typing import Any

from penstock.transform.jvm.values import JsonArray, JsonObject, Long

__all__ = ["JsonInvalid", "parse_json"]


class JsonInvalid(ValueError):
    """A text that is no JSON."""


def _whole(text: str) -> int:
    value = int(text)
    return Long((value + (1 << 63)) % (1 << 64) - (1 << 63))


def _pairs(pairs: list[tuple[str, Any]]) -> JsonObject:
    return JsonObject(pairs)


class _Decoder(json.JSONDecoder):
    def __init__(self) -> None:
        super().__init__(object_pairs_hook=_pairs, parse_int=_whole, strict=False)


_DECODER = _Decoder()


def parse_json(text: str) -> Any:
    """Read a JSON text; an empty one is null. Raises: JsonInvalid."""
    stripped = text.strip()
    if not stripped:
        return None
    try:
        return _arrays(_DECODER.decode(stripped))
    except (ValueError, RecursionError) as error:
        lenient = _lenient(stripped)
        if lenient is not None:
            return lenient
        raise JsonInvalid(f"com.google.gson.stream.MalformedJsonException: {error}") from None


def _arrays(value: Any) -> Any:
    if isinstance(value, dict):
        for key, item in value.items():
            value[key] = _arrays(item)
        return value
    return JsonArray(map(_arrays, value)) if isinstance(value, list) else value


def _lenient(text: str) -> Any:
    """Read what a lenient parser takes besides: single quotes, names and words without quotes."""
    if re.fullmatch(r"[^\s{}\[\]:,;\"'=#\\]+", text):
        return text  # a bare word is a string
    if text[0] not in "{[":
        return None
    token = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[^\s{}\[\]:,;\"'=#\\]+", re.DOTALL)

    def quoted(found: re.Match[str]) -> str:
        word = found[0]
        if word[0] == '"' or re.fullmatch(r"-?\d+(\.\d+)?([eE][+-]?\d+)?|true|false|null", word):
            return word
        body = word[1:-1].replace("\\'", "'") if word[0] == "'" else word
        return json.dumps(body)

    try:
        return _arrays(_DECODER.decode(token.sub(quoted, text)))
    except ValueError:
        return None
