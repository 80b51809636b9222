"""What every transform must do, whatever it does to records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from penstock.ports.transform import Emitted, Surroundings, TransformKind


class TransformContract:
    """Subclass with the transform, a right configuration, and records that it takes."""

    kind: TransformKind
    properties: Mapping[str, str]
    records: pa.RecordBatch

    def test_a_right_configuration_has_no_findings_and_known_outputs(self) -> None:
        described = self.kind.describe(self.properties, self.records.schema)
        assert described.findings == ()
        assert described.outputs and all(schema is not None for schema in described.outputs.values())

    def test_a_description_never_raises(self) -> None:
        for schema in (None, pa.schema([]), self.records.schema):
            assert self.kind.describe({}, schema).outputs is not None
            for name in self.properties:
                without = {key: text for key, text in self.properties.items() if key != name}
                self.kind.describe({**self.properties, name: "\x00{[("}, schema)
                self.kind.describe(without, schema)
                self.kind.describe(without, schema, {name})

    def test_a_hidden_property_is_not_reported(self) -> None:
        for name in self.properties:
            without = {key: text for key, text in self.properties.items() if key != name}
            described = self.kind.describe(without, self.records.schema, {name})
            assert [finding.message for finding in described.findings if finding.property == name] == []

    def test_batches_have_the_schema_that_was_described_for_their_port(self) -> None:
        outputs = self.kind.describe(self.properties, self.records.schema).outputs
        for port, batch in self.put(self.records).batches:
            wanted = outputs[port]
            assert batch.num_rows > 0
            assert wanted is not None and batch.schema.equals(wanted)

    def test_refused_records_have_the_schema_of_the_input_or_that_described(self) -> None:
        described = self.kind.describe(self.properties, self.records.schema)
        for rejected in self.put(self.records).rejected:
            assert rejected.records.schema.equals(described.rejected or self.records.schema)
            assert len(rejected.codes) == len(rejected.messages) == rejected.records.num_rows

    def test_records_one_by_one_give_what_they_give_together(self) -> None:
        pieces = [self.records.slice(at, 1) for at in range(self.records.num_rows)]
        together, apart = self.put(self.records), self.put(*pieces)
        assert _rows(together) == _rows(apart)
        assert _refused(together) == _refused(apart)

    def test_a_run_twice_gives_the_same(self) -> None:
        assert _rows(self.put(self.records)) == _rows(self.put(self.records))

    def put(self, *batches: pa.RecordBatch) -> Emitted:
        """Put batches through a transform of its own."""
        transform = self.kind.open(self.properties, self.records.schema, Surroundings("Stage"))
        try:
            made = [transform.apply(batch) for batch in batches]
            made.append(transform.finish())
        finally:
            transform.close()
        return Emitted([b for one in made for b in one.batches], [r for one in made for r in one.rejected])


def _rows(emitted: Emitted) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for port, batch in emitted.batches:
        found.setdefault(port, []).extend(batch.to_pylist())
    return found


def _refused(emitted: Emitted) -> list[tuple[Any, ...]]:
    return [
        row
        for one in emitted.rejected
        for row in zip(one.codes.to_pylist(), one.messages.to_pylist(), one.records.to_pylist(), strict=True)
    ]
