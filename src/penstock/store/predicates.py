"""From predicates to SQL conditions. What the SQL must mean is defined by `kernel.query.matches` and `sort_key`.

Built-in fields are columns of `records` (`r`). An index column is a row of `column_values`, and one of `column_order`,
which has them in the order of lists; a record that lacks the rows counts as having the column unset. A statement that
is driven by `column_order` has one field's rows there as `o`, and need not look that field up, nor creation and id.

Every condition is 0 or 1 and never NULL, so that NOT has two truth values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, assert_never

from penstock.kernel.query import (
    AllOf,
    AnyOf,
    Compare,
    Comparison,
    IndexValue,
    IsNull,
    Not,
    OneOf,
    Predicate,
)
from penstock.kernel.records import BUILT_IN_FIELDS

__all__ = [
    "UNSET",
    "Statement",
    "Terms",
    "condition",
    "in_range",
    "is_leaf",
    "is_range",
    "joined",
    "normalised",
    "on_value",
    "trigrams",
]

Statement = tuple[str, tuple[IndexValue | float, ...]]
"""SQL with question marks, and their values in order."""

UNSET: Final = "-9e999"
"""How a column that is not set is stored."""
_INTEGERS: Final = frozenset({"revision", "created_at", "updated_at"})


@dataclass(frozen=True, slots=True)
class Terms:
    """Where conditions stand.

    number: gives the number of an index column, -1 if no record has it. table: what has the record that is looked at:
    the records themselves (`r`), or rows with number, creation and id. driver: the index column whose rows these are.
    """

    number: Callable[[str], int]
    table: str = "r"
    driver: str | None = None

    @property
    def record(self) -> str:
        """The number of the record that is looked at."""
        return "r.number" if self.table == "r" else f"{self.table}.record"

    def built_in(self, name: str) -> str:
        """Return the SQL of a built-in field."""
        return f"{self.table}.{name}" if name in ("created_at", "id") else f"r.{name}"


def condition(predicate: Predicate, terms: Terms) -> Statement:
    """Return the condition that a predicate comes to."""
    match predicate:
        case Compare() | OneOf():
            return _on_field(predicate.field, on_value(predicate), terms)
        case IsNull(name):
            sql, values = _on_field(name, (f"{{value}} > {UNSET}", ()), terms)
            return f"NOT {sql}", values
        case Not(operand):
            sql, values = condition(operand, terms)
            return f"NOT {sql}", values
        case AllOf(operands):
            return joined(" AND ", "1", [condition(operand, terms) for operand in operands])
        case AnyOf(operands):
            return joined(" OR ", "0", [condition(operand, terms) for operand in operands])
    assert_never(predicate)


def joined(word: str, empty: str, parts: list[Statement]) -> Statement:
    """Put conditions together."""
    sql = word.join(part for part, _ in parts) or empty
    return f"({sql})", tuple(value for _, values in parts for value in values)


def normalised(predicate: Predicate) -> tuple[Predicate, ...]:
    """Return the conditions that must all be met, without the groups they come in, and ranges of times as such."""
    match predicate:
        case AllOf(operands):
            return tuple(part for operand in operands for part in normalised(operand))
        case Not(Compare(name, comparison, value)) if name in _INTEGERS and isinstance(value, int):
            turned = _OPPOSITES.get(comparison)
            return (predicate,) if turned is None else (Compare(name, turned, value),)
        case Not(IsNull(name)) if name in BUILT_IN_FIELDS and name != "name":
            return ()
        case _:
            return (predicate,)


_OPPOSITES: Final = {
    Comparison.LT: Comparison.GE,
    Comparison.GE: Comparison.LT,
    Comparison.GT: Comparison.LE,
    Comparison.LE: Comparison.GT,
    Comparison.EQ: Comparison.NE,
    Comparison.NE: Comparison.EQ,
}


def is_leaf(predicate: Predicate) -> bool:
    """Whether records can be looked up by a condition: one on an index column, or on the time of creation."""
    match predicate:
        case Compare(name, comparison, value):
            if name == "created_at":
                return isinstance(value, int) and comparison not in (Comparison.NE, Comparison.EQ)
            return name not in BUILT_IN_FIELDS and comparison is not Comparison.NE
        case OneOf(name, _):
            return name not in BUILT_IN_FIELDS
        case _:
            return False


def on_value(predicate: Compare | OneOf) -> Statement:
    """Return the condition on `{value}`, an index column; only what is left of `{value}` may use an index."""
    if isinstance(predicate, OneOf):
        marks = ", ".join("?" * len(predicate.values))
        return f"{{value}} IN ({marks})", predicate.values
    value = predicate.value
    if not isinstance(value, str):
        return _on_integer(predicate.comparison, value)
    floor = "{value} >= ''"
    match predicate.comparison:
        case Comparison.EQ:
            return "{value} = ?", (value,)
        case Comparison.NE:
            return _all(floor, "{value} <> ?"), (value,)
        case Comparison.CONTAINS:
            return _all(floor, "instr({value}, ?) > 0"), (value,)
        case Comparison.STARTS_WITH:
            beyond = _beyond(value)
            if beyond is None:
                return _all(floor, "{value} >= ?", "instr({value}, ?) = 1"), (value, value)
            return "({value} >= ? AND {value} < ?)", (value, beyond)
        case Comparison.LT | Comparison.LE:
            return _all(floor, f"{{value}} {predicate.comparison.value} ?"), (value,)
        case Comparison.GT | Comparison.GE:
            return f"{{value}} {predicate.comparison.value} ?", (value,)
    assert_never(predicate.comparison)


def is_range(parts: tuple[Compare | OneOf, ...]) -> bool:
    """Whether conditions on one field are bounds of a range of integers, on both sides."""
    signs = {part.comparison for part in parts if isinstance(part, Compare) and isinstance(part.value, int)}
    return (
        all(isinstance(part, Compare) and isinstance(part.value, int) for part in parts)
        and signs <= {*_LOWER, *_UPPER}
        and bool(signs & _LOWER)
        and bool(signs & _UPPER)
    )


def in_range(parts: tuple[Compare | OneOf, ...]) -> Statement:
    """Return the conditions of a range whose ends an index finds; they leave out all that is no integer."""
    bounds = [part for part in parts if isinstance(part, Compare)]
    sql = " AND ".join(f"{{value}} {part.comparison.value} ?" for part in bounds)
    return f"({sql})", tuple(part.value for part in bounds)


_LOWER: Final = frozenset({Comparison.GT, Comparison.GE})
_UPPER: Final = frozenset({Comparison.LT, Comparison.LE})


def trigrams(text: str) -> str | None:
    """Return what the index of texts is asked for to find a part; None if the part is too short for it."""
    if len(text) < 3 or "\0" in text:
        return None
    parts = dict.fromkeys(text[start : start + 3] for start in range(len(text) - 2))
    return " AND ".join('"' + part.replace('"', '""') + '"' for part in parts)


def _on_field(name: str, test: Statement, terms: Terms) -> Statement:
    template, values = test
    if name in BUILT_IN_FIELDS:
        return _on_built_in(name, test, terms)
    if name == terms.driver:
        return f"({template.format(value='o.value')})", values
    number, met = terms.number(name), template.format(value="c.value")
    if template.startswith(("{value} = ?", "{value} IN (")):
        # Found where equal values lie in the order of creation: mostly beside the one before.
        at = f"c.created_at = {terms.built_in('created_at')} AND c.id = {terms.built_in('id')}"
        return f"EXISTS (SELECT 1 FROM column_order AS c WHERE c.field = {number} AND {met} AND {at})", values
    sql = f"c.record = {terms.record} AND c.field = {number} AND {met}"
    return f"EXISTS (SELECT 1 FROM column_values AS c WHERE {sql})", values


def _on_built_in(name: str, test: Statement, terms: Terms) -> Statement:
    template, values = test
    wanted = int if name in _INTEGERS else str
    if wanted is int:
        # Always an integer: nothing has to be kept out, and one bound on each side is what an index takes.
        template = template.replace(f"{{value}} > {UNSET} AND ", "").replace(" AND {value} < ''", "")
    fitting = tuple(value for value in values if isinstance(value, wanted))
    if " IN (" in template:
        # A number is not the text that looks like it, which the column's own type would make of it.
        marks = ", ".join("?" * len(fitting))
        template, values = f"{{value}} IN ({marks})", fitting
    elif len(fitting) < len(values):
        return "0", ()
    sql = template.format(value=terms.built_in(name))
    return (f"coalesce({sql}, 0)" if name == "name" else f"({sql})"), values


def _on_integer(comparison: Comparison, value: int) -> Statement:
    floor, ceiling = f"{{value}} > {UNSET}", "{value} < ''"
    match comparison:
        case Comparison.EQ:
            return "{value} = ?", (value,)
        case Comparison.NE:
            return _all(floor, ceiling, "{value} <> ?"), (value,)
        case Comparison.CONTAINS | Comparison.STARTS_WITH:
            return "0", ()
        case Comparison.LT | Comparison.LE:
            return _all(floor, f"{{value}} {comparison.value} ?"), (value,)
        case Comparison.GT | Comparison.GE:
            return _all(f"{{value}} {comparison.value} ?", ceiling), (value,)
    assert_never(comparison)


def _all(*parts: str) -> str:
    return f"({' AND '.join(parts)})"


def _beyond(text: str) -> str | None:
    """Return the least text that is greater than all that start with this one; None where that is not simple."""
    if not text or ord(text[-1]) in (0xD7FF, 0x10FFFF):
        return None
    return text[:-1] + chr(ord(text[-1]) + 1)
