"""Redis as an output: one key for each row, which goes when the row goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from penstock.ports.source import TransportRefused

_SETTINGS = ("connection_string", "key_separator")


class RedisSink:
    """The transport "redis_output": the format json with `key_fields` gives each row its key, and its value in JSON.

    Settings: connection_string (redis://host:port/number); key_separator (":"). Writing a step once more changes
    nothing, so nothing is doubled after a crash.
    """

    name = "redis_output"
    needs_format = True
    format_options: Mapping[str, Any] = {"update_format": "redis"}

    def open(self, config: Mapping[str, Any]) -> OpenRedis:
        """Return a sink. Raises: TransportRefused."""
        for name in config:
            if name not in _SETTINGS:
                raise TransportRefused(f"there is no setting {name!r}; there are {', '.join(_SETTINGS)}")
        address, separator = config.get("connection_string"), config.get("key_separator", ":")
        if not isinstance(address, str) or not address:
            raise TransportRefused("the setting 'connection_string' is missing")
        if not isinstance(separator, str):
            raise TransportRefused(f"key_separator is a text, not {separator!r}")
        return OpenRedis(address, separator)

    def reopen(self, config: Mapping[str, Any], place: Any) -> tuple[OpenRedis, int]:
        """Return a sink: what is written again is the same."""
        return self.open(config), 0


class OpenRedis:
    """Writes what was given since the last flush as one transaction. Raises: TransportRefused if nobody answers."""

    def __init__(self, address: str, separator: str) -> None:
        import redis

        self._separator = separator
        self._commands: list[tuple[str, bytes | None]] = []
        try:
            self._client = redis.Redis.from_url(address)
            self._client.ping()
        except (redis.RedisError, ValueError) as error:
            raise TransportRefused(f"no Redis answers at the connection string: {error}") from error

    def write(self, payload: bytes) -> None:
        """Note what the records say; see `flush`."""
        text = payload.strip()
        documents = (
            msgspec.json.decode(text) if text.startswith(b"[") else [*map(msgspec.json.decode, text.splitlines())]
        )
        for document in documents:
            key = self._separator.join(_part(part) for part in document["key"])
            value = document["value"]
            self._commands.append((key, None if value is None else msgspec.json.encode(value)))

    def flush(self) -> None:
        """Carry it out, all or nothing. Raises: OSError if Redis does not."""
        import redis

        if not self._commands:
            return
        with self._client.pipeline(transaction=True) as pipe:
            for key, value in self._commands:
                if value is None:
                    pipe.delete(key)
                else:
                    pipe.set(key, value)
            try:
                pipe.execute()
            except redis.RedisError as error:
                raise OSError(f"Redis: {error}") from error
        self._commands.clear()

    def place(self) -> None:
        """Be nowhere: writing again is harmless."""

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def _part(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
