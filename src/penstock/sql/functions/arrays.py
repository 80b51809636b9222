"""Functions of arrays: constructors, elements, sets of elements, text. Positions count from 1.

Source: the dialect's documentation of array operations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from penstock.data.batch import Column
from penstock.data.pool import Pool
from penstock.data.types import INTEGERS, NUMERIC, STRINGS, Kind, SqlType
from penstock.data.values import encode_values
from penstock.data.values_parts import array_element
from penstock.sql.functions.coercion import any_nullable, describe, expect_count, mismatch
from penstock.sql.functions.containers import (
    array_of,
    comparable_element,
    distinct,
    in_order,
    order_key,
    part,
    same_parts,
    with_element,
)
from penstock.sql.functions.distinct import by_column, by_type, by_value, python_bulk
from penstock.sql.functions.registry import EvaluationError, Resolve, Signature, TypeMismatch
from penstock.sql.functions.textual import as_integer, as_text

_INTEGER = SqlType(Kind.INTEGER)
_VARCHAR = SqlType(Kind.VARCHAR)
_BOOLEAN = SqlType(Kind.BOOLEAN)
_MAX_ELEMENTS = 1 << 24
"""More elements than this are refused, before a wrong count takes all memory."""


def _arrays(name: str, types: Sequence[SqlType], least: int, most: int | None = None) -> SqlType:
    """Check the number of arguments and that the first is an array; return its element."""
    expect_count(name.lower(), types, least, most)
    if types[0].kind is not Kind.ARRAY:
        raise mismatch(name, types)
    return part(types[0].element)


# --------------------------------------------------------------------------------------------------- constructors


def _array_types(types: Sequence[SqlType]) -> Signature:
    if not types:
        return Signature((), array_of(SqlType(Kind.NULL), False))
    shared = same_parts(types)
    return Signature(tuple(shared.with_nullable(t.nullable) for t in types), array_of(shared, False))


@by_value("ARRAY", resolve=_array_types, strict=False)
def array(*elements: object) -> list[object]:
    """Make an array of the arguments."""
    return list(elements)


def _repeat_types(types: Sequence[SqlType]) -> Signature:
    expect_count("array_repeat", types, 2)
    count = types[1]
    if count.kind not in NUMERIC and count.kind is not Kind.NULL:
        raise mismatch("ARRAY_REPEAT", types)
    return Signature((types[0], _INTEGER.with_nullable(count.nullable)), array_of(types[0], count.nullable))


@by_value("ARRAY_REPEAT", resolve=_repeat_types, strict=False, can_fail=True)
def array_repeat(element: object, count: int | None) -> list[object] | None:
    """Make an array of one element several times; none for a negative count."""
    return None if count is None else [element] * _size(count)


def _size(count: int) -> int:
    if count > _MAX_ELEMENTS:
        raise EvaluationError(f"an array of {count} elements is too large, at most {_MAX_ELEMENTS} are possible")
    return max(count, 0)


def _sequence_types(types: Sequence[SqlType]) -> Signature:
    expect_count("sequence", types, 2)
    taken = [t for t in map(as_integer, types) if t is not None]
    if len(taken) != 2:
        raise mismatch("SEQUENCE", types)
    return Signature(tuple(taken), array_of(_INTEGER.with_nullable(False), any_nullable(types)))


@by_value("SEQUENCE", resolve=_sequence_types, can_fail=True)
def sequence(first: int, last: int) -> list[int]:
    """Make an array of the integers from first to last; none if last is smaller."""
    _size(last - first + 1)
    return [*range(first, last + 1)]


# ------------------------------------------------------------------------------------------------------- elements


def _item_types(types: Sequence[SqlType]) -> Signature:
    """Types of `array[integer]`, `map[key]` and `variant[anything]`; fields of a ROW are the binder's."""
    expect_count("item", types, 2)
    whole, index = types
    refused = TypeMismatch(f"Cannot apply indexing to arguments of type '<{describe(whole)}>[<{describe(index)}>]'")
    if whole.kind is Kind.ARRAY:
        if index.kind not in INTEGERS and index.kind is not Kind.NULL:
            raise refused
        return Signature((whole, SqlType(Kind.BIGINT, index.nullable)), part(whole.element).with_nullable(True))
    if whole.kind is Kind.MAP:
        key = part(whole.key)
        if key.kind is not Kind.VARIANT and index.kind is Kind.VARIANT:
            raise refused
        try:
            comparable_element(key, index)
        except TypeMismatch:
            raise refused from None
        return Signature((whole, key.with_nullable(index.nullable)), part(whole.element).with_nullable(True))
    if whole.kind is Kind.VARIANT:
        if index.kind in (Kind.ARRAY, Kind.MAP, Kind.STRUCT):
            raise refused
        return Signature((whole, SqlType(Kind.VARIANT, index.nullable)), SqlType(Kind.VARIANT))
    raise refused


