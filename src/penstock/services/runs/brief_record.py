"""What is stored of runs that are written as a whole: one row when they have ended, with their steps in it.

Columns: `ended` is `<place>:<state>`, where the place is what the submitter lists runs by; for each place that steps of
the run have in their labels, `part:<place>` is the state those steps ended in, or `mixed`; `expires` is the hour (since
1970) after which the row may go. A run that was accepted and has not ended is a record of kind `run.pending`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec

from penstock.kernel.ids import RunId
from penstock.kernel.instants import from_unix_us, unix_us
from penstock.kernel.query import IndexValue
from penstock.kernel.records import Insert
from penstock.kernel.runs import RunAccepted, RunState, StepRecord
from penstock.kernel.scope import DEFAULT_SCOPE, Scope
from penstock.services.runs.record import RUN_KIND, Run, RunBody

__all__ = [
    "MIXED",
    "PENDING_KIND",
    "accepted_of",
    "columns_of",
    "cut_off",
    "decode_pending",
    "encode_pending",
    "encode_steps",
    "ended_column",
    "expiry_hour",
    "insert_brief",
    "insert_pending",
    "part_column",
    "steps_of",
]

PENDING_KIND: Final = "run.pending"
MIXED: Final = "mixed"
CUT_OFF: Final = "The server was stopped while it worked on this request"


class _Pending(msgspec.Struct):
    """A run that has not ended, whole."""

    id: str
    scope: str
    created_at_us: int
    body: RunBody


_encoder = msgspec.json.Encoder()
_pending_decoder = msgspec.json.Decoder(_Pending)
_steps_decoder = msgspec.json.Decoder(tuple[StepRecord, ...])


def encode_pending(run: Run) -> bytes:
    """Return all there is to know of a run that has not ended."""
    return _encoder.encode(_Pending(run.id, str(run.scope), unix_us(run.created_at), run.body))


def decode_pending(encoded: bytes) -> Run:
    """Read it back. Raises: msgspec.DecodeError."""
    found = _pending_decoder.decode(encoded)
    at = from_unix_us(found.created_at_us)
    return Run(RunId(found.id), Scope.parse(found.scope), None, at, at, found.body)


def insert_pending(run: Run) -> Insert:
    """Return the write that has a run accepted."""
    return Insert(PENDING_KIND, run.id, DEFAULT_SCOPE, None, run.created_at, encode_pending(run))


def insert_brief(run: Run, columns: dict[str, IndexValue]) -> Insert:
    """Return the write that stores a run that has ended; it is listed by when it was made."""
    return Insert(RUN_KIND, run.id, run.scope, None, run.created_at, _encoder.encode(run.body), columns)


def encode_steps(steps: Iterable[StepRecord]) -> msgspec.Raw:
    """Return the stored form of steps."""
    return msgspec.Raw(_encoder.encode(list(steps)))


def steps_of(run: Run) -> tuple[StepRecord, ...]:
    """Return the steps that a stored run has with it."""
    encoded = bytes(run.body.steps)
    return _steps_decoder.decode(encoded) if encoded else ()


def ended_column(place: str, state: RunState) -> str:
    """Return the value of the column `ended`."""
    return f"{place}:{state.value}"


def part_column(place: str) -> str:
    """Return the name of the column of runs that have steps at a place."""
    return f"part:{place}"


def columns_of(run: Run, steps: Iterable[StepRecord]) -> dict[str, IndexValue]:
    """Return the columns of a run that has ended."""
    body = run.body
    columns: dict[str, IndexValue] = {"ended": ended_column(str(body.columns.get("place")), body.state)}
    for record in steps:
        place = record.labels.get("place")
        if isinstance(place, str):
            name, state = part_column(place), record.state.value
            columns[name] = state if columns.get(name, state) == state else MIXED
    if (hour := expiry_hour(run)) is not None:
        columns["expires"] = hour
    return columns


def expiry_hour(run: Run) -> int | None:
    """Return the hour since 1970 after which a run that has ended may go; None if it is kept for ever."""
    if run.body.retention_s is None:
        return None
    ended_us = run.body.finished_at_us or unix_us(run.created_at)
    return int(ended_us // 1_000_000 + run.body.retention_s) // 3600


def accepted_of(run: Run, at: datetime) -> RunAccepted:
    """Return the event by which a run begins, or begins anew."""
    return RunAccepted(unix_us(at), run.body.inputs, run.body.artifacts, run.body.facts)


def cut_off(run: Run, at: datetime) -> Run:
    """Make a run that was under way when the server ended one that has failed."""
    body = run.body
    body.state, body.message, body.finished_at_us = RunState.FAILED, CUT_OFF, unix_us(at)
    run.updated_at = at
    return run
