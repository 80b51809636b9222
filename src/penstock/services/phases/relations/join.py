"""Two or more inputs as one. Properties: `selectedFields`, `requiredInputs`, `conditionType`, `joinKeys`,
`conditionExpression`, `inputAliases`, `joinNullKeys`, `inMemoryInputs`, `schema`.

All inputs required: inner. None: full outer. Some: these inner, and each of the others joined to them if it matches.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from penstock.data.record_schema import type_name
from penstock.data.types import Schema
from penstock.ports.transform import MAIN, Described, Finding
from penstock.services.phases.relations.columns import TypeUnsupported, column, is_null, sql_schema
from penstock.services.phases.relations.condition import ConditionInvalid, bind_condition
from penstock.services.phases.relations.relation import Condition, Inputs, names_of
from penstock.sql.plan import nodes
from penstock.sql.plan.expr import Case, ColumnRef, Expr

__all__ = ["JoinRelation"]


@dataclass(frozen=True, slots=True)
class _Selected:
    """A field of the output."""

    text: str
    stage: str
    field: str
    name: str


@dataclass(frozen=True, slots=True)
class _Key:
    """One equality: field by stage."""

    text: str
    fields: Mapping[str, str]


class JoinRelation:
    """Stage `join`."""

    def describe(self, properties: Mapping[str, str], inputs: Inputs, hidden: Collection[str]) -> Described:
        """Check fields, inputs, keys and condition."""
        findings: list[Finding] = []
        selected = _selected(properties.get("selectedFields") or "", findings)
        required = names_of(properties.get("requiredInputs"))
        schemas = inputs.schemas
        is_advanced = _is_advanced(properties)
        keys = [] if is_advanced else _keys(properties, hidden, findings)
        _check_selected(selected, schemas, findings)
        for name in required:
            if name not in schemas:
                message = f"Provided input '{name}' in required inputs is not an input of the joiner."
                findings.append(Finding(message, "Remove it, or connect it.", "requiredInputs", name))
        known = {name: schema for name, schema in schemas.items() if schema is not None}
        _check_keys(keys, schemas, known, findings)
        if is_advanced:
            _check_advanced(properties, schemas, known, required, hidden, findings)
        if findings or len(known) < len(schemas) or {*hidden} & {"selectedFields", "requiredInputs"}:
            return Described({MAIN: None}, tuple(findings))
        return Described({MAIN: _output(selected, known, required)})

    def conditions(self, properties: Mapping[str, str]) -> Sequence[Condition]:
        """None."""
        return ()

    def plan(
        self, properties: Mapping[str, str], inputs: Mapping[str, nodes.Node], schemas: Mapping[str, pa.Schema]
    ) -> nodes.Node:
        """Join the required inputs, then the others, then select."""
        required = names_of(properties.get("requiredInputs"))
        order = [name for name in inputs if name in required] + [name for name in inputs if name not in required]
        if _is_advanced(properties):
            joined, places = _advanced(properties, inputs, schemas, required)
        else:
            null_safe = (properties.get("joinNullKeys") or "true").strip().lower() != "false"
            joined, places = _chain(order, inputs, required, _keys(properties, (), []), null_safe)
        selected = _selected(properties.get("selectedFields") or "", [])
        exprs: list[Expr] = []
        shown = []
        for item in selected:
            at = places[item.stage] + [f.name for f in inputs[item.stage].schema].index(item.field)
            exprs.append(ColumnRef(at, joined.schema[at].type))
            shown.append(type(joined.schema[at])(item.name, joined.schema[at].type))
        return nodes.Project(joined, tuple(exprs), tuple(shown))


def _is_advanced(properties: Mapping[str, str]) -> bool:
    return (properties.get("conditionType") or "basic").strip().lower() == "advanced"


def _selected(text: str, findings: list[Finding]) -> list[_Selected]:
    selected: list[_Selected] = []
    seen: dict[str, str] = {}
    for item in (part.strip() for part in text.split(",")):
        if not item:
            continue
        path, _, name = (part.strip() for part in _split_as(item))
        stage, dot, field = path.rpartition(".")
        if not dot or not stage or not field:
            message = f"Invalid syntax. Selected field '{item}' must be of the form <stageName>.<fieldName>."
            findings.append(Finding(message, "Name the stage and the field.", "selectedFields", item))
            continue
        chosen = _Selected(item, stage, field, name or field)
        if chosen.name in seen:
            message = f"Output schema must not have any duplicate fields, but found field '{chosen.name}' for"
            message += f" '{seen[chosen.name]}' and '{item}'."
            findings.append(Finding(message, "Give one of them an alias.", "selectedFields", item))
        seen[chosen.name] = item
        selected.append(chosen)
    return selected


def _split_as(item: str) -> tuple[str, str, str]:
    match = re.match(r"(.*?)\s+as\s+(\S+)\s*\Z", item, re.I | re.S)
    return (match[1], "as", match[2]) if match else (item, "", "")


def _keys(properties: Mapping[str, str], hidden: Collection[str], findings: list[Finding]) -> list[_Key]:
    text = (properties.get("joinKeys") or "").strip()
    if not text:
        if "joinKeys" not in hidden:
            findings.append(Finding("Join keys cannot be empty.", "Specify join keys.", "joinKeys"))
        return []
    keys: list[_Key] = []
    for part in text.split("&"):
        fields: dict[str, str] = {}
        for side in part.split("="):
            stage, dot, field = side.strip().rpartition(".")
            if not dot or not stage or not field:
                message = f"Join key '{side.strip()}' is not specified in stageName.columnName format."
                findings.append(Finding(message, "Write it as stageName.columnName.", "joinKeys", part.strip()))
                continue
            fields[stage] = field
        if len(fields) < 2:
            message = f"The join key '{part.strip()}' does not name fields of at least two inputs."
            findings.append(Finding(message, "Name a field of each input.", "joinKeys", part.strip()))
        keys.append(_Key(part.strip(), fields))
    return keys


def _check_selected(
    selected: Sequence[_Selected], schemas: Mapping[str, pa.Schema | None], findings: list[Finding]
) -> None:
    for item in selected:
        schema = schemas.get(item.stage)
        if item.stage not in schemas:
            message = f"Input stage '{item.stage}' of the selected field '{item.text}' is not an input of the joiner."
            findings.append(Finding(message, "Remove the field, or connect it.", "selectedFields", item.text))
        elif schema is not None and schema.get_field_index(item.field) < 0:
            message = f"Invalid field: '{item.field}' of stage '{item.stage}' does not exist in its schema."
            findings.append(Finding(message, "Remove it.", "selectedFields", item.text, input_stage=item.stage))


def _check_keys(
    keys: Sequence[_Key],
    schemas: Mapping[str, pa.Schema | None],
    known: Mapping[str, pa.Schema],
    findings: list[Finding],
) -> None:
    for key in keys:
        for stage in schemas:
            if stage not in key.fields:
                message = f"The join key '{key.text}' has no field of the input '{stage}'."
                findings.append(Finding(message, "Name a field of each input.", "joinKeys", key.text))
        kinds: dict[str, pa.DataType] = {}
        for stage, field in key.fields.items():
            if stage not in schemas:
                message = f"Join key field '{stage}.{field}' is from an unknown input."
                findings.append(Finding(message, "Remove it, or connect the input.", "joinKeys", key.text))
            elif stage in known:
                at = known[stage].get_field_index(field)
                if at < 0:
                    message = f"Join key field '{field}' is not present in the input stage of '{stage}'."
                    findings.append(Finding(message, "Use a field of the input.", "joinKeys", key.text))
                else:
                    kinds[stage] = known[stage].field(at).type
        names = {type_name(kind) for kind in kinds.values()}
        if len(names) > 1:
            shown = ", ".join(f"'{s}.{key.fields[s]}' is {type_name(k)}" for s, k in kinds.items())
            message = f"Type mismatch of the join key '{key.text}': {shown}."
            findings.append(Finding(message, "Make the types alike.", "joinKeys", key.text))


def _check_advanced(
    properties: Mapping[str, str],
    schemas: Mapping[str, pa.Schema | None],
    known: Mapping[str, pa.Schema],
    required: Sequence[str],
    hidden: Collection[str],
    findings: list[Finding],
) -> None:
    expression = properties.get("conditionExpression")
    if not expression and "conditionExpression" not in hidden:
        message = "Join condition must be specified."
        findings.append(Finding(message, "Specify the condition.", "conditionExpression"))
    if len(schemas) != 2:
        message = "Advanced outer joins can only be used when there are two inputs."
        findings.append(Finding(message, "Use two inputs, or a basic join.", "conditionType"))
        return
    in_memory = names_of(properties.get("inMemoryInputs"))
    if len([name for name in required if name in schemas]) < 2 and not in_memory and "inMemoryInputs" not in hidden:
        message = "Advanced outer joins must specify an input to load in memory."
        findings.append(Finding(message, "Name the smaller input.", "inMemoryInputs"))
    if expression and len(known) == 2:
        try:
            bind_condition(expression, _aliases(properties, known), {n: sql_schema(s) for n, s in known.items()})
        except (ConditionInvalid, TypeUnsupported) as error:
            message = f"Join condition '{expression}' is invalid: {error}."
            findings.append(Finding(message, "Mend the condition.", "conditionExpression"))


def _aliases(properties: Mapping[str, str], inputs: Collection[str]) -> dict[str, str]:
    """Return what inputs are called within the condition, by input."""
    aliases = {name: name for name in inputs}
    for item in (properties.get("inputAliases") or "").split(","):
        name, equals, alias = (part.strip() for part in item.partition("="))
        if equals and name in aliases and alias:
            aliases[name] = alias
    return aliases


def _output(selected: Sequence[_Selected], known: Mapping[str, pa.Schema], required: Sequence[str]) -> pa.Schema:
    fields = []
    for item in selected:
        source = known[item.stage].field(item.field)
        is_optional = item.stage not in required
        fields.append(pa.field(item.name, source.type, nullable=source.nullable or is_optional))
    return pa.schema(fields)


# Plans.


def _joined(
    kind: str, left: nodes.Node, right: nodes.Node, keys: Sequence[nodes.JoinKey], residual: Expr | None
) -> nodes.Node:
    left_null, right_null = kind in ("right", "full"), kind in ("left", "full")
    schema: Schema = (
        *(type(f)(f.name, f.type.with_nullable(f.type.nullable or left_null)) for f in left.schema),
        *(type(f)(f.name, f.type.with_nullable(f.type.nullable or right_null)) for f in right.schema),
    )
    return nodes.Join(kind, left, right, tuple(keys), residual, schema)  # type: ignore[arg-type]


def _chain(
    order: Sequence[str],
    inputs: Mapping[str, nodes.Node],
    required: Sequence[str],
    keys: Sequence[_Key],
    null_safe: bool,
) -> tuple[nodes.Node, dict[str, int]]:
    """Return the join of all inputs, and at which column each of them begins."""
    joined = inputs[order[0]]
    places = {order[0]: 0}
    for name in order[1:]:
        right = inputs[name]
        kind = "inner" if name in required else "left" if required else "full"
        pairs = [
            nodes.JoinKey(
                _known_key(key, order, inputs, places, joined, kind), column(right.schema, key.fields[name]), null_safe
            )
            for key in keys
        ]
        places[name] = len(joined.schema)
        joined = _joined(kind, joined, right, pairs, None)
    return joined, places


def _known_key(
    key: _Key,
    order: Sequence[str],
    inputs: Mapping[str, nodes.Node],
    places: Mapping[str, int],
    joined: nodes.Node,
    kind: str,
) -> Expr:
    """Return the value of a key over what is joined so far: of the first input, or of any that is there."""
    refs: list[Expr] = []
    for name in order:
        if name in places:
            at = places[name] + column(inputs[name].schema, key.fields[name]).index
            refs.append(ColumnRef(at, joined.schema[at].type))
    if kind != "full" or len(refs) == 1:
        return refs[0]
    value = refs[-1]
    for ref in reversed(refs[:-1]):
        value = Case(((is_null(ref), value),), ref, ref.type.with_nullable(True))
    return value


def _advanced(
    properties: Mapping[str, str],
    inputs: Mapping[str, nodes.Node],
    schemas: Mapping[str, pa.Schema],
    required: Sequence[str],
) -> tuple[nodes.Node, dict[str, int]]:
    first, second = list(inputs)
    bound = bind_condition(
        properties["conditionExpression"],
        _aliases(properties, inputs),
        {name: inputs[name].schema for name in (first, second)},
    )
    has_first, has_second = first in required, second in required
    kind = "inner" if has_first and has_second else "left" if has_first else "right" if has_second else "full"
    joined = _joined(kind, inputs[first], inputs[second], bound.keys, bound.residual)
    return joined, {first: 0, second: len(inputs[first].schema)}
