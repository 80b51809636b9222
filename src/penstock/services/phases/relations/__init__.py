"""Stages over whole inputs: each describes its configuration, and becomes a plan node over the plans of its inputs.

One module for each; RELATIONS lists them by the name that flows use.
"""

from __future__ import annotations

from collections.abc import Mapping

from penstock.services.phases.relations.deduplicate import DeduplicateRelation
from penstock.services.phases.relations.denormalize import DenormalizeRelation
from penstock.services.phases.relations.distinct import DistinctRelation
from penstock.services.phases.relations.group import GroupRelation
from penstock.services.phases.relations.join import JoinRelation
from penstock.services.phases.relations.relation import Inputs, Relation

__all__ = ["RELATIONS", "Inputs", "Relation"]

RELATIONS: Mapping[str, Relation] = {
    "deduplicate": DeduplicateRelation(),
    "denormalize": DenormalizeRelation(),
    "distinct": DistinctRelation(),
    "group": GroupRelation(),
    "join": JoinRelation(),
}
"""By name."""
