"""A query's rows of PostgreSQL as input, as they are when the circuit starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from penstock.data.arrow_reading import from_arrow
from penstock.data.changes import Changes
from penstock.data.pool import Pool
from penstock.data.types import Field
from penstock.data.values_scalars import ValueOutOfRange
from penstock.ports.format import Layout
from penstock.ports.source import Feed, TransportRefused

_SETTINGS = ("uri", "query")


class PostgresSource:
    """The transport "postgres_input": a query's rows, columns by name. Settings: uri (postgresql://…); query.

    The answer may be another one the next time, so a pipeline with this input cannot be kept by checkpoints.
    """

    name = "postgres_input"
    needs_format = False

    def open(self, config: Mapping[str, Any], table: Layout, pool: Pool) -> OpenPostgres:
        """Return a source. Raises: TransportRefused."""
        for name in config:
            if name not in _SETTINGS:
                raise TransportRefused(f"there is no setting {name!r}; there are {', '.join(_SETTINGS)}")
        for name in _SETTINGS:
            if not isinstance(config.get(name), str) or not config[name]:
                raise TransportRefused(f"the setting {name!r} is missing")
        return OpenPostgres(config["uri"], config["query"], table, pool)


class OpenPostgres:
    """Runs the query once."""

    def __init__(self, uri: str, query: str, table: Layout, pool: Pool) -> None:
        self._uri, self._query, self._pool = uri, query, pool
        self._schema = tuple(Field(column.name, column.type) for column in table.columns)
        self._carried = [at for at, column in enumerate(table.columns) if column.carried]

    def run(self, feed: Feed) -> None:
        """Give the rows. Raises: OSError for what the database refuses, ValueError for rows that do not fit."""
        from adbc_driver_manager import Error
        from adbc_driver_postgresql import dbapi  # type: ignore[import-untyped]

        try:
            with dbapi.connect(self._uri) as connection, connection.cursor() as cursor:
                cursor.execute(self._query)
                for records in cursor.fetch_record_batch():
                    feed.wait_s(0)
                    try:
                        rows = from_arrow(records, self._schema, self._pool, carried=self._carried)
                    except ValueOutOfRange as error:
                        raise ValueError(f"a row of the query does not fit the table: {error}") from error
                    changes = Changes(rows.columns, np.ones(len(rows), np.int64))
                    feed.changes(changes, int(records.nbytes))
        except Error as error:
            raise OSError(f"PostgreSQL: {error}") from error
