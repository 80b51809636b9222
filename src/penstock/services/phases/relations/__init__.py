"""Stages over whole inputs: each describes its configuration, and becomes a plan node over the plans of its inputs.

One module for each; RELATIONS lists them by the name that flows use.
"""

from __future__ import annotations

from collections.abc import Mapping

from penstock.services.phases.relations.relation import Inputs, Relation

__all__ = ["RELATIONS", "Inputs", "Relation"]

RELATIONS: Mapping[str, Relation] = {}
"""By name."""
