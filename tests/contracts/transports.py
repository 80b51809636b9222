"""What every input and output transport must do."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from penstock.data.changes import Changes
from penstock.data.pool import Pool
from penstock.data.types import Kind, SqlType
from penstock.ports.sink import ResumableSink, ResumableSinkKind, SinkKind
from penstock.ports.source import SourceEnded, SourceKind, TransportRefused
from tests.contracts.formats import layout

TABLE = layout(("n", SqlType(Kind.INTEGER)))


class CollectingFeed:
    """Keeps what a source gives. limit: how many calls it takes before it says that the connector is gone."""

    def __init__(self, limit: int | None = None) -> None:
        self.bodies: list[bytes] = []
        self.bodies_given: list[bytes] = []
        self.rows = 0
        self.errors: list[str] = []
        self._open = b""
        self._left = limit

    def _take(self) -> None:
        if self._left is not None:
            if self._left == 0:
                raise SourceEnded
            self._left -= 1

    def data(self, data: bytes) -> None:
        self._take()
        self._open += data

    def end_of_body(self) -> None:
        self._take()
        self.bodies.append(self._open)
        self._open = b""

    def bodies(self, bodies: Sequence[bytes], facts: Sequence[Mapping[str, Any]] | None = None) -> None:
        self._take()
        self.bodies_given += bodies

    def kept(self) -> Any:
        return None

    def changes(self, changes: Changes, size_bytes: int, after: Any = None) -> None:
        self._take()
        assert size_bytes >= 0
        self.rows += len(changes)

    def begins(self, place: Any) -> None:
        json.dumps(place)

    def wait_s(self, duration_s: float) -> None:
        self._take()

    def error(self, message: str) -> None:
        self.errors.append(message)


class SourceContract:
    """Subclass with the kind; `config` says how to have it give `bodies` and `row_count` rows."""

    kind: SourceKind
    bodies: tuple[bytes, ...] = ()
    row_count = 0

    def config(self, directory: Path) -> Mapping[str, Any]:
        return {}

    def test_it_gives_what_it_has_and_ends(self, tmp_path: Path) -> None:
        feed = CollectingFeed()
        self.kind.open(self.config(tmp_path), TABLE, Pool()).run(feed)

        assert tuple(feed.bodies) == self.bodies
        assert feed.rows == self.row_count

    def test_it_can_be_run_again_from_the_beginning(self, tmp_path: Path) -> None:
        config = self.config(tmp_path)
        for _ in range(2):
            feed = CollectingFeed()
            self.kind.open(config, TABLE, Pool()).run(feed)

            assert tuple(feed.bodies) == self.bodies

    def test_it_ends_when_the_feed_says_so(self, tmp_path: Path) -> None:
        if not self.bodies and not self.row_count:
            return
        with pytest.raises(SourceEnded):
            self.kind.open(self.config(tmp_path), TABLE, Pool()).run(CollectingFeed(0))

    def test_a_setting_it_does_not_have_is_refused(self, tmp_path: Path) -> None:
        if self.kind.name == "empty_input":
            return
        with pytest.raises(TransportRefused, match="colour"):
            self.kind.open({**self.config(tmp_path), "colour": "blue"}, TABLE, Pool())


class SinkContract:
    """Subclass with the kind; `kept` says what has arrived."""

    kind: SinkKind

    def config(self, directory: Path) -> Mapping[str, Any]:
        return {}

    def kept(self, directory: Path) -> bytes:
        raise NotImplementedError

    def test_what_is_flushed_has_arrived(self, tmp_path: Path) -> None:
        sink = self.kind.open(self.config(tmp_path))
        sink.write(b"one\n")
        sink.flush()
        one = self.kept(tmp_path)
        sink.write(b"two\n")
        sink.flush()
        two = self.kept(tmp_path)
        sink.close()

        assert (one, two) in ((b"one\n", b"one\ntwo\n"), (b"", b""))

    def test_opened_where_it_was_it_has_nothing_twice(self, tmp_path: Path) -> None:
        if not isinstance(self.kind, ResumableSinkKind):
            return
        config = self.config(tmp_path)
        sink = self.kind.open(config)
        sink.write(b"one\n")
        sink.flush()
        assert isinstance(sink, ResumableSink)
        place = json.loads(json.dumps(sink.place()))
        sink.write(b"two\n")
        sink.close()
        sink, there = self.kind.reopen(config, place)
        for payload in (b"two\n", b"three\n")[there:]:
            sink.write(payload)
        sink.flush()
        kept = self.kept(tmp_path)
        sink.close()

        assert kept in (b"one\ntwo\nthree\n", b"")
