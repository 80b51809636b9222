"""Feeding, following and asking, over an engine in memory."""

import asyncio
import gzip
import io
import json
import zipfile
from collections.abc import AsyncIterator

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.integration.feldera.conftest import Server, until
from tests.integration.feldera.test_lifecycle import PROGRAM, code


async def started(server: Server, initial: str = "running", program: str = PROGRAM) -> None:
    await server.make(program=program)
    await server.act(f"start?initial={initial}")


async def feed(server: Server, *rows: object, table: str = "t", query: str = "format=json") -> httpx.Response:
    return await server.act(f"ingress/{table}?{query}", content="".join(json.dumps(row) + "\n" for row in rows))


async def follow(
    server: Server, path: str = "egress/v?format=json", **options: object
) -> AsyncIterator[dict[str, object]]:
    async with server.client.stream("POST", f"/v0/pipelines/p/{path}", **options) as reply:  # type: ignore[arg-type]
        assert reply.status_code == 200
        assert reply.headers["content-type"] == "application/json"
        async for line in reply.aiter_lines():
            yield json.loads(line)


async def test_what_is_fed_can_be_asked_for_and_its_token_completes(server: Server) -> None:
    await started(server)

    reply = await feed(server, {"x": 1}, {"x": 2}, table="T")

    assert reply.status_code == 200
    token = reply.json()["token"]
    status = await server.call("GET", "/pipelines/p/completion_status", params={"token": token})
    assert status.json() == {"status": "complete", "step": 1}
    rows = await server.call("GET", "/pipelines/p/query", params={"sql": "SELECT * FROM v", "format": "json"})
    assert [json.loads(line) for line in rows.text.splitlines()] == [{"x": 1}, {"x": 2}]


async def test_a_paused_pipeline_holds_a_body_back_unless_it_is_forced(server: Server) -> None:
    await started(server, "paused")
    waiting = asyncio.create_task(feed(server, {"x": 1}))
    assert (await feed(server, {"x": 2}, query="format=json&force=true")).status_code == 200
    await asyncio.sleep(0.05)
    assert not waiting.done()

    await server.act("resume")

    assert (await waiting).status_code == 200


async def test_bad_rows_are_named_and_counted(server: Server) -> None:
    await started(server)

    reply = await server.act("ingress/t?format=json", content=b'{"x": 1}\nnonsense\n{"x": 2}\nrubbish\n')

    assert code(reply) == (400, "ParseErrors")
    assert "Errors parsing input data (2 errors)" in reply.json()["message"]
    assert reply.json()["details"]["num_errors"] == 2
    assert [error["event_number"] for error in reply.json()["details"]["errors"]] == [2, 4]


async def test_refusals_of_the_circuit_keep_their_codes(server: Server) -> None:
    await server.make(program=PROGRAM)
    assert code(await feed(server, {})) == (503, "PipelineInteractionNotDeployed")
    assert (await feed(server, {})).headers["retry-after"] == "5"
    assert code(await server.act("egress/v")) == (503, "PipelineInteractionNotDeployed")
    assert code(await server.call("GET", "/pipelines/p/stats")) == (503, "PipelineInteractionNotDeployed")
    assert code(await server.call("GET", "/pipelines/q/stats")) == (404, "UnknownPipelineName")

    await server.act("start")
    assert code(await feed(server, {}, table="v")) == (404, "UnknownInputStream")
    assert code(await feed(server, {}, query="format=yaml")) == (400, "UnknownInputFormat")
    assert code(await feed(server, {}, query="force=maybe")) == (400, "InvalidParam")
    assert code(await server.act("egress/nothing")) == (404, "UnknownOutputStream")
    assert code(await server.call("GET", "/pipelines/p/query?sql=SELECT+1+FROM+t")) == (400, "AdHocQueryError")
    assert code(await server.call("GET", "/pipelines/p/query")) == (400, "MissingUrlEncodedParam")
    assert code(await server.call("GET", "/pipelines/p/query?sql=x&format=xml")) == (400, "InvalidParam")
    assert code(await server.call("GET", "/pipelines/p/metrics?format=xml")) == (400, "InvalidParam")


