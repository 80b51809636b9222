"""The types of a pipeline specification: what a value must be, and what a text stands for."""

from __future__ import annotations

from typing import Any, Final

from penstock.api.kfp.lower.members import Members
from penstock.kernel.errors import Invalid
from penstock.kernel.expr import Expr, Literal, Raw, apply
from penstock.kernel.values import Value

__all__ = ["artifact_type", "constant", "default_of", "parsed", "schema_title", "typed"]

_NAMES: Final[dict[str, str]] = {
    "NUMBER_INTEGER": "number",
    "NUMBER_DOUBLE": "number",
    "BOOLEAN": "boolean",
    "LIST": "list",
    "STRUCT": "object",
}
"""Parameter type → the kind of JSON value it must be; texts, and types that the server fills in, take any."""


def typed(expr: Expr, declared: str) -> Expr:
    """Return a value as a parameter of that type gets it; of another kind it fails. Absence and null stay absent."""
    if isinstance(expr, Literal):
        expr = Literal(constant(expr.value, declared))
    present = apply("coalesce", expr)
    if declared == "STRING":
        value = apply("text", present)
    elif declared in _NAMES:
        value = apply("of_kind", present, _NAMES[declared])
    else:
        return present
    return value if isinstance(expr, Literal) else apply("if", apply("is_present", present), value, apply("absent"))


def constant(value: Value, declared: str) -> Value:
    """Return a constant of the document; YAML has made floats of whole numbers."""
    match value:
        case float() if value.is_integer() and declared != "STRING":
            return int(value)
        case list():
            return [constant(member, "") for member in value]
        case dict():
            return {name: constant(member, "") for name, member in value.items()}
        case _:
            return value


def default_of(definition: Members) -> Literal | None:
    """Return the default of a declared input, or None."""
    value = definition.any("defaultValue")
    return None if value is None else Literal(constant(value, definition.text("parameterType", "")))


def parsed(name: str, declared: str) -> Expr:
    """Return what a step wrote into the file of an output parameter, read by its type."""
    match declared:
        case "NUMBER_INTEGER":
            return apply("integer", Raw(name))
        case "NUMBER_DOUBLE":
            return apply("number", Raw(name))
        case "BOOLEAN":
            return apply("boolean", Raw(name))
        case "LIST" | "STRUCT":
            return apply("parse_json", Raw(name))
        case _:
            return Raw(name)


def artifact_type(definition: Members) -> dict[str, Any]:
    """Return the type of a declared artifact as programs see it."""
    declared = definition.object("artifactType")
    result = {
        name: declared.text(name) for name in ("schemaTitle", "schemaVersion", "instanceSchema") if name in declared
    }
    if not result:
        raise Invalid("the artifact has no type", at=definition.place("artifactType"))
    return result


def schema_title(definition: Members) -> str:
    """Return the name of a declared artifact's type."""
    return definition.object("artifactType").text("schemaTitle", "system.Artifact")
