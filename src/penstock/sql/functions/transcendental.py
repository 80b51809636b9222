"""Functions of doubles: powers, logarithms, trigonometric and hyperbolic functions; NaN or inf where there is no value.

Source: the exact list and the odd names (CSC, SECH, ...) of the dialect's function index.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import types

from penstock.data.batch import Column
from penstock.data.kernels import compiled
from penstock.data.types import DOUBLE, NUMERIC, STRINGS, Kind, SqlType
from penstock.data.values import float_words
from penstock.sql.functions.coercion import any_nullable, expect_count, mismatch
from penstock.sql.functions.comparison import doubles
from penstock.sql.functions.registry import Context, Kernel, Resolve, Signature, prepared

Doubles = npt.NDArray[np.float64]
Unary = Callable[[Doubles], Doubles]


_C_NAMES = ("exp", "log", "log10", "sinh", "cosh", "tanh", "tan", "asin", "acos", "atan")


@compiled(types.void(types.int64, types.Array(types.float64, 1, "A", readonly=True), types.float64[::1]))
def _c_math(which: Any, x: Any, out: Any) -> None:  # pragma: no cover - compiled
    """Apply the function of the C library at position `which` of _C_NAMES: numpy's own differ in the last digit."""
    for i in range(len(out)):
        v = x[i]
        if which == 0:
            r = math.exp(v)
        elif which == 1:
            r = math.log(v)
        elif which == 2:
            r = math.log10(v)
        elif which == 3:
            r = math.sinh(v)
        elif which == 4:
            r = math.cosh(v)
        elif which == 5:
            r = math.tanh(v)
        elif which == 6:
            r = math.tan(v)
        elif which == 7:
            r = math.asin(v)
        elif which == 8:
            r = math.acos(v)
        else:
            r = math.atan(v)
        out[i] = r


@compiled(
    types.void(
        types.Array(types.float64, 1, "A", readonly=True),
        types.Array(types.float64, 1, "A", readonly=True),
        types.float64[::1],
    )
)
def _c_power(base: Any, exponent: Any, out: Any) -> None:  # pragma: no cover - compiled
    for i in range(len(out)):
        out[i] = math.pow(base[i], exponent[i])


def _power(base: Doubles, exponent: Doubles) -> Doubles:
    """Raise each number by the C library: what numpy gives depends on the other rows (a constant exponent of 0.5 or 2
    is a root or a square there), and a row taken away must be the row that was added."""
    out = np.empty(len(base), np.float64)
    _c_power(base, exponent, out)
    return out


def _c(name: str) -> Unary:
    which = _C_NAMES.index(name)

    def apply(x: Doubles) -> Doubles:
        out = np.empty(len(x), np.float64)
        _c_math(which, x, out)
        return out

    return apply


_exp, _ln, _log10, _sinh, _cosh, _tanh, _tan, _asin, _acos, _atan = map(_c, _C_NAMES)


def _resolve(name: str, least: int, most: int) -> Resolve:
    def resolve(types: Sequence[SqlType]) -> Signature:
        expect_count(name, types, least, most)
        if any(t.kind not in NUMERIC and t.kind not in STRINGS and t.kind is not Kind.NULL for t in types):
            raise mismatch(name, types)
        arguments = tuple(DOUBLE.with_nullable(t.nullable) for t in types)
        return Signature(arguments, DOUBLE.with_nullable(any_nullable(types)))

    return resolve


def _degrees(x: Doubles) -> Doubles:
    return x * (180.0 / math.pi)


def _radians(x: Doubles) -> Doubles:
    return x * (math.pi / 180.0)


def _asinh(x: Doubles) -> Doubles:
    """The inverse of sinh by logarithm; written out, as the next two, so that the last digit agrees with clients."""
    size = np.abs(x)
    inverse = 1.0 / size
    return np.copysign(np.log1p(size + size / (np.hypot(1.0, inverse) + inverse)), x)


def _acosh(x: Doubles) -> Doubles:
    result: Doubles = np.where(x < 1.0, np.nan, _ln(x + np.sqrt(x - 1.0) * np.sqrt(x + 1.0)))
    return result


def _atanh(x: Doubles) -> Doubles:
    result: Doubles = 0.5 * np.log1p(2.0 * x / (1.0 - x))
    return result


_UNARY: dict[str, Unary] = {
    "SQRT": np.sqrt,
    "CBRT": np.cbrt,
    "EXP": _exp,
    "LN": _ln,
    "LOG10": _log10,
    "SIN": np.sin,
    "COS": np.cos,
    "TAN": _tan,
    "SEC": lambda x: 1.0 / np.cos(x),
    "CSC": lambda x: 1.0 / np.sin(x),
    "COT": lambda x: 1.0 / _tan(x),
    "ASIN": _asin,
    "ACOS": _acos,
    "ATAN": _atan,
    "SINH": _sinh,
    "COSH": _cosh,
    "TANH": _tanh,
    "SECH": lambda x: 1.0 / _cosh(x),
    "CSCH": lambda x: 1.0 / _sinh(x),
    "COTH": lambda x: 1.0 / _tanh(x),
    "ASINH": _asinh,
    "ACOSH": _acosh,
    "ATANH": _atanh,
    "DEGREES": _degrees,
    "RADIANS": _radians,
}


def _declare(name: str, function: Unary) -> None:
    @prepared(name, resolve=_resolve(name, 1, 1))
    def prepare(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Kernel:
        def kernel(arguments: Sequence[Column], row_count: int) -> Column:
            with np.errstate(all="ignore"):
                return Column(float_words(function(doubles(arguments[0]))))

        return kernel


for _name, _function in _UNARY.items():
    _declare(_name, _function)


def _declare_binary(name: str, function: Callable[[Doubles, Doubles], Doubles]) -> None:
    @prepared(name, resolve=_resolve(name, 2, 2))
    def prepare(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Kernel:
        def kernel(arguments: Sequence[Column], row_count: int) -> Column:
            with np.errstate(all="ignore"):
                return Column(float_words(function(doubles(arguments[0]), doubles(arguments[1]))))

        return kernel


_declare_binary("POWER", _power)
_declare_binary("POW", _power)
_declare_binary("ATAN2", np.arctan2)


@prepared("LOG", resolve=_resolve("LOG", 1, 2))
def _log(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Kernel:
    """The natural logarithm, or the logarithm of the first argument to the base of the second."""

    def kernel(arguments: Sequence[Column], row_count: int) -> Column:
        with np.errstate(all="ignore"):
            result = _ln(doubles(arguments[0]))
            if len(arguments) == 2:
                base = doubles(arguments[1])
                result = np.where(base == 10.0, _log10(doubles(arguments[0])), result / _ln(base))
        return Column(float_words(result))

    return kernel


def _resolve_pi(types: Sequence[SqlType]) -> Signature:
    expect_count("PI", types, 0)
    return Signature((), DOUBLE)


@prepared("PI", resolve=_resolve_pi)
def _pi(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Kernel:
    word = int(float_words(np.array([math.pi]))[0])
    return lambda arguments, row_count: Column(np.full(row_count, word, np.int64))
