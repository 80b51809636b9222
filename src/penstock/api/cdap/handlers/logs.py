"""Logs of runs: as lines of text or as objects, whole or in pages."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, Final

import msgspec
from starlette.responses import Response

from penstock.api.cdap.entities import program_of
from penstock.api.cdap.handlers.programs import run_and_phase
from penstock.api.cdap.history import runs_of_program, runs_where
from penstock.api.cdap.journal import Entry, entries_of, filter_of, json_of, text_of
from penstock.api.shared.call import Call
from penstock.api.shared.parameters import flag, integer
from penstock.api.shared.streams import stream
from penstock.kernel.errors import Invalid
from penstock.services.runs.record import Run

__all__ = ["keep_levels", "next_page", "of_program", "of_run", "page", "previous_page", "sent"]

TEXT, JSON = "text/plain; charset=utf-8", "application/json"
MOST_RUNS: Final = 100
PAGE: Final = 50


async def of_run(call: Call) -> Response:
    """Send the log of a run."""
    _, run, _ = await run_and_phase(call)
    return sent(call, [run])


async def of_program(call: Call) -> Response:
    """Send the logs of a program's latest runs, the oldest first."""
    program = await program_of(call)
    where = runs_of_program(program.app, program.type, program.name)
    runs = await runs_where(call.services, program.place.scope, where, limit=MOST_RUNS)
    return sent(call, list(reversed(runs)))


async def next_page(call: Call) -> Response:
    """Send the entries of a run's log that follow an offset."""
    _, run, _ = await run_and_phase(call)
    return await page(call, run, is_next=True)


async def previous_page(call: Call) -> Response:
    """Send the entries of a run's log that come before an offset."""
    _, run, _ = await run_and_phase(call)
    return await page(call, run, is_next=False)


async def keep_levels(call: Call, body: object) -> None:
    """Accept levels of loggers for a run: everything that is written is kept in any case."""
    await run_and_phase(call)


async def page(call: Call, run: Run, *, is_next: bool) -> Response:
    """Send the entries of a run's log that follow an offset, or come before it."""
    most = integer(call.query, "max", PAGE, least=1, most=10_000)
    from_text = call.query.get("fromOffset", "")
    index = _index(from_text)
    found = [(n, entry) async for n, entry in _numbered(_selected(call, [run]))]
    if is_next:
        chosen = [each for each in found if index is None or each[0] > index][:most]
    else:
        chosen = [each for each in found if index is None or each[0] < index][-most:]
    if _is_json(call):
        suppressed = _suppressed(call)
        shown = [{"log": json_of(entry, suppressed), "offset": _offset(n, entry)} for n, entry in chosen]
        return Response(msgspec.json.encode(shown), media_type=JSON)
    escapes = flag(call.query, "escape", True)
    rows = [{"log": text_of(entry, escapes), "offset": _offset(n, entry)} for n, entry in chosen]
    return Response(msgspec.json.encode(rows), media_type=JSON)


def sent(call: Call, runs: list[Run]) -> Response:
    """Send the logs of runs, whole."""
    entries = _selected(call, runs)
    if _is_json(call):
        return stream(_as_json(entries, _suppressed(call)), JSON)
    return stream(_as_text(entries, flag(call.query, "escape", True)), TEXT)


def _selected(call: Call, runs: list[Run]) -> AsyncIterator[Entry]:
    is_wanted = filter_of(call.query.get("filter"))
    start_us = integer(call.query, "start", 0, least=-(1 << 40)) * 1_000_000
    stop_us = integer(call.query, "stop", 1 << 40) * 1_000_000

    async def selected() -> AsyncIterator[Entry]:
        for run in runs:
            async for entry in entries_of(call.services, run):
                if start_us <= entry.at_us < stop_us and is_wanted(entry):
                    yield entry

    return selected()


async def _as_text(entries: AsyncIterator[Entry], escapes: bool) -> AsyncGenerator[bytes, None]:
    async for batch in _batches(entries):
        yield "".join(text_of(entry, escapes) for entry in batch).encode()


async def _as_json(entries: AsyncIterator[Entry], suppressed: tuple[str, ...]) -> AsyncGenerator[bytes, None]:
    before = b"["
    async for batch in _batches(entries):
        yield before + b",".join(msgspec.json.encode(json_of(entry, suppressed)) for entry in batch)
        before = b","
    yield b"[]" if before == b"[" else b"]"


async def _batches(entries: AsyncIterator[Entry]) -> AsyncIterator[list[Entry]]:
    batch: list[Entry] = []
    async for entry in entries:
        batch.append(entry)
        if len(batch) == 500:
            yield batch
            batch = []
    if batch:
        yield batch


async def _numbered(entries: AsyncIterator[Entry]) -> AsyncIterator[tuple[int, Entry]]:
    n = 0
    async for entry in entries:
        yield n, entry
        n += 1


def _offset(n: int, entry: Entry) -> str:
    return f"{n}.{entry.at_us // 1000}"


def _index(text: str) -> int | None:
    number = text.partition(".")[0]
    if not number or number == "-1":
        return None
    if not number.isdecimal():
        raise Invalid(f"Invalid offset '{text}'; it must be one that a page had")
    return int(number)


def _is_json(call: Call) -> bool:
    kind = call.query.get("format", "text").lower()
    if kind not in ("text", "json"):
        raise Invalid(f"Invalid log format '{kind}'; it must be text or json")
    return kind == "json"


def _suppressed(call: Call) -> tuple[str, ...]:
    names: list[Any] = []
    for key in ("suppress", "fieldsToSuppress"):
        for value in call.query.getlist(key):
            names.extend(value.split(","))
    return tuple(names)
