"""The lexical rules of the dialect: program text to tokens that know their place.

The scanning is sqlglot's tokenizer with the tables of this dialect; its token types stop here. Its grammar is not used:
it accepts texts that this dialect refuses, rewrites others (names of functions, intervals, order of nulls) and keeps
the place of few nodes. `cursor.py` walks what `tokenize` returns.
"""

from __future__ import annotations

import re
from typing import Any
from typing import Literal as Word

from sqlglot import Tokenizer, TokenType
from sqlglot.errors import TokenError

from penstock.sql.diagnostics import SqlError
from penstock.sql.plan.expr import Span

PARSE_ERROR = "Error parsing SQL"
Kind = Word["word", "quoted", "string", "binary", "number", "symbol", "end"]


MAX_TOKENS = 1_000_000
"""Longer texts are refused before they take their half kilobyte of memory per token."""


class Token:
    """A lexical unit. key: the upper-case word or the symbol, "" for anything quoted, so a key compares in one step.

    start and end: offsets in the text, the end exclusive. Lines and columns count from 1, the end is inclusive.
    """

    __slots__ = ("column", "end", "end_column", "end_line", "key", "kind", "line", "start", "text")

    def __init__(self, kind: Kind, text: str, key: str, start: int, end: int) -> None:
        self.kind: Kind = kind
        self.text = text
        self.key = key
        self.start = start
        self.end = end
        self.line = self.column = self.end_line = self.end_column = 1

    @property
    def span(self) -> Span:
        """Where the token stands."""
        return Span(self.line, self.column, self.end_line, self.end_column)


_NO_ESCAPES = frozenset("0123456789abcdefABCDEF+'\"")
"""Characters that UESCAPE must not choose (SQL:2011, 5.3)."""


class _Lexer(Tokenizer):
    QUOTES = ["'"]  # noqa: RUF012 - the tables of the library are lists
    STRING_ESCAPES = ["'"]  # noqa: RUF012
    IDENTIFIERS = ['"', "`"]  # noqa: RUF012
    UNICODE_STRINGS = [("U&'", "'"), ("u&'", "'")]  # noqa: RUF012
    # Kept as text, so that wrong digits are reported with their place by whoever reads the literal.
    NATIONAL_RAW_STRINGS = [("x'", "'"), ("X'", "'")]  # noqa: RUF012
    NESTED_COMMENTS = False
    COMMANDS = set()  # noqa: RUF012
    # Words are told apart by the grammar, so that every word that it does not need can be a name.
    KEYWORDS = {  # noqa: RUF012
        "::": TokenType.DCOLON,
        "||": TokenType.DPIPE,
        ">=": TokenType.GTE,
        "<=": TokenType.LTE,
        "<>": TokenType.NEQ,
        "!=": TokenType.NEQ,
        "<=>": TokenType.NULLSAFE_EQ,
        "->": TokenType.ARROW,
        "=>": TokenType.FARROW,
    }


_Lexer._COMMENTS = {"--": None, "/*": "*/"}  # the library adds the comments of a template language

_KINDS: dict[TokenType, Kind] = {
    TokenType.VAR: "word",
    TokenType.IDENTIFIER: "quoted",
    TokenType.STRING: "string",
    TokenType.NATIONAL_STRING: "string",
    TokenType.NATIONAL_RAW_STRING: "binary",
    TokenType.NUMBER: "number",
}
_ROUGHLY = re.compile(r"""'[^']*'|"[^"]*"|`[^`]*`|--[^\n]*|/\*.*?\*/|\w+|[^\w\s]""", re.DOTALL)
_TRAILING = re.compile(r"(?:\s|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*", re.DOTALL)
_ESCAPED = r"{0}(?:([0-9A-Fa-f]{{4}})|\+([0-9A-Fa-f]{{6}})|({0}))"
"""A character by its number, or the escape character itself; {0} is that character."""


