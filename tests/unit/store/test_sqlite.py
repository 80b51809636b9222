"""What only the store on disk can show: durability, migrations, groups."""

import asyncio
import threading
from pathlib import Path

import apsw
import pytest

from penstock.kernel.errors import Unavailable, Unsupported
from penstock.kernel.instants import EPOCH
from penstock.kernel.query import Compare, Comparison, Query
from penstock.kernel.records import Append, Insert
from penstock.kernel.scope import DEFAULT_SCOPE
from penstock.store import writer
from penstock.store.sqlite import SqliteStore
from penstock.store.writes import Applier


async def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "metadata.sqlite"
    store = await SqliteStore.open(file)
    await store.commit(
        Insert("k", "1", DEFAULT_SCOPE, "a", EPOCH, b"body", {"n": 1}), Append("s", EPOCH, "made", b"fact")
    )
    record = await store.get("k", "1")
    await store.close()

    reopened = await SqliteStore.open(file)

    assert record is not None
    assert await reopened.get("k", "1") == record
    assert [fact.body for fact in await reopened.facts("s")] == [b"fact"]
    assert await reopened.count(Query("k", DEFAULT_SCOPE, Compare("n", Comparison.EQ, 1))) == 1
    await reopened.close()


async def test_closing_leaves_one_file_and_no_thread(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "metadata.sqlite")
    await asyncio.gather(*(store.commit(Append("s", EPOCH, "x", b"")) for _ in range(50)))
    await store.facts("s")

    await store.close()

    assert [path.name for path in tmp_path.iterdir()] == ["metadata.sqlite"]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("penstock-")]


async def test_what_was_accepted_before_closing_is_committed(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "metadata.sqlite")
    waiting = [asyncio.ensure_future(store.commit(Append("s", EPOCH, "x", b""))) for _ in range(100)]
    await asyncio.sleep(0)

    await store.close()

    assert sorted(position for (position,) in await asyncio.gather(*waiting)) == list(range(1, 101))


async def test_concurrent_writers_share_commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    original = writer.Writer._commit

    def counted(
        self: writer.Writer, connection: apsw.Connection, applier: Applier, group: list[writer._Request]
    ) -> None:
        sizes.append(len(group))
        original(self, connection, applier, group)

    monkeypatch.setattr(writer.Writer, "_commit", counted)
    store = await SqliteStore.open(tmp_path / "metadata.sqlite")

    await asyncio.gather(*(store.commit(Append("s", EPOCH, "x", b"")) for _ in range(300)))

    assert sum(sizes) == 300
    assert len(sizes) < 150
    await store.close()


async def test_a_value_that_cannot_be_stored_spoils_its_own_transaction_only(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "metadata.sqlite")
    bad = Insert("k", "bad", DEFAULT_SCOPE, None, EPOCH, b"", {"n": 1 << 70})
    good = Insert("k", "good", DEFAULT_SCOPE, None, EPOCH, b"")

    outcomes = await asyncio.gather(store.commit(bad), store.commit(good), return_exceptions=True)

    assert isinstance(outcomes[0], OverflowError)
    assert outcomes[1] == (1,)
    assert await store.get("k", "bad") is None
    await store.close()


async def test_after_a_failed_commit_nothing_more_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = await SqliteStore.open(tmp_path / "metadata.sqlite")

    def broken_disk(*_: object) -> int:
        raise apsw.IOError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(Applier, "apply", broken_disk)
        with pytest.raises(Unavailable, match="disk I/O error"):
            await store.commit(Append("s", EPOCH, "x", b""))

    with pytest.raises(Unavailable):
        await store.commit(Append("s", EPOCH, "y", b""))
    assert await store.facts("s") == ()
    await store.close()


async def test_a_full_disk_refuses_writes_until_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = await SqliteStore.open(tmp_path / "metadata.sqlite")

    def full_disk(*_: object) -> int:
        raise apsw.FullError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Applier, "apply", full_disk)
        with pytest.raises(Exception, match="full"):
            await store.commit(Append("s", EPOCH, "x", b""))

    assert await store.commit(Append("s", EPOCH, "y", b"")) == (1,)
    await store.close()


async def test_the_log_is_moved_into_the_database_as_it_grows(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "metadata.sqlite")
    log = tmp_path / "metadata.sqlite-wal"

    for _ in range(100):
        await store.commit(*(Append("s", EPOCH, "x", bytes(100_000)) for _ in range(2)))

    assert log.stat().st_size < 12_000_000
    await store.close()


async def test_a_database_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "metadata.sqlite"
    await (await SqliteStore.open(file)).close()
    with apsw.Connection(str(file)) as connection:
        connection.execute("INSERT INTO migrations VALUES (99, 'future', '', '')")

    with pytest.raises(Unsupported, match="newer release"):
        await SqliteStore.open(file)


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "metadata.sqlite"
    file.write_text("not a database, and longer than a header of one hundred bytes" * 10)

    with pytest.raises(Unavailable, match="cannot be opened"):
        await SqliteStore.open(file)
