"""A table's rows and then its changes, by PostgreSQL's logical replication.

    slot made ──> rows of one snapshot ──> transactions since the slot, without those that the snapshot has seen

The log is read by `pg_logical_slot_peek_binary_changes`, which moves nothing; the slot is moved on only to where a
checkpoint, or the journal on disk, has everything. So a crash of either side loses nothing and doubles nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from penstock.connect.formats.arrow_rows import arrow_changes
from penstock.connect.formats.rows import Operations, RowReader
from penstock.connect.postgres.connection import (
    TLS_SETTINGS,
    Place,
    checked,
    literal,
    quoted,
    relation_name,
    text_setting,
)
from penstock.connect.postgres.pgoutput import (
    UNCHANGED,
    Change,
    Relation,
    Transaction,
    position_number,
    position_text,
    transactions,
)
from penstock.connect.postgres.texts import postgres_reading
from penstock.data.batch import Column
from penstock.data.changes import Changes, concat_changes
from penstock.data.pool import Pool
from penstock.ports.format import Layout
from penstock.ports.source import Feed, TransportRefused

_SETTINGS = ("uri", "publication", "source_table", *TLS_SETTINGS)
_POLL_S = 0.1
_CHANGES_AT_ONCE = 50_000
_OTHERS_BYTES = 1 << 24
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 10.0


class PostgresChangesSource:
    """The transport "postgres_cdc_input": the rows of a table, then each of its transactions, as one step each.

    Settings: uri (postgresql://…, a user who may replicate); publication (which has the table); source_table (`table`
    or `schema.table`); ssl_… as of "postgres_output". The server needs wal_level = logical. Old rows are told by the
    table's replica identity: a table here without a PRIMARY KEY needs REPLICA IDENTITY FULL there. The slot is named
    penstock_ and a digest of the pipeline's id and the connector's name: drop it (pg_drop_replication_slot) when the
    pipeline is gone for good, since the server keeps its log for it. TRUNCATE ends the connector with an error.
    """

    name = "postgres_cdc_input"
    needs_format = False

    def open(self, config: Mapping[str, Any], table: Layout, pool: Pool) -> OpenPostgresChanges:
        """Return a source. Raises: TransportRefused."""
        checked(config, _SETTINGS)
        return OpenPostgresChanges(
            Place(config), text_setting(config, "publication"), text_setting(config, "source_table"), table, pool
        )


class OpenPostgresChanges:
    """Reads one table. A place: {"slot", "position", "snapshot"}: all up to the position is given."""

    def __init__(self, place: Place, publication: str, source: str, table: Layout, pool: Pool) -> None:
        self._place = place
        self._publication = publication
        self._schema, _, self._source = source.rpartition(".")
        self._schema = self._schema or "public"
        self._table = table
        self._pool = pool
        self._rows = RowReader(table, [postgres_reading(column.type) for column in table.columns], pool)
        self._slot = "penstock"
        self._at: dict[str, Any] | None = None
        self._position = 0
        self._advanced: str | None = None
        self._relations: dict[int, Relation] = {}

    def named(self, name: str) -> None:
        """Have a slot of its own."""
        self._slot = f"penstock_{hashlib.sha256(name.encode()).hexdigest()[:24]}"

    def resume(self, place: Any) -> None:
        """Go on after a position."""
        self._at = place
        if place is not None:
            self._slot = place["slot"]

    def run(self, feed: Feed) -> None:
        """Give the rows and then the changes, for ever; a connection that breaks is made anew.

        Raises: TransportRefused for what another connection would not mend.
        """
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                with self._place.connected(autocommit=True) as connection:
                    self._check(connection)
                    if self._at is None:
                        self._begin(connection, feed)
                    assert self._at is not None
                    self._position = position_number(self._at["position"])
                    pause_s = _FIRST_PAUSE_S
                    while True:
                        if not self._poll(connection, feed):
                            feed.wait_s(_POLL_S)
            except OSError as error:
                feed.error(str(error))
                feed.wait_s(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    # ---- what must be so

    def _check(self, connection: Any) -> None:
        """Raise TransportRefused if the server or the table cannot be followed."""
        name = f"{self._schema}.{self._source}"
        ((level,),) = _ask(connection, "SELECT current_setting('wal_level')")
        if level != "logical":
            raise TransportRefused(f"the server's wal_level is {level!r}; logical replication needs 'logical'")
        found = _ask(
            connection,
            "SELECT relreplident::text FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
            f" WHERE nspname = {literal(self._schema)} AND relname = {literal(self._source)}",
        )
        if not found:
            raise TransportRefused(f"there is no table {name!r}")
        published = _ask(
            connection,
            f"SELECT 1 FROM pg_publication_tables WHERE pubname = {literal(self._publication)}"
            f" AND schemaname = {literal(self._schema)} AND tablename = {literal(self._source)}",
        )
        if not published:
            raise TransportRefused(f"publication {self._publication!r} is not there or does not have table {name!r}")
        if not self._table.primary_key and found[0][0] != "f":
            raise TransportRefused(
                f"{self._table.name!r} has no PRIMARY KEY, so old rows must come whole: "
                f"ALTER TABLE {name} REPLICA IDENTITY FULL"
            )
        slots = _ask(
            connection,
            "SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE slot_name = " + literal(self._slot),
        )
        if self._at is None:
            if slots:
                _ask(connection, f"SELECT pg_drop_replication_slot({literal(self._slot)})::text")
        elif not slots:
            raise TransportRefused(f"the slot {self._slot!r} is gone, and with it what has changed; clear the storage")
        elif position_number(slots[0][0]) > position_number(self._at["position"]):
            raise TransportRefused(f"the slot {self._slot!r} was moved on by somebody else; clear the storage")

    # ---- the rows that are there

    def _begin(self, connection: Any, feed: Feed) -> None:
        """Make the slot, and give the rows of a snapshot taken after it."""
        # What is committed between the two is in the log and in the snapshot: `_unseen` tells it by the snapshot.
        made = _ask(
            connection, f"SELECT lsn::text FROM pg_create_logical_replication_slot({literal(self._slot)}, 'pgoutput')"
        )
        _ask(connection, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        ((snapshot,),) = _ask(connection, "SELECT pg_current_snapshot()::text")
        parts: list[Changes] = []
        size = 0
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {relation_name(f'{self._schema}.{self._source}')}")
            for records in cursor.fetch_record_batch():
                feed.wait_s(0)
                parts.append(arrow_changes(records, self._table, self._pool))
                size += int(records.nbytes)
        _ask(connection, "COMMIT")
        self._at = {"slot": self._slot, "position": made[0][0], "snapshot": snapshot}
        rows = [part for part in parts if len(part)]
        feed.changes(concat_changes(rows) if rows else self._nothing(), size, after=self._at)

    def _nothing(self) -> Changes:
        return Changes([Column(np.zeros(0, np.int64)) for _ in self._table.columns], np.zeros(0, np.int64))

    # ---- what changes

    def _poll(self, connection: Any, feed: Feed) -> bool:
        """Give the transactions after the position; tell whether there were any. Have the slot follow."""
        ((log_end,),) = _ask(connection, "SELECT pg_current_wal_flush_lsn()::text")
        found = [
            transaction
            for transaction in transactions(self._messages(connection), self._relations)
            if transaction.end > self._position
        ]
        if found:
            self._position = found[-1].end
            self._give(feed, found)
        elif position_number(log_end) - self._position > _OTHERS_BYTES:
            # Nothing of it is ours: a place after it lets the server forget it.
            self._position = position_number(log_end)
            self._give(feed, [])
        self._advance(connection, feed.kept())
        return bool(found)

    def _advance(self, connection: Any, kept: Any) -> None:
        if kept is None or kept["slot"] != self._slot or kept["position"] == self._advanced:
            return
        position = literal(kept["position"])
        _ask(connection, f"SELECT end_lsn::text FROM pg_replication_slot_advance({literal(self._slot)}, {position})")
        self._advanced = kept["position"]

    def _messages(self, connection: Any) -> Iterator[bytes]:
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT data FROM pg_logical_slot_peek_binary_changes({literal(self._slot)}, NULL, {_CHANGES_AT_ONCE},"
                f" 'proto_version', '1', 'publication_names', {literal(quoted(self._publication))})"
            )
            for records in cursor.fetch_record_batch():
                yield from records.column(0).to_pylist()

    def _give(self, feed: Feed, found: list[Transaction]) -> None:
        assert self._at is not None
        operations = Operations()
        for transaction in found:
            if _unseen(transaction.xid, self._at["snapshot"]):
                for change in transaction.changes:
                    if (change.relation.schema, change.relation.name) == (self._schema, self._source):
                        self._add(operations, change)
        size = sum(len(str(value)) for row in operations.rows for value in row.values())
        parsed = self._rows.read(operations)
        for error in parsed.errors:
            feed.error(f"a row was not taken: {error.description}")
        self._at = {**self._at, "position": position_text(self._position)}
        batches = [Changes.of(part) if not isinstance(part, Changes) else part for part in parsed.batches]
        changes = concat_changes(batches) if batches else self._nothing()
        feed.changes(changes, size, after=self._at)

    def _add(self, operations: Operations, change: Change) -> None:
        if change.kind == "T":
            raise TransportRefused(
                f"table {self._source!r} was truncated, which cannot be followed: clear the storage and start again"
            )
        names = change.relation.columns
        keyed = bool(self._table.primary_key)
        if change.old is not None:
            old = {n: v for n, v in zip(names, change.old, strict=True) if not (change.is_key and v is None)}
            _append(operations, old, -1)
        if change.new is None:
            return
        new = {name: value for name, value in zip(names, change.new, strict=True) if value is not UNCHANGED}
        if len(new) < len(names) and change.old is not None and not change.is_key:
            new = {name: new.get(name, value) for name, value in zip(names, change.old, strict=True)}
        if len(new) < len(names):
            if change.old is not None or not keyed:
                raise TransportRefused(
                    f"a row of {self._source!r} has changed its key, and the database does not send its large values: "
                    "set REPLICA IDENTITY FULL, clear the storage and start again"
                )
            operations.patches.append(len(operations.rows))
        _append(operations, new, 1)


def _append(operations: Operations, row: dict[str, Any], weight: int) -> None:
    operations.rows.append(row)
    operations.weights.append(weight)
    operations.events.append(len(operations.events) + 1)


def _unseen(xid: int, snapshot: str) -> bool:
    """Whether a transaction (32 bits of its id) is not in a snapshot (`xmin:xmax:running,…`, 64 bits each)."""
    _, end, running = snapshot.split(":")
    limit = int(end)
    # The log has ids without their epoch; this one is within 2^31 of the snapshot's.
    full = limit + ((xid - limit + (1 << 31)) % (1 << 32)) - (1 << 31)
    return full >= limit or str(full) in running.split(",")


def _ask(connection: Any, statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return [tuple(row) for row in cursor.fetchall()] if cursor.description else []
