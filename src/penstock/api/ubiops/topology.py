"""Is a version of a pipeline a pipeline? Pure: objects with their ends, and what connects them.

Source: the product's rules for objects and attachments. Fields that nobody feeds are no error here, because versions
are built step by step; a request says what is missing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

from penstock.api.ubiops.expressions import ExpressionError, check_expression
from penstock.api.ubiops.kinds import (
    DATA_TYPES,
    PLAIN,
    STRUCTURED,
    FieldBody,
)
from penstock.api.ubiops.wire import Attachment
from penstock.kernel.errors import Invalid
from penstock.kernel.signature import Field, FieldType, Misfit, Signature, fit

__all__ = [
    "END",
    "ON_ERROR",
    "OPERATORS",
    "START",
    "Ends",
    "check_attachments",
    "operator_configuration",
    "operator_ends",
]

START: Final = "pipeline_start"
END: Final = "pipeline_end"
ON_ERROR: Final = ("stop", "continue")

OPERATORS: Final = (
    "function",
    "if-condition",
    "pipeline-variable",
    "raise-error",
    "one-to-many",
    "many-to-one",
    "count-many",
)

_WIDER: Final = {("int", "double"), ("array_int", "array_double")}
"""A value of the first type is one of the second as well."""


@dataclass(frozen=True, slots=True)
class Ends:
    """What an object takes and gives."""

    input_type: str
    input_fields: tuple[FieldBody, ...]
    output_type: str
    output_fields: tuple[FieldBody, ...]


def operator_configuration(operator: str, given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return what an operator is told, complete. where: the object, for messages.

    Raises: Invalid.
    """
    if operator not in OPERATORS:
        raise Invalid(f"{where}: there is no operator {operator!r}; there are {', '.join(OPERATORS)}")
    made: dict[str, Any] = {
        key: [{"name": each.name, "data_type": each.data_type} for each in _fields(given.get(key), f"{where}.{key}")]
        for key in ("input_fields", "output_fields")
    }
    match operator:
        case "function" | "if-condition":
            made["expression"] = _text(given, "expression", where)
            try:
                check_expression(made["expression"], [field["name"] for field in made["input_fields"]])
            except ExpressionError as error:
                raise Invalid(f"{where}.expression: {error}") from None
        case "raise-error":
            made["error_message"] = _text(given, "error_message", where)
        case "pipeline-variable":
            made["output_values"] = _values(given, made["output_fields"], where)
        case "one-to-many":
            made["batch_size"] = _batch_size(given.get("batch_size"), where)
    if operator in ("function", "count-many") and len(made["output_fields"]) != 1:
        raise Invalid(f"{where}: the operator {operator} has exactly one output field")
    return made


def operator_ends(operator: str, configuration: Mapping[str, Any]) -> Ends:
    """Return what an operator takes and gives; the two that split and gather pass on whatever they get."""
    takes = tuple(FieldBody(each["name"], each["data_type"]) for each in configuration.get("input_fields", ()))
    gives = tuple(FieldBody(each["name"], each["data_type"]) for each in configuration.get("output_fields", ()))
    if operator in ("one-to-many", "many-to-one") and not takes and not gives:
        return Ends(PLAIN, (), PLAIN, ())
    return Ends(STRUCTURED, takes, STRUCTURED, gives)


def check_attachments(attachments: Sequence[Attachment], ends: Mapping[str, Ends], variables: Iterable[str]) -> None:
    """Check what connects a pipeline's objects.

    Args:
        ends: of the objects by name; what `START` gives and `END` takes are among them.
        variables: objects that have nothing before them.
    Raises: Invalid, naming the attachment and what is wrong in it.
    """
    unfed = frozenset(variables)
    for index, attachment in enumerate(attachments):
        where = f"attachments[{index}]"
        destination = attachment.destination_name
        if destination == START or destination not in ends:
            raise Invalid(f"{where}: the destination {destination!r} is not an object of this pipeline version")
        if destination in unfed:
            raise Invalid(f"{where}: {destination!r} is a pipeline variable, and nothing can be attached to it")
        if not attachment.sources:
            raise Invalid(f"{where}: the attachment to {destination!r} has no sources")
        _check_sources(attachment, ends, where)
    _check_cycles(attachments)