async def test_a_token_of_another_start_is_gone_and_rubbish_is_refused(server: Server) -> None:
    await started(server)
    token = (await feed(server, {"x": 1})).json()["token"]
    await server.act("stop?force=true")
    await server.act("start")

    async def ask(text: str) -> tuple[int, str]:
        return code(await server.call("GET", "/pipelines/p/completion_status", params={"token": text}))

    assert await ask(token) == (410, "PipelineRestarted")
    assert await ask("rubbish") == (400, "InvalidParam")
    assert code(await server.call("GET", "/pipelines/p/completion_status")) == (400, "MissingUrlEncodedParam")


async def test_a_follower_gets_an_empty_chunk_at_once_then_changes_then_the_end(server: Server) -> None:
    await started(server, "paused")
    lines = follow(server)

    first = await asyncio.wait_for(anext(lines), 1)

    assert first == {"sequence_number": 0, "snapshot": False, "json_data": [], "processed_steps": 0}
    await server.act("resume")
    await feed(server, {"x": 7})
    second = await asyncio.wait_for(anext(lines), 1)
    assert second == {
        "sequence_number": 1,
        "snapshot": False,
        "json_data": [{"insert": {"x": 7}}],
        "processed_steps": 1,
    }
    await server.act("stop?force=true")
    assert [line async for line in lines] == []
    assert (await server.show())["deployment_status"] == "Stopped"


async def test_the_body_may_describe_the_subscription(server: Server) -> None:
    await started(server)
    await feed(server, {"x": 1})
    body = {
        "transport": {"name": "http_output", "config": {"backpressure": True, "send_snapshot": True}},
        "format": {"name": "json", "config": {"array": True}},
    }

    lines = follow(server, "egress/v", json=body)

    assert (await anext(lines))["json_data"] == []
    assert await anext(lines) == {"sequence_number": 1, "snapshot": True, "json_data": [{"insert": {"x": 1}}]}
    assert code(await server.act("egress/v?format=json", json=body)) == (400, "InvalidParam")
    body["format"]["config"] = {"array": False}
    assert code(await server.act("egress/v", json=body)) == (400, "InvalidParam")


async def test_a_follower_that_leaves_frees_its_subscription(server: Server) -> None:
    await started(server)
    async with server.client.stream("POST", "/v0/pipelines/p/egress/v?format=json") as reply:
        await anext(reply.aiter_lines())
        assert len(server.engine.circuits[0].subscribers) == 1

    await until(lambda: not server.engine.circuits[0].subscribers)


async def test_a_hundred_followers_all_get_a_change(server: Server) -> None:
    await started(server)

    async def second_chunk() -> object:
        lines = follow(server)
        await anext(lines)
        chunk = await anext(lines)
        await lines.aclose()  # type: ignore[attr-defined]
        return chunk["json_data"]

    server.client.timeout = httpx.Timeout(20)
    tasks = [asyncio.create_task(second_chunk()) for _ in range(90)]
    await until(lambda: len(server.engine.circuits[0].subscribers) == 90)
    await feed(server, {"x": 1})

    assert await asyncio.gather(*tasks) == [[{"insert": {"x": 1}}]] * 90


async def test_a_query_over_a_socket(server: Server) -> None:
    await started(server)
    await feed(server, {"x": 1}, {"x": 2})
    address = server.url.replace("http", "ws") + "/v0/pipelines/p/query"

    async with connect(address, subprotocols=["feldera-ws-v1"]) as socket:  # type: ignore[list-item]
        for _ in range(3):
            await socket.send(json.dumps({"sql": "SELECT * FROM v", "format": "json"}))
            messages = [str(await socket.recv()) for _ in range(3)]
            assert [json.loads(message) for message in messages[:2]] == [{"x": 1}, {"x": 2}]
            assert messages[2] == ""
        await socket.send(json.dumps({"sql": "SELECT * FROM v", "format": "text"}))
        assert [str(await socket.recv()).count("\n") for _ in range(2)] == [2, 0]
        await server.act("stop?force=true")
        await socket.send(json.dumps({"sql": "SELECT * FROM v"}))
        assert json.loads(await socket.recv())["error_code"] == "PipelineInteractionNotDeployed"
    await server.act("start")
    await server.settled("Running")
    async with connect(address.replace("/p/", "/nobody/")) as socket:
        assert json.loads(await socket.recv())["error_code"] == "UnknownPipelineName"
    async with connect(address) as socket:
        await socket.send(json.dumps({"sql": "SELECT * FROM nothing"}))
        assert json.loads(await socket.recv())["error_code"] == "AdHocQueryError"