@by_column("ITEM", resolve=_item_types)
def item(pool: Pool, signature: Signature, columns: Sequence[Column]) -> Column:
    """Return the elements at positions or under keys, NULL where there is none."""
    from penstock.sql.functions.maps import lookup
    from penstock.sql.functions.variants import variant_items

    whole = signature.arguments[0]
    if whole.kind is Kind.VARIANT:
        return variant_items(pool, signature, columns)
    if whole.kind is Kind.MAP:
        return python_bulk(lookup)(pool, signature, columns)
    find = array_element(whole)
    found = [find(data, at) for data, at in zip(pool.values(columns[0].words), columns[1].words.tolist(), strict=True)]
    return encode_values(found, signature.result, pool)


@by_value("SAFE_OFFSET", resolve=lambda types: _offset_types(types))
def safe_offset(index: int) -> int:
    """Return the position of an index that counts from 0, for use as `array[SAFE_OFFSET(i)]`."""
    return index + 1


def _offset_types(types: Sequence[SqlType]) -> Signature:
    expect_count("safe_offset", types, 1)
    if types[0].kind not in INTEGERS and types[0].kind is not Kind.NULL:
        raise mismatch("SAFE_OFFSET", types)
    taken = _INTEGER.with_nullable(types[0].nullable)
    return Signature((taken,), SqlType(Kind.BIGINT, taken.nullable))


def _cardinality_types(types: Sequence[SqlType]) -> Signature:
    expect_count("cardinality", types, 1)
    if types[0].kind not in (Kind.ARRAY, Kind.MAP):
        raise mismatch("CARDINALITY", types)
    return Signature((types[0],), _INTEGER.with_nullable(types[0].nullable))


def _size_types(name: str) -> Resolve:
    def resolve(types: Sequence[SqlType]) -> Signature:
        _arrays(name, types, 1)
        return Signature((types[0],), _INTEGER.with_nullable(types[0].nullable))

    return resolve


def cardinality(values: Any) -> int:
    """Count elements or entries."""
    return len(values)


by_value("CARDINALITY", resolve=_cardinality_types)(cardinality)
by_value("ARRAY_LENGTH", resolve=_size_types("ARRAY_LENGTH"))(cardinality)
by_value("ARRAY_SIZE", resolve=_size_types("ARRAY_SIZE"))(cardinality)


def _element_types(name: str) -> Resolve:
    """An array gives one of its elements or NULL."""

    def resolve(types: Sequence[SqlType]) -> Signature:
        element = _arrays(name, types, 1)
        return Signature((types[0],), element.with_nullable(True))

    return resolve


@by_value("ELEMENT", resolve=_element_types("ELEMENT"), can_fail=True)
def element(values: list[object]) -> object:
    """Return the only element, NULL of an empty array; more than one stops the pipeline."""
    if len(values) > 1:
        raise EvaluationError("array has more than one element")
    return values[0] if values else None


def _extreme(choose: Callable[..., object]) -> Callable[[Signature], Callable[..., object]]:
    def build(signature: Signature) -> Callable[..., object]:
        key = order_key(signature.result)
        return lambda values: choose((v for v in values if v is not None), key=key, default=None)

    return build


by_type("ARRAY_MAX", resolve=_element_types("ARRAY_MAX"))(_extreme(max))
by_type("ARRAY_MIN", resolve=_element_types("ARRAY_MIN"))(_extreme(min))


# --------------------------------------------------------------------------------------- one array to another


def _same_array(name: str) -> Resolve:
    def resolve(types: Sequence[SqlType]) -> Signature:
        _arrays(name, types, 1)
        return Signature((types[0],), types[0])

    return resolve


def _compact_types(types: Sequence[SqlType]) -> Signature:
    element = _arrays("ARRAY_COMPACT", types, 1)
    return Signature((types[0],), with_element(types[0], element.with_nullable(False)))


@by_value("ARRAY_COMPACT", resolve=_compact_types)
def array_compact(values: list[object]) -> list[object]:
    """Leave out NULLs."""
    return [v for v in values if v is not None]


