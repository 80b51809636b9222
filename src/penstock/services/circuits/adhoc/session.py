"""Ad-hoc requests as the circuit's process serves them: fork between two steps, pass on what the fork says."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import struct
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import numpy as np
import pyarrow as pa

from penstock.data.arrow_reading import from_arrow
from penstock.data.batch import Column
from penstock.data.changes import Changes
from penstock.data.pool import Lease
from penstock.data.types import Schema
from penstock.data.values_scalars import ValueOutOfRange
from penstock.services.circuits.adhoc import child
from penstock.services.circuits.adhoc.answers import FORMATS
from penstock.services.circuits.built import Built
from penstock.services.circuits.lifeline import die_with
from penstock.services.circuits.link import RemoteError
from penstock.services.circuits.stepper import Stepper

_READ_AHEAD_BYTES = 1 << 20


Ingest = Callable[[str, Changes, int, Lease], Awaitable[None]]


class AdHoc:
    """Runs ad-hoc requests. ingest: queues rows for a table, waiting while the circuit takes none."""

    def __init__(self, built: Built, stepper: Stepper, ingest: Ingest, memory_mb: int) -> None:
        self._built = built
        self._stepper = stepper
        self._ingest = ingest
        self._memory_mb = memory_mb

    async def run(self, sql: str, format: str) -> AsyncIterator[bytes]:
        """Yield the answer's pieces. Raises: RemoteError with AdHocQueryError."""
        if format not in FORMATS:
            raise RemoteError("InvalidParam", f"there is no format {format!r}; there are {', '.join(FORMATS)}")
        ours, theirs = socket.socketpair()
        try:
            pid = await asyncio.wrap_future(self._stepper.do(lambda: self._fork(theirs, sql, format)))
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        ours.setblocking(False)
        reader, writer = await asyncio.open_unix_connection(sock=ours, limit=_READ_AHEAD_BYTES)
        try:
            while (frame := await _receive(reader)) is not None and frame[0] != child.DONE:
                kind, payload = frame
                if kind == child.DATA:
                    yield payload
                elif kind == child.REFUSED:
                    raise RemoteError("AdHocQueryError", payload.decode())
                elif kind == child.INSERT:
                    reply = (await self._insert(payload)).encode()
                    writer.write(struct.pack(">I", len(reply)) + reply)
            if frame is None:
                raise RemoteError("AdHocQueryError", "the query's process ended before its answer was complete")
        finally:
            writer.close()
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            # Giving back a fork's memory takes a while, and the answer is complete: nobody waits for that.
            asyncio.get_running_loop().run_in_executor(None, os.waitpid, pid, 0)

    def _fork(self, end: socket.socket, sql: str, format: str) -> int:
        """Fork, on the stepping thread, so that the fork holds the circuit as it is between two steps."""
        parent = os.getpid()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # about threads: the fork uses none of their state
            pid = os.fork()
        if pid:
            return pid
        try:
            die_with(parent)
            _close_others(end.fileno())
            child.run(end, self._built, sql, format, self._memory_mb)
        finally:
            os._exit(0)

    async def _insert(self, payload: bytes) -> str:
        """Queue the rows of an INSERT; return why not, if they cannot be."""
        size = struct.unpack_from(">I", payload)[0]
        table = payload[4 : 4 + size].decode()
        rows = pa.ipc.open_stream(pa.py_buffer(payload[4 + size :])).read_all()
        if not rows.num_rows:
            return ""
        lease = self._built.pool.lease()
        try:
            changes = self._changes(table, rows)
        except (ValueOutOfRange, ValueError, TypeError) as error:
            return str(error)
        await self._ingest(table, changes, len(payload), lease)
        return ""

    def _changes(self, table: str, rows: pa.Table) -> Changes:
        """Return inserted rows; a column that is not given has its DEFAULT, or is NULL."""
        relation, layout = self._built.tables[table], self._built.layouts[table]
        given: Schema = tuple(field for field in relation.schema if field.name in rows.schema.names)
        read = iter(from_arrow(rows.combine_chunks(), given, self._built.pool).columns)
        columns: list[Column] = []
        for field, column in zip(relation.schema, layout.columns, strict=True):
            if field.name in rows.schema.names:
                columns.append(next(read))
                continue
            word, is_null = column.default or (0, True)
            if is_null and not field.type.nullable:
                raise ValueError(f"column {field.name!r} of {table!r} is NOT NULL and has no DEFAULT: give it a value")
            nulls = np.ones(rows.num_rows, np.bool_) if is_null else None
            columns.append(Column(np.full(rows.num_rows, word, np.int64), nulls))
        return Changes(columns, np.ones(rows.num_rows, np.int64))


def _close_others(kept: int) -> None:
    """Close every descriptor but the standard ones and one: the fork must not hold the circuit's link open."""
    for name in os.listdir("/proc/self/fd"):
        number = int(name)
        if number > 2 and number != kept:
            with suppress(OSError):
                os.close(number)


async def _receive(reader: asyncio.StreamReader) -> tuple[int, bytes] | None:
    try:
        kind, size = child.HEADER.unpack(await reader.readexactly(child.HEADER.size))
        return kind, await reader.readexactly(size)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
