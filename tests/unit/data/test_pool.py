"""The value pool: one code for equal bytes, order as memcmp has it."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.data.pool import Pool


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=20), max_size=60))
def test_codes_are_equal_exactly_when_values_are(values):
    pool = Pool()
    codes = pool.intern_many(values).tolist()

    assert values == pool.values(np.array(codes, np.int64))
    assert len(set(values)) == len(set(codes))
    assert codes == pool.intern_many(values).tolist()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=6), min_size=1, max_size=60))
def test_ranks_order_as_the_bytes_do(values):
    pool = Pool()
    ranks = pool.ranks(pool.intern_many(values)).tolist()

    order = sorted(set(values))
    assert [order.index(v) for v in values] == ranks


def test_the_empty_value_has_code_zero():
    assert Pool().intern(b"") == 0


def test_a_restored_pool_gives_the_same_codes():
    pool = Pool()
    values = [str(i).encode() * (i % 5) for i in range(3000)]
    codes = pool.intern_many(values)

    other = Pool.restored(pool.snapshot())

    assert values == other.values(codes)
    assert codes.tolist() == other.intern_many(values).tolist()
