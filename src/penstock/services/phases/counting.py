"""What is told of a phase while it runs: records by stage and port, time, lines of the log. Bounded: sums only."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable

__all__ = ["Counting"]

REPORT_EVERY_S = 0.2


class Counting:
    """Counts by (stage, name); reported from time to time, and at the end.

    report: takes all counts as {stage: {name: value}}. Safe from several threads.
    """

    def __init__(self, report: Callable[[dict[str, dict[str, int]]], None]) -> None:
        self._report = report
        self._lock = threading.Lock()
        self._counts: dict[str, Counter[str]] = {}
        self._next = time.monotonic() + REPORT_EVERY_S

    def add(self, stage: str, name: str, count: int) -> None:
        """Add to a count."""
        with self._lock:
            self._counts.setdefault(stage, Counter())[name] += count

    def tell(self, *, is_last: bool = False) -> None:
        """Report if it is time to."""
        now = time.monotonic()
        if is_last or now >= self._next:
            self._next = now + REPORT_EVERY_S
            self._report(self.all())

    def all(self) -> dict[str, dict[str, int]]:
        """Return all counts."""
        with self._lock:
            return {stage: dict(counts) for stage, counts in self._counts.items()}
