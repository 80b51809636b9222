"""Tables: upserts, deletions and patches by key against a dictionary, contents, and rows that come too late."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.circuit.operators.table import Table
from penstock.data.changes import Changes
from penstock.data.pool import Pool
from penstock.data.values import encode_values
from penstock.sql.compile import CompileFailed, compile_program
from penstock.sql.diagnostics import NotSupported
from tests.unit.circuit.operators.following import Bag, Row, bag_of, deltas, ints, texts


class Fed:
    """A table of a declaration that takes rows, and what came out of it."""

    def __init__(self, declaration: str) -> None:
        [self.relation] = compile_program(f"{declaration};").tables
        self.pool = Pool()
        self.table = Table(self.relation, self.pool)
        self.shown: Bag = Counter()

    def feed(self, rows: list[tuple[Row, int]], given: list[tuple[bool, ...] | None] | None = None) -> dict[Row, int]:
        """Feed operations. given: for each the columns that a patch gives, or None for a whole row."""
        columns = [
            encode_values([row[i] for row, _ in rows], f.type.with_nullable(True), self.pool)
            for i, f in enumerate(self.relation.schema)
        ]
        changes = Changes(columns, np.array([weight for _, weight in rows], np.int64))
        if given is not None and any(given):
            changes.patches = np.array([g is not None for g in given])
            width = len(columns)
            changes.present = [np.array([g is None or g[i] for g in given]) for i in range(width)]
        out = self.table.step([changes])
        if out is None:
            return {}
        self.restored()
        found = bag_of(out, self.relation.schema, self.pool)  # type: ignore[arg-type]
        self.shown.update(found)
        return {row: weight for row, weight in found.items() if weight}

    def restored(self) -> None:
        """Go on with a copy made of the snapshot."""
        late, state = self.table.late_count, self.table.snapshot()
        self.table = Table(self.relation, self.pool)
        self.table.restore(state)
        self.table.late_count = late

    def contents(self) -> dict[Row, int]:
        return dict(bag_of(self.table.contents(), self.relation.schema, self.pool))


KEYED = "CREATE TABLE t (v INT, k INT NOT NULL, s VARCHAR, PRIMARY KEY (k))"
OPERATIONS = st.lists(
    st.lists(
        st.tuples(
            st.tuples(ints, st.integers(0, 3), texts),
            st.sampled_from(["put", "put", "delete", "patch v", "patch s"]),
        ),
        min_size=1,
        max_size=8,
    ),
    max_size=5,
)


@given(OPERATIONS)
@settings(max_examples=40, deadline=None)
def test_operations_by_key_are_those_of_a_dictionary(steps: list[list[tuple[Row, str]]]) -> None:
    fed = Fed(KEYED)
    expected: dict[int, Row] = {}
    patches = {"patch v": (True, True, False), "patch s": (False, True, True)}
    for step in steps:
        for (v, k, s), word in step:
            there = expected.get(k)
            if word == "put":
                expected[k] = (v, k, s)
            elif word == "delete":
                expected.pop(k, None)
            elif there is not None:
                expected[k] = (v, k, there[2]) if word == "patch v" else (there[0], k, s)
        fed.feed([(row, -1 if word == "delete" else 1) for row, word in step], [patches.get(w) for _, w in step])

        rows = dict.fromkeys(expected.values(), 1)
        assert {row: weight for row, weight in fed.shown.items() if weight} == rows
        assert fed.contents() == rows


def test_one_step_emits_only_what_changed_in_all() -> None:
    fed = Fed(KEYED)

    first = fed.feed([((1, 1, "a"), 1), ((2, 1, "a"), 1), ((1, 2, "b"), 1), ((None, 2, None), -1)])
    again = fed.feed([((2, 1, "a"), 1)])
    there_and_back = fed.feed([((5, 1, "z"), 1), ((2, 1, "a"), 1)])
    gone = fed.feed([((None, 1, None), -1), ((None, 9, None), -1)])

    assert (first, again, there_and_back, gone) == ({(2, 1, "a"): 1}, {}, {}, {(2, 1, "a"): -1})


def test_a_patch_of_no_row_does_nothing() -> None:
    fed = Fed(KEYED)

    assert fed.feed([((7, 1, None), 1)], [(True, True, False)]) == {}
    assert fed.contents() == {}


def test_keys_of_several_columns_and_of_strings() -> None:
    fed = Fed("CREATE TABLE t (a VARCHAR NOT NULL, v INT, b INT NOT NULL, PRIMARY KEY (a, b))")
    fed.feed([(("é", 1, 1), 1), (("é", 2, 2), 1), (("", 3, 1), 1), (("é", 4, 1), 1)])

    assert fed.contents() == {("é", 4, 1): 1, ("é", 2, 2): 1, ("", 3, 1): 1}


@given(deltas(ints, texts))
@settings(max_examples=40, deadline=None)
def test_without_a_key_rows_add_up(steps: list[list[tuple[Row, int]]]) -> None:
    fed = Fed("CREATE TABLE t (a INT, s VARCHAR) WITH ('materialized' = 'true')")
    total: Bag = Counter()
    for step in steps:
        fed.feed(step)
        for row, weight in step:
            total[row] += weight

    expected = {row: weight for row, weight in total.items() if weight}
    assert {row: weight for row, weight in fed.shown.items() if weight} == expected
    assert fed.contents() == expected


def test_contents_are_kept_only_where_asked_for() -> None:
    assert not Fed("CREATE TABLE t (a INT)").table.kept
    assert Fed("CREATE TABLE t (a INT) WITH ('materialized' = 'true')").table.kept
    assert Fed(KEYED).table.kept


# ------------------------------------------------------------------------------------------------------- lateness


def at(second: int) -> datetime:
    return datetime(2024, 1, 1, 0, 0, second)  # noqa: DTZ001 - TIMESTAMP has no zone


@pytest.mark.parametrize(
    ("type", "lateness", "greatest", "in_time", "late"),
    [
        ("INT", "5", 20, 15, 14),
        ("BIGINT", "0", 20, 20, 19),
        ("BIGINT UNSIGNED", "5", 2, 0, None),
        ("BIGINT UNSIGNED", "5", 2**63 + 2, 2**63 - 3, 2**63 - 4),
        ("BIGINT", "5", -(2**63) + 2, -(2**63), None),
        ("DECIMAL(6, 2)", "0.5", Decimal("20.00"), Decimal("19.50"), Decimal("19.49")),
        ("TIMESTAMP", "INTERVAL '10' SECONDS", at(30), at(20), at(19)),
        ("DATE", "INTERVAL '2' DAYS", date(2024, 3, 10), date(2024, 3, 8), date(2024, 3, 7)),
    ],
)
def test_rows_further_behind_than_the_lateness_are_dropped_and_counted(
    type: str, lateness: str, greatest: Any, in_time: Any, late: Any
) -> None:
    fed = Fed(f"CREATE TABLE t (ts {type} LATENESS {lateness}, v INT)")
    fed.feed([((greatest, 1), 1)])

    shown = fed.feed([((value, 2), 1) for value in (in_time, late) if value is not None])

    assert shown == {(in_time, 2): 1}
    assert fed.table.late_count == (late is not None)


def test_what_counts_is_the_greatest_before_the_step() -> None:
    fed = Fed("CREATE TABLE t (ts INT LATENESS 1)")

    assert len(fed.feed([((v,), 1) for v in (1, 100, 50)])) == 3
    assert fed.feed([((50,), 1), ((99,), 1), ((200,), 1), ((120,), 1)]) == {(99,): 1, (200,): 1, (120,): 1}
    assert fed.table.late_count == 1


def test_null_is_never_late_and_late_rows_do_not_advance_anything() -> None:
    fed = Fed("CREATE TABLE t (a INT LATENESS 0, b INT LATENESS 0)")
    fed.feed([((10, 10), 1)])

    assert fed.feed([((None, 10), 1)]) == {(None, 10): 1}
    assert fed.feed([((5, 99), 1)]) == {}
    assert fed.feed([((10, 10), 1)]) == {(10, 10): 1}


def test_late_deletions_are_dropped_without_a_key_and_heard_with_one() -> None:
    plain = Fed("CREATE TABLE t (ts INT LATENESS 0)")
    plain.feed([((1,), 1), ((10,), 1)])
    keyed = Fed("CREATE TABLE t (k INT NOT NULL PRIMARY KEY, ts INT LATENESS 0)")
    keyed.feed([((1, 1), 1), ((2, 10), 1)])

    assert plain.feed([((1,), -1)]) == {}
    assert keyed.feed([((1, None), -1)]) == {(1, 1): -1}


@pytest.mark.parametrize(("type", "lateness"), [("DOUBLE", "1.0"), ("VARCHAR", "'a'"), ("DATE", "INTERVAL '1' MONTH")])
def test_lateness_of_what_has_no_distance_is_refused(type: str, lateness: str) -> None:
    with pytest.raises((NotSupported, CompileFailed)):
        Fed(f"CREATE TABLE t (ts {type} LATENESS {lateness})")
