"""Tables of Delta Lake as input: a snapshot, the changes that follow it, or a log of changes kept as a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock.connect.formats.arrow_rows import arrow_changes
from penstock.connect.lake.delta_log import Commit, DeltaLog
from penstock.connect.lake.query import BATCH_ROWS, Query, needed_columns
from penstock.connect.lake.storage import needs_extra, storage_options
from penstock.data.changes import Changes
from penstock.data.pool import Pool
from penstock.ports.format import Layout
from penstock.ports.source import Feed, TransportRefused

__all__ = ["DeltaSource"]

_MODES = ("snapshot", "follow", "snapshot_and_follow", "cdc")
_SETTINGS = (
    "uri", "mode", "timestamp_column", "filter", "snapshot_filter", "version", "start_version", "datetime",
    "end_version", "cdc_delete_filter", "cdc_order_by", "num_parsers", "skip_unused_columns", "transaction_mode",
    "max_retries", "max_concurrent_readers",
)  # fmt: skip
_TEXTS = ("timestamp_column", "filter", "snapshot_filter", "datetime", "cdc_delete_filter", "cdc_order_by")
_POLL_S = 0.5
_RETRY_S = 1.0
_RETRIES = 10


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is read. version, at: where it begins, the latest version without either; end: the last version."""

    uri: str
    options: dict[str, str]
    mode: str
    version: int | None
    at: str | None
    end: int | None
    snapshot: Query
    changes: Query
    retries: int


class DeltaSource:
    """The transport "delta_table_input": a table of Delta Lake, columns by name. Settings: uri; mode (snapshot, follow,
    snapshot_and_follow, cdc); version or datetime; end_version; filter; snapshot_filter; timestamp_column (the snapshot
    comes in its order); cdc_delete_filter and cdc_order_by; max_retries (10); those of the object store (aws_region and
    the like). Conditions are DuckDB's SQL. num_parsers, max_concurrent_readers and skip_unused_columns are taken and
    change nothing; transaction_mode is "none". Needs penstock[lake].

    It goes on after a restart where it was, as long as the table's log and files of that version are there.
    """

    name = "delta_table_input"
    needs_format = False

    def open(self, config: Mapping[str, Any], table: Layout, pool: Pool) -> OpenDelta:
        """Return a source. Raises: TransportRefused."""
        plan = _plan(config)
        try:
            import deltalake  # noqa: F401
        except ImportError as error:
            raise needs_extra("deltalake", error) from None
        return OpenDelta(plan, table, pool)


def _plan(config: Mapping[str, Any]) -> _Plan:
    options = storage_options(config, _SETTINGS)
    uri, mode = config.get("uri"), config.get("mode")
    if not isinstance(uri, str) or not uri:
        raise TransportRefused("the setting 'uri' is missing")
    if mode not in _MODES:
        raise TransportRefused(f"mode is one of {', '.join(_MODES)}, not {mode!r}")
    for name in _TEXTS:
        if config.get(name) is not None and not isinstance(config[name], str):
            raise TransportRefused(f"{name} is a text, not {config[name]!r}")
    if config.get("transaction_mode") not in (None, "none"):
        raise TransportRefused(f"transaction_mode {config['transaction_mode']!r} is not supported; leave it out")
    version = _number(config, "version")
    if version is None:
        version = _number(config, "start_version")
    if version is not None and config.get("datetime") is not None:
        raise TransportRefused("version and datetime both say where to begin; give one of them")
    _only_in(config, mode, ("snapshot_filter", "timestamp_column"), ("snapshot", "snapshot_and_follow"))
    _only_in(config, mode, ("cdc_delete_filter", "cdc_order_by"), ("cdc",))
    _only_in(config, mode, ("end_version",), ("follow", "snapshot_and_follow", "cdc"))
    column = config.get("timestamp_column")
    quoted = None if column is None else '"' + column.replace('"', '""') + '"'
    snapshot = Query([config.get("filter"), config.get("snapshot_filter")], quoted)
    changes = Query([config.get("filter")], config.get("cdc_order_by"), config.get("cdc_delete_filter"))
    retries = _number(config, "max_retries")
    end = _number(config, "end_version")
    kept = _RETRIES if retries is None else retries
    return _Plan(uri, options, mode, version, config.get("datetime"), end, snapshot, changes, kept)


def _number(config: Mapping[str, Any], name: str) -> int | None:
    value = config.get(name)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
        raise TransportRefused(f"{name} is an integer of at least 0, not {value!r}")
    return value


def _only_in(config: Mapping[str, Any], mode: str, names: tuple[str, ...], modes: tuple[str, ...]) -> None:
    for name in names:
        if config.get(name) is not None and mode not in modes:
            raise TransportRefused(f"{name} means nothing in mode {mode!r}; it is of {' and '.join(modes)}")


