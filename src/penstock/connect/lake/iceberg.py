"""Tables of Apache Iceberg as input: the rows of one snapshot."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from penstock.connect.formats.arrow_rows import arrow_changes
from penstock.connect.lake.query import Query
from penstock.connect.lake.storage import needs_extra
from penstock.data.pool import Pool
from penstock.ports.format import Layout
from penstock.ports.source import Feed, TransportRefused

__all__ = ["IcebergSource"]

_SETTINGS = (
    "mode", "metadata_location", "catalog_type", "table_name", "snapshot_id", "datetime", "timestamp_column",
    "snapshot_filter", "transaction_mode",
)  # fmt: skip
_STORES = ("s3.", "gcs.", "adls.", "fileio.")
_CATALOGS = {"rest": "rest.", "glue": "glue.", "s3tables": "s3tables."}


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is read. properties: of the catalog and the store, in the library's words."""

    location: str | None
    catalog: str | None
    table: str | None
    snapshot: int | None
    at: str | None
    query: Query
    properties: dict[str, str]


class IcebergSource:
    """The transport "iceberg_input": a snapshot of a table of Apache Iceberg, columns by name. Settings: mode
    ("snapshot"); metadata_location, or catalog_type (rest, glue, s3tables) and table_name ("namespace.table") with the
    catalog's own settings (rest.uri, rest.token, glue.region, …); snapshot_id or datetime; snapshot_filter (DuckDB's
    SQL); timestamp_column (rows come in its order); settings of the store (s3.endpoint, gcs.project-id, …).
    transaction_mode is "none". Needs penstock[lake].

    It goes on after a restart where it was, as long as the snapshot is there.
    """

    name = "iceberg_input"
    needs_format = False

    def open(self, config: Mapping[str, Any], table: Layout, pool: Pool) -> OpenIceberg:
        """Return a source. Raises: TransportRefused."""
        plan = _plan(config)
        try:
            import pyiceberg  # noqa: F401
        except ImportError as error:
            raise needs_extra("pyiceberg", error) from None
        return OpenIceberg(plan, table, pool)


def _plan(config: Mapping[str, Any]) -> _Plan:
    properties = _properties(config)
    catalog, location = config.get("catalog_type"), config.get("metadata_location")
    if (catalog is None) == (location is None):
        raise TransportRefused("exactly one of 'catalog_type' and 'metadata_location' says where the table is")
    if catalog is not None and catalog not in _CATALOGS:
        raise TransportRefused(f"catalog_type is one of {', '.join(_CATALOGS)}, not {catalog!r}")
    if catalog is not None and not config.get("table_name"):
        raise TransportRefused("the setting 'table_name' is missing: namespace.table")
    if config.get("mode") != "snapshot":
        raise TransportRefused(f"mode is 'snapshot', not {config.get('mode')!r}")
    if config.get("transaction_mode") not in (None, "none"):
        raise TransportRefused(f"transaction_mode {config['transaction_mode']!r} is not supported; leave it out")
    snapshot = config.get("snapshot_id")
    if snapshot is not None and (not isinstance(snapshot, int) or isinstance(snapshot, bool)):
        raise TransportRefused(f"snapshot_id is an integer, not {snapshot!r}")
    if snapshot is not None and config.get("datetime") is not None:
        raise TransportRefused("snapshot_id and datetime both name a snapshot; give one of them")
    column = config.get("timestamp_column")
    quoted = None if column is None else '"' + str(column).replace('"', '""') + '"'
    query = Query([config.get("snapshot_filter")], quoted)
    return _Plan(location, catalog, config.get("table_name"), snapshot, config.get("datetime"), query, properties)


def _properties(config: Mapping[str, Any]) -> dict[str, str]:
    """Return what of the settings is the catalog's or the store's. Raises: TransportRefused for what is nobody's."""
    prefix = _CATALOGS.get(str(config.get("catalog_type")))
    properties: dict[str, str] = {}
    for name, value in config.items():
        if name in _SETTINGS or value is None:
            continue
        if prefix is not None and name.startswith(prefix):
            properties[_catalog_property(name, prefix)] = _text(value)
        elif name.startswith(_STORES):
            properties[name] = _text(value)
        else:
            known = ", ".join(_SETTINGS)
            raise TransportRefused(f"there is no setting {name!r}, nor has the catalog or store one; there are {known}")
    return properties


def _catalog_property(name: str, prefix: str) -> str:
    """Return the library's name of a catalog's setting: those of REST and `warehouse` stand without the prefix."""
    bare = name.removeprefix(prefix)
    return bare if prefix == "rest." or bare == "warehouse" else name


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class OpenIceberg:
    """Reads one snapshot. A place: its id."""

    def __init__(self, plan: _Plan, table: Layout, pool: Pool) -> None:
        self._plan, self._layout, self._pool = plan, table, pool
        self._place: dict[str, Any] | None = None

    def resume(self, place: Any) -> None:
        """Read the snapshot of a place."""
        self._place = place

    def run(self, feed: Feed) -> None:
        """Give the rows, file after file in the order of their paths. Raises: OSError, ValueError."""
        from pyiceberg.exceptions import NoSuchTableError, RESTError, ServerError
        from pyiceberg.io.pyarrow import schema_to_pyarrow

        try:
            table = self._table()
            snapshot = self._snapshot(table)
            if snapshot is None:
                return
            feed.begins({"snapshot": snapshot.snapshot_id})
            scan = table.scan(snapshot_id=snapshot.snapshot_id)
            schema = schema_to_pyarrow(scan.projection(), include_field_ids=False)
            self._plan.query.check(schema)
            for batch, _ in self._plan.query.run(schema, _batches(table, scan, schema)):
                feed.wait_s(0)
                feed.changes(arrow_changes(batch, self._layout, self._pool), int(batch.nbytes))
        except (NoSuchTableError, RESTError, ServerError) as error:
            raise OSError(f"Iceberg table {self._plan.table or self._plan.location!r}: {error}") from error

    def _table(self) -> Any:
        from pyiceberg.catalog import load_catalog
        from pyiceberg.table import StaticTable

        plan = self._plan
        if plan.location is not None:
            return StaticTable.from_metadata(plan.location, plan.properties)
        return load_catalog("penstock", type=plan.catalog, **plan.properties).load_table(plan.table or "")

    def _snapshot(self, table: Any) -> Any:
        """Return the snapshot that is read; None for a table without any. Raises: ValueError."""
        wanted = self._plan.snapshot if self._place is None else self._place["snapshot"]
        if wanted is not None:
            found = table.snapshot_by_id(wanted)
            if found is None:
                raise ValueError(f"the Iceberg table has no snapshot {wanted}")
            return found
        if self._plan.at is None:
            return table.current_snapshot()
        moment = dt.datetime.fromisoformat(self._plan.at)
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)
        found = table.snapshot_as_of_timestamp(int(moment.timestamp() * 1000))
        if found is None:
            raise ValueError(f"the Iceberg table has no snapshot as old as {self._plan.at}")
        return found


def _batches(table: Any, scan: Any, schema: Any) -> Iterator[Any]:
    """Yield the rows of a scan's files, one file after the other, so that they come in the same order again."""
    from pyiceberg.expressions import AlwaysTrue
    from pyiceberg.io.pyarrow import ArrowScan

    reader = ArrowScan(table.metadata, table.io, scan.projection(), AlwaysTrue(), case_sensitive=False)
    for task in sorted(scan.plan_files(), key=lambda task: str(task.file.file_path)):
        for batch in reader.to_record_batches([task]):
            yield batch.cast(schema)
