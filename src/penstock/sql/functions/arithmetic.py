"""The operators + - * / % and the unary minus on integers, floats and decimals.

`+` and `-` of dates, times and intervals are in `temporal_arithmetic.py`, reached through `OTHERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from penstock.data import decimal128
from penstock.data.batch import Column
from penstock.data.decimal128 import Integers
from penstock.data.types import FLOATS, INTEGERS, NUMERIC, STRINGS, Kind, SqlType
from penstock.data.values import float_words
from penstock.data.values_scalars import integer_range, scaled
from penstock.sql.functions import checked
from penstock.sql.functions.coercion import (
    STRING_AS_NUMBER,
    common_integer,
    decimal_of,
    decimal_result,
    decimal_type,
    describe,
    expect_count,
    mismatch,
)
from penstock.sql.functions.comparison import doubles, unsigned
from penstock.sql.functions.decimals import loader, rounded, storer
from penstock.sql.functions.registry import (
    Context,
    EvaluationError,
    Kernel,
    Prepare,
    Resolve,
    Signature,
    prepared,
)

REMAINDER_OF_ZERO = "attempt to calculate the remainder with a divisor of zero"


@dataclass(frozen=True, slots=True)
class Others:
    """How an operator is typed and run for operands that are no numbers."""

    resolve: Callable[[Sequence[SqlType]], Signature | None]
    prepare: Prepare


OTHERS: dict[str, Others] = {}


def overflow(left: object, operator: str, right: object, kind: SqlType) -> EvaluationError:
    """Return the error of an operation without a result in its type."""
    return EvaluationError(f"'{left} {operator} {right}' causes overflow for type {describe(kind)}")


def as_number(kind: SqlType) -> SqlType | None:
    """Return the type as which an operand takes part in arithmetic, None if it cannot."""
    if kind.kind in NUMERIC:
        return kind
    if kind.kind in STRINGS:
        return STRING_AS_NUMBER.with_nullable(kind.nullable)
    return None


def resolve_arithmetic(operator: str, name: str | None = None) -> Resolve:
    """Return the typing of a binary arithmetic operator."""
    shown = name or operator

    def resolve(types: Sequence[SqlType]) -> Signature:
        expect_count(shown, types, 2)
        if all(t.kind in NUMERIC for t in types):
            return _numeric_signature(operator, types[0], types[1])
        other = OTHERS.get(operator)
        signature = other.resolve(types) if other is not None else None
        if signature is not None:
            return signature
        left, right = types
        if left.kind is Kind.NULL or right.kind is Kind.NULL:
            left, right = (right, right) if left.kind is Kind.NULL else (left, left)
            if left.kind is Kind.NULL:
                left = right = SqlType(Kind.INTEGER)
            return resolve((left.with_nullable(True), right.with_nullable(True)))
        numbers = [as_number(t) for t in types]
        if numbers[0] is None or numbers[1] is None:
            raise mismatch(shown, types)
        return _numeric_signature(operator, numbers[0], numbers[1])

    return resolve


def _numeric_signature(operator: str, left: SqlType, right: SqlType) -> Signature:
    nullable = left.nullable or right.nullable
    a, b = left.kind, right.kind
    if a in FLOATS or b in FLOATS:
        kind = Kind.REAL if Kind.DOUBLE not in (a, b) and Kind.DECIMAL not in (a, b) else Kind.DOUBLE
        return Signature((SqlType(kind, left.nullable), SqlType(kind, right.nullable)), SqlType(kind, nullable))
    if a in INTEGERS and b in INTEGERS:
        kind = common_integer(a, b)
        return Signature((SqlType(kind, left.nullable), SqlType(kind, right.nullable)), SqlType(kind, nullable))
    one, other = decimal_of(left), decimal_of(right)
    assert one is not None and other is not None
    return Signature((left, right), decimal_type(*decimal_result(operator, one, other), nullable))


def arithmetic(operator: str) -> Prepare:
    """Return what prepares the kernel of an operator for the operand types of a call."""

    def prepare(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Kernel:
        left, right = signature.arguments
        if left.kind in FLOATS and right.kind in FLOATS:
            return _float_kernel(operator, signature.result.kind is Kind.REAL)
        if left.kind is Kind.UBIGINT and right.kind is Kind.UBIGINT:
            return _unsigned_kernel(operator, signature.result)
        if left.kind in INTEGERS and right.kind in INTEGERS:
            return _integer_kernel(operator, signature.result)
        if signature.result.kind is Kind.DECIMAL and left.kind in NUMERIC and right.kind in NUMERIC:
            return _decimal_kernel(operator, context, signature)
        return OTHERS[operator].prepare(context, signature, constants)

    return prepare


def _integer_kernel(operator: str, result: SqlType) -> Kernel:
    run = checked.SIGNED[operator]
    low, high = integer_range(result.kind)

    def kernel(arguments: Sequence[Column], row_count: int) -> Column:
        a, b = arguments[0].words, arguments[1].words
        out = np.empty(row_count, np.int64)
        bad = run(a, b, low, high, out)
        if bad >= 0:
            if operator == "%":
                raise EvaluationError(REMAINDER_OF_ZERO)
            raise overflow(int(a[bad]), operator, int(b[bad]), result)
        return Column(out)

    return kernel


def _unsigned_kernel(operator: str, result: SqlType) -> Kernel:
    run = checked.UNSIGNED[operator]

    def kernel(arguments: Sequence[Column], row_count: int) -> Column:
        a, b = unsigned(arguments[0]), unsigned(arguments[1])
        out = np.empty(row_count, np.uint64)
        bad = run(a, b, out)
        if bad >= 0:
            if operator == "%":
                raise EvaluationError(REMAINDER_OF_ZERO)
            raise overflow(int(a[bad]), operator, int(b[bad]), result)
        return Column(out.view(np.int64))

    return kernel


_FLOAT_UFUNCS = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "%": np.fmod}


def _float_kernel(operator: str, single: bool) -> Kernel:
    ufunc = _FLOAT_UFUNCS[operator]

    def kernel(arguments: Sequence[Column], row_count: int) -> Column:
        with np.errstate(all="ignore"):
            return Column(float_words(ufunc(doubles(arguments[0]), doubles(arguments[1])), single))

    return kernel


def _decimal_kernel(operator: str, context: Context, signature: Signature) -> Kernel:
    left, right = signature.arguments
    result = signature.result
    one, other = decimal_of(left), decimal_of(right)
    assert one is not None and other is not None
    load_left, load_right = loader(left, context.pool), loader(right, context.pool)
    compute = _decimal_operation(operator, one[1], other[1], result)
    store = storer(result, context.pool)

    def kernel(arguments: Sequence[Column], row_count: int) -> Column:
        return store(compute(load_left(arguments[0]), load_right(arguments[1])))

    return kernel


def _decimal_operation(operator: str, s1: int, s2: int, result: SqlType) -> Callable[[Integers, Integers], Integers]:
    """Return the function of unscaled integers with scales s1 and s2 to those of the result's scale."""
    scale = result.scale or 0
    if operator == "*":
        extra = s1 + s2 - scale
        return lambda a, b: rounded(decimal128.multiply(a, b), extra, "down")
    if operator == "/":
        return lambda a, b: _divide_decimals(a, b, s1, s2, result)
    up, down = max(s2 - s1, 0), max(s1 - s2, 0)
    if operator == "%":
        return lambda a, b: _decimal_remainder(decimal128.shift_up(a, up), decimal128.shift_up(b, down))
    combine = decimal128.add if operator == "+" else decimal128.subtract
    return lambda a, b: combine(decimal128.shift_up(a, up), decimal128.shift_up(b, down))


