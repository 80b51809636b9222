"""Ranges of addresses: what stays in them when they grow, are given back, and lie in files."""

from __future__ import annotations

import os
import resource
import signal
import threading
from pathlib import Path

import numpy as np
import pytest

from penstock.data.memory import CHUNK, Holder, Reserve
from penstock.data.pool import Pool
from penstock.data.spilling import Spill, SpillFailed

ITEMS = CHUNK // 8


class Held:
    """A structure with one range, all of it in use."""

    def __init__(self, reserve: Reserve) -> None:
        self.reserve = reserve

    def ranges(self) -> list[tuple[Reserve, int]]:
        return [(self.reserve, self.reserve.array.nbytes)]


@pytest.fixture
def holders(monkeypatch: pytest.MonkeyPatch) -> set[Holder]:
    """Return what a spill looks through: nothing that other tests left behind."""
    held: set[Holder] = set()
    monkeypatch.setattr("penstock.data.spilling.holders", held)
    return held


def filled(holders: set[Holder], chunks: int) -> Reserve:
    reserve = Reserve(chunks * ITEMS)
    reserve.array[:] = np.arange(chunks * ITEMS)
    holders.add(Held(reserve))
    return reserve


def test_a_spilled_range_reads_as_before_and_can_be_written(tmp_path, holders):
    reserve = filled(holders, 4)

    freed = Spill(tmp_path).free(4 * CHUNK)

    assert freed == 4 * CHUNK == reserve.backed_bytes
    assert (reserve.array == np.arange(4 * ITEMS)).all()
    reserve.array[ITEMS:] += 1
    assert (reserve.array[ITEMS:] == np.arange(ITEMS, 4 * ITEMS) + 1).all()
    assert (reserve.array[:ITEMS] == np.arange(ITEMS)).all()


def test_only_what_was_written_to_since_is_spilled_again(tmp_path, holders):
    reserve = filled(holders, 4)
    spill = Spill(tmp_path)
    spill.free(4 * CHUNK)

    assert reserve.array.sum() == np.arange(4 * ITEMS).sum()  # to read is not to write
    reserve.array[ITEMS : 2 * ITEMS] = 7
    freed = spill.free(4 * CHUNK)

    assert freed == CHUNK
    assert spill.written_bytes == 5 * CHUNK
    assert (reserve.array[ITEMS : 2 * ITEMS] == 7).all()


def test_a_fork_reads_what_was_there_when_it_was_made(tmp_path, holders):
    reserve = filled(holders, 2)
    spill = Spill(tmp_path)
    spill.free(2 * CHUNK)
    expected = int(reserve.array.sum())
    ready, go = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(ready, 1)
        os._exit(0 if int(reserve.array.sum()) == expected else 1)

    reserve.array[:] = 0
    assert spill.free(2 * CHUNK) == 2 * CHUNK
    os.write(go, b"!")

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert reserve.array.sum() == 0


def test_a_range_that_lies_in_files_grows(tmp_path, holders):
    reserve = filled(holders, 3)
    spill = Spill(tmp_path)
    spill.free(2 * CHUNK)
    reserve.array[5] = -1

    reserve.grow(40 * ITEMS)

    assert reserve.backed_bytes == 2 * CHUNK
    assert reserve.array[5] == -1
    assert (reserve.array[6 : 3 * ITEMS] == np.arange(6, 3 * ITEMS)).all()
    assert not reserve.array[3 * ITEMS :].any()


def test_a_range_that_somebody_looks_at_grows_and_they_see_the_old_one(tmp_path, holders):
    reserve = filled(holders, 3)
    Spill(tmp_path).free(2 * CHUNK)
    view = reserve.array[:10]

    reserve.grow(4 * ITEMS)
    reserve.array[:] = 0

    assert view.tolist() == list(range(10))


def test_what_is_given_back_reads_as_zeros_also_where_it_lay_in_a_file(tmp_path, holders):
    reserve = filled(holders, 3)
    Spill(tmp_path).free(2 * CHUNK)

    reserve.give_back(CHUNK, 2 * CHUNK)

    assert (reserve.array[:ITEMS] == np.arange(ITEMS)).all()
    assert not reserve.array[ITEMS:].any()
    assert reserve.backed_bytes == CHUNK


def test_a_mapped_file_fills_a_range_and_is_not_written(tmp_path):
    values = np.arange(3 * ITEMS + 11)
    path = tmp_path / "values"
    values.tofile(path)
    reserve = Reserve(8 * ITEMS)

    reserve.fill(np.memmap(path, np.int64, "r"))
    path.unlink()

    assert reserve.backed_bytes == 3 * CHUNK
    assert (reserve.array[: len(values)] == values).all()
    assert not reserve.array[len(values) :].any()
    reserve.array[:] = -1
    assert (reserve.array == -1).all()


def test_nothing_has_a_name_on_disk_and_a_directory_that_cannot_be_written_is_named(tmp_path, holders):
    filled(holders, 2)
    spill = Spill(tmp_path)
    spill.free(CHUNK)

    assert list(Path(tmp_path).iterdir()) == []
    Path(tmp_path).rmdir()
    with pytest.raises(SpillFailed, match=f"state cannot be put on disk in {tmp_path}: No such file"):
        spill.free(CHUNK)


def test_a_full_disk_is_an_error_that_says_so_and_loses_nothing(tmp_path, holders):
    reserve = filled(holders, 2)
    spill = Spill(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (CHUNK // 2, before[1]))  # stands in for a disk with no more room
    try:
        with pytest.raises(SpillFailed, match=f"state cannot be put on disk in {tmp_path}: File too large"):
            spill.free(CHUNK)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)

    assert (reserve.array == np.arange(2 * ITEMS)).all()


def test_values_that_another_thread_adds_meanwhile_are_kept(tmp_path, holders):
    pool = Pool()
    holders.add(pool)
    spill = Spill(tmp_path)
    made: list[tuple[list[bytes], np.ndarray]] = []

    def add() -> None:
        for part in range(60):
            values = [f"{part} {i} and some more to fill the heap".encode() for i in range(2000)]
            made.append((values, pool.intern_many(values)))

    adding = threading.Thread(target=add)
    adding.start()
    while adding.is_alive():
        spill.free(1 << 40)
    adding.join()

    assert spill.written_bytes > 0
    for values, codes in made:
        assert pool.values(codes) == values
        assert pool.intern_many(values).tolist() == codes.tolist()
