"""Maximal groups of neighbouring stages over whole inputs, each of them one circuit whose inputs end.

Each input edge from outside is a table, each stage a view, so what goes from stage to stage within a region is counted
like everything else. Batches become words at a region's border and records again where they leave it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from penstock.circuit.bounded import BoundedCircuit, lower_bounded
from penstock.data.arrow import from_arrow, to_arrow
from penstock.data.batch import Batch
from penstock.data.pool import Pool
from penstock.data.types import BOOLEAN, Field, Schema
from penstock.kernel.flows import Edge, StageRole, StageSpec
from penstock.ports.action import Predicate
from penstock.ports.transform import MAIN
from penstock.services.circuits.statistics import resident_bytes
from penstock.services.phases.kit import PhaseKit
from penstock.services.phases.planning import Planned
from penstock.services.phases.relations import RELATIONS
from penstock.services.phases.relations.columns import sql_schema
from penstock.services.phases.relations.relation import Condition
from penstock.sql.functions.registry import EvaluationError
from penstock.sql.plan import nodes

__all__ = ["Region", "RegionFailed", "find_regions"]

MEMORY_SHARE = 0.6
"""What part of the machine's memory a phase may take where nobody says how much."""
ROWS_AT_ONCE = 65_536


class RegionFailed(Exception):
    """A circuit that has no value, or would need more memory than it may take."""


Given = list[tuple[str, pa.RecordBatch]]


def find_regions(planned: Planned, kit: PhaseKit, memory_bytes: int | None, *, shows_all: bool = False) -> list[Region]:
    """Return the regions of a flow. shows_all: give also what goes from stage to stage within them."""
    names = [name for name, stage in planned.stages.items() if stage.spec.role is StageRole.RELATION]
    leader = {name: name for name in names}

    def find(name: str) -> str:
        while leader[name] != name:
            name = leader[name]
        return name

    for name in names:
        for edge in planned.stages[name].spec.inputs:
            if edge.stage in leader and _has_no_conditions(planned.stages[name].spec):
                leader[find(name)] = find(edge.stage)
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(find(name), []).append(name)
    return [Region(tuple(group), planned, kit, memory_bytes, shows_all) for group in groups.values()]


def _has_no_conditions(spec: StageSpec) -> bool:
    """Conditions over records are asked at a region's border, so a stage that has some begins one."""
    return not RELATIONS[spec.type].conditions(spec.properties)


