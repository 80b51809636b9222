"""Metrics of runs: those that clients report, and those that steps leave in a file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from penstock.api.kfp.project.nodes import nodes_of
from penstock.api.kfp.run_face import Metric, RunFace, face_of, metric_column, metric_value
from penstock.kernel.errors import PenstockError
from penstock.kernel.query import IndexValue
from penstock.kernel.runs import StepRecord, StepState
from penstock.services.runs.record import Run
from penstock.services.services import Services

__all__ = ["FORMATS", "METRICS_ARTIFACT", "awaits_harvest", "columns_of_metrics", "harvested", "merged", "problem_of"]

METRICS_ARTIFACT: Final = "mlpipeline-metrics"
FORMATS: Final = ("UNSPECIFIED", "RAW", "PERCENTAGE")
MAX_FILE_BYTES: Final = 1 << 20
MAX_METRICS: Final = 50
"""Most metrics taken from the files of one run."""

_NAME: Final = re.compile(r"^[a-zA-Z](?:[-_a-zA-Z0-9]{0,62}[a-zA-Z0-9])?$")


def problem_of(metric: Metric) -> str | None:
    """Say why a metric cannot be stored; None if it can."""
    if not _NAME.match(metric.name):
        return f"name {metric.name!r} must begin with a letter and have letters, digits, hyphens, at most 64 in all"
    if not metric.node_id or len(metric.node_id) > 128:
        return "node_id must have 1 to 128 characters"
    return None


def merged(present: tuple[Metric, ...], further: Iterable[Metric]) -> tuple[Metric, ...]:
    """Add metrics; of two for the same step and name the first one stays."""
    known = {(each.node_id, each.name): each for each in present}
    for each in further:
        known.setdefault((each.node_id, each.name), each)
    return tuple(known.values())


def columns_of_metrics(metrics: Iterable[Metric]) -> dict[str, IndexValue]:
    """Return the columns by which runs are sorted by metrics."""
    columns: dict[str, IndexValue] = {}
    for each in metrics:
        columns.setdefault(metric_column(each.name), metric_value(each.number_value))
    return columns


def awaits_harvest(run: Run) -> bool:
    """Tell whether there may be metrics in files that are not kept with the run yet."""
    face = face_of(run)
    return face.has_metrics and not (run.state.is_final and face.harvested_at_us == run.body.finished_at_us)


async def harvested(services: Services, run: Run, steps: Iterable[StepRecord]) -> tuple[Metric, ...]:
    """Return all metrics of a run; what is found in files of a run that has ended is kept with it."""
    face = face_of(run)
    if not awaits_harvest(run):
        return face.metrics
    metrics = merged(face.metrics, await _from_files(services, face, steps))
    if run.state.is_final:
        labels: dict[str, Any] = {
            "metrics": msgspec.to_builtins(metrics),
            "harvested_at_us": run.body.finished_at_us or 0,
        }
        await services.runs.amend(run.id, columns=columns_of_metrics(metrics), labels=labels)
    return metrics


async def _from_files(services: Services, face: RunFace, steps: Iterable[StepRecord]) -> list[Metric]:
    found: list[Metric] = []
    for node in nodes_of(face.workflow, steps):
        artifact = node.step.output_artifacts.get(METRICS_ARTIFACT)
        if node.step.state is not StepState.SUCCEEDED or node.type == "Retry" or not isinstance(artifact, dict):
            continue
        sha256 = artifact.get("sha256")
        if isinstance(sha256, str) and node.phase == "Succeeded":
            found += _parsed(await _content(services, sha256), node.id)
    return found[:MAX_METRICS]


async def _content(services: Services, sha256: str) -> bytes:
    try:
        return b"".join([chunk async for chunk in services.blobs.open(sha256, end=MAX_FILE_BYTES)])
    except PenstockError:
        return b""


def _parsed(content: bytes, node_id: str) -> list[Metric]:
    """Read a file of metrics; one that cannot be read has none."""
    try:
        document = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeError):
        return []
    entries = document.get("metrics") if isinstance(document, dict) else None
    found: list[Metric] = []
    for entry in entries if isinstance(entries, list) else []:
        if not isinstance(entry, dict):
            continue
        given: Any = entry.get("numberValue", entry.get("number_value", 0.0))
        try:
            value = float(given)
        except (TypeError, ValueError):
            continue
        kind = entry.get("format")
        metric = Metric(str(entry.get("name", "")), node_id, value, kind if kind in FORMATS else "UNSPECIFIED")
        if problem_of(metric) is None:
            found.append(metric)
    return found
