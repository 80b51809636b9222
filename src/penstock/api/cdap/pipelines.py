"""The one place where this dialect's handlers meet `lower`: checking a pipeline, and making a graph of it.

Loaded late: what checks and lowers knows all plugins, and the server starts without it. What is asked of `lower`:

- `check_pipeline(artifact, config)` gives all failures of a pipeline: message, correction, stage, property, …
- `check_stage(stage, inputs)` gives the failures of one stage, its output schema and its ports' schemas
- `lower_pipeline(artifact, config)` gives the graph of a checked pipeline, and the names of the steps that are phases.
  The run's parameters are `arguments` (an object of texts: the effective arguments), `secrets`-free; every data step
  leaves an output `counts` = `{stage: {"in": n, "out": n, "error": n, "alert": n, "out.<port>": n}}`, every step that
  sets arguments an output `arguments` = `{name: text}`. Log lines are `LEVEL [stage] message`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from penstock.api.cdap.entities import Place
from penstock.api.cdap.kinds import CONNECTION, VersionBody
from penstock.kernel.errors import Unsupported
from penstock.kernel.graph import Graph
from penstock.kernel.query import MAX_LIMIT
from penstock.kernel.values import Value
from penstock.services.services import Services

__all__ = ["Lowered", "check_pipeline", "connections_of", "graph_of"]


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


def graph_of(artifact: str, config: str) -> Lowered:
    """Return the graph of a pipeline that was checked."""
    raise Unsupported("pipelines cannot be run yet")


async def connections_of(services: Services, place: Place, version: VersionBody) -> dict[str, Any]:
    """Return the connections that a pipeline may name, by name; none if it names none."""
    if "conn(" not in version.config:
        return {}
    page = await services.documents.page(CONNECTION, place.scope, limit=MAX_LIMIT)
    return {document.name or "": document.body.plugin.get("properties", {}) for document in page.documents}


async def check_pipeline(services: Services, place: Place, artifact: str, config: dict[str, Any]) -> None:
    """Check a pipeline as a whole. Raises: Invalid with all failures."""
