"""Casts between integer types: range checks on words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from penstock.data.batch import Column
from penstock.data.types import INTEGERS, Kind, SqlType
from penstock.data.values_scalars import integer_range
from penstock.sql.functions.casts import KEEP, Conversion, conversion
from penstock.sql.functions.coercion import describe
from penstock.sql.functions.registry import Context, EvaluationError


def out_of_type(value: object, target: SqlType) -> EvaluationError:
    """Return the error of a number that the integer type cannot hold."""
    return EvaluationError(
        f"Error converting {value} to {describe(target)}: out of range integral type conversion attempted"
    )


@conversion(INTEGERS, INTEGERS)
def _integer_to_integer(context: Context, source: SqlType, target: SqlType, safe: bool) -> Conversion:
    low, high = integer_range(target.kind)
    least, most = integer_range(source.kind)
    if low <= least and most <= high:
        return KEEP
    first, last = _bounds(source.kind, target.kind)

    def kernel(arguments: Sequence[Column], row_count: int) -> Column:
        words = arguments[0].words
        bad = (words < first) | (words > last)
        if not bad.any():
            return Column(words)
        if safe:
            return Column(np.where(bad, 0, words), bad)
        word = int(words[np.flatnonzero(bad)[0]])
        raise out_of_type(word + (1 << 64) if word < 0 and source.kind is Kind.UBIGINT else word, target)

    return Conversion(kernel, can_fail=not safe, tolerant=True)


def _bounds(source: Kind, target: Kind) -> tuple[int, int]:
    """Return the least and greatest word of the source type that the target type holds."""
    low, high = integer_range(target)
    if source is Kind.UBIGINT or target is Kind.UBIGINT:
        return 0, min(high, (1 << 63) - 1)  # a word with the top bit set is out of one of the two types
    return low, high
