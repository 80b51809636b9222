"""Where the corpus and our dialect say the same in other words, and where they mean different things.

`RULES` rewrite a statement to one of the same meaning. Each has a name and a reason, and none looks at what a query
is expected to give. `REASONS` name why a query has no answer here; a refusal that none of them covers is a failure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

_TOKEN = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|\s+|\w+|[<>!=|]{2}|.", re.S)


def tokens(sql: str) -> list[str]:
    """Cut a text into strings, quoted names, words, operators and single spaces; comments are left out."""
    found = [" " if t.isspace() or t.startswith("--") else t for t in _TOKEN.findall(sql)]
    return [t for i, t in enumerate(found) if t != " " or (i and found[i - 1] != " ")]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rewrite of tokens. Source: SQLite's documentation of datatypes and aggregate functions."""

    name: str
    reason: str
    apply: Callable[[list[str]], list[str]]


def _words(found: Mapping[str, str]) -> Callable[[list[str]], list[str]]:
    return lambda given: [found.get(t.upper(), t) for t in given]


def _dropped(word: str) -> Callable[[list[str]], list[str]]:
    """Leave out a constraint, with the list of columns behind it and the comma before that."""

    def apply(given: list[str]) -> list[str]:
        text = "".join(given)
        text = re.sub(rf",\s*{word}\s*\((?:[^()]|\([^()]*\))*\)", "", text, flags=re.I)
        return tokens(re.sub(rf"\b{word}\b", "", text, flags=re.I))

    return apply


def _keys(given: list[str]) -> list[str]:
    text = re.sub(r"\bPRIMARY KEY\b(?!\s*\()", "NOT NULL PRIMARY KEY", "".join(given), flags=re.I)
    return tokens(re.sub(r"NOT NULL NOT NULL", "NOT NULL", text, flags=re.I))


def _averages(given: list[str]) -> list[str]:
    result: list[str] = []
    closing: list[bool] = []
    at = 0
    while at < len(given):
        token = given[at]
        result.append(token)
        at += 1
        if token == "(":
            word = next((t for t in reversed(result[:-1]) if t != " "), "")
            average = word.upper() == "AVG"
            closing.append(average)
            if average:
                while at < len(given) and (given[at] == " " or given[at].upper() in ("DISTINCT", "ALL")):
                    result.append(given[at])
                    at += 1
                result += ["CAST", "("]
        elif token == ")" and closing and closing.pop():
            result[-1:] = [" ", "AS", " ", "DOUBLE", ")", ")"]
    return result


def without_plus(sql: str, texts: Collection[str]) -> str:
    """Leave out unary plus before columns of strings, also in brackets: it does nothing to them in SQLite.

    texts: names of columns, in lower case.
    """
    bracketed = re.compile(rf"\+\s*\(\s*((?:\w+\s*\.\s*)?(?:{'|'.join(texts) or '(?!)'}))\s*\)", re.I)
    before = ""
    while before != sql:
        before = sql
        sql = bracketed.sub(r"+ \1", _without_plus(sql, texts))
    return sql


def _without_plus(sql: str, texts: Collection[str]) -> str:
    result: list[str] = []
    for token in tokens(sql):
        if token.lower() in texts:
            at = len(result)
            while at >= 2 and result[at - 1] == ".":
                at -= 2
            while at and _is_unary_plus(result, at):
                at = max(i for i in range(at) if result[i] != " ")
                result[at] = " "
        result.append(token)
    return "".join(result)


def _is_unary_plus(before: Sequence[str], at: int) -> bool:
    """Whether the word before a place is a plus with no operand before it."""
    words = [t for t in before[:at] if t != " "][-2:]
    if not words or words[-1] != "+":
        return False
    return len(words) == 1 or not re.fullmatch(r"\w+|\)|['\"].*", words[0], re.S) or words[0].upper() in _OPENING


_OPENING = frozenset(
    [
        "SELECT",
        "ALL",
        "DISTINCT",
        "WHERE",
        "AND",
        "OR",
        "NOT",
        "BETWEEN",
        "IN",
        "HAVING",
        "BY",
        "ON",
        "THEN",
        "ELSE",
        "WHEN",
        "CASE",
        "LIKE",
    ]
)


