"""Functions of exact numbers and roundings: ABS, SIGN, CEIL, FLOOR, ROUND, BROUND, TRUNCATE, DIV_NULL, and float tests.

Source: result types observed in the dialect: CEIL and FLOOR of a DECIMAL(p, s) are DECIMAL(p, 0) of the same width;
ROUND and TRUNCATE keep the type of their argument; a string is read as DECIMAL(38, 19).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from penstock.data.batch import Column, Mask
from penstock.data.decimal128 import Integers
from penstock.data.types import BOOLEAN, FLOATS, INTEGERS, INTERVALS, NUMERIC, STRINGS, UNSIGNED, Kind, SqlType
from penstock.data.values import float_words
from penstock.data.values_scalars import integer_range
from penstock.sql.functions.arithmetic import arithmetic, as_number, resolve_arithmetic
from penstock.sql.functions.casts_integers import out_of_type
from penstock.sql.functions.coercion import decimal_type, expect_count, mismatch
from penstock.sql.functions.comparison import doubles
from penstock.sql.functions.decimals import loader, rounded, scale_of, storer
from penstock.sql.functions.registry import (
    Context,
    Kernel,
    Prepare,
    Resolve,
    Signature,
    Test,
    predicate,
    prepared,
)

Doubles = npt.NDArray[np.float64]


def number_argument(name: str, types: Sequence[SqlType], strings: bool = True) -> SqlType:
    """Return the number type as which the first argument is taken."""
    kind = types[0]
    if kind.kind is Kind.NULL:
        return SqlType(Kind.INTEGER)
    number = as_number(kind)
    if number is None or (kind.kind in STRINGS and not strings):
        raise mismatch(name, types)
    return number


def _resolve_same(name: str) -> Resolve:
    def resolve(types: Sequence[SqlType]) -> Signature:
        expect_count(name, types, 1)
        kind = number_argument(name, types)
        return Signature((kind,), kind)

    return resolve


def _resolve_abs(types: Sequence[SqlType]) -> Signature:
    if len(types) == 1 and types[0].kind in INTERVALS:
        return Signature((types[0],), types[0])
    return _resolve_same("ABS")(types)


@prepared("ABS", resolve=_resolve_abs, can_fail=True, tolerant=True)
def _abs(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Kernel:
    """The absolute value, of an interval too; that of the least integer of a type is out of range."""
    kind = signature.result
    if kind.kind in INTERVALS:
        return lambda arguments, row_count: Column(np.abs(arguments[0].words))
    if kind.kind in FLOATS:
        return lambda arguments, row_count: Column(float_words(np.abs(doubles(arguments[0]))))
    if kind.kind in UNSIGNED:
        return lambda arguments, row_count: Column(arguments[0].words)
    if kind.kind is Kind.DECIMAL:
        load, store = loader(kind, context.pool), storer(kind, context.pool)
        return lambda arguments, row_count: store(np.abs(load(arguments[0])))
    least, _ = integer_range(kind.kind)

    def kernel(arguments: Sequence[Column], row_count: int) -> Column:
        words = arguments[0].words
        if (words == least).any():
            raise out_of_type(-least, kind)
        return Column(np.abs(words))

    return kernel


@prepared("SIGN", resolve=_resolve_same("SIGN"), can_fail=True, tolerant=True)
def _sign(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Kernel:
    """-1, 0 or 1 in the argument's type."""
    kind = signature.result
    if kind.kind in FLOATS:
        return lambda arguments, row_count: Column(float_words(np.sign(doubles(arguments[0]))))
    if kind.kind is Kind.UBIGINT:
        return lambda arguments, row_count: Column((arguments[0].words != 0).astype(np.int64))
    if kind.kind is Kind.DECIMAL:
        load, store, one = loader(kind, context.pool), storer(kind, context.pool), 10 ** scale_of(kind)

        def kernel(arguments: Sequence[Column], row_count: int) -> Column:
            values = load(arguments[0])
            signs = (values > 0).astype(np.int64) - (values < 0).astype(np.int64)
            return store(rounded(signs, -scale_of(kind), "down") if one > 1 else signs)

        return kernel
    return lambda arguments, row_count: Column(np.sign(arguments[0].words))


