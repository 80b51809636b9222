"""Resource references of v1beta1: what requests point at, what replies name, and how lists are restricted by them."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from penstock.api.kfp.wire import Reference
from penstock.kernel.errors import Invalid

__all__ = ["key_of", "reference", "target"]

_TYPES: Final = ("UNKNOWN_RESOURCE_TYPE", "EXPERIMENT", "JOB", "PIPELINE", "PIPELINE_VERSION", "NAMESPACE")
_RELATIONSHIPS: Final = ("UNKNOWN_RELATIONSHIP", "OWNER", "CREATOR")


def reference(type: str, id: str, relationship: str, name: str = "") -> dict[str, Any]:
    """Return a reference as it is sent."""
    shown: dict[str, Any] = {"key": {"type": type, "id": id}, "relationship": relationship}
    return shown | {"name": name} if name else shown


def target(references: Iterable[Reference], type: str, relationship: str | None = None) -> str | None:
    """Return the id of the first reference of a type, or None; of that relationship, where one is asked for.

    Raises: Invalid if a reference has a type or relationship that there is not.
    """
    found = None
    for at, each in enumerate(references):
        place = f"/resource_references/{at}"
        kind = _member(each.key.type, _TYPES, f"{place}/key/type")
        how = _member(each.relationship, _RELATIONSHIPS, f"{place}/relationship")
        if kind == type and relationship in (None, how) and found is None:
            found = each.key.id
    return found


def key_of(query: Mapping[str, str], parameter: str, allowed: tuple[str, ...]) -> tuple[str, str] | None:
    """Return type and id of the reference that restricts a list, or None if nothing does.

    A namespace restricts nothing, there being only one.
    Raises: Invalid.
    """
    text = query.get(f"{parameter}.type", "")
    id = query.get(f"{parameter}.id", "")
    kind = _member(int(text) if text.isdecimal() else text, _TYPES, f"{parameter}.type")
    if kind == "UNKNOWN_RESOURCE_TYPE":
        if id:
            raise Invalid(f"{parameter}.id is given without a type", at=f"{parameter}.type")
        return None
    if kind not in allowed:
        raise Invalid(f"{parameter}.type is {kind}; it must be one of {', '.join(allowed)}", at=f"{parameter}.type")
    if kind == "NAMESPACE":
        return None
    if not id:
        raise Invalid(f"{parameter}.id is empty; it must name the {kind.lower()}", at=f"{parameter}.id")
    return kind, id


def _member(value: str | int, names: tuple[str, ...], at: str) -> str:
    if value == "":
        return names[0]
    if isinstance(value, int) and 0 <= value < len(names):
        return names[value]
    if value not in names:
        raise Invalid(f"{value!r} is not one of {', '.join(names)}", at=at)
    return str(value)
