"""Lists: which way a page of records, or their number, is found. Runs in a reading thread.

There are four ways. Conditions that few records meet are looked up, and what is found is sorted. Otherwise a page is
read from an index in the wanted order until it is full: from that of creation; from that of one value of a column,
which is in order of creation too; or from that of a whole column. A column that not every record was written with is
read in two parts. Conditions that all records meet are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any, Final

from penstock.kernel.query import (
    AllOf,
    Compare,
    Comparison,
    Cursor,
    IndexValue,
    OneOf,
    Order,
    Predicate,
    Query,
    matches,
)
from penstock.kernel.records import BUILT_IN_FIELDS
from penstock.store.counts import Counts, Test
from penstock.store.predicates import (
    UNSET,
    Statement,
    Terms,
    condition,
    in_range,
    is_leaf,
    is_range,
    joined,
    normalised,
    on_value,
    trigrams,
)
from penstock.store.queries import query as named
from penstock.store.reader import Readers, Row

__all__ = ["FEW", "Lists", "place_of"]

FEW: Final = 2000
"""Up to this many records are looked up and sorted."""
_ROW: Final = "r.kind, r.id, r.scope, r.name, r.revision, r.created_at, r.updated_at, r.columns, r.body"
_READY: Final = 2


@dataclass(frozen=True, slots=True)
class _Group:
    """The conditions on one field that can be looked up, and the statement that finds their records' numbers."""

    field: str
    conditions: tuple[Compare | OneOf, ...]
    statement: Statement

    @property
    def is_one_value(self) -> bool:
        return len(self.conditions) == 1 and _is_equal(self.conditions[0])


