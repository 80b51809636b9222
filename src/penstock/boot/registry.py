"""Which dialects and stores there are. To add one, add its line here."""

import secrets
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.api import cdap, feldera, kfp, native, ubiops
from penstock.api.shared.dialect import Dialect, Function
from penstock.boot.config import Settings
from penstock.boot.secrets import server_secret
from penstock.ports.blobs import BlobStore
from penstock.ports.executor import Executor, ReadSecret
from penstock.ports.intents import IntentLog, NoIntents
from penstock.ports.logbook import LogBook
from penstock.ports.metadata import MetadataStore
from penstock.ports.workers import WorkerPools

if TYPE_CHECKING:
    from penstock.execute.surroundings import Surroundings

__all__ = ["DIALECTS", "STORES", "OpenStores", "Stores"]

DIALECTS: tuple[Dialect, ...] = (native.DIALECT, feldera.DIALECT, kfp.DIALECT, ubiops.DIALECT, cdap.DIALECT)
"""The dialects this server speaks. The first one answers for paths that none owns."""


@dataclass(frozen=True, slots=True)
class Stores:
    """The stores of one server, and the executors that keep their work beside them.

    `secret` is 32 bytes that only this server knows and keeps over a restart. `executors` makes them from what
    reads the secrets that steps ask for. `work` is a directory for what data phases leave to later ones,
    `circuits` one for what is kept of standing circuits.
    """

    metadata: MetadataStore
    blobs: BlobStore
    secret: bytes
    log_book: LogBook
    pools: WorkerPools
    intents: IntentLog
    executors: Callable[[ReadSecret], tuple[Executor, ...]]
    work: Path
    circuits: Path


OpenStores = Callable[[Settings], AbstractAsyncContextManager[Stores]]


@asynccontextmanager
async def _sqlite(settings: Settings) -> AsyncIterator[Stores]:
    from penstock.execute.inline import InlineExecutor
    from penstock.execute.pool.pools import WarmPools
    from penstock.execute.process import ProcessExecutor
    from penstock.store.intents import IntentFile
    from penstock.store.localdir import LocalBlobs
    from penstock.store.lock import DirectoryLock
    from penstock.store.logfiles import LogFiles
    from penstock.store.sqlite import SqliteStore

    directory = settings.data.absolute()
    lock = DirectoryLock(directory)
    try:
        metadata = await SqliteStore.open(directory / "metadata.sqlite")
        try:
            blobs, log_book = LocalBlobs(directory / "blobs"), LogFiles(directory / "logs")
            pools = WarmPools(directory / "serving", blobs)

            def executors(read_secret: ReadSecret) -> tuple[Executor, ...]:
                place = directory / "execute"
                process = ProcessExecutor(
                    place, blobs, log_book, read_secret=read_secret, surroundings=_surroundings(settings, place)
                )
                return process, InlineExecutor(_functions(), log_book, read_secret), pools

            work, intents = directory / "phases", IntentFile(directory / "intents.log")
            secret = server_secret(directory / "secret")
            circuits = directory / "circuits"
            yield Stores(metadata, blobs, secret, log_book, pools, intents, executors, work, circuits)
        finally:
            await metadata.close()
    finally:
        lock.release()


def _surroundings(settings: Settings, place: Path) -> "Surroundings":
    """Return what commands of steps run in."""
    from penstock.execute.container import Containers
    from penstock.execute.surroundings import ThisMachine

    if settings.executor == "container":
        return Containers(settings.container_program, settings.container_image)
    hidden, is_confined = (settings.data.absolute(),), settings.isolation != "none"
    return ThisMachine(place / "environments", hidden=hidden, is_confined=is_confined)


@asynccontextmanager
async def _memory(settings: Settings) -> AsyncIterator[Stores]:
    from penstock.execute.inline import InlineExecutor
    from penstock.execute.pool.pools import WarmPools
    from penstock.store.logfiles import LogFiles
    from penstock.store.memory import MemoryBlobs, MemoryStore

    with tempfile.TemporaryDirectory(prefix="penstock-logs-") as folder:
        log_book, blobs = LogFiles(Path(folder)), MemoryBlobs()
        pools = WarmPools(Path(folder) / "serving", blobs)

        def executors(read_secret: ReadSecret) -> tuple[Executor, ...]:
            # Commands need a directory that outlives the server, which this store has not.
            return InlineExecutor(_functions(), log_book, read_secret), pools

        work, circuits = Path(folder) / "phases", Path(folder) / "circuits"
        secret = secrets.token_bytes(32)
        yield Stores(MemoryStore(), blobs, secret, log_book, pools, NoIntents(), executors, work, circuits)


def _functions() -> dict[str, Function]:
    """What steps of kind `call` can call."""
    return {name: function for dialect in DIALECTS for name, function in dialect.functions.items()}


STORES: Mapping[str, OpenStores] = {"sqlite": _sqlite, "memory": _memory}
"""Where metadata and blobs can be kept. `memory` forgets everything when the server stops."""
