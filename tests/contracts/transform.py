"""What every record-wise transform keeps to. Subclass, give a kind and a configuration that is right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from penstock.ports.transform import MAIN, Surroundings, TransformKind

__all__ = ["TransformContract"]


class TransformContract:
    """kind, properties, schema, rows: a transform, a configuration of it, and records it takes without an error."""

    kind: TransformKind
    properties: Mapping[str, str]
    schema: pa.Schema
    rows: list[dict[str, Any]]

    def test_a_right_configuration_has_no_findings_and_known_outputs(self) -> None:
        described = self.kind.describe(self.properties, self.schema)

        assert described.findings == ()
        assert all(schema is not None for schema in described.outputs.values())

    def test_an_unknown_input_and_hidden_properties_are_no_fault(self) -> None:
        described = self.kind.describe(self.properties, None)
        nothing = self.kind.describe({}, self.schema, tuple(self.properties))

        assert described.findings == ()
        assert nothing.findings == ()

    def test_what_comes_out_has_the_described_schemas(self) -> None:
        outputs = self.kind.describe(self.properties, self.schema).outputs
        for port, batch in self._run(1):
            assert batch.schema.remove_metadata() == outputs[port].remove_metadata()  # type: ignore[union-attr]
            batch.validate(full=True)

    def test_the_same_records_give_the_same_in_whatever_batches_they_come(self) -> None:
        whole = [row for port, batch in self._run(1) for row in batch.to_pylist() if port == MAIN]
        parts = [row for port, batch in self._run(len(self.rows)) for row in batch.to_pylist() if port == MAIN]

        assert parts == whole

    def _run(self, parts: int) -> list[tuple[str, pa.RecordBatch]]:
        batch = pa.RecordBatch.from_pylist(self.rows, schema=self.schema)
        transform = self.kind.open(self.properties, self.schema, Surroundings("stage"))
        found: list[tuple[str, pa.RecordBatch]] = []
        size = -(-batch.num_rows // parts)
        try:
            for start in range(0, batch.num_rows, size):
                emitted = transform.apply(batch.slice(start, size))
                assert emitted.rejected == []
                found.extend(emitted.batches)
            found.extend(transform.finish().batches)
        finally:
            transform.close()
        return found
