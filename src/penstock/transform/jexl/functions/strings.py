"""`string:`: operations on strings that take null as null.

Source: `StringUtils` of Apache Commons Lang 2.6, API documentation.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from penstock.transform.jexl.functions.signatures import function
from penstock.transform.jvm.text import trim

__all__: list[str] = []

_Body = TypeVar("_Body", bound=Callable[..., Any])
_BLANKS = (
    " \t\n\x0b\f\r\x1c\x1d\x1e\x1f\u1680"
    + "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2008\u2009\u200a\u2028\u2029\u205f\u3000"
)


def _is_blank(char: str) -> bool:
    return char in _BLANKS


def _of_text(*names: str, kinds: str = "s", null: Any = None) -> Callable[[_Body], _Body]:
    """Declare a function whose first argument is a string; null gives null or what is told."""

    def declare(body: _Body) -> _Body:
        def call(text: str | None, *rest: Any) -> Any:
            return null if text is None else body(text, *rest)

        for name in names:
            function("string", kinds, name)(call)
        return body

    return declare


for _names, _body, _null in (
    (("upperCase",), str.upper, None),
    (("lowerCase",), str.lower, None),
    (("trim",), trim, None),
    (("trimToEmpty",), trim, ""),
    (("trimToNull",), lambda s: trim(s) or None, None),
    (("strip",), lambda s: s.strip(_BLANKS), None),
    (("stripToEmpty",), lambda s: s.strip(_BLANKS), ""),
    (("stripToNull",), lambda s: s.strip(_BLANKS) or None, None),
    (("chomp",), lambda s: re.sub(r"(\r\n|\n|\r)\Z", "", s), None),
    (("chop",), lambda s: s[:-2] if s.endswith("\r\n") else s[:-1], None),
    (("capitalize", "capitalise"), lambda s: s[:1].upper() + s[1:], None),
    (("uncapitalize", "uncapitalise"), lambda s: s[:1].lower() + s[1:], None),
    (("swapCase",), str.swapcase, None),
    (("reverse",), lambda s: s[::-1], None),
    (("length",), len, 0),
    (("isEmpty",), lambda s: not s, True),
    (("isNotEmpty",), bool, False),
    (("isBlank",), lambda s: all(map(_is_blank, s)), True),
    (("isNotBlank",), lambda s: not all(map(_is_blank, s)), False),
    (("isAlpha",), lambda s: all(map(str.isalpha, s)), False),
    (("isAlphaSpace",), lambda s: all(c.isalpha() or c == " " for c in s), False),
    (("isAlphanumeric",), lambda s: all(c.isalpha() or c.isdecimal() for c in s), False),
    (("isAlphanumericSpace",), lambda s: all(c.isalpha() or c.isdecimal() or c == " " for c in s), False),
    (("isAsciiPrintable",), lambda s: all(" " <= c <= "~" for c in s), False),
    (("isNumeric",), lambda s: all(map(str.isdecimal, s)), False),
    (("isNumericSpace",), lambda s: all(c.isdecimal() or c == " " for c in s), False),
    (("isWhitespace",), lambda s: all(map(_is_blank, s)), False),
    (("isAllLowerCase",), lambda s: bool(s) and all(map(str.islower, s)), False),
    (("isAllUpperCase",), lambda s: bool(s) and all(map(str.isupper, s)), False),
    (("defaultString",), lambda s: s, ""),
    (("deleteWhitespace",), lambda s: "".join(c for c in s if not _is_blank(c)), None),
    (("normalizeSpace",), lambda s: " ".join(s.split()), None),
):
    _of_text(*_names, null=_null)(_body)


@function("string", "ss", "defaultString")
def default_string(text: str | None, other: str | None) -> str | None:
    return other if text is None else text


@function("string", "ss", "defaultIfEmpty", "defaultIfBlank")
def default_if_empty(text: str | None, other: str | None) -> str | None:
    return text or other


@_of_text("left", kinds="si")
def left(text: str, size: int) -> str:
    return text[: max(size, 0)]


@_of_text("right", kinds="si")
def right(text: str, size: int) -> str:
    return text[-size:] if size > 0 else ""


@_of_text("mid", kinds="sii")
def mid(text: str, start: int, size: int) -> str:
    if size < 0 or start > len(text):
        return ""
    start = max(start, 0)
    return text[start : start + size]


@_of_text("substring", kinds="si")
def substring_from(text: str, start: int) -> str:
    start = max(start + len(text), 0) if start < 0 else start
    return text[start:]


@_of_text("substring", kinds="sii")
def substring(text: str, start: int, end: int) -> str:
    end = end + len(text) if end < 0 else end
    start = start + len(text) if start < 0 else start
    return text[max(start, 0) : max(end, 0)] if start <= end else ""


@_of_text("substringBefore", kinds="ss")
def substring_before(text: str, separator: str | None) -> str:
    return text if separator is None else text.partition(separator)[0] if separator else ""


@_of_text("substringAfter", kinds="ss")
def substring_after(text: str, separator: str | None) -> str:
    return "" if separator is None else text.partition(separator)[2] if separator else text


@_of_text("substringBeforeLast", kinds="ss")
def substring_before_last(text: str, separator: str | None) -> str:
    if not separator or separator not in text:
        return text
    return text.rpartition(separator)[0]


@_of_text("substringAfterLast", kinds="ss")
def substring_after_last(text: str, separator: str | None) -> str:
    return text.rpartition(separator)[2] if separator and separator in text else ""


@_of_text("substringBetween", kinds="ss")
def substring_between_same(text: str, tag: str | None) -> str | None:
    return substring_between(text, tag, tag)


@_of_text("substringBetween", kinds="sss")
def substring_between(text: str, opening: str | None, closing: str | None) -> str | None:
    if opening is None or closing is None:
        return None
    start = text.find(opening)
    end = text.find(closing, start + len(opening)) if start >= 0 else -1
    return text[start + len(opening) : end] if end >= 0 else None


@_of_text("substringsBetween", kinds="sss")
def substrings_between(text: str, opening: str | None, closing: str | None) -> list[str] | None:
    if not opening or not closing:
        return None
    return re.findall(f"{re.escape(opening)}(.*?){re.escape(closing)}", text, re.DOTALL) or None


@_of_text("repeat", kinds="si")
def repeat(text: str, count: int) -> str:
    if count * len(text) > 100_000_000:
        raise ArithmeticError("the text is too long")
    return text * max(count, 0)


@_of_text("repeat", kinds="ssi")
def repeat_joined(text: str, joint: str | None, count: int) -> str:
    return (joint or "").join([text] * min(max(count, 0), 10_000_000))


def _padded(text: str, size: int, pad: str, *, before: bool) -> str:
    missing = size - len(text)
    if missing <= 0:
        return text
    filling = ((pad or " ") * missing)[:missing]
    return filling + text if before else text + filling


@_of_text("leftPad", kinds="si")
def left_pad(text: str, size: int) -> str:
    return _padded(text, size, " ", before=True)


@_of_text("leftPad", kinds="sis")
def left_pad_with(text: str, size: int, pad: str | None) -> str:
    return _padded(text, size, pad or " ", before=True)


@_of_text("rightPad", kinds="si")
def right_pad(text: str, size: int) -> str:
    return _padded(text, size, " ", before=False)


@_of_text("rightPad", kinds="sis")
def right_pad_with(text: str, size: int, pad: str | None) -> str:
    return _padded(text, size, pad or " ", before=False)


@_of_text("center", kinds="si")
def center(text: str, size: int) -> str:
    return center_with(text, size, " ")


@_of_text("center", kinds="sis")
def center_with(text: str, size: int, pad: str | None) -> str:
    missing = size - len(text)
    if missing <= 0:
        return text
    return _padded(_padded(text, len(text) + missing // 2, pad or " ", before=True), size, pad or " ", before=False)


@_of_text("remove", kinds="ss")
def remove(text: str, part: str | None) -> str:
    return text.replace(part, "") if part else text


@_of_text("removeStart", kinds="ss")
def remove_start(text: str, part: str | None) -> str:
    return text.removeprefix(part or "")


@_of_text("removeEnd", kinds="ss")
def remove_end(text: str, part: str | None) -> str:
    return text.removesuffix(part or "")


@_of_text("removeStartIgnoreCase", kinds="ss")
def remove_start_ignore_case(text: str, part: str | None) -> str:
    return text[len(part) :] if part and text.lower().startswith(part.lower()) else text


@_of_text("removeEndIgnoreCase", kinds="ss")
def remove_end_ignore_case(text: str, part: str | None) -> str:
    return text[: -len(part)] if part and text.lower().endswith(part.lower()) else text


@_of_text("replace", kinds="sss")
def replace(text: str, part: str | None, other: str | None) -> str:
    return text.replace(part, other) if part and other is not None else text


@_of_text("replaceOnce", kinds="sss")
def replace_once(text: str, part: str | None, other: str | None) -> str:
    return text.replace(part, other, 1) if part and other is not None else text


@_of_text("replace", kinds="sssi")
def replace_some(text: str, part: str | None, other: str | None, count: int) -> str:
    return text.replace(part, other, count) if part and other is not None and count else text


@_of_text("replaceChars", kinds="sss")
def replace_chars(text: str, chars: str | None, others: str | None) -> str:
    table: dict[int, str | None] = {}
    for i, char in enumerate(chars or ""):
        table.setdefault(ord(char), (others or "")[i : i + 1] or None)
    return text.translate(table)


@_of_text("replaceEach", kinds="saa")
def replace_each(text: str, parts: list[str] | None, others: list[str] | None) -> str:
    pairs = {p: o for p, o in zip(parts or [], others or [], strict=False) if p and o is not None}
    return re.sub("|".join(map(re.escape, pairs)), lambda found: pairs[found[0]], text) if pairs else text


@_of_text("overlay", kinds="ssii")
def overlay(text: str, other: str | None, start: int, end: int) -> str:
    start, end = sorted((min(max(start, 0), len(text)), min(max(end, 0), len(text))))
    return text[:start] + (other or "") + text[end:]


@_of_text("strip", kinds="ss")
def strip(text: str, chars: str | None) -> str:
    return text.strip(_BLANKS if chars is None else chars) if chars != "" else text


@_of_text("stripStart", kinds="ss")
def strip_start(text: str, chars: str | None) -> str:
    return text.lstrip(_BLANKS if chars is None else chars) if chars != "" else text


@_of_text("stripEnd", kinds="ss")
def strip_end(text: str, chars: str | None) -> str:
    return text.rstrip(_BLANKS if chars is None else chars) if chars != "" else text


@_of_text("chomp", kinds="ss")
def chomp(text: str, separator: str | None) -> str:
    return text.removesuffix(separator or "")


@_of_text("abbreviate", kinds="si")
def abbreviate(text: str, size: int) -> str:
    if size < 4:
        raise ArithmeticError("Minimum abbreviation width is 4")
    return text if len(text) <= size else text[: size - 3] + "..."


def _pair(name: str, test: Callable[[str, str], Any], null: Any, both: Any = None) -> None:
    def call(left: str | None, right: str | None) -> Any:
        if left is None and right is None:
            return null if both is None else both
        return null if left is None or right is None else test(left, right)

    function("string", "ss", name)(call)


_pair("equals", lambda a, b: a == b, False, True)
_pair("equalsIgnoreCase", lambda a, b: a.lower() == b.lower(), False, True)
_pair("startsWith", str.startswith, False, True)
_pair("endsWith", str.endswith, False, True)
_pair("startsWithIgnoreCase", lambda a, b: a.lower().startswith(b.lower()), False, True)
_pair("endsWithIgnoreCase", lambda a, b: a.lower().endswith(b.lower()), False, True)
_pair("contains", lambda a, b: b in a, False)
_pair("containsIgnoreCase", lambda a, b: b.lower() in a.lower(), False)
_pair("containsAny", lambda a, b: any(c in a for c in b), False)
_pair("containsNone", lambda a, b: not any(c in a for c in b), True)
_pair("containsOnly", lambda a, b: all(c in b for c in a), False)
_pair("indexOf", str.find, -1)
_pair("lastIndexOf", str.rfind, -1)
_pair("indexOfIgnoreCase", lambda a, b: a.lower().find(b.lower()), -1)
_pair("lastIndexOfIgnoreCase", lambda a, b: a.lower().rfind(b.lower()), -1)
_pair("indexOfAny", lambda a, b: next((i for i, c in enumerate(a) if c in b), -1), -1)
_pair("indexOfAnyBut", lambda a, b: next((i for i, c in enumerate(a) if c not in b), -1), -1)
_pair("countMatches", lambda a, b: a.count(b) if b else 0, 0)
_pair("indexOfDifference", lambda a, b: _difference(a, b), 0, -1)


def _difference(left: str, right: str) -> int:
    if left == right:
        return -1
    return next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))


@function("string", "ss", "difference")
def difference(left: str | None, right: str | None) -> str | None:
    if left is None or right is None:
        return right if left is None else left
    at = _difference(left, right)
    return right[at:] if at >= 0 else ""


@function("string", "ssi", "indexOf")
def index_of(text: str | None, part: str | None, start: int) -> int:
    return -1 if text is None or part is None else text.find(part, max(start, 0))


@function("string", "ssi", "ordinalIndexOf")
def ordinal_index_of(text: str | None, part: str | None, ordinal: int) -> int:
    if text is None or part is None or ordinal <= 0:
        return -1
    at = -1
    for _ in range(ordinal):
        at = text.find(part, at + 1)
        if at < 0:
            return -1
    return at


@function("string", "ss", "getLevenshteinDistance")
def levenshtein(left: str | None, right: str | None) -> int:
    if left is None or right is None:
        raise ArithmeticError("Strings must not be null")
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(right, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


@_of_text("split", kinds="s")
def split(text: str) -> list[str]:
    return [piece for piece in re.split(f"[{re.escape(_BLANKS)}]", text) if piece]


@_of_text("split", kinds="ss")
def split_at(text: str, chars: str | None) -> list[str]:
    if not chars:
        return split(text) if chars is None else [text]
    return [piece for piece in re.split(f"[{re.escape(chars)}]", text) if piece]


@_of_text("splitPreserveAllTokens", kinds="ss")
def split_preserving(text: str, chars: str | None) -> list[str]:
    return re.split(f"[{re.escape(chars)}]", text) if chars and text else []


@_of_text("splitByWholeSeparator", kinds="ss")
def split_whole(text: str, separator: str | None) -> list[str]:
    return [piece for piece in text.split(separator) if piece] if separator else split(text)


@function("string", "as")
def join(values: list[Any] | None, separator: str | None) -> str | None:
    from penstock.transform.jvm.values import print_any

    if values is None:
        return None
    return (separator or "").join("" if value is None else print_any(value) for value in values)


@_of_text("reverseDelimited", kinds="sc")
def reverse_delimited(text: str, separator: str) -> str:
    return separator.join(reversed(text.split(separator)))
