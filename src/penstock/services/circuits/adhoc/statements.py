"""The text of an ad-hoc request to statements that DuckDB can run.

Clients write the dialect of DataFusion, which is PostgreSQL's in most things: names without quotes fold to lower case,
division of integers is integer division, hexadecimal literals are x'..'.
Source: spec of ad-hoc queries; behaviour rows on ad-hoc queries.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import sqlglot
from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import SqlglotError

MAX_TEXT_CHARACTERS = 1 << 20
_PREPARE = re.compile(r'prepare\s+("(?:[^"]|"")+"|\w+)\s*(?:\([^)]*\))?\s+as\s+(.*)\Z', re.IGNORECASE | re.DOTALL)
_EXECUTE = re.compile(r'execute\s+("(?:[^"]|"")+"|\w+)\s*(?:\((.*)\))?\s*\Z', re.IGNORECASE | re.DOTALL)
_TOKEN = re.compile(r"<Token [^>]*>")
_DEALLOCATE = re.compile(r'deallocate\s+(?:prepare\s+)?("(?:[^"]|"")+"|\w+)\s*\Z', re.IGNORECASE)


class AdHocDialect(DuckDB):
    """DuckDB's grammar with hexadecimal literals."""

    class Tokenizer(DuckDB.Tokenizer):
        HEX_STRINGS: ClassVar[list[str | tuple[str, str]]] = [("x'", "'"), ("X'", "'")]


class Refused(Exception):
    """A statement that cannot be run; the message is for the client."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. sql: in DuckDB's dialect; relations: canonical name to the name it has in sql.

    functions: names of functions that the grammar does not know itself, in lower case.
    target: for INSERT, the table and the columns named (None: all in order); sql is then the query of the rows.
    """

    sql: str
    relations: Mapping[str, str]
    functions: frozenset[str] = frozenset()
    target: tuple[str, tuple[str, ...] | None] | None = None


def parse(text: str, known: Callable[[str], str | None]) -> list[Statement]:
    """Return the statements of a request.

    known: for a canonical relation name the reason why it cannot be read, or None if it can.
    Raises: Refused.
    """
    if len(text) > MAX_TEXT_CHARACTERS:
        raise Refused(f"the request is longer than {MAX_TEXT_CHARACTERS} characters")
    prepared: dict[str, str] = {}
    statements: list[Statement] = []
    names: dict[str, str] = {}
    pieces = _split(text)
    if not pieces:
        raise Refused("the request has no statement")
    for piece in pieces:
        if match := _PREPARE.match(piece):
            prepared[_folded(match[1])] = match[2]
        elif match := _DEALLOCATE.match(piece):
            if prepared.pop(_folded(match[1]), None) is None:
                raise Refused(f"there is no prepared statement {match[1]!r}")
        elif match := _EXECUTE.match(piece):
            statements.append(_statement(_executed(match, prepared), names, known))
        else:
            statements.append(_statement(_tree(piece), names, known))
    return statements


def _split(text: str) -> list[str]:
    try:
        tokens = AdHocDialect().tokenize(text)
    except SqlglotError as error:
        raise Refused(f"the request cannot be read: {error}") from None
    pieces: list[str] = []
    start: int | None = None
    end = 0
    for token in tokens:
        if token.token_type is sqlglot.TokenType.SEMICOLON:
            if start is not None:
                pieces.append(text[start:end])
            start = None
        else:
            start = token.start if start is None else start
            end = token.end + 1
    if start is not None:
        pieces.append(text[start:end])
    return pieces


def _tree(text: str) -> Any:
    try:
        tree = sqlglot.parse_one(text, read=AdHocDialect)
    except (SqlglotError, RecursionError) as error:
        message = _TOKEN.sub("the end", str(error).replace("\x1b[4m", "").replace("\x1b[0m", "").split("\n")[0])
        raise Refused(f"the statement cannot be parsed: {message}") from None
    return tree


def _executed(match: re.Match[str], prepared: Mapping[str, str]) -> Any:
    name = _folded(match[1])
    if name not in prepared:
        raise Refused(f"there is no prepared statement {match[1]!r}")
    row = _tree(f"SELECT {match[2]}") if match[2] else None
    arguments = [] if row is None else [*row.expressions]
    tree = _tree(prepared[name])
    for parameter in list(tree.find_all(exp.Parameter, exp.Placeholder)):
        number = str(parameter.name or parameter.this)
        if not number.isdecimal() or not 1 <= int(number) <= len(arguments):
            raise Refused(f"EXECUTE gives no value for parameter ${number}")
        parameter.replace(exp.Paren(this=arguments[int(number) - 1].copy()))
    return tree


