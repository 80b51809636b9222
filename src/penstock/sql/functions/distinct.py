"""Functions of strings and nested values, evaluated once for each distinct combination of their arguments.

A function of one pooled argument, all others constant, remembers its results by code for as long as the circuit lives:
a value seen before costs one load. With several varying arguments the combinations of a batch are made distinct first.
A family registers Python functions with `by_value`, functions over whole columns with `by_column`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from numba import types

from penstock.data.arrow import column_to_arrow
from penstock.data.arrow_reading import column_from_arrow
from penstock.data.batch import Column, Mask, Words
from penstock.data.kernels import compiled
from penstock.data.memory import Reserve
from penstock.data.pool import Pool
from penstock.data.types import VARCHAR, SqlType
from penstock.data.values import decode_column, encode_values
from penstock.sql.functions.registry import (
    Apply,
    Context,
    Kernel,
    Measure,
    Prepare,
    Resolve,
    Signature,
    Through,
    is_constant,
    prepared,
)

Bulk = Callable[[Pool, Signature, Sequence[Column]], Column]
"""bulk(pool, signature, arguments) -> column of as many values, over distinct rows; with `strict` none has a null."""

Maker = Callable[[Pool, Signature, Sequence[Column | None]], Bulk | None]
"""maker(pool, signature, constants) -> a bulk function for the constants of a call, or None for the general one.

A constant has one row and is not null."""

F = TypeVar("F", bound=Callable[..., object])

_FIRST_CODES = 1 << 20
_GROWTH = 16
_UNKNOWN, _VALUE, _NULL = 0, 1, 2


_I64, _READ_I64 = types.int64[::1], types.Array(types.int64, 1, "A", readonly=True)


@compiled(types.UniTuple(types.int64, 2)(_READ_I64, types.uint8[::1], _I64, _I64, types.boolean[::1]))
def _recall(codes: Any, state: Any, known: Any, words: Any, nulls: Any) -> Any:  # pragma: no cover - compiled
    """Write what is known of codes; returns of how many nothing is, and how many are null."""
    unknown = np.int64(0)
    null = np.int64(0)
    for i in range(len(codes)):
        code = codes[i]
        words[i] = known[code]
        nulls[i] = state[code] == _NULL
        unknown += state[code] == _UNKNOWN
        null += state[code] == _NULL
    return unknown, null


@compiled(types.int64(_READ_I64, types.int64, _I64, _I64))
def runs(words: Any, unit: int, starts: Any, inverse: Any) -> Any:  # pragma: no cover - compiled
    """Find runs of words that lie in the same unit, a multiple of it and what follows; returns how many there are.

    starts: for each run the multiple that it lies in; inverse: for each word its run.
    """
    n = np.int64(0)
    low = np.int64(0)
    for i in range(len(words)):
        if n == 0 or words[i] < low or words[i] > low + (unit - 1):
            low = words[i] - words[i] % unit
            starts[n] = low
            n += 1
        inverse[i] = n - 1
    return n


class Memo:
    """Results of a function of one pooled value, by its code. The arrays take memory only where codes were seen.

    pooled: the results are codes themselves.
    """

    def __init__(self, compute: Callable[[Words], Column], pool: Pool, pooled: bool) -> None:
        self._compute = compute
        self._pool = pool
        self._pooled = pooled
        self._state_area = Reserve(_FIRST_CODES, np.uint8)
        self._words_area = Reserve(_FIRST_CODES)
        self._state: npt.NDArray[np.uint8] = self._state_area.array
        self._words: Words = self._words_area.array
        pool.remembered.append(self)

    def forget(self, codes: Words) -> None:
        """Forget what is known of codes that are about to stand for something else."""
        self._state[codes[codes < len(self._state)]] = _UNKNOWN

    def forget_codes(self) -> None:
        """Forget all results that are codes: nothing else may hold them."""
        if self._pooled:
            self._state_area.give_back(0, len(self._state))

    def _make_room(self) -> None:
        capacity = len(self._state)
        if self._pool.bound > capacity:
            while self._pool.bound > capacity:
                capacity *= _GROWTH
            self._state = np.empty(0, np.uint8)
            self._words = np.empty(0, np.int64)
            self._state = self._state_area.grow(capacity)
            self._words = self._words_area.grow(capacity)

    def __call__(self, codes: Words) -> Column:
        """Return the results for codes; those not seen before are computed, each once."""
        self._make_room()
        words = np.empty(len(codes), np.int64)
        nulls = np.empty(len(codes), np.bool_)
        unknown, null = _recall(codes, self._state, self._words, words, nulls)
        if unknown:
            missing = self._once(codes[self._state[codes] == _UNKNOWN])
            made = self._compute(missing)
            self._words[missing] = made.words
            self._state[missing] = _VALUE if made.nulls is None else np.where(made.nulls, _NULL, _VALUE)
            if len(missing) == len(codes):
                return made
            _, null = _recall(codes, self._state, self._words, words, nulls)
        return Column(words, nulls if null else None)

    def _once(self, codes: Words) -> Words:
        """Return each of some unknown codes once: of equal ones the last to write its place wins."""
        places = np.arange(len(codes))
        self._words[codes] = places
        return np.asarray(codes[self._words[codes] == places], np.int64)

    def of(self, column: Column) -> Column:
        """Return the results for a column; NULL where it is null, which the function is not asked about."""
        nulls = column.nulls
        if nulls is None or not nulls.any():
            return self(column.words)
        words = np.zeros(len(nulls), np.int64)
        rows = np.flatnonzero(~nulls)
        if len(rows):
            made = self(column.words[rows])
            words[rows] = made.words
            if made.nulls is not None:
                nulls = nulls.copy()
                nulls[rows] = made.nulls
        return Column(words, nulls)


def distinct_rows(columns: Sequence[Column], row_count: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return (first, inverse): a row of each distinct combination of values, and for each row its combination."""
    keys: list[Words] = []
    for column in columns:
        if not is_constant(column):
            keys.append(column.words)
            if column.nulls is not None:
                keys.append(column.nulls.astype(np.int64))
    if not keys:
        return np.zeros(1, np.intp), np.zeros(row_count, np.intp)
    inverse = np.zeros(row_count, np.int64)
    for key in keys:
        one = _ranks(key)
        if len(keys) == 1:
            inverse = one
            continue
        size = int(one.max()) + 1
        _, inverse = np.unique(inverse * size + one, return_inverse=True)
    first = np.empty(int(inverse.max()) + 1, np.intp)
    first[inverse[::-1]] = np.arange(row_count - 1, -1, -1)
    return first, inverse