class OpenDelta:
    """Reads one table. A place: a version, and whether its snapshot is read or the changes that it made."""

    def __init__(self, plan: _Plan, table: Layout, pool: Pool) -> None:
        self._plan, self._layout, self._pool = plan, table, pool
        self._place: dict[str, Any] | None = None

    def resume(self, place: Any) -> None:
        """Begin with the version of a place."""
        self._place = place

    def run(self, feed: Feed) -> None:
        """Give the snapshot, then each commit. Raises: OSError for what the store or the table does not give."""
        from deltalake.exceptions import DeltaError

        try:
            self._run(feed)
        except DeltaError as error:
            raise OSError(f"Delta table {self._plan.uri!r}: {error}") from error

    def _run(self, feed: Feed) -> None:
        place, plan = self._place, self._plan
        if place is not None and not place["snapshot"]:
            self._follow(feed, self._opened(None), place["version"])
            return
        table = self._opened(None if place is None else place["version"])
        version = int(table.version())
        if plan.mode in ("snapshot", "snapshot_and_follow"):
            feed.begins({"version": version, "snapshot": True})
            schema, batches = _snapshot(table, self._layout, plan.snapshot.is_plain)
            plan.snapshot.check(schema)
            self._give(feed, plan.snapshot.run(schema, batches), 1)
        if plan.mode != "snapshot":
            self._follow(feed, table, version + 1)

    def _opened(self, version: int | None) -> Any:
        from deltalake import DeltaTable

        plan = self._plan
        wanted = plan.version if version is None else version
        table = DeltaTable(plan.uri, version=wanted, storage_options=plan.options or None)
        if wanted is None and plan.at is not None and self._place is None:
            table.load_as_version(plan.at)
        return table

    def _follow(self, feed: Feed, table: Any, version: int) -> None:
        """Give the changes of each version, from one on."""
        log, schema = DeltaLog(table), _arrow_schema(table)
        self._plan.changes.check(schema)
        feed.begins({"version": version, "snapshot": False})
        failures, is_new = 0, True
        while self._plan.end is None or version <= self._plan.end:
            try:
                commit = log.commit(version)
            except OSError as error:
                failures += 1
                if failures > self._plan.retries:
                    raise
                feed.error(f"Delta table {self._plan.uri!r}: {error}")
                feed.wait_s(_RETRY_S)
                continue
            if commit is None and is_new:
                self._check_kept(version)
            failures, is_new = 0, False
            if commit is None:
                feed.wait_s(_POLL_S)
                continue
            feed.begins({"version": version, "snapshot": False})
            self._commit(feed, log, commit, schema)
            version += 1

    def _check_kept(self, version: int) -> None:
        """Raise OSError if later versions are there and this one's log is gone."""
        from deltalake import DeltaTable

        latest = int(DeltaTable(self._plan.uri, storage_options=self._plan.options or None).version())
        if latest > version:
            raise OSError(f"the log of version {version} is gone, while the table is at version {latest}")

    def _commit(self, feed: Feed, log: DeltaLog, commit: Commit, schema: Any) -> None:
        """Give what a commit removed, then what it added; in a log of changes only what was added counts.

        Raises: ValueError if rows of a log of changes were changed; whole files may go from it.
        """
        query = self._plan.changes
        if self._plan.mode != "cdc":
            for file in commit.removed:
                self._give(feed, query.run(schema, log.rows(file, schema)), -1)
            for file in commit.added:
                self._give(feed, query.run(schema, log.rows(file, schema)), 1)
            return
        if commit.removed and commit.added:
            message = f"version {commit.version} of Delta table {self._plan.uri!r} changed rows that were there"
            raise ValueError(f"{message}; in mode 'cdc' rows are only added")
        rows = (batch for file in commit.added for batch in log.rows(file, schema))
        self._give(feed, query.run(schema, rows), 1)

    def _give(self, feed: Feed, found: Iterable[tuple[Any, Any]], weight: int) -> None:
        for batch, deleted in found:
            weights = np.full(batch.num_rows, weight, np.int64)
            if deleted is not None:
                weights[deleted] = -weight
            feed.wait_s(0)
            rows = arrow_changes(batch, self._layout, self._pool)
            feed.changes(Changes(rows.columns, weights), int(batch.nbytes))


def _arrow_schema(table: Any) -> Any:
    import pyarrow as pa

    return pa.schema(table.schema().to_arrow())


def _snapshot(table: Any, layout: Layout, is_projected: bool) -> tuple[Any, Iterator[Any]]:
    """Return the schema and the rows of the table's version, file after file in the order of their paths."""
    dataset = table.to_pyarrow_dataset()
    schema = dataset.schema
    names = needed_columns(schema.names, layout) if is_projected else list(schema.names)

    def batches() -> Iterator[Any]:
        for fragment in sorted(dataset.get_fragments(), key=lambda fragment: str(fragment.path)):
            scanned = fragment.scanner(schema=schema, columns=names, batch_size=BATCH_ROWS, use_threads=False)
            yield from scanned.to_batches()

    return schema, batches()
