import os
from pathlib import Path

import pytest

from penstock.kernel.errors import Unavailable
from penstock.store.lock import DirectoryLock


def test_a_second_lock_names_the_directory_and_the_process(tmp_path: Path) -> None:
    first = DirectoryLock(tmp_path / "data")

    with pytest.raises(Unavailable) as refusal:
        DirectoryLock(tmp_path / "data")

    assert str(tmp_path / "data") in refusal.value.message
    assert f"process {os.getpid()}" in refusal.value.message
    first.release()


def test_a_released_directory_can_be_locked_again(tmp_path: Path) -> None:
    DirectoryLock(tmp_path).release()

    lock = DirectoryLock(tmp_path)
    lock.release()
    lock.release()


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(Unavailable, match="cannot be used"):
        DirectoryLock(tmp_path / "file" / "data")
