"""The conversation with the process of one script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from penstock.ports.transform import Surroundings, TransformFailed
from penstock.transform.scripts.process import Process

__all__ = ["Session"]

_WORKER: Final = Path(__file__).with_name("worker.py")

RECORD_LIMIT_S: Final = 300.0
"""Processor time for one record, after which a script is taken to loop for ever."""
SILENCE_LIMIT_S: Final = 3600.0
"""Time without any answer for one batch, however long it waits for something else."""
MEMORY_BYTES: Final = 1 << 30


class Session:
    """One script in one process. Used from one thread; `close` kills the process."""

    def __init__(
        self,
        language: str,
        script: str,
        surroundings: Surroundings,
        lookups: Mapping[str, Mapping[str, Any]],
        *,
        validates: bool = False,
        record_limit_s: float = RECORD_LIMIT_S,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        start = {
            "language": language,
            "script": script,
            "validates": validates,
            "arguments": dict(surroundings.arguments),
            "lookups": {name: dict(values) for name, values in lookups.items()},
            "stage": surroundings.stage,
            "logical_start_ms": surroundings.logical_start_ms,
            "record_limit_s": record_limit_s,
            "memory_bytes": memory_bytes,
        }
        subject = f"Stage:{surroundings.stage} - the script"
        self._process = Process(_WORKER, start, subject, TransformFailed, surroundings.log)

    def run(self, records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Give the script records and return what it gave. Raises: TransformFailed."""
        return self._process.ask({"records": list(records)}, SILENCE_LIMIT_S)

    def close(self) -> None:
        """End the process."""
        self._process.close()
