"""Is our answer right? The sum of all changes we emitted, compared as a bag with what DuckDB computes from scratch."""

from dataclasses import dataclass

import duckdb
import pyarrow as pa

from bench.nexmark.dataset import Dataset
from bench.nexmark.duck import append, open_tables, stage
from bench.nexmark.layout import STREAMS
from bench.nexmark.queries import Query

WEIGHT = "changed_by"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a comparison found, in rows: wanted by DuckDB, given by us, and the differences of the two bags.

    negative: rows with a weight below zero. strange: rows whose loose columns no input row explains.
    """

    query: str
    event_count: int
    wanted: int = 0
    given: int = 0
    missing: int = 0
    surplus: int = 0
    negative: int = 0
    strange: int = 0
    failure: str | None = None

    def holds(self) -> bool:
        """Say whether the answer is right."""
        return self.failure is None and not (self.missing or self.surplus or self.negative or self.strange)


class Answer:
    """Collects emitted changes, to be compared once the input has ended."""

    def __init__(self, query: Query, dataset: Dataset) -> None:
        self._query = query
        self._dataset = dataset
        self._connection = open_tables()
        for name, columns in query.reads.items():
            stage(self._connection, dataset, STREAMS[name], columns)
            append(self._connection, STREAMS[name], 0, dataset.event_count)
        self._connection.execute(f"CREATE TABLE wanted AS {query.text('duckdb')}")
        self._connection.execute(f"CREATE TABLE changes AS SELECT *, 0::BIGINT AS {WEIGHT} FROM wanted LIMIT 0")

    def add(self, rows: pa.Table, weights: pa.Array) -> None:
        """Take the changes of one step: rows in the order of the view's columns, and how often each came or went."""
        change = rows.rename_columns([f"c{i}" for i in range(rows.num_columns)]).append_column(WEIGHT, weights)
        self._connection.register("change", change)
        self._connection.execute("INSERT INTO changes SELECT * FROM change")
        self._connection.unregister("change")

    def compare(self) -> Verdict:
        """Compare the sum of the changes with DuckDB's answer."""
        con, query = self._connection, self._query
        con.execute(
            f"CREATE TABLE given AS SELECT * EXCLUDE ({WEIGHT}), SUM({WEIGHT})::BIGINT AS {WEIGHT} "
            f"FROM changes GROUP BY ALL HAVING SUM({WEIGHT}) <> 0"
        )
        compared = [name for name, *_ in con.sql("DESCRIBE wanted").fetchall() if name not in query.loose]
        names = ", ".join(f'"{name}"' for name in compared)
        con.execute(f"CREATE VIEW wanted_part AS SELECT {names} FROM wanted")
        con.execute(f"CREATE VIEW given_part AS SELECT {names} FROM given, range({WEIGHT})")
        return Verdict(
            query.name,
            self._dataset.event_count,
            wanted=_count(con, "wanted"),
            given=_count(con, "given_part"),
            missing=_count(con, "(SELECT * FROM wanted_part EXCEPT ALL SELECT * FROM given_part)"),
            surplus=_count(con, "(SELECT * FROM given_part EXCEPT ALL SELECT * FROM wanted_part)"),
            negative=_count(con, f"given WHERE {WEIGHT} < 0"),
            strange=_count(con, f"({self._strange()})") if query.within else 0,
        )

    def _strange(self) -> str:
        left_out = ", ".join((*self._query.unplaced, WEIGHT))
        return f"SELECT * EXCLUDE ({left_out}) FROM given EXCEPT ({self._query.within})"


def _count(connection: duckdb.DuckDBPyConnection, what: str) -> int:
    row = connection.execute(f"SELECT COUNT(*) FROM {what}").fetchone()
    return int(row[0]) if row else 0