TABLES: tuple[Rule, ...] = (
    Rule("wide integers", "INTEGER holds 64 bits in SQLite", _words({"INTEGER": "BIGINT", "INT": "BIGINT"})),
    Rule("floats", "FLOAT and REAL are double in SQLite", _words({"FLOAT": "DOUBLE", "REAL": "DOUBLE"})),
    Rule("keys", "a key column is never NULL, which must be said here", _keys),
    Rule("unique", "uniqueness is not declared here beside the key", _dropped("UNIQUE")),
)
QUERIES: tuple[Rule, ...] = (
    Rule("wide casts", "CAST AS INTEGER gives 64 bits in SQLite", _words({"INTEGER": "BIGINT", "REAL": "DOUBLE"})),
    Rule("averages", "AVG of integers is a fraction in SQLite, an integer here", _averages),
)


def rewritten(sql: str, rules: Sequence[Rule]) -> str:
    """Return a statement in our words, on one line."""
    given = tokens(sql.strip().rstrip(";"))
    for rule in rules:
        given = rule.apply(given)
    return "".join(given).strip()


def renamed(sql: str, names: Mapping[str, str]) -> str:
    """Return a statement with other names of relations."""
    if not names:
        return sql
    return "".join([names.get(t.lower(), t) for t in tokens(sql)])


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a query is not run or has no answer: name, pattern of the error, pattern of the query."""

    name: str
    error: re.Pattern[str]
    query: re.Pattern[str] = re.compile("")


REASONS: tuple[Reason, ...] = (
    Reason(
        "division by zero is NULL in SQLite and an error here",
        re.compile(r"/ 0' causes overflow|[Dd]ivision by zero"),
    ),
    Reason(
        "a column outside GROUP BY is that of some row in SQLite", re.compile(r"Expression '\w+' is not being grouped")
    ),
    Reason(
        "x NOT NULL for IS NOT NULL is words of SQLite's",
        re.compile(r"near the keyword 'NOT'"),
        re.compile(r"\w NOT NULL\b"),
    ),
    Reason("a sum beyond 64 bits is a fraction in SQLite", re.compile(r"Error converting -?\d{19,} to BIGINT")),
    Reason("bytes compare with numbers in SQLite", re.compile(r"IN operator must have compatible types: <BINARY")),
    Reason("IN over no values is words of SQLite's", re.compile(r"IN needs at least one value")),
    Reason(
        "IN over a table's name is words of SQLite's",
        re.compile(r"Was expecting: \"\(\""),
        re.compile(r"\bIN\s+\w+", re.I),
    ),
    Reason("NOT INDEXED is words of SQLite's", re.compile(r"near the keyword 'NOT'"), re.compile(r"\bNOT INDEXED\b")),
    Reason("a function of SQLite's", re.compile(r"No match found for function signature (total|group_concat)\b", re.I)),
    Reason(
        "text is the number it begins with in SQLite and an error here",
        re.compile(r"Error converting \S+ to DOUBLE|Cannot parse \S+ into a DECIMAL"),
    ),
)


def unlike_by_design(sql: str, only: bool) -> str | None:
    """Return why a query cannot mean here what it means in SQLite, judged by its words alone, or None."""
    found = [t.upper() for t in tokens(sql) if t != " "]
    if _mixes_types(found) and "/" in found:
        return DYNAMIC
    return None


DYNAMIC = "the type of COALESCE or CASE over integer and fraction is the value's in SQLite"


def _mixes_types(found: Sequence[str]) -> bool:
    """Whether an average stands in a COALESCE or CASE."""
    stack: list[bool] = []
    for i, token in enumerate(found):
        if token == "(":
            stack.append(found[i - 1] in ("COALESCE", "IFNULL") if i else False)
        elif token == "CASE":
            stack.append(True)
        elif token in (")", "END") and stack:
            stack.pop()
        elif token == "AVG" and any(stack):
            return True
    return False


def reason_of(error: str, sql: str) -> str | None:
    """Return the name of the reason that covers an error, or None."""
    if error == DYNAMIC:
        return error
    for reason in REASONS:
        if reason.error.search(error) and reason.query.search(sql):
            return reason.name
    return None
