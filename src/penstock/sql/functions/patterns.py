"""Pattern matching: LIKE and ILIKE, and regular expressions with RLIKE and REGEXP_REPLACE.

Regular expressions are RE2's, which take linear time and whose syntax is that of the dialect's engine but for rarities
(Unicode classes of \\d, \\w and \\s). A constant pattern is compiled once and remembered for each string seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.data.arrow import column_to_arrow
from penstock.data.arrow_reading import column_from_arrow
from penstock.data.batch import Column, Mask, Words
from penstock.data.pool import Pool
from penstock.data.types import Kind, SqlType
from penstock.sql.functions.distinct import Bulk, Memo, by_column, constant_value, distinct_rows
from penstock.sql.functions.registry import Context, EvaluationError, Signature, Test, predicate
from penstock.sql.functions.textual import texts

_TEXT = SqlType(Kind.VARCHAR, False)

Token = str | None
"""A literal character, None for any one character, "" for any run of characters."""

Matcher = Callable[[Any], Any]
"""matcher(string array) -> boolean array"""


# --------------------------------------------------------------------------------------------------------- LIKE


def like_tokens(pattern: str, escape: str) -> list[Token]:
    """Return the parts of a LIKE pattern; the escape character makes the next one literal."""
    tokens: list[Token] = []
    at = 0
    while at < len(pattern):
        character = pattern[at]
        if character == escape and at + 1 < len(pattern):
            at += 1
            tokens.append(pattern[at])
        else:
            tokens.append("" if character == "%" else None if character == "_" else character)
        at += 1
    return tokens


@lru_cache(maxsize=1024)
def like_matcher(pattern: str, escape: str, fold: bool) -> Matcher:
    """Return the quickest test for a LIKE (fold: ILIKE) pattern: equality, prefix, suffix, part, else an expression."""
    tokens = like_tokens(pattern, escape)
    runs = [i for i, token in enumerate(tokens) if token == ""]
    literal = "".join(token for token in tokens if token)
    last = len(tokens) - 1
    if None not in tokens:
        if not runs and not fold:
            return lambda array: pc.equal(array, literal)
        if runs == [last]:
            return lambda array: pc.starts_with(array, literal, ignore_case=fold)
        if runs == [0]:
            return lambda array: pc.ends_with(array, literal, ignore_case=fold)
        if runs == [0, last] and last > 1:
            return lambda array: pc.match_substring(array, literal, ignore_case=fold)
    body = "".join(".*" if token == "" else "." if token is None else re.escape(token) for token in tokens)
    expression = f"(?s{'i' if fold else ''})^(?:{body})$".replace(")$", r")\z")
    return lambda array: pc.match_substring_regex(array, expression)


def _like(fold: bool) -> Callable[[Context, Signature, Sequence[Column | None]], Test]:
    def prepare(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Test:
        pool = context.pool
        pattern = constant_value(constants[1], signature.arguments[1], pool)
        escape = "\\"
        if len(constants) == 3:
            given = constant_value(constants[2], signature.arguments[2], pool)
            escape = given if isinstance(given, str) else escape
        fixed = len(constants) == 2 or constants[2] is not None
        if isinstance(pattern, str) and fixed:
            memo = Memo(_matching(like_matcher(pattern, escape, fold), pool), pool, False)
            return lambda arguments: memo(arguments[0].words).words != 0
        return lambda arguments: _varying(arguments, pool, escape, fold)

    return prepare


def _matching(matcher: Matcher, pool: Pool) -> Callable[[Words], Column]:
    def compute(codes: Words) -> Column:
        matched = matcher(column_to_arrow(Column(codes), _TEXT, pool))
        return Column(matched.to_numpy(zero_copy_only=False).astype(np.int64))

    return compute


def _varying(arguments: Sequence[Column], pool: Pool, escape: str, fold: bool) -> Mask:
    """Match rows whose patterns differ, each pattern over its strings."""
    size = len(arguments[0])
    result = np.zeros(size, np.bool_)
    if not size:
        return result
    _, group = distinct_rows([Column(a.words) for a in arguments[1:]], size)
    order = np.argsort(group, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        first = int(rows[0])
        pattern = pool.value(int(arguments[1].words[first])).decode()
        with_escape = pool.value(int(arguments[2].words[first])).decode() if len(arguments) == 3 else escape
        codes, inverse = np.unique(arguments[0].words[rows], return_inverse=True)
        found = _matching(like_matcher(pattern, with_escape, fold), pool)(codes)
        result[rows] = (found.words != 0)[inverse]
    return result


predicate("LIKE", resolve=texts("LIKE", "ttt", Kind.BOOLEAN, least=2), reads_text=True)(_like(False))
predicate("ILIKE", resolve=texts("ILIKE", "ttt", Kind.BOOLEAN, least=2), reads_text=True)(_like(True))


# ---------------------------------------------------------------------------------------------- regular expressions


@lru_cache(maxsize=1024)
def regex(pattern: str) -> str:
    """Return a pattern as RE2 takes it.

    Raises: EvaluationError if it is no regular expression.
    """
    expression = re.sub(r"\(\?<(?![=!])", "(?P<", pattern)
    try:
        pc.match_substring_regex(pa.array([""]), expression)
    except pa.ArrowInvalid as error:
        raise EvaluationError(f"error parsing regular expression {pattern!r}: {error}") from None
    return expression


@lru_cache(maxsize=1024)
def _groups(expression: str) -> tuple[int, dict[str, int]]:
    """How many groups an expression captures, and the numbers of those with names."""
    count = 0
    names: dict[str, int] = {}
    for found in re.finditer(
        r"\\.|\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\]|\((?:\?P<(\w+)>)?(\?)?", expression, re.DOTALL
    ):
        if found[0].startswith("(") and not found[2]:
            count += 1
            if found[1]:
                names[found[1]] = count
    return count, names


def replacement_text(replacement: str, expression: str) -> str:
    """Return a replacement that names groups by $1, $name or ${name} as RE2 writes it; unknown groups are empty."""
    count, names = _groups(expression)

    def group(found: re.Match[str]) -> str:
        if found[0] == "\\":
            return "\\\\"
        if found[0] == "$$":
            return "$"
        name = found[1] or found[2]
        number = int(name) if name.isdigit() else names.get(name, -1)
        return f"\\{number}" if 0 <= number <= min(count, 9) else ""

    return re.sub(r"\\|\$\$|\$\{(\w+)\}|\$(\w+)", group, replacement)


def _matches(codes: Words, pattern: str, pool: Pool) -> Column:
    array = column_to_arrow(Column(codes), _TEXT, pool)
    return Column(pc.match_substring_regex(array, regex(pattern)).to_numpy(zero_copy_only=False).astype(np.int64))


def _replaced(codes: Words, pattern: str, replacement: str, pool: Pool) -> Column:
    expression = regex(pattern)
    array = column_to_arrow(Column(codes), _TEXT, pool)
    made = pc.replace_substring_regex(array, expression, replacement_text(replacement, expression))
    return column_from_arrow(made, _TEXT, pool)


def _by_pattern(apply: Callable[..., Column]) -> Bulk:
    """Apply a function of strings and a pattern to rows whose patterns may differ."""

    def bulk(pool: Pool, signature: Signature, columns: Sequence[Column]) -> Column:
        words = np.zeros(len(columns[0]), np.int64)
        _, group = distinct_rows(columns[1:], len(words))
        for number in range(int(group.max()) + 1):
            rows = np.flatnonzero(group == number)
            rest = [pool.value(int(c.words[rows[0]])).decode() for c in columns[1:]]
            words[rows] = apply(columns[0].words[rows], *rest, pool=pool).words
        return Column(words)

    return bulk


by_column("RLIKE", resolve=texts("RLIKE", "tt", Kind.BOOLEAN), can_fail=True)(_by_pattern(_matches))


def _replace(codes: Words, pattern: str, replacement: str = "", *, pool: Pool) -> Column:
    return _replaced(codes, pattern, replacement, pool)


by_column("REGEXP_REPLACE", resolve=texts("REGEXP_REPLACE", "ttt", Kind.VARCHAR, least=2), can_fail=True)(
    _by_pattern(_replace)
)
