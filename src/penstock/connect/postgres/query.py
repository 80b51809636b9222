"""A query's rows of PostgreSQL as input, as they are when the circuit starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.connect.formats.arrow_rows import arrow_changes
from penstock.connect.postgres.connection import TLS_SETTINGS, Place, checked, text_setting
from penstock.data.pool import Pool
from penstock.ports.format import Layout
from penstock.ports.source import Feed

_SETTINGS = ("uri", "query", *TLS_SETTINGS)


class PostgresSource:
    """The transport "postgres_input": a query's rows, columns by name. Settings: uri (postgresql://…); query; ssl_… as
    of "postgres_output".

    The answer may be another one the next time, so a pipeline with this input cannot be kept by checkpoints.
    """

    name = "postgres_input"
    needs_format = False

    def open(self, config: Mapping[str, Any], table: Layout, pool: Pool) -> OpenPostgres:
        """Return a source. Raises: TransportRefused."""
        checked(config, _SETTINGS)
        return OpenPostgres(Place(config), text_setting(config, "query"), table, pool)


class OpenPostgres:
    """Runs the query once."""

    def __init__(self, place: Place, query: str, table: Layout, pool: Pool) -> None:
        self._place, self._query, self._table, self._pool = place, query, table, pool

    def run(self, feed: Feed) -> None:
        """Give the rows. Raises: OSError for what the database refuses, ValueError for rows that do not fit."""
        with self._place.connected() as connection, connection.cursor() as cursor:
            cursor.execute(self._query)
            for records in cursor.fetch_record_batch():
                feed.wait_s(0)
                feed.changes(arrow_changes(records, self._table, self._pool), int(records.nbytes))
