"""Groups, and what is computed over each. Properties: `groupByFields`, `aggregates`.

An aggregate is `name:function(field)`, or `name:function(field):condition(…)` for functions that end in If: only
records of which the condition is true count. They are separated by commas, so a condition cannot hold one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from penstock.data.types import BIGINT, BOOLEAN, INTEGER, Field, Kind, SqlType
from penstock.ports.transform import MAIN, Described, Finding
from penstock.services.phases.relations.columns import cast_to, column, is_null
from penstock.services.phases.relations.relation import Condition, Inputs, names_of
from penstock.sql.plan import nodes
from penstock.sql.plan.expr import Call, Case, Expr, Literal

__all__ = ["GroupRelation"]

_NUMBERS = ("int", "long", "float", "double")
_RESULTS = {
    "count": pa.int64(),
    "avg": pa.float64(),
    "stddev": pa.float64(),
    "variance": pa.float64(),
    "sumofsquares": pa.float64(),
    "correctedsumofsquares": pa.float64(),
    "countdistinct": pa.int32(),
    "countnulls": pa.int64(),
    "concat": pa.string(),
    "concatdistinct": pa.string(),
    "longeststring": pa.string(),
    "shorteststring": pa.string(),
    "logicaland": pa.bool_(),
    "logicalor": pa.bool_(),
}
_FUNCTIONS = (*_RESULTS, "sum", "min", "max", "first", "last", "collectlist", "collectset", "any")
_NEVER_NULL = ("count", "countdistinct", "countnulls", "concat", "concatdistinct", "collectlist", "collectset")
_DOUBLE, _TEXT = SqlType(Kind.DOUBLE), SqlType(Kind.VARCHAR)


@dataclass(frozen=True, slots=True)
class _Aggregate:
    """One aggregate as written: function in lower case without its If, field (`*` for all), condition."""

    text: str
    name: str
    function: str
    field: str
    condition: str | None


class GroupRelation:
    """Stage `group`."""

    def describe(self, properties: Mapping[str, str], inputs: Inputs, hidden: Collection[str]) -> Described:
        """Check fields, functions, types and conditions."""
        findings: list[Finding] = []
        schema = inputs.single
        keys = names_of(properties.get("groupByFields"))
        aggregates = _parse(properties.get("aggregates") or "", findings)
        _check_names(keys, aggregates, findings)
        if schema is not None:
            for name in keys:
                if schema.get_field_index(name) < 0:
                    message = f"Cannot group by field '{name}' because it does not exist in input schema."
                    findings.append(Finding(message, "Remove this field.", "groupByFields", name))
            for aggregate in aggregates:
                _check(aggregate, schema, inputs, findings)
        if schema is None or findings or "groupByFields" in hidden or "aggregates" in hidden:
            return Described({MAIN: None}, tuple(findings))
        fields = [schema.field(name) for name in keys]
        fields += [pa.field(a.name, _result(a, schema), nullable=a.function not in _NEVER_NULL) for a in aggregates]
        return Described({MAIN: pa.schema(fields)})

    def conditions(self, properties: Mapping[str, str]) -> Sequence[Condition]:
        """One for each different condition of the aggregates."""
        texts = dict.fromkeys(a.condition for a in _parse(properties.get("aggregates") or "", []) if a.condition)
        return [Condition(f"\x00if{i}", text) for i, text in enumerate(texts)]

    def plan(
        self, properties: Mapping[str, str], inputs: Mapping[str, nodes.Node], schemas: Mapping[str, pa.Schema]
    ) -> nodes.Node:
        """Aggregate, then what is made of one or two calls each."""
        node = inputs[""]
        keys = tuple(column(node.schema, name) for name in names_of(properties.get("groupByFields")))
        aggregates = _parse(properties.get("aggregates") or "", [])
        columns = {condition.text: condition.column for condition in self.conditions(properties)}
        calls: list[nodes.AggregateCall] = []
        fields: list[Field] = [node.schema[key.index] for key in keys]
        makers = []
        for aggregate in aggregates:
            filter = None if aggregate.condition is None else column(node.schema, columns[aggregate.condition])
            first = len(calls)
            for name, args, type, distinct, keep in _calls(aggregate, node):
                condition = keep if filter is None else _and(filter, keep)
                calls.append(nodes.AggregateCall(name, args, aggregate.name, distinct, condition))
                fields.append(Field(f"{len(fields)}", type))
            makers.append((aggregate, len(keys) + first))
        grouped = nodes.Aggregate(node, keys, tuple(calls), tuple(fields))
        exprs: list[Expr] = [column(grouped.schema, field.name) for field in fields[: len(keys)]]
        shown = list(fields[: len(keys)])
        for aggregate, at in makers:
            expr = _made(aggregate, node, grouped.schema, at)
            exprs.append(expr)
            shown.append(Field(aggregate.name, expr.type))
        return nodes.Project(grouped, tuple(exprs), tuple(shown))


def _parse(text: str, findings: list[Finding]) -> list[_Aggregate]:
    aggregates: list[_Aggregate] = []
    for item in (part.strip() for part in text.split(",")):
        if not item:
            continue
        parsed = _parse_one(item)
        if isinstance(parsed, str):
            findings.append(Finding(parsed, "Write it as name:function(field).", "aggregates", item))
        else:
            aggregates.append(parsed)
    return aggregates


def _parse_one(item: str) -> _Aggregate | str:
    name, colon, rest = item.partition(":")
    if not colon:
        return f"Could not find ':' separating aggregate name from its function in '{item}'."
    name, rest = name.strip(), rest.strip()
    match = re.match(r"([A-Za-z]+)\s*\(\s*([^()]*?)\s*\)\s*(?::\s*condition\s*\((.*)\))?\s*\Z", rest, re.S)
    if match is None:
        return f"Could not find '(' and a closing ')' in the aggregate '{item}'."
    function, field, condition = match[1].lower(), match[2], match[3]
    if function.endswith("if"):
        if not condition:
            return f"Missing 'condition' property in the aggregate '{item}'."
        function = function[:-2]
    elif condition is not None:
        return f"Function '{match[1]}' in '{item}' takes no condition; use '{match[1]}If'."
    if function not in _FUNCTIONS:
        return f"Invalid function '{match[1]}' in '{item}'; there are {', '.join(_FUNCTIONS)}, and each with If."
    if not name or not field:
        return f"The aggregate '{item}' has no name or no field."
    return _Aggregate(item, name, function, field, condition)


def _check_names(keys: Sequence[str], aggregates: Sequence[_Aggregate], findings: list[Finding]) -> None:
    seen = set(keys)
    for aggregate in aggregates:
        if aggregate.name in seen:
            message = f"Duplicate name '{aggregate.name}'."
            findings.append(Finding(message, "Give each aggregate a name of its own.", "aggregates", aggregate.text))
        seen.add(aggregate.name)


def _check(aggregate: _Aggregate, schema: pa.Schema, inputs: Inputs, findings: list[Finding]) -> None:
    function, field = aggregate.function, aggregate.field
    if field == "*":
        if function != "count":
            message = f"Function '{function}' cannot take '*'."
            findings.append(Finding(message, "Name a field.", "aggregates", aggregate.text))
    elif schema.get_field_index(field) < 0:
        message = f"Invalid aggregate {function}({field}): Field '{field}' does not exist in input schema."
        findings.append(Finding(message, "Use a field of the input.", "aggregates", aggregate.text))
    else:
        problem = _type_problem(function, schema.field(field).type)
        if problem:
            message = f"Invalid aggregate {function}({field}): {problem}"
            findings.append(Finding(message, "Use another field.", "aggregates", aggregate.text))
    if aggregate.condition is not None and inputs.predicates:
        language = next(iter(inputs.predicates.values()))
        try:
            language.compile(aggregate.condition, schema)
        except ValueError as error:
            message = f"Invalid condition of '{aggregate.name}': {error}."
            findings.append(Finding(message, None, "aggregates", aggregate.text))


def _type_problem(function: str, kind: pa.DataType) -> str | None:
    types = pa.types
    is_number = (types.is_integer(kind) or types.is_floating(kind)) and not types.is_float16(kind)
    if function in ("sum", "min", "max", "avg", "stddev", "variance", "sumofsquares", "correctedsumofsquares"):
        return None if is_number else f"it takes one of {', '.join(_NUMBERS)}."
    if function in ("concat", "concatdistinct", "longeststring", "shorteststring"):
        return None if types.is_string(kind) else "it takes a string."
    if function in ("logicaland", "logicalor"):
        return None if types.is_boolean(kind) else "it takes a boolean."
    if function == "countdistinct":
        fits = types.is_string(kind) or types.is_integer(kind) or types.is_boolean(kind)
        return None if fits else "it takes a string, an int, a long or a boolean."
    return None


def _result(aggregate: _Aggregate, schema: pa.Schema) -> pa.DataType:
    if aggregate.function in _RESULTS:
        return _RESULTS[aggregate.function]
    kind = schema.field(aggregate.field).type
    if aggregate.function in ("collectlist", "collectset"):
        return pa.list_(pa.field("item", kind, nullable=True))
    return kind


_Made = tuple[str, tuple[Expr, ...], SqlType, bool, "Expr | None"]
"""Name, arguments, result type, whether distinct, and a condition of its own."""


def _calls(aggregate: _Aggregate, node: nodes.Node) -> list[_Made]:
    """Return the circuit's calls that an aggregate is made of."""
    function = aggregate.function
    if aggregate.field == "*":
        return [("COUNT", (), BIGINT, False, None)]
    ref = column(node.schema, aggregate.field)
    same = ref.type.with_nullable(True)
    double = cast_to(ref, _DOUBLE)
    simple: dict[str, _Made] = {
        "count": ("COUNT", (ref,), BIGINT, False, None),
        "countnulls": ("COUNT", (), BIGINT, False, is_null(ref)),
        "min": ("MIN", (ref,), same, False, None),
        "max": ("MAX", (ref,), same, False, None),
        "avg": ("RUNNING_AVG", (double,), _DOUBLE, False, None),
        "stddev": ("RUNNING_STDDEV", (double,), _DOUBLE, False, None),
        "variance": ("RUNNING_VARIANCE", (double,), _DOUBLE, False, None),
        "sumofsquares": ("SUM_OF_SQUARES", (double,), _DOUBLE, False, None),
        "correctedsumofsquares": ("CORRECTED_SUM_OF_SQUARES", (double,), _DOUBLE, False, None),
        "sum": ("RUNNING_SUM" if ref.type.kind is Kind.DOUBLE else "WRAPPING_SUM", (ref,), same, False, None),
        "first": ("FIRST_ARRIVED", (ref,), same, False, None),
        "last": ("LAST_ARRIVED", (ref,), same, False, None),
        "any": ("FIRST_ARRIVED", (ref,), same, False, Call("IS NOT NULL", (ref,), BOOLEAN)),
        "concat": ("JOIN_ARRIVED", (ref,), _TEXT, False, None),
        "concatdistinct": ("JOIN_ARRIVED", (ref,), _TEXT, True, None),
        "collectlist": ("LIST_ARRIVED", (ref,), _list_of(ref.type), False, None),
        "collectset": ("LIST_ARRIVED", (ref,), _list_of(ref.type), True, None),
        "logicaland": ("BOOL_AND", (ref,), same, False, None),
        "logicalor": ("BOOL_OR", (ref,), same, False, None),
    }
    if function in simple:
        return [simple[function]]
    if function == "countdistinct":
        return [("COUNT", (ref,), BIGINT, True, None), ("COUNT", (), BIGINT, False, is_null(ref))]
    length = Call("CHAR_LENGTH", (ref,), SqlType(Kind.INTEGER, ref.type.nullable))
    name = "FIRST_WITH_GREATEST" if function == "longeststring" else "FIRST_WITH_LEAST"
    return [(name, (ref, length), same, False, Call("IS NOT NULL", (ref,), BOOLEAN))]


def _made(aggregate: _Aggregate, node: nodes.Node, grouped: Sequence[Field], at: int) -> Expr:
    """Return an aggregate's value from the results of its calls, the first of which is column `at`."""
    value: Expr = column(tuple(grouped), grouped[at].name)
    function = aggregate.function
    if function == "countdistinct":
        nulls = column(tuple(grouped), grouped[at + 1].name)
        has_null = Call(">", (nulls, Literal(0, BIGINT)), BOOLEAN)
        one = Case(((has_null, Literal(1, BIGINT)),), Literal(0, BIGINT), BIGINT)
        return cast_to(Call("+", (value, one), BIGINT), INTEGER)
    if function in ("logicaland", "logicalor"):
        nothing = Literal(function == "logicaland", BOOLEAN)
        return Case(((is_null(value), nothing),), value, value.type)
    return value


def _list_of(type: SqlType) -> SqlType:
    return SqlType(Kind.ARRAY, False, element=type.with_nullable(True))


def _and(left: Expr, right: Expr | None) -> Expr:
    return left if right is None else Call("AND", (left, right), BOOLEAN)
