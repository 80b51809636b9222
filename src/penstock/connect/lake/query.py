"""Which columns and rows of a lake's files are taken, and in which order: conditions in DuckDB's SQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from penstock.ports.format import Layout
from penstock.ports.source import TransportRefused

__all__ = ["BATCH_ROWS", "Query", "needed_columns"]

BATCH_ROWS = 50_000
_DELETED = "__deleted"


def needed_columns(names: Iterable[str], table: Layout) -> list[str]:
    """Return those columns of a file that the table has."""
    wanted = {column.name.lower() for column in table.columns}
    return [name for name in names if name.lower() in wanted]


class Query:
    """What is done with rows before they are taken: SQL expressions over the columns of the file.

    conditions: which rows are taken. order_by: in which order, None for that of the file. deleted: which of them are
    deletions. Nothing outside the rows can be reached from an expression.
    """

    def __init__(
        self, conditions: Iterable[str | None], order_by: str | None = None, deleted: str | None = None
    ) -> None:
        self._conditions = [condition for condition in conditions if condition]
        self._order_by = order_by
        self._deleted = deleted

    @property
    def is_plain(self) -> bool:
        """Whether rows are taken as they are."""
        return not (self._conditions or self._order_by or self._deleted)

    def check(self, schema: Any) -> None:
        """Run it over no rows. schema: pyarrow.Schema of the file. Raises: TransportRefused for what is no SQL."""
        import duckdb

        try:
            for _ in self.run(schema, ()):
                pass
        except duckdb.Error as error:
            raise TransportRefused(f"a condition cannot be evaluated: {error}") from error

    def run(self, schema: Any, batches: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        """Yield batches of rows, each with a (n,) bool array of which are deletions, or None."""
        import pyarrow as pa

        if self.is_plain:
            for batch in batches:
                yield batch, None
            return
        import duckdb

        with duckdb.connect(config={"threads": 1}) as connection:
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
            connection.register("rows", pa.RecordBatchReader.from_batches(schema, iter(batches)))
            found = connection.sql(self._text()).to_arrow_reader(BATCH_ROWS)
            for batch in found:
                if self._deleted is None:
                    yield batch, None
                else:
                    at = batch.schema.get_field_index(_DELETED)
                    deleted = batch.column(at).fill_null(False).to_numpy(zero_copy_only=False)
                    yield batch.select([name for name in batch.schema.names if name != _DELETED]), deleted

    def _text(self) -> str:
        marked = f", ({self._deleted}) AS {_DELETED}" if self._deleted is not None else ""
        where = " AND ".join(f"({condition})" for condition in self._conditions) or "true"
        order = f" ORDER BY {self._order_by}" if self._order_by is not None else ""
        return f"SELECT *{marked} FROM rows WHERE {where}{order}"
