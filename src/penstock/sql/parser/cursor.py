"""Reading tokens one after the other: what stands here, what was read, and how to complain.

Knows nothing of the grammar. The functions of the grammar take a Cursor, consume what they recognise and raise SqlError
where the text cannot go on; none of them goes back, so parsing takes time in proportion to the text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn, TypeVar

from penstock.sql.diagnostics import NotSupported, SqlError
from penstock.sql.parser.ast import Name, WindowSpec
from penstock.sql.parser.dialect import PARSE_ERROR, Token, tokenize
from penstock.sql.parser.words import NOT_ALIASES, RESERVED
from penstock.sql.plan.expr import Span

T = TypeVar("T")

MAX_DEPTH = 100
"""How deep parentheses, calls, queries and types may stand in each other: readers of the tree recurse as deep."""

MAX_CHAIN = 250
"""How many operators, joins or set operations may follow each other where each one nests what stands before it."""


class Cursor:
    """A place in a program. token: the next one to read; key: its key; previous: the one read last.

    windows: the named windows of the query around this place.
    """

    __slots__ = ("_depth", "_index", "_tokens", "key", "previous", "text", "token", "uses_windows", "windows")

    def __init__(self, text: str) -> None:
        self.text = text
        self._tokens = tokenize(text)
        self._index = 0
        self._depth = 0
        self.token = self._tokens[0]
        self.previous = self.token
        self.key = self.token.key
        self.windows: dict[str, WindowSpec] = {}
        self.uses_windows = any(t.key == "WINDOW" for t in self._tokens)

    def advance(self) -> Token:
        """Read the next token and return it."""
        token = self.token
        if token.kind != "end":
            self._index += 1
            self.previous = token
            self.token = self._tokens[self._index]
            self.key = self.token.key
        return token

    def at_end(self) -> bool:
        """Whether all tokens are read."""
        return self.token.kind == "end"

    def peek(self, distance: int = 1) -> Token:
        """Return a token further on without reading it."""
        index = self._index + distance
        return self._tokens[index] if index < len(self._tokens) else self._tokens[-1]

    def mark(self) -> int:
        """Return this place for `jump`."""
        return self._index

    def jump(self, index: int) -> None:
        """Go to another place."""
        self._index = index
        self.token = self._tokens[index]
        self.previous = self._tokens[max(index - 1, 0)]
        self.key = self.token.key

    def at(self, *keys: str) -> bool:
        """Whether these words and symbols stand here."""
        return self.key == keys[0] and all(self.peek(i).key == keys[i] for i in range(1, len(keys)))

    def accept(self, *keys: str) -> bool:
        """Read these words and symbols if all of them stand here."""
        if self.key != keys[0]:
            return False
        if len(keys) > 1 and not self.at(*keys):
            return False
        for _ in keys:
            self.advance()
        return True

    def expect(self, *keys: str) -> Token:
        """Read these words and symbols; raise SqlError if others stand here. Returns the last one."""
        for key in keys:
            if self.key != key:
                self.fail(f'"{key}"')
            self.advance()
        return self.previous

    def enter(self) -> None:
        """Go one level deeper; raise SqlError beyond MAX_DEPTH."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise SqlError(f"nested more than {MAX_DEPTH} levels deep", self.token.span, PARSE_ERROR)

    def leave(self) -> None:
        """Come back from one level."""
        self._depth -= 1

    def chain(self, length: int, what: str) -> None:
        """Raise SqlError if so many operators follow each other."""
        if length > MAX_CHAIN:
            raise SqlError(f"more than {MAX_CHAIN} {what} follow each other", self.token.span, PARSE_ERROR)

    def fail(self, expected: str | None = None) -> NoReturn:
        """Raise SqlError for the token that stands here."""
        token = self.token
        place = f"at line {token.line}, column {token.column}."
        if token.kind == "word" and token.key in RESERVED:
            message = f"Incorrect syntax near the keyword '{token.text}' {place}"
        else:
            shown = "<EOF>" if token.kind == "end" else self.text[token.start : token.end]
            shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
            message = f'Encountered "{shown}" {place}'
        if expected:
            message += f"\nWas expecting: {expected}"
        raise SqlError(message, token.span, PARSE_ERROR)

    def span(self, start: Token) -> Span:
        """Return the stretch from a token up to the one read last."""
        end = self.previous
        return Span(start.line, start.column, end.end_line, end.end_column)

    def written(self, start: Token) -> str:
        """Return the text from a token up to the one read last."""
        return self.text[start.start : self.previous.end]

    def name(self) -> Name:
        """Read a name; a reserved word is none."""
        token = self.token
        if token.kind == "quoted":
            if not token.text:
                raise SqlError("a name cannot be empty", token.span, PARSE_ERROR)
            self.advance()
            return Name(token.text, True, token.span)
        if token.kind != "word" or token.key in RESERVED:
            self.fail("a name")
        self.advance()
        return Name(token.text.lower(), False, token.span)

    def any_name(self) -> Name:
        """Read a name after a point, where every word is one."""
        token = self.token
        if token.key == "*":
            raise NotSupported("the fields of a value as columns (.*)", token.span)
        if token.kind != "word":
            return self.name()
        self.advance()
        return Name(token.text.lower(), False, token.span)

    def names_at(self, distance: int) -> bool:
        """Whether the token so far on is a name."""
        token = self.peek(distance)
        return token.kind == "quoted" or (token.kind == "word" and token.key not in RESERVED)

    def alias(self) -> Name | None:
        """Read [AS] name if one stands here."""
        if self.key == "AS":
            if not self.names_at(1):
                self.fail()  # what follows is no name, so it is the AS that has no place here
            self.advance()
            return self.name()
        token = self.token
        if token.kind == "quoted" or (token.kind == "word" and token.key not in NOT_ALIASES):
            return self.name()
        return None

    def listed(self, item: Callable[[Cursor], T]) -> tuple[T, ...]:
        """Read items between commas."""
        items = [item(self)]
        while self.key == ",":
            self.advance()
            items.append(item(self))
        return tuple(items)

    def wrapped(self, item: Callable[[Cursor], T]) -> tuple[T, ...]:
        """Read items between commas in parentheses."""
        self.expect("(")
        items = self.listed(item)
        self.expect(")")
        return items

    def names(self) -> tuple[Name, ...]:
        """Read names in parentheses."""
        return self.wrapped(Cursor.name)
