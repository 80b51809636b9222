"""One record of each set of duplicates. Properties: `uniqueFields`, and `filterOperation` (`field:function`) that says
which one stays: any, first, last, or the one with the least or greatest value of a field."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import pyarrow as pa

from penstock.data.types import FLOATS, Kind, SqlType
from penstock.ports.transform import MAIN, Described, Finding
from penstock.services.phases.relations.columns import cast_to, column
from penstock.services.phases.relations.relation import Condition, Inputs, names_of
from penstock.sql.plan import nodes
from penstock.sql.plan.expr import Expr

__all__ = ["DeduplicateRelation"]

_FUNCTIONS = ("any", "max", "min", "first", "last")


class DeduplicateRelation:
    """Stage `deduplicate`."""

    def describe(self, properties: Mapping[str, str], inputs: Inputs, hidden: Collection[str]) -> Described:
        """Check fields and function."""
        schema = inputs.single
        findings: list[Finding] = []
        operation = _operation(properties, findings)
        if schema is not None:
            for name in names_of(properties.get("uniqueFields")):
                if schema.get_field_index(name) < 0:
                    message = f"Unique field '{name}' does not exist in the input schema."
                    findings.append(Finding(message, "Remove this field.", "uniqueFields", name))
            if operation is not None:
                _check_field(properties, schema, operation, findings)
        return Described({MAIN: None if findings else schema}, tuple(findings))

    def conditions(self, properties: Mapping[str, str]) -> Sequence[Condition]:
        """None."""
        return ()

    def plan(
        self, properties: Mapping[str, str], inputs: Mapping[str, nodes.Node], schemas: Mapping[str, pa.Schema]
    ) -> nodes.Node:
        """Group by the unique fields and keep one value of every other field, all of the same record."""
        node = inputs[""]
        unique = names_of(properties.get("uniqueFields"))
        if not unique:
            return nodes.Distinct(node, node.schema)
        operation = _operation(properties, [])
        keys = tuple(column(node.schema, name) for name in unique)
        others = [field for field in node.schema if field.name not in unique]
        by = _rank(node, operation)
        name = _call_name(operation)
        calls = tuple(
            nodes.AggregateCall(
                name, (column(node.schema, f.name), by) if by else (column(node.schema, f.name),), f.name
            )
            for f in others
        )
        grouped = (*(node.schema[key.index] for key in keys), *others)
        aggregate = nodes.Aggregate(node, keys, calls, grouped)
        exprs = tuple(column(grouped, field.name) for field in node.schema)
        return nodes.Project(aggregate, exprs, node.schema)


def _operation(properties: Mapping[str, str], findings: list[Finding]) -> tuple[str, str] | None:
    """Return field and function in lower case."""
    text = (properties.get("filterOperation") or "").strip()
    if not text:
        return None
    name, colon, function = (part.strip() for part in text.partition(":"))
    function = function.split(" ")[0].lower()
    if not colon or not name or function not in _FUNCTIONS:
        message = f"Invalid filter operation '{text}'."
        correction = f"Write it as field:function, with one of the functions {', '.join(_FUNCTIONS)}."
        findings.append(Finding(message, correction, "filterOperation", text))
        return None
    return name, function


def _check_field(
    properties: Mapping[str, str], schema: pa.Schema, operation: tuple[str, str], findings: list[Finding]
) -> None:
    name, function = operation
    text = properties["filterOperation"].strip()
    at = schema.get_field_index(name)
    if at < 0:
        message = f"Invalid filter {function.upper()}({name}): Field '{name}' does not exist in input schema."
        findings.append(Finding(message, "Use a field of the input.", "filterOperation", text))
        return
    kind, types = schema.field(at).type, pa.types
    fits = types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind) or types.is_temporal(kind)
    if function in ("max", "min") and not fits:
        message = (
            f"Unsupported filter operation {function.upper()}({name}): Field has a type that is not supported for"
            " deduplication operations."
        )
        findings.append(Finding(message, "Use a number, a date or a time.", "filterOperation", text))


def _rank(node: nodes.Node, operation: tuple[str, str] | None) -> Expr | None:
    if operation is None or operation[1] not in ("max", "min"):
        return None
    ref = column(node.schema, operation[0])
    if ref.type.pooled or ref.type.kind in FLOATS:
        return cast_to(ref, SqlType(Kind.DOUBLE))  # decimals of more digits than a word holds
    return ref


def _call_name(operation: tuple[str, str] | None) -> str:
    function = operation[1] if operation is not None else "any"
    return {"max": "FIRST_WITH_GREATEST", "min": "FIRST_WITH_LEAST", "last": "LAST_ARRIVED"}.get(
        function, "FIRST_ARRIVED"
    )
