"""Macros of stages, expanded when their phase begins: arguments, the nominal time, secrets and connections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.kernel.scope import Scope
from penstock.kernel.templates import Function, TemplateFailed, calls_of, expand, has_macros, logical_time
from penstock.ports.executor import ReadSecret

__all__ = ["Expansion", "ExpansionFailed"]

_CONNECTION = "conn"
_SECRET_ROUNDS = 20


class ExpansionFailed(Exception):
    """A property whose macros have no value. The message names stage and property."""


class _SecretWanted(Exception):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Expansion:
    """Expands the properties of stages.

    secret_prefix: what the names of secrets begin with in their scope.
    connections: properties by name of connection, for stages whose property `connection` is `${conn(name)}`.
    """

    def __init__(
        self,
        arguments: Mapping[str, Any],
        logical_start_ms: int,
        connections: Mapping[str, Mapping[str, str]],
        read_secret: ReadSecret,
        scope: Scope,
        secret_prefix: str = "",
    ) -> None:
        self._arguments = {name: str(value) for name, value in arguments.items()}
        self._connections = connections
        self._read_secret = read_secret
        self._scope = scope
        self._secret_prefix = secret_prefix
        self._secrets: dict[str, str] = {}
        self._functions: dict[str, Function] = {
            "logicalStartTime": logical_time(logical_start_ms),
            "secure": self._secure,
        }

    async def stage(self, stage: Mapping[str, Any]) -> dict[str, Any]:
        """Return a stage with its properties expanded. Raises: ExpansionFailed."""
        plain, raw = set(stage.get("plain") or ()), set(stage.get("raw") or ())
        given = self._with_connection(stage)
        properties: dict[str, str] = {}
        for name, text in given.items():
            if name in plain or not (has_macros(text) or ("\\" in text and "${" in text)):
                properties[name] = text
                continue
            try:
                properties[name] = await self._expand(text, drops=name not in raw)
            except TemplateFailed as error:
                raise ExpansionFailed(f"Stage '{stage.get('name')}', property '{name}': {error}") from None
        return {**stage, "properties": properties}

    def _with_connection(self, stage: Mapping[str, Any]) -> dict[str, str]:
        """Put in the properties of the connection that a stage names."""
        given = dict(stage.get("properties") or {})
        calls = calls_of(given.get("connection") or "", _CONNECTION)
        if not calls:
            return given
        name = calls[0][0]
        if name not in self._connections:
            raise ExpansionFailed(f"Stage '{stage.get('name')}': there is no connection '{name}'")
        return {**self._connections[name], **{k: v for k, v in given.items() if k != "connection"}}

    async def _expand(self, text: str, *, drops: bool) -> str:
        """Expand, reading secrets as they turn out to be needed."""
        for _ in range(_SECRET_ROUNDS):
            try:
                return expand(text, self._arguments, self._functions, drops_backslashes=drops)
            except _SecretWanted as wanted:
                found = await self._read_secret(self._scope, self._secret_prefix + wanted.name)
                if found is None:
                    raise TemplateFailed(f"Secure key '{wanted.name}' was not found.") from None
                self._secrets[wanted.name] = found
        raise TemplateFailed(f"more than {_SECRET_ROUNDS} secrets in one property")

    def _secure(self, arguments: Sequence[str]) -> str:
        if len(arguments) != 1:
            raise TemplateFailed(f"Macro function 'secure' takes one argument, not {len(arguments)}.")
        if arguments[0] not in self._secrets:
            raise _SecretWanted(arguments[0])
        return self._secrets[arguments[0]]
