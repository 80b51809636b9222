"""Ad-hoc queries on a running circuit."""

import asyncio
import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.integration.circuits.driving import feed, query, running, settled

from penstock.services.circuits.engine import WarmEngine
from penstock.services.circuits.process import RequestFailed
from penstock.services.circuits.remote import RemoteCircuit

pytestmark = pytest.mark.asyncio(loop_scope="session")

PROGRAM = """
CREATE TABLE t (id INT NOT NULL PRIMARY KEY, name VARCHAR);
CREATE TABLE plain (n INT NOT NULL, word VARCHAR DEFAULT 'none');
CREATE TABLE "TaBle1" ("Id" INT) WITH ('materialized' = 'true');
CREATE TABLE table1 (id INT) WITH ('materialized' = 'true');
CREATE TABLE wide (
    i8 TINYINT, i64 BIGINT, r REAL, d DOUBLE, n DECIMAL(10, 2), ok BOOLEAN, s VARCHAR, b VARBINARY,
    day DATE, at TIME, ts TIMESTAMP, u UUID, a INT ARRAY, m MAP<VARCHAR, INT>
) WITH ('materialized' = 'true');
CREATE MATERIALIZED VIEW doubled AS SELECT id, name FROM t UNION ALL SELECT id, name FROM t;
CREATE MATERIALIZED VIEW words AS SELECT n, word FROM plain;
"""

WIDE = (
    '{"i8":1,"i64":9007199254740993,"r":0.5,"d":0.1,"n":12.50,"ok":true,"s":"x","b":[1,255],"day":"2024-02-29",'
    '"at":"01:02:03","ts":"2024-02-29 01:02:03.350","u":"f81d4fae-7dec-11d0-a765-00a0c91e6bf6",'
    '"a":[1,null],"m":{"k":7}}'
)


async def raw(circuit: RemoteCircuit, sql: str, format: str) -> bytes:
    return b"".join([piece async for piece in circuit.query(sql, format)])


async def refusal(circuit: RemoteCircuit, sql: str, format: str = "json") -> str:
    with pytest.raises(RequestFailed) as refused:
        await raw(circuit, sql, format)
    assert refused.value.code == "AdHocQueryError"
    return refused.value.message


async def test_rows_as_a_grid(engine: WarmEngine) -> None:
    async with running(engine, PROGRAM) as circuit:
        await feed(circuit, "t", "1,a\n22,null\n")
        grid = await query(circuit, "SELECT * FROM T ORDER BY ID", "text")
        empty = await query(circuit, "SELECT id FROM t WHERE id > 100", "text")

    assert grid == ("+----+------+\n| id | name |\n+----+------+\n| 1  | a    |\n| 22 |      |\n+----+------+\n")
    assert empty == "+----+\n| id |\n+----+\n+----+\n"


async def test_every_type_as_json(engine: WarmEngine) -> None:
    async with running(engine, PROGRAM) as circuit:
        await feed(circuit, "wide", WIDE, "json", update_format="raw")
        answer = await query(circuit, "SELECT * FROM wide")
        text = (await raw(circuit, "SELECT n FROM wide", "json")).decode()

    assert answer == [
        {
            "i8": 1,
            "i64": 9007199254740993,
            "r": 0.5,
            "d": 0.1,
            "n": 12.5,
            "ok": True,
            "s": "x",
            "b": "01ff",
            "day": "2024-02-29",
            "at": "01:02:03",
            "ts": "2024-02-29T01:02:03.350",
            "u": "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            "a": [1, None],
            "m": {"k": 7},
        }
    ]
    assert text == '{"n":12.50}\n'


async def test_arrow_keeps_types_and_equal_names(engine: WarmEngine) -> None:
    async with running(engine, PROGRAM) as circuit:
        await feed(circuit, "wide", WIDE, "json", update_format="raw")
        data = await raw(circuit, "SELECT i64, i64, ts, m, u FROM wide", "arrow_ipc")
        none = await raw(circuit, "SELECT i64 FROM wide WHERE FALSE", "arrow_ipc")
    table = pa.ipc.open_stream(data).read_all()

    assert table.schema.names == ["i64", "i64", "ts", "m", "u"]
    assert table.schema.types[:3] == [pa.int64(), pa.int64(), pa.timestamp("us")]
    assert table.column(3).to_pylist() == [[("k", 7)]]
    assert pa.ipc.open_stream(none).read_all().num_rows == 0


