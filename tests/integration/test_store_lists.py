"""Lists of the store on disk, in every way in which it finds them, against the store in memory."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from pathlib import Path

import pytest

from penstock.kernel.instants import from_unix_us
from penstock.kernel.query import AllOf, AnyOf, Compare, Comparison, IndexValue, IsNull, Not, OneOf, Order, Predicate
from penstock.kernel.query import Query as Asked
from penstock.kernel.records import Delete, Insert, Replace, Write
from penstock.kernel.scope import Scope
from penstock.ports.metadata import MetadataStore
from penstock.store import lists, sqlite
from penstock.store.memory import MemoryStore
from penstock.store.sqlite import SqliteStore

SCOPES = (Scope(("a",)), Scope(("a", "b")))
WORDS = ("alpha", "beta", "alphabet", "Beta carotene", "", 'quo"te', "ünïcode alpha")


@pytest.fixture
async def store(tmp_path: Path) -> object:
    opened = await SqliteStore.open(tmp_path / "metadata.sqlite")
    yield opened
    await opened.close()


def _columns(chance: random.Random) -> dict[str, IndexValue]:
    columns: dict[str, IndexValue] = {
        "state": chance.choice(("running", "done", "failed")),
        "origin": "ours",
        "title": f"{chance.choice(WORDS)} {chance.randrange(5)}",
        "ended": chance.choice((None, chance.randrange(20))),
    }
    if chance.random() < 0.3:
        columns["metric"] = chance.choice((chance.randrange(9), "text", None))
    return columns


def _write(chance: random.Random, known: list[str], number: int) -> Write:
    at = from_unix_us(number // 3 * 1_000_000)
    if known and chance.random() < 0.3:
        return Replace("k", chance.choice(known), None, at, b"new", _columns(chance))
    if known and chance.random() < 0.15:
        return Delete("k", known.pop(chance.randrange(len(known))))
    known.append(f"id{chance.randrange(10**6):06}-{number}")
    name = f"n{number}" if chance.random() < 0.5 else None
    return Insert("k", known[-1], chance.choice(SCOPES), name, at, b"body", _columns(chance))


def _leaf(chance: random.Random) -> Predicate:
    text = chance.choice((*WORDS, "alp", "a 3", "lphab", "zzz"))
    number = chance.randrange(20)
    return chance.choice(
        (
            Compare("origin", Comparison.EQ, "ours"),
            Compare("state", Comparison.EQ, chance.choice(("running", "failed", "none"))),
            OneOf("state", ("done", "failed")),
            Compare("title", Comparison.CONTAINS, text),
            Compare("title", Comparison.STARTS_WITH, text),
            Compare("ended", chance.choice((Comparison.LT, Comparison.GE, Comparison.NE)), number),
            Compare("created_at", chance.choice((Comparison.LT, Comparison.GE)), number * 1_000_000),
            Not(Compare("created_at", Comparison.GT, number * 1_000_000)),
            Compare("metric", Comparison.GT, 3),
            IsNull("ended"),
            IsNull("metric"),
            Compare("name", Comparison.STARTS_WITH, "n1"),
        )
    )


def _predicate(chance: random.Random) -> Predicate:
    leaves = tuple(_leaf(chance) for _ in range(chance.randrange(4)))
    return chance.choice((AllOf(leaves), AllOf((AllOf(leaves), Not(AnyOf(leaves[:1])))), AnyOf((AllOf(leaves),))))


async def _ids(store: MetadataStore, query: Asked) -> list[str]:
    ids: list[str] = []
    while True:
        page = await store.select(query)
        ids += [record.id for record in page.records]
        if page.next is None:
            return ids
        query = replace(query, after=page.next, offset=0)


@pytest.mark.parametrize("few", [0, 4, 2000])
@pytest.mark.parametrize("seed", range(3))
async def test_random_lists_are_those_of_the_store_in_memory(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, seed: int, few: int
) -> None:
    monkeypatch.setattr(lists, "FEW", few)
    monkeypatch.setattr(sqlite, "CHUNK", 7)
    chance, reference = random.Random(seed), MemoryStore()
    known: list[str] = []
    for number in range(60):
        writes = [_write(chance, known, number * 3 + at) for at in range(3)]
        assert await store.commit(*writes) == await reference.commit(*writes)
        order = Order(
            chance.choice(("created_at", "updated_at", "name", "id", "state", "title", "ended", "metric", "absent")),
            chance.random() < 0.5,
        )
        limit, offset = chance.choice((1, 3, 7, 100)), chance.choice((0, 0, 2))
        query = Asked("k", chance.choice(SCOPES), _predicate(chance), order, limit, None, offset)
        assert await _ids(store, query) == await _ids(reference, query), query
        assert await store.count(query) == await reference.count(query), query


async def test_counts_stay_right_while_others_write(store: SqliteStore) -> None:
    query = Asked("k", SCOPES[0], Compare("state", Comparison.EQ, "done"))

    async def write(number: int) -> None:
        for at in range(20):
            id, columns = f"{number}-{at}", {"state": "done" if at % 2 else "running"}
            await store.commit(Insert("k", id, SCOPES[0], None, from_unix_us(at), b"", columns))
            await store.commit(Replace("k", id, None, from_unix_us(at), b"", {"state": "done"}))

    async def count() -> None:
        for _ in range(60):
            await store.count(query)
            await store.count(Asked("k", SCOPES[0]))

    await asyncio.gather(*(write(number) for number in range(10)), count(), count())

    assert await store.count(query) == 200
    assert await store.count(Asked("k", SCOPES[0])) == 200


async def test_a_rolled_back_transaction_is_not_counted(store: SqliteStore) -> None:
    query = Asked("k", SCOPES[0])
    await store.commit(Insert("k", "1", SCOPES[0], None, from_unix_us(0), b"", {"x": 1}))
    assert await store.count(query) == 1

    with pytest.raises(Exception, match="2"):
        await store.commit(
            Insert("k", "2", SCOPES[0], None, from_unix_us(0), b"", {"y": 1}), Delete("k", "2"), Delete("k", "2")
        )
    await store.commit(Insert("k", "3", SCOPES[0], None, from_unix_us(0), b"", {"y": 1}))

    assert await store.count(query) == 2
    assert [record.id for record in (await store.select(replace(query, order=Order("y")))).records] == ["1", "3"]


async def test_parts_of_texts_are_found_before_while_and_after_they_are_indexed(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "CHUNK", 3)
    for number in range(50):
        await store.commit(
            Insert("k", f"{number}", SCOPES[0], None, from_unix_us(0), b"", {"title": f"run {number:03}"})
        )
    query = Asked("k", SCOPES[0], Compare("title", Comparison.CONTAINS, "n 04"))

    for round in range(30):
        await store.commit(Insert("k", f"new {round}", SCOPES[0], None, from_unix_us(0), b"", {"title": "run 04!"}))
        await store.commit(Replace("k", f"new {round}", None, from_unix_us(0), b"", {"title": "run 04?"}))
        assert len((await store.select(query)).records) == 10 + round + 1
        assert await store.count(query) == 10 + round + 1
