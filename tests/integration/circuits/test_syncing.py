"""Checkpoints in a store of objects: whole or not there, taken up by another server."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.circuits.driving import feed, query, running
from tests.integration.circuits.object_store import ObjectStore, object_store
from tests.integration.circuits.test_durability import EXACTLY, kill

from penstock.services.circuits.engine import WarmEngine
from penstock.services.circuits.process import RequestFailed
from penstock.services.circuits.remote import RemoteCircuit

pytestmark = pytest.mark.asyncio(loop_scope="session")

PROGRAM = """
CREATE TABLE t (id INT NOT NULL PRIMARY KEY, word VARCHAR) WITH ('materialized' = 'true');
CREATE MATERIALIZED VIEW v AS SELECT COUNT(*) AS c, MAX(word) AS w FROM t;
"""


@pytest.fixture
def store() -> Iterator[ObjectStore]:
    with object_store() as made:
        yield made


def sync(store: ObjectStore, **settings: Any) -> dict[str, Any]:
    place = {
        "bucket": "kept/here", "endpoint": store.url, "region": None, "access_key": "${env:KEY}", "secret_key": "s3cret"
    }  # fmt: skip
    return {
        "sync": {"store": place, "retention": {"count": 10, "days": 30}, **settings},
        "env": {"KEY": "the key"},
    }


async def copied(circuit: RemoteCircuit) -> str:
    id = await circuit.copy_checkpoint()
    async with asyncio.timeout(30):
        while (report := await circuit.copying())["success"] != id:
            assert report["failure"] is None, report
            await asyncio.sleep(0.01)
    return id


async def rows(circuit: RemoteCircuit) -> Any:
    return await query(circuit, "SELECT * FROM v")


async def test_another_server_goes_on_from_a_copy(engine: WarmEngine, store: ObjectStore, tmp_path: Path) -> None:
    async with running(engine, PROGRAM, directory=tmp_path / "a", **sync(store), **EXACTLY) as circuit:
        await feed(circuit, "t", "1,a\n2,b\n")
        await circuit.checkpoint()
        id = await copied(circuit)
        await feed(circuit, "t", "3,c\n")
        await circuit.checkpoint()
        later = await copied(circuit)
        listed = await circuit.copies()
        await kill(circuit)
    async with running(
        engine, PROGRAM, directory=tmp_path / "b", **sync(store, start_from="latest", must_start_from=True)
    ) as circuit:
        newest = await rows(circuit)
    async with running(engine, PROGRAM, directory=tmp_path / "c", **sync(store, start_from=id)) as circuit:
        older = await rows(circuit)

    assert listed == [id, later]
    assert newest == [{"c": 3, "w": "c"}]
    assert older == [{"c": 2, "w": "b"}]
    assert {name.split("/")[2] for name in store.objects} == {id, later}


async def test_a_copy_that_broke_off_is_not_seen_and_is_made_whole_later(
    engine: WarmEngine, store: ObjectStore, tmp_path: Path
) -> None:
    async with running(engine, PROGRAM, directory=tmp_path / "a", **sync(store)) as circuit:
        await feed(circuit, "t", "1,a\n")
        await circuit.checkpoint()
        store.fail_at = "complete.json"
        id = await circuit.copy_checkpoint()
        async with asyncio.timeout(30):
            while (failure := (await circuit.copying())["failure"]) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        store.fail_at = None
        half, seen = dict(store.objects), await circuit.copies()
        with pytest.raises(RequestFailed, match="no such checkpoint"):
            async with running(
                engine, PROGRAM, directory=tmp_path / "b", **sync(store, start_from=id, must_start_from=True)
            ):
                pass
        again = await copied(circuit)

    assert half and seen == []
    assert failure["id"] == again == id
    assert not [*(tmp_path / "a" / "checkpoints").glob(".linked-*")]


async def test_what_is_here_and_newer_is_not_given_up(engine: WarmEngine, store: ObjectStore, tmp_path: Path) -> None:
    settings = {**sync(store, start_from="latest"), **EXACTLY}
    async with running(engine, PROGRAM, directory=tmp_path, **settings) as circuit:
        await feed(circuit, "t", "1,a\n")
        await circuit.checkpoint()
        await copied(circuit)
        await feed(circuit, "t", "2,b\n")  # in the journal only
        await kill(circuit)
    async with running(engine, PROGRAM, directory=tmp_path, **settings) as circuit:
        gone_on = await rows(circuit)

    assert gone_on == [{"c": 2, "w": "b"}]


async def test_a_start_goes_back_to_a_named_copy_once(engine: WarmEngine, store: ObjectStore, tmp_path: Path) -> None:
    async with running(engine, PROGRAM, directory=tmp_path, **sync(store), **EXACTLY) as circuit:
        await feed(circuit, "t", "1,a\n")
        await circuit.checkpoint()
        id = await copied(circuit)
        await feed(circuit, "t", "2,b\n")
        await circuit.checkpoint()
    named = {**sync(store, start_from=id), **EXACTLY}
    async with running(engine, PROGRAM, directory=tmp_path, **named) as circuit:
        back = await rows(circuit)
        await feed(circuit, "t", "5,e\n6,f\n")
        await kill(circuit)
    async with running(engine, PROGRAM, directory=tmp_path, **named) as circuit:
        gone_on = await rows(circuit)

    assert back == [{"c": 1, "w": "a"}]
    assert gone_on == [{"c": 3, "w": "f"}]


async def test_a_damaged_copy_is_refused_or_left_alone(engine: WarmEngine, store: ObjectStore, tmp_path: Path) -> None:
    async with running(engine, PROGRAM, directory=tmp_path / "a", **sync(store)) as circuit:
        await feed(circuit, "t", "1,a\n")
        await circuit.checkpoint()
        id = await copied(circuit)
    name = next(name for name in store.objects if name.endswith("state.bin"))
    store.objects[name] = store.objects[name][:-1] + b"\xff"
    with pytest.raises(RequestFailed, match="damaged"):
        async with running(
            engine, PROGRAM, directory=tmp_path / "b", **sync(store, start_from=id, must_start_from=True)
        ):
            pass
    async with running(engine, PROGRAM, directory=tmp_path / "c", **sync(store, start_from=id)) as circuit:
        from_scratch = await rows(circuit)

    assert from_scratch == [{"c": 0, "w": None}]


async def test_copies_are_made_on_an_interval_and_old_ones_retire(
    engine: WarmEngine, store: ObjectStore, tmp_path: Path
) -> None:
    settings = sync(store, push_interval_s=0.05)
    settings["sync"]["retention"] = {"count": 1, "days": 0}
    async with running(engine, PROGRAM, directory=tmp_path, **settings) as circuit:
        for n in range(3):
            await feed(circuit, "t", f"{n},a\n")
            made = await circuit.checkpoint()
            async with asyncio.timeout(30):
                while (await circuit.copying())["periodic"] != made["id"]:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        left = await circuit.copies()

    assert left == [made["id"]]
    assert {name.split("/")[2] for name in store.objects if name.endswith(".json")} == {made["id"]}
    assert len(store.objects) <= 4  # of the last copy, and what pyarrow puts for an empty folder


async def test_a_copy_from_a_place_that_is_only_read(engine: WarmEngine, store: ObjectStore, tmp_path: Path) -> None:
    async with running(engine, PROGRAM, directory=tmp_path / "a", **sync(store)) as circuit:
        await feed(circuit, "t", "1,a\n")
        await circuit.checkpoint()
        await copied(circuit)
    settings = sync(store, start_from="latest", read_bucket="kept/here")
    settings["sync"]["store"]["bucket"] = "mine"
    async with running(engine, PROGRAM, directory=tmp_path / "b", **settings) as circuit:
        taken = await rows(circuit)
        await circuit.checkpoint()
        await copied(circuit)

    assert taken == [{"c": 1, "w": "a"}]
    assert {name.split("/")[0] for name in store.objects} == {"kept", "mine"}
    assert "s3cret" not in json.dumps({name: content.decode("latin-1") for name, content in store.objects.items()})


async def test_without_a_store_copies_are_refused(engine: WarmEngine, tmp_path: Path) -> None:
    async with running(engine, PROGRAM, directory=tmp_path) as circuit:
        with pytest.raises(RequestFailed, match="no object store") as refused:
            await circuit.copy_checkpoint()
    with object_store() as store:
        async with running(engine, PROGRAM, directory=tmp_path, **sync(store)) as circuit:
            with pytest.raises(RequestFailed, match="make one first"):
                await circuit.copy_checkpoint()

    assert refused.value.code == "NotSupported"