async def test_equivalent_queries_give_the_same_parquet_and_hash(engine: WarmEngine) -> None:
    view = "SELECT id, name FROM doubled ORDER BY id"
    query_of_it = "SELECT id, name FROM t UNION ALL SELECT id, name FROM t ORDER BY id"
    async with running(engine, PROGRAM) as circuit:
        await feed(circuit, "t", "1,a\n2,b\n")
        one, two = [await raw(circuit, sql, "parquet") for sql in (view, query_of_it)]
        hashes = [await raw(circuit, sql, "hash") for sql in (view, query_of_it, view + " LIMIT 1")]

    assert one == two
    assert pq.read_table(io.BytesIO(one)).num_rows == 4
    assert hashes[0] == hashes[1] != hashes[2]
    assert len(hashes[0].strip()) == 64


async def test_names_with_quotes_are_exact(engine: WarmEngine) -> None:
    async with running(engine, PROGRAM) as circuit:
        await query(circuit, 'INSERT INTO "TaBle1" VALUES (1); INSERT INTO TABLE1 VALUES (2), (3)')
        await settled(circuit)
        quoted = await query(circuit, 'SELECT COUNT(*) AS C FROM "TaBle1"')
        unquoted = await query(circuit, "SELECT count(*) FROM Table1")

    assert (quoted, unquoted) == ([{"c": 1}], [{"count(*)": 2}])


async def test_what_cannot_be_read_is_refused_with_the_reason(engine: WarmEngine) -> None:
    async with running(engine, PROGRAM) as circuit:
        assert "materialized" in await refusal(circuit, "SELECT * FROM plain")
        assert "'nope' not found" in await refusal(circuit, "SELECT * FROM nope")
        assert "cannot be parsed" in await refusal(circuit, "SELECT FROM WHERE")
        assert "DELETE" in await refusal(circuit, "DELETE FROM t")
        assert "no statement" in await refusal(circuit, " ; ")
        assert "nope" in await refusal(circuit, "SELECT nope FROM t", "text")
        assert await refusal(circuit, "SELECT * FROM read_csv('/etc/passwd')", "arrow_ipc")
        assert await refusal(circuit, "SELECT 1/0", "arrow_ipc")


async def test_an_error_while_running_is_part_of_the_answer(engine: WarmEngine) -> None:
    async with running(engine, PROGRAM) as circuit:
        text = await query(circuit, "SELECT 1/0", "text")
        lines = await query(circuit, "SELECT 1/0")

    assert text.startswith("ERROR: ")
    assert list(lines[0]) == ["error"]


async def test_integers_are_divided_as_integers(engine: WarmEngine) -> None:
    async with running(engine, PROGRAM) as circuit:
        answer = await query(circuit, "SELECT 7/2 AS a, 7.0/2 AS b, x'4142' AS c")

    assert answer == [{"a": 3, "b": 3.5, "c": "4142"}]


async def test_functions_of_the_dialect(engine: WarmEngine) -> None:
    expected = {
        "json_get_str('{\"a\": {\"b\": \"x\"}}', 'a', 'b')": "x",
        "json_get_int('{\"a\": [1, 7]}', 'a', 1)": 7,
        "json_get_int('no document', 'a')": None,
        "json_length('{\"a\": [1, 7]}', 'a')": 2,
        "json_contains('{\"a\": 1}', 'b')": False,
        "'{\"a\": 5}' ->> 'a'": "5",
        "array_sort(ARRAY[3, 1])": [1, 3],
        "trunc(1.567, 1)": 1.5,
        "date_trunc('day', TIMESTAMP '2024-01-02 03:04:05')": "2024-01-02T00:00:00",
        "to_char(DATE '2024-01-02', '%d.%m.')": "02.01.",
        "btrim(' x ')": "x",
        "nvl(NULL, 2)": 2,
        "regexp_like('abc', 'b')": True,
    }
    async with running(engine, PROGRAM) as circuit:
        columns = ", ".join(f"{call} AS c{i}" for i, call in enumerate(expected))
        answer = await query(circuit, f"SELECT {columns}")

    assert list(answer[0].values()) == list(expected.values())


