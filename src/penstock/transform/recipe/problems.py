"""What can be wrong with a recipe before any row has been seen."""

from __future__ import annotations

__all__ = ["RecipeInvalid"]


class RecipeInvalid(ValueError):
    """A recipe that cannot be compiled. line: which line of the recipe, from 1; None if no single one."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
