"""JSON path expressions. Pure.

`$`, `.name`, `['name']`, `['a','b']`, `[0]`, `[-1]`, `[0,2]`, `[1:3]`, `*`, `..`, filters `[?(@.a > 1 && @.b ==
'x')]`, and the functions `length()`, `min()`, `max()`, `avg()`, `sum()`, `keys()` at the end. Source: the path
language of Jayway JsonPath 2, its documentation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final

from penstock.transform.jvm.values import JsonArray

__all__ = ["PathInvalid", "read_path"]


class PathInvalid(ValueError):
    """A text that is no path."""


Step = Callable[[Any], Iterator[Any]]

_FUNCTIONS: Final[dict[str, Callable[[list[Any]], Any]]] = {
    "length": len,
    "size": len,
    "min": lambda v: float(min(v)),
    "max": lambda v: float(max(v)),
    "avg": lambda v: sum(v) / len(v),
    "sum": lambda v: float(sum(v)),
    "keys": list,
}


@lru_cache(maxsize=256)
def _compiled(path: str) -> tuple[tuple[Step, ...], bool, str | None]:
    return _Reader(path).run()


def read_path(value: Any, path: str) -> Any:
    """Read what a path leads to: one value if it can lead to one only, else a list.

    Raises: PathInvalid; LookupError if it leads nowhere.
    """
    steps, single, function = _compiled(path)
    found = [value]
    for step in steps:
        found = [item for before in found for item in step(before)]
    result: Any
    if single:
        if not found:
            raise LookupError(f"No results for path: {path}")
        result = found[0]
    else:
        result = JsonArray(found)
    if function is not None:
        items = result if isinstance(result, list) else list(result) if isinstance(result, dict) else [result]
        return _FUNCTIONS[function](items)
    return result


class _Reader:
    """One path."""

    def __init__(self, path: str) -> None:
        path = path.strip()
        if not path.startswith(("$", "@")):
            path = f"$.{path}"
        self._text = path
        self._at = 1
        self._single = True

    def run(self) -> tuple[tuple[Step, ...], bool, str | None]:
        steps: list[Step] = []
        function = None
        while self._at < len(self._text):
            if function is not None:
                raise PathInvalid(f"nothing may follow the function of {self._text!r}")
            if self._take(".."):
                self._single = False
                steps.append(_descendants)
                if self._text[self._at : self._at + 1] == "[":
                    continue
                steps.append(self._name())
            elif self._take("."):
                found = re.compile(r"(\w+)\(\)\Z").match(self._text, self._at)
                if found and found[1] in _FUNCTIONS:
                    function, self._at = found[1], found.end()
                else:
                    steps.append(self._name())
            elif self._take("["):
                steps.append(self._bracket())
            else:
                raise PathInvalid(f"{self._text!r} is no path: '{self._text[self._at]}' cannot be there")
        return tuple(steps), self._single, function

    def _take(self, text: str) -> bool:
        if self._text.startswith(text, self._at):
            self._at += len(text)
            return True
        return False

    def _name(self) -> Step:
        if self._take("*"):
            self._single = False
            return _children
        found = re.compile(r"[^.\[\]()]+").match(self._text, self._at)
        if found is None:
            raise PathInvalid(f"{self._text!r} is no path: a name is missing")
        self._at = found.end()
        return _members([found[0].strip()])

    def _bracket(self) -> Step:
        if self._take("*]"):
            self._single = False
            return _children
        if self._take("?("):
            return self._filter()
        end = self._closing()
        body, self._at = self._text[self._at : end].strip(), end + 1
        names = re.findall(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"", body)
        if names:
            if len(names) > 1:
                return _several([a or b for a, b in names])
            return _members([a or b for a, b in names])
        slices = re.fullmatch(r"(-?\d*)\s*:\s*(-?\d*)", body)
        if slices:
            self._single = False
            return _sliced(int(slices[1]) if slices[1] else None, int(slices[2]) if slices[2] else None)
        if not re.fullmatch(r"-?\d+(\s*,\s*-?\d+)*", body):
            raise PathInvalid(f"{self._text!r} is no path: '[{body}]' cannot be there")
        places = [int(place) for place in body.split(",")]
        if len(places) > 1:
            self._single = False
        return _places(places)

    def _closing(self) -> int:
        quote = ""
        for i in range(self._at, len(self._text)):
            char = self._text[i]
            if quote:
                quote = "" if char == quote and self._text[i - 1] != "\\" else quote
            elif char in "'\"":
                quote = char
            elif char == "]":
                return i
        raise PathInvalid(f"{self._text!r} is no path: a bracket is not closed")

    def _filter(self) -> Step:
        self._single = False
        depth, start = 1, self._at
        while depth and self._at < len(self._text):
            depth += {"(": 1, ")": -1}.get(self._text[self._at], 0)
            self._at += 1
        condition = self._text[start : self._at - 1]
        if not self._take("]"):
            raise PathInvalid(f"{self._text!r} is no path: a filter is not closed")
        test = _condition(condition)
        return lambda value: (item for item in _children(value) if test(item))


def _children(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _descendants(value: Any) -> Iterator[Any]:
    yield value
    for child in _children(value):
        if isinstance(child, dict | list):
            yield from _descendants(child)


def _members(names: list[str]) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, dict):
            yield from (value[name] for name in names if name in value)

    return step


def _several(names: list[str]) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, dict):
            yield type(value)({name: value[name] for name in names if name in value})

    return step


def _places(places: list[int]) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, list):
            yield from (value[place] for place in places if -len(value) <= place < len(value))

    return step


def _sliced(start: int | None, end: int | None) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, list):
            yield from value[start:end]

    return step


_TERM: Final = re.compile(
    r"\s*(?P<left>@(?:[.\w]|\[[^\]]*\])*|'[^']*'|\"[^\"]*\"|-?\d+(?:\.\d+)?|true|false|null)\s*"
    r"(?:(?P<op>==|!=|<=|>=|<|>|=~|\bin\b|\bnin\b)\s*"
    r"(?P<right>@(?:[.\w]|\[[^\]]*\])*|'[^']*'|\"[^\"]*\"|-?\d+(?:\.\d+)?|true|false|null|/[^/]*/i?|\[[^\]]*\]))?\s*"
)


def _condition(text: str) -> Callable[[Any], bool]:
    for mark, combine in (("||", any), ("&&", all)):
        parts = _parted(text, mark)
        if len(parts) > 1:
            tests = [_condition(part) for part in parts]
            return lambda item, tests=tests, combine=combine: combine(test(item) for test in tests)  # type: ignore[misc]
    stripped = text.strip()
    if stripped.startswith("!"):
        inner = _condition(stripped[1:])
        return lambda item: not inner(item)
    if stripped.startswith("(") and stripped.endswith(")"):
        return _condition(stripped[1:-1])
    found = _TERM.fullmatch(text)
    if found is None:
        raise PathInvalid(f"{text!r} is no condition of a path")
    left = found["left"]
    if found["op"] is None:
        return lambda item: _operand(left, item) is not _MISSING
    return lambda item: _holds(_operand(left, item), found["op"], _operand(found["right"], item))


def _parted(text: str, mark: str) -> list[str]:
    parts, depth, start, quote = [], 0, 0, ""
    for i, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "()":
            depth += 1 if char == "(" else -1
        elif depth == 0 and text.startswith(mark, i):
            parts.append(text[start:i])
            start = i + len(mark)
    return [*parts, text[start:]]


_MISSING: Final = object()


def _operand(text: str, item: Any) -> Any:
    if text.startswith("@"):
        try:
            return read_path(item, text)
        except LookupError:
            return _MISSING
    if text.startswith("["):
        return [_operand(part.strip(), item) for part in text[1:-1].split(",") if part.strip()]
    if text[0] in "'\"":
        return text[1:-1]
    if text.startswith("/"):
        body, _, flags = text[1:].rpartition("/")
        return re.compile(body, re.IGNORECASE if "i" in flags else 0)
    if text in ("true", "false", "null"):
        return {"true": True, "false": False, "null": None}[text]
    return float(text) if "." in text else int(text)


def _holds(left: Any, operator: str, right: Any) -> bool:
    if left is _MISSING or right is _MISSING:
        return operator == "!="
    if operator == "==":
        return bool(left == right)
    if operator == "!=":
        return bool(left != right)
    if operator == "=~":
        return isinstance(left, str) and hasattr(right, "fullmatch") and bool(right.fullmatch(left))
    if operator in ("in", "nin"):
        return bool((left in right) == (operator == "in"))
    try:
        return bool({"<": left < right, ">": left > right, "<=": left <= right, ">=": left >= right}[operator])
    except TypeError:
        return False
