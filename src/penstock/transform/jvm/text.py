"""Small operations on strings as the JVM and its usual libraries do them. Pure.

Source: `String.trim`, `WordUtils.capitalizeFully` and `StringEscapeUtils` of Commons Lang 3.
"""

from __future__ import annotations

import re

__all__ = ["capitalize_fully", "escape_java", "trim", "trim_all", "trim_left", "trim_right", "unescape_java"]

_CONTROLS = "".join(map(chr, range(33)))
_SPACES = (
    "\t\n\x0b\f\r \x85\xa0\u1680\u180e\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_UNESCAPED = {"n": "\n", "t": "\t", "b": "\b", "f": "\f", "r": "\r", '"': '"', "'": "'", "\\": "\\", "/": "/"}
_ESCAPED = {"\n": "\\n", "\t": "\\t", "\b": "\\b", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


def trim(text: str) -> str:
    """Cut off control characters and blanks at both ends."""
    return text.strip(_CONTROLS)


def trim_all(text: str) -> str:
    """Cut off white space of any kind at both ends."""
    return text.strip(_SPACES)


def trim_left(text: str) -> str:
    """Cut off white space of any kind at the beginning."""
    return text.lstrip(_SPACES)


def trim_right(text: str) -> str:
    """Cut off white space of any kind at the end."""
    return text.rstrip(_SPACES)


def capitalize_fully(text: str) -> str:
    """Make every word lower case but for its first letter; words are separated by white space."""
    return re.sub(r"\S+", lambda found: found[0][0].upper() + found[0][1:].lower(), text)


def unescape_java(text: str) -> str:
    """Read escapes of string literals: `\\t`, `\\u0001`, octal ones; an unknown one is the character itself."""

    def read(found: re.Match[str]) -> str:
        body = found[1]
        if body.startswith("u"):
            return chr(int(body.lstrip("u+"), 16))
        if body[0] in "01234567":
            return chr(int(body, 8))
        return _UNESCAPED.get(body, body)

    return re.sub(r"\\(u+\+?[0-9a-fA-F]{4}|[0-3]?[0-7]{1,2}|.)", read, text, flags=re.DOTALL)


def escape_java(text: str) -> str:
    """Write a string as the inside of a string literal in ASCII."""
    out = []
    for char in text:
        if char in _ESCAPED:
            out.append(_ESCAPED[char])
        elif " " <= char <= "~":
            out.append(char)
        else:
            out += [f"\\u{int.from_bytes(pair, 'big'):04X}" for pair in _units(char)]
    return "".join(out)


def _units(char: str) -> list[bytes]:
    encoded = char.encode("utf-16-be", "surrogatepass")
    return [encoded[i : i + 2] for i in range(0, len(encoded), 2)]
