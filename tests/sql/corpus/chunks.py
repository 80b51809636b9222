"""Files cut into chunks: tables with their rows, changes of them, and queries that become the views of one program.

SQLite keeps the tables, as it is the engine whose words the statements are in; what a statement did to a table is the
difference of its rows. A table that is dropped and made again within a chunk is another table there.
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.properties.law import Event, Row
from tests.sql.corpus.dialect import QUERIES, TABLES, renamed, rewritten, without_plus
from tests.sql.corpus.records import Query, Statement, read_records

MOST_VIEWS = 400
MOST_CHANGES = 60
MOST_READS = 1200
"""Bounds of a chunk: every change goes through all views that read its table, and every relation that a query reads
may be an arrangement, of which each reserves addresses of the process."""

_TARGET = re.compile(r"\s*(?:INSERT|REPLACE|UPDATE|DELETE)\s+(?:OR\s+\w+\s+)?(?:INTO\s+|FROM\s+)?(\w+)", re.I)
_MADE = re.compile(r"\s*(CREATE|DROP)\s+(?:TEMP\w*\s+)?(TABLE|VIEW)\s+(?:IF\s+(?:NOT\s+)?EXISTS\s+)?(\w+)", re.I)


@dataclass(frozen=True, slots=True)
class Asked:
    """A query and the text of its view."""

    view: str
    sql: str
    query: Query


@dataclass(frozen=True, slots=True)
class Changed:
    """What a statement took away from a table and added to it."""

    events: tuple[Event, ...]


@dataclass(slots=True)
class Chunk:
    """What one program runs. declarations: CREATE TABLE and CREATE VIEW by name; rows: each table's at the start."""

    declarations: dict[str, str] = field(default_factory=dict)
    rows: dict[str, list[Row]] = field(default_factory=dict)
    actions: list[Asked | Changed] = field(default_factory=list)
    generations: Counter[str] = field(default_factory=Counter)
    names: dict[str, str] = field(default_factory=dict)
    views: int = 0
    changes: int = 0
    reads: int = 0

    @property
    def asked(self) -> list[Asked]:
        return [a for a in self.actions if isinstance(a, Asked)]


class _Reader:
    """Follows a file; `live` holds the statement that made each relation that is there."""

    def __init__(self) -> None:
        self.database = sqlite3.connect(":memory:", isolation_level=None)
        self.live: dict[str, str] = {}
        self.chunk = Chunk()

    def ask(self, query: Query) -> None:
        view = f"q{query.line}"
        self._take_in(query.sql)
        sql = without_plus(renamed(query.sql, self.chunk.names), self._texts())
        sql = rewritten(sql, QUERIES)
        self.chunk.actions.append(Asked(view, sql, query))
        self.chunk.views += 1

    def _texts(self) -> set[str]:
        """Return the names of columns of strings."""
        made = " ".join(self.chunk.declarations.values())
        return {name.lower() for name in re.findall(r"(\w+)\s+(?:TEXT|VARCHAR)", made, re.I)}

    def _take_in(self, sql: str) -> None:
        """Declare the relations that a statement names."""
        for word in re.findall(r"\w+", sql.lower()):
            made = self.live.get(word)
            name = self.chunk.names.get(word, word)
            self.chunk.reads += made is not None
            if made is None or name in self.chunk.declarations:
                continue
            if re.match(r"\s*CREATE\s+(TEMP\w*\s+)?TABLE", made, re.I):
                self.chunk.declarations[name] = rewritten(renamed(made, self.chunk.names), TABLES)
                self.chunk.rows[name] = self._rows(word)
            else:
                self._take_in(made.lower().split(word, 1)[1])
                made = re.sub(r"\bTEMP(ORARY)?\b", "", made, count=1, flags=re.I)
                self.chunk.declarations[name] = rewritten(renamed(made, self.chunk.names), QUERIES)

    def _rows(self, table: str) -> list[Row]:
        return [tuple(row) for row in self.database.execute(f"SELECT * FROM {table}")]

    def apply(self, statement: Statement) -> str | None:
        """Run a statement; returns what is wrong when it did not end as it must."""
        made = _MADE.match(statement.sql)
        target = _TARGET.match(statement.sql)
        table = target[1].lower() if target and target[1].lower() in self.live else None
        name = self.chunk.names.get(table, table) if table else None
        before = self._rows(table) if table and name in self.chunk.rows else None
        try:
            self.database.executescript(statement.sql)
        except sqlite3.Error as error:
            return f"line {statement.line}: {error}" if statement.ok else None
        if made is not None:
            self._made(made[1].upper(), made[3].lower(), statement.sql)
        elif table is not None and before is not None and name is not None:
            self._changed(name, before, self._rows(table))
        return None if statement.ok else f"line {statement.line}: no error"

    def _made(self, word: str, relation: str, sql: str) -> None:
        if word == "DROP":
            self.live.pop(relation, None)
            return
        self.live[relation] = sql
        chunk = self.chunk
        if chunk.names.get(relation, relation) in chunk.declarations:
            chunk.generations[relation] += 1
            chunk.names[relation] = f"{relation}__{chunk.generations[relation]}"

    def _changed(self, name: str, before: list[Row], after: list[Row]) -> None:
        was, now = Counter(before), Counter(after)
        gone = [(name, row, -n) for row, n in (was - now).items()]
        come = [(name, row, n) for row, n in (now - was).items()]
        if gone or come:
            self.chunk.actions.append(Changed((*gone, *come)))
            self.chunk.changes += 1

    def full(self) -> bool:
        chunk = self.chunk
        return chunk.views >= MOST_VIEWS or chunk.changes >= MOST_CHANGES or chunk.reads >= MOST_READS

    def cut(self) -> Chunk:
        done, self.chunk = self.chunk, Chunk()
        return done


def read_chunks(path: Path, wanted: Collection[int] | None = None) -> Iterator[Chunk | str]:
    """Yield a file's chunks, and messages of statements that did not end as they must.

    wanted: lines of the queries to ask; None: all.
    """
    reader = _Reader()
    last = max(wanted, default=0) if wanted is not None else None
    for record in read_records(path):
        if last is not None and record.line > last:
            break
        if isinstance(record, Statement):
            wrong = reader.apply(record)
            if wrong is not None:
                yield wrong
        elif isinstance(record, Query) and (wanted is None or record.line in wanted):
            reader.ask(record)
        if reader.full():
            yield reader.cut()
    if reader.chunk.views:
        yield reader.cut()
    reader.database.close()
