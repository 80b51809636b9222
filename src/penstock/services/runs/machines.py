"""Which machine executes what: graphs and networks, behind one face; and their stored form."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from typing import Final, Protocol

import msgspec

from penstock.flow.checks import check_graph
from penstock.flow.effects import Effect
from penstock.flow.machine import RunMachine, check_inputs
from penstock.flow.network_machine import NetworkMachine
from penstock.kernel.errors import Unsupported
from penstock.kernel.graph import Graph, decode_graph, encode_graph
from penstock.kernel.network import Network, check_network
from penstock.kernel.runs import Event, RunState, StepRecord
from penstock.kernel.values import Value

__all__ = ["Machine", "Plan", "check_plan", "decode_plan", "graph_of", "machine_of", "plan_digest"]

Plan = Graph | Network
"""What a run executes."""

_DIGESTS_KEPT: Final = 512
_network_decoder = msgspec.json.Decoder(Network)
_digests: OrderedDict[int, tuple[Plan, str]] = OrderedDict()


class Machine(Protocol):
    """What moves a run: events in, effects out."""

    state: RunState
    message: str | None
    started_at_us: int | None
    finished_at_us: int | None
    inputs: dict[str, Value]
    outputs: dict[str, Value]
    artifacts: dict[str, Value]

    def handle(self, event: Event) -> list[Effect]:
        """Take one event."""
        ...

    def steps(self) -> Iterator[StepRecord]:
        """Yield the records of what happened."""
        ...

    def step(self, path: str) -> StepRecord | None:
        """Return one of them."""
        ...

    def cache_parts(self, path: str) -> dict[str, str] | None:
        """Return what a cache key was made of."""
        ...

    def counts(self) -> tuple[int, int]:
        """Return how many steps have ended, and how many are known."""
        ...

    def outstanding(self) -> list[Effect]:
        """Return what was asked for and is not answered."""
        ...


def machine_of(plan: Plan) -> Machine:
    """Return a machine for a run of a plan."""
    return NetworkMachine(plan) if isinstance(plan, Network) else RunMachine(plan)


def check_plan(plan: Plan, inputs: dict[str, Value]) -> None:
    """Check that a plan can be run with these inputs. Raises: Invalid."""
    if isinstance(plan, Network):
        check_network(plan)
    else:
        check_graph(plan)
        check_inputs(plan, inputs)


def plan_digest(plan: Plan) -> tuple[str, bytes | None]:
    """Return a plan's digest, and its stored form unless the same object was asked for a short time ago."""
    found = _digests.get(id(plan))
    if found is not None:
        return found[1], None
    encoded = msgspec.json.encode(plan) if isinstance(plan, Network) else encode_graph(plan)
    digest = hashlib.sha256(encoded).hexdigest()
    _digests[id(plan)] = plan, digest  # the plan is kept with it, so its id stays its own
    if len(_digests) > _DIGESTS_KEPT:
        _digests.popitem(last=False)
    return digest, encoded


def decode_plan(encoded: bytes) -> Plan:
    """Read the stored form back. Raises: msgspec.DecodeError if it is none."""
    if encoded.startswith(b'{"type":"network"'):
        return _network_decoder.decode(encoded)
    return decode_graph(encoded)


def graph_of(plan: Plan) -> Graph:
    """Return a plan that is a graph. Raises: Unsupported."""
    if isinstance(plan, Network):
        raise Unsupported("this run executes a network; only runs of graphs can be looked at in this way")
    return plan
