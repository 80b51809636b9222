"""Maximal groups of neighbouring stages over whole inputs, each of them one circuit."""

from __future__ import annotations

from typing import Protocol

import pyarrow as pa

from penstock.services.phases.kit import PhaseKit
from penstock.services.phases.planning import Planned

__all__ = ["Region", "find_regions"]


class Region(Protocol):
    """A group of stages that run as one. stages: their names, each after those it takes from."""

    stages: tuple[str, ...]

    def open(self) -> None:
        """Build the circuit."""
        ...

    def push(self, stage: str, sender: str, batch: pa.RecordBatch) -> list[tuple[str, pa.RecordBatch]]:
        """Take a batch that comes into a stage from outside; return what leaves the region, and which stage."""
        ...

    def end(self, stage: str, sender: str) -> list[tuple[str, pa.RecordBatch]]:
        """Take the end of such an input."""
        ...

    def take_counts(self) -> dict[str, dict[str, int]]:
        """Return what went in and out of stages since the last time, but for what came from outside."""
        ...

    def take_ended(self) -> list[str]:
        """Return the stages that give nothing more, each once."""
        ...


def find_regions(planned: Planned, kit: PhaseKit, memory_bytes: int | None) -> list[Region]:
    """Return the regions of a flow."""
    return []
