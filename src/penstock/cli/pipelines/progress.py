"""Waiting for a pipeline, and saying meanwhile what is waited for and how far it is."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Final

from rich.console import Console

from penstock.cli.pipelines.server import Server
from penstock.kernel.errors import NotFound, PenstockError, WrongState

__all__ = ["LOOK_EVERY_S", "counted", "until", "until_taken_in"]

LOOK_EVERY_S: Final = 0.1
_COUNT_EVERY_S: Final = 0.5


def until(server: Server, name: str, label: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Look until something holds. Raises: WrongState if the pipeline was removed meanwhile."""
    console = Console(stderr=True, highlight=False)
    with console.status(f"{name}: {label}") as status:
        counted_at = time.monotonic()
        try:
            while not holds(shown := server.show(name)):
                time.sleep(LOOK_EVERY_S)
                if console.is_terminal and time.monotonic() - counted_at > _COUNT_EVERY_S:
                    status.update(": ".join((name, ", ".join(filter(None, (label, counted(server, name)))))))
                    counted_at = time.monotonic()
        except NotFound:
            raise WrongState(f"pipeline {name!r} was deleted meanwhile") from None
    return shown


def until_taken_in(server: Server, name: str) -> None:
    """Wait until inputs that end have ended and all that came in is processed."""

    def is_over(shown: dict[str, Any]) -> bool:
        if shown["deployment_status"] in ("Stopped", "Stopping"):
            return True
        stats = server.stats(name)
        return stats is not None and bool(stats["global_metrics"]["pipeline_complete"])

    shown = until(server, name, "taking in", is_over)
    if shown["deployment_status"] in ("Stopped", "Stopping"):
        error = shown["deployment_error"]
        raise WrongState(f"{name} stopped" + (f": {error['message']}" if error else ""))
    print(f"{name}: {counted(server, name)}", file=sys.stderr)


def counted(server: Server, name: str) -> str:
    """Say in numbers how far a pipeline is; nothing if it does not answer."""
    try:
        stats = server.stats(name)
    except PenstockError:
        return ""
    if stats is None:
        return ""
    totals = stats["global_metrics"]
    parts = [f"{totals['total_processed_records']:,} rows processed"]
    if totals["buffered_input_records"]:
        parts.append(f"{totals['buffered_input_records']:,} waiting")
    if stats["checkpoint_activity"]["status"] != "idle":
        parts.append(f"writing a checkpoint of {totals['rss_bytes'] / 1e6:,.0f} MB of memory")
    return ", ".join(parts)
