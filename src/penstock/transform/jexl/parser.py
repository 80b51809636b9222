"""Reading expressions and scripts. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from penstock.transform.jexl import nodes as n
from penstock.transform.jvm.values import BigInteger, Float, Long

__all__ = ["parse"]

_NUMBER: Final = re.compile(
    r"0[xX][0-9a-fA-F]+[lLhH]?|(?:[0-9]+\.[0-9]+|\.[0-9]+|[0-9]+(?=[eEdDfFbB]))(?:[eE][+-]?[0-9]+)?[dDfFbB]?|[0-9]+[lLhH]?"
)
_NAME: Final = re.compile(r"[A-Za-z_$@\u0080-\uffff][A-Za-z0-9_$@#\u0080-\uffff]*")
_SPACE: Final = re.compile(r"(?:\s+|//[^\n]*|##[^\n]*|/\*.*?\*/)+", re.DOTALL)
_MARKS: Final = (
    "...", "||", "&&", "==", "!=", ">=", "<=", "=~", "!~", "?:", "??", "=^", "!^", "=$", "!$", "+=", "-=", "*=", "/=",
    "%=", "&=", "|=", "^=", "..", "->", "?.",
    "+", "-", "*", "/", "%", "!", "~", "<", ">", "=", "(", ")", "[", "]", "{", "}", ",", ";", ":", "?", ".", "|",
    "&", "^",
)  # fmt: skip
_WORDS: Final = {
    "and": "&&", "or": "||", "not": "!", "eq": "==", "ne": "!=", "lt": "<", "gt": ">", "le": "<=", "ge": ">=",
    "div": "/", "mod": "%",
}  # fmt: skip
_EQUALITY: Final = ("==", "!=", "..")
_RELATION: Final = ("<", ">", "<=", ">=", "=~", "!~", "=^", "!^", "=$", "!$")
_ASSIGN: Final = ("=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=")
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r"}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    value: Any
    at: int


def parse(text: str, spaces: frozenset[str]) -> n.Block:
    """Read a script, of which an expression is the simplest. spaces: names of namespaces of functions.

    Raises: ExpressionInvalid.
    """
    return _Parser(text, spaces).script()


class _Parser:
    """One text."""

    def __init__(self, text: str, spaces: frozenset[str]) -> None:
        self._text = text
        self._spaces = spaces
        self._tokens = list(self._lex())
        self._at = 0

    # --- words

    def _fail(self, at: int, message: str) -> n.ExpressionInvalid:
        before = self._text[:at]
        return n.ExpressionInvalid(message, (before.count("\n") + 1, at - before.rfind("\n")))

    def _lex(self) -> list[_Token]:
        tokens: list[_Token] = []
        at, text = 0, self._text
        while at < len(text):
            if found := _SPACE.match(text, at):
                at = found.end()
                continue
            char = text[at]
            if char in "'\"`":
                value, end = self._string(at)
                tokens.append(_Token("literal", text[at:end], value, at))
            elif found := _NUMBER.match(text, at):
                end = found.end()
                tokens.append(_Token("literal", found[0], _number(found[0]), at))
            elif found := _NAME.match(text, at):
                end = found.end()
                word = found[0]
                tokens.append(
                    _Token("mark", _WORDS[word], None, at) if word in _WORDS else _Token("name", word, None, at)
                )
            else:
                mark = next((mark for mark in _MARKS if text.startswith(mark, at)), None)
                if mark is None:
                    raise self._fail(at, f"tokenization error near '{char}'")
                end = at + len(mark)
                tokens.append(_Token("mark", mark, None, at))
            at = end
        tokens.append(_Token("end", "", None, len(text)))
        return tokens

    def _string(self, start: int) -> tuple[str, int]:
        out: list[str] = []
        quote, at = self._text[start], start + 1
        while at < len(self._text):
            char = self._text[at]
            if char == quote:
                return "".join(out), at + 1
            if char == "\\" and at + 1 < len(self._text):
                following = self._text[at + 1]
                if following == "u" and re.match(r"[0-9a-fA-F]{4}", self._text[at + 2 : at + 6]):
                    out.append(chr(int(self._text[at + 2 : at + 6], 16)))
                    at += 6
                    continue
                if following in ("\\", quote):
                    out.append(following)
                else:
                    out.append(_ESCAPES.get(following, "\\" + following))
                at += 2
                continue
            out.append(char)
            at += 1
        raise self._fail(start, "a string is not closed")

    def _peek(self, ahead: int = 0) -> _Token:
        return self._tokens[min(self._at + ahead, len(self._tokens) - 1)]

    def _is(self, *marks: str) -> bool:
        token = self._peek()
        return token.kind == "mark" and token.text in marks

    def _is_word(self, word: str) -> bool:
        token = self._peek()
        return token.kind == "name" and token.text == word

    def _next(self) -> _Token:
        token = self._peek()
        self._at += 1
        return token

    def _accept(self, mark: str) -> bool:
        if self._is(mark):
            self._at += 1
            return True
        return False

    def _expect(self, mark: str) -> None:
        if not self._accept(mark):
            token = self._peek()
            raise self._fail(token.at, f"parsing error near '{token.text or 'the end'}', expected '{mark}'")

    # --- statements

    def script(self) -> n.Block:
        body: list[n.Node] = []
        while self._peek().kind != "end":
            if not self._accept(";"):
                body.append(self._statement())
        return n.Block(tuple(body))

    def _statement(self) -> n.Node:
        token = self._peek()
        if self._is("{") and not self._is_map_or_set():
            return self._block()
        if token.kind == "name":
            match token.text:
                case "if":
                    return self._if()
                case "while":
                    self._at += 1
                    self._expect("(")
                    test = self._expression()
                    self._expect(")")
                    return n.While(test, self._body())
                case "for" | "foreach":
                    return self._for()
                case "var":
                    self._at += 1
                    name = self._next().text
                    value = self._expression() if self._accept("=") else None
                    return n.Declare(name, value)
                case "return":
                    self._at += 1
                    stops = self._peek().kind == "end" or self._is(";", "}")
                    return n.Return(None if stops else self._expression())
                case "break" | "continue":
                    self._at += 1
                    return n.Jump(token.text)
        return self._expression()

    def _body(self) -> n.Node:
        body = self._statement()
        self._accept(";")
        return body

    def _block(self) -> n.Block:
        self._expect("{")
        body: list[n.Node] = []
        while not self._accept("}"):
            if self._peek().kind == "end":
                self._expect("}")
            if not self._accept(";"):
                body.append(self._statement())
        return n.Block(tuple(body))

    def _is_map_or_set(self) -> bool:
        """Whether a brace begins a literal rather than a block."""
        following, after = self._peek(1), self._peek(2)
        if following.text == "}" and following.kind == "mark":
            return False
        if following.kind == "mark" and following.text == ":":
            return True
        return (
            following.kind in ("literal", "name")
            and after.kind == "mark"
            and after.text in (":", ",")
            and (following.text not in self._spaces or after.text != ":")
        )

    def _if(self) -> n.Node:
        self._at += 1
        self._expect("(")
        test = self._expression()
        self._expect(")")
        yes = self._body()
        no = None
        if self._is_word("else"):
            self._at += 1
            no = self._body()
        return n.If(test, yes, no)

    def _for(self) -> n.Node:
        self._at += 1
        self._expect("(")
        if self._is_word("var"):
            self._at += 1
        name = self._next().text
        if self._is_word("in"):
            self._at += 1
        else:
            self._expect(":")
        items = self._expression()
        self._expect(")")
        return n.For(name, items, self._body())

    # --- expressions, loosest first

    def _expression(self) -> n.Node:
        left = self._conditional()
        if self._is(*_ASSIGN) and isinstance(left, n.Name | n.Property | n.Index):
            operator = self._next().text
            return n.Assign(left, self._expression(), operator[:-1] or None)
        return left

    def _conditional(self) -> n.Node:
        test = self._or()
        if self._accept("?"):
            yes = self._expression()
            self._expect(":")
            return n.Conditional(test, yes, self._expression())
        if self._accept("?:"):
            return n.Elvis(test, self._expression())
        if self._accept("??"):
            return n.Elvis(test, self._expression(), only_null=True)
        return test

    def _or(self) -> n.Node:
        left = self._and()
        while self._accept("||"):
            left = n.Logical("||", left, self._and())
        return left

    def _and(self) -> n.Node:
        left = self._binary(0)
        while self._accept("&&"):
            left = n.Logical("&&", left, self._binary(0))
        return left

    def _binary(self, level: int) -> n.Node:
        levels = (("|",), ("^",), ("&",), _EQUALITY, _RELATION, ("+", "-"), ("*", "/", "%"))
        if level == len(levels):
            return self._unary()
        left = self._binary(level + 1)
        while self._is(*levels[level]):
            operator = self._next().text
            left = n.Binary(operator, left, self._binary(level + 1))
        return left

    def _unary(self) -> n.Node:
        if self._is("-", "+", "!", "~"):
            operator = self._next().text
            operand = self._unary()
            if operator == "-" and isinstance(operand, n.Literal) and isinstance(operand.value, int | float | Decimal):
                return n.Literal(_negated(operand.value))
            return n.Unary(operator, operand)
        token = self._peek()
        if token.kind == "name" and token.text in ("empty", "size"):
            following = self._peek(1)
            if following.text == "(" or following.kind in ("name", "literal"):
                self._at += 1
                return n.Empty(self._unary()) if token.text == "empty" else n.Size(self._unary())
        return self._postfix()

    def _postfix(self) -> n.Node:
        node = self._primary()
        while True:
            if self._accept(".") or self._accept("?."):
                token = self._next()
                if token.kind == "literal" and isinstance(token.value, int | str):
                    node = n.Index(node, n.Literal(token.value))
                elif self._is("(") and token.kind == "name":
                    node = n.Method(node, token.text, self._arguments())
                elif token.kind in ("name", "mark"):
                    node = n.Property(node, token.text)
                else:
                    raise self._fail(token.at, f"parsing error near '{token.text}'")
            elif self._accept("["):
                key = self._expression()
                self._expect("]")
                node = n.Index(node, key)
            else:
                return node

    def _arguments(self) -> tuple[n.Node, ...]:
        self._expect("(")
        arguments: list[n.Node] = []
        while not self._accept(")"):
            arguments.append(self._expression())
            if not self._is(")"):
                self._expect(",")
        return tuple(arguments)

    def _primary(self) -> n.Node:
        token = self._next()
        if token.kind == "literal":
            return n.Literal(token.value)
        if token.kind == "name":
            return self._named(token)
        if token.text == "(":
            node = self._expression()
            self._expect(")")
            return node
        if token.text == "[":
            items: list[n.Node] = []
            while not self._accept("]"):
                if not self._accept("..."):
                    items.append(self._expression())
                if not self._is("]"):
                    self._expect(",")
            return n.Array(tuple(items))
        if token.text == "{":
            return self._braces()
        raise self._fail(token.at, f"parsing error near '{token.text or 'the end'}'")

    def _named(self, token: _Token) -> n.Node:
        constants = {"true": True, "false": False, "null": None, "NaN": float("nan")}
        if token.text in constants:
            return n.Literal(constants[token.text])
        if self._is("("):
            return n.Call("", token.text, self._arguments())
        after = self._peek(2)
        if (
            token.text in self._spaces
            and self._is(":")
            and self._peek(1).kind == "name"
            and after.kind == "mark"
            and after.text == "("
        ):
            self._at += 1
            name = self._next().text
            return n.Call(token.text, name, self._arguments())
        return n.Name(token.text)

    def _braces(self) -> n.Node:
        if self._accept(":"):
            self._expect("}")
            return n.MapLiteral(())
        entries: list[tuple[n.Node, n.Node]] = []
        items: list[n.Node] = []
        while not self._accept("}"):
            key = self._conditional()
            if self._accept(":"):
                entries.append((key, self._expression()))
            else:
                items.append(key)
            if not self._is("}"):
                self._expect(",")
        return n.MapLiteral(tuple(entries)) if entries else n.SetLiteral(tuple(items))


def _negated(value: Any) -> Any:
    return type(value)(-value)


def _number(text: str) -> Any:
    lowered = text.lower()
    if lowered.startswith("0x"):
        digits, suffix = (lowered[:-1], lowered[-1]) if lowered[-1] in "lh" else (lowered, "")
        return _whole(int(digits, 16), suffix)
    if re.fullmatch(r"[0-9]+[lh]?", lowered):
        digits, suffix = (lowered[:-1], lowered[-1]) if lowered[-1] in "lh" else (lowered, "")
        octal = len(digits) > 1 and digits[0] == "0" and set(digits) <= set("01234567")
        return _whole(int(digits, 8 if octal else 10), suffix)
    if lowered[-1] == "b":
        return Decimal(lowered[:-1])
    if lowered[-1] == "f":
        return Float(float(lowered[:-1]))
    return float(lowered.rstrip("d"))


def _whole(value: int, suffix: str) -> int:
    if suffix == "h":
        return BigInteger(value)
    if suffix == "l" or not -(1 << 31) <= value < 1 << 31:
        return Long(value) if -(1 << 63) <= value < 1 << 63 else BigInteger(value)
    return value