@pytest.mark.parametrize(
    ("message", "refused_with"),
    [
        ("", "AdHocQueryError"),
        ("[]", "AdHocQueryError"),
        ("{", "AdHocQueryError"),
        ("[" * 5000, "AdHocQueryError"),
        (b"\xff", "AdHocQueryError"),
        ('{"sql": 1}', "AdHocQueryError"),
        ('{"sql": "SELECT", "format": []}', "InvalidParam"),
        (b'{"sql": "SELECT * FROM nothing"}', "AdHocQueryError"),
    ],
)
async def test_an_odd_message_on_the_socket_is_answered_and_the_socket_closed(
    server: Server, message: str | bytes, refused_with: str
) -> None:
    await started(server)

    async with connect(server.url.replace("http", "ws") + "/v0/pipelines/p/query") as socket:
        await socket.send(message)
        shown = json.loads(await socket.recv())
        await socket.wait_closed()

    assert (set(shown), shown["error_code"]) == ({"message", "error_code", "details"}, refused_with)
    assert socket.close_code == 1011


async def test_counters_and_metrics(server: Server) -> None:
    await started(server)
    await feed(server, {"x": 1})

    stats = (await server.call("GET", "/pipelines/p/stats")).json()

    assert set(stats) == {
        "global_metrics",
        "inputs",
        "outputs",
        "suspend_error",
        "permanent_checkpoint_errors",
        "checkpoint_activity",
    }
    assert stats["global_metrics"]["state"] == "Running"
    assert stats["global_metrics"]["total_input_records"] == 1
    assert stats["global_metrics"]["incarnation_uuid"] == (await server.show())["deployment_id"]
    text = await server.call("GET", "/pipelines/p/metrics")
    assert text.headers["content-type"] == "text/plain"
    assert "# TYPE records_processed_total counter\n" in text.text
    assert 'input_connector_errors_parse_total{pipeline="p",pipeline_id=' in text.text
    assert "records_processed_total" in {
        family["key"] for family in (await server.call("GET", "/pipelines/p/metrics?format=json")).json()
    }
    assert (await server.call("GET", "/metrics")).text.count("# TYPE records_processed_total counter") == 1
    connector = await server.call("GET", '/pipelines/p/tables/"t"/connectors/c/stats')
    assert connector.json()["endpoint_name"] == "t.c"


async def test_errors_of_connectors_are_counted_in_the_status(server: Server) -> None:
    await started(server)
    circuit = (server.circuits.list(next(iter(server.circuits._scopes))))[0]
    await until(lambda: bool(server.circuits.samples(circuit)))

    details = (await server.show(selector="status"))["deployment_runtime_status_details"]

    assert details == {"connector_stats": {"num_errors": 2}}
    assert (await server.show(selector="status_with_connectors"))["connectors"] == {"num_errors": 2}
    series = (await server.call("GET", "/pipelines/p/time_series")).json()
    assert set(series["samples"][0]) == {"t", "r", "m", "s"}


async def test_transactions_and_the_clock(server: Server) -> None:
    await started(server)

    assert (await server.act("start_transaction")).json() == {"transaction_id": 1}
    assert code(await server.act("start_transaction")) == (409, "TransactionInProgress")
    assert (await server.act("commit_transaction")).status_code == 200
    assert code(await server.act("commit_transaction")) == (400, "NoTransactionInProgress")
    assert (await server.act("clock/advance", json={"delta_ms": 500})).json() == {
        "now_ms": 1000500,
        "now": "1970-01-01T00:16:40.500000Z",
    }
    assert (await server.act("clock/advance", content=b"null")).json()["now_ms"] == 1001000
    assert code(await server.act("clock/advance", json={"delta_ms": -1})) == (400, "InvalidParam")


async def test_connectors_are_steered_by_name(server: Server) -> None:
    await started(server)

    assert (await server.act("tables/t/connectors/c/pause")).status_code == 200
    assert code(await server.act("tables/t/connectors/c/explode")) == (400, "InvalidConnectorAction")
    assert code(await server.act("tables/t/connectors/d/start")) == (404, "UnknownInputEndpoint")
    assert code(await server.act("views/v/connectors/d/start")) == (404, "UnknownOutputEndpoint")


