"""One record for each of some fields: its name and its value, beside fields that are copied.

Properties: `fieldMapping` (`field:name,…`, copied), `fieldNormalizing` (`field:typeField:valueField,…`),
`outputSchema`. Values become text, and what the output's schema says of them; a field that is null gives no record.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pyarrow as pa

from penstock.data.conversion import ConversionFailed, as_text, from_text
from penstock.ports.transform import MAIN, Described, Emitted, Finding, Surroundings, TransformFailed
from penstock.transform.stateless import Stateless, check_present, pairs_of, read_schema

__all__ = ["NormalizeTransform"]


class NormalizeTransform:
    """Transform `normalize`."""

    name = "normalize"

    def describe(
        self, properties: Mapping[str, str], schema: pa.Schema | None, hidden: Collection[str] = ()
    ) -> Described:
        """Check lists against the input and against each other."""
        findings: list[Finding] = []
        copied = pairs_of(properties.get("fieldMapping"), "fieldMapping", findings)
        spread = pairs_of(properties.get("fieldNormalizing"), "fieldNormalizing", findings, 3)
        for property, found in (("fieldMapping", copied), ("fieldNormalizing", spread)):
            if not (properties.get(property) or "").strip() and property not in hidden:
                message = (
                    "Fields to map are missing." if property == "fieldMapping" else "Fields to normalize are missing."
                )
                findings.append(Finding(message, f"Give '{property}'.", property))
            check_present(schema, [pair[0] for pair in found], property, findings)
        targets = {pair[1:] for pair in spread}
        for column in (1, 2):
            if len({pair[column] for pair in spread}) > 1:
                what = "field type" if column == 1 else "field value"
                message = f"Expected a single {what} mapping for all normalized fields, found {len(targets)}."
                findings.append(Finding(message, "Use the same for all fields.", "fieldNormalizing"))
        both = {pair[0] for pair in copied} & {pair[0] for pair in spread}
        for name in sorted(both):
            message = f"Field '{name}' cannot be both mapped and normalized."
            findings.append(Finding(message, "Remove it from one list.", "fieldNormalizing", name))
        output = read_schema(properties, "outputSchema", hidden, findings)
        if output is not None:
            self._check_output(output, copied, spread, findings)
        return Described({MAIN: output}, tuple(findings))

    def _check_output(
        self,
        output: pa.Schema,
        copied: list[tuple[str, ...]],
        spread: list[tuple[str, ...]],
        findings: list[Finding],
    ) -> None:
        named = [(pair[1], "fieldMapping") for pair in copied]
        named += [(name, "fieldNormalizing") for pair in spread[:1] for name in pair[1:]]
        for name, property in named:
            if name not in output.names:
                message = f"Mapping field '{name}' must be present in the output schema."
                findings.append(Finding(message, "Add it to the output schema.", property, name))

    def open(self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings) -> Stateless:
        """Return the transform."""
        copied = pairs_of(properties.get("fieldMapping"), "", [])
        spread = pairs_of(properties.get("fieldNormalizing"), "", [], 3)
        output = read_schema(properties, "outputSchema", (), [])
        assert output is not None, "the configuration was checked"
        return Stateless(lambda batch: Emitted.main(_normalized(batch, copied, spread, output)))


def _normalized(
    batch: pa.RecordBatch, copied: list[tuple[str, ...]], spread: list[tuple[str, ...]], output: pa.Schema
) -> pa.RecordBatch:
    values = [as_text(batch.column(source)) for source, _, _ in spread]
    size, width = batch.num_rows, len(spread)
    everything = pa.concat_arrays(values) if values else pa.array([], pa.string())
    order = np.arange(width * size).reshape(width, size).T.reshape(-1)  # record by record
    flat = everything.take(pa.array(order))
    there = np.asarray(flat.is_valid())
    rows = pa.array(np.repeat(np.arange(size), width)[there])
    types = pa.array([source for source, _, _ in spread], pa.string())
    columns: dict[str, pa.Array] = {target: as_text(batch.column(source)).take(rows) for source, target in copied}
    if spread:
        columns[spread[0][1]] = types.take(pa.array(np.tile(np.arange(width), size)[there]))
        columns[spread[0][2]] = flat.filter(pa.array(there))
    arrays = [
        _typed(columns[field.name], field) if field.name in columns else pa.nulls(len(rows), field.type)
        for field in output
    ]
    for field, array in zip(output, arrays, strict=True):
        if array.null_count and not field.nullable:
            raise TransformFailed(f"field {field.name} cannot be set to a null value")
    return pa.RecordBatch.from_arrays(arrays, schema=output)


def _typed(column: pa.Array, field: pa.Field) -> pa.Array:
    try:
        return from_text(column, field.type)
    except ConversionFailed as error:
        raise TransformFailed(f"field '{field.name}': {error}") from None