def _check_sources(attachment: Attachment, ends: Mapping[str, Ends], where: str) -> None:
    destination = attachment.destination_name
    takes = {field.name: field.data_type for field in ends[destination].input_fields}
    fed: dict[str, str] = {}
    seen: set[str] = set()
    plain = 0
    for source in attachment.sources:
        name = source.source_name
        if name == END or name not in ends:
            raise Invalid(f"{where}: the source {name!r} is not an object of this pipeline version")
        if name in seen:
            raise Invalid(f"{where}: the source {name!r} is there twice")
        seen.add(name)
        mapping = source.mapping or ()
        pair = (ends[name].output_type, ends[destination].input_type)
        if mapping and PLAIN in pair:
            raise Invalid(
                f"{where}: {name!r} gives {pair[0]} and {destination!r} takes {pair[1]} data; "
                "only structured data has fields that can be mapped"
            )
        plain += pair == (PLAIN, PLAIN)
        gives = {field.name: field.data_type for field in ends[name].output_fields}
        for each in mapping:
            _check_mapping(each.source_field_name, each.destination_field_name, gives, takes, name, destination, where)
            if each.destination_field_name in fed:
                raise Invalid(f"{where}: the field {each.destination_field_name!r} of {destination!r} is fed twice")
            fed[each.destination_field_name] = name
    if plain > 1:
        raise Invalid(f"{where}: {destination!r} takes one plain value, and {plain} sources give one")


def _check_mapping(
    source_field: str,
    field: str,
    gives: Mapping[str, str],
    takes: Mapping[str, str],
    source: str,
    destination: str,
    where: str,
) -> None:
    if source_field not in gives:
        raise Invalid(f"{where}: {source!r} has no output field {source_field!r}; it has {_listed(gives)}")
    if field not in takes:
        raise Invalid(f"{where}: {destination!r} has no input field {field!r}; it has {_listed(takes)}")
    types = (gives[source_field], takes[field])
    if types[0] != types[1] and types not in _WIDER:
        raise Invalid(
            f"{where}: the field {source_field!r} of {source!r} is of type {types[0]}, "
            f"and {field!r} of {destination!r} of type {types[1]}"
        )


def _check_cycles(attachments: Sequence[Attachment]) -> None:
    before: dict[str, set[str]] = {}
    for attachment in attachments:
        before.setdefault(attachment.destination_name, set()).update(each.source_name for each in attachment.sources)
    try:
        TopologicalSorter(before).prepare()
    except CycleError as error:
        raise Invalid(f"attachments: the objects form a cycle: {' -> '.join(reversed(error.args[1]))}") from None


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names) or "none"


def _fields(given: object, where: str) -> list[FieldBody]:
    made: dict[str, FieldBody] = {}
    if given is not None and not isinstance(given, list):
        raise Invalid(f"{where}: this must be a list of fields")
    for each in given or ():
        if not isinstance(each, dict) or not isinstance(each.get("name"), str) or not each["name"]:
            raise Invalid(f"{where}: a field has a name and a data_type")
        if each.get("data_type") not in DATA_TYPES:
            raise Invalid(f"{where}: the type of {each['name']!r} must be one of {', '.join(DATA_TYPES)}")
        if each["name"] in made:
            raise Invalid(f"{where}: the field {each['name']!r} is there twice")
        made[each["name"]] = FieldBody(each["name"], each["data_type"])
    return list(made.values())


def _text(given: Mapping[str, Any], key: str, where: str) -> str:
    text = given.get(key)
    if not isinstance(text, str) or not text.strip():
        raise Invalid(f"{where}.{key}: this text is required")
    return text


def _values(given: Mapping[str, Any], fields: list[dict[str, str]], where: str) -> list[dict[str, Any]]:
    values = given.get("output_values")
    if not isinstance(values, list) or not all(isinstance(each, dict) and "name" in each for each in values):
        raise Invalid(f"{where}.output_values: this must be a list of names and values")
    signature = Signature(tuple(Field(each["name"], FieldType(each["data_type"])) for each in fields))
    try:
        fitted = fit(signature, {str(each["name"]): each.get("value") for each in values})
    except Misfit as error:
        raise Invalid(f"{where}.output_values: {error}") from None
    assert isinstance(fitted, dict)
    return [{"name": name, "value": value} for name, value in fitted.items()]


def _batch_size(value: object, where: str) -> int | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        return value
    raise Invalid(f"{where}.batch_size: {value!r} is no number of items; it must be 1 or more, or null")
