"""From a query to SQL. What the SQL must mean is defined by `kernel.query.matches` and `sort_key`.

Built-in fields are columns of `records`. An index column is a row of `record_columns`; a record that lacks the row
counts as having the column unset.

A condition on a column can be met in two ways: look the value up and take the records that have it (`IN`), or go
through the records in the wanted order and look whether each has it (`EXISTS`). The first is quick if few records have
the value, the second if many do, since a page is then soon full. `estimates` asks how many have it, up to a limit;
`choose_rare` says which condition is looked up.
"""

from typing import assert_never

from penstock.kernel.query import (
    AllOf,
    AnyOf,
    Compare,
    Comparison,
    Cursor,
    IndexValue,
    IsNull,
    Not,
    OneOf,
    Predicate,
    Query,
)
from penstock.kernel.records import BUILT_IN_FIELDS

__all__ = ["FEW", "Statement", "choose_rare", "count_statement", "estimates", "select_statement"]

Statement = tuple[str, tuple[IndexValue, ...]]
"""SQL with question marks, and their values in order."""

_SELECT = (
    "SELECT r.kind, r.id, r.scope, r.name, r.revision, r.created_at, r.updated_at, r.columns, r.body, {place} AS place"
    " FROM records AS r{join} WHERE r.kind = ? AND r.scope = ? AND {where} AND {after}"
    " ORDER BY place {direction}, r.id {direction} LIMIT ? OFFSET ?"
)
_COUNT = "SELECT count(*) FROM records AS r WHERE r.kind = ? AND r.scope = ? AND {where}"
_JOIN = " LEFT JOIN record_columns AS o ON o.record = r.number AND o.field = ?"
FEW = 2000
"""Up to this many records a value is rare."""
_ORDERED = (
    "SELECT r.kind, r.id, r.scope, r.name, r.revision, r.created_at, r.updated_at, r.columns, r.body, o.value AS place"
    " FROM record_columns AS o CROSS JOIN records AS r ON r.number = o.record"
    " WHERE o.kind = ? AND o.scope = ? AND o.field = ? AND {where} AND {after}"
    " ORDER BY o.value {direction}, r.id {direction} LIMIT ? OFFSET ?"
)
_ESTIMATE = (
    "SELECT count(*) FROM (SELECT 1 FROM record_columns WHERE kind = ? AND scope = ? AND field = ? AND {condition}"
    " LIMIT {limit})"
)
_COUNT_COLUMN = "SELECT count(*) FROM record_columns WHERE kind = ? AND scope = ? AND field = ? AND {condition}"
_NEVER_NULL = BUILT_IN_FIELDS - {"name"}


def select_statement(query: Query, rare: Predicate | None = None) -> Statement:
    """Return the statement for one page and one record more, which tells whether there is a next page.

    rare: the condition that is looked up; the others are tested on what is met.
    """
    order = query.order
    where, where_values = _condition(query.where, query, rare)
    is_built_in = order.field in BUILT_IN_FIELDS
    is_driven = not is_built_in and order.is_complete and rare is None
    place = f"r.{order.field}" if is_built_in else "o.value"
    after, after_values = _after(query.after, place, order.descending, order.field in _NEVER_NULL)
    direction = "DESC" if order.descending else "ASC"
    scope = (query.kind, str(query.scope))
    limits = (query.limit + 1, query.offset)
    if is_driven:
        sql = _ORDERED.format(where=where, after=after, direction=direction)
        return sql, (*scope, order.field, *where_values, *after_values, *limits)
    sql = _SELECT.format(place=place, join="" if is_built_in else _JOIN, where=where, after=after, direction=direction)
    joined = () if is_built_in else (order.field,)
    return sql, (*joined, *scope, *where_values, *after_values, *limits)


def count_statement(query: Query, rare: Predicate | None = None) -> Statement:
    """Return the statement that counts all records satisfying the predicate."""
    leaves = _required(query.where)
    scope = (query.kind, str(query.scope))
    if len(leaves) == 1 and leaves[0] in (query.where, *_sole(query.where)):
        field, (template, values) = _column_condition(leaves[0])
        return _COUNT_COLUMN.format(condition=template.format(value="value")), (*scope, field, *values)
    where, values = _condition(query.where, query, rare)
    return _COUNT.format(where=where), (*scope, *values)


def estimates(query: Query) -> list[tuple[Predicate, Statement]]:
    """Return the conditions that could be looked up, each with a statement that counts its records up to `FEW` + 1."""
    found: list[tuple[Predicate, Statement]] = []
    for leaf in _required(query.where):
        field, (template, values) = _column_condition(leaf)
        sql = _ESTIMATE.format(condition=template.format(value="value"), limit=FEW + 1)
        found.append((leaf, (sql, (query.kind, str(query.scope), field, *values))))
    return found


