"""The one place where this dialect's handlers meet `lower`: checking a pipeline, and making a graph of it.

The run's parameters are `arguments` (an object of texts: the effective arguments) and `connections`; every data step
leaves an output `statistics` = `{stage: {"input": n, "output": n, "error": n}}`, every step that sets arguments an
output `arguments` = `{name: text}`. Log lines are `LEVEL TAB stage TAB message`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from penstock.api.cdap.entities import Place
from penstock.api.cdap.kinds import CONNECTION, VersionBody
from penstock.api.cdap.lower import (
    Failure,
    PipelineInvalid,
    StageChecked,
    build_graph,
    find_failures,
    find_stage_failures,
    read_pipeline,
    read_stage,
    texts_of,
)
from penstock.api.cdap.names import STREAMING_ARTIFACT
from penstock.kernel.errors import Invalid
from penstock.kernel.graph import Graph
from penstock.kernel.query import MAX_LIMIT
from penstock.kernel.values import Value
from penstock.services.services import Services

__all__ = ["Lowered", "check_pipeline", "check_stage", "connections_of", "failures_of_pipeline", "graph_of"]

GRAPHS_KEPT = 256
"""How many graphs are kept in memory."""


@dataclass(frozen=True, slots=True)
class Lowered:
    """A pipeline that can be run. phases: names of the steps that are phases."""

    graph: Graph
    phases: tuple[str, ...]

    def inputs(
        self, arguments: Mapping[str, str], token: Mapping[str, Any], connections: Mapping[str, Any]
    ) -> dict[str, Value]:
        """Return the parameters of a run."""
        return {"arguments": {**arguments, **token}, "connections": dict(connections)}


@lru_cache(GRAPHS_KEPT)
def graph_of(artifact: str, config: str, preview_rows: int | None = None) -> Lowered:
    """Return the graph of a pipeline that was checked. Raises: Invalid.

    preview_rows: sources give at most that many records, sinks write nothing.
    """
    decoded = msgspec.json.decode(config)
    try:
        pipeline = read_pipeline(decoded, is_streaming=artifact == STREAMING_ARTIFACT)
    except PipelineInvalid as invalid:
        raise Invalid(str(invalid)) from None
    graph = build_graph(pipeline, preview_rows)
    return Lowered(graph, tuple(step.name for step in graph.bodies["main"].steps if step.labels["kind"] == "phase"))


async def connections_of(services: Services, place: Place, version: VersionBody) -> dict[str, Any]:
    """Return the connections that a pipeline may name, by name; none if it names none."""
    if "conn(" not in version.config:
        return {}
    page = await services.documents.page(CONNECTION, place.scope, limit=MAX_LIMIT)
    return {document.name or "": document.body.plugin.get("properties", {}) for document in page.documents}


async def check_pipeline(services: Services, place: Place, artifact: str, config: dict[str, Any]) -> None:
    """Check a pipeline as a whole. Raises: Invalid with all failures."""
    failures = await failures_of_pipeline(services, artifact, config)
    if failures:
        raise Invalid(texts_of(failures))


async def failures_of_pipeline(services: Services, artifact: str, config: dict[str, Any]) -> Sequence[Failure]:
    """Return all that is wrong with a pipeline."""
    try:
        pipeline = read_pipeline(config, is_streaming=artifact == STREAMING_ARTIFACT)
    except PipelineInvalid as invalid:
        return invalid.failures
    return await find_failures(services.phases, pipeline)


async def check_stage(
    services: Services, stage: dict[str, Any], inputs: Sequence[tuple[str, dict[str, Any] | None]]
) -> StageChecked:
    """Check one stage, given JSON schemas of what comes in by stage. Raises: Invalid if it is none."""
    failures: list[Failure] = []
    read = read_stage(stage, failures)
    if read is None:
        raise Invalid(texts_of(failures))
    return await find_stage_failures(services.phases, read, inputs)
