"""Quick ways of common string functions over whole Arrow arrays, for calls in which only the string varies.

Each `choose` looks at the constants of a call and declines (None) what Arrow's function would do differently.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.data.batch import Column
from penstock.data.pool import Pool
from penstock.data.types import STRINGS
from penstock.sql.functions.distinct import constant_value
from penstock.sql.functions.registry import Apply, Signature, Through


def through(choose: Callable[..., Apply | None], varying: int = 0) -> Through:
    """Return the way for calls in which only the string at `varying` is no constant.

    choose: from the values of the constants, in order, to what is applied, or None.
    """

    def of_call(pool: Pool, signature: Signature, constants: Sequence[Column | None]) -> Apply | None:
        others = [i for i in range(len(constants)) if i != varying]
        if len(constants) <= varying or constants[varying] is not None or any(constants[i] is None for i in others):
            return None
        if signature.arguments[varying].kind not in STRINGS:
            return None
        values = [constant_value(constants[i], signature.arguments[i], pool) for i in others]
        return None if any(v is None for v in values) else choose(*values)

    return Through(of_call, varying)


def _slice(begin: int, end: int | None) -> Apply:
    return lambda array: pc.utf8_slice_codeunits(array, begin, end)


def choose_left(count: int) -> Apply:
    """LEFT(string, count)."""
    return _slice(0, max(count, 0))


def choose_right(count: int) -> Apply:
    """RIGHT(string, count)."""
    return _slice(-count, None) if count > 0 else _slice(0, 0)


def choose_substring(start: int, count: int | None = None) -> Apply:
    """SUBSTRING(string, start, count): what lies before the first character counts."""
    begin = max(start - 1, 0)
    return _slice(begin, None if count is None else max(start - 1 + count, begin))


def choose_substr(start: int, count: int | None = None) -> Apply | None:
    """SUBSTR(string, start, count) from the beginning."""
    return choose_substring(max(start, 1), count) if start >= 0 else None


def choose_replace(old: str, new: str) -> Apply | None:
    """REPLACE(string, old, new) of something."""
    return (lambda array: pc.replace_substring(array, old, new)) if old else None


def choose_split_part(delimiter: str, number: int) -> Apply | None:
    """SPLIT_PART(string, delimiter, number) from the beginning."""
    if not delimiter or number < 1:
        return None

    def apply(array: Any) -> Any:
        parts = pc.split_pattern(array, delimiter, max_splits=number)
        offsets = parts.offsets.to_numpy().astype(np.int64)
        at = offsets[:-1] + (number - 1)
        missing = at >= offsets[1:]
        return parts.values.take(pa.array(at, mask=missing)).fill_null("")

    return apply


def choose_trim(ends: str, characters: str) -> Apply | None:
    """TRIM(ends, characters, string)."""
    functions = {"LEADING": pc.utf8_ltrim, "TRAILING": pc.utf8_rtrim, "BOTH": pc.utf8_trim}
    function = functions.get(ends.upper())
    if function is None or not characters:
        return None
    return lambda array: function(array, characters)


def choose_reverse() -> Apply:
    """REVERSE(string)."""
    return lambda array: pc.utf8_reverse(array)
