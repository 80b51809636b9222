"""Conditions of a pipeline specification, in the part of the Common Expression Language that the compiler writes.

`int(inputs.parameter_values['x']) > 5 && !(inputs.parameter_values['y'] == 'heads')`. Values of different kinds are
not equal. A condition that cannot be read fails the task rather than the package: the compiler does not escape texts,
so whether one can be read may depend on what people write into their pipelines.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from penstock.kernel.expr import Apply, Expr, Literal, apply

__all__ = ["condition"]

_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<number>\d+\.\d*(?:[eE][-+]?\d+)?|\.\d+|\d+)
    | (?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    | (?P<name>[A-Za-z_][A-Za-z_0-9.]*)
    | (?P<operator>==|!=|>=|<=|&&|\|\||[<>!()\[\]+\-*/%?:,])
    )""",
    re.VERBOSE | re.DOTALL,
)
_BINARY: Final[tuple[tuple[str, ...], ...]] = (
    ("||",),
    ("&&",),
    ("==", "!=", "<=", ">=", "<", ">"),
    ("+", "-"),
    ("*", "/", "%"),
)
_FUNCTIONS: Final = {"int": "integer", "double": "double", "string": "text", "bool": "boolean", "size": "length"}
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r"}
_MAX_DEPTH: Final = 60


class _Unreadable(Exception):
    pass


def condition(text: str, parameter: Callable[[str], Expr]) -> Expr:
    """Read a condition; `parameter` gives the value of an input of the task."""
    try:
        return _Parser(text, parameter).whole()
    except _Unreadable as error:
        return apply("fail", f"the condition {text!r} cannot be read: {error}")


class _Parser:
    def __init__(self, text: str, parameter: Callable[[str], Expr]) -> None:
        self._parameter = parameter
        self._tokens: list[tuple[str, str]] = []
        place, end = 0, len(text.rstrip())
        while place < end:
            match = _TOKEN.match(text, place)
            if match is None:
                raise _Unreadable(f"what begins at character {place + 1} is nothing known")
            kind = match.lastgroup or ""
            self._tokens.append((kind, match[kind]))
            place = match.end()
        self._next = 0

    def whole(self) -> Expr:
        result = self._choice(0)
        if self._next < len(self._tokens):
            raise _Unreadable(f"{self._tokens[self._next][1]!r} is one too many")
        return result

    def _choice(self, depth: int) -> Expr:
        decision = self._binary(0, depth)
        if not self._takes("?"):
            return decision
        then = self._choice(depth + 1)
        self._need(":")
        return apply("if", decision, then, self._choice(depth + 1))

    def _binary(self, level: int, depth: int) -> Expr:
        if depth > _MAX_DEPTH:
            raise _Unreadable(f"it is nested more than {_MAX_DEPTH} deep")
        if level == len(_BINARY):
            return self._unary(depth)
        left = self._binary(level + 1, depth)
        while operator := next((each for each in _BINARY[level] if self._takes(each)), None):
            right = self._binary(level + 1, depth)
            left = Apply({"||": "or", "&&": "and"}.get(operator, operator), (left, right))
        return left

    def _unary(self, depth: int) -> Expr:
        if self._takes("!"):
            return apply("not", self._unary(depth + 1))
        if self._takes("-"):
            return apply("-", 0, self._unary(depth + 1))
        return self._value(depth)

    def _value(self, depth: int) -> Expr:
        if self._takes("("):
            inner = self._choice(depth + 1)
            self._need(")")
            return inner
        kind, token = self._peek()
        self._next += 1
        match kind:
            case "number":
                return Literal(float(token) if "." in token or "e" in token.lower() else int(token))
            case "text":
                return Literal(_unescaped(token))
            case "name":
                return self._named(token, depth)
        raise _Unreadable("a value is missing at its end" if not token else f"{token!r} is no value")

    def _named(self, name: str, depth: int) -> Expr:
        if name in ("true", "false"):
            return Literal(name == "true")
        if name == "null":
            return Literal(None)
        if name == "inputs.parameter_values":
            self._need("[")
            kind, token = self._peek()
            if kind != "text":
                raise _Unreadable("the name of an input is missing")
            self._next += 1
            self._need("]")
            return self._parameter(_unescaped(token))
        if name in _FUNCTIONS:
            self._need("(")
            inner = self._choice(depth + 1)
            self._need(")")
            return apply(_FUNCTIONS[name], inner)
        raise _Unreadable(f"{name!r} is not known")

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._next] if self._next < len(self._tokens) else ("", "")

    def _takes(self, operator: str) -> bool:
        if self._peek() == ("operator", operator):
            self._next += 1
            return True
        return False

    def _need(self, operator: str) -> None:
        if not self._takes(operator):
            raise _Unreadable(f"{operator!r} is missing")


def _unescaped(token: str) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), token[1:-1], flags=re.DOTALL)
