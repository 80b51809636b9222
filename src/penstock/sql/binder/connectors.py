"""WITH properties of tables and views: which there are, what they hold, and the connectors among them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from penstock.sql.diagnostics import SqlError
from penstock.sql.parser.ast import PropertyItem
from penstock.sql.plan.nodes import Property

CONNECTOR_ERROR = "ConnectorGenerationError"
_TABLE = frozenset(("connectors", "materialized", "append_only", "expected_size", "skip_unused_columns"))
_VIEW = frozenset(("connectors", "emit_final", "expected_size"))
_BOOLEAN = frozenset(("materialized", "append_only", "skip_unused_columns"))
_BOTH = frozenset(("http_input", "http_output"))
_INPUTS = frozenset(("datagen", "nexmark", "adhoc_input", "clock"))


@dataclass(frozen=True, slots=True)
class Properties:
    """The checked properties of one relation."""

    items: tuple[Property, ...]
    connectors: tuple[dict[str, object], ...]

    def flag(self, key: str) -> bool:
        """Whether a boolean property is there and true."""
        return any(p.key == key and p.value.strip().lower() == "true" for p in self.items)

    def get(self, key: str) -> Property | None:
        """Return the property of this name."""
        return next((p for p in self.items if p.key == key), None)


def bind_properties(items: Sequence[PropertyItem], *, view: bool) -> Properties:
    """Check the properties of a table or view.

    Raises:
        SqlError: an unknown or repeated property or a bad value; kind "ConnectorGenerationError" for bad connectors.
    """
    known = _VIEW if view else _TABLE
    seen: list[Property] = []
    connectors: tuple[dict[str, object], ...] = ()
    for item in items:
        key = item.key.lower()
        if key not in known:
            what = "view" if view else "table"
            raise SqlError(f"Unknown property '{item.key}' of a {what}", item.key_span)
        if any(p.key == key for p in seen):
            raise SqlError(f"Duplicate key '{item.key}'", item.key_span)
        if key in _BOOLEAN and item.value.strip().lower() not in ("true", "false"):
            raise SqlError(f"Expected a boolean value for property '{key}', got '{item.value}'", item.value_span)
        if key == "expected_size" and not re.fullmatch(r"\s*\d+\s*", item.value):
            raise SqlError(f"Expected a number for property '{key}', got '{item.value}'", item.value_span)
        if key == "connectors":
            connectors = _connectors(item, view)
        seen.append(Property(key, item.value, item.key_span, item.value_span))
    return Properties(tuple(seen), connectors)


def _connectors(item: PropertyItem, view: bool) -> tuple[dict[str, object], ...]:
    def wrong(message: str) -> SqlError:
        return SqlError(message, item.value_span, CONNECTOR_ERROR)

    try:
        parsed = json.loads(item.value)
    except ValueError as error:
        raise wrong(f"the value of 'connectors' is not valid JSON: {error}") from None
    if not isinstance(parsed, list):
        raise wrong("the value of 'connectors' must be an array")
    names: set[str] = set()
    for index, connector in enumerate(parsed):
        if not isinstance(connector, dict):
            raise wrong(f"connector {index} is not an object")
        transport = connector.get("transport")
        if not isinstance(transport, dict) or not isinstance(transport.get("name"), str):
            raise wrong(f"connector {index} has no 'transport' with a 'name'")
        name = connector.get("name", f"unnamed-{index}")
        if not isinstance(name, str):
            raise wrong(f"the name of connector {index} is not a string")
        if name in names:
            raise wrong(f"two connectors have the same name '{name}'")
        names.add(name)
        kind = transport["name"]
        if view and (kind in _INPUTS or (kind.endswith("_input") and kind not in _BOTH)):
            raise wrong(f"input transport '{kind}' of connector '{name}' cannot be used on a view")
        if not view and kind.endswith("_output") and kind not in _BOTH:
            raise wrong(f"output transport '{kind}' of connector '{name}' cannot be used on a table")
    return tuple(parsed)
