"""Window functions against loops over ordered partitions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.circuit.operators.sliding import float_sums
from penstock.circuit.operators.window import Window
from penstock.data.pool import Pool
from penstock.data.types import BOOLEAN, Field
from penstock.sql.diagnostics import NotSupported
from penstock.sql.functions.aggregates import resolve_window
from penstock.sql.plan import nodes
from penstock.sql.plan.expr import Call, Literal, SortKey
from penstock.sql.plan.nodes import Frame, WindowCall
from tests.unit.circuit.operators.following import (
    INT,
    REAL,
    Bag,
    Delta,
    Row,
    Wiring,
    column,
    deltas,
    elements,
    floats,
    follow,
    in_order,
    ints,
    schema,
)

ROW = schema(INT, INT, INT, REAL)
P, K, V, D = (column(i, ROW) for i in range(4))
STEPS = deltas(st.sampled_from([None, 1]), ints, ints, floats)
ONE, TWO = Literal(1, INT), Literal(2, INT)

Naive = Callable[[list[Row], int], Any]
"""Of an ordered partition and a position."""


def over(call: WindowCall, descending: bool = False, nulls_first: bool = False, ordered: bool = True) -> nodes.Window:
    result = resolve_window(call.name, [a.type for a in call.args]).result
    order = (SortKey(K, descending, nulls_first),) if ordered else ()
    return nodes.Window(nodes.Scan("t", ROW), (P,), order, (call,), (*ROW, Field("w", result.with_nullable(True))))


def evaluated(of: nodes.Window, naive: Naive) -> Callable[[Bag], Bag]:
    def result(rows: Bag) -> Bag:
        found: Bag = Counter()
        partitions: dict[Any, list[Row]] = {}
        for row in elements(rows):
            partitions.setdefault(row[0], []).append(row)
        for part in partitions.values():
            part.sort(
                key=lambda row: [
                    *(in_order(row[1], k.descending, k.nulls_first) for k in of.order),
                    *(in_order(v, nulls_first=True) for v in row),
                ]
            )
            for at, row in enumerate(part):
                found[(*row, naive(part, at))] += 1
        return found

    return result


def hold(of: nodes.Window, naive: Naive, steps: list[Delta]) -> None:
    def build(pool: Pool) -> Wiring:
        wiring = Wiring([ROW], of.schema, pool)
        wiring.add(Window(of, pool), 0)
        return wiring

    follow(build, [[s] for s in steps], evaluated(of, naive))


def shifted(by: int, default: int | None = None) -> Naive:
    return lambda part, at: part[at + by][2] if 0 <= at + by < len(part) else default


@pytest.mark.parametrize(
    ("call", "naive"),
    [
        (WindowCall("LAG", (V,), None), shifted(-1)),
        (WindowCall("LEAD", (V,), None), shifted(1)),
        (WindowCall("LAG", (V, TWO), None), shifted(-2)),
        (WindowCall("LEAD", (V, TWO, Literal(7, INT)), None), shifted(2, 7)),
        (WindowCall("LAG", (V, Literal(0, INT)), None), shifted(0)),
        (WindowCall("ROW_NUMBER", (), None), lambda part, at: at + 1),
        (WindowCall("RANK", (), None), lambda part, at: [r[1] for r in part].index(part[at][1]) + 1),
        (
            WindowCall("DENSE_RANK", (), None),
            lambda part, at: list(dict.fromkeys(r[1] for r in part)).index(part[at][1]) + 1,
        ),
        (WindowCall("FIRST_VALUE", (V,), Frame("rows", None, None)), lambda part, at: part[0][2]),
        (WindowCall("LAST_VALUE", (V,), Frame("rows", None, None)), lambda part, at: part[-1][2]),
    ],
    ids=lambda value: f"{value.name} {len(value.args)}" if isinstance(value, WindowCall) else "",
)
@given(steps=STEPS, descending=st.booleans(), nulls_first=st.booleans())
@settings(max_examples=25, deadline=None)
def test_functions_of_positions(
    call: WindowCall, naive: Naive, steps: list[Delta], descending: bool, nulls_first: bool
) -> None:
    hold(over(call, descending, nulls_first), naive, steps)


def frame_of(part: list[Row], at: int, frame: Frame | None, descending: bool) -> list[Row]:
    """Return the rows of a frame, by its definition."""
    key = part[at][1]
    frame = frame or Frame("range", None, 0)
    if frame.unit == "rows":
        low = 0 if frame.start is None else at + frame.start
        high = len(part) - 1 if frame.end is None else at + frame.end
        return [row for i, row in enumerate(part) if low <= i <= high]

    keys = [r[1] for r in part]
    first = keys.index(key)
    last = len(keys) - 1 - keys[::-1].index(key)

    def inside(i: int, other: int | None) -> bool:
        after_start = frame.start is None or (first <= i if frame.start == 0 or key is None else False)
        before_end = frame.end is None or (i <= last if frame.end == 0 or key is None else False)
        if key is not None and other is not None:
            distance = key - other if descending else other - key
            after_start = after_start or (frame.start is not None and distance >= frame.start)
            before_end = before_end or (frame.end is not None and distance <= frame.end)
        return after_start and before_end

    return [row for i, row in enumerate(part) if inside(i, row[1])]


FRAMES = [
    None,
    Frame("rows", None, 0),
    Frame("rows", -1, 0),
    Frame("rows", -2, 1),
    Frame("rows", 1, 2),
    Frame("rows", None, -1),
    Frame("rows", 0, None),
    Frame("range", None, None),
    Frame("range", 0, 0),
    Frame("range", -1, 0),
    Frame("range", -2, 1),
    Frame("range", 0, None),
    Frame("range", 1, 2),
]

AGGREGATES: dict[str, tuple[str, Callable[[list[Row]], Any]]] = {
    "sum": ("SUM", lambda rows: sum(v) if (v := [r[2] for r in rows if r[2] is not None]) else None),
    "count": ("COUNT", lambda rows: sum(r[2] is not None for r in rows)),
    "min": ("MIN", lambda rows: min((r[2] for r in rows if r[2] is not None), default=None)),
    "max": ("MAX", lambda rows: max((r[2] for r in rows if r[2] is not None), default=None)),
}


@pytest.mark.parametrize("word", AGGREGATES)
@given(steps=STEPS, frame=st.sampled_from(FRAMES), descending=st.booleans(), nulls_first=st.booleans())
@settings(max_examples=60, deadline=None)
def test_aggregates_over_frames(
    word: str, steps: list[Delta], frame: Frame | None, descending: bool, nulls_first: bool
) -> None:
    name, aggregate = AGGREGATES[word]
    of = over(WindowCall(name, (V,), frame), descending, nulls_first)
    hold(of, lambda part, at: aggregate(frame_of(part, at, frame, descending)), steps)


@given(steps=STEPS, frame=st.sampled_from([None, Frame("rows", -1, 0), Frame("rows", None, -1)]))
@settings(max_examples=40, deadline=None)
def test_sums_of_doubles_and_filters(steps: list[Delta], frame: Frame | None) -> None:
    def total(part: list[Row], at: int) -> float | None:
        rows = frame_of(part, at, frame, False)
        there = [r[3] for r in rows if r[3] is not None and (r[2] or 0) > 1]
        return sum(there) if there else None

    large = Call(">", (V, ONE), BOOLEAN.with_nullable(True))
    hold(over(WindowCall("SUM", (D,), frame, filter=large)), total, steps)


@given(STEPS)
@settings(max_examples=25, deadline=None)
def test_without_an_order_the_frame_is_the_partition(steps: list[Delta]) -> None:
    of = over(WindowCall("SUM", (V,), None), ordered=False)
    hold(of, lambda part, at: AGGREGATES["sum"][1](part), steps)


@pytest.mark.parametrize(
    "call",
    [WindowCall("LAG", (V, K), None), WindowCall("GROUPING", (V,), None)],
    ids=["offset that varies", "unknown function"],
)
def test_what_has_no_rule_is_refused_when_the_circuit_is_built(call: WindowCall) -> None:
    with pytest.raises(NotSupported, match="Not yet implemented"):
        Window(nodes.Window(nodes.Scan("t", ROW), (P,), (), (call,), (*ROW, Field("w", INT))), Pool())


@given(
    st.lists(
        st.one_of(
            st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([1e300, -1e300, 5e-324, 1e17, 0.1])
        ),
        max_size=12,
    )
)
@settings(max_examples=200, deadline=None)
def test_sums_of_frames_of_doubles_are_exact_and_rounded_once(values: list[float]) -> None:
    n = len(values)
    spans = [(low, high) for low in range(n + 1) for high in range(low, n + 1)]
    low, high = np.array(spans, np.int64).T
    expected = []
    for a, b in spans:
        exact = sum(map(Fraction, values[a:b]), Fraction(0))
        try:
            expected.append(float(exact))
        except OverflowError:
            expected.append(math.inf if exact > 0 else -math.inf)

    found = float_sums(np.array(values, np.float64), low, high)

    assert expected == found.tolist()
