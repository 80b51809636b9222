"""Patterns of `java.util.regex`, translated; splitting and replacing by them. Pure.

Source: `java.util.regex.Pattern`, `Matcher.appendReplacement`, `String.split`, Java SE 8.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

import regex

__all__ = ["PatternInvalid", "compile_pattern", "fast_pattern", "matches", "replace_all", "replacement_of", "split"]

_ENDS: Final = "\\n\\r\\x85\\u2028\\u2029"
_CLASSES: Final = {
    "d": "0-9",
    "w": "a-zA-Z_0-9",
    "s": " \\t\\n\\x0B\\f\\r",
    "h": " \\t\\xA0\\u1680\\u180e\\u2000-\\u200a\\u202f\\u205f\\u3000",
    "v": "\\n\\x0B\\f\\r\\x85\\u2028\\u2029",
}
_POSIX: Final = {
    "Lower": "a-z",
    "Upper": "A-Z",
    "ASCII": "\\x00-\\x7F",
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Alnum": "a-zA-Z0-9",
    "Punct": "!-/:-@\\[-`{-\\~",
    "Graph": "!-\\~",
    "Print": " -\\~",
    "Blank": " \\t",
    "Cntrl": "\\x00-\\x1F\\x7F",
    "XDigit": "0-9a-fA-F",
    "Space": " \\t\\n\\x0B\\f\\r",
}
_JAVA_NAMES: Final = {
    "javaLowerCase": "Lowercase",
    "javaUpperCase": "Uppercase",
    "javaWhitespace": "White_Space",
    "javaDigit": "Nd",
    "javaLetter": "L",
    "javaAlphabetic": "Alphabetic",
}


class PatternInvalid(ValueError):
    """A text that is no pattern. The message says why."""


@lru_cache(maxsize=512)
def compile_pattern(text: str, flags: int = 0) -> Any:
    """Compile a Java pattern. Raises: PatternInvalid."""
    try:
        return regex.compile(_Translation(text).run(), regex.VERSION1 | flags)
    except (regex.error, IndexError) as error:
        raise PatternInvalid(f"{text!r} is no regular expression: {error}") from None


def matches(text: str, pattern: str) -> bool:
    """Whether the whole text matches."""
    return compile_pattern(pattern).fullmatch(text) is not None


class _Translation:
    """One pass over a pattern."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._dotall = self._multiline = False

    def run(self) -> str:
        out: list[str] = []
        while self._at < len(self._text):
            char = self._text[self._at]
            if char == "\\":
                out.append(self._escape(inside=False))
            elif char == "[":
                out.append(self._set())
            elif char == "(":
                out.append(self._group())
            else:
                out.append(self._plain(char))
        return "".join(out)

    def _plain(self, char: str) -> str:
        self._at += 1
        if char == "." and not self._dotall:
            return f"[^{_ENDS}]"
        if char == "$" and not self._multiline:
            return f"(?=(?:\\r\\n|[{_ENDS}])?\\Z)"
        return char

    def _group(self) -> str:
        found = re.compile(r"\(\?([a-zA-Z]*)(-[a-zA-Z]*)?(?=[:)])").match(self._text, self._at)
        if found is None or not (found[1] or found[2]):
            self._at += 1
            return "("
        on, off = found[1], (found[2] or "")[1:]
        self._dotall = ("s" in on) or (self._dotall and "s" not in off)
        self._multiline = ("m" in on) or (self._multiline and "m" not in off)
        self._at = found.end()
        kept_on = "".join(flag for flag in on if flag in "imsx")
        kept_off = "".join(flag for flag in off if flag in "imsx")
        if not kept_on and not kept_off:
            if self._text[self._at] == ")":
                self._at += 1
                return ""
            return "(?"
        return f"(?{kept_on}{'-' + kept_off if kept_off else ''}"

    def _set(self) -> str:
        out = ["["]
        self._at += 1
        if self._text[self._at : self._at + 1] == "^":
            out.append("^")
            self._at += 1
        first = True
        while self._at < len(self._text):
            char = self._text[self._at]
            if char == "]" and not first:
                self._at += 1
                return "".join(out) + "]"
            if char == "[":
                out.append(self._set())
            elif char == "\\":
                out.append(self._escape(inside=True))
            else:
                out.append(self._member(char))
            first = False
        raise IndexError("a character class is not closed")

    def _member(self, char: str) -> str:
        self._at += 1
        following = self._text[self._at : self._at + 1]
        if char == "&" and following == "&":
            self._at += 1
            return "&&"
        if char in "|~]" or (char == "-" and following == "-"):
            return "\\" + char
        return char

    def _escape(self, *, inside: bool) -> str:
        char = self._text[self._at + 1]
        self._at += 2
        lowered = char.lower()
        if lowered in _CLASSES and char != "V" and char != "H":
            members = _CLASSES[lowered]
            if char == lowered:
                return members if inside else f"[{members}]"
            return f"[^{members}]"
        if char in "pP":
            return self._property(char, inside)
        if char == "Q":
            end = self._text.find("\\E", self._at)
            quoted = self._text[self._at : end if end >= 0 else None]
            self._at = end + 2 if end >= 0 else len(self._text)
            return "".join("\\" + c if not c.isalnum() and c.isascii() else c for c in quoted)
        if char == "0":
            found = re.compile(r"[0-3]?[0-7]{1,2}").match(self._text, self._at)
            if found is None:
                raise IndexError("an octal number is missing")
            self._at = found.end()
            return f"\\x{int(found[0], 8):02x}"
        if char == "x" and self._text[self._at : self._at + 1] == "{":
            end = self._text.index("}", self._at)
            code = int(self._text[self._at + 1 : end], 16)
            self._at = end + 1
            return f"\\U{code:08x}"
        if char == "k" and self._text[self._at : self._at + 1] == "<":
            end = self._text.index(">", self._at)
            name, self._at = self._text[self._at + 1 : end], end + 1
            return f"(?P={name})"
        if char == "c":
            control = ord(self._text[self._at]) ^ 64
            self._at += 1
            return f"\\x{control:02x}"
        fixed = {"z": "\\Z", "Z": f"(?=(?:\\r\\n|[{_ENDS}])?\\Z)", "e": "\\x1b", "E": ""}
        if char in fixed:
            return fixed[char]
        return "\\" + char

    def _property(self, char: str, inside: bool) -> str:
        if self._text[self._at] == "{":
            end = self._text.index("}", self._at)
            name = self._text[self._at + 1 : end]
            self._at = end + 1
        else:
            name = self._text[self._at]
            self._at += 1
        if name in _POSIX:
            members = _POSIX[name]
            if char == "P":
                return f"[^{members}]"
            return members if inside else f"[{members}]"
        name = _JAVA_NAMES.get(name, name)
        return f"\\{char}{{{name}}}"


