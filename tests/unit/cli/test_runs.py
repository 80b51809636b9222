"""How a run is drawn and written."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

from rich.console import Console

from penstock.cli.runs.text import counted, duration, markdown, progress
from penstock.cli.runs.tree import View, draw

START = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat()


def step(path: str, state: str = "succeeded", kind: str = "leaf", **more: Any) -> dict[str, Any]:
    parent, _, name = path.rpartition("/")
    made = {"path": path, "name": name, "kind": kind, "state": state} | ({"parent": parent} if parent else {})
    return made | ({"started_at": at(0), "finished_at": at(2)} if state in ("succeeded", "failed") else {}) | more


def iterations(count: int, **states: str) -> list[dict[str, Any]]:
    found = [step("loop", "running", "group")]
    for index in range(count):
        state = states.get(f"i{index}", "succeeded")
        found.append(step(f"loop[{index}]", state, parent="loop", index=index, item=index))
    return found


def detail(*steps: dict[str, Any], state: str = "running", **run: Any) -> dict[str, Any]:
    return {"run": {"id": "01-2", "name": "mine", "state": state, "started_at": at(0), **run}, "steps": list(steps)}


def drawn(shown: dict[str, Any], *, lines: int = 40, is_whole: bool = False, after_s: float = 10) -> str:
    console = Console(file=StringIO(), width=100, force_terminal=False)
    console.print(draw(shown, View(START + timedelta(seconds=after_s), lines, is_whole)))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_steps_are_drawn_behind_those_they_wait_for() -> None:
    picture = drawn(detail(step("b", "waiting", after=["a"]), step("a", "running", started_at=at(4))))

    assert picture.index("a  running  6.0 s") < picture.index("b  waiting  after a")


def test_steps_that_wait_for_each_other_are_drawn_all_the_same() -> None:
    picture = drawn(detail(step("a", "waiting", after=["b"]), step("b", "waiting", after=["a"])))

    assert "a  waiting  after b" in picture
    assert "b  waiting  after a" in picture


def test_of_a_long_loop_what_failed_and_runs_is_drawn_and_the_rest_is_counted() -> None:
    picture = drawn(detail(*iterations(100, i7="failed", i50="running", i99="waiting")))

    assert "loop  running" in picture
    assert "98 more iterations: 97 succeeded, 1 waiting" in picture
    assert "7: 7  failed" in picture
    assert "50: 50  running" in picture
    assert len(picture.splitlines()) < 10


def test_everything_is_drawn_if_that_is_wanted_or_fits() -> None:
    for options in ({"is_whole": True}, {"lines": 200}):
        assert len(drawn(detail(*iterations(100)), **options).splitlines()) > 100  # type: ignore[arg-type]


def test_a_finished_part_is_folded_when_there_is_no_room() -> None:
    steps = [step("part", kind="level"), *(step(f"part/{n}", parent="part") for n in range(9))]
    picture = drawn(detail(*steps), lines=5)

    assert "9 steps: 9 succeeded" in picture


def test_recursion_is_drawn_to_a_depth() -> None:
    path, steps = "", []
    for _ in range(300):
        path = f"{path}/again" if path else "again"
        steps.append(step(path, "running", "level"))

    assert len(drawn(detail(*steps)).splitlines()) < 20


def test_the_reason_of_a_failure_is_told_once_where_it_happened() -> None:
    steps = [step("part", "failed", "level", message="step x"), step("part/x", "failed", message="exit code 3: [no]")]
    picture = drawn(detail(*steps, state="failed"))

    assert picture.count("exit code 3: [no]") == 1
    assert "step x" not in picture


def test_progress_counts_steps_that_do_work_and_guesses_the_rest() -> None:
    shown = detail(step("a"), step("b", "running"), step("part", "running", "level"), step("c", "waiting"))
    done, total = counted(shown)

    assert (done, total) == (1, 3)
    text = progress(shown["run"], done, total, START + timedelta(seconds=10))
    assert text == "1/3 steps, 10.0 s, about 20.0 s to go"


def test_markdown_keeps_its_table_whatever_a_message_says() -> None:
    lines = list(markdown(detail(step("a", "failed", message="one | two\nthree"), state="failed", created_at=at(0))))

    assert lines[0] == "# mine"
    assert lines[-1] == "| a | failed | 2.0 s |  |  | one \\| two three |"


def test_durations_are_written_for_people() -> None:
    assert [duration(seconds) for seconds in (0.04, 59.94, 125, 3725)] == ["0.0 s", "59.9 s", "2:05", "1:02:05"]