@by_value("ARRAY_REVERSE", resolve=_same_array("ARRAY_REVERSE"))
def array_reverse(values: list[object]) -> list[object]:
    """Return the elements in the opposite order."""
    return values[::-1]


@by_type("ARRAY_DISTINCT", resolve=_same_array("ARRAY_DISTINCT"))
def array_distinct(signature: Signature) -> Callable[..., object]:
    """Keep the first of equal elements."""
    key = order_key(part(signature.result.element))
    return lambda values: [*distinct(values, key).values()]


def _sort_types(types: Sequence[SqlType]) -> Signature:
    _arrays("SORT_ARRAY", types, 1, 2)
    if len(types) == 2 and types[1].kind not in (Kind.BOOLEAN, Kind.NULL):
        raise mismatch("SORT_ARRAY", types)
    flags = tuple(_BOOLEAN.with_nullable(t.nullable) for t in types[1:])
    return Signature((types[0], *flags), types[0].with_nullable(any_nullable(types)))


@by_type("SORT_ARRAY", resolve=_sort_types)
def sort_array(signature: Signature) -> Callable[..., object]:
    """Sort elements, ascending unless told otherwise; NULL is the smallest."""
    key = order_key(part(signature.result.element))
    return lambda values, ascending=True: sorted(values, key=key, reverse=not ascending)


# ------------------------------------------------------------------------------------------ an array and a value


def _with_value(name: str, result: SqlType | None, nullable_by_value: bool) -> Resolve:
    """An array and a value of its elements' type. result None: the array, which then holds the value too."""

    def resolve(types: Sequence[SqlType]) -> Signature:
        element = _arrays(name, types, 2)
        shared = comparable_element(element, types[1])
        array = with_element(types[0], shared)
        nullable = types[0].nullable or (nullable_by_value and types[1].nullable)
        given = (
            with_element(types[0], shared.with_nullable(element.nullable)),
            shared.with_nullable(types[1].nullable),
        )
        return Signature(given, (array if result is None else result).with_nullable(nullable))

    return resolve


@by_value("ARRAY_APPEND", resolve=_with_value("ARRAY_APPEND", None, False), strict=False)
def array_append(values: list[object] | None, value: object) -> list[object] | None:
    """Put a value, which may be NULL, behind the elements."""
    return None if values is None else [*values, value]


@by_value("ARRAY_PREPEND", resolve=_with_value("ARRAY_PREPEND", None, False), strict=False)
def array_prepend(values: list[object] | None, value: object) -> list[object] | None:
    """Put a value, which may be NULL, before the elements."""
    return None if values is None else [value, *values]


def _value_key(signature: Signature) -> Callable[[object], bytes]:
    return order_key(part(signature.arguments[0].element))


@by_type("ARRAY_CONTAINS", resolve=_with_value("ARRAY_CONTAINS", _BOOLEAN, True))
def array_contains(signature: Signature) -> Callable[..., object]:
    """Whether an element is equal to the value."""
    key = _value_key(signature)
    return lambda values, value: key(value) in map(key, values)


@by_type("ARRAY_POSITION", resolve=_with_value("ARRAY_POSITION", SqlType(Kind.BIGINT), True))
def array_position(signature: Signature) -> Callable[..., object]:
    """Return the position of the first element equal to the value, or 0."""
    key = _value_key(signature)

    def find(values: list[object], value: object) -> int:
        wanted = key(value)
        return next((at for at, v in enumerate(values, 1) if key(v) == wanted), 0)

    return find


@by_type("ARRAY_REMOVE", resolve=_with_value("ARRAY_REMOVE", None, True))
def array_remove(signature: Signature) -> Callable[..., object]:
    """Leave out the elements equal to the value."""
    key = _value_key(signature)

    def remove(values: list[object], value: object) -> list[object]:
        unwanted = key(value)
        return [v for v in values if key(v) != unwanted]

    return remove


def _insert_types(types: Sequence[SqlType]) -> Signature:
    element = _arrays("ARRAY_INSERT", types, 3)
    shared = comparable_element(element, types[2])
    if types[1].kind not in INTEGERS and types[1].kind is not Kind.NULL:
        raise mismatch("ARRAY_INSERT", types)
    given = (
        with_element(types[0], shared.with_nullable(element.nullable)),
        _INTEGER.with_nullable(types[1].nullable),
        shared.with_nullable(types[2].nullable),
    )
    result = with_element(types[0], shared.with_nullable(True)).with_nullable(any_nullable(types[:2]))
    return Signature(given, result)