class Region:
    """A group of stages that run as one. stages: their names, each after those it takes from."""

    def __init__(
        self, stages: tuple[str, ...], planned: Planned, kit: PhaseKit, memory_bytes: int | None, shows_all: bool
    ) -> None:
        self.stages = stages
        users = {e.stage for n, s in planned.stages.items() if n not in stages for e in s.spec.inputs}
        self._shown = {name for name in stages if shows_all or name in users}
        self._planned = planned
        self._kit = kit
        self._limit = resident_bytes() + (memory_bytes or int(_machine_bytes() * MEMORY_SHARE))
        self._pool = Pool()
        self._circuit: BoundedCircuit
        self._schemas: dict[str, Schema] = {}
        self._conditions: dict[str, list[Predicate]] = {}
        self._open: dict[str, int] = {}
        self._outputs: dict[str, tuple[Schema, pa.Schema]] = {}
        self._feeds: dict[str, list[tuple[str, str]]] = {}
        self._counts: dict[str, dict[str, int]] = {}
        self._is_over = False
        self._is_told = False

    def open(self) -> None:
        """Build the circuit. Raises: TypeUnsupported, NotSupported."""
        tables: list[nodes.Relation] = []
        views: list[nodes.Relation] = []
        plans: dict[str, nodes.Node] = {}
        for name in self.stages:
            spec = self._planned.stages[name].spec
            inputs = self._inputs(name, spec, plans, tables)
            schemas = {s: schema for s, schema in self._planned.stages[name].inputs.items() if schema is not None}
            plan = RELATIONS[spec.type].plan(spec.properties, inputs, schemas)
            plans[name] = nodes.ViewScan(name, plan.schema)
            views.append(_relation(name, plan.schema, plan))
            output = self._planned.stages[name].outputs[MAIN]
            assert output is not None, f"the output of {name!r} is known"
            self._outputs[name] = (plan.schema, output)
        program = nodes.Program(tuple(tables), tuple(views))
        self._circuit = lower_bounded(program, self._pool)

    def push(self, stage: str, sender: str, batch: pa.RecordBatch) -> Given:
        """Take a batch that comes into a stage from outside; return what leaves the region, and which stage."""
        given: Given = []
        for start in range(0, batch.num_rows, ROWS_AT_ONCE):
            given.extend(self._push(stage, sender, batch.slice(start, ROWS_AT_ONCE)))
        return given

    def _push(self, stage: str, sender: str, batch: pa.RecordBatch) -> Given:
        table = self._table(stage, sender)
        predicates = self._conditions.get(table)
        if predicates:
            columns = [*batch.columns, *(predicate.apply(batch) for predicate in predicates)]
            names = [field.name for field in self._schemas[table]]
            batch = pa.RecordBatch.from_arrays(columns, names=names)
        words = from_arrow(batch, self._schemas[table], self._pool, fates=self._circuit.circuit.fates.get(table))
        try:
            gained = self._circuit.step({table: words})
        except EvaluationError as error:
            raise RegionFailed(str(error)) from None
        self._check_memory()
        return self._leaving(gained)

    def end(self, stage: str, sender: str) -> Given:
        """Take the end of such an input."""
        table = self._table(stage, sender)
        self._open[table] -= 1
        if self._open[table]:
            return []
        given: Given = []
        for gained in self._circuit.end([table]):
            given.extend(self._leaving(gained))
        self._is_over = not any(self._open.values())
        return given

    def take_counts(self) -> dict[str, dict[str, int]]:
        """Return what went in and out of stages since the last time, but for what came from outside."""
        counts, self._counts = self._counts, {}
        return counts

    def take_ended(self) -> list[str]:
        """Return the stages that give nothing more, each once: all of them, when the last input has ended."""
        if not self._is_over or self._is_told:
            return []
        self._is_told = True
        return list(self.stages)

    # The program.

    def _inputs(
        self, name: str, spec: StageSpec, plans: Mapping[str, nodes.Node], tables: list[nodes.Relation]
    ) -> dict[str, nodes.Node]:
        """Return the plans of a stage's inputs by stage; of what takes its inputs as one, their union."""
        found: dict[str, list[nodes.Node]] = {}
        conditions = RELATIONS[spec.type].conditions(spec.properties)
        for edge in spec.inputs:
            if edge.stage in plans:
                node = plans[edge.stage]
                self._feeds.setdefault(edge.stage, []).append((name, edge.stage))
            else:
                node = self._scan(name, edge, conditions, tables)
            found.setdefault(edge.stage if spec.type == "join" else "", []).append(node)
        return {key: some[0] if len(some) == 1 else _union(some) for key, some in found.items()}

    def _scan(self, name: str, edge: Edge, conditions: Sequence[Condition], tables: list[nodes.Relation]) -> nodes.Node:
        table = self._table(name, edge.stage)
        self._open[table] = self._open.get(table, 0) + 1
        if table in self._schemas:
            return nodes.Scan(table, self._schemas[table])
        fields = self._planned.stages[name].inputs[edge.stage]
        assert fields is not None, f"what {edge.stage!r} gives is known"
        schema = (*sql_schema(fields), *(Field(condition.column, BOOLEAN) for condition in conditions))
        self._schemas[table] = schema
        if conditions:
            language = next(iter(self._kit.predicates.values()))
            self._conditions[table] = [language.compile(condition.text, fields) for condition in conditions]
        tables.append(_relation(table, schema, None))
        return nodes.Scan(table, schema)

    def _table(self, stage: str, sender: str) -> str:
        return f"{sender}\x00{stage}"

    # What leaves.

    def _leaving(self, gained: Mapping[str, Batch]) -> Given:
        given: Given = []
        for name, batch in gained.items():
            rows = int(batch.weights.sum())
            self._count(name, "records.out", rows)
            for target, _ in self._feeds.get(name, ()):
                self._count(target, "records.in", rows)
            if name in self._shown:
                given.extend((name, records) for records in self._records(name, batch))
        return given

    def _count(self, stage: str, name: str, count: int) -> None:
        counts = self._counts.setdefault(stage, {})
        counts[name] = counts.get(name, 0) + count

    def _records(self, name: str, batch: Batch) -> Iterator[pa.RecordBatch]:
        schema, output = self._outputs[name]
        if (batch.weights != 1).any():
            batch = batch.take(np.repeat(np.arange(len(batch)), batch.weights))
        for start in range(0, len(batch), ROWS_AT_ONCE):
            index = np.arange(start, min(start + ROWS_AT_ONCE, len(batch)))
            records = to_arrow(batch.take(index) if len(index) < len(batch) else batch, schema, self._pool)
            columns = [
                column if column.type.equals(field.type) else column.cast(field.type)
                for column, field in zip(records.columns, output, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=output)

    def _check_memory(self) -> None:
        if resident_bytes() > self._limit:
            raise RegionFailed(
                f"joining and grouping in {', '.join(map(repr, self.stages))} needs more than the"
                f" {self._limit >> 20} MiB of memory that it may take; filter or project earlier, or give it more"
            )


def _relation(name: str, schema: Schema, plan: nodes.Node | None) -> nodes.Relation:
    columns = tuple(nodes.TableColumn(field.name, True) for field in schema)
    return nodes.Relation(name, True, schema, columns, False, append_only=plan is None, plan=plan)


def _union(some: list[nodes.Node]) -> nodes.Node:
    schema = tuple(
        Field(fields[0].name, fields[0].type.with_nullable(any(f.type.nullable for f in fields)))
        for fields in zip(*(node.schema for node in some), strict=True)
    )
    return nodes.UnionAll(tuple(some), schema)


def _machine_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
