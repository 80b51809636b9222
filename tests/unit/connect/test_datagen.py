"""Made-up rows."""

import datetime as dt
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from tests.contracts.formats import layout

from penstock.connect.datagen.source import GeneratorSource
from penstock.connect.datagen.streams import Streams
from penstock.connect.datagen.texts import STRATEGIES
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


def test_a_seed_makes_the_rows_that_feldera_makes() -> None:
    """Source: the table un_int_datagen_tbl of Feldera's suite of unsigned integers, as its views show it."""
    ranges = {"t": [0, 255], "s": [256, 65535], "i": [65536, 4294967295], "b": [4294967296, 9223372036854775807]}
    kinds = {"t": Kind.UTINYINT, "s": Kind.USMALLINT, "i": Kind.UINTEGER, "b": Kind.UBIGINT}
    table = layout(*((f"{name}{n}", SqlType(kinds[name])) for n in (0, 1) for name in ranges))
    fields = {f"{name}{n}": {"strategy": "uniform", "range": ranges[name]} for n in (0, 1) for name in ranges}

    assert rows(table, {"seed": 12345, "plan": [{"limit": 1, "fields": fields}]}) == [
        (9, 10192, 1146171806, 6996571239486628517, 84, 15522, 1457925796, 3352245520498693749)
    ]


def test_a_row_is_the_same_whichever_rows_are_made_with_it() -> None:
    text, integer = SqlType(Kind.VARCHAR), SqlType(Kind.INTEGER)
    table = layout(
        ("s", text),
        ("a", SqlType(Kind.ARRAY, element=integer)),
        ("u", SqlType(Kind.UUID)),
        ("b", SqlType(Kind.BOOLEAN)),
        ("z", integer),
        ("d", SqlType(Kind.DECIMAL, precision=30, scale=4)),
    )
    uniform = {"strategy": "uniform", "null_percentage": 20}
    fields = {c.name: dict(uniform) for c in table.columns}
    fields["a"]["value"] = dict(uniform)
    fields["z"] = {"strategy": "zipf", "range": [0, 50], "e": 2}
    fields["d"]["range"] = [-5, 5]
    plan = {"limit": 500, "fields": fields}

    whole = rows(table, {"seed": 5, "plan": [plan]})
    assert whole == rows(table, {"seed": 5, "plan": [{**plan, "worker_chunk_size": 7}]})
    assert whole != rows(table, {"seed": 6, "plan": [plan]})
    assert whole[1:] == rows(table, {"seed": 6, "plan": [plan]})[:-1]


def test_a_generator_that_is_resumed_makes_the_rows_that_are_left() -> None:
    pool, table = Pool(), layout(("i", SqlType(Kind.INTEGER)), ("u", SqlType(Kind.INTEGER)))
    plan = [{"limit": 30, "fields": {"u": {"strategy": "uniform"}}}, {"limit": 30}]
    whole = rows(table, {"plan": plan, "seed": 3})
    source, feed = GeneratorSource().open({"plan": plan}, table, pool), Feed()
    source.resume({"seed": 3, "rows": 35})
    source.run(feed)  # type: ignore[arg-type]
    changes = concat_changes(feed.batches)

    assert [row[0] for row in whole[35:]] == changes.columns[0].words.tolist()
    assert [row[1] for row in whole[35:]] == changes.columns[1].words.tolist()


def test_draws_are_those_of_one_row_after_the_other() -> None:
    sizes = (3, 100, 2**32 - 1, 2**32 + 1, 2**63 - 1, 2**64 - 1)
    streams = Streams(2**64 - 3, 0, 6)
    drawn = [streams.below(np.arange(0, 6, 2), size).view(np.uint64).tolist() for size in sizes]

    for position, row in enumerate(range(0, 6, 2)):
        assert [numbers[position] for numbers in drawn] == [*_reference((2**64 - 3 + row) % 2**64, sizes)]


def _reference(seed: int, sizes: tuple[int, ...]) -> Iterator[int]:
    """Draw below each size from one xoshiro256++ filled by a PCG32, number by number."""
    mask, parts = 2**64 - 1, []
    for _ in range(8):
        seed = (seed * 6364136223846793005 + 11634580027462260723) & mask
        mixed = (((seed >> 18) ^ seed) >> 27) & 0xFFFFFFFF
        parts.append(((mixed >> (seed >> 59)) | (mixed << (32 - (seed >> 59)))) & 0xFFFFFFFF)
    s = [parts[2 * i] | parts[2 * i + 1] << 32 for i in range(4)]

    def turned(bits: int, count: int) -> int:
        return ((bits << count) | (bits >> (64 - count))) & mask

    for size in sizes:
        while True:
            drawn = (turned((s[0] + s[3]) & mask, 23) + s[0]) & mask
            shifted = (s[1] << 17) & mask
            s[2] ^= s[0]
            s[3] ^= s[1]
            s[1] ^= s[2]
            s[0] ^= s[3]
            s[2] ^= shifted
            s[3] = turned(s[3], 45)
            if (drawn * size) & mask <= mask - (mask - size + 1) % size:
                yield (drawn * size) >> 64
                break


def test_every_strategy_of_texts_makes_texts() -> None:
    text = SqlType(Kind.VARCHAR)

    assert len(STRATEGIES) == 69
    for strategy in STRATEGIES:
        drawn = one(text, 20, strategy=strategy, range=[3, 5])
        assert all(drawn) and not any(letter in value for value in drawn for letter in "{}#~")


def test_values_that_the_type_does_not_have_are_refused() -> None:
    with pytest.raises(TransportRefused, match="TINYINT has -128 to 127"):
        one(SqlType(Kind.TINYINT), strategy="uniform", range=[0, 1000])
    with pytest.raises(TransportRefused, match="0 to 100"):
        one(SqlType(Kind.INTEGER), null_percentage=101)
    with pytest.raises(TransportRefused, match="NOT NULL"):
        one(SqlType(Kind.INTEGER, nullable=False), null_percentage=10)


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
