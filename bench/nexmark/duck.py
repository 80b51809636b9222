"""The peer DuckDB: every step appends the new events and computes the view afresh over all events so far.

This is what keeping a view current costs without an incremental engine. The files are parsed once, in order, which
counts into the time; each step then copies its events into the tables and runs the query into a result that is
dropped. For queries that map each row for itself, a step computes its new rows only. As the work grows with the
square of the events, a run that exceeds its time is ended, and its rate holds for the events until then.
"""

import argparse
import resource
import time
from collections.abc import Sequence
from pathlib import Path

import duckdb

from bench.nexmark.dataset import Dataset, load_dataset, side_input
from bench.nexmark.layout import EPOCH_EVENTS, PART_COUNT, STREAMS, Stream
from bench.nexmark.measurement import Measurement, encode, summarise
from bench.nexmark.queries import QUERIES, Query, tables

THREADS = 2


def run(query: Query, dataset: Dataset, step: int, limit_s: float) -> Measurement:
    """Keep one query current by recomputing it after each `step` events."""
    connection = open_tables()
    durations_ns: list[int] = []
    done = out_rows = 0
    started = time.perf_counter()
    for name, columns in query.reads.items():
        stage(connection, dataset, STREAMS[name], columns)
    while done < dataset.event_count and time.perf_counter() - started < limit_s:
        tick = time.perf_counter_ns()
        stop = min(done + step, dataset.event_count)
        for name in query.reads:
            if query.linear:
                connection.execute(f"DELETE FROM {name}")
            append(connection, STREAMS[name], done, stop)
        rows = connection.sql(query.text("duckdb")).to_arrow_table().num_rows
        out_rows = out_rows + rows if query.linear else rows
        durations_ns.append(time.perf_counter_ns() - tick)
        done = stop
    return Measurement(
        "duckdb",
        query.name,
        step,
        dataset.event_count,
        seconds=time.perf_counter() - started,
        ticks=summarise(durations_ns),
        rss_peak_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        out_rows=out_rows,
        stopped_at=done if done < dataset.event_count else None,
    )


def open_tables(database: str = ":memory:") -> duckdb.DuckDBPyConnection:
    """Open a database with the three empty streams and the whole side input."""
    connection = duckdb.connect(database, config={"threads": THREADS})
    connection.execute("SET enable_progress_bar = false")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(tables("duckdb"))
    connection.execute(f"INSERT INTO side_input SELECT * FROM read_csv('{side_input()}/part-0.csv', header = false)")
    return connection


def stage(connection: duckdb.DuckDBPyConnection, dataset: Dataset, stream: Stream, columns: Sequence[str]) -> None:
    """Parse these columns of a stream into the table `all_<stream>`, whose first column `event` is the event's number.

    The stream's own table is made anew, empty, with these columns only.
    """
    types = ", ".join(f"'{name}': '{kind}'" for name, kind, *_ in connection.sql(f"DESCRIBE {stream.name}").fetchall())
    rows_per_stripe = stream.count * dataset.epochs_per_stripe
    reads = []
    for part in range(PART_COUNT):
        stripe = f"(local // {rows_per_stripe} * {PART_COUNT} + {part})"
        row = f"({stripe} * {rows_per_stripe} + local % {rows_per_stripe})"
        reads.append(
            f"SELECT {row} // {stream.count} * {EPOCH_EVENTS} + {stream.offset} + {row} % {stream.count} AS event, "
            f"{', '.join(columns)} FROM (SELECT row_number() OVER () - 1 AS local, {', '.join(columns)} "
            f"FROM read_csv('{dataset.file(stream, part)}', header = false, quote = '', columns = {{{types}}}))"
        )
    staged = f"all_{stream.name}"
    connection.execute(f"CREATE TABLE {staged} AS " + " UNION ALL ".join(reads))
    connection.execute(f"CREATE OR REPLACE TABLE {stream.name} AS SELECT * EXCLUDE (event) FROM {staged} LIMIT 0")


def append(connection: duckdb.DuckDBPyConnection, stream: Stream, start: int, stop: int) -> None:
    """Copy the staged events [start, stop) of a stream into its table."""
    connection.execute(
        f"INSERT INTO {stream.name} SELECT * EXCLUDE (event) FROM all_{stream.name} WHERE event >= ? AND event < ?",
        [start, stop],
    )


def main() -> None:
    """Measure one query from the command line."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--dataset", type=Path, required=True)
    options.add_argument("--query", choices=QUERIES, required=True)
    options.add_argument("--step", type=int, default=10_000, help="events per step")
    options.add_argument("--limit", type=float, default=120.0, help="seconds")
    chosen = options.parse_args()
    print(encode(run(QUERIES[chosen.query], load_dataset(chosen.dataset), chosen.step, chosen.limit)))


if __name__ == "__main__":
    main()
