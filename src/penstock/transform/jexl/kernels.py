"""Operators, functions and methods over whole columns. Pure.

Each gives what its counterpart for single values gives, or None to say that it knows no fast way for its operands.
A column of texts counts as one of numbers only where every text reads as a number of one kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.transform.frames.data import Mask, as_strings, is_ascii, null_mask, to_mask
from penstock.transform.jvm.regex import fast_pattern
from penstock.transform.jvm.values import print_any

__all__ = ["BINARY_KERNELS", "CALL_KERNELS", "METHOD_KERNELS", "Const"]


class Const:
    """A value that is the same in all rows."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


Operand = Any
"""A `Const`, an Arrow array or an array of objects."""

Result = tuple[pa.Array, "Mask | None", "Exception | None"]
"""Values, which rows have failed, and how."""

_INT_MIN, _INT_MAX = -(1 << 31), (1 << 31) - 1
_SAFE_LONG: Final = float(1 << 62)


class _Numbers:
    """An operand as numbers: values without nulls, where the nulls are, and the kind: int, long or double."""

    __slots__ = ("kind", "missing", "values")

    def __init__(self, values: Any, missing: Mask | bool, kind: str) -> None:
        self.values = values
        self.missing = missing
        self.kind = kind


def _numbers(operand: Operand) -> _Numbers | None:
    if isinstance(operand, Const):
        return _const_number(operand.value)
    if not isinstance(operand, pa.Array):
        return None
    kind, types = operand.type, pa.types
    if types.is_int64(kind):
        name = "long"
    elif types.is_int32(kind) or types.is_int16(kind) or types.is_int8(kind):
        name = "int"
    elif types.is_float64(kind):
        name = "double"
    elif types.is_string(kind):
        return _read_numbers(operand)
    else:
        return None
    missing = null_mask(operand)
    filled = operand.fill_null(0) if operand.null_count else operand
    values = filled.to_numpy(zero_copy_only=False)
    return _Numbers(values if name == "double" else values.astype(np.int64), missing, name)


def _const_number(value: Any) -> _Numbers | None:
    from penstock.transform.jvm.values import BigInteger, Float, Long

    if isinstance(value, bool | BigInteger | Float):
        return None
    if isinstance(value, int):
        return _Numbers(np.int64(value), False, "long" if isinstance(value, Long) else "int")
    return _Numbers(np.float64(value), False, "double") if isinstance(value, float) else None


def _read_numbers(texts: pa.Array) -> _Numbers | None:
    missing = null_mask(texts)
    filled = texts.fill_null("0") if texts.null_count else texts
    try:
        return _Numbers(filled.cast(pa.int64()).to_numpy(), missing, "int")
    except pa.ArrowInvalid:
        pass
    dotted = to_mask(pc.match_substring(filled, "."))
    if not (dotted | missing).all():
        return None
    try:
        values = filled.cast(pa.float64()).to_numpy()
    except pa.ArrowInvalid:
        return None
    return _Numbers(values, missing, "double") if np.isfinite(values).all() else None


def _either(left: Mask | bool, right: Mask | bool, size: int) -> Mask:
    merged = np.asarray(np.logical_or(left, right))
    return np.full(size, bool(merged)) if merged.ndim == 0 else merged


def _is_text_column(operand: Operand) -> bool:
    return isinstance(operand, pa.Array) and pa.types.is_string(operand.type)


def _is_texts(left: Operand, right: Operand) -> bool:
    """Whether both are texts: columns of strings or a string constant."""
    return all(_is_text_column(o) or (isinstance(o, Const) and isinstance(o.value, str)) for o in (left, right))


def _arithmetic(operator: str) -> Callable[[Operand, Operand, int], Result | None]:
    compute = {"+": np.add, "-": np.subtract, "*": np.multiply}[operator]

    def run(left: Operand, right: Operand, size: int) -> Result | None:
        if operator == "+" and (joined := _joined(left, right, size)) is not None:
            return joined
        if operator == "+" and (_is_text_column(left) or _is_text_column(right)):
            return None
        a, b = _numbers(left), _numbers(right)
        if a is None or b is None:
            return None
        bad = _either(a.missing, b.missing, size)
        with np.errstate(all="ignore"):
            if "double" in (a.kind, b.kind):
                values = compute(a.values.astype(np.float64), b.values.astype(np.float64))
                return pa.array(values, mask=bad), bad, None
            if np.abs(compute(a.values.astype(np.float64), b.values.astype(np.float64))).max(initial=0) > _SAFE_LONG:
                return None
            values = compute(a.values, b.values)
        return _whole(values, a, b, bad)

    return run


