"""Declaring directives, and the forms of their failures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from penstock.ports.transform import Surroundings
from penstock.transform.frames.cells import CellFailed, map_cells
from penstock.transform.frames.data import Data, take
from penstock.transform.frames.frame import Failure, Frame
from penstock.transform.jvm.values import class_name
from penstock.transform.recipe.usage import Arguments, Parameter

__all__ = [
    "Definition",
    "Setting",
    "Step",
    "declared",
    "directive",
    "each_value",
    "no_column",
    "null_value",
    "refused",
    "stopped",
    "wrong_type",
]

Step = Callable[[Frame], Frame]
Setting = Surroundings


@dataclass(frozen=True, slots=True)
class Definition:
    """A directive: what it takes, and what makes a step of it. The maker raises RecipeInvalid."""

    name: str
    parameters: tuple[Parameter, ...]
    make: Callable[[Arguments, Setting], Step]


_DEFINITIONS: Final[dict[str, Definition]] = {}


def directive(
    name: str, *parameters: Parameter
) -> Callable[[Callable[[Arguments, Setting], Step]], Callable[[Arguments, Setting], Step]]:
    """Declare a directive."""

    def declare(make: Callable[[Arguments, Setting], Step]) -> Callable[[Arguments, Setting], Step]:
        _DEFINITIONS[name] = Definition(name, parameters, make)
        return make

    return declare


def declared() -> Mapping[str, Definition]:
    """Return all directives that have been declared."""
    return _DEFINITIONS


def stopped(name: str, message: str) -> CellFailed:
    """Return the failure of a directive that cannot go on with a record."""
    return CellFailed(f"Error encountered while executing '{name}' : {message}")


def refused(name: str, message: str, code: int = 1) -> CellFailed:
    """Return the failure of a directive that refuses a record, which then goes out of the error port."""
    return CellFailed(f"{message} (ecode: {code}, directive: {name})", code, refused=True)


def no_column(name: str, column: str) -> CellFailed:
    """Return the failure for a column that is not there."""
    return stopped(name, f"Column '{column}' does not exist.")


def null_value(name: str, column: str, wanted: str = "non-null 'String'") -> CellFailed:
    """Return the failure for a null that must not be."""
    return stopped(name, f"Column '{column}' has null value. It should be a {wanted}.")


def wrong_type(name: str, column: str, value: Any, wanted: str = "type 'String'") -> CellFailed:
    """Return the failure for a value of the wrong kind."""
    return stopped(name, f"Column '{column}' has invalid type '{class_name(value)}'. It should be of {wanted}.")


def each_value(
    frame: Frame,
    column: str,
    function: Callable[[Any], Any],
    *,
    on_null: CellFailed | None = None,
    missing: CellFailed | None = None,
) -> tuple[Frame, int, Data | None]:
    """Apply a function to the values of a column, and let records fail for whose rows it fails.

    on_null, missing: how rows fail where the column is null, or not there; without, such rows are left alone.
    Returns: the rows that go on, where the column is, and its new values; no values if no row has the column.
    """
    at = frame.find(column)
    if at < 0:
        if missing is not None:
            frame = frame.fail_where(np.ones(frame.rows, dtype=bool), missing.failure)
        return frame, -1, None
    there = frame.columns[at].present
    if missing is not None and there is not None and not there.all():
        frame = frame.fail_where(~there, missing.failure)
    if on_null is not None:
        frame = frame.fail_where(frame.nulls_of(at), on_null.failure)
    data, failed = map_cells(frame.columns[at].data, function)
    if failed:
        kept = _surviving(frame, failed)
        frame = frame.fail(failed)
        data = take(data, np.flatnonzero(kept))
    return frame, at, data


def _surviving(frame: Frame, failed: Mapping[int, Failure]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    records = np.unique(frame.origin[np.fromiter(failed, np.int64, len(failed))])
    return ~np.isin(frame.origin, records)
