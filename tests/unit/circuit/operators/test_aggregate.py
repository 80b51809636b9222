"""GROUP BY against Python over the rows of each group, for every aggregate."""

from __future__ import annotations

import math
import operator
import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import reduce
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.circuit.aggregates.moments import Bits, Moments
from penstock.circuit.operators.aggregate import Aggregate
from penstock.data.batch import Column
from penstock.data.pool import Pool
from penstock.data.types import BIGINT, BOOLEAN, Field, Kind, Schema, SqlType
from penstock.data.values import decode_column
from penstock.sql.functions.aggregates import resolve_aggregate
from penstock.sql.functions.registry import EvaluationError
from penstock.sql.plan.expr import Call, ColumnRef, Literal, SortKey
from penstock.sql.plan.nodes import AggregateCall
from tests.unit.circuit.operators.following import (
    INT,
    REAL,
    TEXT,
    Bag,
    Delta,
    Row,
    Wiring,
    column,
    comparable,
    deltas,
    elements,
    floats,
    follow,
    in_order,
    ints,
    schema,
    texts,
)

TRUTH = BOOLEAN.with_nullable(True)
ROW = schema(INT, INT, REAL, TEXT, TRUTH)
K, N, D, S, B = (column(i, ROW) for i in range(5))
STEPS = deltas(st.sampled_from([None, 1, 2]), ints, floats, texts, st.sampled_from([None, True, False]))


def call(name: str, *args: ColumnRef, **more: Any) -> AggregateCall:
    return AggregateCall(name, args, name.lower(), **more)


def output(keys: Sequence[ColumnRef], calls: Sequence[AggregateCall]) -> Schema:
    results = [resolve_aggregate(c.name, [a.type for a in c.args], c.distinct).result for c in calls]
    return (*(Field("k", k.type) for k in keys), *(Field(c.name, t) for c, t in zip(calls, results, strict=True)))


def building(
    keys: Sequence[ColumnRef], calls: Sequence[AggregateCall], append_only: bool = False
) -> Callable[[Pool], Wiring]:
    def build(pool: Pool) -> Wiring:
        wiring = Wiring([ROW], output(keys, calls), pool)
        wiring.add(Aggregate(ROW, keys, calls, output(keys, calls), append_only, pool), 0)
        return wiring

    return build


Of = Callable[[list[Row]], Any]


def grouped(*of: Of) -> Callable[[Bag], Bag]:
    """Return the naive GROUP BY of the first column."""

    def naive(rows: Bag) -> Bag:
        groups: dict[Any, list[Row]] = {}
        for row in elements(rows):
            groups.setdefault(row[0], []).append(row)
        return Counter({(k, *(f(members) for f in of)): 1 for k, members in groups.items()})

    return naive


def values(at: int, rows: list[Row]) -> list[Any]:
    return [r[at] for r in rows if r[at] is not None]


def over(at: int, f: Callable[[list[Any]], Any], least: int = 1) -> Of:
    """Return an aggregate of the values that are there; NULL of fewer than `least`."""
    return lambda rows: f(values(at, rows)) if len(values(at, rows)) >= least else None


def cut(value: Fraction) -> int:
    return math.trunc(value)


