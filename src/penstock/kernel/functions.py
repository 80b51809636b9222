"""The functions expressions may apply. Total over JSON values: what makes no sense raises ExprFailed, nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from penstock.kernel.values import Value, canonical

__all__ = ["FUNCTIONS", "LAZY", "ExprFailed", "Function", "as_text", "spread_marker"]

spread_marker: Final = "spread"
"""The function that only means something as a member of a list."""

MAX_TEXT: Final = 64 << 20
"""The longest text an expression may make, in characters."""

LAZY: Final[dict[str, tuple[int, int | None]]] = {
    "and": (0, None),
    "or": (0, None),
    "if": (3, 3),
    "coalesce": (1, None),
    "is_present": (1, 1),
    "absent": (0, 0),
}
"""Functions that do not evaluate all their arguments, or bear absent ones: fewest and most arguments."""


class ExprFailed(Exception):
    """An expression has no value. `is_deliberate`: it was written to fail with this message."""

    def __init__(self, message: str, *, is_deliberate: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.is_deliberate = is_deliberate

    def within(self, name: str) -> ExprFailed:
        """Say which member failed."""
        if self.is_deliberate:
            return self
        return ExprFailed(f"{name!r}: {self.message}")


@dataclass(frozen=True, slots=True)
class Function:
    """A function of present values; `most` is None if it takes any number of arguments."""

    body: Callable[..., Value]
    least: int
    most: int | None


def as_text(value: Value) -> str:
    """Return a value as text: texts as they are, whole floats without a fraction, lists and objects as JSON."""
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer() and abs(value) < 1e16:
            return str(int(value))
        case int() | float():
            return repr(value)
        case _:
            return msgspec.json.encode(value).decode()


def _python_text(value: Value) -> str:
    if isinstance(value, bool):
        return "True" if value else "False"
    return "None" if value is None else as_text(value)


def _equal(left: Value, right: Value) -> bool:
    if isinstance(left, bool) != isinstance(right, bool):
        return False
    return left == right


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Value, Value], Value]:
    def body(left: Value, right: Value) -> Value:
        for kind in (str, (int, float)):
            if _is(left, kind) and _is(right, kind):
                return compare(left, right)
        raise ExprFailed(f"{as_text(left)!r} and {as_text(right)!r} have no order: one is a number, the other is not")

    return body


def _loosely(compare: Callable[[Any, Any], bool]) -> Callable[[Value, Value], Value]:
    """Compare as numbers if both read as numbers, else as texts."""

    def body(left: Value, right: Value) -> Value:
        if _is_number(left) and _is_number(right):
            return compare(_number(left), _number(right))
        return compare(as_text(left), as_text(right))

    return body


def _is(value: Value, kind: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _number(value: Value) -> int | float:
    if isinstance(value, bool):
        raise ExprFailed(f"{as_text(value)!r} is no number")
    if isinstance(value, int | float):
        return value
    if isinstance(value, str):
        text = value.strip()
        if text.isascii() and "_" not in text:
            try:
                return int(text)
            except ValueError:
                pass
            try:
                number = float(text)
            except ValueError:
                pass
            else:
                if math.isfinite(number):
                    return number
    raise ExprFailed(f"{as_text(value)[:80]!r} is no number")


def _is_number(value: Value) -> bool:
    try:
        _number(value)
    except ExprFailed:
        return False
    return True


def _integer(value: Value) -> int:
    number = _number(value)
    if isinstance(number, float):
        return math.trunc(number)
    return number


def _boolean(value: Value) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    raise ExprFailed(f"{as_text(value)[:80]!r} is neither true nor false")


def _arithmetic(compute: Callable[[Any, Any], Any]) -> Callable[[Value, Value], Value]:
    def body(left: Value, right: Value) -> Value:
        try:
            result = compute(_number(left), _number(right))
        except (ZeroDivisionError, OverflowError) as error:
            raise ExprFailed(str(error)) from None
        if isinstance(result, int) and result.bit_length() > 4096:
            raise ExprFailed("the number is out of range")
        return result  # type: ignore[no-any-return]

    return body


def _concat(*parts: Value) -> Value:
    texts = [as_text(part) for part in parts]
    if sum(map(len, texts)) > MAX_TEXT:
        raise ExprFailed(f"the text would be longer than {MAX_TEXT} characters")
    return "".join(texts)


def _parse_json(text: Value) -> Value:
    if not isinstance(text, str):
        return text
    try:
        parsed: Value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise ExprFailed(f"{text[:80]!r} is not JSON") from None
    return parsed


def _get(value: Value, *path: Value) -> Value:
    for key in path:
        match value, key:
            case dict(), str() if key in value:
                value = value[key]
            case list(), int() if -len(value) <= key < len(value):
                value = value[key]
            case _:
                raise ExprFailed(f"there is no member {as_text(key)!r} in {as_text(value)[:80]}")
    return value


def _find(value: Value, *path: Value) -> Value:
    try:
        return _get(value, *path)
    except ExprFailed:
        return None


def _length(value: Value) -> Value:
    if isinstance(value, str | list | dict):
        return len(value)
    raise ExprFailed(f"{as_text(value)!r} has no length")


def _contains(container: Value, member: Value) -> Value:
    if isinstance(container, list):
        return any(_equal(member, other) for other in container)
    if isinstance(container, dict):
        return isinstance(member, str) and member in container
    if isinstance(container, str) and isinstance(member, str):
        return member in container
    raise ExprFailed(f"{as_text(container)[:80]!r} contains nothing")


def _flatten(value: Value) -> Value:
    result: list[Value] = []
    waiting: list[Value] = [value]
    while waiting:
        taken = waiting.pop()
        if isinstance(taken, list):
            waiting.extend(reversed(taken))
        else:
            result.append(taken)
    return result


def _merge(*objects: Value) -> Value:
    result: dict[str, Value] = {}
    for value in objects:
        if value is None:
            continue
        if not isinstance(value, dict):
            raise ExprFailed(f"only objects can be merged, not {as_text(value)[:80]!r}")
        result.update(value)
    return result


def _not(value: Value) -> Value:
    if not isinstance(value, bool):
        raise ExprFailed(f"{as_text(value)[:80]!r} is neither true nor false")
    return not value


def _fail(message: Value) -> Value:
    raise ExprFailed(as_text(message), is_deliberate=True)


def _trim_newline(text: Value) -> Value:
    if not isinstance(text, str):
        return text
    return text[:-1].removesuffix("\r") if text.endswith("\n") else text


def _replace(text: Value, old: Value, new: Value) -> Value:
    if not as_text(old):
        return text
    replaced = as_text(text).replace(as_text(old), as_text(new))
    if len(replaced) > MAX_TEXT:
        raise ExprFailed(f"the text would be longer than {MAX_TEXT} characters")
    return replaced


def _escape_json(text: Value) -> Value:
    """What stands between the quotes when the text is written as a JSON string."""
    return msgspec.json.encode(as_text(text)).decode()[1:-1]


def _range(start: Value, stop: Value, step: Value = 1) -> Value:
    first, last, by = _integer(start), _integer(stop), _integer(step)
    if by == 0 or abs(last - first) // abs(by) > 100_000:
        raise ExprFailed("a range has a step other than 0 and at most 100000 members")
    return list(range(first, last, by))


_KINDS: Final[dict[str, type | tuple[type, ...]]] = {
    "text": str,
    "number": (int, float),
    "boolean": bool,
    "list": list,
    "object": dict,
}


def _of_kind(value: Value, kind: Value) -> Value:
    wanted = _KINDS[as_text(kind)]
    if isinstance(value, wanted) and (kind == "boolean" or not isinstance(value, bool)):
        return value
    raise ExprFailed(f"{as_text(value)[:80]!r} must be a {as_text(kind)}")


def _located(value: Value, place: Value) -> Value:
    """Artifacts with the place of their content as `uri`; those that only point elsewhere keep their own."""

    def at(artifact: Value, path: str) -> Value:
        if not isinstance(artifact, dict):
            raise ExprFailed(f"{as_text(artifact)[:80]!r} is no artifact")
        is_here = artifact.get("sha256") is not None or artifact.get("uri") is None
        return {"metadata": {}, **artifact, "uri": path if is_here else artifact["uri"]}

    if isinstance(value, list):
        return [at(member, f"{as_text(place)}/{index}") for index, member in enumerate(value)]
    return [at(value, as_text(place))]


def _shape_each(values: Value, template: Value) -> Value:
    if not isinstance(values, list):
        raise ExprFailed(f"only members of a list can be shaped, not {as_text(values)[:80]!r}")
    return [_shaped(value, template) for value in values]


def _shaped(value: Value, template: Value) -> Value:
    if isinstance(template, dict):
        return {name: _shaped(value, member) for name, member in template.items()}
    if isinstance(template, list):
        return [_shaped(value, member) for member in template]
    if isinstance(template, str) and template.startswith("@"):
        return _find(value, template[1:])
    return template


FUNCTIONS: Final[dict[str, Function]] = {
    "==": Function(_equal, 2, 2),
    "!=": Function(lambda left, right: not _equal(left, right), 2, 2),
    "<": Function(_ordered(lambda left, right: left < right), 2, 2),
    "<=": Function(_ordered(lambda left, right: left <= right), 2, 2),
    ">": Function(_ordered(lambda left, right: left > right), 2, 2),
    ">=": Function(_ordered(lambda left, right: left >= right), 2, 2),
    "loosely ==": Function(_loosely(lambda left, right: left == right), 2, 2),
    "loosely !=": Function(_loosely(lambda left, right: left != right), 2, 2),
    "loosely <": Function(_loosely(lambda left, right: left < right), 2, 2),
    "loosely <=": Function(_loosely(lambda left, right: left <= right), 2, 2),
    "loosely >": Function(_loosely(lambda left, right: left > right), 2, 2),
    "loosely >=": Function(_loosely(lambda left, right: left >= right), 2, 2),
    "not": Function(_not, 1, 1),
    "contains": Function(_contains, 2, 2),
    "+": Function(_arithmetic(lambda left, right: left + right), 2, 2),
    "-": Function(_arithmetic(lambda left, right: left - right), 2, 2),
    "*": Function(_arithmetic(lambda left, right: left * right), 2, 2),
    "/": Function(_arithmetic(lambda left, right: left / right), 2, 2),
    "%": Function(_arithmetic(lambda left, right: left % right), 2, 2),
    "text": Function(as_text, 1, 1),
    "python_text": Function(_python_text, 1, 1),
    "number": Function(_number, 1, 1),
    "integer": Function(_integer, 1, 1),
    "double": Function(lambda value: float(_number(value)), 1, 1),
    "boolean": Function(_boolean, 1, 1),
    "is_number": Function(_is_number, 1, 1),
    "concat": Function(_concat, 0, None),
    "upper": Function(lambda text: as_text(text).upper(), 1, 1),
    "lower": Function(lambda text: as_text(text).lower(), 1, 1),
    "trim": Function(lambda text: as_text(text).strip(), 1, 1),
    "trim_newline": Function(_trim_newline, 1, 1),
    "replace": Function(_replace, 3, 3),
    "starts_with": Function(lambda text, start: as_text(text).startswith(as_text(start)), 2, 2),
    "ends_with": Function(lambda text, end: as_text(text).endswith(as_text(end)), 2, 2),
    "split": Function(lambda text, by: list(as_text(text).split(as_text(by) or None)), 2, 2),
    "join": Function(lambda parts, by: as_text(by).join(map(as_text, parts)), 2, 2),
    "parse_json": Function(_parse_json, 1, 1),
    "json": Function(lambda value: msgspec.json.encode(value).decode(), 1, 1),
    "canonical_json": Function(lambda value: canonical(value).decode(), 1, 1),
    "escape_json": Function(_escape_json, 1, 1),
    "get": Function(_get, 1, None),
    "find": Function(_find, 1, None),
    "length": Function(_length, 1, 1),
    "flatten": Function(_flatten, 1, 1),
    "merge": Function(_merge, 1, None),
    "range": Function(_range, 2, 3),
    "of_kind": Function(_of_kind, 2, 2),
    "located": Function(_located, 2, 2),
    "shape_each": Function(_shape_each, 2, 2),
    "fail": Function(_fail, 1, 1),
    spread_marker: Function(lambda value: value, 1, 1),
}
"""All functions by name. `get` fails where a member is missing, `find` gives null.

`of_kind(value, kind)` gives the value if it is a text, number, boolean, list or object as asked, and fails if not.
`located(artifacts, place)` gives the list of artifacts (one counts as a list of one), each with the path of its content
below that input place as its `uri`. `shape_each(list, template)` gives the template for each member, texts that begin
with `@` replaced by the member's attribute of that name.
"""
