"""Statements of a recipe in the new syntax: directives with their arguments, blocks, pragmas. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from penstock.transform.recipe.lexer import Token, lex
from penstock.transform.recipe.problems import RecipeInvalid
from penstock.transform.recipe.rewriting import rewritten

__all__ = ["Argument", "Block", "Branch", "Call", "Recipe", "parse"]

# What an argument can be; the names are those of messages.
COLUMN: Final = "COLUMN_NAME"
COLUMNS: Final = "COLUMN_NAME_LIST"
TEXT: Final = "TEXT"
TEXTS: Final = "TEXT_LIST"
NUMBER: Final = "NUMERIC"
NUMBERS: Final = "NUMERIC_LIST"
BOOLEAN: Final = "BOOLEAN"
BOOLEANS: Final = "BOOLEAN_LIST"
EXPRESSION: Final = "EXPRESSION"
IDENTIFIER: Final = "IDENTIFIER"
PROPERTIES: Final = "PROPERTIES"
RANGES: Final = "RANGES"

_LISTS: Final = {"string": (TEXT, TEXTS), "column": (COLUMN, COLUMNS), "number": (NUMBER, NUMBERS)}


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument: its kind and its value.

    An expression's `value` is the text to evaluate; `shown` is how messages show it: its words with a blank after each.
    """

    kind: str
    value: object
    shown: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A directive with its arguments."""

    name: str
    arguments: tuple[Argument, ...]
    line: int
    source: str


@dataclass(frozen=True, slots=True)
class Branch:
    """What is done under a condition; None for the last, unconditional one."""

    condition: str | None
    body: tuple[Call | Block, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """Branches of which the first that applies is done."""

    branches: tuple[Branch, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe that was read, without what could not be.

    loaded: directives of users that it names. problems: what is wrong, by line.
    """

    body: tuple[Call | Block, ...]
    loaded: tuple[str, ...]
    problems: tuple[RecipeInvalid, ...]


def parse(recipe: str, known: Callable[[str], bool]) -> Recipe:
    """Read a recipe in any mixture of both syntaxes. known: whether a name is a directive's."""
    problems: list[RecipeInvalid] = []
    return _Parser(rewritten(recipe, known, problems), problems).run()


class _Parser:
    """All statements of one recipe."""

    def __init__(self, lines: Iterable[tuple[int, str]], problems: list[RecipeInvalid]) -> None:
        self._loaded: list[str] = []
        self._body: list[list[Call | Block]] = [[]]
        self._open: list[tuple[list[Branch], str | None, int]] = []
        self._lines = lines
        self._problems = problems

    def run(self) -> Recipe:
        for line, text in self._lines:
            try:
                self._statement(line, text)
            except RecipeInvalid as error:
                self._problems.append(error)
        if self._open:
            line = self._open[-1][2]
            self._problems.append(RecipeInvalid(f"At line {line}: the block is not closed", line))
        return Recipe(tuple(self._body[0]), tuple(self._loaded), tuple(self._problems))

    def _statement(self, line: int, text: str) -> None:
        tokens = lex(text, line)
        at = 0
        while at < len(tokens):
            at = self._one(tokens, at, line, text)

    def _one(self, tokens: list[Token], at: int, line: int, text: str) -> int:
        token = tokens[at]
        if token.text == ";":
            return at + 1
        if token.text == "#pragma":
            return self._pragma(tokens, at, line)
        if token.text == "if" and at + 1 < len(tokens) and tokens[at + 1].text == "(":
            condition, at = _parenthesis(tokens, at + 1, line, text)
            self._open.append(([], condition, line))
            self._body.append([])
            return _expect(tokens, at, "{", line)
        if token.text == "}":
            return self._close(tokens, at, line, text)
        end = at
        depth = 0
        while end < len(tokens) and (depth or tokens[end].text not in (";", "}")):
            depth += {"{": 1, "}": -1}.get(tokens[end].text, 0)
            end += 1
        self._body[-1].append(_call(tokens[at:end], line, text))
        return end

    def _close(self, tokens: list[Token], at: int, line: int, text: str) -> int:
        if not self._open:
            raise RecipeInvalid(f"At line {line}: extraneous input '}}'", line)
        branches, condition, start = self._open.pop()
        branches.append(Branch(condition, tuple(self._body.pop())))
        at += 1
        if at < len(tokens) and tokens[at].text == "else":
            at += 1
            following: str | None = None
            if at < len(tokens) and tokens[at].text == "if":
                following, at = _parenthesis(tokens, at + 1, line, text)
            at = _expect(tokens, at, "{", line)
            self._open.append((branches, following, start))
            self._body.append([])
            return at
        self._body[-1].append(Block(tuple(branches), start))
        return at

    def _pragma(self, tokens: list[Token], at: int, line: int) -> int:
        end = next((i for i in range(at, len(tokens)) if tokens[i].text == ";"), len(tokens))
        words = [token.text for token in tokens[at + 1 : end]]
        if words[:1] == ["load-directives"]:
            self._loaded += [word for word in words[1:] if word != ","]
        elif words[:1] != ["version"]:
            raise RecipeInvalid(f"At line {line}: a pragma is 'load-directives' or 'version'", line)
        return end