class Lists:
    """Answers queries over the readers' connections.

    wanted_texts: index columns (kind, scope, name) in which parts of texts were looked for without an index of them.
    """

    def __init__(self, readers: Readers, counts: Counts) -> None:
        self._readers = readers
        self._counts = counts
        self._numbers: dict[tuple[str, str, str], int] = {}
        self.wanted_texts: set[tuple[str, str, str]] = set()

    def select(self, query: Query) -> list[Row]:
        """Return the rows of a page, one more if there is a next page; the last member is the order field's value."""
        wanted, groups = self._conditions(query, normalised(query.where))
        order, needed = query.order, query.limit + 1
        rare = self._rare(query, groups)
        if rare is not None:
            return self._sorted(query, wanted, rare)
        single = self._smallest(query, [group for group in groups if group.is_one_value])
        if order.field == "created_at" and single is not None:
            return self._driven(query, wanted, single.field, "o.created_at", needed, query.offset)
        if order.field in BUILT_IN_FIELDS:
            return self._listed(query, wanted)
        if self._is_complete(query, order.field):
            return self._driven(query, wanted, order.field, "o.value", needed, query.offset)
        return self._in_parts(query, wanted)

    def count(self, query: Query) -> int:
        """Return how many records satisfy the predicate."""
        wanted = normalised(query.where)
        left, _ = self._conditions(query, wanted)
        return self._count(query, wanted, left)

    # Conditions.

    def _conditions(self, query: Query, wanted: tuple[Predicate, ...]) -> tuple[tuple[Predicate, ...], list[_Group]]:
        """Return the conditions that not all records meet, and those among them that can be looked up."""
        groups = self._groups(query, wanted)
        implied: set[Predicate] = set()
        for group in groups:
            may_be = group.field != "created_at" and not _contains(group) and self._estimate(group) > FEW
            if may_be and self._count(query, group.conditions) == self._count(query, ()):
                implied.update(group.conditions)
        left = tuple(part for part in wanted if part not in implied)
        return left, [group for group in groups if not implied.intersection(group.conditions)]

    def _groups(self, query: Query, wanted: Sequence[Predicate]) -> list[_Group]:
        by_field: dict[tuple[str, Predicate | None], list[Compare | OneOf]] = {}
        for part in wanted:
            if isinstance(part, Compare | OneOf) and is_leaf(part):
                # Parts of texts are looked up on their own.
                by_field.setdefault((part.field, part if _is_part(part) else None), []).append(part)
        return [self._group(query, tuple(parts)) for parts in by_field.values()]

    def _group(self, query: Query, parts: tuple[Compare | OneOf, ...]) -> _Group:
        name = parts[0].field
        if name == "created_at":
            terms = self._terms(query)
            sql, values = joined(" AND ", "1", [condition(part, terms) for part in parts])
            place = (query.kind, str(query.scope))
            return _Group(
                name,
                parts,
                (
                    f"SELECT number AS record, created_at, id FROM records AS r WHERE kind = ? AND scope = ? AND {sql}",
                    (*place, *values),
                ),
            )
        if len(parts) == 1 and _is_part(parts[0]) and (found := self._by_texts(query, parts[0])):
            return _Group(name, parts, found)
        tests = [in_range(parts)] if is_range(parts) else [on_value(part) for part in parts]
        sql, values = joined(" AND ", "1", [(template.format(value="value"), values) for template, values in tests])
        number = self._number(query, name)
        return _Group(
            name, parts, (f"SELECT record, created_at, id FROM column_order WHERE field = {number} AND {sql}", values)
        )

    def _by_texts(self, query: Query, part: Predicate) -> Statement | None:
        """Return the statement that finds the records whose text has a part, if there is an index for it."""
        assert isinstance(part, Compare), "the caller looked"
        asked = trigrams(part.value) if isinstance(part.value, str) else None
        if asked is None:
            return None
        place = (query.kind, str(query.scope), part.field)
        found: Any = self._readers.fetch(named("field"), _key(*place))
        if not found:
            return None
        number, state = found[0]
        if state != _READY:
            self.wanted_texts.add(place)
            return None
        sql = (
            "SELECT v.record FROM column_texts CROSS JOIN column_values AS v ON v.record = column_texts.rowid >> 16"
            f" WHERE column_texts MATCH ? AND column_texts.rowid & 65535 = {number} AND v.field = {number}"
            " AND instr(v.value, ?) > 0"
        )
        return sql, (asked, part.value)

    def _estimate(self, group: _Group) -> int:
        """Return how many records a group finds, up to `FEW` + 1."""
        sql, values = group.statement
        found: Any = self._readers.fetch(f"SELECT count(*) FROM ({sql} LIMIT {FEW + 1})", values)
        return int(found[0][0])

    def _size(self, group: _Group) -> int:
        """Return how many records a group finds."""
        found: Any = self._readers.fetch(f"SELECT count(*) FROM ({group.statement[0]})", group.statement[1])
        return int(found[0][0])

    def _rare(self, query: Query, groups: Sequence[_Group]) -> _Group | None:
        sized = [(self._estimate(group), at) for at, group in enumerate(groups)]
        size, at = min(sized, default=(FEW + 1, 0))
        return groups[at] if size <= FEW else None

    def _smallest(self, query: Query, groups: Sequence[_Group]) -> _Group | None:
        sized = [(self._count(query, group.conditions), at) for at, group in enumerate(groups)]
        return groups[min(sized)[1]] if sized else None

    # Counting.

    def _count(self, query: Query, wanted: tuple[Predicate, ...], left: tuple[Predicate, ...] | None = None) -> int:
        """Count the records that meet all conditions; `left` are those of them that seem not to be met by all."""
        where = AllOf(wanted)
        left = wanted if left is None else left
        implied = [group for group in self._groups(query, wanted) if not set(left).issuperset(group.conditions)]
        same = [AllOf(), *(AllOf(group.conditions) for group in implied)]

        def ask(are_met_by_all: bool) -> int:
            return self._ask(query, left if are_met_by_all else wanted)

        return self._counted(query, where, lambda fields: matches(where, fields), ask, same if implied else ())

    def _is_complete(self, query: Query, name: str) -> bool:
        """Whether every record was written with an index column, set or unset."""
        number = self._number(query, name)

        def ask(_: bool) -> int:
            found: Any = self._readers.fetch("SELECT count(*) FROM column_order WHERE field = ?", (number,))
            return int(found[0][0])

        present = self._counted(query, ("written with", name), lambda fields: name in fields, ask)
        return present == self._count(query, ())

    def _counted(
        self, query: Query, key: Hashable, test: Test, ask: Callable[[bool], int], same: Sequence[Hashable] = ()
    ) -> int:
        place = (query.kind, str(query.scope))
        try:
            return self._counts.count(place, key, test, self._readers.pin, ask, same)
        finally:
            self._readers.unpin()

    def _ask(self, query: Query, wanted: tuple[Predicate, ...]) -> int:
        place = (query.kind, str(query.scope))
        groups = self._groups(query, wanted)
        sized = [(self._size(group), at) for at, group in enumerate(groups)]
        if not sized:
            sql, values = condition(AllOf(wanted), self._terms(query))
            found: Any = self._readers.fetch(
                f"SELECT count(*) FROM records AS r WHERE r.kind = ? AND r.scope = ? AND {sql}", (*place, *values)
            )
            return int(found[0][0])
        size, at = min(sized)
        looked_up, looked_values = groups[at].statement
        left = tuple(part for part in wanted if part not in groups[at].conditions)
        if not left or not size:
            return size
        sql, values = condition(AllOf(left), self._terms(query, table="f" if "created_at" in looked_up else "r"))
        joins = " CROSS JOIN records AS r ON r.number = f.record" if "r." in sql else ""
        found = self._readers.fetch(
            f"SELECT count(*) FROM ({looked_up}) AS f{joins} WHERE {sql}", (*looked_values, *values)
        )
        return int(found[0][0])

    # Pages.

    def _sorted(self, query: Query, wanted: Sequence[Predicate], rare: _Group) -> list[Row]:
        """Look the records of a rare condition up, and sort them."""
        order = query.order
        left = tuple(part for part in wanted if part not in rare.conditions)
        sql, values = condition(AllOf(left), self._terms(query))
        looked_up, looked_values = rare.statement
        join, place = "", f"r.{order.field}"
        if order.field not in BUILT_IN_FIELDS:
            number = self._number(query, order.field)
            join = f" LEFT JOIN column_values AS o ON o.record = r.number AND o.field = {number}"
            place = "o.value"
        place = f"coalesce({place}, {UNSET})"
        after, after_values = _after(query.after, place, "r", order.descending)
        way = _way(order)
        return self._readers.fetch(
            f"SELECT {_ROW}, {place} AS place FROM ({looked_up}) AS f"
            f" CROSS JOIN records AS r ON r.number = f.record{join} WHERE {sql} AND {after}"
            f" ORDER BY place {way}, r.created_at {way}, r.id {way} LIMIT ? OFFSET ?",
            (*looked_values, *values, *after_values, query.limit + 1, query.offset),
        )

    def _driven(
        self,
        query: Query,
        wanted: Sequence[Predicate],
        name: str,
        place: str,
        limit: int,
        offset: int = 0,
        *,
        is_set: bool = False,
    ) -> list[Row]:
        """Read the rows of one index column in order.

        place: what of them is the order field's value. is_set: only those that have the column set.
        """
        terms = self._terms(query, table="o", driver=name)
        driver = f"o.field = {self._number(query, name)}" + f" AND o.value > {UNSET}" * is_set
        sql, values = condition(AllOf(tuple(wanted)), terms)
        way = _way(query.order)
        by = f"o.value {way}, o.created_at {way}, o.id {way}"
        if place == "o.created_at":
            by = f"o.created_at {way}, o.id {way}"
        beyond, beyond_values = _after(query.after, place, "o", query.order.descending)
        return self._readers.fetch(
            f"SELECT {_ROW}, {place} AS place FROM column_order AS o CROSS JOIN records AS r ON r.number = o.record"
            f" WHERE {driver} AND {sql} AND {beyond} ORDER BY {by} LIMIT ? OFFSET ?",
            (*values, *beyond_values, limit, offset),
        )

    def _listed(self, query: Query, wanted: Sequence[Predicate]) -> list[Row]:
        """Read the records themselves, in the order of a built-in field."""
        order = query.order
        sql, values = condition(AllOf(tuple(wanted)), self._terms(query))
        place, way = f"r.{order.field}", _way(order)
        # A column that is named twice is more than the planner finds an index for.
        columns = dict.fromkeys((*(place,) * (place != "r.id"), *("r.created_at",) * (place != "r.id"), "r.id"))
        by = ", ".join(f"{column} {way}" for column in columns)
        after, after_values = _after(query.after, place, "r", order.descending, has_nulls=order.field == "name")
        return self._readers.fetch(
            f"SELECT {_ROW}, {place} AS place FROM records AS r WHERE r.kind = ? AND r.scope = ? AND {sql}"
            f" AND {after} ORDER BY {by} LIMIT ? OFFSET ?",
            (query.kind, str(query.scope), *values, *after_values, query.limit + 1, query.offset),
        )

    def _in_parts(self, query: Query, wanted: Sequence[Predicate]) -> list[Row]:
        """Read by a column that not all records have: those that have it set, and the others by creation."""
        order, cursor, needed = query.order, query.after, query.limit + 1 + query.offset
        parts = [self._set_part, self._unset_part] if order.descending else [self._unset_part, self._set_part]
        if cursor is not None and (cursor.value is None) == (parts[0] == self._set_part):
            parts = parts[1:]  # the cursor is beyond the first part
        rows: list[Row] = []
        for part in parts:
            rows += part(query, wanted, needed - len(rows))
            if len(rows) >= needed:
                break
        return rows[query.offset :]

    def _set_part(self, query: Query, wanted: Sequence[Predicate], limit: int) -> list[Row]:
        cursor = query.after
        after = query if cursor is None or cursor.value is not None else replace(query, after=None)
        return self._driven(after, wanted, query.order.field, "o.value", limit, is_set=True)

    def _unset_part(self, query: Query, wanted: Sequence[Predicate], limit: int) -> list[Row]:
        number, order = self._number(query, query.order.field), query.order
        sql, values = condition(AllOf(tuple(wanted)), self._terms(query))
        cursor = query.after if query.after is not None and query.after.value is None else None
        after: Statement = ("1", ())
        if cursor is not None:
            sign = "<" if order.descending else ">"
            after = f"(r.created_at, r.id) {sign} (?, ?)", (cursor.created_at_us, cursor.id)
        way = _way(order)
        return self._readers.fetch(
            f"SELECT {_ROW}, {UNSET} AS place FROM records AS r WHERE r.kind = ? AND r.scope = ? AND {sql}"
            f" AND {after[0]} AND NOT EXISTS (SELECT 1 FROM column_values AS u"
            f" WHERE u.record = r.number AND u.field = {number} AND u.value > {UNSET})"
            f" ORDER BY r.created_at {way}, r.id {way} LIMIT ?",
            (query.kind, str(query.scope), *values, *after[1], limit),
        )

    def _terms(self, query: Query, *, table: str = "r", driver: str | None = None) -> Terms:
        return Terms(lambda name: self._number(query, name), table, driver)

    def _number(self, query: Query, name: str) -> int:
        """Return the number of an index column; -1 if no record of the kind and scope was written with it."""
        key = (query.kind, str(query.scope), name)
        number = self._numbers.get(key)
        if number is None:
            found: Any = self._readers.fetch(named("field"), _key(*key))
            if not found:
                return -1
            number = self._numbers[key] = int(found[0][0])
        return number


