"""GROUP BY: keys, GROUPING SETS, ROLLUP and CUBE, written out as lists of keys."""

from __future__ import annotations

from itertools import combinations

from penstock.sql.diagnostics import SqlError
from penstock.sql.parser import expressions
from penstock.sql.parser.ast import Apply, Expression, GroupBy
from penstock.sql.parser.cursor import Cursor
from penstock.sql.parser.dialect import PARSE_ERROR

_Keys = tuple[Expression, ...]
_MAX_SETS = 1024
_AFTER = frozenset(("HAVING", "QUALIFY", "WINDOW", "ORDER", "LIMIT", "OFFSET", "FETCH", "UNION", "INTERSECT", "EXCEPT"))


def group_by(c: Cursor) -> GroupBy:
    """Read GROUP BY. Each of the resulting sets is complete: it includes the plain keys.

    Raises:
        SqlError: the clause is wrong, or stands for more than 1,024 sets.
    """
    start = c.token
    c.expect("GROUP", "BY")
    distinct = c.accept("DISTINCT")
    if not distinct and c.accept("ALL") and (c.key in _AFTER or c.key in (")", ";", "<EOF>", "MINUS")):
        return GroupBy((), (), True, c.span(start))
    items = c.listed(_item)
    span = c.span(start)
    plain = tuple(key for keys in items if isinstance(keys, tuple) for key in keys)
    if all(isinstance(item, tuple) for item in items) and plain:
        return GroupBy(plain, (), False, span)
    sets: list[_Keys] = [()]
    for item in items:
        choices = [item] if isinstance(item, tuple) else item
        if len(sets) * len(choices) > _MAX_SETS:
            raise SqlError(f"GROUP BY stands for more than {_MAX_SETS} sets", span, PARSE_ERROR)
        sets = [first + rest for first in sets for rest in choices]
    return GroupBy(plain, tuple(sets), False, span, distinct)


def _item(c: Cursor) -> _Keys | list[_Keys]:
    """Read one item of the clause: its keys, or the sets that it stands for."""
    match c.key:
        case "ROLLUP":
            parts = _parts(c)
            return [_flat(parts[:count]) for count in range(len(parts), -1, -1)]
        case "CUBE":
            place = c.token
            parts = _parts(c)
            if 2 ** len(parts) > _MAX_SETS:
                raise SqlError(f"CUBE stands for more than {_MAX_SETS} sets", place.span, PARSE_ERROR)
            return [_flat(some) for count in range(len(parts), -1, -1) for some in combinations(parts, count)]
        case "GROUPING" if c.peek().key == "SETS":
            c.expect("GROUPING", "SETS", "(")
            c.enter()
            sets: list[_Keys] = []
            for item in c.listed(_item):
                sets += [item] if isinstance(item, tuple) else item
            c.leave()
            c.expect(")")
            return sets
    return _keys(c)


def _parts(c: Cursor) -> tuple[_Keys, ...]:
    c.advance()
    return c.wrapped(_keys)


def _flat(parts: tuple[_Keys, ...]) -> _Keys:
    return tuple(key for keys in parts for key in keys)


def _keys(c: Cursor) -> _Keys:
    """Read a key, or several in parentheses."""
    if c.key == "(" and c.peek().key == ")":
        c.expect("(", ")")
        return ()
    listed = c.key == "(" and c.peek().key != "ROW"
    found = expressions.expression(c)
    if listed and isinstance(found, Apply) and found.name == "ROW":
        return found.args
    return (found,)
