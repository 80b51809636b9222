"""What is submitted, and the row and first event it becomes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from penstock.kernel.ids import RunId
from penstock.kernel.instants import from_unix_us, rfc3339, unix_us
from penstock.kernel.policies import Durability, Keep, Retention
from penstock.kernel.query import IndexValue
from penstock.kernel.records import Write
from penstock.kernel.runs import RunAccepted
from penstock.kernel.scope import Scope
from penstock.kernel.values import Value
from penstock.services.runs.machines import Plan
from penstock.services.runs.record import Run, RunBody

__all__ = ["Submission", "first_record"]


class Submission:
    """What is submitted, with all its circumstances.

    Args:
        scope, graph, title: whose run of what, and what people call it.
        inputs, artifacts: of the graph's entry. facts: further facts for its expressions.
        key: submitting again with the same key in the same scope gives the run that is there already.
        origin: who submitted, in one word (a dialect's name). group: what it is counted with (a trigger's id).
        columns: further columns by which runs are listed. labels: further facts that are only kept.
        scheduled_at_us: for when it was meant.
        also: writes that are stored in the same transaction.
        keep: what is left of it when it has ended, if it is written as a whole (`Runs.brief`).
        id: the run's id, if the submitter had to know it before; else a new one is made.
    """

    __slots__ = (
        "also", "artifacts", "columns", "durability", "facts", "graph", "group", "id", "inputs", "keep", "key",
        "labels", "origin", "retention", "scheduled_at_us", "scope", "title",
    )  # fmt: skip

    def __init__(
        self,
        scope: Scope,
        graph: Plan,
        title: str,
        *,
        inputs: Mapping[str, Value] | None = None,
        artifacts: Mapping[str, Value] | None = None,
        facts: Mapping[str, Value] | None = None,
        key: str | None = None,
        origin: str = "native",
        group: str | None = None,
        columns: Mapping[str, IndexValue] | None = None,
        labels: Mapping[str, Value] | None = None,
        scheduled_at_us: int | None = None,
        durability: Durability = Durability.EVENT,
        retention: Retention | None = None,
        also: tuple[Write, ...] = (),
        keep: Keep = Keep.ALL,
        id: RunId | None = None,
    ) -> None:
        self.id, self.keep = id, keep
        self.scope, self.graph, self.title = scope, graph, title
        self.inputs, self.artifacts, self.facts = dict(inputs or {}), dict(artifacts or {}), dict(facts or {})
        self.key, self.origin, self.group = key, origin, group
        self.columns, self.labels = dict(columns or {}), dict(labels or {})
        self.scheduled_at_us, self.durability, self.also = scheduled_at_us, durability, also
        self.retention = retention or Retention()


def first_record(submission: Submission, run_id: RunId, digest: str, at: datetime) -> tuple[Run, RunAccepted]:
    """Return the row of a new run and its first event."""
    own: dict[str, Value] = {"run.id": run_id, "run.name": submission.title, "run.created_at": rfc3339(at)}
    if submission.scheduled_at_us is not None:
        own["run.scheduled_at"] = rfc3339(from_unix_us(submission.scheduled_at_us))
    facts = {**own, **submission.facts}
    body = RunBody(
        title=submission.title,
        origin=submission.origin,
        graph=digest,
        group=submission.group,
        inputs=submission.inputs,
        artifacts=submission.artifacts,
        facts=facts,
        scheduled_at_us=submission.scheduled_at_us,
        durability=submission.durability,
        retention_s=submission.retention.age_s,
        labels=submission.labels,
        columns=submission.columns,
    )
    run = Run(run_id, submission.scope, submission.key, at, at, body)
    return run, RunAccepted(unix_us(at), submission.inputs, submission.artifacts, facts)
