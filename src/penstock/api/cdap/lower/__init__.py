"""From a pipeline's JSON to a graph, and everything that can be wrong with it before it runs.

- `pipeline`   the config as stages and connections
- `structure`  the rules of stages and connections
- `stages`     plugins and properties
- `units`      data phases, actions and conditions, and their order
- `graph`      the graph of a run
- `checks`     all failures of a pipeline or of one stage
"""

from __future__ import annotations

from penstock.api.cdap.lower.checks import StageChecked, find_failures, find_stage_failures
from penstock.api.cdap.lower.failures import Failure, PipelineInvalid, failure_of, texts_of
from penstock.api.cdap.lower.graph import AFTER_BODY, build_graph
from penstock.api.cdap.lower.pipeline import Pipeline, Stage, read_pipeline, read_stage

__all__ = [
    "AFTER_BODY",
    "Failure",
    "Pipeline",
    "PipelineInvalid",
    "Stage",
    "StageChecked",
    "build_graph",
    "failure_of",
    "find_failures",
    "find_stage_failures",
    "read_pipeline",
    "read_stage",
    "texts_of",
]
