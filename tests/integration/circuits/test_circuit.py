"""A circuit in its own process: what goes in, what comes out, and how it ends."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.integration.circuits.driving import (
    JSON,
    PROGRAM,
    answers,
    body,
    completion,
    feed,
    push,
    query,
    running,
    until,
)

from penstock.services.circuits.engine import WarmEngine
from penstock.services.circuits.process import FormatSpec, RequestFailed

pytestmark = pytest.mark.asyncio(loop_scope="session")


class TestCompiling:
    async def test_a_program_gives_its_schema(self, engine: WarmEngine) -> None:
        compiled = await engine.compile(PROGRAM)

        assert compiled.schema is not None
        assert [r["name"] for r in compiled.schema["inputs"]] == ["t", "log"]

    async def test_a_wrong_program_gives_messages_with_places(self, engine: WarmEngine) -> None:
        compiled = await engine.compile("CREATE VIEW v AS\nSELECT * FROM blah")

        assert compiled.schema is None
        assert (compiled.messages[0].start_line, compiled.messages[0].start_column) == (2, 15)
        assert "'blah' not found" in compiled.messages[0].message

    async def test_the_warm_process_has_one_thread(self, engine: WarmEngine) -> None:
        await engine.compile("")

        assert len(os.listdir(f"/proc/{engine.pid}/task")) == 1


class TestInput:
    async def test_changes_of_a_table_change_its_views(self, engine: WarmEngine) -> None:
        async with running(engine) as circuit:
            await feed(circuit, "t", "1,a,1.50\n2,a,2\n3,b,1\n")
            await feed(circuit, "t", '{"update":{"id":1,"price":5}}{"delete":{"id":3}}', "json")
            answer = await query(circuit, "SELECT * FROM totals")

        assert answer == [{"name": "a", "total": 7, "c": 2}]

    async def test_good_rows_are_kept_beside_bad_ones(self, engine: WarmEngine) -> None:
        async with running(engine) as circuit:
            pushed = await push(circuit, "log", "1,a\nx,b\n3\n")
            await completion(circuit, pushed)
            answer = await query(circuit, "SELECT c FROM counted")

        assert pushed.error_count == 1
        assert (pushed.errors[0]["event_number"], pushed.errors[0]["field"]) == (2, "n")
        assert answer == [{"c": 2}]

    async def test_an_array_with_a_bad_update_gives_nothing(self, engine: WarmEngine) -> None:
        async with running(engine) as circuit:
            text = '[{"n":1},{"n":"x"},{"n":null}]'
            pushed = await push(circuit, "log", text, "json", array=True, update_format="raw")
            answer = await query(circuit, "SELECT c FROM counted")

        assert (pushed.error_count, pushed.position) == (2, 0)
        assert answer == [{"c": 0}]

    async def test_unknown_names_are_refused_by_code(self, engine: WarmEngine) -> None:
        codes = []
        async with running(engine) as circuit:
            for table, format, options in (
                ("nope", "csv", {}),
                ("totals", "csv", {}),
                ("t", "xml", {}),
                ("t", "json", {"update_format": "x"}),
            ):
                with pytest.raises(RequestFailed) as refused:
                    await push(circuit, table, "", format, **options)
                codes.append(refused.value.code)

        assert codes == ["UnknownInputStream", "UnknownInputStream", "UnknownInputFormat", "ParserConfigParseError"]

    async def test_input_waits_while_paused_unless_forced(self, engine: WarmEngine) -> None:
        async with running(engine, paused=True) as circuit:
            waiting = asyncio.ensure_future(push(circuit, "log", "1,a\n"))
            await feed(circuit, "log", "2,b\n", force=True)
            forced = await query(circuit, "SELECT c FROM counted")
            is_waiting = not waiting.done()
            await circuit.resume()
            await completion(circuit, await waiting)
            both = await query(circuit, "SELECT c FROM counted")

        assert is_waiting
        assert (forced, both) == ([{"c": 1}], [{"c": 2}])

    async def test_a_row_is_visible_as_soon_as_it_is_completed(self, engine: WarmEngine) -> None:
        async with running(engine) as circuit:
            for number in range(10):
                await feed(circuit, "log", f"{number},a\n")
                assert await query(circuit, "SELECT c FROM counted") == [{"c": number + 1}]

    async def test_who_asks_for_completion_may_wait_for_it(self, engine: WarmEngine) -> None:
        async with running(engine) as circuit:
            done = []
            for number in range(20):
                pushed = await push(circuit, "log", f"{number},a\n")
                done.append(await circuit.completed(pushed.endpoint, pushed.position, wait_s=30))
            await circuit.begin_transaction()
            pushed = await push(circuit, "log", "20,a\n")
            open_yet = await circuit.completed(pushed.endpoint, pushed.position, wait_s=0.02)
            waiting = asyncio.ensure_future(circuit.completed(pushed.endpoint, pushed.position, wait_s=30))
            await circuit.commit_transaction()
            committed = await waiting

        assert [is_complete for is_complete, _ in done] == [True] * 20
        assert not open_yet[0]
        assert committed[0]

    async def test_a_body_that_breaks_off_keeps_what_was_read(self, engine: WarmEngine) -> None:
        async def broken() -> AsyncIterator[bytes]:
            yield b"1,a\n2,b\n"
            raise ConnectionError("the client went away")

        async with running(engine) as circuit:
            with pytest.raises(ConnectionError):
                await circuit.push("log", FormatSpec("csv"), broken())
            await feed(circuit, "log", "3,c\n")
            answer = await query(circuit, "SELECT c FROM counted")
            stats = await circuit.stats()

        assert answer == [{"c": 3}]
        assert stats["global"]["pipeline_complete"]

    async def test_a_large_body_arrives_whole(self, engine: WarmEngine) -> None:
        async with running(engine) as circuit:
            lines = [f"{n},word {n % 100}\n".encode() for n in range(200_000)]
            pieces = [b"".join(lines[i : i + 7001]) for i in range(0, len(lines), 7001)]
            pushed = await circuit.push("log", FormatSpec("csv"), body(*pieces))
            await completion(circuit, pushed)
            answer = await query(circuit, "SELECT c FROM counted")

        assert answer == [{"c": 200_000}]


class TestOutput:
    async def test_a_stream_begins_at_once_even_when_paused(self, engine: WarmEngine) -> None:
        async with running(engine, paused=True) as circuit:
            stream = circuit.subscribe("lines", JSON)
            async with asyncio.timeout(1):
                first = await anext(stream)
            await circuit.resume()
            step = await feed(circuit, "log", "2,b\n1,a\n1,a\n")
            records = await until(stream, step)

        assert first.payload is None
        assert records == [{"insert": {"n": n, "word": w}} for n, w in ((1, "a"), (1, "a"), (2, "b"))]

    async def test_a_stream_says_how_far_it_is_complete(self, engine: WarmEngine) -> None:
        async with running(engine) as circuit:
            stream = circuit.subscribe("totals", JSON, backpressure=True)
            await anext(stream)
            step = await feed(circuit, "log", "1,a\n")
            records = await until(stream, step)

        assert records == []

    async def test_a_snapshot_comes_before_the_changes(self, engine: WarmEngine) -> None:
        async with running(engine) as circuit:
            await feed(circuit, "t", "1,a,1\n2,b,2\n")
            stream = circuit.subscribe("totals", JSON, snapshot=True)
            chunks = []
            async for chunk in stream:
                chunks.append(chunk)
                if chunk.snapshot:
                    break
            step = await feed(circuit, "t", "3,b,3\n")
            later = await until(stream, step)

        assert [r["insert"]["name"] for r in json.loads(chunks[-1].payload or b"")] == ["a", "b"]
        assert later == [
            {"delete": {"name": "b", "total": 2.0, "c": 1}},
            {"insert": {"name": "b", "total": 5.0, "c": 2}},
        ]

    async def test_a_snapshot_of_what_is_not_kept_is_refused(self, engine: WarmEngine) -> None:
        async with running(engine) as circuit:
            with pytest.raises(RequestFailed, match="materialized"):
                await anext(circuit.subscribe("lines", JSON, snapshot=True))

    async def test_unknown_names_are_refused_by_code(self, engine: WarmEngine) -> None:
        codes = []
        async with running(engine) as circuit:
            for relation, format in (("nope", JSON), ("lines", FormatSpec("xml")), ("lines", FormatSpec("raw"))):
                with pytest.raises(RequestFailed) as refused:
                    await anext(circuit.subscribe(relation, format))
                codes.append(refused.value.code)

        assert codes == ["UnknownOutputStream", "UnknownOutputFormat", "EncoderConfigParseError"]

    async def test_tables_and_the_view_of_errors_can_be_followed(self, engine: WarmEngine) -> None:
        async with running(engine) as circuit:
            table, errors = circuit.subscribe("t", JSON), circuit.subscribe("error_view", JSON)
            await asyncio.gather(anext(table), anext(errors))
            step = await feed(circuit, "t", "1,a,1\n")
            records = await until(table, step)
            none = await until(errors, step)

        assert records == [{"insert": {"id": 1, "name": "a", "price": 1.0}}]
        assert none == []

    async def test_with_backpressure_a_slow_reader_loses_nothing(self, engine: WarmEngine) -> None:
        async with running(engine) as circuit:
            stream = circuit.subscribe("lines", JSON, backpressure=True)
            await anext(stream)
            feeding = asyncio.ensure_future(asyncio.gather(*(feed(circuit, "log", f"{n},a\n") for n in range(300))))
            await asyncio.sleep(0.5)
            seen: list[Any] = []
            async with asyncio.timeout(10):
                while len(seen) < 300:
                    seen += json.loads((await anext(stream)).payload or b"[]")
            await feeding

        assert sorted(record["insert"]["n"] for record in seen) == list(range(300))

    async def test_without_backpressure_lost_chunks_are_counted(self, engine: WarmEngine) -> None:
        async with running(engine) as circuit:
            stream = circuit.subscribe("lines", JSON)
            await anext(stream)
            for number in range(150):
                await feed(circuit, "log", f"{number},a\n")
            seen, dropped = 0, 0
            async with asyncio.timeout(10):
                while seen < 100:
                    chunk = await anext(stream)
                    seen += len(json.loads(chunk.payload or b"[]"))
                    dropped += chunk.missed.chunks if chunk.missed else 0
                last = await feed(circuit, "log", "1000,z\n")
                async for chunk in stream:
                    seen += len(json.loads(chunk.payload or b"[]"))
                    dropped += chunk.missed.chunks if chunk.missed else 0
                    if chunk.step is not None and chunk.step >= last:
                        break

        assert seen + dropped == 151
        assert dropped > 0

    async def test_streams_end_with_the_circuit(self, engine: WarmEngine) -> None:
        async with running(engine) as circuit:
            stream = circuit.subscribe("lines", JSON)
            await anext(stream)
            reading = asyncio.ensure_future(until(stream, 10**9))
            await circuit.stop()

            with pytest.raises(AssertionError, match="ended early"):
                await reading


class TestTransactions:
    async def test_nothing_shows_before_the_commit_and_all_in_one_step_after_it(self, engine: WarmEngine) -> None:
        async with running(engine) as circuit:
            stream = circuit.subscribe("lines", JSON)
            await anext(stream)
            number = await circuit.begin_transaction()
            pushed = [await push(circuit, "log", f"{n},a\n") for n in range(3)]
            with pytest.raises(RequestFailed) as refused:
                await circuit.begin_transaction()
            before = await query(circuit, "SELECT c FROM counted")
            stats = (await circuit.stats())["global"]
            await circuit.commit_transaction()
            steps = {await completion(circuit, p) for p in pushed}
            records = await until(stream, max(steps))
            after = await query(circuit, "SELECT c FROM counted")

        assert refused.value.code == "TransactionInProgress"
        assert (stats["transaction_id"], stats["transaction_status"]) == (number, "TransactionInProgress")
        assert (before, after) == ([{"c": 0}], [{"c": 3}])
        assert len(steps) == 1
        assert len(records) == 3

    async def test_a_commit_needs_a_transaction(self, engine: WarmEngine) -> None:
        async with running(engine) as circuit:
            with pytest.raises(RequestFailed) as refused:
                await circuit.commit_transaction()

        assert refused.value.code == "NoTransactionInProgress"


class TestClock:
    PROGRAM = "CREATE MATERIALIZED VIEW v AS SELECT NOW() AS x;"

    async def test_real_time_goes_on(self, engine: WarmEngine) -> None:
        async with running(engine, self.PROGRAM, clock_resolution_usecs=50_000) as circuit:
            await asyncio.sleep(0.1)
            one = await query(circuit, "SELECT x FROM v")
            await asyncio.sleep(0.15)
            two = await query(circuit, "SELECT x FROM v")
            inputs = (await circuit.stats())["inputs"]

        assert [i["endpoint_name"] for i in inputs] == ["now"]
        assert one[0]["x"] < two[0]["x"]

    async def test_a_driven_clock_moves_when_told(self, engine: WarmEngine) -> None:
        start = "2024-01-01T00:00:00Z"
        async with running(engine, self.PROGRAM, clock_driven=True, clock_start=start) as circuit:
            still = await circuit.advance_clock(0)
            tick = await circuit.advance_clock(None)
            minute = await circuit.advance_clock(60_000)
            await answers(circuit, "SELECT x FROM v", [{"x": "2024-01-01T00:01:01"}])
            with pytest.raises(RequestFailed):
                await circuit.advance_clock(-1)

        assert [still, tick, minute] == [1704067200000, 1704067201000, 1704067261000]

    async def test_a_clock_that_is_not_driven_cannot_be_moved(self, engine: WarmEngine) -> None:
        async with running(engine) as circuit:
            with pytest.raises(RequestFailed, match="now_http_driven"):
                await circuit.advance_clock(1)


class TestEnds:
    async def test_an_expression_without_a_value_stops_the_circuit(self, engine: WarmEngine) -> None:
        program = "CREATE TABLE t (a INT, b INT); CREATE VIEW v AS SELECT a / b AS c FROM t;"
        async with running(engine, program) as circuit:
            await push(circuit, "t", "1,0\n")
            async with asyncio.timeout(5):
                failure = await circuit.ended()
            lines = [line async for line in circuit.logs()]

        assert failure is not None
        assert failure.code == "RuntimeError.WorkerPanic"
        assert any("the circuit stops" in line for line in lines)

    async def test_a_first_step_without_a_value_is_a_start_that_failed(self, engine: WarmEngine) -> None:
        program = "CREATE TABLE t (a INT); CREATE MATERIALIZED VIEW v AS SELECT 1 / COUNT(*) AS c FROM t;"
        with pytest.raises(RequestFailed) as refused:
            async with running(engine, program):
                pass

        assert refused.value.code == "RuntimeError.WorkerPanic"

    async def test_a_killed_circuit_shows_and_the_others_live(self, engine: WarmEngine) -> None:
        async with running(engine) as victim, running(engine) as other:
            os.kill(victim.pid, signal.SIGKILL)
            async with asyncio.timeout(1):
                failure = await victim.ended()
            await feed(other, "log", "1,a\n")

        assert failure is not None and "SIGKILL" in failure.message


class TestStatistics:
    async def test_counters_add_up(self, engine: WarmEngine) -> None:
        async with running(engine) as circuit:
            stream = circuit.subscribe("lines", JSON)
            await anext(stream)
            await feed(circuit, "log", "1,a\n2,b\nx,c\n")
            stats = await circuit.stats()
            profile = await circuit.profile()

        total, inputs, outputs = stats["global"], stats["inputs"], stats["outputs"]
        assert total["state"] == "Running"
        assert total["total_input_records"] == total["total_processed_records"] == total["total_completed_records"] == 2
        assert total["buffered_input_records"] == total["buffered_input_bytes"] == 0
        assert total["total_initiated_steps"] == total["total_completed_steps"]
        assert total["pipeline_complete"]
        assert [i["config"]["stream"] for i in inputs] == ["log"]
        assert inputs[0]["endpoint_name"].startswith("log.api-ingress-")
        assert (inputs[0]["metrics"]["total_records"], inputs[0]["metrics"]["num_parse_errors"]) == (2, 1)
        assert [o["config"]["stream"] for o in outputs] == ["lines"]
        assert outputs[0]["metrics"]["total_processed_steps"] == total["total_completed_steps"]
        assert outputs[0]["metrics"]["transmitted_records"] == 2
        assert profile["operators"]