# --------------------------------------------------------------------------------------------------------- rounding

_FLOAT_ROUNDING: dict[str, Callable[[Doubles], Doubles]] = {
    "ceil": np.ceil,
    "floor": np.floor,
    "down": np.trunc,
    "half_even": np.rint,
}


def _half_up(values: Doubles) -> Doubles:
    """Round to the nearest integer, ties away from zero."""
    whole = np.trunc(values)
    with np.errstate(invalid="ignore"):
        result: Doubles = whole + np.where(np.abs(values - whole) >= 0.5, np.sign(values), 0.0)
    return result


def float_rounding(mode: str) -> Callable[[Doubles], Doubles]:
    """Return the rounding of doubles to integers. mode: as of `decimals.rounded`."""
    return _FLOAT_ROUNDING.get(mode, _half_up)


def resolve_whole(name: str, types: Sequence[SqlType]) -> Signature:
    """Return the typing of CEIL and FLOOR of a number."""
    expect_count(name, types, 1)
    kind = number_argument(name, types)
    if kind.kind is Kind.DECIMAL:
        return Signature((kind,), decimal_type(kind.precision or 38, 0, kind.nullable))
    return Signature((kind,), kind)


def whole(mode: str) -> Prepare:
    """Return what prepares CEIL ("ceil") or FLOOR ("floor") of a number."""

    def prepare(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Kernel:
        kind = signature.arguments[0]
        if kind.kind in INTEGERS:
            return lambda arguments, row_count: Column(arguments[0].words)
        if kind.kind in FLOATS:
            to_whole = float_rounding(mode)
            return lambda arguments, row_count: Column(float_words(to_whole(doubles(arguments[0]))))
        load, store, scale = loader(kind, context.pool), storer(signature.result, context.pool), scale_of(kind)
        return lambda arguments, row_count: store(rounded(load(arguments[0]), scale, mode))

    return prepare


def _resolve_rounding(name: str, strings: bool, least: int) -> Resolve:
    def resolve(types: Sequence[SqlType]) -> Signature:
        expect_count(name, types, least, 2)
        kind = number_argument(name, types, strings)
        if len(types) == 1:
            return Signature((kind,), kind)
        if types[1].kind not in INTEGERS and types[1].kind is not Kind.NULL:
            raise mismatch(name, types)
        digits = SqlType(Kind.INTEGER, types[1].nullable)
        return Signature((kind, digits), kind.with_nullable(kind.nullable or digits.nullable))

    return resolve


def _rounding(mode: str) -> Prepare:
    def prepare(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Kernel:
        kind = signature.arguments[0]
        if kind.kind in FLOATS:
            return _round_floats(mode, kind.kind is Kind.REAL)
        return _round_exact(mode, context, signature.result)

    return prepare


def _round_floats(mode: str, single: bool) -> Kernel:
    to_whole = float_rounding(mode)

    def kernel(arguments: Sequence[Column], row_count: int) -> Column:
        values = doubles(arguments[0])
        if len(arguments) == 1:
            return Column(float_words(to_whole(values), single))
        digits = np.clip(arguments[1].words, -400, 400)
        with np.errstate(all="ignore"):
            factor = np.power(10.0, np.abs(digits))
            up = digits >= 0
            scaled = to_whole(np.where(up, values * factor, values / factor))
            back = np.where(up, scaled / factor, scaled * factor)
        # where scaling leaves the range of doubles the number has no such digits, or nothing else
        result = np.where(np.isfinite(back), back, np.where(up, values, 0.0))
        return Column(float_words(np.where(np.isfinite(values), result, values), single))

    return kernel


def _round_exact(mode: str, context: Context, result: SqlType) -> Kernel:
    load, scale = loader(result, context.pool), scale_of(result)
    store = storer(result, context.pool) if result.kind is Kind.DECIMAL else _integer_storer(result)

    def one(values: Integers, digits: int) -> Integers:
        drop = scale - digits
        if drop <= 0:
            return values
        if drop > 76:
            return values * 0
        return rounded(rounded(values, drop, mode), -drop, mode)

    def kernel(arguments: Sequence[Column], row_count: int) -> Column:
        values = load(arguments[0])
        if len(arguments) == 1:
            return store(one(values, 0))
        wanted = np.unique(arguments[1].words)
        if len(wanted) == 1:
            return store(one(values, int(wanted[0])))
        out = np.zeros(row_count, object)
        for digits in wanted.tolist():
            at = arguments[1].words == digits
            out[at] = one(values[at], digits)
        return store(out)

    return kernel


def _integer_storer(kind: SqlType) -> Callable[[Integers], Column]:
    from penstock.sql.functions.casts_numbers import integer_words

    return integer_words(kind, safe=False)


prepared("ROUND", resolve=_resolve_rounding("ROUND", True, 1), can_fail=True, tolerant=True)(_rounding("half_up"))
prepared("BROUND", resolve=_resolve_rounding("BROUND", False, 2), can_fail=True, tolerant=True)(_rounding("half_even"))
for _name in ("TRUNCATE", "TRUNC"):
    prepared(_name, resolve=_resolve_rounding(_name, True, 1), can_fail=True, tolerant=True)(_rounding("down"))


# --------------------------------------------------------------------------------------------------------- division


def _resolve_div_null(types: Sequence[SqlType]) -> Signature:
    signature = resolve_arithmetic("/", "DIV_NULL")(types)
    return Signature(signature.arguments, signature.result.with_nullable(True))


@prepared("DIV_NULL", resolve=_resolve_div_null, can_fail=True)
def _div_null(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Kernel:
    """The quotient, NULL for a divisor of zero."""
    divide = arithmetic("/")(context, signature, constants)
    load = loader(signature.arguments[1], context.pool)

    def kernel(arguments: Sequence[Column], row_count: int) -> Column:
        zero: Mask = np.array(load(arguments[1]) == 0, np.bool_)
        if not zero.any():
            return divide(arguments, row_count)
        rows = np.flatnonzero(~zero)
        words = np.zeros(row_count, np.int64)
        if len(rows):
            words[rows] = divide([a.take(rows) for a in arguments], len(rows)).words
        return Column(words, zero)

    return kernel


# ----------------------------------------------------------------------------------------------------- float tests


def _resolve_float_test(name: str) -> Resolve:
    def resolve(types: Sequence[SqlType]) -> Signature:
        expect_count(name, types, 1)
        kind = types[0]
        if kind.kind not in NUMERIC and kind.kind is not Kind.NULL:
            raise mismatch(name, types)
        argument = kind if kind.kind in FLOATS else SqlType(Kind.DOUBLE, kind.nullable)
        return Signature((argument,), BOOLEAN.with_nullable(kind.nullable))

    return resolve


@predicate("IS_INF", resolve=_resolve_float_test("IS_INF"))
def _is_inf(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Test:
    return lambda arguments: np.isinf(doubles(arguments[0]))


@predicate("IS_NAN", resolve=_resolve_float_test("IS_NAN"))
def _is_nan(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Test:
    return lambda arguments: np.isnan(doubles(arguments[0]))


def _resolve_finite(types: Sequence[SqlType]) -> Signature:
    argument = _resolve_float_test("FINITE_OR_NULL")(types).arguments[0]
    return Signature((argument,), argument.with_nullable(True))


@prepared("FINITE_OR_NULL", resolve=_resolve_finite)
def _finite_or_null(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Kernel:
    def kernel(arguments: Sequence[Column], row_count: int) -> Column:
        lost = ~np.isfinite(doubles(arguments[0]))
        return Column(np.where(lost, 0, arguments[0].words), lost) if lost.any() else Column(arguments[0].words)

    return kernel
