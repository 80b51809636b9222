"""States, refusals and recovery, over an engine in memory."""

import asyncio
from typing import Any

import pytest

from penstock.kernel.errors import Unavailable
from penstock.kernel.records import Replace, Write
from tests.integration.feldera.conftest import Server

PROGRAM = "CREATE TABLE t(x INT); CREATE MATERIALIZED VIEW v AS SELECT * FROM t"


def code(reply: Any) -> tuple[int, str]:
    body = reply.json()
    assert set(body) == {"message", "error_code", "details"}
    return reply.status_code, body["error_code"]


async def test_the_history_tells_every_state_from_creation_to_clearing(server: Server) -> None:
    await server.make(program=PROGRAM)
    await server.act("start?initial=running")
    await server.act("stop?force=true")
    await server.act("clear")

    events = (await server.call("GET", "/pipelines/p/events")).json()[::-1]

    seen = [
        (
            e["deployment_resources_status"],
            e["deployment_resources_desired_status"],
            e["deployment_runtime_status"],
            e["deployment_runtime_desired_status"],
            e["program_status"],
            e["storage_status"],
        )
        for e in events
    ]
    assert seen == [
        ("Stopped", "Stopped", None, None, "Pending", "Cleared"),
        ("Stopped", "Stopped", None, None, "CompilingSql", "Cleared"),
        ("Stopped", "Stopped", None, None, "SqlCompiled", "Cleared"),
        ("Stopped", "Stopped", None, None, "CompilingRust", "Cleared"),
        ("Stopped", "Stopped", None, None, "Success", "Cleared"),
        ("Stopped", "Provisioned", None, None, "Success", "Cleared"),
        ("Provisioning", "Provisioned", None, None, "Success", "InUse"),
        ("Provisioned", "Provisioned", "Initializing", "Running", "Success", "InUse"),
        ("Provisioned", "Provisioned", "Running", "Running", "Success", "InUse"),
        ("Provisioned", "Stopped", "Running", "Running", "Success", "InUse"),
        ("Stopping", "Stopped", None, None, "Success", "InUse"),
        ("Stopped", "Stopped", None, None, "Success", "InUse"),
        ("Stopped", "Stopped", None, None, "Success", "Clearing"),
        ("Stopped", "Stopped", None, None, "Success", "Cleared"),
    ]
    assert (await server.call("GET", "/pipelines/p/events/latest")).json() == events[-1]
    assert (await server.call("GET", f"/pipelines/p/events/{events[3]['event_id']}")).json() == events[3]
    unknown = "00000000-0000-7000-8000-000000000000"
    assert code(await server.call("GET", f"/pipelines/p/events/{unknown}")) == (404, "UnknownPipelineMonitorEvent")
    assert code(await server.call("GET", "/pipelines/p/events/x")) == (400, "InvalidUuidParam")


async def test_the_key_sets_of_the_selectors_are_exact(server: Server) -> None:
    reply = await server.make(program=PROGRAM)

    assert len(await server.show()) == 40
    assert len(await server.show(selector="status")) == 33
    assert set(await server.show(selector="status_with_connectors")) - set(await server.show(selector="status")) == {
        "connectors"
    }
    assert set(await server.show()) - set(reply) == {"bootstrap_policy", "silent_bootstrap", "concurrent_bootstrap"}


async def test_a_start_sets_and_a_stop_clears_what_belongs_to_the_deployment(server: Server) -> None:
    await server.make(program=PROGRAM)

    reply = await server.act("start?initial=paused&bootstrap_policy=allow")

    assert reply.status_code == 202
    up = await server.show()
    assert (up["deployment_status"], up["deployment_desired_status"]) == ("Paused", "Paused")
    assert (up["deployment_initial"], up["bootstrap_policy"], up["storage_status"]) == ("Paused", "allow", "InUse")
    assert up["deployment_id"]
    await server.act("stop?force=true")
    down = await server.show()
    assert (down["deployment_status"], down["deployment_desired_status"]) == ("Stopped", "Stopped")
    assert [down[key] for key in ("deployment_id", "deployment_initial", "bootstrap_policy")] == [None] * 3
    assert [down[key] for key in down if key.startswith("deployment_runtime")] == [None] * 5
    assert down["storage_status"] == "InUse"


async def test_pausing_and_resuming(server: Server) -> None:
    await server.make(program=PROGRAM)
    assert code(await server.act("pause")) == (400, "PauseWhileNotProvisioned")
    assert code(await server.act("resume")) == (400, "ResumeWhileNotProvisioned")

    await server.act("start")
    assert (await server.act("pause")).status_code == 202
    assert (await server.show())["deployment_status"] == "Paused"
    assert (await server.act("resume")).status_code == 202
    assert (await server.show())["deployment_status"] == "Running"


async def test_a_bare_start_of_a_paused_pipeline_resumes_it(server: Server) -> None:
    await server.make(program=PROGRAM)
    await server.act("start?initial=paused")

    assert (await server.act("start")).status_code == 202

    assert (await server.show())["deployment_status"] == "Running"