async def test_sums_of_integers_are_integers(engine: WarmEngine) -> None:
    async with running(engine, PROGRAM) as circuit:
        await feed(circuit, "t", "1,a\n2,b\n")
        data = await raw(circuit, "SELECT SUM(id) AS s, COUNT(*) AS c FROM t", "arrow_ipc")
    table = pa.ipc.open_stream(data).read_all()

    assert table.schema.types == [pa.int64(), pa.int64()]
    assert table.to_pylist() == [{"s": 3, "c": 2}]


async def test_inserted_rows_go_through_the_circuit(engine: WarmEngine) -> None:
    async with running(engine, PROGRAM) as circuit:
        counts = await query(circuit, "INSERT INTO plain (n) VALUES (1), (2)")
        await settled(circuit)
        await query(circuit, "INSERT INTO plain SELECT n + 10, 'copy' FROM words")
        await settled(circuit)
        answer = await query(circuit, "SELECT * FROM words ORDER BY n")
        reason = await refusal(circuit, "INSERT INTO plain (word) VALUES ('x')")
        view = await refusal(circuit, "INSERT INTO words VALUES (1, 'x')")

    assert counts == [{"count": 2}]
    assert answer == [{"n": n, "word": w} for n, w in ((1, "none"), (2, "none"), (11, "copy"), (12, "copy"))]
    assert "NOT NULL" in reason
    assert "view" in view


async def test_every_type_can_be_inserted(engine: WarmEngine) -> None:
    statement = """INSERT INTO wide VALUES (1, 2, 0.5, 0.25, 1.25, true, 'x', x'01ff', DATE '2024-02-29',
        TIME '01:02:03', TIMESTAMP '2024-02-29 01:02:03', 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6',
        ARRAY[1, 2], MAP {'a': 1})"""
    async with running(engine, PROGRAM) as circuit:
        await query(circuit, statement)
        await query(circuit, "INSERT INTO wide (day, u) VALUES ('2024-03-01', NULL)")
        await settled(circuit)
        answer = await query(circuit, "SELECT b, day, at, ts, u, a, m FROM wide ORDER BY day")

    assert answer[0] == {
        "b": "01ff",
        "day": "2024-02-29",
        "at": "01:02:03",
        "ts": "2024-02-29T01:02:03",
        "u": "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        "a": [1, 2],
        "m": {"a": 1},
    }
    assert answer[1]["day"] == "2024-03-01"


async def test_statements_see_the_state_at_the_beginning_of_the_request(engine: WarmEngine) -> None:
    async with running(engine, PROGRAM) as circuit:
        answer = await query(circuit, "INSERT INTO t VALUES (1, 'a'); SELECT COUNT(*) AS c FROM t")

    assert answer == [{"c": 0}]


async def test_prepared_statements_within_a_request(engine: WarmEngine) -> None:
    async with running(engine, PROGRAM) as circuit:
        await feed(circuit, "t", "1,a\n2,b\n")
        sql = "PREPARE p AS SELECT name FROM t WHERE id = $1; EXECUTE p(2); "
        answer = await query(circuit, sql)
        reason = await refusal(circuit, "EXECUTE p(1)")

    assert answer == [{"name": "b"}]
    assert "no prepared statement" in reason


async def test_an_insert_waits_while_the_circuit_is_paused(engine: WarmEngine) -> None:
    async with running(engine, PROGRAM, paused=True) as circuit:
        inserting = asyncio.ensure_future(query(circuit, "INSERT INTO t VALUES (1, 'a')"))
        await asyncio.sleep(0.3)
        is_waiting = not inserting.done()
        reads = await query(circuit, "SELECT COUNT(*) AS c FROM t")
        await circuit.resume()
        counts = await inserting

    assert is_waiting
    assert (reads, counts) == ([{"c": 0}], [{"count": 1}])


async def test_a_query_nobody_waits_for_is_ended(engine: WarmEngine) -> None:
    async with running(engine, PROGRAM) as circuit:
        endless = circuit.query("SELECT COUNT(*) FROM range(100000000000) AS r(x) WHERE x % 7 = 3", "json")
        reading = asyncio.ensure_future(anext(endless))
        await asyncio.sleep(0.5)
        before = _children(circuit.pid)
        reading.cancel()
        for _ in range(100):
            if not _children(circuit.pid):
                break
            await asyncio.sleep(0.02)
        after: Any = _children(circuit.pid)

    assert len(before) == 1
    assert after == []


def _children(pid: int) -> list[str]:
    found = []
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        found = file.read().split()
    return found