_LITERAL: Final = re.compile(r"[^\\.$|()\[{^?*+\ud800-\udfff]|\\[^0-9a-zA-Z]", re.DOTALL)


def split(text: str, pattern: str, limit: int = 0) -> list[str]:
    """Split as `String.split` does: empty pieces at the end fall away unless a limit is given."""
    if _LITERAL.fullmatch(pattern):
        return _trimmed(text.split(pattern[-1], limit - 1 if limit > 0 else -1), text, limit)
    pieces: list[str] = []
    start = 0
    for found in compile_pattern(pattern).finditer(text):
        if limit > 0 and len(pieces) == limit - 1:
            break
        if found.end() == 0:
            continue  # nothing is cut off by an empty match at the very beginning
        if found.start() == found.end() == len(text):
            break
        pieces.append(text[start : found.start()])
        start = found.end()
    if not pieces and start == 0:
        return [text]
    pieces.append(text[start:])
    return _trimmed(pieces, text, limit)


def _trimmed(pieces: list[str], text: str, limit: int) -> list[str]:
    if limit != 0:
        return pieces
    if len(pieces) == 1:
        return [text]
    end = len(pieces)
    while end and not pieces[end - 1]:
        end -= 1
    return pieces[:end]


def replacement_of(text: str) -> Any:
    """Return what makes a match's replacement: `$1` and `${name}` are groups, `\\` quotes. Raises: PatternInvalid."""
    parts: list[str | int | tuple[str]] = []
    at = 0
    while at < len(text):
        char = text[at]
        if char == "\\":
            if at + 1 == len(text):
                raise PatternInvalid("character to be escaped is missing")
            parts.append(text[at + 1])
            at += 2
        elif char == "$":
            found = re.compile(r"\$(?:\{([a-zA-Z][a-zA-Z0-9]*)\}|([0-9]))").match(text, at)
            if found is None:
                raise PatternInvalid("Illegal group reference")
            parts.append((found[1],) if found[1] else int(found[2]))
            at = found.end()
            while parts and isinstance(parts[-1], int) and at < len(text) and text[at].isdigit():
                parts.append(("+" + text[at],))
                at += 1
        else:
            parts.append(char)
            at += 1
    if all(isinstance(part, str) for part in parts):
        fixed = "".join(str(part) for part in parts)
        return lambda _: fixed
    return lambda found: _filled(parts, found)


