"""Comparison of values of every type: =, <>, <, <=, >, >=, IS [NOT] DISTINCT FROM, <=>, BETWEEN and IN lists.

Fixed-width types compare by their words (floats as doubles with NaN equal to itself and greatest), pooled types by
their codes when only equality matters and else by their bytes, exact numbers of different types after alignment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from penstock.data.batch import Column, Mask, Words
from penstock.data.pool import Pool
from penstock.data.types import BOOLEAN, FLOATS, INTEGERS, SIGNED, STRINGS, Kind, SqlType
from penstock.sql.functions.coercion import (
    any_nullable,
    comparable,
    decimal_of,
    expect_count,
    least_restrictive,
    mismatch,
)
from penstock.sql.functions.decimals import align, as_mask
from penstock.sql.functions.registry import (
    Argument,
    Context,
    Evaluator,
    Kernel,
    Resolve,
    Signature,
    Test,
    TypeMismatch,
    lazy,
    predicate,
    prepared,
)

Compare = Callable[[Column, Column], Mask]
"""compare(left, right) -> (n,) bool; what it says of nulls does not count."""

_UFUNCS: dict[str, Callable[[Words, Words], Mask]] = {
    "=": np.equal,
    "<>": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}


def comparer(operator: str, left: SqlType, right: SqlType, pool: Pool) -> Compare:
    """Return the comparison of two columns of comparable types. operator: "=", "<>", "<", "<=", ">" or ">="."""
    a, b = left.kind, right.kind
    if a is Kind.DECIMAL or b is Kind.DECIMAL:
        if left.pooled or right.pooled or (left.scale or 0) != (right.scale or 0) or Kind.UBIGINT in (a, b):
            return _exact(operator, left, right, pool)
        return _by_words(operator)
    if a in INTEGERS and b in INTEGERS and Kind.UBIGINT in (a, b):
        return _unsigned(operator, a, b)
    if a in FLOATS:
        return _floating(operator)
    if left.pooled and operator not in ("=", "<>"):
        return _by_bytes(operator, pool)
    return _by_words(operator)


def _by_words(operator: str) -> Compare:
    ufunc = _UFUNCS[operator]
    return lambda a, b: ufunc(a.words, b.words)


def _exact(operator: str, left: SqlType, right: SqlType, pool: Pool) -> Compare:
    if left.wide and right.wide and left.scale == right.scale and operator in ("=", "<>"):
        return _by_words(operator)
    aligned = align(left, right, pool)
    ufunc = _UFUNCS[operator]

    def compare(a: Column, b: Column) -> Mask:
        return as_mask(ufunc(*aligned(a, b)))

    return compare


def _by_bytes(operator: str, pool: Pool) -> Compare:
    ufunc = _UFUNCS[operator]
    zero = np.zeros(1, np.int64)
    return lambda a, b: ufunc(pool.compare(a.words, b.words).astype(np.int64), zero)


def _from_less(operator: str, less: Compare) -> Compare:
    """Make an ordering operator out of `<` for a type with a total order."""
    if operator == "<":
        return less
    if operator == ">":
        return lambda a, b: less(b, a)
    if operator == "<=":
        return lambda a, b: ~less(b, a)
    return lambda a, b: ~less(a, b)


def doubles(column: Column) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return a REAL or DOUBLE column's values. Shape (n,)."""
    words = column.words
    if words.strides == (8,):
        return words.view(np.float64)
    return np.ascontiguousarray(words).view(np.float64)


def unsigned(column: Column) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """Return a UBIGINT column's values. Shape (n,)."""
    words = column.words
    return words.view(np.uint64) if words.strides == (8,) else np.ascontiguousarray(words).view(np.uint64)


def _floating(operator: str) -> Compare:
    if operator in ("=", "<>"):
        return _by_words(operator)  # one NaN and one zero: equal values are equal words

    def less(a: Column, b: Column) -> Mask:
        x, y = doubles(a), doubles(b)
        below: Mask = ~(x >= y) & (x == x)
        return below

    return _from_less(operator, less)


def _unsigned(operator: str, a: Kind, b: Kind) -> Compare:
    if a in SIGNED or b in SIGNED:
        return _unsigned_with_signed(operator, left_signed=a in SIGNED)
    if operator in ("=", "<>"):
        return _by_words(operator)
    ufunc = _UFUNCS[operator]
    return lambda x, y: ufunc(unsigned(x), unsigned(y))  # type: ignore[arg-type]


