"""Functions that a program brings in another language, evaluated outside of the engine.

An engine opens a function once and gives it the distinct rows of arguments of a batch. Values are those of
`data/values.py`, None for NULL. The function must be pure: for equal arguments it gives equal results, since a row that
is taken back is computed again.

Adapters: `transform/functions`, by language in `boot/languages.py`. Runs in the engine's processes only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from penstock.data.types import SqlType

__all__ = ["FunctionFailed", "OpenFunction", "UserCode", "UserFunction"]


class FunctionFailed(Exception):
    """The function failed, ran into a limit or gave a value that is not of its type; the message says which."""


@dataclass(frozen=True, slots=True)
class UserCode:
    """A function as it is declared. source: its text, which defines a function called `name`."""

    name: str
    source: str
    arguments: tuple[SqlType, ...]
    result: SqlType


class UserFunction(Protocol):
    """An open function."""

    def call(self, rows: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Return the result for each row of arguments. Raises: FunctionFailed."""
        ...


OpenFunction = Callable[[UserCode], UserFunction]
"""Opens a function; raises FunctionFailed if its text does not define it."""
