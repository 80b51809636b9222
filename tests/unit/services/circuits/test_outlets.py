"""What an output does with a sink that fails."""

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from penstock.data.batch import Batch, Column
from penstock.data.pool import Pool
from penstock.data.types import Kind, SqlType
from penstock.ports.format import ColumnLayout, Encoded, Layout
from penstock.ports.sink import Sink
from penstock.ports.source import TransportRefused
from penstock.services.circuits import outlets
from penstock.services.circuits.outlets import BufferBounds, Outlet, OutputEndpoint, Way

LAYOUT = Layout("v", (ColumnLayout("n", False, SqlType(Kind.INTEGER, nullable=False)),))


class Numbers:
    """A format: one piece for each row, its number and sign."""

    needs_messages = False

    def encode(self, batch: Batch) -> Iterator[Encoded]:
        for word, weight in zip(batch.columns[0].words.tolist(), batch.weights.tolist(), strict=True):
            yield Encoded(f"{'-' if weight < 0 else ''}{word} ".encode(), 1)


class PlainKind:
    """A sink that cannot be opened where it was. failing: so many flushes fail, each after it has taken one piece."""

    name = "plain"
    needs_format = True

    def __init__(self, failing: int = 0) -> None:
        self.taken: list[bytes] = []
        self.failing = failing
        self.opened = 0

    def open(self, config: Mapping[str, Any]) -> Sink:
        self.opened += 1
        return PlainSink(self)


class PlainSink:
    def __init__(self, kind: PlainKind) -> None:
        self._kind = kind
        self._written: list[bytes] = []

    def write(self, payload: bytes) -> None:
        self._written.append(payload)

    def flush(self) -> None:
        written, self._written = self._written, []
        if self._kind.failing:
            self._kind.failing -= 1
            self._kind.taken += written[:1]
            raise OSError("nobody takes it: the password is abc123")
        self._kind.taken += written

    def place(self) -> int:
        return len(self._kind.taken)

    def close(self) -> None:
        """Have nothing to do."""


class ResumingKind(PlainKind):
    """A sink that is opened where it was, and then says what is there already."""

    def reopen(self, config: Mapping[str, Any], place: Any) -> tuple[PlainSink, int]:
        self.opened += 1
        return PlainSink(self), len(self.taken) - place


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlets, "_FIRST_PAUSE_S", 0.001)


def rows(*numbers: int) -> Batch:
    words = np.array([abs(number) for number in numbers], np.int64)
    return Batch([Column(words)], np.sign(np.array(numbers, np.int64)))


def outlet(kind: PlainKind, encoder: Any = None, **options: Any) -> Outlet:
    way = Way(kind, {}, lambda message: message.replace("abc123", "${secret:p}"))
    ask: Callable[[Callable[[], None]], object] = lambda job: threading.Thread(target=job).start()  # noqa: E731
    return Outlet(OutputEndpoint("v.c", "v", {}), way, encoder or Numbers(), LAYOUT, Pool(), ask, **options)


def test_what_a_plain_sink_refuses_is_written_to_it_again_whole() -> None:
    kind = PlainKind(failing=2)
    made = outlet(kind)
    made.take(1, rows(1, 2))
    made.take(2, None)
    while made.done < 2:
        made.wait_idle(0.01)

    assert kind.taken == [b"1 ", b"1 ", b"1 ", b"2 "]
    assert kind.opened == 1
    assert made.endpoint.transport_error_count == 2
    assert made.endpoint.failing is None


def test_what_a_sink_has_already_is_not_written_again_after_it_was_opened_anew() -> None:
    kind = ResumingKind(failing=2)
    made = outlet(kind)
    made.take(1, rows(1, 2, 3))
    while made.done < 1:
        made.wait_idle(0.01)

    assert kind.taken == [b"1 ", b"2 ", b"3 "]
    assert kind.opened == 3


def test_secrets_are_not_in_what_is_said_of_a_failure() -> None:
    made = outlet(PlainKind(failing=1))
    made.take(1, rows(1))
    while made.done < 1:
        made.wait_idle(0.01)

    assert made.endpoint.transport_errors[0]["message"] == "nobody takes it: the password is ${secret:p}"


def test_a_restored_output_delivers_what_it_had_not_and_takes_no_step_twice() -> None:
    before = outlet(ResumingKind(failing=1_000_000))
    before.take(1, rows(1))
    before.take(2, rows(2))
    state = before.state(with_queue=True)
    kind = ResumingKind()
    after = outlet(kind, state=state)
    after.take(2, rows(2))
    after.take(3, rows(3))
    while after.done < 3:
        after.wait_idle(0.01)

    assert (state.step, state.taken) == (0, 2)
    assert kind.taken == [b"1 ", b"2 ", b"3 "]


def test_what_comes_while_it_is_paused_is_dropped_and_what_waited_is_not() -> None:
    kind = PlainKind(failing=1_000_000)
    made = outlet(kind)
    made.take(1, rows(1))
    made.set_paused(True)
    made.take(2, rows(2))
    state = made.state(with_queue=True)
    kind.failing = 0
    made.set_paused(False)
    made.take(3, rows(3))
    while made.done < 3:
        made.wait_idle(0.01)

    assert (state.paused, state.taken, len(state.queue)) == (True, 2, 1)
    assert kind.taken[-2:] == [b"1 ", b"3 "]
    assert b"2 " not in kind.taken


def test_changes_that_cancel_in_a_buffer_are_never_seen() -> None:
    kind = PlainKind()
    made = outlet(kind, bounds=BufferBounds(1000, 0.05))
    made.take(1, rows(1, 2))
    made.take(2, rows(-1))
    assert made.done == 0
    while made.done < 2:
        made.wait_idle(0.01)

    assert kind.taken == [b"2 "]


def test_messages_without_payload_need_a_transport_of_messages() -> None:
    class Removals(Numbers):
        needs_messages = True

    with pytest.raises(TransportRefused, match="no place for"):
        outlet(PlainKind(), Removals())