def _unsigned_with_signed(operator: str, left_signed: bool) -> Compare:
    """Compare a UBIGINT with a signed integer: equal bits mean equal values only where neither has the top bit."""
    if operator in ("=", "<>"):

        def equal(a: Column, b: Column) -> Mask:
            same: Mask = (a.words == b.words) & (a.words >= 0)
            return same

        return equal if operator == "=" else lambda a, b: ~equal(a, b)

    def less(a: Column, b: Column, a_signed: bool) -> Mask:
        x, y = unsigned(a), unsigned(b)
        return (a.words < 0) | (x < y) if a_signed else (b.words >= 0) & (x < y)

    if operator in ("<", ">="):
        return _negated(lambda a, b: less(a, b, left_signed), operator == ">=")
    return _negated(lambda a, b: less(b, a, not left_signed), operator == "<=")


def _negated(compare: Compare, negate: bool) -> Compare:
    return (lambda a, b: ~compare(a, b)) if negate else compare


def resolve_comparison(name: str) -> Resolve:
    """Return the typing of a binary comparison."""

    def resolve(types: Sequence[SqlType]) -> Signature:
        expect_count(name, types, 2)
        if name in ("=", "<>") and all(t.kind is Kind.STRUCT for t in types):
            raise TypeMismatch(f"ROW values cannot be compared using '{name}'; use IS [NOT] DISTINCT FROM")
        pair = comparable(types[0], types[1])
        if pair is None:
            raise mismatch(name, types)
        never_null = "DISTINCT" in name or name == "<=>"
        return Signature(pair, BOOLEAN.with_nullable(not never_null and any_nullable(types)))

    return resolve


