"""The index of parts of texts: for columns in which somebody looked for a part, and that many records have.

Most columns are never searched so, and an index of all of them would outgrow the records. So a column is indexed from
the first such search on: that one reads all texts, and afterwards the column is gone through in small transactions,
between those of everybody else. What is written meanwhile is indexed with the write.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import apsw

from penstock.store.queries import query

__all__ = ["BUILDING", "CHUNK", "READY", "IndexTexts", "index_texts", "row_of"]

BUILDING: Final = 1
READY: Final = 2
CHUNK: Final = 2000
"""Records of one transaction; about 20 ms."""
_FIELD_BITS: Final = 16


@dataclass(frozen=True, slots=True)
class IndexTexts:
    """A write of the store's own: index the texts of some records of a column, or say that all are. It is 0."""

    kind: str
    scope: str
    name: str
    records: tuple[int, ...] = ()
    is_last: bool = False


def row_of(record: int, field: int) -> int | None:
    """Return the number of the row of a text; None if the field has too high a number to be indexed."""
    return record << _FIELD_BITS | field if field < 1 << _FIELD_BITS else None


def index_texts(connection: apsw.Connection, write: IndexTexts) -> int:
    """Apply the write. Texts that are there already are replaced by themselves."""
    key = {"kind": write.kind, "scope": write.scope, "name": write.name}
    found: Any = connection.execute(query("field"), key).fetchone()
    if found is None or row_of(0, found[0]) is None:
        return 0
    number = found[0]
    rows = []
    for record in write.records:
        held: Any = connection.execute(query("column_value"), {"record": record, "field": number}).fetchone()
        if held is not None and isinstance(held[0], str):
            rows.append({"row": row_of(record, number), "text": held[0]})
    connection.executemany(query("insert_text"), rows)
    connection.execute(query("mark_texts"), {"field": number, "state": READY if write.is_last else BUILDING})
    return 0
