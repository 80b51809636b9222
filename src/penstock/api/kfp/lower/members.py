"""Reading a JSON document of unknown making: every function knows the place, so that messages can name it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from penstock.api.kfp.errors import UnsupportedFeature
from penstock.kernel.errors import Invalid

__all__ = ["Members", "seconds"]

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?")
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, None: 1.0, "": 1.0}


@dataclass(frozen=True, slots=True)
class Members:
    """An object of the document and its place, a JSON pointer."""

    content: dict[str, Any]
    at: str

    @classmethod
    def of(cls, value: Any, at: str) -> Members:
        """Take a value that must be an object; null counts as an empty one."""
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise Invalid(f"{_shown(value)} must be an object", at=at)
        return cls(value, at)

    def place(self, name: str) -> str:
        """Return the pointer of a member."""
        return f"{self.at}/{name.replace('~', '~0').replace('/', '~1')}"

    def __contains__(self, name: str) -> bool:
        return self.content.get(name) is not None

    def any(self, name: str) -> Any:
        """Return a member, or None."""
        return self.content.get(name)

    def object(self, name: str) -> Members:
        """Return a member that is an object; an empty one if it is not there."""
        return Members.of(self.content.get(name), self.place(name))

    def objects(self, name: str) -> Sequence[Members]:
        """Return a member that is a list of objects."""
        return [Members.of(value, f"{self.place(name)}/{at}") for at, value in enumerate(self.list(name))]

    def members(self, name: str) -> Iterator[tuple[str, Members]]:
        """Yield the members of a member that is an object of objects."""
        inner = self.object(name)
        for key, value in inner.content.items():
            yield key, Members.of(value, inner.place(key))

    def list(self, name: str) -> Sequence[Any]:
        """Return a member that is a list; an empty one if it is not there."""
        value = self.content.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise Invalid(f"{_shown(value)} must be a list", at=self.place(name))
        return value

    def texts(self, name: str) -> Sequence[str]:
        """Return a member that is a list of texts; numbers and booleans become texts."""
        result = []
        for at, value in enumerate(self.list(name)):
            if isinstance(value, dict | list) or value is None:
                raise Invalid(f"{_shown(value)} must be a text", at=f"{self.place(name)}/{at}")
            result.append(value if isinstance(value, str) else _as_written(value))
        return result

    def text(self, name: str, default: str | None = None) -> str:
        """Return a member that is a text. Raises: Invalid if it is not there and has no default."""
        value = self.content.get(name)
        if value is None:
            if default is None:
                raise Invalid(f"{name!r} is missing", at=self.at)
            return default
        if not isinstance(value, str):
            raise Invalid(f"{_shown(value)} must be a text", at=self.place(name))
        return value

    def integer(self, name: str) -> int | None:
        """Return a member that is a whole number or the text of one; None if it is not there."""
        value = self.content.get(name)
        if value is None:
            return None
        if isinstance(value, str) and "{{" in value:
            raise UnsupportedFeature(f"{name} is {value!r}: only a constant is supported here", at=self.place(name))
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise Invalid(f"{_shown(value)} must be a whole number", at=self.place(name)) from None
        if isinstance(value, bool) or not number.is_integer():
            raise Invalid(f"{_shown(value)} must be a whole number", at=self.place(name))
        return int(number)

    def seconds(self, name: str) -> float | None:
        """Return a member that is a duration (`90`, `"90s"`, `"1m30s"`) in seconds; None if it is not there."""
        value = self.content.get(name)
        if value is None:
            return None
        if isinstance(value, str) and "{{" in value:
            raise UnsupportedFeature(f"{name} is {value!r}: only a constant is supported here", at=self.place(name))
        result = None if isinstance(value, bool) else seconds(str(value))
        if result is None:
            raise Invalid(f"{_shown(value)} must be a duration, such as 90s", at=self.place(name))
        return result

    def only(self, known: frozenset[str]) -> None:
        """Raise Invalid if there is a member that is not known."""
        for name in self.content:
            if name not in known:
                raise Invalid(f"unknown field {name!r}; there are {', '.join(sorted(known))}", at=self.place(name))

    def refuse(self, **features: str) -> None:
        """Raise UnsupportedFeature if a member is there that is not supported; the value says what to call it."""
        for name, called in features.items():
            if self.content.get(name):
                raise UnsupportedFeature(f"{called} ({name}) is not supported by this server", at=self.place(name))


def seconds(text: str) -> float | None:
    """Read a duration; None if it is none."""
    total, place = 0.0, 0
    for match in _DURATION.finditer(text):
        if match.start() != place:
            return None
        total += float(match[1]) * _UNITS[match[2]]
        place = match.end()
    return total if text and place == len(text) else None


def _as_written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
