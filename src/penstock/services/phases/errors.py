"""Refused records as records: the original fields, and message, code and stage where fields are named for them."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from penstock.ports.transform import MAIN, Described, Finding, Rejected

__all__ = ["collect_errors", "describe_errors"]

_ADDED = (("messageField", pa.string()), ("codeField", pa.int32()), ("stageField", pa.string()))


def describe_errors(properties: Mapping[str, str], schema: pa.Schema | None) -> Described:
    """Check names of the added fields against the refused records' schema."""
    if schema is None:
        return Described({MAIN: None})
    findings = [
        Finding(f"Field '{name}' already exists in the input schema.", "Choose another name.", key, name)
        for key, _ in _ADDED
        if (name := properties.get(key)) and schema.get_field_index(name) >= 0
    ]
    added = [pa.field(properties[key], kind, nullable=True) for key, kind in _ADDED if properties.get(key)]
    return Described({MAIN: None if findings else pa.schema([*schema, *added])}, tuple(findings))


def collect_errors(properties: Mapping[str, str], rejected: Rejected, stage: str, schema: pa.Schema) -> pa.RecordBatch:
    """Return records of the described schema."""
    added = {
        "messageField": rejected.messages,
        "codeField": rejected.codes,
        "stageField": pa.repeat(pa.scalar(stage), rejected.records.num_rows),
    }
    columns = [*rejected.records.columns, *(added[key] for key, _ in _ADDED if properties.get(key))]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
