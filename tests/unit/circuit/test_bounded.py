"""Circuits whose inputs end give what the whole input gives, take nothing back, and keep what is needed only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.circuit.bounded import BoundedCircuit, lower_bounded
from penstock.data.batch import Batch
from penstock.data.pool import Pool
from penstock.data.types import Field, Kind, SqlType
from penstock.data.values import decode_column, encode_values
from penstock.sql.plan import nodes
from penstock.sql.plan.expr import ColumnRef

INT, TEXT = SqlType(Kind.INTEGER), SqlType(Kind.VARCHAR)
LEFT = (Field("k", INT), Field("v", TEXT))
RIGHT = (Field("j", INT), Field("w", TEXT))
Row = tuple[Any, ...]


def relation(name: str, schema: Sequence[Field], plan: nodes.Node | None = None) -> nodes.Relation:
    columns = tuple(nodes.TableColumn(field.name, True) for field in schema)
    return nodes.Relation(name, True, tuple(schema), columns, False, append_only=plan is None, plan=plan)


def circuit(plan: nodes.Node, pool: Pool) -> BoundedCircuit:
    tables = (relation("l", LEFT), relation("r", RIGHT))
    return lower_bounded(nodes.Program(tables, (relation("v", plan.schema, plan),)), pool)


def join(kind: Any, null_safe: bool) -> nodes.Node:
    schema = tuple(Field(field.name, field.type.with_nullable(True)) for field in (*LEFT, *RIGHT))
    key = nodes.JoinKey(ColumnRef(0, INT), ColumnRef(0, INT), null_safe)
    return nodes.Join(kind, nodes.Scan("l", LEFT), nodes.Scan("r", RIGHT), (key,), None, schema)


def batch(rows: Sequence[Row], schema: Sequence[Field], pool: Pool) -> Batch:
    columns = [encode_values([row[i] for row in rows], field.type, pool) for i, field in enumerate(schema)]
    return Batch(columns, np.ones(len(rows), np.int64))


def rows_of(gained: dict[str, Batch], schema: Sequence[Field], pool: Pool) -> list[Row]:
    found: list[Row] = []
    for part in gained.values():
        assert (part.weights > 0).all()
        columns = [decode_column(c, f.type, pool) for c, f in zip(part.columns, schema, strict=True)]
        for row, weight in zip(zip(*columns, strict=True), part.weights.tolist(), strict=True):
            found.extend([row] * weight)
    return found


def feed(plan: nodes.Node, order: Sequence[tuple[str, Sequence[Row]]]) -> Counter[Row]:
    """Feed parts in order; a table ends after its last part."""
    pool = Pool()
    made = circuit(plan, pool)
    found: list[Row] = []
    left = Counter(name for name, _ in order)
    for name in {"l", "r"} - set(left):
        for gained in made.end([name]):
            found.extend(rows_of(gained, plan.schema, pool))
    for name, rows in order:
        if rows:
            found.extend(
                rows_of(made.step({name: batch(rows, LEFT if name == "l" else RIGHT, pool)}), plan.schema, pool)
            )
        left[name] -= 1
        if not left[name]:
            for gained in made.end([name]):
                found.extend(rows_of(gained, plan.schema, pool))
    return Counter(found)


def joined(left: Sequence[Row], right: Sequence[Row], kind: str, null_safe: bool) -> Counter[Row]:
    found: list[Row] = []
    matched: set[int] = set()
    for row in left:
        hits = [i for i, other in enumerate(right) if row[0] == other[0] and (null_safe or row[0] is not None)]
        found.extend((*row, *right[i]) for i in hits)
        matched.update(hits)
        if not hits and kind in ("left", "full"):
            found.append((*row, None, None))
    if kind in ("right", "full"):
        found.extend((None, None, *row) for i, row in enumerate(right) if i not in matched)
    return Counter(found)


ROWS = st.lists(st.tuples(st.one_of(st.none(), st.integers(0, 3)), st.sampled_from(["a", "b", None])), max_size=8)


@settings(max_examples=60, deadline=None)
@given(
    parts=st.lists(st.tuples(st.sampled_from("lr"), ROWS), max_size=5),
    kind=st.sampled_from(["inner", "left", "right", "full"]),
    null_safe=st.booleans(),
)
def test_a_join_gives_what_the_whole_inputs_give_in_whatever_order_they_come(
    parts: list[tuple[str, list[Row]]], kind: str, null_safe: bool
) -> None:
    left = [row for name, rows in parts for row in rows if name == "l"]
    right = [row for name, rows in parts for row in rows if name == "r"]

    assert feed(join(kind, null_safe), parts) == joined(left, right, kind, null_safe)


def aggregate(name: str, result: SqlType, *, distinct: bool = False, by: bool = False) -> nodes.Node:
    args = (ColumnRef(1, TEXT), ColumnRef(0, INT)) if by else (ColumnRef(1, TEXT),)
    call = nodes.AggregateCall(name, args, "x", distinct)
    schema = (Field("k", INT), Field("x", result))
    return nodes.Aggregate(nodes.Scan("l", LEFT), (ColumnRef(0, INT),), (call,), schema)


@pytest.mark.parametrize(
    ("name", "distinct", "expected"),
    [
        ("FIRST_ARRIVED", False, {(1, "b"), (2, None)}),
        ("LAST_ARRIVED", False, {(1, "b"), (2, "c")}),
        ("JOIN_ARRIVED", False, {(1, "b, a, b"), (2, "c")}),
        ("JOIN_ARRIVED", True, {(1, "b, a"), (2, "c")}),
    ],
)
def test_aggregates_that_follow_the_order_of_arrival_do_so_over_several_steps(
    name: str, distinct: bool, expected: set[Row]
) -> None:
    parts = [("l", [(1, "b"), (2, None)]), ("l", [(1, "a"), (1, "b"), (2, "c")])]

    assert set(feed(aggregate(name, TEXT, distinct=distinct), parts)) == expected


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("RUNNING_AVG", [0.5, 1.25, None], 0.875),
        ("RUNNING_VARIANCE", [1.0, 2.0, 4.0], 1.5555555555555571),
        ("SUM_OF_SQUARES", [1.0, 2.0], 5.0),
        ("CORRECTED_SUM_OF_SQUARES", [1.0, 3.0], 2.0),
        ("RUNNING_SUM", [0.1, 0.2, 0.3], 0.6000000000000001),
        ("RUNNING_AVG", [None], None),
    ],
)
def test_running_numbers_are_those_of_one_value_after_the_other(
    name: str, values: list[float | None], expected: float | None
) -> None:
    double = SqlType(Kind.DOUBLE)
    schema = (Field("k", INT), Field("d", double))
    call = nodes.AggregateCall(name, (ColumnRef(1, double),), "x")
    plan = nodes.Aggregate(
        nodes.Scan("d", schema), (ColumnRef(0, INT),), (call,), (Field("k", INT), Field("x", double))
    )
    pool = Pool()
    made = lower_bounded(nodes.Program((relation("d", schema),), (relation("v", plan.schema, plan),)), pool)
    for value in values:
        made.step({"d": batch([(1, value)], schema, pool)})
    (gained,) = made.end(["d"])

    assert rows_of(gained, plan.schema, pool) == [(1, expected)]


def test_sums_of_integers_wrap_around() -> None:
    schema = (Field("k", INT), Field("n", INT))
    call = nodes.AggregateCall("WRAPPING_SUM", (ColumnRef(1, INT),), "x")
    plan = nodes.Aggregate(nodes.Scan("d", schema), (ColumnRef(0, INT),), (call,), (Field("k", INT), Field("x", INT)))
    pool = Pool()
    made = lower_bounded(nodes.Program((relation("d", schema),), (relation("v", plan.schema, plan),)), pool)
    made.step({"d": batch([(1, 2**31 - 1), (1, 1)], schema, pool)})
    (gained,) = made.end(["d"])

    assert rows_of(gained, plan.schema, pool) == [(1, -(2**31))]


def test_what_streams_past_a_side_that_has_ended_is_not_kept() -> None:
    pool = Pool()
    made = circuit(join("inner", False), pool)
    made.step({"r": batch([(1, "x")], RIGHT, pool)})
    list(made.end(["r"]))
    before = sum(len(part) for wired in made.circuit.operators for part in wired.operator.parts().values())
    for _ in range(3):
        made.step({"l": batch([(1, "a"), (2, "b")], LEFT, pool)})
    after = sum(len(part) for wired in made.circuit.operators for part in wired.operator.parts().values())

    assert after == before
