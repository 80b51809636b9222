"""Logical replication of PostgreSQL as an input, against a server of the test's own."""

import asyncio
import json
import random
import re
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.circuits.driving import answers, query, running
from tests.integration.circuits.test_durability import EXACTLY, kill
from tests.integration.circuits.test_postgres_sink import ask, uri
from tests.integration.servers import PrivateServer, postgres_server

from penstock.services.circuits.engine import WarmEngine
from penstock.services.circuits.remote import RemoteCircuit

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(scope="module")
def postgres() -> Iterator[PrivateServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture
def name(postgres: PrivateServer) -> str:
    """A name that no other test has: of a table, its publication, and the pipeline's table."""
    return f"t{uuid.uuid4().hex[:8]}"


def source(server: PrivateServer, name: str, columns: str, **config: Any) -> str:
    given = {"uri": uri(server), "publication": f"p_{name}", "source_table": name, **config}
    declared = json.dumps([{"name": "c", "transport": {"name": "postgres_cdc_input", "config": given}}])
    return f"CREATE TABLE {name} ({columns}) WITH ('materialized' = 'true', 'connectors' = '{declared}');"


def publish(server: PrivateServer, name: str, columns: str, *, whole: bool = False) -> None:
    ask(server, f"CREATE TABLE {name} ({columns})", f"CREATE PUBLICATION p_{name} FOR TABLE {name}")
    if whole:
        ask(server, f"ALTER TABLE {name} REPLICA IDENTITY FULL")


async def fatal(circuit: RemoteCircuit) -> str:
    async with asyncio.timeout(20):
        while (said := (await circuit.stats())["inputs"][0]["fatal_error"]) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return str(said)


async def test_rows_come_and_then_what_becomes_of_them(engine: WarmEngine, postgres: PrivateServer, name: str) -> None:
    publish(postgres, name, "id int PRIMARY KEY, word text, more int")
    ask(postgres, f"INSERT INTO {name} VALUES (1, 'one', 0), (2, 'two', 0)")
    all_rows = f"SELECT id, word FROM {name} ORDER BY id"
    async with running(engine, source(postgres, name, "id INT NOT NULL PRIMARY KEY, word VARCHAR")) as circuit:
        await answers(circuit, all_rows, [{"id": 1, "word": "one"}, {"id": 2, "word": "two"}])
        ask(
            postgres,
            "BEGIN",
            f"INSERT INTO {name} VALUES (3, 'three', 0)",
            f"UPDATE {name} SET word = 'eins' WHERE id = 1",
            "COMMIT",
            f"DELETE FROM {name} WHERE id = 2",
            f"UPDATE {name} SET id = 4 WHERE id = 3",
        )
        await answers(circuit, all_rows, [{"id": 1, "word": "eins"}, {"id": 4, "word": "three"}])


async def test_a_transaction_is_seen_whole_or_not_at_all(
    engine: WarmEngine, postgres: PrivateServer, name: str
) -> None:
    publish(postgres, name, "n int", whole=True)
    program = source(postgres, name, "n INT") + f"CREATE MATERIALIZED VIEW v AS SELECT COUNT(*) AS c FROM {name};"
    seen: set[int] = set()
    async with running(engine, program) as circuit:
        await answers(circuit, "SELECT c FROM v", [{"c": 0}])
        for _ in range(5):
            ask(postgres, f"INSERT INTO {name} SELECT g FROM generate_series(1, 1000) g")
        async with asyncio.timeout(20):
            while 5000 not in seen:
                seen.add((await query(circuit, "SELECT c FROM v"))[0]["c"])

    assert {count % 1000 for count in seen} == {0}


async def test_large_values_that_an_update_does_not_touch_stay(
    engine: WarmEngine, postgres: PrivateServer, name: str
) -> None:
    publish(postgres, name, "id int PRIMARY KEY, n int, large text")
    ask(postgres, f"ALTER TABLE {name} ALTER large SET STORAGE EXTERNAL")
    ask(postgres, f"INSERT INTO {name} VALUES (1, 1, repeat('x', 10000))")
    program = source(postgres, name, "id INT NOT NULL PRIMARY KEY, n INT, large VARCHAR")
    sizes = f"SELECT n, CHAR_LENGTH(large) AS size FROM {name}"
    async with running(engine, program) as circuit:
        await answers(circuit, sizes, [{"n": 1, "size": 10000}])
        ask(postgres, f"UPDATE {name} SET n = 2")
        await answers(circuit, sizes, [{"n": 2, "size": 10000}])


TYPES = {
    "b": ("boolean", "BOOLEAN", "true", True),
    "i": ("bigint", "BIGINT", "-5", -5),
    "f": ("double precision", "DOUBLE", "1.5", 1.5),
    "d": ("numeric(10,3)", "DECIMAL(10, 3)", "12.345", 12.345),
    "s": ("text", "VARCHAR", "'it''s'", "it's"),
    "u": ("uuid", "UUID", "'123e4567-e89b-12d3-a456-426614174000'", "123e4567-e89b-12d3-a456-426614174000"),
    "day": ("date", "DATE", "'2024-02-29'", "2024-02-29"),
    "at": ("timestamp", "TIMESTAMP", "'2024-02-29 12:34:56.5'", "2024-02-29T12:34:56.500"),
    "j": ("jsonb", "VARIANT", "'{\"a\": [1, 2]}'", None),
    "xs": ("int[]", "INT ARRAY", "ARRAY[1, NULL, 3]", [1, None, 3]),
    "ws": ("text[]", "VARCHAR ARRAY", "ARRAY['a b', 'c\"d,']", ["a b", 'c"d,']),
    "r": ("bytea", "VARBINARY", "'\\x01ff'", None),
}


async def test_values_of_every_type_are_the_same_in_the_snapshot_and_in_the_log(
    engine: WarmEngine, postgres: PrivateServer, name: str
) -> None:
    there = ", ".join(f"{column} {kind}" for column, (kind, _, _, _) in TYPES.items())
    here = ", ".join(f"{column} {kind}" for column, (_, kind, _, _) in TYPES.items())
    publish(postgres, name, f"id int PRIMARY KEY, {there}")
    values = ", ".join(value for _, _, value, _ in TYPES.values())
    ask(postgres, f"INSERT INTO {name} VALUES (1, {values})")
    program = source(postgres, name, f"id INT NOT NULL PRIMARY KEY, {here}")
    program += f"CREATE MATERIALIZED VIEW v AS SELECT id, TO_JSON(j) AS jt, TO_HEX(r) AS rt FROM {name};"
    async with running(engine, program) as circuit:
        await answers(circuit, f"SELECT id FROM {name} ORDER BY id", [{"id": 1}])
        ask(postgres, f"INSERT INTO {name} VALUES (2, {values})", f"INSERT INTO {name} (id) VALUES (3)")
        await answers(circuit, f"SELECT id FROM {name} ORDER BY id", [{"id": 1}, {"id": 2}, {"id": 3}])
        shown = [column for column, (_, _, _, value) in TYPES.items() if value is not None]
        rows = await query(circuit, f"SELECT {', '.join(shown)} FROM {name} ORDER BY id")
        others = await query(circuit, "SELECT jt, rt FROM v ORDER BY id")

    wanted = {column: value for column, (_, _, _, value) in TYPES.items() if value is not None}
    assert rows == [wanted, wanted, dict.fromkeys(wanted)]
    assert others[:2] == [{"jt": '{"a":[1,2]}', "rt": "01ff"}] * 2


@pytest.mark.parametrize(
    ("statement", "config", "said"),
    [
        (None, {"publication": "nope"}, "publication 'nope'"),
        (None, {"source_table": "nope"}, r"no table 'public\.nope'"),
        (None, {}, "REPLICA IDENTITY FULL"),
        ("TRUNCATE {0}", {}, "truncated"),
    ],
)
async def test_what_cannot_be_followed_says_so(
    engine: WarmEngine, postgres: PrivateServer, name: str, statement: str | None, config: dict[str, str], said: str
) -> None:
    publish(postgres, name, "n int", whole=statement is not None)
    async with running(engine, source(postgres, name, "n INT", **config)) as circuit:
        if statement is not None:
            ask(postgres, f"INSERT INTO {name} VALUES (1)")
            await answers(circuit, f"SELECT COUNT(*) AS c FROM {name}", [{"c": 1}])
            ask(postgres, statement.format(name))
        found = await fatal(circuit)

    assert re.search(said, found), found


async def test_rows_written_while_the_snapshot_is_taken_count_once(
    engine: WarmEngine, postgres: PrivateServer, name: str
) -> None:
    publish(postgres, name, "n int", whole=True)
    ask(postgres, f"INSERT INTO {name} SELECT 1 FROM generate_series(1, 50000)")
    ended = threading.Event()
    written = 0

    def write() -> None:
        nonlocal written
        while not ended.is_set():
            ask(postgres, f"INSERT INTO {name} VALUES (1)")
            written += 1

    program = source(postgres, name, "n INT") + f"CREATE MATERIALIZED VIEW v AS SELECT COUNT(*) AS c FROM {name};"
    writer = threading.Thread(target=write)
    writer.start()
    try:
        async with running(engine, program) as circuit:
            async with asyncio.timeout(30):
                while (await query(circuit, "SELECT c FROM v"))[0]["c"] < 50_000:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            await asyncio.sleep(0.3)
            ended.set()
            await asyncio.to_thread(writer.join)
            await answers(circuit, "SELECT c FROM v", [{"c": 50_000 + written}])
    finally:
        ended.set()

    assert written > 0


async def test_killed_at_random_moments_on_both_sides_each_change_counts_once(
    engine: WarmEngine, tmp_path: Path
) -> None:
    seed = random.randrange(1 << 30)
    chance = random.Random(seed)
    with postgres_server() as server:
        publish(server, "t", "id int PRIMARY KEY, n int")
        publish(server, "log", "n int", whole=True)
        ask(server, "INSERT INTO t SELECT g, 0 FROM generate_series(1, 100) g", "INSERT INTO log VALUES (1)")
        program = source(server, "t", "id INT NOT NULL PRIMARY KEY, n INT") + source(server, "log", "n INT")
        program += """CREATE MATERIALIZED VIEW v AS SELECT SUM(n) AS s, COUNT(*) AS c FROM t;
        CREATE MATERIALIZED VIEW w AS SELECT SUM(n) AS s FROM log;"""
        for round in range(6):
            async with running(engine, program, directory=tmp_path, **EXACTLY) as circuit:
                for _ in range(10):
                    ask(
                        server,
                        "UPDATE t SET n = n + 1",
                        "INSERT INTO log VALUES (1), (2)",
                        "DELETE FROM log WHERE n = 2",
                    )
                    await asyncio.sleep(chance.uniform(0, 0.03))
                if chance.random() < 0.4:
                    await circuit.checkpoint()
                if round % 2:
                    server.kill()
                    await asyncio.sleep(chance.uniform(0, 0.2))
                    server.start()
                await asyncio.sleep(chance.uniform(0, 0.3))
                await kill(circuit)
        async with running(engine, program, directory=tmp_path, **EXACTLY) as circuit:
            await answers(circuit, "SELECT * FROM v", [{"s": 6000, "c": 100}])
            await answers(circuit, "SELECT * FROM w", [{"s": 61}])
            slots = ask(server, "SELECT count(*) FROM pg_replication_slots")

    assert slots == [(2,)], f"seed {seed}"
