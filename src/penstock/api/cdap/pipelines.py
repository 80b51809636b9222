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

from typing import Any

from penstock.api.cdap.entities import Place
from penstock.services.services import Services

__all__ = ["check_pipeline"]


async def check_pipeline(services: Services, place: Place, artifact: str, config: dict[str, Any]) -> None:
    """Check a pipeline as a whole. Raises: Invalid with all failures."""
