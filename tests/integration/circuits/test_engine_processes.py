"""The warm process, its forks and the link to them, with a fake engine."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from penstock.services.circuits.engine import WarmEngine
from penstock.services.circuits.process import Failure, FormatSpec, RequestFailed

COMMAND = (sys.executable, str(Path(__file__).with_name("fake_engine.py")))


@pytest.fixture
async def engine() -> AsyncIterator[WarmEngine]:
    engine = WarmEngine(COMMAND, compile_timeout_s=2.0)
    yield engine
    await engine.close()


async def body(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def gone(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


async def test_a_program_is_compiled_in_a_process_of_its_own(engine: WarmEngine) -> None:
    one, two = await asyncio.gather(engine.compile("abc"), engine.compile("abcd"))

    assert (one.schema["length"], two.schema["length"]) == (3, 4)
    assert one.schema["pid"] != two.schema["pid"]


async def test_a_crash_of_the_compiler_fails_its_request_alone(engine: WarmEngine) -> None:
    with pytest.raises(RequestFailed, match="SIGSEGV") as refused:
        await engine.compile("crash")
    after = await engine.compile("abc")

    assert refused.value.code == "CompilerCrashed"
    assert after.schema["length"] == 3


async def test_a_compilation_that_never_ends_is_ended() -> None:
    engine = WarmEngine(COMMAND, compile_timeout_s=0.5)
    with pytest.raises(RequestFailed) as refused:
        await engine.compile("hang")
    await engine.close()

    assert refused.value.code == "CompilerTimedOut"


async def test_a_body_of_many_pieces_arrives_whole(engine: WarmEngine) -> None:
    circuit = await engine.open("c", "p", {}, paused=False)
    pushed = await circuit.push("t", FormatSpec("json"), body(*[b"y" * 1_000_000] * 7))
    await circuit.stop()

    assert pushed.position == 7_000_000


async def test_a_slow_circuit_slows_the_sender_of_a_body(engine: WarmEngine) -> None:
    circuit = await engine.open("c", "p", {}, paused=False)
    taken = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal taken
        for _ in range(1000):
            taken += 1
            yield b"z" * 100

    pushing = asyncio.ensure_future(circuit.push("slow", FormatSpec("json"), pieces()))
    await asyncio.sleep(0.3)
    seen = taken
    pushing.cancel()
    await circuit.stop()

    assert 0 < seen < 100


async def test_a_refusal_keeps_its_code(engine: WarmEngine) -> None:
    circuit = await engine.open("c", "p", {}, paused=False)
    with pytest.raises(RequestFailed, match="missing") as refused:
        await circuit.push("missing", FormatSpec("json"), body(b"1"))
    await circuit.stop()

    assert refused.value.code == "UnknownInputStream"


async def test_a_circuit_that_cannot_be_built_is_refused_and_gone(engine: WarmEngine) -> None:
    with pytest.raises(RequestFailed) as refused:
        await engine.open("c", "refuse", {}, paused=False)

    assert refused.value.code == "BadConnector"
    assert refused.value.details == {"name": "x"}


async def test_an_unread_subscription_does_not_hold_up_the_others(engine: WarmEngine) -> None:
    circuit = await engine.open("c", "p", {}, paused=False)
    unread = circuit.subscribe("v", FormatSpec("json"))
    first = await anext(unread)
    steps = [chunk.step async for chunk in circuit.subscribe("v", FormatSpec("json"))]
    await circuit.stop()

    assert first.step == 0
    assert steps == list(range(1000))


async def test_a_stopped_circuit_is_gone_and_ended_as_asked(engine: WarmEngine) -> None:
    circuit = await engine.open("c", "p", {}, paused=False)
    await circuit.stop()

    assert gone(circuit.pid)
    assert await circuit.ended() is None
    with pytest.raises(RequestFailed) as refused:
        await circuit.pause()
    assert refused.value.code == "CircuitEnded"


async def test_a_killed_circuit_shows_as_failed_and_the_others_live(engine: WarmEngine) -> None:
    victim = await engine.open("c", "p", {}, paused=False)
    other = await engine.open("d", "p", {}, paused=False)
    os.kill(victim.pid, signal.SIGKILL)
    async with asyncio.timeout(1):
        failure = await victim.ended()
    pushed = await other.push("t", FormatSpec("json"), body(b"ab"))
    await other.stop()

    assert failure is not None and "SIGKILL" in failure.message
    assert pushed.position == 2


async def test_a_failure_is_told_before_the_process_ends(engine: WarmEngine) -> None:
    circuit = await engine.open("c", "p", {}, paused=False)
    with pytest.raises(RequestFailed):
        await circuit.profile()

    assert await circuit.ended() == Failure("RuntimeError.WorkerPanic", "division by zero")
    assert [line async for line in circuit.logs()] == ["built"]


async def test_a_killed_warm_process_takes_its_circuits_along_and_is_replaced(engine: WarmEngine) -> None:
    circuit = await engine.open("c", "p", {}, paused=False)
    first = engine.pid
    os.kill(first, signal.SIGKILL)
    async with asyncio.timeout(3):
        failure = await circuit.ended()
    after = await engine.compile("abc")

    assert failure is not None
    assert after.schema["length"] == 3
    assert engine.pid != first


def test_nothing_outlives_a_server_that_is_killed() -> None:
    program = (
        "import asyncio, sys\n"
        "from penstock.services.circuits.engine import WarmEngine\n"
        "async def main():\n"
        f"    engine = WarmEngine({COMMAND!r})\n"
        "    circuit = await engine.open('c', 'p', {}, paused=False)\n"
        "    print(engine.pid, circuit.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    server = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    pids = [int(word) for word in server.stdout.readline().split()]
    server.kill()
    server.wait()
    server.stdout.close()
    deadline = time.monotonic() + 5
    while not all(map(gone, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)

    assert len(pids) == 2
    assert all(map(gone, pids))
