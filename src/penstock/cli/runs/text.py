"""A run in words: times, progress, Markdown. Pure, but for the clock that is handed in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

__all__ = ["FINAL", "counted", "duration", "markdown", "progress", "took"]

FINAL: Final = ("succeeded", "failed", "errored", "cancelled", "rejected")
ENDED: Final = ("succeeded", "skipped", "omitted", "failed", "errored", "cancelled")
MESSAGE_CHARS: Final = 300


def duration(seconds: float) -> str:
    """Say how long something took: `3.4 s`, `2:05`, `1:02:05`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def took(thing: dict[str, Any], now: datetime | None = None) -> str:
    """Say how long a run or step took, or has taken until now; nothing if it has not begun."""
    started = thing.get("started_at") or thing.get("ready_at")
    if not started:
        return ""
    finished = thing.get("finished_at")
    if finished is None and now is None:
        return "…"
    end = datetime.fromisoformat(finished) if finished else now
    assert end is not None, "one of them is there"
    return duration(max(0.0, (end - datetime.fromisoformat(started)).total_seconds()))


def counted(detail: dict[str, Any]) -> tuple[int, int]:
    """Return how many steps that do work have ended, and how many are known so far: a loop may bring more."""
    leaves = [step for step in detail.get("steps", []) if step["kind"] == "leaf"]
    return sum("finished_at" in step or step["state"] in ENDED for step in leaves), len(leaves)


def progress(run: dict[str, Any], done: int, total: int, now: datetime) -> str:
    """Say how many steps are done, how long it has taken, and when the rest may be, as far as those done tell."""
    parts = [f"{done}/{total} steps"] if total else []
    if spent := took(run, now):
        parts.append(spent)
    if run["state"] == "running" and run.get("started_at") and 0 < done < total:
        elapsed_s = (now - datetime.fromisoformat(run["started_at"])).total_seconds()
        parts.append(f"about {duration(elapsed_s / done * (total - done))} to go")
    return ", ".join(parts)


def markdown(detail: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a run as a Markdown document."""
    run = detail["run"]
    yield f"# {run['name']}"
    yield ""
    spent = took(run)
    yield f"{run['state']}; run `{run['id']}`, created {run['created_at']}" + (f", took {spent}." if spent else ".")
    if run.get("message"):
        yield ""
        yield _cell(run["message"])
    for side in ("inputs", "outputs"):
        if detail.get(side):
            yield from ("", f"| {side[:-1]} | value |", "|---|---|")
            yield from (f"| {_cell(name)} | {_cell(value)} |" for name, value in detail[side].items())
    yield from ("", "| step | state | took | attempts | after | message |", "|---|---|---|---|---|---|")
    for step in detail.get("steps", []):
        after = ", ".join(path.rpartition("/")[2] for path in step.get("after", []))
        cells = (step["path"], step["state"], took(step), len(step.get("attempts", [])) or "", after)
        yield "| " + " | ".join(_cell(each) for each in (*cells, step.get("message", ""))) + " |"


def _cell(value: object) -> str:
    text = str(value).replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
    return text if len(text) <= MESSAGE_CHARS else text[: MESSAGE_CHARS - 1] + "…"
