"""What a function takes and gives, found by asking its resolver for each kind of argument."""

from collections.abc import Callable, Iterable, Sequence
from itertools import product

from penstock.data.types import (
    BIGINT,
    BOOLEAN,
    DATE,
    DOUBLE,
    INTEGER,
    TIME,
    TIMESTAMP,
    VARCHAR,
    VARIANT,
    Field,
    Kind,
    SqlType,
    decimal,
)
from penstock.sql.functions.registry import Signature, TypeMismatch

__all__ = ["accepted", "shape"]

_STRUCT = SqlType(Kind.STRUCT, False, fields=(Field("a", DATE), Field("b", DATE)))
_SAMPLES: Sequence[SqlType] = (
    INTEGER,
    VARCHAR,
    TIMESTAMP,
    BOOLEAN,
    DOUBLE,
    decimal(10, 2),
    BIGINT,
    DATE,
    TIME,
    SqlType(Kind.VARBINARY, False),
    SqlType(Kind.INTERVAL_MONTHS, False, qualifier="MONTH"),
    SqlType(Kind.INTERVAL_MICROS, False, qualifier="DAY"),
    SqlType(Kind.UUID, False),
    SqlType(Kind.ARRAY, False, element=INTEGER),
    SqlType(Kind.ARRAY, False, element=VARCHAR),
    SqlType(Kind.MAP, False, key=VARCHAR, element=INTEGER),
    SqlType(Kind.MAP, False, key=INTEGER, element=VARCHAR),
    _STRUCT,
    VARIANT.with_nullable(False),
)
_MOST = 6
_ALL_PAIRS = 2

_SCALARS = frozenset(
    ("BOOLEAN", "INTEGER", "DOUBLE", "DECIMAL", "STRING", "BINARY", "DATE", "TIME", "TIMESTAMP", "INTERVAL", "UUID")
)
_FAMILIES: Sequence[tuple[str, frozenset[str]]] = (
    ("any", _SCALARS | {"ARRAY", "MAP", "ROW", "VARIANT"}),
    ("scalar", _SCALARS),
    ("number", frozenset(("INTEGER", "DECIMAL", "DOUBLE"))),
    ("date or time", frozenset(("DATE", "TIME", "TIMESTAMP"))),
)

Resolve = Callable[[Sequence[SqlType]], Signature]


def accepted(resolve: Resolve) -> dict[int, list[Signature]]:
    """Return the signatures a resolver gives, by number of arguments, for samples of all kinds."""
    found: dict[int, list[Signature]] = {}
    for count in range(_MOST + 1):
        taken = [s for types in _candidates(count, found) if (s := _asked(resolve, types)) is not None]
        if taken:
            found[count] = taken
    return found


def _candidates(count: int, found: dict[int, list[Signature]]) -> Iterable[tuple[SqlType, ...]]:
    """All combinations of up to two arguments; of three and more those whose later ones are of a few kinds."""
    if count <= _ALL_PAIRS:
        return product(_SAMPLES, repeat=count)
    few = (INTEGER, VARCHAR, TIMESTAMP)
    if count == 3:
        return (
            *product(_SAMPLES, _SAMPLES, few),
            *product(few, _SAMPLES, _SAMPLES),
            *((a, b, b) for a in _SAMPLES for b in _SAMPLES),
            *((a, b, a) for a in _SAMPLES for b in _SAMPLES),
        )
    return (
        *((a,) * count for a in _SAMPLES),
        *((a, *rest) for a in _SAMPLES for rest in product(few[:2], repeat=count - 1)),
        *((a, a, *rest) for a in _SAMPLES for rest in product(few[:2], repeat=count - 2)),
    )


def _asked(resolve: Resolve, types: tuple[SqlType, ...]) -> Signature | None:
    try:
        return resolve(types)
    except TypeMismatch:
        return None


def shape(found: dict[int, list[Signature]]) -> str:
    """Return arguments and result in words: `(STRING, INTEGER[, INTEGER]) → STRING`."""
    if not found:
        return ""
    counts = sorted(found)
    result = _place(found, lambda s: s.result)
    if counts[-1] == _MOST and len(counts) > 2:
        step = counts[-1] - counts[-2]
        places = _places(found, max(counts[0], step))
        return f"({', '.join(places)}, …) → {result}"
    if counts != list(range(counts[0], counts[-1] + 1)):
        each = (f"({', '.join(_places({count: found[count]}, count))})" for count in counts)
        return f"{' or '.join(each)} → {result}"
    places = _places(found, counts[-1])
    text = ", ".join(places[: counts[0]])
    for i in range(counts[0], counts[-1]):
        text += f"[, {places[i]}]" if i else f"[{places[i]}]"
    return f"({text}) → {result}"


def _places(found: dict[int, list[Signature]], width: int) -> list[str]:
    return [
        _place({n: taken for n, taken in found.items() if n > i}, lambda s, i=i: s.arguments[i], i)  # type: ignore[misc]
        for i in range(width)
    ]


def _place(found: dict[int, list[Signature]], pick: Callable[[Signature], SqlType], at: int = 1) -> str:
    """Return what stands in one place of all signatures: in terms of the container before it, if it always fits."""
    taken = [s for signatures in found.values() for s in signatures]
    kinds = [pick(s).kind for s in taken]
    if at > 0:
        for word, part in (("element", "element"), ("key", "key")):
            if len(set(kinds)) > 1 and all(_part_kind(s, part) is k for s, k in zip(taken, kinds, strict=True)):
                return word
    if set(kinds) == {Kind.NULL} and all(s.arguments and s.arguments[0].kind is Kind.STRUCT for s in taken):
        return "the field"
    return _words(kinds)


def _part_kind(signature: Signature, part: str) -> Kind | None:
    """The kind of the elements or keys of the first argument; those of a VARIANT are VARIANTs."""
    if not signature.arguments:
        return None
    first = signature.arguments[0]
    if first.kind is Kind.VARIANT and len(signature.arguments) > 1:
        return Kind.VARIANT if part == "element" else None
    if first.kind not in (Kind.ARRAY, Kind.MAP):
        return None
    of: SqlType | None = getattr(first, part)
    return None if of is None else of.kind


def _words(kinds: Iterable[Kind]) -> str:
    """Return kinds as few words."""
    names = {_name(kind) for kind in kinds}
    words = []
    for family, members in _FAMILIES:
        if members <= names:
            words.append(family)
            names -= members
    return " or ".join((*words, *sorted(names)))


def _name(kind: Kind) -> str:
    match kind:
        case Kind.CHAR | Kind.VARCHAR:
            return "STRING"
        case Kind.BINARY | Kind.VARBINARY:
            return "BINARY"
        case Kind.INTERVAL_MONTHS | Kind.INTERVAL_MICROS:
            return "INTERVAL"
        case Kind.STRUCT:
            return "ROW"
        case Kind.REAL:
            return "DOUBLE"
        case Kind.TIMESTAMP_TZ:
            return "TIMESTAMP"
        case Kind.TINYINT | Kind.SMALLINT | Kind.BIGINT | Kind.UBIGINT | Kind.UINTEGER:
            return "INTEGER"
    return kind.value
