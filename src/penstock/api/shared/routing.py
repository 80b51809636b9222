"""From verb and path to operation: a tree of path segments.

Works on the raw path, so that a percent-encoded slash stays inside its segment. A literal segment is preferred to a
parameter, a parameter to a rest; the tree backs up when a choice leads nowhere. One lookup costs the number of
segments, however many operations there are.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote

from penstock.api.shared.dialect import Dialect
from penstock.api.shared.operation import Later, Operation

__all__ = ["Endpoint", "Match", "Router"]

_PARAMETER = re.compile(r"^([^{}]*)\{([a-zA-Z_][a-zA-Z0-9_]*)(:path)?\}([^{}]*)$")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An operation and the dialect whose it is."""

    dialect: Dialect
    operation: Operation


@dataclass(frozen=True, slots=True)
class Match:
    """What a verb and path lead to. Without an endpoint, `allowed` are the verbs that the path does know."""

    dialect: Dialect
    endpoint: Endpoint | None
    parameters: dict[str, str]
    allowed: tuple[str, ...]


_FOUND_KEPT = 1024
"""How many paths are remembered with what they lead to: those that are called over and over."""


@dataclass(slots=True)
class _Node:
    literals: dict[str, "_Node"] = field(default_factory=dict)
    parameters: list[tuple[re.Pattern[str], str, "_Node"]] = field(default_factory=list)
    rest: tuple[str, "_Node"] | None = None
    endpoints: dict[str, Endpoint] = field(default_factory=dict)


class Router:
    """All operations of all dialects.

    Raises: ValueError if two operations have the same verb and path, or a template cannot be read.
    """

    def __init__(self, dialects: tuple[Dialect, ...]) -> None:
        if not dialects:
            raise ValueError("a router needs at least one dialect")
        self._root = _Node()
        self._dialects = dialects
        self._owners: list[tuple[str, Dialect]] = []
        self._waiting: list[Dialect] = []
        self._found: dict[tuple[str, str], Match] = {}
        for dialect in dialects:
            self._owners += [(prefix.rstrip("/"), dialect) for prefix in dialect.prefixes]
            self._owners += [(alias.rstrip("/"), dialect) for alias, _ in dialect.aliases]
            if isinstance(dialect.operations, Later):
                self._waiting.append(dialect)
            else:
                self._add_all(dialect)
        self._owners.sort(key=lambda owner: -len(owner[0]))

    def complete(self) -> None:
        """Add the operations of all dialects that nobody has called yet. Raises: ValueError as making a router."""
        waiting, self._waiting = self._waiting, []
        for dialect in waiting:
            self._add_all(dialect)

    def find(self, verb: str, raw_path: str) -> Match:
        """Look a request up; `raw_path` is still percent-encoded and has no query."""
        found = self._found.get((verb, raw_path))
        if found is None:
            if self._waiting:
                self._add_owners(raw_path)
            found = self._look_up(verb, raw_path)
            if found.endpoint:
                if len(self._found) >= _FOUND_KEPT:
                    self._found.clear()
                self._found[verb, raw_path] = found
            return found
        return Match(found.dialect, found.endpoint, dict(found.parameters), ())

    def _look_up(self, verb: str, raw_path: str) -> Match:
        segments = raw_path.strip("/").split("/") if raw_path.strip("/") else []
        allowed: dict[str, None] = {}
        dialect = None
        for node, parameters in _leaves(self._root, segments, 0):
            endpoint = node.endpoints.get(verb) or (node.endpoints.get("GET") if verb == "HEAD" else None)
            if endpoint:
                return Match(endpoint.dialect, endpoint, dict(parameters), ())
            for known, other in node.endpoints.items():
                allowed[known] = None
                dialect = dialect or other.dialect
        return Match(dialect or self._owner(raw_path), None, {}, tuple(allowed))

    def _owner(self, path: str) -> Dialect:
        for prefix, dialect in self._owners:
            if path == prefix or path.startswith(prefix + "/"):
                return dialect
        return self._dialects[0]

    def _add_owners(self, path: str) -> None:
        for dialect in list(self._waiting):
            prefixes = [prefix for prefix, owner in self._owners if owner is dialect]
            if any(path == prefix or path.startswith(prefix + "/") for prefix in prefixes):
                self._waiting.remove(dialect)
                self._add_all(dialect)

    def _add_all(self, dialect: Dialect) -> None:
        for operation in dialect.operations:
            for path in _paths(dialect, operation):
                self._add(path, Endpoint(dialect, operation))

    def _add(self, path: str, endpoint: Endpoint) -> None:
        node = self._root
        for segment in path.strip("/").split("/") if path.strip("/") else []:
            node = _descend(node, segment, path)
        verb = endpoint.operation.verb
        if verb in node.endpoints:
            raise ValueError(f"{verb} {path} is declared twice; an operation has one line in one dialect")
        node.endpoints[verb] = endpoint


def _paths(dialect: Dialect, operation: Operation) -> Iterator[str]:
    yield operation.path
    for alias, prefix in dialect.aliases:
        if operation.path == prefix or operation.path.startswith(prefix.rstrip("/") + "/"):
            yield alias.rstrip("/") + operation.path.removeprefix(prefix.rstrip("/"))


def _descend(node: _Node, segment: str, path: str) -> _Node:
    if "{" not in segment:
        return node.literals.setdefault(unquote(segment), _Node())
    template = _PARAMETER.match(segment)
    if template is None:
        raise ValueError(
            f"segment {segment!r} of {path!r} is no template; write {{name}}, {{name}}:suffix or {{name:path}}"
        )
    before, name, is_rest, after = template.groups()
    if is_rest:
        node.rest = node.rest or (name, _Node())
        return node.rest[1]
    pattern = re.compile(re.escape(before) + "(.+)" + re.escape(after), re.DOTALL)
    for known, known_name, child in node.parameters:
        if known.pattern == pattern.pattern and known_name == name:
            return child
    child = _Node()
    node.parameters.append((pattern, name, child))
    # A template with a literal part says more than one without, so it is tried first.
    node.parameters.sort(key=lambda entry: -len(entry[0].pattern))
    return child


def _leaves(node: _Node, segments: list[str], depth: int) -> Iterator[tuple[_Node, list[tuple[str, str]]]]:
    """Yield the nodes that a path leads to, best first, each with its parameters."""
    if depth == len(segments):
        if node.endpoints:
            yield node, []
        return
    segment = unquote(segments[depth])
    if child := node.literals.get(segment):
        yield from _leaves(child, segments, depth + 1)
    for pattern, name, child in node.parameters:
        if found := pattern.fullmatch(segment):
            for leaf, parameters in _leaves(child, segments, depth + 1):
                yield leaf, [(name, found[1]), *parameters]
    if node.rest:
        name, child = node.rest
        yield child, [(name, unquote("/".join(segments[depth:])))]