def choose_rare(counts: list[tuple[Predicate, int]], *, is_count: bool = False) -> Predicate | None:
    """Return the condition to look up: the rarest, if it is rare, or in any case if all records are to be counted."""
    if not counts:
        return None
    predicate, count = min(counts, key=lambda entry: entry[1])
    return predicate if count <= FEW or is_count else None


def _required(predicate: Predicate) -> list[Compare | OneOf]:
    """Return the conditions on single values of columns that every record must meet."""
    match predicate:
        case Compare(field, Comparison.EQ, _) | OneOf(field, _) if field not in BUILT_IN_FIELDS:
            return [predicate]
        case AllOf(operands):
            return [leaf for operand in operands for leaf in _required(operand)]
        case _:
            return []


def _sole(predicate: Predicate) -> tuple[Predicate, ...]:
    return predicate.operands if isinstance(predicate, AllOf) and len(predicate.operands) == 1 else ()


def _column_condition(leaf: Compare | OneOf) -> tuple[str, Statement]:
    if isinstance(leaf, Compare):
        return leaf.field, _comparison(leaf.comparison, leaf.value)
    marks = ", ".join("?" * len(leaf.values))
    return leaf.field, (f"{{value}} IN ({marks})", leaf.values)


def _after(cursor: Cursor | None, place: str, descending: bool, never_null: bool) -> Statement:
    if cursor is None:
        return "1", ()
    beyond = "<" if descending else ">"
    if never_null:
        # The row comparison is what the index on (…, place, id) can answer.
        return f"({place}, r.id) {beyond} (?, ?)", (cursor.value, cursor.id)
    if cursor.value is None:
        others = "0" if descending else f"{place} IS NOT NULL"
        return f"({others} OR ({place} IS NULL AND r.id {beyond} ?))", (cursor.id,)
    nulls = f"{place} IS NULL OR " if descending else ""
    sql = f"({nulls}{place} {beyond} ? OR ({place} = ? AND r.id {beyond} ?))"
    return sql, (cursor.value, cursor.value, cursor.id)


def _condition(predicate: Predicate, query: Query, rare: Predicate | None) -> Statement:
    is_rare = predicate is rare
    match predicate:
        case Compare(field, comparison, value):
            return _on_value(field, _comparison(comparison, value), query, is_rare)
        case OneOf(field, wanted):
            marks = ", ".join("?" * len(wanted))
            return _on_value(field, (f"{{value}} IN ({marks})", wanted), query, is_rare)
        case IsNull(field):
            sql, values = _on_value(field, ("{value} IS NOT NULL", ()), query, False)
            return f"NOT {sql}", values
        case Not(operand):
            sql, values = _condition(operand, query, rare)
            return f"NOT {sql}", values
        case AllOf(operands):
            return _joined(" AND ", "1", operands, query, rare)
        case AnyOf(operands):
            return _joined(" OR ", "0", operands, query, rare)
    assert_never(predicate)


def _joined(word: str, empty: str, operands: tuple[Predicate, ...], query: Query, rare: Predicate | None) -> Statement:
    parts = [_condition(operand, query, rare) for operand in operands]
    sql = word.join(part for part, _ in parts) or empty
    return f"({sql})", tuple(value for _, values in parts for value in values)


def _on_value(field: str, condition: Statement, query: Query, is_rare: bool) -> Statement:
    """Apply a condition on `{value}` to a field; never NULL, so that NOT has two truth values."""
    template, values = condition
    if field in BUILT_IN_FIELDS:
        return f"coalesce({template.format(value='r.' + field)}, 0)", values
    if is_rare:
        found = "SELECT record FROM record_columns WHERE kind = ? AND scope = ? AND field = ?"
        sql = f"r.number IN ({found} AND {template.format(value='value')})"
        return sql, (query.kind, str(query.scope), field, *values)
    held = f"c.record = r.number AND c.field = ? AND {template.format(value='c.value')}"
    return f"EXISTS (SELECT 1 FROM record_columns AS c WHERE {held})", (field, *values)


def _comparison(comparison: Comparison, value: int | str) -> Statement:
    # Between types SQLite has an order; a predicate is simply false there.
    kind = "text" if isinstance(value, str) else "integer"
    same = f"typeof({{value}}) = '{kind}'"
    match comparison:
        case Comparison.CONTAINS | Comparison.STARTS_WITH if not isinstance(value, str):
            return "0", ()
        case Comparison.CONTAINS:
            return f"({same} AND instr({{value}}, ?) > 0)", (value,)
        case Comparison.STARTS_WITH:
            return f"({same} AND instr({{value}}, ?) = 1)", (value,)
        case _:
            return f"({same} AND {{value}} {comparison.value} ?)", (value,)
