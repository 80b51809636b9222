"""Names and values of rows turned to columns.

Properties: `keyField`, `nameField`, `valueField`, `outputFields`, `fieldAliases`.

One record for each key: the key, and each output field with the value of the last row whose name is that field's. A
name that has an alias counts as its alias. Rows without a key are left out; key, names and values are strings.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import reduce

import pyarrow as pa

from penstock.data.types import BOOLEAN, Field, Kind, SqlType
from penstock.ports.transform import MAIN, Described, Finding
from penstock.services.phases.relations.columns import column
from penstock.services.phases.relations.relation import Condition, Inputs, names_of
from penstock.sql.plan import nodes
from penstock.sql.plan.expr import Call, Expr, Literal

__all__ = ["DenormalizeRelation"]

_FIELDS = {"keyField": "Key", "nameField": "Name", "valueField": "Value"}
_TEXT = SqlType(Kind.VARCHAR, False)


class DenormalizeRelation:
    """Stage `denormalize`."""

    def describe(self, properties: Mapping[str, str], inputs: Inputs, hidden: Collection[str]) -> Described:
        """Check that the three fields are there and strings, and that the aliases can be read."""
        schema, findings = inputs.single, []
        for property, title in _FIELDS.items():
            if schema is not None and property not in hidden:
                findings += _check(schema, properties.get(property) or "", property, title)
        if "fieldAliases" not in hidden:
            for part in names_of(properties.get("fieldAliases")):
                if len([side for side in part.split(":") if side]) != 2 or part.count(":") != 1:
                    message = f"Either key or value is missing for 'Output fields to rename' in '{part}'."
                    findings.append(Finding(message, "Write it as field:name.", "fieldAliases", part))
        if not names_of(properties.get("outputFields")) and "outputFields" not in hidden:
            findings.append(Finding("There are no output fields.", "Name at least one field.", "outputFields"))
        if schema is None or findings or hidden:
            return Described({MAIN: None}, tuple(findings))
        fields = [pa.field(properties["keyField"], pa.string(), nullable=False)]
        fields += [pa.field(name, pa.string()) for name in _wanted(properties)]
        return Described({MAIN: pa.schema(fields)})

    def conditions(self, properties: Mapping[str, str]) -> Sequence[Condition]:
        """None."""
        return ()

    def plan(
        self, properties: Mapping[str, str], inputs: Mapping[str, nodes.Node], schemas: Mapping[str, pa.Schema]
    ) -> nodes.Node:
        """Filter, then one aggregate for each output field over the rows with one of its names."""
        node = inputs[""]
        key = column(node.schema, properties["keyField"])
        name, value = (column(node.schema, properties[property]) for property in ("nameField", "valueField"))
        kept = nodes.Filter(node, Call("IS NOT NULL", (key,), BOOLEAN), node.schema)
        calls, fields = [], [Field(properties["keyField"], key.type)]
        for wanted, names in _wanted(properties).items():
            matches = (Call("=", (name, Literal(text, _TEXT)), BOOLEAN.with_nullable(True)) for text in names)
            filter: Expr = reduce(lambda a, b: Call("OR", (a, b), BOOLEAN.with_nullable(True)), matches)
            calls.append(nodes.AggregateCall("LAST_ARRIVED", (value,), wanted, False, filter))
            fields.append(Field(wanted, value.type.with_nullable(True)))
        return nodes.Aggregate(kept, (key,), tuple(calls), tuple(fields))


def _check(schema: pa.Schema, name: str, property: str, title: str) -> list[Finding]:
    if schema.get_field_index(name) < 0:
        message = f"{title} field '{name}' does not exist in input schema."
        return [Finding(message, "Name a field of the input.", property)]
    if not pa.types.is_string(schema.field(name).type):
        message = f"{title} field '{name}' in the input record must be a String."
        return [Finding(message, "Name a field of strings.", property)]
    return []


def _wanted(properties: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the names of rows that count for each output field."""
    pairs = (part.split(":") for part in names_of(properties.get("fieldAliases")))
    aliases = {pair[0]: pair[1] for pair in pairs if len(pair) == 2}
    wanted: dict[str, list[str]] = {}
    for field in names_of(properties.get("outputFields")):
        target = aliases.get(field, field)
        if target != properties["keyField"]:
            names = [name for name, alias in aliases.items() if alias == target]
            wanted[target] = names if target in aliases else [*names, target]
    return wanted
