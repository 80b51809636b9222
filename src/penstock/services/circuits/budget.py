"""Keeps the memory of a circuit's process near a limit, by putting cold state on disk, and says how near it is.

What counts is memory of the process's own: it cannot be taken back by the system, whereas pages of files, spilled state
among them, can. It is looked at between the operators of a step, at most every few milliseconds.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from penstock.data.spilling import Spill

__all__ = ["Budget"]

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_MB = 1_000_000
_PRESSURES = ((0.95, "critical"), (0.90, "high"), (0.85, "moderate"), (0.0, "low"))
"""Source: documentation of the setting `max_rss_mb`; there, too, state goes to disk from `moderate` on."""
_FULL, _ENOUGH = 0.85, 0.80
_LEAST_ROOM_BYTES = 32 * _MB
_INTERVAL_S = 0.02


class Budget:
    """The memory of one circuit.

    Attributes:
        pressure: low, moderate, high or critical. epoch: how often it became high or critical.
        spilled_bytes: state that lies on disk, checkpoints aside; what was changed since is in memory, too.

    limit_bytes: None for no limit. directory: for state that is put on disk; None: none is.
    least_bytes: state structures smaller than this stay in memory.
    """

    def __init__(
        self, limit_bytes: int | None, directory: Path | None, least_bytes: int | None, log: Callable[[str], None]
    ) -> None:
        self._limit_bytes = limit_bytes
        self._log = log
        self._next_s = 0.0
        self._reached_bytes = 0
        self._is_told = False
        self.pressure = "low"
        self.epoch = 0
        self.spilled_bytes = 0
        self._spill: Spill | None = None
        if limit_bytes is None:
            return
        if directory is None or sys.platform != "linux":
            why = "its storage is off" if directory is None else "this system cannot"
            log(f"WARN memory is limited to {limit_bytes / _MB:,.0f} MB, but no state goes to disk: {why}")
            return
        directory.mkdir(parents=True, exist_ok=True)
        self._spill = Spill(directory) if least_bytes is None else Spill(directory, least_bytes)

    @staticmethod
    def of(settings: Mapping[str, Any], directory: Path | None, log: Callable[[str], None]) -> Budget:
        """Read the settings of a circuit."""
        limit_mb = settings.get("max_memory_mb")
        return Budget(limit_mb * _MB if limit_mb else None, directory, settings.get("min_spill_bytes"), log)

    def watch(self) -> None:
        """Put state on disk if it is time; on the stepping thread, while no operator runs. Raises: SpillFailed."""
        if self._limit_bytes is None:
            return
        now_s = time.monotonic()
        if now_s < self._next_s:
            return
        own_bytes = self.look()
        if self._spill is not None and own_bytes > max(_FULL * self._limit_bytes, self._reached_bytes):
            self._free(self._spill, own_bytes, self._limit_bytes)
        self._next_s = time.monotonic() + _INTERVAL_S

    def look(self) -> int:
        """Note how near the limit is, from any thread; returns how much memory is taken."""
        own_bytes = _own_bytes()
        if self._limit_bytes is not None:
            share = own_bytes / self._limit_bytes
            pressure = next(name for least, name in _PRESSURES if share >= least)
            if pressure != self.pressure and pressure in ("high", "critical"):
                self.epoch += 1
            self.pressure = pressure
        return own_bytes

    def _free(self, spill: Spill, own_bytes: int, limit_bytes: int) -> None:
        goal_bytes = int(_ENOUGH * limit_bytes)
        freed = spill.free(own_bytes - goal_bytes)
        self.spilled_bytes = spill.spilled_bytes()
        if own_bytes - freed <= goal_bytes:
            self._reached_bytes = 0
            return
        # The rest is not state: leave some room before looking for state again, or each step would write all of it.
        self._reached_bytes = own_bytes - freed + _LEAST_ROOM_BYTES
        if not self._is_told:
            self._is_told = True
            rest = f"{(own_bytes - freed) / _MB:,.0f} MB of memory that is not state, or is needed all the time"
            self._log(f"WARN the circuit takes {rest}; its limit of {limit_bytes / _MB:,.0f} MB is too low")


def _own_bytes() -> int:
    """Return the memory of this process that is neither a file's nor shared memory."""
    with open("/proc/self/statm") as file:
        _, resident, of_files, *_ = file.read().split()
    return (int(resident) - int(of_files)) * _PAGE_BYTES
