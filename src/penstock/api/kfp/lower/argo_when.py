"""The conditions of Argo Workflows, `"{{…}}" == "heads" && {{…}} > 5`, to expressions.

Upstream replaces placeholders first and evaluates the text after that; here the text is read first and its operands are
replaced later, so a value can never change what a condition says. Quoted operands are texts. A bare operand is a number
if it reads as one, else a boolean or a text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from penstock.api.kfp.lower.argo_text import See, text
from penstock.kernel.errors import Invalid
from penstock.kernel.expr import Apply, Expr, ListOf, apply

__all__ = ["condition"]

_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<operator>==|!=|>=|<=|>|<|&&|\|\||!|\(|\)|,)
    | (?P<bare>(?:\{\{[^{}]*\}\}|[^\s"'()=!<>&|,])+)
    )""",
    re.VERBOSE | re.DOTALL,
)
_ORDERS: Final = ("==", "!=", ">=", "<=", ">", "<")
_MAX_DEPTH: Final = 50


@dataclass(frozen=True, slots=True)
class _Operand:
    expr: Expr
    is_quoted: bool


def condition(template: str, see: See, at: str) -> Expr:
    """Read a condition.

    Raises: Invalid.
    """
    return _Parser(template, see, at).whole()


class _Parser:
    def __init__(self, template: str, see: See, at: str) -> None:
        self._template, self._see, self._at = template, see, at
        self._tokens: list[tuple[str, str]] = []
        place, end = 0, len(template.rstrip())
        while place < end:
            match = _TOKEN.match(template, place)
            if match is None:
                raise self._wrong(f"what begins at character {place + 1} cannot be read")
            kind = match.lastgroup or ""
            self._tokens.append((kind, match[kind]))
            place = match.end()
        self._next = 0

    def whole(self) -> Expr:
        result = self._truth(self._either(0))
        if self._next < len(self._tokens):
            raise self._wrong(f"{self._tokens[self._next][1]!r} is one too many")
        return result

    def _either(self, depth: int) -> Expr | _Operand:
        left = self._both(depth)
        while self._takes("||"):
            left = Apply("or", (self._truth(left), self._truth(self._both(depth))))
        return left

    def _both(self, depth: int) -> Expr | _Operand:
        left = self._comparison(depth)
        while self._takes("&&"):
            left = Apply("and", (self._truth(left), self._truth(self._comparison(depth))))
        return left

    def _comparison(self, depth: int) -> Expr | _Operand:
        left = self._one(depth)
        for operator in _ORDERS:
            if self._takes(operator):
                return self._compared(operator, self._operand(left), self._operand(self._one(depth)))
        if self._peek() == ("bare", "in"):
            self._next += 1
            return apply("contains", ListOf(tuple(self._members())), self._operand(left).expr)
        return left

    def _one(self, depth: int) -> Expr | _Operand:
        if depth > _MAX_DEPTH:
            raise self._wrong(f"it is nested more than {_MAX_DEPTH} deep")
        if self._takes("!"):
            return apply("not", self._truth(self._one(depth + 1)))
        if self._takes("("):
            inner = self._either(depth + 1)
            self._need(")")
            return inner
        kind, token = self._peek()
        if kind not in ("quoted", "bare"):
            raise self._wrong("a value is missing at its end" if not token else f"{token!r} is no value")
        self._next += 1
        if kind == "quoted":
            return _Operand(text(re.sub(r"\\(.)", r"\1", token[1:-1], flags=re.DOTALL), self._see), True)
        return _Operand(text(token, self._see), False)

    def _members(self) -> list[Expr]:
        self._need("(")
        members = [self._operand(self._one(0)).expr]
        while self._takes(","):
            members.append(self._operand(self._one(0)).expr)
        self._need(")")
        return members

    def _compared(self, operator: str, left: _Operand, right: _Operand) -> Expr:
        if left.is_quoted and right.is_quoted:
            return apply(operator, left.expr, right.expr)
        return apply(f"loosely {operator}", left.expr, right.expr)

    def _operand(self, value: Expr | _Operand) -> _Operand:
        if isinstance(value, _Operand):
            return value
        return _Operand(apply("text", value), False)

    def _truth(self, value: Expr | _Operand) -> Expr:
        if isinstance(value, _Operand):
            return apply("boolean", value.expr)
        return value

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._next] if self._next < len(self._tokens) else ("", "")

    def _takes(self, operator: str) -> bool:
        if self._peek() == ("operator", operator):
            self._next += 1
            return True
        return False

    def _need(self, operator: str) -> None:
        if not self._takes(operator):
            raise self._wrong(f"{operator!r} is missing")

    def _wrong(self, what: str) -> Invalid:
        return Invalid(f"the condition {self._template!r} cannot be read: {what}", at=self._at)
