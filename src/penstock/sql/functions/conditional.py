"""COALESCE, IFNULL, NULLIF, IF, GREATEST, LEAST and their forms that pass over nulls."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from penstock.data.batch import Column, Mask
from penstock.data.types import BOOLEAN, Kind, SqlType
from penstock.sql.functions.coercion import any_nullable, comparable, expect_count, least_restrictive, mismatch
from penstock.sql.functions.comparison import Compare, comparer
from penstock.sql.functions.registry import (
    Argument,
    Context,
    Evaluator,
    Kernel,
    Resolve,
    Signature,
    lazy,
    prepared,
)


def _resolve_common(name: str, least: int, most: int, nullable: Callable[[Sequence[SqlType]], bool]) -> Resolve:
    def resolve(types: Sequence[SqlType]) -> Signature:
        expect_count(name, types, least, most)
        shared = least_restrictive(types)
        if shared is None:
            raise mismatch(name, types)
        return Signature(tuple(shared.with_nullable(t.nullable) for t in types), shared.with_nullable(nullable(types)))

    return resolve


def _all_nullable(types: Sequence[SqlType]) -> bool:
    return all(t.nullable for t in types)


def _choose(mask: Mask, yes: Column, no: Column) -> Column:
    """Return `yes` where the mask is set, else `no`."""
    words = np.where(mask, yes.words, no.words)
    if yes.nulls is None and no.nulls is None:
        return Column(words)
    left = False if yes.nulls is None else yes.nulls
    right = False if no.nulls is None else no.nulls
    return Column(words, np.where(mask, left, right))


def _coalesce(context: Context, arguments: Sequence[Argument], signature: Signature) -> Evaluator:
    """The first argument that is not null; later ones are evaluated only for rows that need them."""

    def run(columns: Sequence[Column], row_count: int) -> Column:
        out = arguments[0].run(columns, row_count)
        for following in arguments[1:]:
            nulls = out.nulls
            if nulls is None:
                return out
            rows = np.flatnonzero(nulls)
            if not len(rows):
                return Column(out.words)
            if len(rows) == row_count:
                out = following.run(columns, row_count)
            elif following.can_fail:
                out = _fill(out, rows, following.over(columns, rows))
            else:
                out = _choose(nulls, following.run(columns, row_count), out)
        return out

    return run


def _fill(out: Column, rows: np.ndarray[tuple[int], np.dtype[np.intp]], part: Column) -> Column:
    assert out.nulls is not None
    words, nulls = out.words.copy(), out.nulls.copy()
    words[rows] = part.words
    nulls[rows] = False if part.nulls is None else part.nulls
    return Column(words, nulls)


lazy("COALESCE", resolve=_resolve_common("COALESCE", 1, -1, _all_nullable))(_coalesce)
lazy("IFNULL", resolve=_resolve_common("IFNULL", 2, 2, _all_nullable))(_coalesce)


def _resolve_if(types: Sequence[SqlType]) -> Signature:
    expect_count("IF", types, 3)
    if types[0].kind not in (Kind.BOOLEAN, Kind.NULL):
        raise mismatch("IF", types)
    shared = least_restrictive(types[1:])
    if shared is None:
        raise mismatch("IF", types)
    branches = [shared.with_nullable(t.nullable) for t in types[1:]]
    return Signature((BOOLEAN.with_nullable(types[0].nullable), *branches), shared)


@lazy("IF", resolve=_resolve_if)
def _if(context: Context, arguments: Sequence[Argument], signature: Signature) -> Evaluator:
    """The second argument where the first is true, else the third."""
    condition, yes, no = arguments
    if not yes.can_fail and not no.can_fail:

        def run(columns: Sequence[Column], row_count: int) -> Column:
            mask = condition.run(columns, row_count).words != 0
            return _choose(mask, yes.run(columns, row_count), no.run(columns, row_count))

        return run

    def run_apart(columns: Sequence[Column], row_count: int) -> Column:
        mask = condition.run(columns, row_count).words != 0
        if mask.all():
            return yes.run(columns, row_count)
        if not mask.any():
            return no.run(columns, row_count)
        words, nulls = np.empty(row_count, np.int64), np.zeros(row_count, np.bool_)
        for argument, rows in ((yes, np.flatnonzero(mask)), (no, np.flatnonzero(~mask))):
            part = argument.over(columns, rows)
            words[rows] = part.words
            if part.nulls is not None:
                nulls[rows] = part.nulls
        return Column(words, nulls if nulls.any() else None)

    return run_apart


def _resolve_nullif(types: Sequence[SqlType]) -> Signature:
    expect_count("NULLIF", types, 2)
    pair = comparable(types[0], types[1])
    if pair is None:
        raise mismatch("NULLIF", types)
    return Signature(pair, pair[0].with_nullable(True))


@prepared("NULLIF", resolve=_resolve_nullif, strict=False)
def _nullif(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Kernel:
    """NULL where both arguments are equal, else the first."""
    equal = comparer("=", signature.arguments[0], signature.arguments[1], context.pool)

    def kernel(arguments: Sequence[Column], row_count: int) -> Column:
        value, other = arguments
        lost = equal(value, other)
        for column in (value, other):
            if column.nulls is not None:
                lost = lost & ~column.nulls
        nulls = lost if value.nulls is None else lost | value.nulls
        return Column(np.where(nulls, 0, value.words), nulls)

    return kernel


def _extreme(operator: str) -> Callable[[Context, Signature, Sequence[Column | None]], Kernel]:
    def prepare(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Kernel:
        kind = signature.result
        better = comparer(operator, kind, kind, context.pool)

        def kernel(arguments: Sequence[Column], row_count: int) -> Column:
            words = arguments[0].words
            for other in arguments[1:]:
                words = np.where(better(other, Column(words)), other.words, words)
            return Column(words)

        return kernel

    return prepare


def _extreme_of_known(operator: str) -> Callable[[Context, Signature, Sequence[Column | None]], Kernel]:
    def prepare(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Kernel:
        kind = signature.result
        better = comparer(operator, kind, kind, context.pool)

        def kernel(arguments: Sequence[Column], row_count: int) -> Column:
            out = arguments[0]
            for other in arguments[1:]:
                out = _choose(_beats(better, other, out), other, out)
            return out

        return kernel

    return prepare


def _beats(better: Compare, other: Column, out: Column) -> Mask:
    mask = better(other, out)
    if out.nulls is not None:
        mask = mask | out.nulls
    return mask if other.nulls is None else mask & ~other.nulls


for _name, _operator in (("GREATEST", ">"), ("LEAST", "<")):
    prepared(_name, resolve=_resolve_common(_name, 1, -1, any_nullable))(_extreme(_operator))
    _longer = f"{_name}_IGNORE_NULLS"
    prepared(_longer, resolve=_resolve_common(_longer, 1, -1, _all_nullable), strict=False)(
        _extreme_of_known(_operator)
    )
