"""A list request in the core's words: predicate, order, cursor.

Dialects translate their filter grammars into predicates and their page tokens into cursors; stores answer queries. The
meaning defined here (`matches`, `sort_key`) is the reference that every store is tested against.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import assert_never

from penstock.kernel.errors import Invalid
from penstock.kernel.scope import Scope

__all__ = [
    "AllOf",
    "AnyOf",
    "Compare",
    "Comparison",
    "Cursor",
    "IndexValue",
    "IsNull",
    "Not",
    "OneOf",
    "Order",
    "Predicate",
    "Query",
    "matches",
    "sort_key",
]

IndexValue = int | str | None
"""What an index column holds: a 64-bit integer, a text, or nothing. Booleans are stored as 0 and 1."""

MAX_LIMIT = 10_000
"""The longest page a store will return at once, in records."""


class Comparison(StrEnum):
    """How a field is held against a value."""

    EQ = "="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    CONTAINS = "contains"
    STARTS_WITH = "starts with"


@dataclass(frozen=True, slots=True)
class Compare:
    """True where the field is set, has the value's type, and compares so. Text compares by code point, with case."""

    field: str
    comparison: Comparison
    value: int | str


@dataclass(frozen=True, slots=True)
class OneOf:
    """True where the field equals one of the values."""

    field: str
    values: tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class IsNull:
    """True where the field is not set."""

    field: str


@dataclass(frozen=True, slots=True)
class Not:
    """True where the operand is false; there is no third truth value."""

    operand: "Predicate"


@dataclass(frozen=True, slots=True)
class AllOf:
    """True where every operand is; true if there is none."""

    operands: tuple["Predicate", ...] = ()


@dataclass(frozen=True, slots=True)
class AnyOf:
    """True where an operand is; false if there is none."""

    operands: tuple["Predicate", ...] = ()


Predicate = Compare | OneOf | IsNull | Not | AllOf | AnyOf
"""A condition on the fields of a record."""


@dataclass(frozen=True, slots=True)
class Order:
    """By one field, then by creation, then by id, all in the same direction, so that no two records tie.

    Ascending: records without the field first, then integers, then text.
    """

    field: str = "created_at"
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Cursor:
    """The place of the last record of a page: its order field's value, its creation (µs since 1970) and its id."""

    value: IndexValue
    created_at_us: int
    id: str


@dataclass(frozen=True, slots=True)
class Query:
    """Records of one kind and scope that satisfy `where`: in order, after `after`, without the first `offset`.

    Fields are the declared index columns of the kind and `id`, `name`, `revision`, `created_at`, `updated_at` (the
    last two in microseconds since 1970). The scope is met exactly; records of scopes below it are not included.
    """

    kind: str
    scope: Scope
    where: Predicate = field(default_factory=AllOf)
    order: Order = field(default_factory=Order)
    limit: int = 100
    after: Cursor | None = None
    offset: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_LIMIT:
            raise Invalid(f"page size is {self.limit!r}; it must lie between 1 and {MAX_LIMIT}")
        if self.offset < 0:
            raise Invalid(f"offset is {self.offset!r}; it must be 0 or more")


def matches(predicate: Predicate, fields: Mapping[str, IndexValue]) -> bool:
    """Decide a predicate for one record; a field that is absent counts as not set."""
    match predicate:
        case Compare():
            return _compare(predicate, fields.get(predicate.field))
        case OneOf(name, values):
            actual = fields.get(name)
            return actual is not None and actual in values
        case IsNull(name):
            return fields.get(name) is None
        case Not(operand):
            return not matches(operand, fields)
        case AllOf(operands):
            return all(matches(operand, fields) for operand in operands)
        case AnyOf(operands):
            return any(matches(operand, fields) for operand in operands)
    assert_never(predicate)


def sort_key(value: IndexValue) -> tuple[int, int | str]:
    """Return a key that sorts unset values first, then integers, then text by code point."""
    match value:
        case None:
            return (0, 0)
        case int():
            return (1, value)
        case str():
            return (2, value)
    assert_never(value)


def _compare(predicate: Compare, actual: IndexValue) -> bool:
    expected = predicate.value
    if actual is None or isinstance(actual, str) != isinstance(expected, str):
        return False
    match predicate.comparison:
        case Comparison.EQ:
            return actual == expected
        case Comparison.NE:
            return actual != expected
        case Comparison.CONTAINS:
            return isinstance(actual, str) and isinstance(expected, str) and expected in actual
        case Comparison.STARTS_WITH:
            return isinstance(actual, str) and isinstance(expected, str) and actual.startswith(expected)
        case Comparison.LT:
            return sort_key(actual) < sort_key(expected)
        case Comparison.LE:
            return sort_key(actual) <= sort_key(expected)
        case Comparison.GT:
            return sort_key(actual) > sort_key(expected)
        case Comparison.GE:
            return sort_key(actual) >= sort_key(expected)
    assert_never(predicate.comparison)
