"""The transport "nexmark": one of the three streams of the benchmark, in the order of its events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.connect.formats.arrow_rows import arrow_changes
from penstock.data.pool import Pool
from penstock.ports.format import Layout
from penstock.ports.source import Feed, TransportRefused

__all__ = ["NexmarkSource"]

_TABLES = ("bid", "auction", "person")
_OPTIONS = ("events", "threads", "batch_size_per_thread", "max_step_size_per_thread")
_EVENTS = 100_000_000
_SEED = 1
_STRIPE_EPOCHS = 1000
_ROWS = 10_000


class NexmarkSource:
    """The transport "nexmark": the events of the Nexmark benchmark, the same ones every time; columns of the stream go
    into those of the table by position. Settings: table (bid, auction, person); options: {"events": 100000000}, of all
    three streams together, given by one connector for all; its threads, batch_size_per_thread and
    max_step_size_per_thread are taken and change nothing.
    """

    name = "nexmark"
    needs_format = False

    def __init__(self) -> None:
        self._options: dict[str, int] = {}

    def open(self, config: Mapping[str, Any], table: Layout, pool: Pool) -> OpenNexmark:
        """Return a source. Raises: TransportRefused."""
        from penstock.connect.nexmark.generator import SCHEMAS

        for name in config:
            if name not in ("table", "options"):
                raise TransportRefused(f"there is no setting {name!r}; there are table, options")
        stream = str(config.get("table")).lower()
        if stream not in _TABLES:
            raise TransportRefused(f"table is one of {', '.join(_TABLES)}, not {config.get('table')!r}")
        names = SCHEMAS[stream].names
        if len(table.columns) != len(names):
            columns = f"{len(names)} columns: {', '.join(names)}"
            raise TransportRefused(
                f"the stream {stream!r} has {columns}; table {table.name!r} has {len(table.columns)}"
            )
        if config.get("options") is not None:
            self._note(stream, config["options"])
        return OpenNexmark(stream, self._options, table, pool)

    def _note(self, stream: str, options: Any) -> None:
        """Keep the options for all three streams. Raises: TransportRefused."""
        if not isinstance(options, dict):
            raise TransportRefused(f"options is an object, not {options!r}")
        for name, value in options.items():
            if name not in _OPTIONS:
                raise TransportRefused(f"there is no option {name!r}; there are {', '.join(_OPTIONS)}")
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise TransportRefused(f"the option {name!r} is an integer of at least 0, not {value!r}")
        others = [name for name in self._options if name != stream]
        if others:
            raise TransportRefused(f"options are given for {others[0]!r} already, and they are of all three streams")
        self._options[stream] = int(options.get("events", _EVENTS))


class OpenNexmark:
    """Makes one stream. A place: how many of its rows were made before. options: events by stream, in one of them."""

    def __init__(self, stream: str, options: Mapping[str, int], table: Layout, pool: Pool) -> None:
        self._stream, self._options, self._table, self._pool = stream, options, table, pool
        self._first = 0

    def resume(self, place: Any) -> None:
        """Go on after the rows of a place."""
        self._first = 0 if place is None else int(place["rows"])

    def run(self, feed: Feed) -> None:
        """Give all rows of the stream."""
        from penstock.connect.nexmark.generator import generate
        from penstock.connect.nexmark.streams import STREAMS

        stream = STREAMS[self._stream]
        events = next(iter(self._options.values()), _EVENTS)
        stripe_rows = _STRIPE_EPOCHS * stream.count
        end = stream.rows_before(events)
        names = [column.name for column in self._table.columns]
        for stripe in range(self._first // stripe_rows, -(-end // stripe_rows)):
            first = stripe * stripe_rows
            rows = generate(stream, first, min(first + stripe_rows, end), _SEED, stripe).rename_columns(names)
            for batch in rows.to_batches(max_chunksize=_ROWS):
                if first + batch.num_rows > self._first:
                    fresh = batch.slice(max(self._first - first, 0))
                    feed.begins({"rows": max(first, self._first)})
                    feed.changes(arrow_changes(fresh, self._table, self._pool), int(fresh.nbytes))
                first += batch.num_rows
