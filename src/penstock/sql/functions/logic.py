"""Three-valued logic: AND, OR, NOT and the IS tests.

AND and OR evaluate their right side only for the rows that the left side leaves open, if it can fail.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from penstock.data.batch import Column, Mask
from penstock.data.types import BOOLEAN, STRINGS, Kind, SqlType
from penstock.sql.functions.coercion import any_nullable, expect_count, mismatch
from penstock.sql.functions.registry import (
    Argument,
    Context,
    Evaluator,
    Kernel,
    Resolve,
    Signature,
    Test,
    lazy,
    predicate,
    prepared,
)


def _resolve_booleans(name: str, least: int, most: int, never_null: bool = False) -> Resolve:
    def resolve(types: Sequence[SqlType]) -> Signature:
        expect_count(name, types, least, most)
        if any(t.kind not in (Kind.BOOLEAN, Kind.NULL, *STRINGS) for t in types):
            raise mismatch(name, types)
        arguments = tuple(BOOLEAN.with_nullable(t.nullable) for t in types)
        return Signature(arguments, BOOLEAN.with_nullable(not never_null and any_nullable(types)))

    return resolve


def _connect(a: Column, b: Column, both: bool) -> Column:
    """AND (both) or OR of two columns."""
    words = a.words & b.words if both else a.words | b.words
    if a.nulls is None and b.nulls is None:
        return Column(words)
    if both:
        settled = _false(a) | _false(b)
    else:
        settled = words != 0
    unknown = (_nulls(a) | _nulls(b)) & ~settled
    return Column(words, unknown)


def _nulls(column: Column) -> Mask:
    return np.zeros(len(column), np.bool_) if column.nulls is None else column.nulls


def _false(column: Column) -> Mask:
    zero: Mask = column.words == 0
    return zero if column.nulls is None else zero & ~column.nulls


def _connective(both: bool, arguments: Sequence[Argument]) -> Evaluator:
    run = arguments[0].run
    for following in arguments[1:]:
        run = _narrowed(both, run, following) if following.can_fail else _plain(both, run, following.run)
    return run


def _plain(both: bool, first: Evaluator, second: Evaluator) -> Evaluator:
    def run(columns: Sequence[Column], row_count: int) -> Column:
        return _connect(first(columns, row_count), second(columns, row_count), both)

    return run


def _narrowed(both: bool, first: Evaluator, second: Argument) -> Evaluator:
    def run(columns: Sequence[Column], row_count: int) -> Column:
        left = first(columns, row_count)
        rows = np.flatnonzero(~_false(left) if both else left.words == 0)
        if not len(rows):
            return left
        if len(rows) == row_count:
            return _connect(left, second.run(columns, row_count), both)
        part = second.over(columns, rows)
        words = np.zeros(row_count, np.int64)
        words[rows] = part.words
        nulls = None
        if part.nulls is not None:
            nulls = np.zeros(row_count, np.bool_)
            nulls[rows] = part.nulls
        return _connect(left, Column(words, nulls), both)

    return run


@lazy("AND", resolve=_resolve_booleans("AND", 2, -1))
def _and(context: Context, arguments: Sequence[Argument], signature: Signature) -> Evaluator:
    return _connective(True, arguments)


@lazy("OR", resolve=_resolve_booleans("OR", 2, -1))
def _or(context: Context, arguments: Sequence[Argument], signature: Signature) -> Evaluator:
    return _connective(False, arguments)


@prepared("NOT", resolve=_resolve_booleans("NOT", 1, 1))
def _not(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Kernel:
    return lambda arguments, row_count: Column(arguments[0].words ^ 1)


def _resolve_null_test(name: str) -> Resolve:
    def resolve(types: Sequence[SqlType]) -> Signature:
        expect_count(name, types, 1)
        return Signature(tuple(types), BOOLEAN)

    return resolve


def _is_null(arguments: Sequence[Column]) -> Mask:
    return _nulls(arguments[0])


def _is_true(arguments: Sequence[Column]) -> Mask:
    true: Mask = arguments[0].words != 0
    return true


def _is_false(arguments: Sequence[Column]) -> Mask:
    return _false(arguments[0])


def _declare(name: str, test: Test, resolver: Callable[[str], Resolve]) -> None:
    negated = name.replace("IS ", "IS NOT ")

    @predicate(name, resolve=resolver(name), strict=False)
    def positive(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Test:
        return test

    @predicate(negated, resolve=resolver(negated), strict=False)
    def negative(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Test:
        return lambda arguments: ~test(arguments)


def _resolve_truth_test(name: str) -> Resolve:
    return _resolve_booleans(name, 1, 1, never_null=True)


_declare("IS NULL", _is_null, _resolve_null_test)
_declare("IS UNKNOWN", _is_null, _resolve_truth_test)
_declare("IS TRUE", _is_true, _resolve_truth_test)
_declare("IS FALSE", _is_false, _resolve_truth_test)