def _ranks(key: Words) -> npt.NDArray[np.intp]:
    """Return for each word its rank among the different ones; runs of equal words, as time makes them, are cheap."""
    starts, run = np.empty(len(key), np.int64), np.empty(len(key), np.int64)
    count = runs(key, 1, starts, run)
    inverse = np.unique(starts[:count], return_inverse=True)[1]
    return inverse if count == len(key) else inverse[run]


def over_distinct(bulk: Bulk, pool: Pool, signature: Signature, columns: Sequence[Column], row_count: int) -> Column:
    """Evaluate on distinct combinations and spread the results."""
    if row_count == 0:
        return Column(np.empty(0, np.int64))
    if row_count == 1:
        return bulk(pool, signature, columns)
    if not columns:
        return bulk(pool, signature, columns).take(np.zeros(row_count, np.intp))
    first, inverse = distinct_rows(columns, row_count)
    return bulk(pool, signature, [column.take(first) for column in columns]).take(inverse)


def _without_nulls(bulk: Bulk) -> Bulk:
    """Keep rows with a null argument away from a function; their result is NULL."""

    def run(pool: Pool, signature: Signature, columns: Sequence[Column]) -> Column:
        nulls: Mask | None = None
        for column in columns:
            if column.nulls is not None:
                nulls = column.nulls if nulls is None else nulls | column.nulls
        if nulls is None or not nulls.any():
            return bulk(pool, signature, columns)
        words = np.zeros(len(nulls), np.int64)
        if nulls.all():
            return Column(words, nulls)
        rows = np.flatnonzero(~nulls)
        made = bulk(pool, signature, [Column(column.words[rows]) for column in columns])
        words[rows] = made.words
        if made.nulls is not None:
            nulls = nulls.copy()
            nulls[rows] = made.nulls
        return Column(words, nulls)

    return run