def place_of(value: object) -> IndexValue:
    """Return the value that a cursor holds, from the last member of a row."""
    if value == -inf:
        return None
    assert value is None or isinstance(value, int | str), "index columns hold integers and texts"
    return value


def _key(kind: str, scope: str, name: str) -> dict[str, object]:
    return {"kind": kind, "scope": scope, "name": name}


def _after(cursor: Cursor | None, place: str, table: str, descending: bool, *, has_nulls: bool = False) -> Statement:
    if cursor is None:
        return "1", ()
    sign = "<" if descending else ">"
    at = (cursor.created_at_us, cursor.id)
    if place.endswith(".created_at"):
        return f"({table}.created_at, {table}.id) {sign} (?, ?)", at
    rest = f"{table}.created_at, {table}.id"
    if not has_nulls:
        # One comparison of rows is what the index can answer.
        value = -inf if cursor.value is None else cursor.value
        return f"({place}, {rest}) {sign} (?, ?, ?)", (value, *at)
    if cursor.value is None:
        others = "0" if descending else f"{place} IS NOT NULL"
        return f"({others} OR ({place} IS NULL AND ({rest}) {sign} (?, ?)))", at
    nulls = f"{place} IS NULL OR " if descending else ""
    beyond = f"({place}, {rest}) {sign} (?, ?, ?)"
    return (f"({nulls}{beyond})" if nulls else beyond), (cursor.value, *at)


def _way(order: Order) -> str:
    return "DESC" if order.descending else "ASC"


def _is_equal(part: Compare | OneOf) -> bool:
    return (isinstance(part, Compare) and part.comparison is Comparison.EQ) or (
        isinstance(part, OneOf) and len(part.values) == 1
    )


def _is_part(part: Compare | OneOf) -> bool:
    return isinstance(part, Compare) and part.comparison is Comparison.CONTAINS


def _contains(group: _Group) -> bool:
    return any(_is_part(part) for part in group.conditions)
