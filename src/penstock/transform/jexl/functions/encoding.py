"""`escape:`, `bytes:` and `arrays:`."""

from __future__ import annotations

import html
import re
import struct
from decimal import Decimal
from typing import Any

from penstock.transform.jexl.functions.signatures import function
from penstock.transform.jvm.numbers import double_bits
from penstock.transform.jvm.text import escape_java, unescape_java
from penstock.transform.jvm.values import Float, Long, Short, print_any

__all__ = ["decimal_from_bytes", "to_bytes"]


def _xml(text: str) -> str:
    for char, name in (("&", "amp"), ("<", "lt"), (">", "gt"), ('"', "quot"), ("'", "apos")):
        text = text.replace(char, f"&{name};")
    return text


def _csv(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if re.search(r'[",\r\n]', text) else text


def _un_csv(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == '"' and re.search(r'[",\r\n]', text[1:-1]):
        return text[1:-1].replace('""', '"')
    return text


def _html(text: str) -> str:
    from html.entities import codepoint2name

    return "".join(f"&{codepoint2name[ord(c)]};" if ord(c) in codepoint2name else c for c in text)


for _name, _body in (
    ("escapeJava", escape_java),
    ("unescapeJava", unescape_java),
    ("escapeJson", lambda s: escape_java(s).replace("/", "\\/")),
    ("unescapeJson", unescape_java),
    ("escapeEcmaScript", lambda s: escape_java(s).replace("'", "\\'").replace("/", "\\/")),
    ("unescapeEcmaScript", unescape_java),
    ("escapeXml", _xml),
    ("escapeXml10", _xml),
    ("escapeXml11", _xml),
    ("unescapeXml", html.unescape),
    ("escapeHtml3", _html),
    ("escapeHtml4", _html),
    ("unescapeHtml3", html.unescape),
    ("unescapeHtml4", html.unescape),
    ("escapeCsv", _csv),
    ("unescapeCsv", _un_csv),
    ("escapeXSI", lambda s: re.sub(r"([|&;<>()$`\\\"' \t*?\[#~=%])", r"\\\1", s)),
):
    function("escape", "s", _name)(lambda text, body=_body: None if text is None else body(text))


def to_bytes(value: Any) -> bytes:
    """Return the bytes of a value: numbers most significant byte first, decimals with their scale in front."""
    if isinstance(value, bool):
        return b"\xff" if value else b"\x00"
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes):
        return value
    if isinstance(value, float):
        return double_bits(value)
    if isinstance(value, Decimal):
        sign, digits, exponent = value.as_tuple()
        whole = int("".join(map(str, digits))) * (-1 if sign else 1)
        size = (whole.bit_length() if whole >= 0 else (-whole - 1).bit_length()) // 8 + 1
        return struct.pack(">i", -int(exponent)) + whole.to_bytes(size, "big", signed=True)
    size = 8 if isinstance(value, Long) else 2 if isinstance(value, Short) else 4
    return int(value).to_bytes(size, "big", signed=True)


def decimal_from_bytes(value: bytes) -> Decimal:
    """Read the bytes of a decimal."""
    scale = struct.unpack(">i", value[:4])[0]
    return Decimal(int.from_bytes(value[4:], "big", signed=True)).scaleb(-scale)


for _kind in "shilfdbxm":
    function("bytes", _kind, "toBytes")(to_bytes)


@function("bytes", "x", "toString")
def to_string(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace")


@function("bytes", "x", "toInt")
def to_int(value: bytes) -> int:
    return int.from_bytes(value[:4], "big", signed=True)


@function("bytes", "x", "toLong")
def to_long(value: bytes) -> Long:
    return Long(int.from_bytes(value[:8], "big", signed=True))


@function("bytes", "x", "toShort")
def to_short(value: bytes) -> Short:
    return Short(int.from_bytes(value[:2], "big", signed=True))


@function("bytes", "x", "toDouble")
def to_double(value: bytes) -> float:
    return float(struct.unpack(">d", value[:8])[0])


@function("bytes", "x", "toFloat")
def to_float(value: bytes) -> Float:
    return Float(struct.unpack(">f", value[:4])[0])


@function("bytes", "x", "toBoolean")
def to_boolean(value: bytes) -> bool:
    return value != b"\x00"


@function("bytes", "x", "toHexString")
def to_hex_string(value: bytes) -> str:
    return value.hex()


@function("bytes", "s", "fromHexString")
def from_hex_string(text: str) -> bytes:
    return bytes.fromhex(text)


@function("arrays", "a", "toString")
def array_to_string(values: list[Any] | None) -> str:
    return print_any(values) if values is None else print_any(list(values))


@function("arrays", "o*", "asList")
def as_list(*values: Any) -> list[Any]:
    return list(values[0]) if len(values) == 1 and isinstance(values[0], list) else list(values)


@function("arrays", "aa", "equals")
def array_equals(left: list[Any] | None, right: list[Any] | None) -> bool:
    return left == right