async def test_starting_twice_is_refused_only_with_other_parameters(server: Server) -> None:
    await server.make(program=PROGRAM)
    await server.act("start?initial=running&bootstrap_policy=allow")

    assert (await server.act("start?initial=running&bootstrap_policy=allow")).status_code == 202
    assert code(await server.act("start?initial=paused&bootstrap_policy=allow")) == (
        400,
        "InitialImmutableUnlessStopped",
    )
    assert code(await server.act("start?initial=running&bootstrap_policy=reject")) == (
        400,
        "BootstrapPolicyImmutableUnlessStopped",
    )


async def test_bad_start_parameters(server: Server) -> None:
    await server.make(program=PROGRAM)

    assert code(await server.act("start?initial=sideways")) == (405, "UnsupportedPipelineAction")
    assert code(await server.act("start?initial=standby")) == (400, "InitialStandbyNotAllowed")
    assert code(await server.act("start?silent_bootstrap=true&concurrent_bootstrap=true")) == (
        400,
        "InvalidBootstrapConfig",
    )


async def test_an_early_start_waits_for_the_compiler(server: Server) -> None:
    server.engine.gate.clear()
    await server.make(program=PROGRAM)
    assert (await server.act("start")).status_code == 202
    waiting = await server.show()
    assert (waiting["deployment_status"], waiting["deployment_desired_status"]) == ("Stopped", "Running")
    assert waiting["deployment_resources_desired_status"] == "Provisioned"

    server.engine.gate.set()
    await server.settled("Running")


async def test_an_early_start_of_a_wrong_program_ends_with_an_error(server: Server) -> None:
    server.engine.gate.clear()
    await server.make(program="SELECT blah")
    await server.act("start")
    server.engine.gate.set()
    await asyncio.sleep(0.05)
    shown = await server.show()

    assert shown["deployment_error"]["error_code"] == "StartFailedDueToFailedCompilation"  # type: ignore[index]
    assert (shown["deployment_status"], shown["deployment_desired_status"]) == ("Stopped", "Stopped")
    assert code(await server.act("start")) == (400, "CannotStartWithCompilationError")


async def test_an_early_start_can_be_stopped(server: Server) -> None:
    server.engine.gate.clear()
    await server.make(program=PROGRAM)
    await server.act("start")

    assert (await server.act("stop?force=true")).status_code == 202

    server.engine.gate.set()
    await asyncio.sleep(0.05)
    shown = await server.show()
    assert (shown["deployment_status"], shown["deployment_desired_status"]) == ("Stopped", "Stopped")
    assert server.engine.circuits == []


async def test_a_stop_while_the_process_is_being_made_ends_stopped(server: Server) -> None:
    await server.make(program=PROGRAM)
    server.engine.door.clear()
    await server.act("start")
    assert (await server.show())["deployment_status"] == "Provisioning"
    assert code(await server.act("pause")) == (400, "PauseWhileNotProvisioned")
    assert code(await server.act("clear")) == (400, "StorageStatusImmutableUnlessStopped")

    await server.act("stop?force=true")

    await server.settled("Stopped")
    assert (await server.show())["deployment_error"] is None


async def test_the_free_edition_has_no_checkpoints(free_server: Server) -> None:
    server = free_server
    await server.make(program=PROGRAM)

    assert (await server.call("GET", "/config")).json()["edition"] == "Open source"
    assert code(await server.act("stop")) == (501, "EnterpriseFeature")
    assert code(await server.act("checkpoint")) == (501, "EnterpriseFeature")
    assert code(await server.act("activate")) == (501, "EnterpriseFeature")
    tolerant = {"name": "q", "program_code": PROGRAM, "runtime_config": {"fault_tolerance": {}}}
    assert code(await server.call("POST", "/pipelines", json=tolerant)) == (501, "EnterpriseFeature")


async def test_a_stop_by_force_overtakes_one_that_waits_for_a_checkpoint(server: Server) -> None:
    await server.make(program=PROGRAM)
    await server.act("start")
    await server.settled("Running")
    server.engine.circuits[0].may_suspend.clear()
    await server.act("stop?force=false")
    before = (await server.show())["deployment_status"]

    await server.act("stop?force=true")

    assert before == "Running"
    await server.settled("Stopped")


async def test_stopping_is_always_accepted(server: Server) -> None:
    await server.make(program=PROGRAM)
    for _ in range(2):
        assert (await server.act("stop?force=true", content=b"null")).status_code == 202
    await server.act("start?initial=paused")
    for _ in range(2):
        assert (await server.act("stop?force=true")).status_code == 202
    assert (await server.show())["deployment_status"] == "Stopped"


