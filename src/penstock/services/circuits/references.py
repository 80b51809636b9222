"""References in connectors' configurations: to the environment and to secrets, put in only where a connector is opened.

What is stored, shown and kept has the references. The texts behind them live in the circuit's process alone, and what
a connector says of its troubles is cleaned of them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from penstock.services.circuits.link import RemoteError

__all__ = ["References", "secret_names"]

_ENV = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}")
_SECRET = re.compile(r"\$\{secret:(?:kubernetes:)?([^${}:\s][^${}\s]*)\}")
_BEGINNINGS = ("${env:", "${secret:")


class References:
    """What references stand for. env: variables of the circuit, before those of the process; secrets: texts by name."""

    def __init__(self, env: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        self._env = env
        self._secrets = secrets

    def resolved(self, value: Any) -> Any:
        """Return a value with what its references stand for. Raises: RemoteError for one that leads nowhere."""
        if isinstance(value, dict):
            return {name: self.resolved(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.resolved(item) for item in value]
        return self._text(value) if isinstance(value, str) and value.startswith(_BEGINNINGS) else value

    def _text(self, value: str) -> str:
        if match := _ENV.fullmatch(value):
            found = self._env.get(match[1], os.environ.get(match[1]))
            if found is None:
                raise RemoteError("InvalidTransportConfig", f"the environment has no variable {match[1]!r}")
            return str(found)
        if match := _SECRET.fullmatch(value):
            text = self._secrets.get(match[1])
            if text is None:
                message = f"there is no secret {match[1]!r}, which {value!r} refers to; put it there first"
                raise RemoteError("InvalidTransportConfig", message)
            return text
        raise RemoteError(
            "InvalidTransportConfig",
            f"{value!r} is no reference: it is ${{env:VARIABLE}}, ${{secret:NAME}} or ${{secret:kubernetes:NAME/KEY}}, "
            "and nothing stands before or after it",
        )

    def cleaned(self, message: str) -> str:
        """Return a message with the names of secrets in place of their texts."""
        for name, text in sorted(self._secrets.items(), key=lambda item: -len(item[1])):
            if text:
                message = message.replace(text, f"${{secret:{name}}}")
        return message


def secret_names(connectors: Any) -> frozenset[str]:
    """Return the names of all secrets that configurations refer to."""
    return frozenset(match[1] for text in _texts(connectors) if (match := _SECRET.fullmatch(text)))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
