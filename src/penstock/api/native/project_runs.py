"""Records of runs in the native API's words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from penstock.api.native.wire_runs import Attempt, CacheAnswer, CachePart, RunDetail, RunRow, StepRow
from penstock.kernel.graph import Graph, Nested, Step
from penstock.kernel.instants import from_unix_us, rfc3339
from penstock.kernel.runs import AttemptRecord, StepRecord
from penstock.services.runs.cache import CacheExplanation
from penstock.services.runs.record import Run

__all__ = ["cache_answer", "run_detail", "run_row"]

EXIT_PREFIX = "!/"
"""Begins the paths of the exit level."""


def run_row(run: Run) -> RunRow:
    """Show a run as a row."""
    body = run.body
    return RunRow(
        id=run.id,
        name=body.title,
        origin=body.origin,
        state=body.state.value,
        scope=str(run.scope),
        created_at=rfc3339(run.created_at),
        scheduled_at=_instant(body.scheduled_at_us),
        started_at=_instant(body.started_at_us),
        finished_at=_instant(body.finished_at_us) if body.state.is_final else None,
        done_count=body.done_count,
        step_count=body.step_count,
        message=body.message,
    )


def run_detail(run: Run, graph: Graph, steps: Sequence[StepRecord]) -> RunDetail:
    """Show a run with its steps."""
    after = _predecessors(graph, steps)
    rows = [_step(step, after[step.path]) for step in steps]
    return RunDetail(run=run_row(run), inputs=run.body.inputs, outputs=run.body.outputs, steps=rows)


def cache_answer(run_id: str, path: str, why: CacheExplanation) -> CacheAnswer:
    """Show why a step was or was not taken over: the parts that differ first."""
    changed = {each.part: each for each in why.differences}
    parts = [CachePart(name=each.part, here=each.here, there=each.there, is_same=False) for each in why.differences]
    there = why.run is not None
    parts += [
        CachePart(name=name, here=value, there=value if there else None, is_same=there)
        for name, value in sorted(why.parts.items())
        if name not in changed
    ]
    return CacheAnswer(
        run=run_id,
        step=path,
        is_hit=why.is_hit,
        reason=why.reason,
        key=why.key,
        other_run=why.run,
        other_step=why.path,
        parts=parts,
    )


def _step(step: StepRecord, after: list[str]) -> StepRow:
    hit = step.cache_hit
    return StepRow(
        path=step.path,
        name=str(step.labels.get("display", step.name)),
        kind=step.kind.value,
        state=step.state.value,
        parent=step.parent,
        after=after,
        index=step.index,
        item=step.item,
        ready_at=_instant(step.ready_at_us),
        started_at=_instant(step.started_at_us),
        finished_at=_instant(step.finished_at_us),
        message=step.message,
        taken_over_from=f"{hit.run} {hit.path}" if hit else None,
        attempts=[_attempt(each) for each in step.attempts],
        inputs=step.inputs,
        outputs=step.outputs,
        artifacts=step.output_artifacts,
    )


def _attempt(attempt: AttemptRecord) -> Attempt:
    return Attempt(
        number=attempt.number,
        state=attempt.state.value,
        launched_at=rfc3339(from_unix_us(attempt.launched_at_us)),
        started_at=_instant(attempt.started_at_us),
        finished_at=_instant(attempt.finished_at_us),
        exit_code=attempt.exit_code,
        message=attempt.message,
    )


def _predecessors(graph: Graph, steps: Iterable[StepRecord]) -> dict[str, list[str]]:
    """Return, for the path of each instance, the paths of those it comes after. steps: parents first."""
    found: dict[str, list[str]] = {}
    definitions: dict[str, Step] = {}
    named = {name: {step.name: step for step in body.steps} for name, body in graph.bodies.items()}
    for record in steps:
        if record.index is not None and record.parent is not None:
            definitions[record.path] = definitions[record.parent]
            found[record.path] = []
            continue
        body = _body_of(graph, record, definitions)
        step = definitions[record.path] = named[body][record.name]
        stem = record.path.removesuffix(record.name)
        found[record.path] = [stem + each.step for each in step.after]
    return found


def _body_of(graph: Graph, record: StepRecord, definitions: dict[str, Step]) -> str:
    """Return the name of the body that an instance is a step of."""
    if record.parent is not None:
        work = definitions[record.parent].work
        assert isinstance(work, Nested), "only a nested body has steps"
        return work.body
    if record.path.startswith(EXIT_PREFIX):
        assert graph.on_exit is not None, "only a graph with an exit level has steps of it"
        return graph.on_exit
    return graph.entry


def _instant(at_us: int | None) -> str | None:
    return None if at_us is None else rfc3339(from_unix_us(at_us))