def _whole(values: Any, a: _Numbers, b: _Numbers, bad: Mask) -> Result | None:
    if "long" in (a.kind, b.kind):
        return pa.array(values, pa.int64(), mask=bad), bad, None
    kept = values[~bad]
    if len(kept) and (kept.min() < _INT_MIN or kept.max() > _INT_MAX):
        return None
    return pa.array(np.where(bad, 0, values).astype(np.int32), pa.int32(), mask=bad), bad, None


def _joined(left: Operand, right: Operand, size: int) -> Result | None:
    """Join texts; what is no text is printed."""
    if not any(_is_text_column(o) or (isinstance(o, Const) and isinstance(o.value, str)) for o in (left, right)):
        return None
    parts: list[Any] = []
    bad: Mask = np.zeros(size, dtype=bool)
    for operand in (left, right):
        if isinstance(operand, Const):
            if operand.value is None:
                return pa.nulls(size, pa.string()), np.ones(size, dtype=bool), None
            parts.append(pa.scalar(print_any(operand.value), pa.string()))
        elif isinstance(operand, pa.Array):
            bad = bad | null_mask(operand)
            parts.append(as_strings(operand, print_any))
        else:
            return None
    return pc.binary_join_element_wise(*parts, ""), bad, None


def _division(operator: str) -> Callable[[Operand, Operand, int], Result | None]:
    def run(left: Operand, right: Operand, size: int) -> Result | None:
        a, b = _numbers(left), _numbers(right)
        if a is None or b is None:
            return None
        zero = np.broadcast_to(b.values == 0, size)
        bad = _either(a.missing, b.missing, size) | zero
        with np.errstate(all="ignore"):
            if "double" in (a.kind, b.kind):
                over, under = a.values.astype(np.float64), b.values.astype(np.float64)
                values = np.divide(over, under) if operator == "/" else np.fmod(over, under)
                return pa.array(values, mask=bad), bad, ArithmeticError(operator)
            under = np.where(b.values == 0, 1, b.values)
            remainder = np.fmod(a.values, under)
            values = remainder if operator == "%" else (a.values - remainder) // under
        made = _whole(np.broadcast_to(values, size), a, b, bad)
        return None if made is None else (made[0], bad, ArithmeticError(operator))

    return run


_COMPARE: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    ">": np.greater,
    "<=": np.less_equal,
    ">=": np.greater_equal,
}
_COMPARE_TEXT: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "==": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    ">": pc.greater,
    "<=": pc.less_equal,
    ">=": pc.greater_equal,
}


def _comparison(operator: str) -> Callable[[Operand, Operand, int], Result | None]:
    same = operator in ("==", "<=", ">=")

    def run(left: Operand, right: Operand, size: int) -> Result | None:
        for one, other in ((left, right), (right, left)):
            if isinstance(other, Const) and other.value is None and not isinstance(one, Const):
                missing = null_mask(one)
                return pa.array(~missing if operator == "!=" else missing & same), None, None
        if _is_texts(left, right) or _is_truths(left, right):
            return _compare_texts(operator, left, right, size)
        if _is_text_column(left) and _is_text_column(right):
            return None
        a, b = _numbers(left), _numbers(right)
        if a is None or b is None or (_was_double_text(left, a, b) or _was_double_text(right, b, a)):
            return None
        if "double" in (a.kind, b.kind) and (np.isnan(a.values).any() or np.isnan(b.values).any()):
            return None
        values = np.broadcast_to(_COMPARE[operator](a.values, b.values), size).copy()
        _settle_nulls(values, np.broadcast_to(a.missing, size), np.broadcast_to(b.missing, size), operator)
        return pa.array(values), None, None

    return run


def _was_double_text(operand: Operand, read: _Numbers, other: _Numbers) -> bool:
    """Whether a text with a point is compared with a whole number, for which it is no number."""
    return _is_text_column(operand) and read.kind == "double" and other.kind != "double"