def _divide_decimals(a: Integers, b: Integers, s1: int, s2: int, result: SqlType) -> Integers:
    if not b.all():
        at = int(np.flatnonzero(b == 0)[0])
        left: Decimal = scaled(int(np.broadcast_to(a, b.shape)[at]), s1)
        raise overflow(left, "/", scaled(0, s2), result)
    up = (result.scale or 0) + s2 - s1
    dividend = decimal128.shift_up(a, max(up, 0))
    return decimal128.divide(dividend, decimal128.shift_up(b, max(-up, 0)))[0]


def _decimal_remainder(a: Integers, b: Integers) -> Integers:
    if not b.all():
        raise EvaluationError(REMAINDER_OF_ZERO)
    return decimal128.divide(a, b)[1]


for _operator in "+-*/%":
    prepared(_operator, resolve=resolve_arithmetic(_operator), can_fail=True, tolerant=_operator in "+-*")(
        arithmetic(_operator)
    )
prepared("MOD", resolve=resolve_arithmetic("%", "MOD"), can_fail=True)(arithmetic("%"))


def _resolve_negation(types: Sequence[SqlType]) -> Signature:
    expect_count("-", types, 1)
    kind = types[0]
    if kind.kind is Kind.NULL:
        kind = SqlType(Kind.INTEGER)
    if kind.kind in (Kind.INTERVAL_MONTHS, Kind.INTERVAL_MICROS):
        return Signature((kind,), kind)
    number = as_number(kind)
    if number is None:
        raise mismatch("-", types)
    return Signature((number,), number)


@prepared("NEGATE", resolve=_resolve_negation, can_fail=True, tolerant=True)
def _negate(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Kernel:
    """The unary minus."""
    kind = signature.result
    if kind.kind in FLOATS:
        return lambda arguments, row_count: Column(float_words(-doubles(arguments[0])))
    if kind.kind in INTEGERS:
        minus = _unsigned_kernel("-", kind) if kind.kind is Kind.UBIGINT else _integer_kernel("-", kind)
        zero = np.zeros(1, np.int64)

        def negate(arguments: Sequence[Column], row_count: int) -> Column:
            zeros = Column(np.ndarray((row_count,), np.int64, zero, 0, (0,)))
            return minus((zeros, arguments[0]), row_count)

        return negate
    if kind.kind is Kind.DECIMAL:
        load, store = loader(kind, context.pool), storer(kind, context.pool)
        return lambda arguments, row_count: store(-load(arguments[0]))
    return lambda arguments, row_count: Column(-arguments[0].words)