async def test_clearing_deleting_and_editing_are_tied_to_states(server: Server) -> None:
    await server.make(program=PROGRAM)
    await server.act("start")
    assert code(await server.act("clear")) == (400, "StorageStatusImmutableUnlessStopped")
    assert code(await server.call("DELETE", "/pipelines/p")) == (400, "DeleteRestrictedToFullyStopped")
    assert code(await server.call("PATCH", "/pipelines/p", json={"program_code": ""})) == (
        400,
        "UpdateRestrictedToStopped",
    )
    assert (await server.call("PATCH", "/pipelines/p", json={"description": "d", "tags": ["a"]})).status_code == 200

    await server.act("stop?force=true")
    assert code(await server.call("DELETE", "/pipelines/p")) == (400, "DeleteRestrictedToClearedStorage")
    config = dict((await server.show())["runtime_config"]) | {"workers": 3}  # type: ignore[call-overload]
    reply = await server.call("PATCH", "/pipelines/p", json={"runtime_config": config})
    assert code(reply) == (400, "EditRestrictedToClearedStorage")
    assert reply.json()["details"]["not_allowed"] == ["`runtime_config.workers`"]

    assert (await server.act("clear")).status_code == 202
    assert (await server.act("clear")).status_code == 202
    assert (await server.show())["storage_status"] == "Cleared"
    assert (await server.call("PATCH", "/pipelines/p", json={"runtime_config": config})).status_code == 200
    assert (await server.call("DELETE", "/pipelines/p")).status_code == 200
    assert code(await server.call("GET", "/pipelines/p")) == (404, "UnknownPipelineName")


async def test_a_killed_circuit_shows_why_and_can_be_started_again(server: Server) -> None:
    await server.make(program=PROGRAM)
    await server.act("start")
    server.engine.circuits[0].kill()
    await server.settled("Stopped")

    shown = await server.show()
    assert shown["deployment_error"]["error_code"] == "RuntimeError.ProcessKilled"  # type: ignore[index]
    assert shown["deployment_desired_status"] == "Stopped"
    assert code(await server.act("start?dismiss_error=false")) == (400, "CannotStartWithUndismissedError")
    await server.act("stop?force=true")
    assert (await server.show())["deployment_error"] == shown["deployment_error"]
    assert (await server.act("dismiss_error")).status_code == 200
    assert (await server.show())["deployment_error"] is None
    assert (await server.act("start?dismiss_error=false")).status_code == 202
    assert (await server.show())["deployment_status"] == "Running"
    assert (await server.act("dismiss_error")).status_code == 200


async def test_a_circuit_that_cannot_be_opened_shows_its_own_code(server: Server) -> None:
    await server.make(program=PROGRAM + "; -- BADCONNECTOR")
    await server.act("start")
    await server.settled("Stopped")

    error = (await server.show())["deployment_error"]

    assert error == {"message": "the connector has no path", "error_code": "InvalidTransportConfig", "details": {}}


async def test_a_crash_of_the_compiler_is_a_system_error(server: Server) -> None:
    await server.make(program="CRASH")

    shown = await server.show()

    assert shown["program_status"] == "SystemError"
    assert shown["program_error"]["system_error"] == "the compiler was ended by SIGSEGV"  # type: ignore[index]


async def test_after_a_crash_of_the_server_nothing_is_lost_and_nothing_is_stuck(server: Server) -> None:
    await server.make("up", PROGRAM, description="kept")
    await server.make("down", PROGRAM)
    await server.act("start", "up")
    before = await server.show("down")
    await server.restart()

    assert await server.show("down") == before
    up = await server.show("up")
    assert (up["deployment_status"], up["deployment_desired_status"]) == ("Stopped", "Stopped")
    assert up["deployment_error"]["error_code"] == "ServerEnded"  # type: ignore[index]
    assert (up["description"], up["storage_status"], up["program_status"]) == ("kept", "InUse", "Success")
    await server.act("start", "up")
    assert (await server.show("up"))["deployment_status"] == "Running"


async def test_a_compilation_cut_by_a_crash_is_taken_up_again(server: Server) -> None:
    server.engine.gate.clear()
    await server.make("p", PROGRAM)
    await server.act("start")
    assert (await server.show())["program_status"] == "CompilingSql"
    await server.restart()

    await server.settled("Running")
    assert (await server.show())["program_status"] == "Success"


async def test_a_start_whose_outcome_cannot_be_stored_is_given_up(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    await server.make(program=PROGRAM)
    commit, failures = server.store.commit, [Unavailable("the disk is gone")]

    async def failing(*writes: Write) -> tuple[int, ...]:
        if failures and any(isinstance(write, Replace) and b'"state":"running"' in write.body for write in writes):
            raise failures.pop()
        return await commit(*writes)

    monkeypatch.setattr(server.store, "commit", failing)
    await server.act("start")

    shown = await server.settled("Stopped")
    assert shown["deployment_error"]["error_code"] == "InternalError"  # type: ignore[index]
    assert server.engine.circuits[0]._end.done()
    await server.act("start")
    assert (await server.show())["deployment_status"] == "Running"


async def test_an_edit_during_a_compilation_is_compiled_afterwards(server: Server) -> None:
    server.engine.gate.clear()
    await server.make(program=PROGRAM)
    await server.call("PATCH", "/pipelines/p", json={"program_code": "SELECT blah"})
    server.engine.gate.set()
    async with asyncio.timeout(3):
        while (shown := await server.show())["program_status"] not in ("Success", "SqlError"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    assert shown["program_status"] == "SqlError"
    assert (shown["program_version"], server.engine.compiled) == (2, 2)