def _filled(parts: list[str | int | tuple[str]], found: Any) -> str:
    out: list[str] = []
    group: int | None = None
    for part in [*parts, ""]:
        if isinstance(part, tuple) and part[0].startswith("+"):
            digit = part[0][1:]
            if group is not None and group * 10 + int(digit) <= found.re.groups:
                group = group * 10 + int(digit)
            else:
                if group is not None:
                    out.append(_group_text(found, group))
                    group = None
                out.append(digit)
            continue
        if group is not None:
            out.append(_group_text(found, group))
            group = None
        if isinstance(part, int):
            group = part
        else:
            out.append((found[part[0]] or "") if isinstance(part, tuple) else part)
    return "".join(out)


def _group_text(found: Any, group: int) -> str:
    if group > found.re.groups:
        raise PatternInvalid(f"No group {group}")
    return found[group] or ""


def replace_all(text: str, pattern: str, replacement: str, count: int = 0) -> str:
    """Replace matches, all of them or the first so many. Raises: PatternInvalid."""
    return str(compile_pattern(pattern).sub(replacement_of(replacement), text, count=count))


_SAFE = re.compile(
    r"(?:[A-Za-z0-9 _,:;@%&=<>!~\"'/#-]|\\[dwsDWS.\-/\\$^|()\[\]{}+*?]|\[\^?(?:[A-Za-z0-9 _,:;@%=<>!\"'/#.$*+?(){}|-]"
    r"|\\[dws.\-/\\\]\[^])+\]|\.|[|()*+?]|\(\?:|\{[0-9]{1,2}(?:,[0-9]{0,2})?\})*\Z"
)


def fast_pattern(text: str, *, full: bool) -> str | None:
    """Return the pattern for Arrow's own engine if it means the same there, else None.

    full: whether the whole text has to match.
    """
    bare = text.removeprefix("^")
    if bare.endswith("$") and not bare.endswith("\\$"):
        if not full:
            return None
        bare = bare[:-1]
    if not _SAFE.match(bare) or re.search(r"(?<!\\)[*+?}][+]|--|&&", bare):
        return None
    if "|" in bare and bare != text:
        return None
    translated = re.sub(
        r"((?:\\.|\[(?:\\.|[^\]])*\])+)|\.", lambda m: m[1] or "[^\\n\\r\\x{85}\\x{2028}\\x{2029}]", bare
    )
    translated = translated.replace("\\s", "[\\t-\\r ]") if "[" not in bare else translated
    if "\\s" in translated or "\\S" in translated:
        return None
    try:
        compile_pattern(text)
    except PatternInvalid:
        return None
    if full:
        return f"^(?:{translated})$"
    return f"^(?:{translated})" if text.startswith("^") else translated
