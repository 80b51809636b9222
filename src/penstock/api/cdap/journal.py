"""A run's log: what this dialect says of its life, and what its steps wrote, in one order.

A line of a step is its level, its stage (`-` if it is none's) and its message, between tabs. Anything else is a message
of level INFO.
"""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from penstock.api.cdap.history import Face, face_of, status_of_run
from penstock.api.cdap.runids import starting_us
from penstock.kernel.errors import Invalid
from penstock.kernel.runs import RunState, StepRecord
from penstock.services.runs.record import Run
from penstock.services.services import Services

__all__ = ["Entry", "entries_of", "filter_of", "json_of", "text_of"]

LEVELS: Final = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR")
_LINE: Final = re.compile(r"(?P<level>TRACE|DEBUG|INFO|WARN|ERROR)\t(?P<stage>[^\t]*)\t(?P<message>.*)", re.DOTALL)
_LOGGER: Final = "io.cdap.cdap.datapipeline.SmartWorkflow"
_PAGE: Final = 1000


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line. logger: what speaks, as a class's whole name. mdc: what it is about, by name."""

    at_us: int
    level: str
    message: str
    logger: str = _LOGGER
    thread: str = "main"
    mdc: dict[str, str]


async def entries_of(services: Services, run: Run) -> AsyncIterator[Entry]:
    """Yield the log of a run from its beginning."""
    face = face_of(run)
    mdc = _mdc(run, face)
    for entry in _beginning(run, face, mdc):
        yield entry
    for step, attempt in _attempts(await services.runs.steps(run.id)):
        async for entry in _written(services, run.id, attempt, step, mdc):
            yield entry
    for entry in _end(run, face, mdc):
        yield entry


def text_of(entry: Entry, escapes: bool) -> str:
    """Write an entry as one line of text."""
    at = datetime.fromtimestamp(entry.at_us / 1e6, UTC)
    stamp = f"{at:%Y-%m-%d %H:%M:%S},{at.microsecond // 1000:03d}"
    line = f"{stamp} - {entry.level:<5} [{entry.thread}:{entry.logger}@0] - {entry.message}"
    return (html.escape(line) if escapes else line) + "\n"


def json_of(entry: Entry, suppressed: Sequence[str] = ()) -> dict[str, Any]:
    """Show an entry as an object, without those of its members."""
    shown: dict[str, Any] = {
        "timestamp": entry.at_us // 1000,
        "logLevel": entry.level,
        "threadName": entry.thread,
        "className": entry.logger,
        "simpleClassName": entry.logger.rpartition(".")[2],
        "lineNumber": 0,
        "message": entry.message,
        "stackTrace": "",
        "loggerName": entry.logger,
        "mdc": entry.mdc,
    }
    return {key: value for key, value in shown.items() if key not in suppressed}


def filter_of(text: str | None) -> Callable[[Entry], bool]:
    """Read a filter: `logLevel=WARN`, `MDC:eventType=lifecycle`, joined by either AND or OR. Raises: Invalid."""
    if not text:
        return lambda entry: True
    is_any = re.search(r"\s+OR\s+", text, re.IGNORECASE) is not None
    parts = re.split(r"\s+(?:OR|AND)\s+", text.strip(), flags=re.IGNORECASE)
    if is_any and re.search(r"\s+AND\s+", text, re.IGNORECASE):
        raise Invalid(f"Invalid filter '{text}': AND and OR cannot be mixed")
    tests = [_test(part, text) for part in parts]
    if is_any:
        return lambda entry: any(test(entry) for test in tests)
    return lambda entry: all(test(entry) for test in tests)


def _test(part: str, whole: str) -> Callable[[Entry], bool]:
    name, equals, value = (each.strip() for each in part.partition("="))
    if not equals or not name:
        raise Invalid(f"Invalid filter '{whole}': an expression is '<name>=<value>'")
    if name.lower() == "loglevel":
        if value.upper() not in LEVELS:
            raise Invalid(f"Invalid filter '{whole}': '{value}' is no log level; there are {', '.join(LEVELS)}")
        return lambda entry: entry.level == value.upper()
    if name.upper().startswith("MDC:"):
        key = name[4:]
        return lambda entry: entry.mdc.get(key) == value
    if name.lower() == "loggername":
        return lambda entry: entry.logger == value
    raise Invalid(f"Invalid filter '{whole}': '{name}' is neither logLevel, loggerName nor MDC:<key>")


def _mdc(run: Run, face: Face) -> dict[str, str]:
    return {
        ".namespaceId": face.namespace,
        ".applicationId": face.app,
        ".programId" if face.type != "WORKFLOW" else ".workflowId": face.program,
        ".runId": run.id,
        ".userId": face.started_by,
    }


def _beginning(run: Run, face: Face, mdc: dict[str, str]) -> list[Entry]:
    life = {**mdc, "eventType": "lifecycle"}
    by = f"by '{face.started_by}' " if face.started_by else ""
    found = [
        Entry(
            at_us=starting_us(run.id),
            level="INFO",
            message=f"Pipeline '{face.app}' is started {by}with arguments {face.arguments}",
            mdc=life,
        )
    ]
    if run.body.started_at_us is not None:
        found.append(
            Entry(at_us=run.body.started_at_us, level="INFO", message=f"Pipeline '{face.app}' running", mdc=life)
        )
    return found


def _end(run: Run, face: Face, mdc: dict[str, str]) -> list[Entry]:
    at_us = run.body.finished_at_us
    if not run.state.is_final or at_us is None:
        return []
    life = {**mdc, "eventType": "lifecycle"}
    if run.state is RunState.SUCCEEDED:
        return [Entry(at_us=at_us, level="INFO", message=f"Pipeline '{face.app}' succeeded.", mdc=life)]
    found = []
    is_failure = run.state is not RunState.CANCELLED
    level = "ERROR" if is_failure else "INFO"
    if run.body.message:
        found.append(Entry(at_us=at_us, level=level, message=run.body.message, mdc=mdc))
    word = "failed" if is_failure else status_of_run(run).lower()
    return [*found, Entry(at_us=at_us, level=level, message=f"Pipeline '{face.app}' {word}.", mdc=life)]


def _attempts(steps: Sequence[StepRecord]) -> list[tuple[StepRecord, str]]:
    found = [(attempt.launched_at_us, step, attempt.id) for step in steps for attempt in step.attempts]
    return [(step, id) for _, step, id in sorted(found, key=lambda each: each[0])]


async def _written(
    services: Services, run_id: str, attempt: str, step: StepRecord, mdc: dict[str, str]
) -> AsyncIterator[Entry]:
    position = 0
    while lines := await services.logs.read(run_id, attempt, after=position, limit=_PAGE):
        for line in lines:
            yield _entry(line.at_us, line.text, step, mdc)
        position = lines[-1].end


def _entry(at_us: int, text: str, step: StepRecord, mdc: dict[str, str]) -> Entry:
    found = _LINE.fullmatch(text)
    if found is None:
        return Entry(at_us=at_us, level="INFO", message=text, thread=step.name, mdc=mdc)
    stage = found["stage"]
    about = {**mdc, "pipeline.stage": stage} if stage != "-" else mdc
    return Entry(at_us=at_us, level=found["level"], message=found["message"], thread=step.name, mdc=about)
