"""Wide decimals stand in their words as long as they fit; the pool holds the others."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.data import decimal128
from penstock.data.batch import Batch, Column
from penstock.data.comparing import WIDE, compare_words, comparison
from penstock.data.decimal128 import FIRST_INLINE, LARGEST_INLINE
from penstock.data.fate import Fate
from penstock.data.order import order_words
from penstock.data.pool import Pool
from penstock.data.portable import decode_changes, encode_changes
from penstock.data.types import decimal
from penstock.data.values import decode_column, encode_values

WIDE_TYPE = decimal(38, 0)
LARGEST = 10**38 - 1
EDGES = [
    *(s * (LARGEST_INLINE + d) for s in (1, -1) for d in (-1, 0, 1)),
    *(s * (2**63 + d) for s in (1, -1) for d in (-1, 0, 1)),
    *(2**31 + d for d in (-1, 0, 1)),
    -(2**31),
    -1,
    0,
    1,
    LARGEST,
    -LARGEST,
]
INTEGERS = st.one_of(st.integers(-LARGEST, LARGEST), st.integers(-100, 100), st.sampled_from(EDGES))


def words_of(values: list[int], pool: Pool) -> np.ndarray:
    return decimal128.encode(np.array(values, object), pool)


@given(st.lists(INTEGERS, min_size=1, max_size=20))
def test_integers_keep_their_values_and_equal_ones_have_equal_words(values: list[int]) -> None:
    pool = Pool()
    words = words_of(values, pool)

    assert decimal128.decode(words, pool).tolist() == values
    assert [a == b for a in words for b in words] == [a == b for a in values for b in values]
    high, low = decimal128.decode_halves(words, pool)
    assert [int(h) * 2**64 + int(x) for h, x in zip(high, low, strict=True)] == values
    assert decimal128.from_bytes(decimal128.to_bytes(words, pool), pool).tolist() == words.tolist()


@given(st.lists(INTEGERS, min_size=1, max_size=20))
def test_words_order_as_their_integers_do_wherever_they_stand(values: list[int]) -> None:
    pool = Pool()
    words = words_of(values, pool)
    order = order_words(Column(words), WIDE_TYPE, pool)
    heap, entries = pool.arrays

    assert comparison(WIDE_TYPE) == WIDE
    for i, a in enumerate(values):
        for j, b in enumerate(values):
            assert (order[i] < order[j], order[i] == order[j]) == (a < b, a == b)
            assert np.sign(compare_words(words[i], words[j], WIDE, heap, entries)) == (a > b) - (a < b)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20))
def test_arrays_of_int64_and_of_python_integers_give_the_same_words(values: list[int]) -> None:
    pool = Pool()

    assert decimal128.encode(np.array(values, np.int64), pool).tolist() == words_of(values, pool).tolist()
    assert decimal128.decode(words_of(values, pool), pool).dtype == np.int64


def test_only_what_is_too_large_for_a_word_is_pooled() -> None:
    pool = Pool()
    before = len(pool)

    assert words_of([0, 1, LARGEST_INLINE], pool).tolist() == [FIRST_INLINE + v for v in (0, 1, LARGEST_INLINE)]
    assert words_of([-1, -LARGEST_INLINE], pool).tolist() == [-1, -LARGEST_INLINE]
    assert len(pool) == before
    assert all(0 < word < FIRST_INLINE for word in words_of([LARGEST_INLINE + 1, -LARGEST_INLINE - 1], pool).tolist())
    assert len(pool) == before + 2


def test_the_word_of_a_null_reads_as_nought() -> None:
    pool = Pool()

    assert decimal128.decode(np.zeros(2, np.int64), pool).tolist() == [0, 0]
    assert not decimal128.has_codes(np.zeros(2, np.int64))


def test_a_column_of_one_repeated_word_stays_one() -> None:
    pool = Pool()
    repeated = np.broadcast_to(words_of([7], pool), 5)

    assert decimal128.decode(repeated, pool).strides == (0,)
    assert decimal128.shift_up(decimal128.decode(repeated, pool), 2).strides == (0,)
    assert decimal128.multiply(decimal128.decode(repeated, pool), np.arange(5)).tolist() == [0, 7, 14, 21, 28]


@pytest.mark.parametrize("digits", [0, 3, 18])
def test_arithmetic_is_exact_beside_the_limits(digits: int) -> None:
    values = np.array([v for v in EDGES if abs(v) < 2**63], np.int64)
    given = values.tolist()

    assert decimal128.add(values, values).tolist() == [v + v for v in given]
    assert decimal128.subtract(values, -values).tolist() == [v + v for v in given]
    assert decimal128.multiply(values, values).tolist() == [v * v for v in given]
    assert decimal128.shift_up(values, digits).tolist() == [v * 10**digits for v in given]


def test_values_of_any_size_are_the_same_in_another_pool() -> None:
    types = [decimal(38, 4, True)]
    values = [Decimal(v).scaleb(-4) for v in EDGES if abs(v) < 10**37] + [None]
    pool, other = Pool(), Pool()
    other.intern(b"something that shifts the codes")
    column = encode_values(values, types[0], pool)
    changes = Batch([column], np.ones(len(values), np.int64))

    moved = decode_changes(encode_changes(changes, types, pool), types, [Fate.COMPARED], other)

    assert decode_column(moved.columns[0], types[0], other) == values
    assert moved.columns[0].words.tolist() == encode_values(values, types[0], other).words.tolist()