def _settle_nulls(values: Mask, left: Mask, right: Mask, operator: str) -> None:
    """Null equals null and nothing else, and is neither smaller nor greater."""
    values[left | right] = operator == "!="
    both = left & right
    if both.any():
        values[both] = operator in ("==", "<=", ">=")


def _is_truths(left: Operand, right: Operand) -> bool:
    return any(isinstance(o, pa.Array) for o in (left, right)) and all(
        (isinstance(o, pa.Array) and pa.types.is_boolean(o.type))
        or (isinstance(o, Const) and isinstance(o.value, bool))
        for o in (left, right)
    )


def _compare_texts(operator: str, left: Operand, right: Operand, size: int) -> Result | None:
    operands = [pa.scalar(o.value) if isinstance(o, Const) else o for o in (left, right)]
    if operator not in ("==", "!=") and not all(
        o.value.isascii() if isinstance(o, Const) and isinstance(o.value, str) else _is_text_column(o) and is_ascii(o)
        for o in (left, right)
    ):
        return None
    values = to_mask(_COMPARE_TEXT[operator](*operands)).copy()
    missing = [np.zeros(size, dtype=bool) if isinstance(o, Const) else null_mask(o) for o in (left, right)]
    _settle_nulls(values, missing[0], missing[1], operator)
    return pa.array(values), None, None


def _match(negated: bool) -> Callable[[Operand, Operand, int], Result | None]:
    def run(left: Operand, right: Operand, size: int) -> Result | None:
        if not _is_text_column(left) or not isinstance(right, Const) or not isinstance(right.value, str):
            return None
        pattern = fast_pattern(right.value, full=True)
        if pattern is None:
            return None
        found = to_mask(pc.match_substring_regex(left, pattern))
        return pa.array(~found if negated else found), None, None

    return run


def _affix(test: Callable[..., Any], negated: bool) -> Callable[[Operand, Operand, int], Result | None]:
    def run(left: Operand, right: Operand, size: int) -> Result | None:
        if not _is_text_column(left) or not isinstance(right, Const) or not isinstance(right.value, str):
            return None
        found = to_mask(test(left, right.value))
        return pa.array(~found if negated else found), None, None

    return run


BINARY_KERNELS: Final[dict[str, Callable[[Operand, Operand, int], Result | None]]] = {
    **{operator: _arithmetic(operator) for operator in "+-*"},
    **{operator: _division(operator) for operator in "/%"},
    **{operator: _comparison(operator) for operator in _COMPARE},
    "=~": _match(False),
    "!~": _match(True),
    "=^": _affix(pc.starts_with, False),
    "!^": _affix(pc.starts_with, True),
    "=$": _affix(pc.ends_with, False),
    "!$": _affix(pc.ends_with, True),
}


# --- functions


def _is_null(negated: bool) -> Callable[[Sequence[Operand], int], Any]:
    def run(arguments: Sequence[Operand], size: int) -> Any:
        if len(arguments) != 1 or isinstance(arguments[0], Const):
            return None
        missing = null_mask(arguments[0])
        return pa.array(~missing if negated else missing)

    return run


def _parse(kind: pa.DataType) -> Callable[[Sequence[Operand], int], Any]:
    def run(arguments: Sequence[Operand], size: int) -> Any:
        if len(arguments) != 1 or not _is_text_column(arguments[0]) or arguments[0].null_count:
            return None
        try:
            values = arguments[0].cast(kind)
        except pa.ArrowInvalid:
            return None
        if pa.types.is_floating(kind) and not np.isfinite(values.to_numpy()).all():
            return None
        return values

    return run


def _concat(arguments: Sequence[Operand], size: int) -> Any:
    if len(arguments) != 2 or not all(
        _is_text_column(a) or (isinstance(a, Const) and isinstance(a.value, str)) for a in arguments
    ):
        return None
    parts = [pa.scalar(a.value) if isinstance(a, Const) else a for a in arguments]
    missing = np.ones(size, dtype=bool)
    for argument in arguments:
        missing &= False if isinstance(argument, Const) else null_mask(argument)
    joined = pc.binary_join_element_wise(*parts, "", null_handling="replace", null_replacement="")
    return pc.if_else(pa.array(missing), pa.scalar(None, pa.string()), joined) if missing.any() else joined


