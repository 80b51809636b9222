"""Stopping, suspending and resuming runs, and noting when that was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from penstock.kernel.errors import Invalid, WrongState
from penstock.kernel.instants import unix_us
from penstock.kernel.runs import RunState
from penstock.services.runs.record import Run
from penstock.services.services import Services

__all__ = ["graceful", "resume_run", "stop_run", "suspend_run"]

PROMPT_S: Final = 1.0
"""How long work may take to end when a run is stopped without further words."""
FOREVER_S: Final = 366 * 86_400.0
"""As good as waiting for ever."""


def graceful(query: Mapping[str, str]) -> float | None:
    """Return how many seconds a stop may take, if the client says so; an empty text means as long as it takes.

    Raises: Invalid.
    """
    text = query.get("graceful")
    if text is None:
        return None
    if not text:
        return FOREVER_S
    if not text.isascii() or not text.isdecimal():
        raise Invalid(f"Invalid graceful shutdown period '{text}'; it must be a number of seconds, 0 or more")
    return min(float(text), FOREVER_S)


async def stop_run(services: Services, run: Run, grace_s: float | None = None) -> None:
    """Have a run stop; a run that ended meanwhile is left as it is."""
    now_us = unix_us(services.clock.now())
    try:
        noted: dict[str, Any] = {"stopping_us": now_us}
        if grace_s is not None and grace_s < FOREVER_S:
            noted["terminate_us"] = now_us + round(grace_s * 1e6)
        if run.state is not RunState.QUEUED:
            await services.runs.amend(run.id, labels=noted)
        await services.runs.stop(run.id, reason="stopped by a user", grace_s=PROMPT_S if grace_s is None else grace_s)
    except WrongState:
        return


async def suspend_run(services: Services, run: Run) -> None:
    """Have a run begin no further step. Raises: WrongState."""
    await services.runs.suspend(run.id)
    await services.runs.amend(run.id, labels={"suspended_us": unix_us(services.clock.now())})


async def resume_run(services: Services, run: Run) -> None:
    """Let a suspended run go on. Raises: WrongState."""
    await services.runs.resume(run.id)
    await services.runs.amend(run.id, labels={"resumed_us": unix_us(services.clock.now())})