def _prepare(bulk: Bulk, make: Maker | None, strict: bool) -> Prepare:
    def prepare(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Kernel:
        pool = context.pool
        chosen = bulk
        usable = not any(c is not None and c.nulls is not None and c.nulls.any() for c in constants)
        if make is not None and usable:
            chosen = make(pool, signature, constants) or bulk
        run = _without_nulls(chosen) if strict else chosen
        varying = [i for i, c in enumerate(constants) if c is None]
        if len(varying) == 1 and _by_code(signature.arguments[varying[0]]) and usable:
            return _remembering(run, pool, signature, constants, varying[0], strict)

        def kernel(arguments: Sequence[Column], row_count: int) -> Column:
            return over_distinct(run, pool, signature, arguments, row_count)

        return kernel

    return prepare


def _by_code(type: SqlType) -> bool:
    return type.pooled and not type.wide


def _remembering(
    run: Bulk, pool: Pool, signature: Signature, constants: Sequence[Column | None], at: int, strict: bool
) -> Kernel:
    pool = pool.lasting

    def spread(column: Column, size: int) -> Column:
        return Column(np.full(size, column.words[0], np.int64))

    def compute(codes: Words) -> Column:
        return run(pool, signature, [Column(codes) if c is None else spread(c, len(codes)) for c in constants])

    memo = Memo(compute, pool, signature.result.pooled)

    def kernel(arguments: Sequence[Column], row_count: int) -> Column:
        argument = arguments[at]
        if strict or argument.nulls is None or not argument.nulls.any():
            return memo.of(argument)
        return over_distinct(run, pool, signature, arguments, row_count)

    return kernel


def in_one_go(steps: Sequence[Apply], last: Measure | None) -> Bulk:
    """Return the function of a text column that applies the steps in order, then measures what comes of them, if asked.

    Only the last text is put into the pool, and none that is measured.
    """

    def bulk(pool: Pool, signature: Signature, columns: Sequence[Column]) -> Column:
        array = column_to_arrow(Column(columns[0].words), VARCHAR, pool)
        for step in steps:
            array = step(array)
        return Column(column_from_arrow(array, VARCHAR, pool).words) if last is None else last(array)

    return bulk


def over_distinct_text(bulk: Bulk) -> Prepare:
    """Return what prepares a function of one text, for those who make it up of several."""
    return _prepare(bulk, None, strict=True)


def _made_through(through: Through) -> Maker:
    def make(pool: Pool, signature: Signature, constants: Sequence[Column | None]) -> Bulk | None:
        apply = through.choose(pool, signature, constants)
        if apply is None:
            return None
        run = in_one_go((apply,), None)
        return lambda pool, signature, columns: run(pool, signature, [columns[through.varying]])

    return make


def by_column(
    *names: str, resolve: Resolve, strict: bool = True, can_fail: bool = False, make: Maker | None = None
) -> Callable[[Bulk], Bulk]:
    """Register a function over columns of distinct rows. make: chooses another one for constant arguments."""

    def register(bulk: Bulk) -> Bulk:
        prepared(*names, resolve=resolve, strict=strict, can_fail=can_fail)(_prepare(bulk, make, strict))
        return bulk

    return register


def python_bulk(function: Callable[..., object]) -> Bulk:
    """Return the function over columns that calls a Python function for each row's values (`data/values.py`).

    Without arguments there is one row.
    """

    def bulk(pool: Pool, signature: Signature, columns: Sequence[Column]) -> Column:
        decoded = [decode_column(c, t, pool) for c, t in zip(columns, signature.arguments, strict=True)]
        made = [*map(function, *decoded)] if decoded else [function()]
        return encode_values(made, signature.result, pool)

    return bulk


def typed_bulk(build: Callable[[Signature], Callable[..., object]]) -> Bulk:
    """Like `python_bulk` for a function that depends on the types of the call."""
    made: dict[Signature, Bulk] = {}

    def bulk(pool: Pool, signature: Signature, columns: Sequence[Column]) -> Column:
        if signature not in made:
            made[signature] = python_bulk(build(signature))
        return made[signature](pool, signature, columns)

    return bulk


def over_distinct_values(function: Callable[..., object]) -> Prepare:
    """Return what prepares a Python function of values that are not null, for families that choose their kernel."""
    return _prepare(python_bulk(function), None, strict=True)


def by_value(
    *names: str, resolve: Resolve, strict: bool = True, can_fail: bool = False, through: Through | None = None
) -> Callable[[F], F]:
    """Register a Python function of values; without `strict` it is given None for NULL. It may return None.

    through: a quicker way for a call whose other arguments are constant, of a function that is strict and cannot fail.
    """

    def register(function: F) -> F:
        make = None if through is None else _made_through(through)
        prepare = _prepare(python_bulk(function), make, strict)
        prepared(*names, resolve=resolve, strict=strict, can_fail=can_fail, through=through)(prepare)
        return function

    return register


def by_type(
    *names: str, resolve: Resolve, strict: bool = True, can_fail: bool = False
) -> Callable[[Callable[[Signature], Callable[..., object]]], Callable[[Signature], Callable[..., object]]]:
    """Register a builder of Python functions: build(signature) -> function of values."""

    def register(build: Callable[[Signature], Callable[..., object]]) -> Callable[[Signature], Callable[..., object]]:
        prepared(*names, resolve=resolve, strict=strict, can_fail=can_fail)(_prepare(typed_bulk(build), None, strict))
        return build

    return register


def interned(pool: Pool, values: Sequence[bytes | None]) -> Column:
    """Return the column of pooled values given by their bytes; None is NULL."""
    nulls = np.array([v is None for v in values], np.bool_)
    if not nulls.any():
        return Column(pool.intern_many(v for v in values if v is not None))
    words = np.zeros(len(values), np.int64)
    words[~nulls] = pool.intern_many(v for v in values if v is not None)
    return Column(words, nulls)


def constant_value(column: Column | None, type: SqlType, pool: Pool) -> object:
    """Return the Python value of a constant argument, None if it is not constant."""
    return None if column is None else decode_column(Column(column.words[:1], column.nulls), type, pool)[0]
