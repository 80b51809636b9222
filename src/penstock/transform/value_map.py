"""Values replaced by what a look-up table has for them.

Properties: `mapping` (`field:table:name,…`; the result is called `name`), `defaults` (`field:value,…`, for null,
empty and unknown values; without one they stay as they are).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pyarrow as pa

from penstock.ports.transform import MAIN, Described, Emitted, Finding, Surroundings, TransformFailed
from penstock.transform.datasets import DatasetMissing, open_values
from penstock.transform.stateless import Stateless, check_present, mapping_of, pairs_of

__all__ = ["ValueMapTransform"]


class ValueMapTransform:
    """Transform `value-map`."""

    name = "value-map"

    def describe(
        self, properties: Mapping[str, str], schema: pa.Schema | None, hidden: Collection[str] = ()
    ) -> Described:
        """Check that the fields are there and hold text."""
        findings: list[Finding] = []
        mapped = pairs_of(properties.get("mapping"), "mapping", findings, 3)
        defaults = pairs_of(properties.get("defaults"), "defaults", findings)
        if not mapped and not findings and "mapping" not in hidden:
            findings.append(Finding("Required property 'mapping' has no value.", None, "mapping"))
        check_present(schema, [source for source, _, _ in mapped], "mapping", findings)
        sources = {source for source, _, _ in mapped}
        for source, _ in defaults:
            if source not in sources and not hidden:
                message = f"Defaults contains source field '{source}' that is not part of the mapping."
                findings.append(Finding(message, "Remove it.", "defaults", source))
        for source, _, _ in mapped:
            if schema is not None and source in schema.names and not pa.types.is_string(schema.field(source).type):
                message = f"Input field '{source}' is of invalid type."
                findings.append(Finding(message, "It should be of type string.", "mapping", source))
        if schema is None or findings or "mapping" in hidden:
            return Described({MAIN: None}, tuple(findings))
        targets = {source: target for source, _, target in mapped}
        fields = [field.with_name(targets.get(field.name, field.name)) for field in schema]
        return Described({MAIN: pa.schema(fields)})

    def open(self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings) -> Stateless:
        """Read the tables."""
        output = self.describe(properties, schema).outputs[MAIN]
        assert output is not None, "the configuration was checked"
        defaults = mapping_of(properties.get("defaults"), "", [])
        tables: dict[str, dict[str, str]] = {}
        for source, table, _ in pairs_of(properties.get("mapping"), "", [], 3):
            try:
                found = open_values(surroundings.datasets, table)
            except DatasetMissing as error:
                raise TransformFailed(str(error.args[0])) from None
            tables[source] = {key: str(value) for key, value in found.items() if value is not None}

        def apply(batch: pa.RecordBatch) -> Emitted:
            columns = [
                _mapped(column, tables[name], defaults.get(name)) if name in tables else column
                for name, column in zip(batch.schema.names, batch.columns, strict=True)
            ]
            return Emitted.main(pa.RecordBatch.from_arrays(columns, schema=output))

        return Stateless(apply)


def _mapped(column: pa.Array, table: Mapping[str, str], default: str | None) -> pa.Array:
    encoded = column.dictionary_encode()
    values = []
    for key in encoded.dictionary.to_pylist():
        found = table.get(key) if key else None
        values.append(found if found is not None else default if default is not None else key)
    made = pa.array(values, pa.string()).take(encoded.indices)
    return made if default is None or not made.null_count else made.fill_null(default)
