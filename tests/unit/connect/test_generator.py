"""Made-up rows."""

import datetime as dt
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from tests.contracts.formats import layout

from penstock.connect.generator import GeneratorSource
from penstock.data.changes import Changes, concat_changes
from penstock.data.pool import Pool
from penstock.data.types import Field, Kind, SqlType, decimal
from penstock.data.values import decode_column
from penstock.ports.format import Layout
from penstock.ports.source import SourceEnded, TransportRefused


class Feed:
    """Takes changes until there are enough."""

    def __init__(self, limit: int = 1_000_000) -> None:
        self.batches: list[Changes] = []
        self.size_bytes = 0
        self.waited_s = 0.0
        self._left = limit

    def begins(self, place: dict[str, int]) -> None:
        self.place = place

    def changes(self, changes: Changes, size_bytes: int) -> None:
        self.batches.append(changes)
        self.size_bytes += size_bytes
        self._left -= len(changes)
        if self._left <= 0:
            raise SourceEnded

    def wait_s(self, duration_s: float) -> None:
        self.waited_s += duration_s


def rows(table: Layout, config: dict[str, Any]) -> list[tuple[Any, ...]]:
    pool, feed = Pool(), Feed(100_000)
    with suppress(SourceEnded):
        GeneratorSource().open(config, table, pool).run(feed)  # type: ignore[arg-type]
    changes = concat_changes(feed.batches)
    columns = [decode_column(c, l.type, pool) for c, l in zip(changes.columns, table.columns, strict=True)]  # noqa: E741
    return [*zip(*columns, strict=True)]


def one(type: SqlType, count: int = 3, **settings: Any) -> list[Any]:
    config = {"plan": [{"limit": count, "fields": {"c": settings}}], "seed": 7}
    return [row[0] for row in rows(layout(("c", type)), config)]


def test_columns_without_settings_count_up() -> None:
    table = layout(
        ("i", SqlType(Kind.INTEGER)),
        ("s", SqlType(Kind.VARCHAR)),
        ("d", SqlType(Kind.DATE)),
        ("n", decimal(6, 2)),
        ("b", SqlType(Kind.BOOLEAN)),
    )

    assert rows(table, {"plan": [{"limit": 2}]}) == [
        (0, "0", dt.date(1970, 1, 1), Decimal("0.00"), False),
        (1, "1", dt.date(1970, 1, 2), Decimal("1.00"), True),
    ]


def test_the_stretches_of_a_plan_follow_each_other() -> None:
    table = layout(("i", SqlType(Kind.INTEGER)))
    plan = [{"limit": 2}, {"limit": 2, "fields": {"I": {"range": [10, 12]}}}]

    assert rows(table, {"plan": plan}) == [(0,), (1,), (10,), (11,)]


def test_ranges_scales_and_values() -> None:
    stamp = SqlType(Kind.TIMESTAMP, precision=6)

    assert one(SqlType(Kind.INTEGER), 4, range=[5, 7]) == [5, 6, 5, 6]
    assert one(SqlType(Kind.BIGINT), scale=10) == [0, 10, 20]
    assert one(SqlType(Kind.VARCHAR), 3, values=["a", None]) == ["a", None, "a"]
    assert one(SqlType(Kind.DOUBLE), scale=0.5) == [0.0, 0.5, 1.0]
    assert one(stamp, 2, range=["2024-01-01 00:00:00", "2025-01-01 00:00:00"], scale=1000) == [
        dt.datetime(2024, 1, 1),  # noqa: DTZ001
        dt.datetime(2024, 1, 1, 0, 0, 1),  # noqa: DTZ001
    ]


def test_random_values_stay_in_their_range_and_repeat_with_their_seed() -> None:
    kind = SqlType(Kind.SMALLINT)
    drawn = one(kind, 1000, strategy="uniform", range=[-5, 5])

    assert set(drawn) == set(range(-5, 5))
    assert drawn == one(kind, 1000, strategy="uniform", range=[-5, 5])


def test_zipf_prefers_the_first() -> None:
    drawn = one(SqlType(Kind.INTEGER), 2000, strategy="zipf", range=[0, 100])

    assert drawn.count(0) > drawn.count(1) > drawn.count(50)


def test_a_share_of_nulls() -> None:
    drawn = one(SqlType(Kind.INTEGER), 1000, null_percentage=30)

    assert 200 < drawn.count(None) < 400


def test_complex_types() -> None:
    integer, text = SqlType(Kind.INTEGER), SqlType(Kind.VARCHAR)
    row = SqlType(Kind.STRUCT, fields=(Field("a", integer), Field("b", text)))

    assert one(row, 2) == [{"a": 0, "b": "0"}, {"a": 1, "b": "1"}]
    assert all(len(v) in (1, 2) for v in one(SqlType(Kind.ARRAY, element=integer), 20, range=[1, 3]))
    assert all(isinstance(v, dict) for v in one(SqlType(Kind.MAP, key=text, element=integer), 5))
    assert len({*one(SqlType(Kind.UUID), 5)}) == 5
    assert all("@" in v for v in one(text, 5, strategy="email"))


def test_a_rate_waits() -> None:
    pool, feed = Pool(), Feed()
    table = layout(("i", SqlType(Kind.INTEGER)))
    GeneratorSource().open({"plan": [{"limit": 100, "rate": 1000}]}, table, pool).run(feed)  # type: ignore[arg-type]

    assert feed.waited_s > 0.04
    assert feed.size_bytes == 800


@pytest.mark.parametrize(
    "config",
    [
        {"plan": [{"fields": {"nope": {}}}]},
        {"plan": [{"fields": {"i": {"strategy": "nope"}}}]},
        {"plan": [{"fields": {"i": {"colour": 1}}}]},
        {"plan": [{"fields": {"i": {"range": [2, 1]}}}]},
        {"plan": [{"fields": {"i": {"range": ["a", "b"]}}}]},
        {"plan": [{"limit": -1}]},
        {"plan": {}},
        {"colour": 1},
        {"seed": "x"},
    ],
)
def test_settings_that_mean_nothing_are_refused(config: dict[str, Any]) -> None:
    with pytest.raises(TransportRefused):
        GeneratorSource().open(config, layout(("i", SqlType(Kind.INTEGER))), Pool())