def tokenize(text: str) -> list[Token]:
    """Split a program into tokens; the last one is of kind "end".

    Raises:
        SqlError: a string, quoted name or comment that is not closed, a character that starts no token, or too many.
    """
    if len(text) > MAX_TOKENS and sum(1 for _ in _ROUGHLY.finditer(text)) > MAX_TOKENS:
        raise _failure(text, 0, f"the text has more than {MAX_TOKENS:,} words and symbols")
    lexer = _Lexer()
    try:
        found = lexer.tokenize(text)
    except TokenError:
        opened: int = getattr(getattr(lexer, "_core", None), "_start", 0)
        what = "comment" if text.startswith("/*", opened) else "quoted text"
        raise _failure(text, opened, f"the {what} that starts here is not closed") from None
    tokens: list[Token] = []
    found.reverse()
    while found:  # taken off one by one, as a large program would else be held twice
        raw = found.pop()
        end = raw.end + 1
        kind = _KINDS.get(raw.token_type, "symbol")
        value = raw.text
        if kind == "word":
            if not (value[0].isalpha() or value[0] in "_$"):
                raise _failure(text, raw.start, f"the character {value[0]!r} cannot start a name")
            # Only ASCII: some other letters have keywords of the grammar as their upper case.
            key = value.upper() if value.isascii() else ""
        elif kind == "symbol":
            if raw.token_type is TokenType.UNICODE_STRING:
                escape, end = _escape_character(text, found, raw)
                kind, value, key = "string", _unescape(text, raw.start, value, escape), ""
            else:
                key = "<>" if value == "!=" else value
        else:
            key = ""
        start = raw.start
        if kind == "quoted" and len(tokens) > 1 and text[start - 2 : start] in ("U&", "u&") and tokens[-2].key == "U":
            tokens[-2:] = []
            escape, end = _escape_character(text, found, raw)
            start, value = start - 2, _unescape(text, start - 2, value, escape)
        tokens.append(Token(kind, value, key, start, end))
    last = tokens[-1].end if tokens else 0
    rest = _TRAILING.match(text, last)
    if rest is None or rest.end() != len(text):
        raise _failure(text, rest.end() if rest else last, "the comment that starts here is not closed")
    tokens.append(Token("end", "<EOF>", "<EOF>", max(last - 1, 0), max(last, 1)))
    _place(text, tokens)
    return tokens


def _place(text: str, tokens: list[Token]) -> None:
    line, line_start = 1, 0
    following = text.find("\n")
    for token in tokens:
        while following != -1 and following < token.start:
            line, line_start = line + 1, following + 1
            following = text.find("\n", line_start)
        token.line = token.end_line = line
        token.column = token.start - line_start + 1
        token.end_column = token.end - line_start
        if following != -1 and following < token.end - 1 and token.kind in ("string", "quoted", "binary"):
            token.end_line = line + text.count("\n", token.start, token.end)
            token.end_column = token.end - (text.rfind("\n", 0, token.end) + 1)


def _escape_character(text: str, found: list[Any], raw: Any) -> tuple[str, int]:
    """Take UESCAPE and its character off the tokens to come; return the escape character and where the literal ends."""
    if len(found) < 2 or found[-1].text.upper() != "UESCAPE" or found[-2].token_type is not TokenType.STRING:
        return "\\", raw.end + 1
    found.pop()
    chosen = found.pop()
    if len(chosen.text) != 1 or chosen.text in _NO_ESCAPES or chosen.text.isspace():
        raise _failure(text, chosen.start, f"UESCAPE must be a single character, and not {chosen.text!r}")
    return chosen.text, chosen.end + 1


def _unescape(text: str, start: int, value: str, escape: str) -> str:
    def character(found: re.Match[str]) -> str:
        digits = found[1] or found[2]
        if digits is None:
            return escape
        code = int(digits, 16)
        if code > 0x10FFFF or 0xD800 <= code < 0xE000:
            raise _failure(text, start, f"U+{digits} is not a character")
        return chr(code)

    return re.sub(_ESCAPED.format(re.escape(escape)), character, value)


def _failure(text: str, offset: int, reason: str) -> SqlError:
    line = text.count("\n", 0, offset) + 1
    column = offset - (text.rfind("\n", 0, offset) + 1) + 1
    message = f"Lexical error at line {line}, column {column}: {reason}"
    return SqlError(message, Span(line, column, line, column), PARSE_ERROR)
