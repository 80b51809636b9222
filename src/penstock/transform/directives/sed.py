"""The few commands of `sed` that recipes use: `s/…/…/`, `y/…/…/`, `/…/d` and `/…/p`, with patterns of the JVM. Pure.

A value is one line, whatever it holds. Replacements know `$1` and `\\`.
Source: observed behaviour of Unix4j's sed command.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from penstock.transform.jvm.regex import PatternInvalid, compile_pattern, replacement_of

__all__ = ["SedInvalid", "compile_sed"]


class SedInvalid(ValueError):
    """A script that is none."""


def compile_sed(script: str) -> Callable[[str], str]:
    """Return what edits a text. Raises: SedInvalid."""
    text = script.strip()
    try:
        if text[:1] == "s" and len(text) > 1 and not text[1].isalnum():
            return _substitute(text)
        if text[:1] == "y" and len(text) > 1:
            pattern, replacement, _ = _parted(text)
            table = str.maketrans(pattern, replacement) if len(pattern) == len(replacement) else None
            if table is None:
                raise SedInvalid(f"invalid script for sed: {script}")
            return lambda value: value.translate(table)
        found = re.fullmatch(r"/((?:[^/\\]|\\.)*)/([dp])", text)
        if found:
            compiled = compile_pattern(found[1])
            if found[2] == "d":
                return lambda value: "" if compiled.search(value) else value
            return lambda value: f"{value}\n{value}" if compiled.search(value) else value
    except PatternInvalid as error:
        raise SedInvalid(str(error)) from None
    raise SedInvalid(f"invalid script for sed: {script}")


def _parted(text: str) -> tuple[str, str, str]:
    delimiter = text[1]
    parts: list[str] = []
    current, at = "", 2
    while at < len(text) and len(parts) < 2:
        if text[at] == "\\" and at + 1 < len(text):
            current += text[at : at + 2] if text[at + 1] != delimiter or delimiter == "/" else text[at + 1]
            at += 2
            continue
        if text[at] == delimiter:
            parts.append(current)
            current = ""
        else:
            current += text[at]
        at += 1
    if len(parts) < 2:
        raise SedInvalid(f"invalid script for sed: {text}")
    return parts[0], parts[1], text[at:].strip()


def _substitute(text: str) -> Callable[[str], str]:
    pattern, replacement, flags = _parted(text)
    found = re.fullmatch(r"([0-9]*)([gpI]*)", flags)
    if found is None:
        found = re.fullmatch(r"/?([0-9]*)([gpI]*)", flags)  # a doubled delimiter before the flags is forgiven
    if found is None or (found[1] and int(found[1]) == 0):
        raise SedInvalid(f"invalid substitute flags in sed script: {text}")
    ignore_case = 0
    if "I" in found[2]:
        import regex

        ignore_case = regex.IGNORECASE
    compiled = compile_pattern(pattern, int(ignore_case))
    fill = replacement_of(replacement)
    everywhere = "g" in found[2]
    if found[1]:
        return _nth(compiled, fill, int(found[1]), everywhere)
    count = 0 if everywhere else 1
    return lambda value: str(compiled.sub(fill, value, count=count))


def _nth(compiled: Any, fill: Callable[[Any], str], number: int, onwards: bool) -> Callable[[str], str]:
    def edit(value: str) -> str:
        seen = 0

        def place(found: Any) -> str:
            nonlocal seen
            seen += 1
            return fill(found) if seen == number or (onwards and seen > number) else str(found[0])

        return str(compiled.sub(place, value))

    return edit
