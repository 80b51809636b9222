"""VALUES: constant rows in the first step, and never again."""

from __future__ import annotations

import pytest

from penstock.circuit.operators.values import Values
from penstock.data.pool import Pool
from penstock.sql.functions.registry import EvaluationError
from penstock.sql.plan.expr import Call, Expr, Literal
from tests.unit.circuit.operators.following import INT, TEXT, Wiring, schema

ROW = schema(INT, TEXT)


def wired(*rows: tuple[Expr, ...]) -> Wiring:
    wiring = Wiring([], ROW, Pool())
    wiring.add(Values(rows, wiring.circuit.pool))
    return wiring


def test_rows_come_in_the_first_step_only() -> None:
    row = (Literal(1, INT), Literal("é", TEXT))
    wiring = wired(row, row, (Literal(None, INT), Literal("", TEXT)))

    assert dict(wiring.step([])) == {(1, "é"): 2, (None, ""): 1}
    assert dict(wiring.step([])) == {}


def test_a_restored_circuit_does_not_give_them_again() -> None:
    wiring = wired((Literal(1, INT), Literal("a", TEXT)))
    wiring.step([])
    again = wired((Literal(1, INT), Literal("a", TEXT)))
    again.circuit.restore(wiring.circuit.snapshot())

    assert dict(again.step([])) == {}


def test_a_row_without_a_value_fails_when_it_runs() -> None:
    division = Call("/", (Literal(1, INT), Literal(0, INT)), INT)
    wiring = wired((division, Literal("a", TEXT)))

    with pytest.raises(EvaluationError, match="'1 / 0' causes overflow for type BIGINT"):
        wiring.step([])