@by_value("ARRAY_INSERT", resolve=_insert_types, strict=False, can_fail=True)
def array_insert(values: list[object] | None, position: int | None, value: object) -> list[object] | None:
    """Put a value at a position, from the end if negative (-1: the last), padded with NULLs."""
    if values is None or position is None:
        return None
    if position == 0 or abs(position) > _MAX_ELEMENTS:
        raise EvaluationError(f"ARRAY_INSERT: position {position} is out of range")
    if position > 0:
        padded = values + [None] * (position - 1 - len(values))
        return [*padded[: position - 1], value, *padded[position - 1 :]]
    at = len(values) + position + 1
    return [*values[:at], value, *values[at:]] if at >= 0 else [value, *[None] * -at, *values]


# -------------------------------------------------------------------------------------------------- two arrays


def _two_arrays(name: str, result: SqlType | None = None, most: int = 2) -> Resolve:
    """Arrays with a common type of elements."""

    def resolve(types: Sequence[SqlType]) -> Signature:
        _arrays(name, types, min(2, most) if most > 0 else 1, most)
        if any(t.kind is not Kind.ARRAY for t in types):
            raise mismatch(name, types)
        try:
            shared = same_parts([part(t.element) for t in types])
        except TypeMismatch:
            raise mismatch(name, types) from None
        given = tuple(with_element(t, shared.with_nullable(part(t.element).nullable)) for t in types)
        nullable = any_nullable(types)
        return Signature(given, array_of(shared, nullable) if result is None else result.with_nullable(nullable))

    return resolve


@by_value("ARRAY_CONCAT", resolve=_two_arrays("ARRAY_CONCAT", most=-1))
def array_concat(*arrays: list[object]) -> list[object]:
    """Put arrays end to end."""
    return [value for values in arrays for value in values]


@by_type("ARRAY_UNION", resolve=_two_arrays("ARRAY_UNION"))
def array_union(signature: Signature) -> Callable[..., object]:
    """Return the elements of either array, each once, sorted."""
    key = order_key(part(signature.result.element))
    return lambda left, right: in_order(distinct((*left, *right), key))


@by_type("ARRAY_INTERSECT", resolve=_two_arrays("ARRAY_INTERSECT"))
def array_intersect(signature: Signature) -> Callable[..., object]:
    """Return the elements of both arrays, each once, sorted."""
    key = order_key(part(signature.result.element))

    def intersect(left: list[object], right: list[object]) -> list[object]:
        there = {key(v) for v in right}
        return in_order({k: v for k, v in distinct(left, key).items() if k in there})

    return intersect


@by_type("ARRAY_EXCEPT", resolve=_two_arrays("ARRAY_EXCEPT"))
def array_except(signature: Signature) -> Callable[..., object]:
    """Return the elements of the first array that are not in the second, each once, sorted."""
    key = order_key(part(signature.result.element))

    def without(left: list[object], right: list[object]) -> list[object]:
        there = {key(v) for v in right}
        return in_order({k: v for k, v in distinct(left, key).items() if k not in there})

    return without


@by_type("ARRAYS_OVERLAP", resolve=_two_arrays("ARRAYS_OVERLAP", _BOOLEAN))
def arrays_overlap(signature: Signature) -> Callable[..., object]:
    """Whether an element is in both arrays."""
    key = order_key(part(signature.arguments[0].element))
    return lambda left, right: not {key(v) for v in left}.isdisjoint(key(v) for v in right)


# ------------------------------------------------------------------------------------------------------------- text


def _joined_types(name: str) -> Resolve:
    def resolve(types: Sequence[SqlType]) -> Signature:
        element = _arrays(name, types, 2, 3)
        text = as_text(element)
        rest = [t if t.kind in STRINGS else _VARCHAR if t.kind is Kind.NULL else None for t in types[1:]]
        strings = [t for t in rest if t is not None]
        if text is None or len(strings) != len(types) - 1:
            raise mismatch(name, types)
        return Signature((with_element(types[0], text), *strings), _VARCHAR.with_nullable(any_nullable(types[:2])))

    return resolve


def array_to_string(values: list[str | None] | None, separator: str | None, missing: str | None = None) -> str | None:
    """Join the elements' texts; a NULL element is shown as `missing`, or left out."""
    if values is None or separator is None:
        return None
    shown = (missing if value is None else value for value in values)
    return separator.join(text for text in shown if text is not None)


for _name in ("ARRAY_TO_STRING", "ARRAY_JOIN"):
    by_value(_name, resolve=_joined_types(_name), strict=False)(array_to_string)
