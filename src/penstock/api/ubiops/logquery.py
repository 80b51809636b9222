"""The language in which logs are asked for: conditions on what is known of a line, and on its text. Pure.

    | deployment_name=`d` and level!=`debug` or pipeline_request_id=~`01.+` |= `needle`

`and` binds closer than `or`; values are in backticks or double quotes. A name that a line does not have counts as
empty. Texts are looked for with `|=` and `!=`, patterns with `|~` and `!~`. Source: the queries that the product's
clients send, and the query language of the log store that they are written for.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from penstock.kernel.errors import Invalid

__all__ = ["Condition", "LogQuery", "parse_query"]

MAX_QUERY: Final = 10_000
NAMES: Final = frozenset(
    {
        "deployment_name",
        "deployment_version",
        "deployment_version_revision_id",
        "instance_id",
        "process_id",
        "environment_name",
        "environment_tag",
        "environment_build_id",
        "pipeline_name",
        "pipeline_version",
        "pipeline_object_name",
        "deployment_request_id",
        "pipeline_request_id",
        "webhook_name",
        "service_name",
        "system",
        "level",
    }
)
_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<text>`[^`]*`|"(?:[^"\\]|\\.)*")
      | (?P<operator>\|=|\|~|!=|!~|=~|=)
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<mark>[|(){},])
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition. name: of what is known of a line; None for its text."""

    name: str | None
    operator: str
    value: str
    pattern: re.Pattern[str] | None = None

    def holds(self, known: Mapping[str, str], text: str) -> bool:
        """Tell whether a line fulfils it."""
        actual = text if self.name is None else known.get(self.name, "")
        match self.operator:
            case "=":
                return actual == self.value
            case "!=" if self.name is not None:
                return actual != self.value
            case "|=":
                return self.value in actual
            case "!=":
                return self.value not in actual
        assert self.pattern is not None
        found = self.pattern.search(actual) if self.name is None else self.pattern.fullmatch(actual)
        return (found is not None) == (self.operator in ("=~", "|~"))


@dataclass(frozen=True, slots=True)
class LogQuery:
    """All of these, each of which is one of several ways, each of which is several conditions."""

    filters: tuple[tuple[tuple[Condition, ...], ...], ...] = ()

    def holds(self, known: Mapping[str, str], text: str) -> bool:
        """Tell whether a line is asked for."""
        return all(any(all(each.holds(known, text) for each in way) for way in ways) for ways in self.filters)

    @property
    def names(self) -> frozenset[str]:
        """Return what the conditions are about, but for texts."""
        return frozenset(each.name for ways in self.filters for way in ways for each in way if each.name)

    def only(self, name: str) -> set[str] | None:
        """Return the values that something must have in any case; None if it can be anything."""
        for ways in self.filters:
            wanted = [{each.value for each in way if each.name == name and each.operator == "="} for way in ways]
            if wanted and all(wanted):
                return set().union(*wanted)
        return None


def parse_query(text: str) -> LogQuery:
    """Read a query; an empty one asks for everything.

    Raises: Invalid, naming what was not understood.
    """
    if len(text) > MAX_QUERY:
        raise Invalid(f"query: the query has {len(text)} characters; at most {MAX_QUERY} are taken")
    reader = _Reader(_tokens(text))
    filters: list[tuple[tuple[Condition, ...], ...]] = []
    if reader.takes("{"):
        # The stream selector of the log store: everything of a project is one stream.
        while not reader.takes("}"):
            filters.append(((reader.condition(),),))
            reader.takes(",")
    while reader.is_left:
        if reader.operator in ("|=", "|~", "!=", "!~"):
            filters.append(((reader.text_condition(),),))
            continue
        reader.takes("|")
        filters.append(reader.ways())
    return LogQuery(tuple(filters))


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    position = 0
    while position < len(text.rstrip()):
        match = _TOKEN.match(text, position)
        if match is None:
            raise Invalid(f"query: {text[position : position + 40]!r} was not understood")
        kind = str(match.lastgroup)
        value = match[kind]
        if kind == "text":
            value = value[1:-1] if value[0] == "`" else re.sub(r"\\(.)", r"\1", value[1:-1])
        found.append((kind, value))
        position = match.end()
    return found


class _Reader:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0

    @property
    def is_left(self) -> bool:
        return self._at < len(self._tokens)

    @property
    def operator(self) -> str:
        return self._tokens[self._at][1] if self.is_left and self._tokens[self._at][0] == "operator" else ""

    def takes(self, mark: str) -> bool:
        if self.is_left and self._tokens[self._at] == ("mark", mark):
            self._at += 1
            return True
        return False

    def ways(self) -> tuple[tuple[Condition, ...], ...]:
        ways: list[tuple[Condition, ...]] = []
        while True:
            conditions = [self.condition()]
            while self._word("and") or self.takes(","):
                conditions.append(self.condition())
            ways.append(tuple(conditions))
            if not self._word("or"):
                return tuple(ways)

    def condition(self) -> Condition:
        name = self._next("word", "the name of something that is known of a line")
        if name not in NAMES:
            raise Invalid(f"query: nothing is called {name!r}; there are {', '.join(sorted(NAMES))}")
        return _condition(name, self._next("operator", "=, !=, =~ or !~"), self._next("text", "a value in backticks"))

    def text_condition(self) -> Condition:
        operator = self._next("operator", "|=, !=, |~ or !~")
        return _condition(None, operator, self._next("text", "a text in backticks"))

    def _word(self, word: str) -> bool:
        if self.is_left and self._tokens[self._at] == ("word", word):
            self._at += 1
            return True
        return False

    def _next(self, kind: str, what: str) -> str:
        if not self.is_left:
            raise Invalid(f"query: the query ends where {what} was expected")
        found, value = self._tokens[self._at]
        if found != kind:
            raise Invalid(f"query: {value!r} stands where {what} was expected")
        self._at += 1
        return value


def _condition(name: str | None, operator: str, value: str) -> Condition:
    if name is not None and operator in ("|=", "|~"):
        raise Invalid(f"query: {operator} looks into the text of lines; for {name} use = or =~")
    if not operator.endswith("~"):
        return Condition(name, operator, value)
    try:
        return Condition(name, operator, value, re.compile(value))
    except re.error as error:
        raise Invalid(f"query: {value!r} is no pattern: {error}") from None
