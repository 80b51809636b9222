"""Functions that evaluate a lambda for each element of an array: TRANSFORM and ARRAY_EXISTS.

The elements of all rows become one long column, the lambda runs once over it beside the columns it reads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from penstock.data.batch import Column, Words
from penstock.data.pool import Pool
from penstock.data.types import Kind, SqlType
from penstock.data.values import decode_column, encode_values
from penstock.sql.functions.coercion import expect_count, mismatch
from penstock.sql.functions.containers import array_of, part
from penstock.sql.functions.registry import Argument, Context, Evaluator, Resolve, Signature, lazy


def run_lambda(function: Argument, columns: Sequence[Column], rows: Words, parameters: Sequence[Column]) -> Column:
    """Evaluate a lambda for m parameter values, the i-th of them belonging to the row rows[i] of the columns."""
    assert function.width is not None
    nothing = Column(np.zeros(len(rows), np.int64))
    outer = [column.take(rows) if i in function.used else nothing for i, column in enumerate(columns[: function.width])]
    outer.extend([nothing] * (function.width - len(outer)))
    return function.run([*outer, *parameters], len(rows))


def _elements(argument: Argument, columns: Sequence[Column], row_count: int, pool: Pool) -> tuple[list[object], Words]:
    """The arrays of all rows (None: NULL) and the row of each of their elements."""
    arrays = decode_column(argument.run(columns, row_count), argument.type, pool)
    sizes = [len(a) if isinstance(a, list) else 0 for a in arrays]
    return arrays, np.repeat(np.arange(row_count), sizes)


def _types(name: str, result: Callable[[SqlType], SqlType | None]) -> Resolve:
    def resolve(types: Sequence[SqlType]) -> Signature:
        expect_count(name.lower(), types, 2)
        made = result(types[1])
        if types[0].kind is not Kind.ARRAY or made is None:
            raise mismatch(name, types)
        return Signature(tuple(types), made.with_nullable(types[0].nullable or made.nullable))

    return resolve


def _truth(body: SqlType) -> SqlType | None:
    return SqlType(Kind.BOOLEAN) if body.kind in (Kind.BOOLEAN, Kind.NULL) else None


@lazy("TRANSFORM", resolve=_types("TRANSFORM", lambda body: array_of(body, False)))
def transform(context: Context, arguments: Sequence[Argument], signature: Signature) -> Evaluator:
    """Make an array of the lambda's results for each element."""
    pool, (given, function) = context.pool, arguments
    element = part(given.type.element)

    def run(columns: Sequence[Column], row_count: int) -> Column:
        arrays, rows = _elements(given, columns, row_count, pool)
        flat = encode_values([v for a in arrays if isinstance(a, list) for v in a], element, pool)
        made = iter(decode_column(run_lambda(function, columns, rows, [flat]), function.type, pool))
        return encode_values(
            [[next(made) for _ in a] if isinstance(a, list) else None for a in arrays], signature.result, pool
        )

    return run


@lazy("ARRAY_EXISTS", resolve=_types("ARRAY_EXISTS", _truth))
def array_exists(context: Context, arguments: Sequence[Argument], signature: Signature) -> Evaluator:
    """Whether the lambda is true for an element; NULL if it is true for none and NULL for some."""
    pool, (given, function) = context.pool, arguments
    element = part(given.type.element)

    def run(columns: Sequence[Column], row_count: int) -> Column:
        arrays, rows = _elements(given, columns, row_count, pool)
        flat = encode_values([v for a in arrays if isinstance(a, list) for v in a], element, pool)
        made = run_lambda(function, columns, rows, [flat])
        unknown = np.zeros(len(rows), np.bool_) if made.nulls is None else made.nulls
        found = np.bincount(rows[(made.words != 0) & ~unknown], minlength=row_count) > 0
        open_rows = (np.bincount(rows[unknown], minlength=row_count) > 0) & ~found
        nulls = open_rows | np.array([a is None for a in arrays], np.bool_)
        return Column(np.where(nulls, 0, found), nulls if nulls.any() else None)

    return run
