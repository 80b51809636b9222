"""A network of nodes that fire: the second form of what a run executes, beside `kernel.graph`.

In a graph each step runs once, after others. In a network values travel: a link fires its node whenever all of its
sources have given a value, a node may have several links and then runs once for each that fires, a list can be split
into batches that run side by side until they are gathered, and a value may find no way on. Values are JSON values; a
list is many values under way together. Encodes to JSON.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from penstock.kernel.errors import Invalid
from penstock.kernel.graph import Job
from penstock.kernel.values import Value

__all__ = [
    "END",
    "START",
    "Carries",
    "Constant",
    "Count",
    "Do",
    "Fail",
    "Gather",
    "Inner",
    "Link",
    "Net",
    "Network",
    "Node",
    "Source",
    "Split",
    "check_network",
]

START = "<start>"
"""The source that gives the network's input."""
END = "<end>"
"""The destination where results arrive."""

MAX_NODES = 2000
MAX_DEPTH = 50


class Carries(StrEnum):
    """What a source brings along a link: some of its fields, all of its value, or only that it fired."""

    FIELDS = "fields"
    WHOLE = "whole"
    NOTHING = "nothing"


class Source(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a link comes from. fields: pairs of a field of the source's value and what it is called at the node."""

    node: str
    carries: Carries = Carries.FIELDS
    fields: tuple[tuple[str, str], ...] = ()


class Link(msgspec.Struct, frozen=True):
    """Fires `to` when all sources have fired, with what they bring together."""

    to: str
    sources: tuple[Source, ...]


class Do(msgspec.Struct, frozen=True, omit_defaults=True, tag="do"):
    """Work for an executor. Its inputs are `data` and `context`; its output is `data`.

    An output `fires` that is false keeps the value from going on. context: what the work is told beside the run's
    context. is_whole: the work is known by the run's own id and not by that of a part.
    """

    work: Job
    context: dict[str, Value] = msgspec.field(default_factory=dict)
    is_whole: bool = False


class Constant(msgspec.Struct, frozen=True, tag="constant"):
    """A value that is there from the start; no link leads here."""

    value: Value


class Count(msgspec.Struct, frozen=True, tag="count"):
    """How many values came together, as an object with one field."""

    field: str


class Split(msgspec.Struct, frozen=True, tag="split"):
    """Cut a list into batches that go on side by side."""

    batch_size: int = 1


class Gather(msgspec.Struct, frozen=True, tag="gather"):
    """Wait for all batches of the nearest split before, and go on with one list in its order."""


class Fail(msgspec.Struct, frozen=True, tag="fail"):
    """End the whole run as failed, whatever tolerates failures elsewhere."""

    message: str


class Inner(msgspec.Struct, frozen=True, tag="inner"):
    """Run another net of this network with the value."""

    net: str


NodeWork = Do | Constant | Count | Split | Gather | Fail | Inner


class Node(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is fired.

    Attributes:
        tolerates_failure: its failure ends its branch and not the run.
        failure: what the level says when this node's failure ends it; None for the node's own message.
        labels: facts for whoever shows the run; the engine does not look at them.
    """

    work: NodeWork
    tolerates_failure: bool = False
    failure: str | None = None
    labels: dict[str, Value] = msgspec.field(default_factory=dict)


class Net(msgspec.Struct, frozen=True):
    """One level."""

    nodes: dict[str, Node]
    links: tuple[Link, ...]


class Network(msgspec.Struct, frozen=True, omit_defaults=True, tag="network"):
    """What a run executes. The run's input is its parameter `data`; its output is `data`.

    The facts `run.timeout_s` (seconds until the run has failed; None for ever), `run.is_awaited` (somebody waits, so
    the time counts from the start and not from the first work) and `context` (told to all work) are looked at.

    Attributes:
        nets: all levels by name. entry: the one that is the run.
        max_steps: most firings of a run.
    """

    nets: dict[str, Net]
    entry: str = "main"
    max_steps: int = 20_000
    labels: dict[str, Value] = msgspec.field(default_factory=dict)


def check_network(network: Network) -> None:
    """Check that a network makes sense. Raises: Invalid with what does not."""
    if network.entry not in network.nets:
        raise Invalid(f"the network has no net {network.entry!r}")
    for name, net in network.nets.items():
        if len(net.nodes) > MAX_NODES:
            raise Invalid(f"net {name!r} has {len(net.nodes)} nodes; at most {MAX_NODES} can be run")
        for link in net.links:
            _check_link(net, link)
        if cycle := _cycle({node: _before(net, node) for node in net.nodes}):
            raise Invalid(f"the nodes {', '.join(map(repr, cycle))} form a circle")
    inner = {
        name: [n.work.net for n in net.nodes.values() if isinstance(n.work, Inner)]
        for name, net in network.nets.items()
    }
    if missing := [name for names in inner.values() for name in names if name not in network.nets]:
        raise Invalid(f"the network has no net {missing[0]!r}")
    if cycle := _cycle(inner):
        raise Invalid(f"the nets {', '.join(map(repr, cycle))} contain themselves")


def _check_link(net: Net, link: Link) -> None:
    if link.to != END and link.to not in net.nodes:
        raise Invalid(f"a link leads to {link.to!r}, which is not there")
    if not link.sources:
        raise Invalid(f"a link to {link.to!r} has no source")
    for source in link.sources:
        if source.node != START and source.node not in net.nodes:
            raise Invalid(f"a link to {link.to!r} comes from {source.node!r}, which is not there")


def _before(net: Net, node: str) -> list[str]:
    return [source.node for link in net.links if link.to == node for source in link.sources if source.node != START]


def _cycle(before: dict[str, list[str]]) -> list[str]:
    """Return names that lie on a circle, or none."""
    left = {name: set(names) & set(before) for name, names in before.items()}
    while free := [name for name, names in left.items() if not names]:
        for name in free:
            del left[name]
        for names in left.values():
            names.difference_update(free)
    return sorted(left)
