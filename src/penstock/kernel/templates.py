"""Texts with macros: `${name}` stands for an argument, `${function(argument, …)}` for what a function gives. Pure.

The rightmost `${` is expanded first, so nested macros go inside out; what a macro gives is expanded again. A backslash
keeps `${`, `}`, `(` and `)` from meaning anything; after the expansion single backslashes are dropped, unless asked
otherwise. Expansion knows arguments and functions only; whoever calls brings both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC

from penstock.kernel.datepatterns import PatternRefused
from penstock.kernel.simple_dates import simple_dates, zone_of

__all__ = ["Function", "TemplateFailed", "calls_of", "expand", "has_macros", "logical_time"]

MAX_DEPTH = 10
"""Deepest nesting of what macros give."""

_MAX_TEXT = 16 << 20

Function = Callable[[Sequence[str]], str]
"""Takes the arguments of a call. Raises: TemplateFailed."""


class TemplateFailed(ValueError):
    """A text that cannot be expanded: an argument that is not there, an unknown function, an open brace."""


def has_macros(text: str) -> bool:
    """Tell whether a text holds anything to expand."""
    return _last_opening(text, len(text)) is not None


def expand(
    text: str, arguments: Mapping[str, str], functions: Mapping[str, Function], *, drops_backslashes: bool = True
) -> str:
    """Return a text with its macros expanded.

    Raises: TemplateFailed.
    """
    expanded = _expand(text, arguments, functions, 0)
    return _drop_backslashes(expanded) if drops_backslashes else expanded


def calls_of(text: str, function: str) -> list[list[str]]:
    """Return the arguments of each call of a function, as far as they hold no macros themselves."""
    found = re.findall(r"\$\{\s*" + re.escape(function) + r"\(([^(){}$]*)\)\s*\}", text)
    return [[part.strip() for part in inner.split(",")] for inner in found]


def _expand(text: str, arguments: Mapping[str, str], functions: Mapping[str, Function], depth: int) -> str:
    if depth > MAX_DEPTH:
        raise TemplateFailed(f"Failed substituting macro '{text[:200]}', expansion exceeded {MAX_DEPTH} levels.")
    position = _last_opening(text, len(text))
    while position is not None:
        end = _closing(text, position)
        name = text[position + 2 : end].strip()
        value = _expand(_value(name, text, arguments, functions), arguments, functions, depth + 1)
        text = text[:position] + value + text[end + 1 :]
        if len(text) > _MAX_TEXT:
            raise TemplateFailed("The macros of a property expand to more than 16 MiB.")
        position = _last_opening(text, position)
    return text


def _last_opening(text: str, before: int) -> int | None:
    """Return where the last `${` that is not escaped begins, of those that begin before a position."""
    position = text.rfind("${", 0, before + 1 if before < len(text) else before)
    while position >= 0:
        if not _is_escaped(text, position):
            return position
        position = text.rfind("${", 0, position)
    return None


def _is_escaped(text: str, position: int) -> bool:
    return position > 0 and text[position - 1] == "\\"


def _closing(text: str, opening: int) -> int:
    end = text.find("}", opening)
    while end >= 0 and _is_escaped(text, end):
        end = text.find("}", end + 1)
    if end < 0:
        raise TemplateFailed(f"Could not find enclosing macro brace '}}' in '{text[opening : opening + 200]}'.")
    return end


def _value(name: str, text: str, arguments: Mapping[str, str], functions: Mapping[str, Function]) -> str:
    opening = next((i for i, char in enumerate(name) if char == "(" and not _is_escaped(name, i)), None)
    closing = next((i for i, char in enumerate(name) if char == ")" and not _is_escaped(name, i)), None)
    if opening is None and closing is None:
        plain = _unescaped(name)
        if plain not in arguments:
            raise TemplateFailed(f"Argument '{plain}' is not defined.")
        return arguments[plain]
    if opening is None or closing is None or closing < opening or closing != len(name) - 1:
        raise TemplateFailed(f"Could not find enclosing parentheses for the macro function '{name[:200]}'.")
    function = name[:opening].strip()
    if function not in functions:
        raise TemplateFailed(f"Unsupported macro function '{function}'; there are {', '.join(sorted(functions))}.")
    inner = name[opening + 1 : closing]
    return functions[function]([part.strip() for part in inner.split(",")] if inner.strip() else [])


def _unescaped(text: str) -> str:
    return re.sub(r"\\([${}()])", r"\1", text)


def _drop_backslashes(text: str) -> str:
    """Drop every single backslash; of two, one stays."""
    return re.sub(r"\\(.|\Z)", r"\1", text, flags=re.DOTALL) if "\\" in text else text


_SPAN = re.compile(r"([+-]?)\s*(\d+)\s*([dhms])")
_UNIT_MS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000}


def logical_time(start_ms: int) -> Function:
    """Return the function `(format, offset, zone)` over a run's nominal time.

    Without arguments it gives milliseconds since 1970. The offset (`1d-4h+30m`) is subtracted.
    """

    def function(arguments: Sequence[str]) -> str:
        if len(arguments) > 3:
            raise TemplateFailed(f"The logical start time takes at most 3 arguments, not {len(arguments)}.")
        given = [*arguments, "", "", ""]
        pattern, offset, zone = given[0], given[1], given[2]
        at_ms = start_ms - _span_ms(offset)
        if not pattern:
            return str(at_ms)
        try:
            return simple_dates(pattern).format_ms(at_ms, zone_of(zone) if zone else UTC)
        except PatternRefused as error:
            raise TemplateFailed(f"The format '{pattern}' of the logical start time is none: {error}") from None

    return function


def _span_ms(text: str) -> int:
    squeezed = text.replace(" ", "")
    if not squeezed:
        return 0
    total = position = 0
    for match in _SPAN.finditer(squeezed):
        if match.start() != position:
            break
        position = match.end()
        total += (-1 if match[1] == "-" else 1) * int(match[2]) * _UNIT_MS[match[3]]
    if position != len(squeezed):
        raise TemplateFailed(f"The offset '{text}' is none; write it like 1d-4h+30m.")
    return total
