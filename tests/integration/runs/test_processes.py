"""Graphs of real processes: data passing, failures, cancellation, isolation, logs."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from pathlib import Path

import pytest

from penstock.kernel.expr import Fact, Input, Item, Literal, Output, OutputArtifact, Place, apply, concat
from penstock.kernel.graph import (
    After,
    Body,
    Command,
    FanOut,
    Graph,
    InputFile,
    Nested,
    OutputFile,
    Parameter,
    Step,
)
from penstock.kernel.policies import Cache, Placement, Retry, Timeout
from penstock.kernel.runs import AttemptState, RunState, StepRecord, StepState
from penstock.kernel.scope import DEFAULT_SCOPE
from penstock.services.logs import Logs
from penstock.services.runs.service import Runs
from penstock.services.runs.submission import Submission
from tests.integration.runs.driving import chain, opened, shell


def graph(*steps: Step, **more: object) -> Graph:
    return Graph({"main": Body(steps, **more)})  # type: ignore[arg-type]


async def run(runs: Runs, what: Graph, **given: object) -> dict[str, StepRecord]:
    finished = await runs.submit_and_wait(Submission(DEFAULT_SCOPE, what, "t", **given), 60)  # type: ignore[arg-type]
    records = {record.path: record for record in await runs.steps(finished.id)}
    records["run"] = finished  # type: ignore[assignment]
    return records


async def _last_line(logs: Logs, run_id: str, attempt: str) -> str:
    """The launcher writes it when the command is gone, which nobody waits for."""
    for _ in range(100):
        if lines := [line.text for line in await logs.read(run_id, attempt) if line.stream == "sys"]:
            return lines[-1]
        await asyncio.sleep(0.05)
    return ""


async def test_parameters_and_artifacts_pass_from_step_to_step(tmp_path: Path) -> None:
    produce = Command(
        (Literal("sh"), Literal("-ec"), Literal("echo 41 > /tmp/outputs/n/data; mkdir /tmp/outputs/d/data; "
                                                "echo deep > /tmp/outputs/d/data/file")),
        outputs=(
            OutputFile("n", "/tmp/outputs/n/data", trims_newline=True),
            OutputFile("d", "/tmp/outputs/d/data", is_artifact=True),
        ),
    )  # fmt: skip
    consume = Command(
        (Literal("sh"), Literal("-ec"), concat("cat /tmp/inputs/d/file; echo $((", Input("n"), " + 1)) > $OUT")),
        env={"OUT": Place("outputs", "m")},
        files=(InputFile("d", "/tmp/inputs/d"),),
        outputs=(OutputFile("m", trims_newline=True),),
    )
    steps = (
        Step("a", produce),
        Step("b", consume, (After("a"),), inputs={"n": Output("a", "n")}, artifacts={"d": OutputArtifact("a", "d")}),
    )
    async with opened(tmp_path) as (runs, logs):
        records = await run(runs, graph(*steps, outputs={"m": Output("b", "m")}))

        assert records["run"].state is RunState.SUCCEEDED, records["run"]
        assert records["run"].body.outputs == {"m": "42"}  # type: ignore[attr-defined]
        assert await logs.text(records["run"].id, "b#1") == "deep\n"  # type: ignore[attr-defined]


async def test_a_chain_of_a_hundred_steps_runs_to_its_end(tmp_path: Path) -> None:
    async with opened(tmp_path) as (runs, _):
        await run(runs, graph(Step("warm", shell("true"))))
        records = await run(runs, graph(*chain(100, Command((Literal("true"),)))))

        assert records["run"].state is RunState.SUCCEEDED


async def test_a_loop_over_a_step_s_output_runs_in_parallel_and_collects_in_order(tmp_path: Path) -> None:
    steps = (
        Step("list", shell("echo '[3, 1, 2]' > $OUT_l", "l")),
        Step(
            "each",
            shell("sleep 0.$N; echo $N > $OUT_x", "x", env={"N": apply("text", Input("n"))}),
            (After("list"),),
            fan_out=FanOut(Output("list", "l")),
            inputs={"n": Item()},
        ),
    )
    async with opened(tmp_path) as (runs, _):
        records = await run(runs, graph(*steps))

        assert records["each"].outputs == {"x": ["3", "1", "2"]}


async def test_a_failed_step_says_its_exit_code_and_last_words(tmp_path: Path) -> None:
    async with opened(tmp_path) as (runs, _):
        records = await run(runs, graph(Step("a", shell("echo fine; echo broken >&2; exit 3"))))

        assert records["run"].state is RunState.FAILED
        assert records["a"].message == "exit code 3: broken"
        assert records["a"].attempts[0].exit_code == 3


async def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    async with opened(tmp_path) as (runs, logs):
        records = await run(runs, graph(Step("a", Command((Literal("no-such-program"),)))))

        assert "no-such-program" in (records["a"].message or "")
        assert "no-such-program" in await logs.text(records["run"].id, "a#1")  # type: ignore[attr-defined]


async def test_a_retry_runs_only_the_failed_iteration_again(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    inner = Body(
        (
            Step("first", shell("echo once")),
            Step(
                "second",
                shell(f'if [ "$N" = 2 ] && [ ! -e {mark} ]; then exit 1; fi', env={"N": concat(Input("n"))}),
                (After("first"),),
                inputs={"n": Input("n")},
            ),
        ),
        parameters={"n": Parameter()},
    )
    loop = Step("loop", Nested("inner"), fan_out=FanOut(Literal([1, 2, 3])), inputs={"n": Item()})
    after = Step("after", shell("true"), (After("loop"),))
    what = Graph({"main": Body((loop, after)), "inner": inner})
    async with opened(tmp_path / "data") as (runs, _):
        failed = await runs.submit_and_wait(Submission(DEFAULT_SCOPE, what, "t"), 60)
        assert failed.state is RunState.FAILED
        mark.touch()
        await runs.retry(failed.id)
        done = await runs.wait(failed.id, 60)

        attempts = {record.path: len(record.attempts) for record in await runs.steps(done.id) if record.attempts}
        assert done.state is RunState.SUCCEEDED
        assert attempts == {
            "loop[0]/first": 1, "loop[0]/second": 1, "loop[1]/first": 1, "loop[1]/second": 2, "loop[2]/first": 1,
            "loop[2]/second": 1, "after": 1,
        }  # fmt: skip


async def test_stop_ends_the_run_at_once_kills_the_whole_group_and_runs_the_exit_level(tmp_path: Path) -> None:
    # Found by its odd duration and not by its number: in a sandbox a process has another number.
    seconds = f"1000.{time.time_ns()}"
    what = Graph(
        {
            "main": Body((Step("a", shell(f"sleep {seconds} & trap '' TERM; wait; sleep 1000")),)),
            "exit": Body((Step("say", shell("echo $S > $OUT_s", "s", env={"S": concat(Fact("run.state"))})),)),
        },
        on_exit="exit",
    )
    async with opened(tmp_path / "data") as (runs, logs):
        submitted = await runs.submit(Submission(DEFAULT_SCOPE, what, "t"))
        while not _sleeps(seconds):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        await runs.stop(submitted.id, reason="enough", grace_s=0.5)
        done = await runs.wait(submitted.id, 10)

        assert done.state is RunState.CANCELLED
        records = {record.path: record for record in await runs.steps(done.id)}
        assert records["a"].state is StepState.CANCELLED
        assert records["!/say"].outputs == {"s": "cancelled"}
        for _ in range(100):
            if not _sleeps(seconds):
                break
            await asyncio.sleep(0.05)
        assert not _sleeps(seconds)
        assert (await _last_line(logs, done.id, "a#1")) == "enough"


def _sleeps(seconds: str) -> bool:
    wanted = b"sleep\0" + seconds.encode() + b"\0"
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cmdline").read_bytes() == wanted:
                return True
    return False


async def test_a_deadline_ends_the_attempt_and_is_the_last_line_of_its_log(tmp_path: Path) -> None:
    step = Step("a", shell("echo begun; sleep 100"), timeout=Timeout(attempt_s=0.3, grace_s=0), retry=Retry(1))
    async with opened(tmp_path) as (runs, logs):
        records = await run(runs, graph(step))

        assert records["run"].state is RunState.FAILED
        assert [attempt.state for attempt in records["a"].attempts] == [AttemptState.TIMED_OUT] * 2
        last = await _last_line(logs, records["run"].id, "a#2")  # type: ignore[attr-defined]
        assert "took longer than 0.3 s" in last


async def test_memory_beyond_the_limit_ends_the_attempt_and_is_said(tmp_path: Path) -> None:
    hungry = Command(
        (Literal("python3"), Literal("-c"), Literal("x = b'x' * (200 << 20); import time; time.sleep(60)"))
    )
    async with opened(tmp_path) as (runs, _):
        records = await run(runs, graph(Step("a", hungry, placement=Placement(memory_bytes=100 << 20))))

        assert records["run"].state is RunState.FAILED
        assert "out of memory" in (records["a"].message or "")


async def test_what_a_step_sees_of_its_surroundings_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_OWNER_KEY", "x" * 20)
    program = "import os, sys, json; print(json.dumps([dict(os.environ), sys.prefix, os.getcwd()]))"
    async with opened(tmp_path) as (runs, logs):
        step = Step("a", Command((Literal("python3"), Literal("-c"), Literal(program))))
        records = await run(runs, graph(step))
        text = await logs.text(records["run"].id, "a#1")  # type: ignore[attr-defined]

        assert "PENSTOCK_OWNER_KEY" not in text
        assert str(tmp_path / "execute" / "environments") in text
        assert str(tmp_path / "execute" / "steps") in text


async def test_a_second_run_takes_outputs_over_and_a_changed_one_says_what_differed(tmp_path: Path) -> None:
    def cached(word: str) -> Graph:
        return graph(Step("a", shell("date +%N > $OUT_t", "t"), inputs={"w": Literal(word)}, cache=Cache("p")))

    async with opened(tmp_path) as (runs, _):
        first, second, third = [await run(runs, cached(word)) for word in ("x", "x", "y")]

        assert first["a"].cache_hit is None and second["a"].cache_hit is not None
        assert first["a"].outputs == second["a"].outputs != third["a"].outputs
        why = await runs.why_cached(third["run"].id, "a")  # type: ignore[attr-defined]
        assert [(difference.part, difference.here, difference.there) for difference in why.differences] == [
            ("input w", '"y"', '"x"')
        ]


async def test_followers_of_a_log_see_lines_as_they_are_written(tmp_path: Path) -> None:
    async with opened(tmp_path) as (runs, logs):
        submitted = await runs.submit(
            Submission(DEFAULT_SCOPE, graph(Step("a", shell("echo 1; sleep 1; echo 2"))), "t")
        )
        ended = asyncio.Event()
        seen: list[tuple[float, str]] = []

        async def follow() -> None:
            async for lines in logs.follow(submitted.id, "a#1", ended):
                seen.extend((time.perf_counter(), line.text) for line in lines)

        following = asyncio.create_task(follow())
        await runs.wait(submitted.id, 20)
        ended.set()
        await following

        assert [text for _, text in seen] == ["1", "2"]
        assert seen[1][0] - seen[0][0] > 0.5


async def test_submitting_again_with_the_same_key_gives_the_same_run(tmp_path: Path) -> None:
    what = graph(Step("a", shell("true")))
    async with opened(tmp_path) as (runs, _):
        first, second = await asyncio.gather(
            runs.submit(Submission(DEFAULT_SCOPE, what, "t", key="k")),
            runs.submit(Submission(DEFAULT_SCOPE, what, "t", key="k")),
        )

        assert first.id == second.id
        await runs.wait(first.id, 20)