def _expect(tokens: list[Token], at: int, mark: str, line: int) -> int:
    if at >= len(tokens) or tokens[at].text != mark:
        raise RecipeInvalid(f"At line {line}: missing '{mark}'", line)
    return at + 1


def _parenthesis(tokens: list[Token], at: int, line: int, text: str) -> tuple[str, int]:
    """Return the text between parentheses and where it goes on."""
    _expect(tokens, at, "(", line)
    depth = 0
    for end in range(at, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[end].text, 0)
        if depth == 0:
            return text[tokens[at].end : tokens[end].start], end + 1
    raise RecipeInvalid(f"At line {line}: missing ')'", line)


def _call(tokens: list[Token], line: int, text: str) -> Call:
    at = 1 if tokens[0].text == "!" else 0
    if at >= len(tokens) or tokens[at].kind != "word":
        raise RecipeInvalid(
            f"At line {line}: extraneous input '{tokens[0].text}', expected the name of a directive", line
        )
    name = tokens[at].text
    arguments: list[Argument] = []
    at += 1
    while at < len(tokens):
        argument, at = _argument(tokens, at, line, text)
        arguments.append(argument)
    return Call(name, tuple(arguments), line, text[tokens[0].start : tokens[-1].end])


def _argument(tokens: list[Token], at: int, line: int, text: str) -> tuple[Argument, int]:
    token = tokens[at]
    following = [t.text for t in tokens[at + 1 : at + 3]]
    if token.text == "exp" and following == [":", "{"]:
        return _expression(tokens, at + 2, line, text)
    if token.text == "prop" and following[:1] == [":"]:
        return _properties(tokens, at + 2, line)
    if token.kind == "number" and following[:1] == [":"]:
        return _ranges(tokens, at, line)
    if token.kind == "number" and len(following) == 2 and tokens[at + 1].kind == "column":
        raise RecipeInvalid(f"At line {line}: a range is written lower:upper=value", line)
    if token.kind in _LISTS:
        return _listed(tokens, at)
    if token.kind == "bool":
        return Argument(BOOLEAN, token.text == "true"), at + 1
    if token.kind == "word":
        return Argument(IDENTIFIER, token.text), at + 1
    raise RecipeInvalid(f"At line {line}: extraneous input '{token.text}' in '{text}'", line)


def _value(token: Token) -> object:
    if token.kind == "string":
        return token.text[1:-1]
    if token.kind == "column":
        return token.text[1:]
    return token.text


def _listed(tokens: list[Token], at: int) -> tuple[Argument, int]:
    single, several = _LISTS[tokens[at].kind]
    values = [_value(tokens[at])]
    kind = tokens[at].kind
    at += 1
    while at + 1 < len(tokens) and tokens[at].text == "," and tokens[at + 1].kind == kind:
        values.append(_value(tokens[at + 1]))
        at += 2
    return (Argument(several, tuple(values)) if len(values) > 1 else Argument(single, values[0])), at


def _expression(tokens: list[Token], at: int, line: int, text: str) -> tuple[Argument, int]:
    depth = 0
    for end in range(at, len(tokens)):
        depth += {"{": 1, "}": -1}.get(tokens[end].text, 0)
        if depth == 0:
            shown = "".join(f"{token.text} " for token in tokens[at + 1 : end])
            return Argument(EXPRESSION, text[tokens[at].end : tokens[end].start], shown), end + 1
    raise RecipeInvalid(f"At line {line}: missing '}}'", line)


def _properties(tokens: list[Token], at: int, line: int) -> tuple[Argument, int]:
    at = _expect(tokens, at, "{", line)
    found: dict[str, object] = {}
    while at < len(tokens) and tokens[at].text != "}":
        if tokens[at].text == ",":
            at += 1
            continue
        name = tokens[at].text
        at = _expect(tokens, at + 1, "=", line)
        if at >= len(tokens):
            break
        found[name] = tokens[at].text == "true" if tokens[at].kind == "bool" else _value(tokens[at])
        at += 1
    return Argument(PROPERTIES, found), _expect(tokens, at, "}", line)


def _ranges(tokens: list[Token], at: int, line: int) -> tuple[Argument, int]:
    ranges: list[tuple[str, str, str]] = []
    while True:
        if [t.text for t in tokens[at + 1 : at + 2]] != [":"] or [t.text for t in tokens[at + 3 : at + 4]] != ["="]:
            raise RecipeInvalid(f"At line {line}: a range is written lower:upper=value", line)
        if at + 4 >= len(tokens):
            raise RecipeInvalid(f"At line {line}: a range has no value", line)
        value = tokens[at + 4].text
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        ranges.append((tokens[at].text, tokens[at + 2].text, value))
        at += 5
        if at >= len(tokens) or tokens[at].text != ",":
            return Argument(RANGES, tuple(ranges)), at
        at += 1
