"""Values that only pass through: gone with their step, held as long as somebody has a lease, never over others."""

from __future__ import annotations

import random

import numpy as np
import pytest

from penstock.data import passing
from penstock.data.fate import Fate
from penstock.data.passing import BYTES, CODES, FIRST_CODE
from penstock.data.pool import Lease, Pool


def offsets_of(values: list[bytes]) -> np.ndarray:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum([len(v) for v in values], dtype=np.int64)])


def handed(pool: Pool, values: list[bytes]) -> np.ndarray:
    return pool.pass_buffers(np.frombuffer(b"".join(values), np.uint8), offsets_of(values))


def test_what_passes_through_is_read_like_anything_else() -> None:
    pool = Pool()
    kept = pool.intern(b"kept")
    values = [b"", b"one", "zwölf".encode(), b"x" * 100_000, b"one"]

    codes = handed(pool, values)

    assert (codes >= FIRST_CODE).all()
    assert pool.values(codes) == values
    assert pool.sizes(codes).tolist() == [len(v) for v in values]
    assert pool.compare(codes, codes[::-1].copy()).tolist() == [-1, -1, 0, 1, 1]
    assert pool.bound <= kept + 1


def test_a_piece_of_a_buffer_is_taken_from_where_it_begins() -> None:
    pool = Pool()
    codes = pool.pass_buffers(np.frombuffer(b"not this one two", np.uint8), np.array([9, 12, 13, 16]))

    assert pool.values(codes) == [b"one", b" ", b"two"]


def test_memory_is_used_again_when_steps_are_over() -> None:
    pool = Pool()
    seen = set()
    for number in range(200):
        codes = handed(pool, [b"%d" % (number + i) for i in range(1000)])
        pool.begin_step()
        more = handed(pool, [b"result %d" % i for i in range(number)])
        assert pool.values(codes)[-1] == b"%d" % (number + 999)
        assert pool.values(more) == [b"result %d" % i for i in range(number)]
        pool.end_step()
        seen |= {*codes.tolist(), *more.tolist()}

    assert len(seen) <= 1 << 15
    assert len(pool) == 1


def test_what_a_lease_was_taken_for_stays_until_it_is_given_back() -> None:
    pool = Pool()
    lease = pool.lease()
    codes = handed(pool, [b"in a queue"] * 3)
    for number in range(100):
        pool.begin_step()
        handed(pool, [b"other %d" % number] * 1000)
        pool.end_step()
    assert pool.values(codes) == [b"in a queue"] * 3

    del lease
    pool.begin_step()
    assert pool.size_bytes < Pool().size_bytes + 1000 * 24 + 10_000


def test_what_came_out_is_held_by_a_hold() -> None:
    pool = Pool()
    pool.begin_step()
    codes = handed(pool, [b"result"])
    pool.end_step()
    hold = pool.hold()
    for _ in range(3):
        pool.begin_step()
        handed(pool, [b"other"] * 10)
        pool.end_step()

    assert pool.values(codes) == [b"result"]
    del hold


def test_without_room_values_are_appended() -> None:
    pool = Pool()
    many = [b"%d" % i for i in range(CODES + 1)]
    wide = [b"x" * (BYTES + 1)] * 2

    assert pool.values(handed(pool, wide)) == wide
    assert pool.values(handed(pool, many))[-1] == b"%d" % CODES
    assert handed(pool, [b"small"])[0] >= FIRST_CODE


def test_what_is_to_be_kept_is_kept() -> None:
    pool = Pool()
    with pool.keeping():
        codes = handed(pool, [b"constant"])

    assert (codes < pool.bound).all()


def test_remembered_values_do_not_pass_through() -> None:
    pool = Pool().making(Fate.PASSED)

    assert pool.intern_many([b"a"])[0] >= FIRST_CODE
    assert pool.lasting.intern_many([b"a"])[0] < pool.bound


@pytest.mark.parametrize("seed", range(5))
def test_no_value_is_written_over_while_somebody_may_read_it(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(seed)
    pool = Pool()
    leased: list[tuple[Lease, np.ndarray, list[bytes]]] = []
    for number in range(300):
        given: list[tuple[np.ndarray, list[bytes]]] = []
        for _ in range(rng.randrange(3)):
            lease = pool.lease() if rng.random() < 0.3 else None
            values = [b"%d " % (number + i) * rng.randrange(200) for i in range(rng.choice((0, 1, 50, 3000)))]
            codes = handed(pool, values)
            given.append((codes, values))
            if lease is not None:
                leased.append((lease, codes, values))
        pool.begin_step()
        values = [b"%d" % i * rng.randrange(30) for i in range(rng.choice((0, 10, 5000)))]
        given.append((handed(pool, values), values))
        for codes, values in given:
            assert pool.values(codes) == values
        pool.end_step()
        for codes, values in given:
            assert pool.values(codes) == values
        for _, codes, values in leased:
            assert pool.values(codes) == values
        while leased and rng.random() < 0.4:
            leased.pop(rng.randrange(len(leased)))

    assert pool._ring.state[passing.CODE_HEAD] > CODES