async def test_log_lines_are_there_before_the_start_and_go_on(server: Server) -> None:
    await server.make(program=PROGRAM)
    async with server.client.stream("GET", "/v0/pipelines/p/logs") as reply:
        assert reply.headers["content-type"] == "text/plain; charset=utf-8"
        lines = reply.aiter_lines()
        assert "Fresh start of pipeline logs" in await anext(lines)
        await server.act("start")
        async with asyncio.timeout(2):
            while "circuit says hello" not in await anext(lines):
                pass
        epoch = reply.headers["feldera-logs-epoch"]
    async with server.client.stream("GET", f"/v0/pipelines/p/logs?cursor={epoch}:2") as reply:
        assert [reply.headers[f"feldera-logs-{name}"] for name in ("epoch", "seq", "gap")] == [epoch, "2", "0"]
    assert code(await server.call("GET", "/pipelines/p/logs?cursor=here")) == (400, "InvalidParam")
    assert code(await server.call("GET", "/pipelines/q/logs")) == (404, "UnknownPipelineName")


async def test_profiles_and_the_bundle(server: Server) -> None:
    await started(server)

    shown = await server.call("GET", "/pipelines/p/circuit_json_profile")
    assert shown.headers["transfer-encoding"] == "chunked"
    assert "map1" in shown.json()["worker_profiles"][0]["metadata"]
    archive = await server.call("GET", "/pipelines/p/circuit_profile")
    assert zipfile.ZipFile(io.BytesIO(archive.content)).namelist() == ["profile.json"]
    bundle = await server.call("GET", "/pipelines/p/support_bundle?logs=false")
    names = zipfile.ZipFile(io.BytesIO(bundle.content)).namelist()
    assert {"metadata.txt", "metadata.json"} < set(names)
    kept = {name.partition("/")[2] for name in names if "/" in name}
    assert {"circuit_profile.json", "heap_profile.pb.gz"} <= kept
    heap = await server.call("GET", "/pipelines/p/heap_profile")
    assert heap.headers["content-type"] == "application/protobuf"
    assert b"operators" in gzip.decompress(heap.content)
    assert "logs.txt" not in kept
    assert code(await server.call("GET", "/pipelines/p/support_bundle?logs=maybe")) == (
        400,
        "InvalidSupportBundleParameter",
    )


async def test_validating_and_comparing_programs(server: Server) -> None:
    await server.make(program=PROGRAM)

    right = (await server.call("POST", "/validate_program", json={"program_code": PROGRAM})).json()
    assert [relation["name"] for relation in right["Success"]["program_info"]["schema"]["inputs"]] == ["t"]
    wrong = (await server.call("POST", "/validate_program", json={"program_code": "blah"})).json()
    assert wrong["SqlError"]["info"]["exit_code"] == 1
    crash = (await server.call("POST", "/validate_program", json={"program_code": "CRASH"})).json()
    assert crash == {"SystemError": {"error": "the compiler was ended by SIGSEGV"}}
    changed = await server.act("diff", json={"program_code": "CREATE TABLE u(x INT)"})
    assert changed.json()["program_diff"]["added_tables"] == ["u"]
    assert changed.json()["program_diff"]["removed_views"] == ["v"]
    assert code(await server.act("diff", json={"program_code": "blah"})) == (400, "InvalidNewProgramSql")


@pytest.mark.parametrize("path", ["/v0/config", "/v0/pipelines"])
async def test_a_server_with_an_owner_key_wants_it(path: str) -> None:
    server = Server(owner_key="secret")
    await server.start()
    try:
        assert code(await server.client.get(path)) == (401, "InvalidApiKey")
        assert (await server.client.get("/healthz")).status_code == 200
        assert (await server.client.get("/config/authentication")).json() == {}
        owner = {"Authorization": "Bearer secret"}
        assert (await server.client.get(path, headers=owner)).status_code == 200
        made = await server.client.post("/v0/api_keys", json={"name": "r", "role": "read"}, headers=owner)
        reader = {"Authorization": f"Bearer {made.json()['api_key']}"}
        assert (await server.client.get(path, headers=reader)).status_code == 200
        body = {"name": "p", "program_code": ""}
        refused = await server.client.post("/v0/pipelines", json=body, headers=reader)
        assert code(refused) == (403, "InsufficientPermissions")
    finally:
        await server.stop()


async def test_the_configuration_warms_the_engine(server: Server) -> None:
    assert (await server.call("GET", "/config")).json()["edition"] == "Enterprise"

    assert server.engine.warmed == 1
