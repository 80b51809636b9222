"""Words of a recipe. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from penstock.transform.recipe.problems import RecipeInvalid

__all__ = ["Token", "lex"]


@dataclass(frozen=True, slots=True)
class Token:
    """kind: number, bool, word, column, string, or mark. start, end: where in the statement."""

    kind: str
    text: str
    start: int
    end: int


_ESCAPED: Final = r"""\\[btnfr"'\\]|\\u[0-9a-fA-F]{4}|\\[0-7]{1,3}"""
_STRING: Final = rf"""'(?:{_ESCAPED}|[^'])*'|"(?:{_ESCAPED}|[^"])*\""""
_RULES: Final = (
    ("space", re.compile(r"[ \t\r\n\f\u00a0]+")),
    ("comment", re.compile(r"//[^\r\n]*|/\*.*?\*/|--(?=\s)[^\r\n]*", re.DOTALL)),
    ("string", re.compile(_STRING)),
    ("column", re.compile(r":[a-zA-Z_\-][:a-zA-Z_0-9\-.$]*")),
    ("number", re.compile(r"-?[0-9]+L*(?:\.[0-9]*)?(?![a-zA-Z_0-9-])|0(?:\.[0-9]*)?|-?[1-9][0-9]*L*(?:\.[0-9]*)?")),
    ("word", re.compile(r"[a-zA-Z_\-][a-zA-Z_0-9\-]*|#pragma")),
    (
        "mark",
        re.compile(
            r"\|\||&&|==|!=|>=|<=|=~|!~|\?:|=\^|!\^|=\$|!\$|\+=|-=|\*=|/=|%=|&=|\|=|\^="
            r"|[{};^!><+\-*/%\[\]()=,?:.@|\\$~&]"
        ),
    ),
)


def lex(text: str, line: int) -> list[Token]:
    """Take a statement apart. Raises: RecipeInvalid for a character that begins no word."""
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        for kind, rule in _RULES:
            found = rule.match(text, at)
            if found is None or not found[0]:
                continue
            if kind not in ("space", "comment"):
                if kind == "word" and found[0] in ("true", "false"):
                    kind = "bool"
                tokens.append(Token(kind, found[0], at, found.end()))
            at = found.end()
            break
        else:
            raise RecipeInvalid(f"At line {line}: token recognition error at: '{text[at]}'", line)
    return tokens
