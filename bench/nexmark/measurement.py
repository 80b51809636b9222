"""What one run of one peer on one query is remembered by; the same record for every peer."""

import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Ticks:
    """How long the steps of a run took, in milliseconds; `longest_at` is the step's number, from 0."""

    count: int
    median_ms: float
    p99_ms: float
    longest_ms: float
    longest_at: int


def summarise(durations_ns: list[int]) -> Ticks:
    """Reduce the durations of all steps (nanoseconds, at least one) to the figures that are kept."""
    durations_ms = np.array(durations_ns, dtype=np.int64) / 1e6
    return Ticks(
        count=len(durations_ms),
        median_ms=round(float(np.median(durations_ms)), 4),
        p99_ms=round(float(np.percentile(durations_ms, 99)), 4),
        longest_ms=round(float(durations_ms.max()), 4),
        longest_at=int(durations_ms.argmax()),
    )


@dataclass(frozen=True, slots=True)
class Measurement:
    """One run. Sizes are in bytes; `seconds` covers reading, parsing and keeping the view current, not start-up.

    `step` is the number of events per step, None where the peer chooses for itself. `stopped_at` is the event at
    which a run that took too long was ended: its rate holds for the events before it only. `failure` says why there
    is no figure. `hottest` are the operators that took longest, with their seconds. `cpu_seconds` is the processor time
    of the whole process while the clock ran, `circuit_cpu_seconds` that of the circuit's thread in its steps: figures
    that other programs on the machine hardly change.
    """

    peer: str
    query: str
    step: int | None
    event_count: int
    seconds: float | None = None
    ticks: Ticks | None = None
    circuit_seconds: float | None = None
    cpu_seconds: float | None = None
    circuit_cpu_seconds: float | None = None
    start_seconds: float | None = None
    rss_start_bytes: int | None = None
    rss_peak_bytes: int | None = None
    state_rows: int | None = None
    hottest: tuple[tuple[str, float], ...] = ()
    out_rows: int | None = None
    stopped_at: int | None = None
    failure: str | None = None

    def events_per_second(self) -> float | None:
        """Give the throughput: all events of the streams (also those the query never touches) per second."""
        if not self.seconds:
            return None
        return (self.stopped_at or self.event_count) / self.seconds

    def bytes_per_row(self) -> float | None:
        """Give the memory that the run added, per row of state kept at its end."""
        if not self.state_rows or self.rss_peak_bytes is None or self.rss_start_bytes is None:
            return None
        return (self.rss_peak_bytes - self.rss_start_bytes) / self.state_rows


def encode(record: Any) -> str:
    """Write a measurement, or any other flat dataclass, as one line of JSON."""
    return json.dumps(asdict(record))


def decode(line: str) -> Measurement:
    """Read back what `encode` wrote of a measurement."""
    fields: dict[str, Any] = json.loads(line)
    ticks = fields.pop("ticks")
    hottest = tuple((title, seconds) for title, seconds in fields.pop("hottest"))
    return Measurement(**fields, hottest=hottest, ticks=Ticks(**ticks) if ticks else None)