def _folded(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()


def _name(identifier: Any) -> str:
    """Return the name an identifier means: exact with quotes, else in lower case."""
    if isinstance(identifier, exp.Identifier):
        return str(identifier.this) if identifier.args.get("quoted") else str(identifier.this).lower()
    return str(identifier).lower()


def _statement(tree: Any, names: dict[str, str], known: Callable[[str], str | None]) -> Statement:
    target = None
    if isinstance(tree, exp.Insert):
        target, tree = _insertion(tree)
    if not isinstance(tree, exp.Query | exp.Values):
        word = tree.key.upper() if not isinstance(tree, exp.Command) else str(tree.this).upper()
        raise Refused(f"{word} is not supported in ad-hoc queries; SELECT and INSERT are")
    for identifier in tree.find_all(exp.Identifier):
        if not identifier.args.get("quoted") and not str(identifier.this).isascii():
            identifier.set("this", _name(identifier))  # DuckDB folds ASCII letters alone
            identifier.set("quoted", True)
    for call in list(tree.find_all(exp.ToChar)):  # both sides mean the format of strftime, whatever the name
        call.replace(exp.Anonymous(this="strftime", expressions=[call.this, call.args["format"]]))
    used = _bind_relations(tree, names, known)
    if target is None:
        _name_columns(tree)
    functions = frozenset(str(call.this).lower() for call in tree.find_all(exp.Anonymous))
    functions |= frozenset(call.key for call in tree.find_all(exp.Func))
    return Statement(tree.sql(dialect=AdHocDialect), used, functions, target)


def _insertion(tree: Any) -> tuple[tuple[str, tuple[str, ...] | None], Any]:
    columns = None
    table = tree.this
    if isinstance(table, exp.Schema):
        columns = tuple(_name(c if isinstance(c, exp.Identifier) else c.this) for c in table.expressions)
        table = table.this
    if not isinstance(table, exp.Table) or tree.expression is None:
        raise Refused("this form of INSERT is not supported; use INSERT INTO table VALUES or SELECT")
    return (_name(table.this), columns), tree.expression


def _bind_relations(tree: Any, names: dict[str, str], known: Callable[[str], str | None]) -> dict[str, str]:
    """Replace names of relations by internal ones and return those used."""
    used: dict[str, str] = {}
    for table in list(tree.find_all(exp.Table)):
        if not isinstance(table.this, exp.Identifier):
            continue  # a function that gives rows
        name = _name(table.this)
        if _is_local(table, name):
            continue
        if table.args.get("db") is not None:
            raise Refused(f"table '{table.sql(dialect=AdHocDialect)}' not found")
        reason = known(name)
        if reason is not None:
            raise Refused(reason)
        internal = used[name] = names.setdefault(name, f"relation {len(names)}")
        if not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(name, quoted=True)))
        table.set("this", exp.to_identifier(internal, quoted=True))
    return used


def _is_local(table: Any, name: str) -> bool:
    """Whether a name is that of a common table expression around it."""
    node = table
    while node is not None:
        clause = node.args.get("with_") or node.args.get("with")
        if clause is not None and any(_name(cte.args["alias"].this) == name for cte in clause.expressions):
            return True
        node = node.parent
    return False


def _name_columns(tree: Any) -> None:
    """Give the output columns the names that the dialect gives them."""
    select = tree
    while isinstance(select, exp.SetOperation | exp.Subquery):
        select = select.this
    if not isinstance(select, exp.Select):
        return
    named = []
    for item in select.expressions:
        if item.is_star:
            named.append(item)
        elif isinstance(item, exp.Alias):
            item.set("alias", exp.to_identifier(_name(item.args["alias"]), quoted=True))
            named.append(item)
        else:
            inner = item.this if isinstance(item, exp.Column) else None
            text = _name(inner) if inner is not None else item.sql(dialect="postgres", normalize_functions="lower")
            named.append(exp.Alias(this=item, alias=exp.to_identifier(text, quoted=True)))
    select.set("expressions", named)
