"""Update formats: what an envelope around a row says shall happen to it.

Source: spec of data formats, table of update formats. Each function takes documents with the number of the first one
in the body and gives operations; an envelope that says nothing understandable is an error of that record.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.connect.formats.rows import Operations, shown_text
from penstock.ports.format import ParseError

Opener = Callable[[list[Any], list[int], Operations, bool], None]
"""opener(updates, event number of each, operations to add to, whether the table has a primary key)"""


def _wrong(operations: Operations, update: Any, event: int, reason: str) -> None:
    operations.errors.append(ParseError(reason, event, None, shown_text(update)))


def _add(operations: Operations, row: Any, weight: int, event: int) -> None:
    operations.rows.append(row)
    operations.weights.append(weight)
    operations.events.append(event)


def raw(updates: list[Any], events: list[int], operations: Operations, keyed: bool) -> None:
    """Each record is a row to insert."""
    operations.rows += updates
    operations.weights += [1] * len(updates)
    operations.events += events


_ACTIONS = (("insert", 1), ("delete", -1), ("update", 1))


def insert_delete(updates: list[Any], events: list[int], operations: Operations, keyed: bool) -> None:
    """{"insert": row}, {"delete": row} or {"update": part of a row with its key}."""
    if {*map(type, updates)} == {dict}:
        rows = [update.get("insert") for update in updates]
        if None not in rows and max(map(len, updates)) == 1:
            raw(rows, events, operations, keyed)
            return
    for update, event in zip(updates, events, strict=True):
        if type(update) is not dict:
            _wrong(operations, update, event, "an update is an object with a member insert, delete or update")
            continue
        found = [(action, weight) for action, weight in _ACTIONS if update.get(action) is not None]
        if len(found) != 1:
            _wrong(operations, update, event, "an update has exactly one of the members insert, delete and update")
            continue
        action, weight = found[0]
        if action == "update":
            if not keyed:
                _wrong(operations, update, event, "update needs a table with a PRIMARY KEY; use delete and insert")
                continue
            if type(update[action]) is not dict:
                _wrong(operations, update, event, "the row of an update is an object")
                continue
            operations.patches.append(len(operations.rows))
        _add(operations, update[action], weight, event)


def weighted(updates: list[Any], events: list[int], operations: Operations, keyed: bool) -> None:
    """{"weight": n, "data": row}."""
    for update, event in zip(updates, events, strict=True):
        weight = update.get("weight") if type(update) is dict else None
        if type(weight) is not int or "data" not in update or abs(weight) >= 1 << 62:
            _wrong(operations, update, event, 'an update is {"weight": integer, "data": row}')
        elif weight:
            _add(operations, update["data"], weight, event)


def debezium(updates: list[Any], events: list[int], operations: Operations, keyed: bool) -> None:
    """{"payload": {"op": c|u|d|r, "before": row or null, "after": row or null}}; the payload may also stand alone."""
    for update, event in zip(updates, events, strict=True):
        payload = update.get("payload", update) if type(update) is dict else None
        if type(payload) is not dict or payload.get("op") not in ("c", "r", "u", "d"):
            _wrong(operations, update, event, "a change event has a payload with op c, r, u or d")
            continue
        before = payload.get("before") if payload["op"] in ("u", "d") else None
        after = payload.get("after") if payload["op"] != "d" else None
        if (payload["op"] == "d" and before is None) or (payload["op"] != "d" and after is None):
            member = "before" if payload["op"] == "d" else "after"
            _wrong(operations, update, event, f"a change event with op {payload['op']} has a row in {member!r}")
            continue
        if before is not None:
            _add(operations, before, -1, event)
        if after is not None:
            _add(operations, after, 1, event)


def snowflake(updates: list[Any], events: list[int], operations: Operations, keyed: bool) -> None:
    """A row with a member __action that is INSERT or DELETE."""
    for update, event in zip(updates, events, strict=True):
        action = update.get("__action") if type(update) is dict else None
        weight = {"insert": 1, "delete": -1}.get(str(action).lower())
        if weight is None:
            _wrong(operations, update, event, "a record has a member __action that is INSERT or DELETE")
        else:
            _add(operations, update, weight, event)


UPDATE_FORMATS: dict[str, Opener] = {
    "insert_delete": insert_delete,
    "raw": raw,
    "weighted": weighted,
    "debezium": debezium,
    "snowflake": snowflake,
}
