"""Runs a transform over a few records."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from penstock.data.record_schema import parse_schema
from penstock.ports.transform import Described, Emitted, Surroundings, TransformKind


def schema_text(**fields: str) -> str:
    """Return a schema as properties hold it; a type that ends in `?` may be null."""
    listed = []
    for name, type in fields.items():
        plain: Any = json.loads(type.rstrip("?")) if type.startswith("{") else type.rstrip("?")
        listed.append({"name": name, "type": [plain, "null"] if type.endswith("?") else plain})
    return json.dumps({"type": "record", "name": "etlSchemaBody", "fields": listed})


def records(schema: str, rows: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
    """Return rows as a batch."""
    return pa.RecordBatch.from_pylist([dict(row) for row in rows], schema=parse_schema(schema))


def run(
    kind: TransformKind,
    properties: Mapping[str, str],
    batch: pa.RecordBatch,
    surroundings: Surroundings | None = None,
) -> Emitted:
    """Check a configuration, which must be right, and put one batch through."""
    described = kind.describe(properties, batch.schema)
    assert described.findings == ()
    transform = kind.open(properties, batch.schema, surroundings or Surroundings("Stage"))
    try:
        emitted = transform.apply(batch)
        last = transform.finish()
    finally:
        transform.close()
    for port, made in emitted.batches:
        wanted = described.outputs[port]
        assert wanted is not None
        assert made.schema.equals(wanted), (port, made.schema, wanted)
    return Emitted(emitted.batches + last.batches, emitted.rejected + last.rejected, emitted.alerts + last.alerts)


def rows_by_port(emitted: Emitted) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each port."""
    found: dict[str, list[dict[str, Any]]] = {}
    for port, batch in emitted.batches:
        found.setdefault(port, []).extend(batch.to_pylist())
    return found


def messages(described: Described) -> list[str]:
    """Return what is wrong."""
    return [finding.message for finding in described.findings]