def integer_variance(some: list[int], sample: int) -> int:
    """As the dialect computes on integers: each division cuts the fraction off."""
    n = len(some)
    return (sum(x * x for x in some) - sum(some) * sum(some) // n) // (n - sample)


def mode(some: list[Any]) -> Any:
    counts = Counter(some)
    return min(v for v, n in counts.items() if n == max(counts.values()))


CASES: dict[str, tuple[AggregateCall, Of]] = {
    "count rows": (call("COUNT"), len),
    "count": (call("COUNT", N), over(1, len, 0)),
    "count of two": (call("COUNT", N, S), lambda rows: sum(r[1] is not None and r[3] is not None for r in rows)),
    "count distinct": (call("COUNT", S, distinct=True), lambda rows: len(set(values(3, rows)))),
    "countif": (call("COUNTIF", B), lambda rows: values(4, rows).count(True)),
    "sum": (call("SUM", N), over(1, sum)),
    "sum distinct": (call("SUM", N, distinct=True), over(1, lambda some: sum(set(some)))),
    "sum of doubles": (call("SUM", D), over(2, math.fsum)),
    "sum of distinct doubles": (call("SUM", D, distinct=True), over(2, lambda some: math.fsum(set(some)))),
    "avg": (call("AVG", N), over(1, lambda some: cut(Fraction(sum(some), len(some))))),
    "avg of doubles": (call("AVG", D), over(2, lambda some: math.fsum(some) / len(some))),
    "min": (call("MIN", N), over(1, min)),
    "max": (call("MAX", N), over(1, max)),
    "min of doubles": (call("MIN", D), over(2, min)),
    "max of strings": (call("MAX", S), over(3, max)),
    "min of distinct strings": (call("MIN", S, distinct=True), over(3, min)),
    "max of booleans": (call("MAX", B), over(4, max)),
    "bool_and": (call("BOOL_AND", B), over(4, all)),
    "bool_or": (call("BOOL_OR", B), over(4, any)),
    "every": (call("EVERY", B), over(4, all)),
    "some": (call("SOME", B), over(4, any)),
    "bit_and": (call("BIT_AND", N), over(1, lambda some: reduce(lambda a, b: a & b, some))),
    "bit_or": (call("BIT_OR", N), over(1, lambda some: reduce(lambda a, b: a | b, some))),
    "bit_xor": (call("BIT_XOR", N), over(1, lambda some: reduce(lambda a, b: a ^ b, some))),
    "any_value": (call("ANY_VALUE", S), over(3, min)),
    "mode": (call("MODE", S), over(3, mode)),
    "array_agg": (
        call("ARRAY_AGG", N, order=(SortKey(N, True, False),)),
        lambda rows: tuple(sorted((r[1] for r in rows), key=lambda v: in_order(v, True))),
    ),
    "array_agg distinct": (
        call("ARRAY_AGG", N, distinct=True, order=(SortKey(N, False, True),)),
        lambda rows: tuple(sorted({r[1] for r in rows}, key=lambda v: in_order(v, nulls_first=True))),
    ),
    "variance of doubles": (call("VAR_SAMP", D), over(2, statistics.variance, 2)),
    "population variance of doubles": (call("VAR_POP", D), over(2, statistics.pvariance)),
    "deviation of doubles": (call("STDDEV_SAMP", D), over(2, statistics.stdev, 2)),
    "population deviation of doubles": (call("STDDEV_POP", D), over(2, statistics.pstdev)),
    "variance of integers": (call("VAR_POP", N), over(1, lambda some: integer_variance(some, 0))),
    "sample variance of integers": (call("VAR_SAMP", N), over(1, lambda some: integer_variance(some, 1), 2)),
    "regr_count": (
        call("REGR_COUNT", N, D),
        lambda rows: sum(r[1] is not None and r[2] is not None for r in rows),
    ),
}


@pytest.mark.parametrize("name", CASES)
@given(steps=STEPS)
@settings(max_examples=25, deadline=None)
def test_an_aggregate_of_groups(name: str, steps: list[Delta]) -> None:
    made, of = CASES[name]
    follow(building([K], [made]), [[s] for s in steps], grouped(of))


@pytest.mark.parametrize("word", ["ARG_MAX", "ARG_MIN"])
@given(steps=STEPS)
@settings(max_examples=40, deadline=None)
def test_the_value_at_an_extreme_is_one_of_those_there(word: str, steps: list[Delta]) -> None:
    pool = Pool()
    wiring = building([K], [call(word, S, N)])(pool)
    there: Bag = Counter()
    shown: Bag = Counter()
    for step in steps:
        for row, weight in step:
            there[row] += abs(weight)
        shown.update(wiring.step([[(row, abs(weight)) for row, weight in step]]))
    best = max if word == "ARG_MAX" else min
    for key, value in (row for row, weight in shown.items() if weight):
        rows = [r for r in there if r[0] == key]
        known = values(1, rows)
        assert value in {r[3] for r in rows if not known or r[1] == best(known)}


@given(STEPS)
@settings(max_examples=50, deadline=None)
def test_calls_share_a_record_and_filters_tell_which_rows_take_part(steps: list[Delta]) -> None:
    large = Call(">", (N, Literal(1, INT)), TRUTH)
    calls = [call("COUNT"), call("SUM", D, filter=large), call("MAX", S, filter=large), call("MIN", N)]
    calls += [call("COUNT", S, distinct=True, filter=large), call("AVG", D)]

    def taking_part(of: Of) -> Of:
        return lambda rows: of([r for r in rows if (r[1] or 0) > 1])

    naive = grouped(
        len,
        taking_part(over(2, math.fsum)),
        taking_part(over(3, max)),
        over(1, min),
        taking_part(lambda rows: len(set(values(3, rows)))),
        over(2, lambda some: math.fsum(some) / len(some)),
    )
    follow(building([K], calls), [[s] for s in steps], naive)


@given(STEPS)
@settings(max_examples=50, deadline=None)
def test_without_keys_there_is_one_row_always(steps: list[Delta]) -> None:
    calls = [call("COUNT"), call("SUM", N), call("ARRAY_AGG", N), call("MAX", S)]

    def naive(rows: Bag) -> Bag:
        listed = elements(rows)
        collected = tuple(sorted((r[1] for r in listed), key=lambda v: in_order(v, nulls_first=True)))
        return Counter({(len(listed), over(1, sum)(listed), collected, over(3, max)(listed)): 1})

    by_value = (SortKey(N, False, True),)
    calls[2] = call("ARRAY_AGG", N, order=by_value)
    follow(building([], calls), [[s] for s in steps], naive)


@given(STEPS)
@settings(max_examples=25, deadline=None)
def test_groups_without_aggregates(steps: list[Delta]) -> None:
    follow(building([K], []), [[s] for s in steps], grouped())


@given(deltas(st.sampled_from([None, 1]), ints, floats, texts, st.none(), grows=True))
@settings(max_examples=50, deadline=None)
def test_extremes_of_rows_that_are_only_added_hold_no_rows(steps: list[Delta]) -> None:
    calls = [call("MIN", N), call("MAX", D), call("MAX", S)]
    build = building([K], calls, append_only=True)
    follow(build, [[s] for s in steps], grouped(over(1, min), over(2, max), over(3, max)), grows=True)

    wiring = build(Pool())
    wiring.step([[((1, i, 0.5, "a", None), 1) for i in range(50)]])
    assert wiring.state_rows() == 1


def row(value: int | None = None, number: float | None = None, text: str | None = None) -> Row:
    return (1, value, number, text, None)


@pytest.mark.parametrize("name", ["MIN", "MAX"])
@pytest.mark.parametrize("split", [1, 2])
def test_a_value_taken_away_before_it_is_there_is_no_extreme(name: str, split: int) -> None:
    wiring = building([K], [call(name, N)])(Pool())
    shown = wiring.step([[(row(5), 1), (row(None), 1)]])
    events: list[tuple[Row, int]] = [(row(5 if split == 2 else 9), -1), (row(5 if split == 2 else 9), 1)]
    events += [(row(value), weight) for value in (9, 1) for weight in (-1, 1)]
    for at in range(0, len(events), split):
        shown.update(wiring.step([events[at : at + split]]))

    assert {r: w for r, w in shown.items() if w} == {(1, 5): 1}


@pytest.mark.parametrize("name", ["SUM", "AVG"])
def test_a_double_taken_away_before_it_is_there_is_not_forgotten(name: str) -> None:
    """In between the group has no rows and no values, yet a sum."""
    wiring = building([K], [call(name, D)])(Pool())
    shown = wiring.step([[(row(number=4.0), 1), (row(number=1.0), -1)]])
    shown.update(wiring.step([[(row(number=1.0), 1)]]))

    assert {r: w for r, w in shown.items() if w} == {(1, 4.0): 1}


def test_a_distinct_value_taken_away_before_it_is_there_is_not_forgotten() -> None:
    wiring = building([K], [call("COUNT", S, distinct=True)])(Pool())
    shown = wiring.step([[(row(text=None), 1), (row(text="a"), -1)]])
    shown.update(wiring.step([[((2, None, None, "a", None), 1)]]))
    shown.update(wiring.step([[(row(text="a"), 1)]]))

    assert {r: w for r, w in shown.items() if w} == {(1, 0): 1, (2, 1): 1}


def test_a_large_double_leaves_no_trace_when_it_is_taken_away_again() -> None:
    wiring = building([K], [call("SUM", D)])(Pool())
    shown = wiring.step([[(row(number=0.1), 1)]])
    shown.update(wiring.step([[(row(number=1e16), 1)]]))
    shown.update(wiring.step([[(row(number=1e16), -1)]]))

    assert {r: w for r, w in shown.items() if w} == {(1, 0.1): 1}


def test_infinities_and_nan_come_and_go() -> None:
    wiring = building([K], [call("SUM", D)])(Pool())
    shown: Bag = Counter()

    def after(value: float, weight: int) -> Any:
        shown.update(wiring.step([[(row(number=value), weight)]]))
        [(_, result)] = [r for r, w in shown.items() if w]
        return result

    assert after(2.0, 1) == 2.0
    assert after(math.inf, 1) == math.inf
    assert after(-math.inf, 1) == "NaN"
    assert after(math.inf, -1) == -math.inf
    assert after(-math.inf, -1) == 2.0


@pytest.mark.parametrize(
    ("name", "rows", "message"),
    [
        ("SUM", [2**62, 2**62], "Error converting 9223372036854775808 to BIGINT: out of range"),
        ("SUM", [-(2**62), -(2**62), -1], "Error converting -9223372036854775809 to BIGINT: out of range"),
        ("SINGLE_VALUE", [1, 2], "More than one value in subquery"),
    ],
)
def test_a_result_that_does_not_exist_is_an_error(name: str, rows: list[int], message: str) -> None:
    wiring = building([K], [call(name, N)])(Pool())

    with pytest.raises(EvaluationError, match=message):
        wiring.step([[(row(v), 1) for v in rows]])


def test_a_sum_may_leave_its_range_on_the_way() -> None:
    wiring = building([K], [call("SUM", N)])(Pool())

    assert dict(wiring.step([[(row(2**62), 3), (row(-(2**62)), 3), (row(-1), 1)]])) == {(1, -1): 1}


@pytest.mark.parametrize("name", ["SUM", "AVG"])
@given(st.lists(st.tuples(st.sampled_from([0.01, 0.1, -2.7, 1e15, 3.3e-7]), st.integers(1, 7)), min_size=1, max_size=5))
@settings(deadline=None)
def test_a_row_of_some_weight_adds_what_as_many_rows_add(name: str, rows: list[tuple[float, int]]) -> None:
    weighted, repeated = building([K], [call(name, D)])(Pool()), building([K], [call(name, D)])(Pool())

    one = weighted.step([[(row(number=value), weight) for value, weight in rows]])
    other = repeated.step([[(row(number=value), 1) for value, weight in rows for _ in range(weight)]])

    exact = sum(Fraction(value) * weight for value, weight in rows)
    assert one == other
    if name == "SUM":
        assert dict(one) == {(1, comparable(float(exact))): 1}


WIDE = st.one_of(st.integers(-(2**63), 2**63 - 1), st.sampled_from([2**63 - 1, -(2**63), 2**32, -1, 0]))


@given(st.lists(st.tuples(WIDE, WIDE), min_size=2, max_size=6))
@settings(max_examples=100, deadline=None)
def test_moments_of_the_whole_range_of_bigint_are_exact(rows: list[tuple[int, int]]) -> None:
    n = len(rows)
    x, y = ([row[i] for row in rows] for i in range(2))
    columns = [Column(np.array(some, np.int64)) for some in (x, y)]
    wide = SqlType(Kind.DECIMAL, True, 38, 0)
    expected = {
        "COVAR_POP": Fraction(n * sum(a * b for a, b in rows) - sum(x) * sum(y), n * n),
        "REGR_SXX": Fraction(n * sum(b * b for b in y) - sum(y) ** 2, n),
        "REGR_SYY": Fraction(n * sum(a * a for a in x) - sum(x) ** 2, n),
    }
    for name, value in expected.items():
        if abs(value) >= 10**38:
            continue
        pool = Pool()
        moments = Moments(name, [BIGINT, BIGINT], wide, pool)
        words = np.zeros((n, moments.words), np.int64)
        moments.spread(columns, np.ones(n, np.int64), words)

        [found] = decode_column(moments.result(words.sum(axis=0, keepdims=True)), wide, pool)

        assert cut(value) == int(found)


@given(st.lists(st.one_of(st.none(), st.integers(-128, 127)), max_size=6))
@settings(max_examples=60, deadline=None)
def test_bits_of_negative_numbers_are_those_of_their_type(some: list[int | None]) -> None:
    there = [v for v in some if v is not None]
    tiny = SqlType(Kind.TINYINT, True)
    nulls = np.array([v is None for v in some], np.bool_)
    column = Column(np.array([v or 0 for v in some], np.int64), nulls)
    for name, step in (("BIT_AND", operator.and_), ("BIT_OR", operator.or_), ("BIT_XOR", operator.xor)):
        bits = Bits(name, tiny)
        words = np.zeros((len(some), bits.words), np.int64)
        bits.spread([column], np.ones(len(some), np.int64), words)

        [found] = decode_column(bits.result(words.sum(axis=0, keepdims=True)), tiny, Pool())

        assert (reduce(step, there) if there else None) == found
