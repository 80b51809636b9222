"""What previews keep of the records that stages gave."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from penstock.data.conversion import print_value
from penstock.data.record_schema import schema_json

__all__ = ["Tracers"]


class Tracers:
    """The first records of each stage and port. most: how many are kept of each."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.kept: dict[str, dict[str, list[dict[str, Any]]]] = {}

    def keep(self, stage: str, name: str, batch: pa.RecordBatch) -> None:
        """Take records in, as plain values with their schema."""
        records = self.kept.setdefault(stage, {}).setdefault(name, [])
        schema = schema_json(batch.schema, "etlSchemaBody")
        for row in batch.slice(0, max(0, self._most - len(records))).to_pylist():
            records.append({"schema": schema, "fields": {key: _plain(value) for key, value in row.items()}})


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return print_value(value)