def _real(compute: Callable[[Any], Any]) -> Callable[[Sequence[Operand], int], Any]:
    def run(arguments: Sequence[Operand], size: int) -> Any:
        if len(arguments) != 1 or isinstance(arguments[0], Const) or _is_text_column(arguments[0]):
            return None
        numbers = _numbers(arguments[0])
        if numbers is None or np.any(numbers.missing):
            return None
        with np.errstate(all="ignore"):
            return pa.array(compute(numbers.values.astype(np.float64)))

    return run


CALL_KERNELS: Final[dict[tuple[str, str], Callable[[Sequence[Operand], int], Any]]] = {
    ("", "IsNull"): _is_null(False),
    ("", "IsNotNull"): _is_null(True),
    ("", "isnull"): _is_null(False),
    ("dq", "isnull"): _is_null(False),
    ("", "toDouble"): _parse(pa.float64()),
    ("", "toInteger"): _parse(pa.int32()),
    ("", "toLong"): _parse(pa.int64()),
    ("", "concat"): _concat,
    ("math", "ceil"): _real(np.ceil),
    ("math", "floor"): _real(np.floor),
    ("math", "sqrt"): _real(np.sqrt),
    ("math", "rint"): _real(np.rint),
}


# --- methods of strings


def _given(arguments: Sequence[Operand], *kinds: type) -> list[Any] | None:
    if len(arguments) != len(kinds):
        return None
    values = []
    for argument, kind in zip(arguments, kinds, strict=True):
        if not isinstance(argument, Const) or not isinstance(argument.value, kind) or isinstance(argument.value, bool):
            return None
        values.append(argument.value)
    return values


def _length(text: pa.Array, arguments: Sequence[Operand]) -> Any:
    return pc.utf8_length(text) if not arguments and is_ascii(text) else None


def _plain(compute: Callable[[Any], Any]) -> Callable[[pa.Array, Sequence[Operand]], Any]:
    return lambda text, arguments: compute(text) if not arguments and is_ascii(text) else None


def _with_text(compute: Callable[[Any, str], Any]) -> Callable[[pa.Array, Sequence[Operand]], Any]:
    def run(text: pa.Array, arguments: Sequence[Operand]) -> Any:
        given = _given(arguments, str)
        return None if given is None else compute(text, given[0])

    return run


def _same_ignoring_case(text: pa.Array, other: str) -> Any:
    return pc.equal(pc.ascii_lower(text), other.lower()) if other.isascii() and is_ascii(text) else None


def _substring(text: pa.Array, arguments: Sequence[Operand]) -> Any:
    given = _given(arguments, int) or _given(arguments, int, int)
    if not given or not is_ascii(text) or given[0] < 0 or (len(given) == 2 and given[1] < given[0]):
        return None
    shortest = pc.min(pc.binary_length(text)).as_py()
    if shortest is None or shortest < given[-1]:
        return None
    # without an end, Arrow reserves too little and fails
    end = given[1] if len(given) == 2 else pc.max(pc.binary_length(text)).as_py()
    return pc.binary_slice(text.cast(pa.binary()), given[0], end).cast(pa.string())


def _replace(text: pa.Array, arguments: Sequence[Operand]) -> Any:
    given = _given(arguments, str, str)
    return pc.replace_substring(text, given[0], given[1]) if given and given[0] else None


def _matches(text: pa.Array, other: str) -> Any:
    pattern = fast_pattern(other, full=True)
    return None if pattern is None else pc.match_substring_regex(text, pattern)


METHOD_KERNELS: Final[dict[str, Callable[[pa.Array, Sequence[Operand]], Any]]] = {
    "length": _length,
    "isEmpty": lambda text, arguments: None if arguments else pc.equal(text, ""),
    "equals": _with_text(pc.equal),
    "equalsIgnoreCase": _with_text(_same_ignoring_case),
    "contains": _with_text(pc.match_substring),
    "startsWith": _with_text(pc.starts_with),
    "endsWith": _with_text(pc.ends_with),
    "matches": _with_text(_matches),
    "toUpperCase": _plain(pc.ascii_upper),
    "toLowerCase": _plain(pc.ascii_lower),
    "trim": _plain(lambda text: pc.ascii_trim(text, "".join(map(chr, range(33))))),
    "substring": _substring,
    "replace": _replace,
}
