"""What is wrong with a pipeline, as clients are told: a message, what would be right, and causes with attributes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["Failure", "PipelineInvalid", "failure_of", "texts_of"]


@dataclass(frozen=True, slots=True)
class Failure:
    """One failure. stage: whose it is; None if the pipeline's. causes: attributes of each cause."""

    message: str
    correction: str = ""
    stage: str | None = None
    causes: tuple[dict[str, str], ...] = field(default=())

    @property
    def full(self) -> str:
        """Message and correction in one."""
        return f"{self.message} {self.correction}".strip()


class PipelineInvalid(Exception):
    """A pipeline with failures."""

    def __init__(self, failures: Sequence[Failure]) -> None:
        super().__init__(texts_of(failures))
        self.failures = tuple(failures)


def failure_of(
    stage: str | None, message: str, correction: str = "", property: str | None = None, **attributes: str
) -> Failure:
    """Return a failure with one cause."""
    cause = dict(attributes)
    if stage is not None:
        cause["stage"] = stage
    if property is not None:
        cause["stageConfig"] = property
    return Failure(message, correction, stage, (cause,) if cause else ())


def texts_of(failures: Sequence[Failure]) -> str:
    """Return all failures as one text, each on its line."""
    lines = [f"Stage '{f.stage}' encountered: {f.full}" if f.stage else f.full for f in failures]
    return "\n".join(lines)
