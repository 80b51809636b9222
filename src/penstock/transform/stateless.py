"""The common part of transforms that treat each batch by itself, and the reading of their list properties."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import pyarrow as pa

from penstock.data.record_schema import SchemaInvalid, parse_schema
from penstock.ports.transform import Emitted, Finding

__all__ = ["Stateless", "check_present", "mapping_of", "names_of", "pairs_of", "read_schema"]


class Stateless:
    """A transform that is one function of a batch."""

    def __init__(self, function: Callable[[pa.RecordBatch], Emitted]) -> None:
        self._function = function

    def apply(self, batch: pa.RecordBatch) -> Emitted:
        """Call the function."""
        return self._function(batch)

    def finish(self) -> Emitted:
        """Nothing is held back."""
        return Emitted()

    def close(self) -> None:
        """Nothing is held."""


def names_of(text: str | None) -> list[str]:
    """Read names that are separated by commas."""
    return [name.strip() for name in (text or "").split(",") if name.strip()]


def pairs_of(text: str | None, property: str, findings: list[Finding], parts: int = 2) -> list[tuple[str, ...]]:
    """Read items of parts that are separated by colons; the last part may hold colons."""
    found: list[tuple[str, ...]] = []
    for item in (text or "").split(","):
        if not item.strip():
            continue
        pieces = tuple(piece.strip() for piece in item.split(":", parts - 1))
        if len(pieces) != parts or not all(pieces):
            shape = ":".join(["name", "value", "target"][:parts])
            message = f"Invalid value '{item.strip()}' of '{property}'."
            findings.append(Finding(message, f"Write it as '{shape}'.", property, item.strip()))
        else:
            found.append(pieces)
    return found


def mapping_of(text: str | None, property: str, findings: list[Finding]) -> dict[str, str]:
    """Read pairs that are separated by a colon; of pairs with the same first part the last counts."""
    return {pair[0]: pair[1] for pair in pairs_of(text, property, findings)}


def read_schema(
    properties: Mapping[str, str],
    property: str,
    hidden: Collection[str],
    findings: list[Finding],
    *,
    must: bool = True,
    message: str = "Invalid output schema. Output schema must be valid JSON.",
) -> pa.Schema | None:
    """Read a property that holds a schema; None if it is missing, hidden or wrong."""
    if property in hidden:
        return None
    text = properties.get(property)
    if not text:
        if must:
            findings.append(Finding(f"Required property '{property}' has no value.", None, property))
        return None
    try:
        return parse_schema(text)
    except SchemaInvalid as error:
        findings.append(Finding(f"{message} {error}", "Provide a valid schema.", property))
        return None


def check_present(schema: pa.Schema | None, names: Sequence[str], property: str, findings: list[Finding]) -> None:
    """Find fields that the input does not have."""
    for name in names:
        if schema is not None and name not in schema.names:
            message = f"Field '{name}' must be present in the input schema."
            findings.append(Finding(message, "Remove it or mend its name.", property, name))
