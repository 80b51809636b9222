"""A declared input: a source in a thread of its own, which fills the queue of its table.

Source.run ──data──> decoder ──> queue of the table      it waits while its connector or the circuit is paused, or the
                                                         queue is full
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from penstock.data.changes import Changes, first_of, without_first
from penstock.data.pool import Lease, Pool
from penstock.ports.format import BodiesDecoder, Decoder, Format, Layout, Parsed
from penstock.ports.source import ResumableSource, Source, SourceEnded
from penstock.services.circuits.intake import Endpoint, Intake, Mark
from penstock.services.circuits.stepper import Stepper

__all__ = ["Inlet", "Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a connector waits at most, in records and in bytes, and how much of it one step takes at most."""

    records: int
    size_bytes: int
    batch_records: int | None = None


class Inlet:
    """A declared input connector: the `Feed` of its source, and the thread that runs it."""

    def __init__(
        self,
        endpoint: Endpoint,
        source: Source,
        form: tuple[Format, Mapping[str, Any], Layout, Pool] | None,
        pool: Pool,
        intake: Intake,
        stepper: Stepper,
        *,
        labels: Sequence[str],
        waits_for: Sequence[str],
        limits: Limits,
    ) -> None:
        self.endpoint = endpoint
        self.labels = labels
        self.waits_for = waits_for
        self.halted = False
        self._source = source
        self._form = form
        self._pool = pool
        self._lease: Lease | None = None
        self._decoder: Decoder | None = None
        self._intake = intake
        self._stepper = stepper
        self._limits = limits
        self._place: Any = None
        self._given = 0
        self._skip = 0
        self._thread = threading.Thread(target=self._run, name=endpoint.name, daemon=True)

    @property
    def is_resumable(self) -> bool:
        """Whether its source can go on from where it was."""
        return isinstance(self._source, ResumableSource)

    def start(self) -> None:
        """Begin to run the source, where the endpoint's mark says; one that had come to its end is not run again."""
        if self.endpoint.end_of_input:
            return
        place, self._skip = self.endpoint.mark
        if (place is not None or self._skip) and isinstance(self._source, ResumableSource):
            self._source.resume(place)
            self._place = place
        self._thread.start()

    def begins(self, place: Any) -> None:
        """Note where what is given next begins."""
        if self._given or place != self._place:
            self._place, self._given = place, 0
            with self._intake.lock:
                if not self._skip and self.endpoint.position == self.endpoint.settled:
                    self.endpoint.mark = (place, 0)  # kept even if nothing comes: a follower knows where it began

    def data(self, data: bytes) -> None:
        """Parse and queue a piece of a body."""
        self._wait_for_room()
        assert self._form is not None
        if self._decoder is None:
            format, options, table, pool = self._form
            self._decoder = format.decoder(options, table, pool)
        self._lease = self._pool.lease()
        self._take(self._decoder.feed(data), len(data))

    def end_of_body(self) -> None:
        """Parse and queue what was held back."""
        if self._decoder is not None:
            self._wait_for_room()
            decoder, self._decoder = self._decoder, None
            self._lease = self._pool.lease()
            self._take(decoder.finish(), 0)

    def bodies(self, bodies: Sequence[bytes], facts: Sequence[Mapping[str, Any]] | None = None) -> None:
        """Parse and queue whole bodies, at once where the format reads them as one."""
        self._wait_for_room()
        assert self._form is not None
        format, options, table, pool = self._form
        if facts is not None and any(column.from_facts is not None for column in table.columns):
            self._lease = self._pool.lease()
            for body, told in zip(bodies, _with_facts(table, facts), strict=True):
                self._body(format.decoder(options, told, pool), body)
            self._lease = None
            return
        whole_reader = format.decoder(options, table, pool)
        if isinstance(whole_reader, BodiesDecoder):
            self._lease = self._pool.lease()
            self._take(whole_reader.bodies(bodies), sum(map(len, bodies)))
            return
        separator = format.separator(options)
        whole = [separator.join(bodies)] if separator is not None else bodies
        self._lease = self._pool.lease()
        for body in whole:
            self._body(format.decoder(options, table, pool), body)
        self._lease = None

    def _body(self, decoder: Decoder, body: bytes) -> None:
        self._take(decoder.feed(body), len(body), keep_lease=True)
        self._take(decoder.finish(), 0, keep_lease=True)

    def changes(self, changes: Changes, size_bytes: int, after: Any = None) -> None:
        """Queue rows."""
        self._wait_for_room()
        if after is None:
            self._put([changes], size_bytes)
        else:
            self._place, self._given = after, 0
            self._intake.put(self.endpoint, [changes], size_bytes, lease=self._lease, marks=[(after, 0)])
        self._lease = self._pool.lease()  # what the source makes next is made from here on

    def kept(self) -> Any:
        """Return the place that the last checkpoint has; without checkpoints, what the last step has taken."""
        with self._intake.lock:
            return self.endpoint.kept if self.endpoint.is_kept else self.endpoint.mark[0]

    def wait_s(self, duration_s: float) -> None:
        """Sleep."""
        time.sleep(duration_s)
        self._lease = self._pool.lease()

    def error(self, message: str) -> None:
        """Count a transport error."""
        with self._intake.lock:
            self.endpoint.report_transport(message)

    def _take(self, parsed: Parsed, size_bytes: int, *, keep_lease: bool = False) -> None:
        if not self._skip:
            with self._intake.lock:
                self.endpoint.report(parsed.errors)
        self._put(parsed.batches, size_bytes)
        if not keep_lease:
            self._lease = None

    def _put(self, batches: Sequence[Changes], size_bytes: int) -> None:
        """Queue batches without the operations that were taken before a restart, each with what follows it."""
        fresh: list[Changes] = []
        marks: list[Mark] = []
        for changes in batches:
            self._given += len(changes)
            known = min(self._skip, len(changes))
            self._skip -= known
            if known < len(changes):
                for piece, rest in _pieces(without_first(changes, known), self._limits.batch_records):
                    fresh.append(piece)
                    marks.append((self._place, self._given - rest))
        if fresh or not batches:
            self._intake.put(self.endpoint, fresh, 0 if self._skip else size_bytes, lease=self._lease, marks=marks)

    def _wait_for_room(self) -> None:
        with self._intake.lock:
            while not self._may_go():
                self._intake.room.wait()

    def _may_go(self) -> bool:
        return (
            self._stepper.running
            and not self.endpoint.paused
            and not self.halted
            and not self.waits_for
            and self.endpoint.buffered_records < self._limits.records
            and self.endpoint.buffered_bytes < self._limits.size_bytes
        )

    def _run(self) -> None:
        try:
            self._wait_for_room()
            self._lease = self._pool.lease()
            self._source.run(self)
            self.end_of_body()
        except SourceEnded:
            pass
        except Exception as error:
            with self._intake.lock:
                self.endpoint.fatal_error = self.endpoint.cleaned(f"{type(error).__name__}: {error}")
        self._lease = None
        with self._intake.lock:
            self.endpoint.end_of_input = True
            self._intake.work.notify_all()
            self._intake.room.notify_all()


def _with_facts(table: Layout, facts: Sequence[Mapping[str, Any]]) -> Iterator[Layout]:
    """Return the table as each message sees it: with the defaults that follow from what is told of it."""
    given = [(at, c.from_facts(facts)) for at, c in enumerate(table.columns) if c.from_facts is not None]
    for number in range(len(facts)):
        columns = [*table.columns]
        for at, defaults in given:
            columns[at] = replace(columns[at], default=defaults[number])
        yield replace(table, columns=tuple(columns))


def _pieces(changes: Changes, most: int | None) -> Iterator[tuple[Changes, int]]:
    """Cut operations into pieces of at most so many, each with how many come after it."""
    while most is not None and len(changes) > most:
        yield first_of(changes, most), len(changes) - most
        changes = without_first(changes, most)
    yield changes, 0