def _declare(operator: str, *names: str) -> None:
    @predicate(operator, *names, resolve=resolve_comparison(operator))
    def test(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Test:
        compare = comparer(operator, signature.arguments[0], signature.arguments[1], context.pool)
        return lambda arguments: compare(arguments[0], arguments[1])


for _operator in ("=", "<", "<=", ">", ">="):
    _declare(_operator)
_declare("<>", "!=")


def _same(compare: Compare, a: Column, b: Column) -> Mask:
    """Equality for which NULL equals NULL."""
    equal = compare(a, b)
    if a.nulls is None and b.nulls is None:
        return equal
    left: Mask | np.bool_ = np.False_ if a.nulls is None else a.nulls
    right: Mask | np.bool_ = np.False_ if b.nulls is None else b.nulls
    same: Mask = (equal & ~(left | right)) | (left & right)
    return same


@predicate("IS NOT DISTINCT FROM", resolve=resolve_comparison("IS NOT DISTINCT FROM"), strict=False)
def _not_distinct(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Test:
    compare = comparer("=", signature.arguments[0], signature.arguments[1], context.pool)
    return lambda arguments: _same(compare, arguments[0], arguments[1])


@predicate("<=>", resolve=resolve_comparison("<=>"), strict=False)
def _null_safe_equal(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Test:
    return _not_distinct(context, signature, constants)


@predicate("IS DISTINCT FROM", resolve=resolve_comparison("IS DISTINCT FROM"), strict=False)
def _distinct(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Test:
    same = _not_distinct(context, signature, constants)
    return lambda arguments: ~same(arguments)


def resolve_same_type(name: str, least: int, most: int) -> Callable[[Sequence[SqlType]], tuple[SqlType, ...]]:
    """Return the function to what several values that are compared with each other are cast to."""

    def resolve(types: Sequence[SqlType]) -> tuple[SqlType, ...]:
        expect_count(name, types, least, most)
        if all(decimal_of(t) is not None for t in types):
            return tuple(types)
        typed = [t for t in types if t.kind not in STRINGS] or list(types)
        shared = least_restrictive(typed)
        if shared is None:
            raise mismatch(name, types)
        pair = comparable(shared, next((t for t in types if t.kind in STRINGS), shared))
        if pair is None:
            raise mismatch(name, types)
        return tuple(pair[0].with_nullable(t.nullable) for t in types)

    return resolve


def _resolve_between(types: Sequence[SqlType]) -> Signature:
    arguments = resolve_same_type("BETWEEN", 3, 3)(types)
    return Signature(arguments, BOOLEAN.with_nullable(any_nullable(types)))


def _resolve_in(types: Sequence[SqlType]) -> Signature:
    try:
        resolve_same_type("IN", 1, -1)(types[1:])
    except TypeMismatch:
        raise TypeMismatch("Values in expression list must have compatible types") from None
    try:
        arguments = resolve_same_type("IN", 2, -1)(types)
    except TypeMismatch:
        raise TypeMismatch("Values passed to IN operator must have compatible types") from None
    return Signature(arguments, BOOLEAN.with_nullable(any_nullable(types)))


def _three_valued(answer: Mask, nulls: Mask | None, known: Mask) -> Column:
    """Return a BOOLEAN column: the answer, NULL where some part was null and the others do not settle it."""
    if nulls is None:
        return Column(answer.astype(np.int64))
    unknown = nulls & ~known
    return Column((answer & ~unknown).astype(np.int64), unknown)


def _between(symmetric: bool) -> Callable[[Context, Signature, Sequence[Column | None]], Kernel]:
    def prepare(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Kernel:
        x, low, high = signature.arguments
        above = comparer(">=", x, low, context.pool), comparer(">=", x, high, context.pool)
        below = comparer("<=", x, high, context.pool), comparer("<=", x, low, context.pool)

        def one(value: Column, least: Column, most: Column, swap: int) -> tuple[Mask, Mask | None, Mask]:
            enough, little = above[swap](value, least), below[swap](value, most)
            nulls = _or_nulls(value, least, most)
            false = _known(~enough, value, least) | _known(~little, value, most)
            return enough & little, nulls, false

        def kernel(arguments: Sequence[Column], row_count: int) -> Column:
            value, least, most = arguments
            answer, nulls, false = one(value, least, most, 0)
            if symmetric:
                other, _, false_too = one(value, most, least, 1)
                answer, false = answer | other, false & false_too
            return _three_valued(answer, nulls, false)

        return kernel

    return prepare


def _or_nulls(*columns: Column) -> Mask | None:
    nulls: Mask | None = None
    for column in columns:
        if column.nulls is not None:
            nulls = column.nulls if nulls is None else nulls | column.nulls
    return nulls


def _known(mask: Mask, *columns: Column) -> Mask:
    nulls = _or_nulls(*columns)
    return mask if nulls is None else mask & ~nulls


prepared("BETWEEN", resolve=_resolve_between, strict=False)(_between(symmetric=False))
prepared("BETWEEN SYMMETRIC", resolve=_resolve_between, strict=False)(_between(symmetric=True))


def _table(kind: SqlType, choices: Sequence[Argument]) -> Words | None:
    """Return the words of the choices, None unless all are constants, none null, and equal values are equal words."""
    words = []
    for choice in choices:
        one = choice.constant
        if one is None or one.nulls is not None or not _same_words(kind, choice.type):
            return None
        words.append(int(one.words[0]))
    return np.unique(np.array(words, np.int64))


def _same_words(left: SqlType, right: SqlType) -> bool:
    """Whether two values of the types are equal exactly if their words are."""
    if left.kind is Kind.DECIMAL or right.kind is Kind.DECIMAL:
        return left.kind is right.kind and left.pooled == right.pooled and (left.scale or 0) == (right.scale or 0)
    return left.kind is right.kind or Kind.UBIGINT not in (left.kind, right.kind)


def _in_table(value: Evaluator, table: Words) -> Evaluator:
    def run(columns: Sequence[Column], row_count: int) -> Column:
        column = value(columns, row_count)
        places = np.searchsorted(table[1:], column.words, side="right")
        answer = _known(table[places] == column.words, column)
        return _three_valued(answer, column.nulls, answer)

    return run


@lazy("IN", resolve=_resolve_in)
def _in(context: Context, arguments: Sequence[Argument], signature: Signature) -> Evaluator:
    """Whether a value is among others: NULL if it is not but one of them is NULL."""
    x, *choices = arguments
    table = _table(x.type, choices)
    if table is not None:
        return _in_table(x.run, table)
    compares = [comparer("=", x.type, choice.type, context.pool) for choice in choices]

    def run(columns: Sequence[Column], row_count: int) -> Column:
        value = x.run(columns, row_count)
        given = [choice.run(columns, row_count) for choice in choices]
        answer = np.zeros(row_count, np.bool_)
        for compare, choice in zip(compares, given, strict=True):
            answer |= _known(compare(value, choice), value, choice)
        return _three_valued(answer, _or_nulls(value, *given), answer)

    return run
