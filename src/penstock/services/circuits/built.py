"""A circuit together with what formats and requests need to know of its relations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from penstock.circuit.circuit import Circuit
from penstock.circuit.lower import lower
from penstock.data.fate import Fate
from penstock.data.pool import Pool
from penstock.ports.format import ColumnLayout, Layout
from penstock.services.circuits.facts import defaults_by_facts
from penstock.sql.plan.expr import ColumnRef
from penstock.sql.plan.nodes import Program, Relation
from penstock.sql.plan.walk import parts
from penstock.sql.schema import ERROR_VIEW


@dataclass(slots=True)
class Built:
    """A running program: tables and views (local ones aside) by canonical name, and the layout of each.

    layouts also has the built-in view of refused rows, which is there in every program and never changes.
    """

    program: Program
    circuit: Circuit
    pool: Pool
    tables: dict[str, Relation]
    views: dict[str, Relation]
    layouts: dict[str, Layout]

    def materialized(self, name: str) -> bool:
        """Whether the relation's contents can be read."""
        return self.circuit.kept(name)


def build(program: Program, pool: Pool | None = None) -> Built:
    """Make the circuit of a compiled program. pool: the one of a state that the circuit is to be restored to.

    Raises: NotSupported; EvaluationError for a DEFAULT without a value.
    """
    pool = Pool() if pool is None else pool
    circuit = lower(program, pool)
    tables = {table.name: table for table in program.tables}
    views = {view.name: view for view in program.views if not view.local}
    shown = (ERROR_VIEW, *tables.values(), *views.values())
    with pool.keeping():
        layouts = {r.name: _layout(r, pool, circuit.fates.get(r.name, {})) for r in shown}
    return Built(program, circuit, pool, tables, views, layouts)


def _layout(relation: Relation, pool: Pool, fates: Mapping[int, Fate]) -> Layout:
    columns = []
    for i, (declared, typed) in enumerate(zip(relation.columns, relation.schema, strict=True)):
        default, from_facts = None, None
        if declared.default is not None:
            defaults = defaults_by_facts(declared.default, pool)
            (default,) = defaults([{}])
            if any(isinstance(part, ColumnRef) for part in parts(declared.default)):
                from_facts = defaults
        fate = fates.get(i, Fate.COMPARED)
        columns.append(ColumnLayout(typed.name, declared.case_sensitive, typed.type, default, fate, from_facts))
    return Layout(relation.name, tuple(columns), relation.primary_key)
