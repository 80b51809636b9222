"""How near a circuit is to its limit of memory, and when its state goes to disk."""

from __future__ import annotations

import pytest

from penstock.services.circuits import budget as module
from penstock.services.circuits.budget import Budget

MB = 1_000_000


class Memory:
    """A process with so much memory of its own, of which some can be put on disk."""

    def __init__(self, own_mb: int, spillable_mb: int) -> None:
        self.own = own_mb * MB
        self.spillable = spillable_mb * MB
        self.asked: list[int] = []

    def free(self, wanted_bytes: int) -> int:
        self.asked.append(wanted_bytes // MB)
        freed = min(wanted_bytes, self.spillable)
        self.spillable -= freed
        self.own -= freed
        return freed

    def spilled_bytes(self) -> int:
        return 7


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    memory = Memory(100, 1000)
    monkeypatch.setattr(module, "_own_bytes", lambda: memory.own)
    monkeypatch.setattr(module, "Spill", lambda *_: memory)
    monkeypatch.setattr(module, "_INTERVAL_S", 0)
    return memory


def test_without_a_limit_pressure_is_low_and_nothing_goes_to_disk(tmp_path, memory):
    budget = Budget.of({"max_memory_mb": None}, tmp_path, print)
    memory.own = 10_000 * MB

    budget.watch()

    assert (budget.pressure, memory.asked) == ("low", [])


def test_state_goes_to_disk_from_eighty_five_per_cent_on(tmp_path, memory):
    budget = Budget.of({"max_memory_mb": 1000}, tmp_path, print)
    memory.own = 850 * MB
    budget.watch()
    memory.own = 900 * MB
    budget.watch()

    assert memory.asked == [100]
    assert memory.own == 800 * MB
    assert budget.spilled_bytes == 7


def test_pressure_is_named_and_each_rise_to_high_is_counted(tmp_path, memory):
    budget = Budget.of({"max_memory_mb": 1000}, tmp_path, print)
    found = []
    for own_mb in (849, 851, 901, 951, 100, 901):
        memory.own = own_mb * MB
        budget.look()
        found.append((budget.pressure, budget.epoch))

    assert found == [("low", 0), ("moderate", 0), ("high", 1), ("critical", 2), ("low", 2), ("high", 3)]


def test_a_limit_below_what_is_no_state_is_told_once_and_state_keeps_some_room(tmp_path, memory):
    lines: list[str] = []
    budget = Budget.of({"max_memory_mb": 100}, tmp_path, lines.append)
    memory.own, memory.spillable = 300 * MB, 50 * MB
    budget.watch()
    for own_mb in (260, 281, 283):
        memory.own = own_mb * MB
        budget.watch()

    assert memory.asked == [220, 203]
    assert len(lines) == 1
    assert "the circuit takes 250 MB of memory that is not state" in lines[0]
    assert "its limit of 100 MB is too low" in lines[0]


def test_a_limit_without_storage_is_told_and_only_watched(memory):
    lines: list[str] = []
    budget = Budget.of({"max_memory_mb": 100}, None, lines.append)
    memory.own = 98 * MB
    budget.watch()

    assert budget.pressure == "critical"
    assert memory.asked == []
    assert lines == ["WARN memory is limited to 100 MB, but no state goes to disk: its storage is off"]
