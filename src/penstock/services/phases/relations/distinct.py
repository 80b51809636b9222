"""Each record once, of all fields or some. Property: `fields`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import pyarrow as pa

from penstock.ports.transform import MAIN, Described, Finding
from penstock.services.phases.relations.columns import column
from penstock.services.phases.relations.relation import Condition, Inputs, names_of
from penstock.sql.plan import nodes

__all__ = ["DistinctRelation"]


class DistinctRelation:
    """Stage `distinct`."""

    def describe(self, properties: Mapping[str, str], inputs: Inputs, hidden: Collection[str]) -> Described:
        """Check that the fields are there."""
        schema = inputs.single
        if schema is None or "fields" in hidden:
            return Described({MAIN: None})
        wanted = names_of(properties.get("fields"))
        findings = tuple(
            Finding(f"Field {name} does not exist in input schema.", "Remove this field.", "fields", name)
            for name in wanted
            if schema.get_field_index(name) < 0
        )
        return Described({MAIN: None if findings else _chosen(schema, wanted)}, findings)

    def conditions(self, properties: Mapping[str, str]) -> Sequence[Condition]:
        """None."""
        return ()

    def plan(
        self, properties: Mapping[str, str], inputs: Mapping[str, nodes.Node], schemas: Mapping[str, pa.Schema]
    ) -> nodes.Node:
        """Project, then distinct."""
        node = inputs[""]
        wanted = names_of(properties.get("fields")) or [field.name for field in node.schema]
        exprs = tuple(column(node.schema, name) for name in wanted)
        schema = tuple(node.schema[expr.index] for expr in exprs)
        return nodes.Distinct(nodes.Project(node, exprs, schema), schema)


def _chosen(schema: pa.Schema, names: Sequence[str]) -> pa.Schema:
    return schema if not names else pa.schema([schema.field(name) for name in names])
