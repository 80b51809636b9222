"""Runs as the native API sends them. Instants are RFC 3339 in UTC; what has not happened is left out."""

import msgspec

from penstock.kernel.values import Value

__all__ = ["Attempt", "CacheAnswer", "CachePart", "RunDetail", "RunList", "RunRow", "StepRow"]


class RunRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A run as a row of a list.

    Attributes:
        origin: the dialect that submitted it.
        state: a word of `kernel.runs.RunState`.
        done_count, step_count: steps that have ended, and all that are known so far.
        scope: whose it is.
    """

    id: str
    name: str
    origin: str
    state: str
    scope: str
    created_at: str
    scheduled_at: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    done_count: int = 0
    step_count: int = 0
    message: str | None = None


class RunList(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A page of runs, the newest first. next_page_token: gives the page after it; left out on the last one."""

    runs: list[RunRow]
    total_count: int
    next_page_token: str | None = None


class Attempt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One attempt of a step. number counts from 1."""

    number: int
    state: str
    launched_at: str
    started_at: str | None = None
    finished_at: str | None = None
    exit_code: int | None = None
    message: str | None = None


class StepRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A step of a run.

    Attributes:
        path: its address in the run, which logs and `why cached` take. parent: that of the group or level it is in.
        name: what people call it. kind: `leaf`, `group` (a loop) or `level` (a sub-graph).
        after: paths of the steps it waits for.
        index, item: which iteration of its group it is.
        taken_over_from: run and path of the step whose outputs the cache gave.
        artifacts: what it left, by name: size, digest, type, metadata.
    """

    path: str
    name: str
    kind: str
    state: str
    parent: str | None = None
    after: list[str] = []
    index: int | None = None
    item: Value = None
    ready_at: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    message: str | None = None
    taken_over_from: str | None = None
    attempts: list[Attempt] = []
    inputs: dict[str, Value] = {}
    outputs: dict[str, Value] = {}
    artifacts: dict[str, Value] = {}


class RunDetail(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A run with its steps, parents first, in the order of the graph."""

    run: RunRow
    inputs: dict[str, Value] = {}
    outputs: dict[str, Value] = {}
    steps: list[StepRow] = []


class CachePart(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a cache key. there: that of the nearest earlier step; is_same: whether they are equal."""

    name: str
    here: str | None
    there: str | None
    is_same: bool


class CacheAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a step was, or was not, taken over from an earlier one.

    Attributes:
        key: what was looked up; left out if the cache was not asked. parts: what the key was made of.
        other_run, other_step: where it was taken from; for a miss, the nearest earlier step.
    """

    run: str
    step: str
    is_hit: bool
    reason: str
    key: str | None = None
    other_run: str | None = None
    other_step: str | None = None
    parts: list[CachePart] = []
