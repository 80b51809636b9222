"""Functions of single values applied to columns, once per distinct value. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from penstock.transform.frames.data import Data, Mask, encode, take
from penstock.transform.frames.frame import Failure
from penstock.transform.jvm.values import column_of

__all__ = ["CellFailed", "map_cells"]


class CellFailed(Exception):
    """A value that a function of single values cannot take."""

    def __init__(self, message: str, code: int = 0, *, refused: bool = False) -> None:
        super().__init__(message)
        self.failure = Failure(message, code, refused)


def map_cells(
    data: Data,
    function: Callable[[Any], Any],
    *,
    on_null: Callable[[], Any] | None = None,
    where: Mask | None = None,
) -> tuple[Data, dict[int, Failure]]:
    """Apply a function to every value of a column; return the results and the failures by row.

    on_null: what nulls become; they stay null without it. where: the rows that count, the rest become null.
    The function is called once for each distinct value as long as the column is an Arrow array.
    """
    if where is not None and not where.all():
        rows = np.flatnonzero(where)
        mapped, failed = map_cells(take(data, rows), function, on_null=on_null)
        at = np.full(len(data), -1, dtype=np.int64)
        at[rows] = np.arange(len(rows))
        return take(mapped, at), {int(rows[row]): failure for row, failure in failed.items()}
    values, codes = encode(data)
    results: list[Any] = []
    bad: dict[int, Failure] = {}
    for i, value in enumerate(values):
        if value is None:
            results.append(None)
            continue
        try:
            results.append(function(value))
        except CellFailed as error:
            results.append(None)
            bad[i] = error.failure
    if on_null is not None and (codes < 0).any():
        try:
            results.append(on_null())
        except CellFailed as error:
            results.append(None)
            bad[len(results) - 1] = error.failure
        codes = np.where(codes < 0, len(results) - 1, codes)
    failed = _failed_rows(codes, bad)
    made = column_of(results)
    if len(made) == 0:
        made = pa.nulls(1, pa.string())
        codes = np.full(len(codes), -1, dtype=np.int64)
    return take(made, codes), failed


def _failed_rows(codes: np.ndarray[Any, Any], bad: dict[int, Failure]) -> dict[int, Failure]:
    if not bad:
        return {}
    rows = np.flatnonzero(np.isin(codes, np.fromiter(bad, np.int64, len(bad))))
    return {int(row): bad[int(codes[row])] for row in rows}
