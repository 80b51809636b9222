"""The log of intents: what is under way and will be stored only when it has ended.

It survives the death of the server's process, though not that of the machine; nothing is synced. What is found in it
after a restart was cut off.
"""

from __future__ import annotations

from typing import Protocol

__all__ = ["IntentLog", "NoIntents"]


class IntentLog(Protocol):
    """Intents by id. All calls return at once. Implementation: `store.intents`."""

    def begin(self, id: str, body: bytes) -> None:
        """Note that something begins."""
        ...

    def end(self, id: str) -> None:
        """Note that it has ended and is stored; unknown ids are ignored."""
        ...

    def left(self) -> dict[str, bytes]:
        """Return what was begun by an earlier server and not ended. They are kept until they are ended."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


class NoIntents:
    """Keeps nothing; for stores that forget everything anyway."""

    def begin(self, id: str, body: bytes) -> None:
        """Do nothing."""

    def end(self, id: str) -> None:
        """Do nothing."""

    def left(self) -> dict[str, bytes]:
        """Return nothing."""
        return {}

    def close(self) -> None:
        """Do nothing."""
