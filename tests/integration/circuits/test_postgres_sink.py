"""PostgreSQL as an output, against a server of the test's own."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.circuits.driving import feed, running
from tests.integration.circuits.test_delivery import journalled, put, until
from tests.integration.circuits.test_durability import EXACTLY, kill
from tests.integration.servers import PrivateServer, postgres_server

from penstock.services.circuits.engine import WarmEngine
from penstock.services.circuits.process import RequestFailed

pytestmark = pytest.mark.asyncio(loop_scope="session")

TABLE = "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, n INT);"


@pytest.fixture(scope="module")
def postgres() -> Iterator[PrivateServer]:
    with postgres_server() as server:
        yield server


def uri(server: PrivateServer) -> str:
    return f"postgresql://postgres@127.0.0.1:{server.port}/postgres"


def ask(server: PrivateServer, *statements: str) -> list[tuple[Any, ...]]:
    """Carry statements out; the rows of the last one."""
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(uri(server), autocommit=True) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return [tuple(row) for row in cursor.fetchall()] if cursor.description else []


def view(
    server: PrivateServer,
    table: str,
    query: str = "SELECT id, n FROM t",
    *,
    index: str | None = "i",
    **config: Any,
) -> str:
    transport = {"name": "postgres_output", "config": {"uri": uri(server), "table": table, **config}}
    declared = json.dumps([{"name": "c", "transport": transport, **({"index": index} if index else {})}])
    return f"CREATE VIEW v WITH ('connectors' = '{declared}') AS {query}; CREATE INDEX i ON v (id);"


async def test_a_table_follows_a_view_by_key(engine: WarmEngine, postgres: PrivateServer) -> None:
    ask(postgres, "CREATE TABLE follows (id int PRIMARY KEY, n int, own text DEFAULT 'kept')")
    async with running(engine, TABLE + view(postgres, "public.follows")) as circuit:
        await feed(circuit, "t", "1,10\n2,20\n3,\n")
        first = ask(postgres, "SELECT id, n, own FROM follows ORDER BY id")
        ask(postgres, "UPDATE follows SET own = 'changed'")
        await feed(circuit, "t", "1,11\n4,40\n")
        await feed(circuit, "t", '{"delete":{"id":2}}', "json")
        last = ask(postgres, "SELECT id, n, own FROM follows ORDER BY id")

    assert first == [(1, 10, "kept"), (2, 20, "kept"), (3, None, "kept")]
    assert last == [(1, 11, "changed"), (3, None, "changed"), (4, 40, "kept")]


async def test_without_a_unique_constraint_a_key_still_has_one_row(engine: WarmEngine, postgres: PrivateServer) -> None:
    ask(postgres, "CREATE TABLE loose (id bigint, n text)")
    async with running(engine, TABLE + view(postgres, "loose")) as circuit:
        await feed(circuit, "t", "1,10\n2,20\n")
        await feed(circuit, "t", "1,11\n")

    assert ask(postgres, "SELECT id, n FROM loose ORDER BY id") == [(1, "11"), (2, "20")]


async def test_rows_that_are_there_stay_if_that_is_wanted(engine: WarmEngine, postgres: PrivateServer) -> None:
    ask(postgres, "CREATE TABLE present (id int PRIMARY KEY, n int)", "INSERT INTO present VALUES (1, 99)")
    async with running(engine, TABLE + view(postgres, "present", on_conflict_do_nothing=True)) as circuit:
        await feed(circuit, "t", "1,10\n2,20\n")

    assert ask(postgres, "SELECT id, n FROM present ORDER BY id") == [(1, 99), (2, 20)]


async def test_a_log_has_every_change_with_its_kind(engine: WarmEngine, postgres: PrivateServer) -> None:
    ask(postgres, "CREATE TABLE log (id int, n int, __feldera_op text, at timestamptz)")
    async with running(engine, TABLE + view(postgres, "log", mode="cdc", cdc_ts_column="at")) as circuit:
        await feed(circuit, "t", "1,10\n")
        await feed(circuit, "t", "1,11\n")
        await feed(circuit, "t", '{"delete":{"id":1}}', "json")

    rows = ask(postgres, "SELECT id, n, __feldera_op, at IS NOT NULL FROM log ORDER BY at")
    assert rows == [(1, 10, "i", True), (1, 11, "u", True), (1, 11, "d", True)]


TYPES = {
    "b BOOLEAN": ("true", "boolean", "true"),
    "ti TINYINT": ("-5", "smallint", "-5"),
    "ub BIGINT UNSIGNED": ("18446744073709551615", "numeric", "18446744073709551615"),
    "ui INT UNSIGNED": ("4294967295", "bigint", "4294967295"),
    "f DOUBLE": ("1.5", "double precision", "1.5"),
    "d DECIMAL(10, 3)": ("12.345", "numeric(12,4)", "12.3450"),
    "wide DECIMAL(38, 2)": ("123456789012345678901234567890.12", "numeric", "123456789012345678901234567890.12"),
    "s VARCHAR": ('"it\'s \\"é\\""', "text", 'it\'s "é"'),
    "j VARIANT": ('{"a":[1,2]}', "jsonb", '{"a": [1, 2]}'),
    "u UUID": ('"123e4567-e89b-12d3-a456-426614174000"', "uuid", "123e4567-e89b-12d3-a456-426614174000"),
    "day DATE": ('"2024-02-29"', "date", "2024-02-29"),
    "at TIMESTAMP": ('"2024-02-29 12:34:56.789"', "timestamp", "2024-02-29 12:34:56.789"),
    "clock TIME": ('"12:34:56.5"', "time", "12:34:56.5"),
    "raw VARBINARY": ("[1,255]", "bytea", "\\x01ff"),
    "xs INT ARRAY": ("[1,null,3]", "int[]", "{1,NULL,3}"),
    "words VARCHAR ARRAY": ('["a b","c,\\"d"]', "text[]", '{"a b","c,\\"d"}'),
    "m MAP<VARCHAR, INT>": ('{"k":1}', "jsonb", '{"k": 1}'),
}


async def test_values_of_every_type_arrive(engine: WarmEngine, postgres: PrivateServer) -> None:
    names = [column.split()[0] for column in TYPES]
    there = ", ".join(f"{name} {kind}" for name, (_, kind, _) in zip(names, TYPES.values(), strict=True))
    ask(postgres, f"CREATE TABLE typed (id int PRIMARY KEY, {there})")
    program = f"CREATE TABLE t (id INT NOT NULL PRIMARY KEY, {', '.join(TYPES)});"
    program += view(postgres, "typed", f"SELECT id, {', '.join(names)} FROM t")
    row = ",".join(f'"{name}":{value}' for name, (value, _, _) in zip(names, TYPES.values(), strict=True))
    async with running(engine, program) as circuit:
        await feed(circuit, "t", f'{{"insert":{{"id":1,{row}}}}}{{"insert":{{"id":2}}}}', "json")

    ((*values,), nulls) = ask(postgres, f"SELECT {', '.join(f'{n}::text' for n in names)} FROM typed ORDER BY id")
    assert dict(zip(names, values, strict=True)) == {n: v for n, (_, _, v) in zip(names, TYPES.values(), strict=True)}
    assert set(nulls) == {None}


@pytest.mark.parametrize(
    ("table", "index", "config", "said"),
    [
        ("nowhere", "i", {}, "no table 'nowhere'"),
        ("narrow", "i", {}, "no column 'n'"),
        ("narrow", None, {}, "CREATE INDEX"),
        ("narrow", "i", {"mode": "truncate"}, "mode is one of"),
        ("narrow", "i", {"colour": "blue"}, "no setting 'colour'"),
        ("narrow", "i", {"ssl_ca_location": "/nowhere"}, "no file '/nowhere'"),
        ("narrow", "i", {"ssl_ca_pem": "no certificate"}, "PostgreSQL"),
    ],
)
async def test_what_cannot_work_is_refused_at_the_start(
    engine: WarmEngine, postgres: PrivateServer, table: str, index: str | None, config: dict[str, Any], said: str
) -> None:
    ask(postgres, "CREATE TABLE IF NOT EXISTS narrow (id int)")
    with pytest.raises(RequestFailed, match=said):
        async with running(engine, TABLE + view(postgres, table, index=index, **config)):
            pass


async def test_nothing_is_lost_or_doubled_when_both_are_killed(engine: WarmEngine, tmp_path: Path) -> None:
    with postgres_server() as server:
        ask(server, "CREATE TABLE sums (id int PRIMARY KEY, n bigint)")
        program = "CREATE TABLE t (id INT NOT NULL, n INT);"
        program += view(server, "sums", "SELECT id, SUM(n) AS n FROM t GROUP BY id")
        for round in range(3):
            async with running(engine, program, directory=tmp_path, **EXACTLY) as circuit:
                await put(circuit, *((k, 1) for k in range(50)))
                await asyncio.sleep(0.05)
                server.kill()
                await put(circuit, *((k, 100) for k in range(50)))
                await journalled(circuit)
                await until(circuit, lambda found: found["metrics"]["num_transport_errors"] > 0)
                if round == 1:
                    await circuit.checkpoint()
                await kill(circuit)
            server.start()
        async with running(engine, program, directory=tmp_path, **EXACTLY) as circuit:
            await until(circuit, lambda found: found["metrics"]["queued_batches"] == 0)
        rows = ask(server, "SELECT id, n FROM sums ORDER BY id")

    assert rows == [(k, 303) for k in range(50)]
