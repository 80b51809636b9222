"""The tokens of one level of a network: where they wait for each other, and what is under way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from penstock.flow.wiring import Wiring
from penstock.kernel.network import Carries, Link, Node, Source
from penstock.kernel.runs import StepRecord
from penstock.kernel.values import Value

__all__ = ["Firing", "Lane", "NetLevel"]

Lane = tuple[tuple[int, int], ...]
"""The batches a token belongs to, outermost first: pairs of a split's number and the batch's place."""


@dataclass(slots=True, eq=False)
class Firing:
    """One firing of a node."""

    record: StepRecord
    node: Node
    level: NetLevel
    lane: Lane
    inner: NetLevel | None = None

    @property
    def node_name(self) -> str:
        """The name of the node."""
        return self.record.name


@dataclass(slots=True, eq=False)
class _Token:
    lane: Lane
    value: Value
    is_used: bool = False


@dataclass(slots=True, eq=False)
class _OpenSplit:
    """A split whose batches are under way. active: firings in its lanes, and splits in them."""

    name: str
    lane: Lane
    active: int = 0


@dataclass(slots=True, eq=False)
class NetLevel:
    """One run of a net.

    Attributes:
        running: firings that have not ended. live: which they are.
        results: what arrived at the end. failure: why it fails; nothing fires any more.
        gathered: for a gather and a split, what came in which lane.
    """

    wiring: Wiring
    owner: Firing | None
    prefix: str
    running: int = 0
    live: dict[Firing, None] = field(default_factory=dict)
    results: list[tuple[Lane, Value]] = field(default_factory=list)
    failure: str | None = None
    is_over: bool = False
    gathered: dict[tuple[str, int], list[tuple[Lane, list[Value]]]] = field(default_factory=dict)
    _splits: dict[int, _OpenSplit] = field(default_factory=dict)
    _waiting: dict[int, list[list[_Token]]] = field(default_factory=dict)

    # What is under way.

    def begin(self, firing: Firing) -> None:
        """Count a firing in."""
        self.running += 1
        self.live[firing] = None
        for split, _ in firing.lane:
            self._splits[split].active += 1

    def end(self, firing: Firing) -> None:
        """Count a firing out."""
        if self.live.pop(firing, 0) is None:
            self.running -= 1
            for split, _ in firing.lane:
                self._splits[split].active -= 1

    def open_split(self, split: int, name: str, lane: Lane) -> None:
        """A split cut its value into batches."""
        self._splits[split] = _OpenSplit(name, lane)
        for outer, _ in lane:
            self._splits[outer].active += 1
        self.running += 1

    def close_split(self, split: int) -> tuple[Lane, str]:
        """Forget a split that has ended; returns its lane and its node."""
        closed = self._splits.pop(split)
        for outer, _ in closed.lane:
            self._splits[outer].active -= 1
        self.running -= 1
        return closed.lane, closed.name

    def ended_split(self) -> int | None:
        """Return a split with nothing under way in its lanes; None if there is none.

        One whose tokens still wait for others has not ended, unless nothing else is under way at all.
        """
        quiet = [split for split, state in self._splits.items() if state.active == 0]
        for split in quiet:
            if not self._is_waited_in(split):
                return split
        return quiet[-1] if quiet and self.is_idle else None

    def _is_waited_in(self, split: int) -> bool:
        return any(
            not token.is_used and any(number == split for number, _ in token.lane)
            for places in self._waiting.values()
            for tokens in places
            for token in tokens
        )

    @property
    def is_idle(self) -> bool:
        """Whether nothing but splits is under way."""
        return self.running == len(self._splits)

    # Gathering.

    def is_collected(self, gather: str, lane: Lane) -> bool:
        """Tell whether a gather fires with what it collected, and not because another batch came."""
        split = lane[-1][0]
        return split not in self._splits or gather not in self.wiring.gathers[self._splits[split].name]

    def collect(self, gather: str, lane: Lane, value: Value) -> None:
        """Keep a batch for its gather."""
        items: list[Value] = value if isinstance(value, list) else [value]
        self.gathered.setdefault((gather, lane[-1][0]), []).append((lane, items))

    def result(self) -> Value:
        """Return what arrived: batches joined in order, objects merged with later ones winning."""
        if not self.results:
            return None
        values = [value for _, value in sorted(self.results, key=lambda arrived: arrived[0])]
        if any(lane for lane, _ in self.results) or any(isinstance(value, list) for value in values):
            return [item for value in values for item in (value if isinstance(value, list) else [value])]
        merged: dict[str, Value] = {}
        for value in values:
            if not isinstance(value, dict):
                return values[-1]
            merged.update(value)
        return merged

    # Meeting.

    def arrive(self, source: str, lane: Lane, value: Value) -> Iterator[tuple[str, Lane, Value]]:
        """Take in what a node gives; yield what fires because of it: where, in which lane, with what."""
        for number, place in self.wiring.followers.get(source, ()):
            link = self.wiring.net.links[number]
            if len(link.sources) == 1:
                yield link.to, lane, joined(link, [value])
            else:
                yield from self._meet(number, link, place, _Token(lane, value))

    def _meet(self, number: int, link: Link, place: int, token: _Token) -> Iterator[tuple[str, Lane, Value]]:
        places = self._waiting.setdefault(number, [[] for _ in link.sources])
        lanes = {token.lane}
        for other, tokens in enumerate(places):
            if other != place:
                lanes.update(one.lane for one in tokens if one.lane[: len(token.lane)] == token.lane)
        places[place].append(token)
        for lane in sorted(lanes):
            chosen = self._choose(link, places, place, token, lane)
            if chosen is not None:
                for one in chosen:
                    one.is_used = True
                yield link.to, lane, joined(link, [one.value for one in chosen])

    def _choose(
        self, link: Link, places: list[list[_Token]], place: int, token: _Token, lane: Lane
    ) -> list[_Token] | None:
        """Find a token of every source for a lane.

        A source that fires once stays for all; of one that fires repeatedly each token is used once, oldest first.
        """
        chosen: list[_Token] = []
        for other, tokens in enumerate(places):
            if other == place:
                chosen.append(token)
                continue
            repeats = link.sources[other].node in self.wiring.repeats
            fitting = [one for one in tokens if lane[: len(one.lane)] == one.lane and not (repeats and one.is_used)]
            if not fitting:
                return None
            chosen.append(fitting[0])
        if max(len(one.lane) for one in chosen) != len(lane):
            return None
        return chosen


def joined(link: Link, values: list[Value]) -> Value:
    """Put together what the sources of a link bring; many of one go with each single one of the others."""
    parts = [_brought(source, value) for source, value in zip(link.sources, values, strict=True)]
    brought = [part for part in parts if part is not _NOTHING]
    if not brought:
        return {}
    if len(brought) == 1:
        return brought[0]  # type: ignore[return-value]
    count = min((len(part) for part in brought if isinstance(part, list)), default=None)
    if count is None:
        return _merged(brought)
    return [_merged([part[index] if isinstance(part, list) else part for part in brought]) for index in range(count)]


class _Nothing:
    pass


_NOTHING = _Nothing()


def _brought(source: Source, value: Value) -> Value | _Nothing:
    match source.carries:
        case Carries.NOTHING:
            return _NOTHING
        case Carries.WHOLE:
            return value
        case _:
            if isinstance(value, list):
                return [_mapped(source, item) for item in value]
            return _mapped(source, value)


def _mapped(source: Source, value: Value) -> Value:
    if not isinstance(value, dict):
        return value
    return {to: value[name] for name, to in source.fields if name in value}


def _merged(parts: list[Value | _Nothing]) -> Value:
    merged: dict[str, Value] = {}
    for part in parts:
        if not isinstance(part, dict):
            return part  # type: ignore[return-value]
        merged.update(part)
    return merged
