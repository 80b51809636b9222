"""The one file of the benchmarks that knows the names of Penstock's engine: read, compile, lower, step, decode.

It drives a circuit in this very process, without server, socket or checkpoint: what is measured is planner and engine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from penstock.circuit.circuit import Circuit
from penstock.circuit.lower import lower
from penstock.connect.formats import csv_scan
from penstock.data.arrow import from_arrow, to_arrow
from penstock.data.batch import Batch
from penstock.data.changes import Changes
from penstock.data.types import Schema
from penstock.sql.compile import compile_program


@dataclass(slots=True)
class Engine:
    """One running circuit."""

    circuit: Circuit
    schemas: dict[str, Schema]

    def step(
        self, rows: Mapping[str, pa.RecordBatch], weights: Mapping[str, pa.Array] | None = None
    ) -> dict[str, Batch]:
        """Apply one step of changes; give the change of each relation that changed.

        Columns of a table that a record batch lacks are NULL. Without weights, each row is inserted once.
        """
        inputs = {}
        for name, batch in rows.items():
            counts = None if weights is None else np.array(weights[name])
            inputs[name] = Changes.of(
                from_arrow(batch, self.schemas[name], self.circuit.pool, counts, self.circuit.fates.get(name))
            )
        return self.circuit.step(inputs)

    def decode(self, relation: str, change: Batch) -> tuple[pa.Table, pa.Array]:
        """Turn the change of a table or view into Arrow rows and their weights."""
        batch = to_arrow(change, self.circuit.outputs[relation].schema, self.circuit.pool)
        return pa.Table.from_batches([batch]), pa.array(change.weights)

    def contents(self, relation: str) -> tuple[pa.Table, pa.Array]:
        """Return the rows of a materialized view and how often each is in it."""
        return self.decode(relation, self.circuit.contents(relation))

    def state_rows(self) -> int:
        """Count the rows that the circuit keeps, all operators together; a row in two indexes counts twice."""
        return sum(len(part) for wired in self.circuit.operators for part in wired.operator.parts().values())

    def hottest(self) -> list[tuple[str, float]]:
        """List the operators by the seconds they took, the slowest first."""
        spent = [(wired.operator.title, wired.time_ns / 1e9) for wired in self.circuit.operators]
        return sorted(spent, key=lambda pair: -pair[1])


def read_csv(lines: bytes | memoryview, schema: pa.Schema, names: Sequence[str]) -> pa.RecordBatch:
    """Read whole lines of plain CSV with the format's own reader: the columns named, of all that a line has."""
    kinds = [_kind(field.type) if field.name in names else csv_scan.SKIP for field in schema]
    order = [field.name for field in schema if field.name in names]
    batch = csv_scan.scan_csv(lines, ",", kinds, order)
    if batch is None:
        raise ValueError("the event files are plain, and yet they were not read")
    return batch.select(list(names))


def _kind(type: pa.DataType) -> int:
    if pa.types.is_timestamp(type):
        return csv_scan.MOMENT
    return csv_scan.TEXT if pa.types.is_string(type) else csv_scan.INTEGER


def start(text: str) -> Engine:
    """Compile and lower a program."""
    program = compile_program(text)
    return Engine(lower(program), {table.name: table.schema for table in program.tables})
