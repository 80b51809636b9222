"""Which type several types have in common, how types are named in messages, and the result types of decimal arithmetic.

Source: the coercion and decimal rules of Apache Calcite, which the dialect follows, with at most 38 digits.
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.data.types import (
    BINARIES,
    FLOATS,
    INTEGER_BITS,
    INTEGERS,
    INTERVALS,
    MAX_DECIMAL_PRECISION,
    NUMERIC,
    SIGNED,
    STRINGS,
    TEMPORAL,
    UNSIGNED,
    Field,
    Kind,
    SqlType,
)
from penstock.sql.functions.registry import TypeMismatch

INTEGER_DIGITS = {
    Kind.TINYINT: 3,
    Kind.SMALLINT: 5,
    Kind.INTEGER: 10,
    Kind.BIGINT: 19,
    Kind.UTINYINT: 3,
    Kind.USMALLINT: 5,
    Kind.UINTEGER: 10,
    Kind.UBIGINT: 20,
}
"""Decimal digits that an integer counts for in decimal arithmetic."""

_UNSIGNED_NAMES = {
    Kind.UTINYINT: "TINYINT UNSIGNED",
    Kind.USMALLINT: "SMALLINT UNSIGNED",
    Kind.UINTEGER: "INTEGER UNSIGNED",
    Kind.UBIGINT: "BIGINT UNSIGNED",
}

STRING_AS_NUMBER = SqlType(Kind.DECIMAL, precision=38, scale=19)
"""What a string is read as where a number is expected."""

_MIN_DIVISION_SCALE = 6


def describe(kind: SqlType) -> str:
    """Return the name of a type in messages: "INTEGER", "BIGINT UNSIGNED", "DECIMAL(6, 2)", "INTEGER ARRAY"."""
    match kind.kind:
        case Kind.DECIMAL:
            return f"DECIMAL({kind.precision or MAX_DECIMAL_PRECISION}, {kind.scale or 0})"
        case Kind.CHAR | Kind.VARCHAR | Kind.BINARY | Kind.VARBINARY:
            return kind.kind.value if kind.precision is None else f"{kind.kind.value}({kind.precision})"
        case Kind.TIMESTAMP_TZ:
            return "TIMESTAMP WITH TIME ZONE"
        case Kind.INTERVAL_MONTHS:
            return f"INTERVAL {kind.qualifier or 'MONTH'}"
        case Kind.INTERVAL_MICROS:
            return f"INTERVAL {kind.qualifier or 'SECOND'}"
        case Kind.ARRAY if kind.element is not None:
            return f"{describe(kind.element)} ARRAY"
        case Kind.MAP if kind.key is not None and kind.element is not None:
            return f"({describe(kind.key)}, {describe(kind.element)}) MAP"
        case Kind.STRUCT:
            inner = ", ".join(f"{describe(f.type)} {f.name}" for f in kind.fields)
            return kind.name or f"RecordType({inner})"
    return _UNSIGNED_NAMES.get(kind.kind) or str(kind.kind.value)


_INFIX = {"+", "-", "*", "/", "%", "=", "<>", "<", "<=", ">", ">=", "<=>", "AND", "OR", "||", "AT TIME ZONE"}


def mismatch(name: str, types: Sequence[SqlType]) -> TypeMismatch:
    """Return the error of a call whose arguments have types that it does not take."""
    shown = [f"<{describe(t)}>" for t in types]
    if (name in _INFIX or "DISTINCT FROM" in name) and len(shown) == 2:
        call = f"{shown[0]} {name} {shown[1]}"
    elif name.startswith("IS ") and len(shown) == 1:
        call = f"{shown[0]} {name}"
    else:
        call = f"{name}({', '.join(shown)})"
    return TypeMismatch(f"Cannot apply '{name}' to arguments of type '{call}'")


def expect_count(name: str, types: Sequence[SqlType], least: int, most: int | None = None) -> None:
    """Raise TypeMismatch unless there are `least` to `most` arguments (`most` None: exactly `least`; -1: no bound)."""
    upper = least if most is None else most
    if len(types) < least or (upper >= 0 and len(types) > upper):
        wanted = str(least) if upper == least else f"{least} or more" if upper < 0 else f"{least} to {upper}"
        raise TypeMismatch(f"Invalid number of arguments to function '{name}'. Was expecting {wanted} arguments")


def any_nullable(types: Sequence[SqlType]) -> bool:
    """Whether the result of a strict function of these types may be NULL."""
    return any(t.nullable for t in types)


def decimal_of(kind: SqlType) -> tuple[int, int] | None:
    """Return precision and scale of an exact number as a decimal, None for other types."""
    if kind.kind is Kind.DECIMAL:
        return kind.precision or MAX_DECIMAL_PRECISION, kind.scale or 0
    digits = INTEGER_DIGITS.get(kind.kind)
    return None if digits is None else (digits, 0)


def decimal_type(precision: int, scale: int, nullable: bool) -> SqlType:
    """Return DECIMAL(precision, scale), cut to 38 digits."""
    return SqlType(Kind.DECIMAL, nullable, min(precision, MAX_DECIMAL_PRECISION), min(scale, MAX_DECIMAL_PRECISION))


def decimal_result(operator: str, left: tuple[int, int], right: tuple[int, int]) -> tuple[int, int]:
    """Return precision and scale of `left operator right`; left and right are (precision, scale)."""
    (p1, s1), (p2, s2) = left, right
    most = MAX_DECIMAL_PRECISION
    if operator in ("+", "-"):
        scale = max(s1, s2)
        return min(max(p1 - s1, p2 - s2) + scale + 1, most), scale
    if operator == "*":
        return min(p1 + p2, most), min(s1 + s2, most)
    if operator == "/":
        whole = min(p1 - s1 + s2, most)
        scale = min(max(_MIN_DIVISION_SCALE, s1 + p2 + 1), most - whole)
        return max(whole + scale, 1), scale
    scale = max(s1, s2)
    return min(min(p1 - s1, p2 - s2) + scale, most), scale


def common_integer(left: Kind, right: Kind) -> Kind:
    """Return the integer type that both convert to; signed with unsigned gives a wider signed type if there is one."""
    if left is right:
        return left
    if (left in UNSIGNED) == (right in UNSIGNED):
        return left if INTEGER_BITS[left] >= INTEGER_BITS[right] else right
    signed, unsigned = (left, right) if left in SIGNED else (right, left)
    if unsigned is Kind.UBIGINT:
        return unsigned
    bits = max(INTEGER_BITS[signed], 2 * INTEGER_BITS[unsigned])
    return next(k for k in SIGNED if INTEGER_BITS[k] >= bits)


def _common_numeric(left: SqlType, right: SqlType) -> SqlType:
    a, b = left.kind, right.kind
    if a in INTEGERS and b in INTEGERS:
        return SqlType(common_integer(a, b))
    if a in FLOATS or b in FLOATS:
        if Kind.DOUBLE in (a, b) or Kind.DECIMAL in (a, b):
            return SqlType(Kind.DOUBLE)
        return SqlType(Kind.REAL)
    first, second = decimal_of(left), decimal_of(right)
    assert first is not None and second is not None
    scale = max(first[1], second[1])
    return decimal_type(max(first[0] - first[1], second[0] - second[1]) + scale, scale, True)


def _longest(left: SqlType, right: SqlType) -> int | None:
    return None if left.precision is None or right.precision is None else max(left.precision, right.precision)


def _common_pair(left: SqlType, right: SqlType) -> SqlType | None:
    """Return the least type that holds both, its nullability unsettled."""
    a, b = left.kind, right.kind
    if a is Kind.NULL:
        return right
    if b is Kind.NULL:
        return left
    if a in NUMERIC and b in NUMERIC:
        return _common_numeric(left, right)
    if a in STRINGS and b in STRINGS:
        same = a is Kind.CHAR and b is Kind.CHAR and left.precision == right.precision
        return left if same else SqlType(Kind.VARCHAR, precision=_longest(left, right))
    if a in BINARIES and b in BINARIES:
        same = a is Kind.BINARY and b is Kind.BINARY and left.precision == right.precision
        return left if same else SqlType(Kind.VARBINARY, precision=_longest(left, right))
    if Kind.VARIANT in (a, b):
        return SqlType(Kind.VARIANT)
    if a in TEMPORAL and b in TEMPORAL and a is not b:
        if Kind.TIME in (a, b):
            return None
        return left if a is Kind.TIMESTAMP_TZ or (a is Kind.TIMESTAMP and b is Kind.DATE) else right
    if a is not b:
        return None
    if a in INTERVALS:
        return left if left.qualifier == right.qualifier else SqlType(a, qualifier=_wider_qualifier(left, right))
    return _common_nested(left, right)


_INTERVAL_UNITS = ("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND")


def _wider_qualifier(left: SqlType, right: SqlType) -> str | None:
    if left.qualifier is None or right.qualifier is None:
        return left.qualifier or right.qualifier
    places = [_INTERVAL_UNITS.index(word) for q in (left.qualifier, right.qualifier) for word in q.split(" TO ")]
    first, last = _INTERVAL_UNITS[min(places)], _INTERVAL_UNITS[max(places)]
    return first if first == last else f"{first} TO {last}"


def _common_nested(left: SqlType, right: SqlType) -> SqlType | None:
    if left.kind is Kind.STRUCT:
        if len(left.fields) != len(right.fields):
            return None
        fields = []
        for mine, yours in zip(left.fields, right.fields, strict=True):
            shared = least_restrictive((mine.type, yours.type))
            if shared is None:
                return None
            fields.append(Field(mine.name, shared))
        return SqlType(Kind.STRUCT, fields=tuple(fields), name=left.name if left.name == right.name else None)
    if left.kind in (Kind.ARRAY, Kind.MAP):
        element = _common_part(left.element, right.element)
        key = _common_part(left.key, right.key)
        if element is None or (left.kind is Kind.MAP and key is None):
            return None
        return SqlType(left.kind, element=element, key=key)
    return left


def _common_part(left: SqlType | None, right: SqlType | None) -> SqlType | None:
    if left is None or right is None:
        return left or right
    return least_restrictive((left, right))


def least_restrictive(types: Sequence[SqlType]) -> SqlType | None:
    """Return the type that CASE, COALESCE, UNION or VALUES of these types has, None if they have none in common."""
    result = types[0]
    for other in types[1:]:
        shared = _common_pair(result, other)
        if shared is None:
            return None
        result = shared
    return result.with_nullable(any_nullable(types) or any(t.kind is Kind.NULL for t in types))


def comparable(left: SqlType, right: SqlType) -> tuple[SqlType, SqlType] | None:
    """Return what the sides of a comparison are cast to, None if they cannot be compared.

    Exact numbers stay as they are (the comparison aligns them); a string is read as the other side's type.
    """
    a, b = left.kind, right.kind
    if a in NUMERIC and b in NUMERIC:
        if a in FLOATS or b in FLOATS:
            target = _common_numeric(left, right)
            return target.with_nullable(left.nullable), target.with_nullable(right.nullable)
        return left, right
    if a in STRINGS and b in STRINGS:
        return left, right
    for one, other, flip in ((left, right, False), (right, left, True)):
        if one.kind in STRINGS and other.kind in _READ_FROM_STRING:
            target = STRING_AS_NUMBER if other.kind in INTEGERS or other.kind is Kind.DECIMAL else other
            pair = (target.with_nullable(one.nullable), other)
            return (pair[1], pair[0]) if flip else pair
    shared = _common_pair(left, right)
    if shared is None:
        return None
    return shared.with_nullable(left.nullable), shared.with_nullable(right.nullable)


_READ_FROM_STRING = frozenset((*NUMERIC, *TEMPORAL, Kind.BOOLEAN, Kind.UUID))
