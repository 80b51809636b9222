"""What can be known of a net before anything fires: who follows whom, what may fire more than once, what gathers."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from penstock.kernel.network import END, Constant, Gather, Net, Network, Split

__all__ = ["Wiring", "wiring_of"]

_KEPT: Final = 256
_kept: OrderedDict[int, tuple[Network, dict[str, Wiring]]] = OrderedDict()


class Wiring:
    """One net.

    Attributes:
        followers: for each node (or START) the links it is a source of, and its place among their sources.
        constants: nodes that fire at the start.
        repeats: nodes that may fire more than once for reasons other than batches.
        gathers: for each split the nodes that gather its batches.
    """

    __slots__ = ("constants", "followers", "gathers", "net", "repeats")

    def __init__(self, net: Net) -> None:
        self.net = net
        self.followers: dict[str, list[tuple[int, int]]] = {}
        for number, link in enumerate(net.links):
            for place, source in enumerate(link.sources):
                self.followers.setdefault(source.node, []).append((number, place))
        self.constants = [name for name, node in net.nodes.items() if isinstance(node.work, Constant)]
        self.repeats = self._find_repeats()
        self.gathers = {
            name: self._find_gathers(name) for name, node in net.nodes.items() if isinstance(node.work, Split)
        }

    def _find_repeats(self) -> set[str]:
        counts: dict[str, int] = {}
        for link in self.net.links:
            counts[link.to] = counts.get(link.to, 0) + 1
        found = {name for name, count in counts.items() if count > 1 and name != END}
        waiting = list(found)
        while waiting:
            for number, _ in self.followers.get(waiting.pop(), ()):
                to = self.net.links[number].to
                if to != END and to not in found:
                    found.add(to)
                    waiting.append(to)
        return found

    def _find_gathers(self, split: str) -> list[str]:
        found: list[str] = []
        waiting, seen = [(split, 0)], {(split, 0)}
        while waiting:
            name, depth = waiting.pop()
            for number, _ in self.followers.get(name, ()):
                to = self.net.links[number].to
                if to == END:
                    continue
                work, below = self.net.nodes[to].work, depth
                if isinstance(work, Gather):
                    if depth == 0:
                        if to not in found:
                            found.append(to)
                        continue
                    below -= 1
                elif isinstance(work, Split):
                    below += 1
                if (to, below) not in seen:
                    seen.add((to, below))
                    waiting.append((to, below))
        return found


def wiring_of(network: Network) -> dict[str, Wiring]:
    """Return the wiring of all nets of a network; worked out once, since many runs share a network."""
    found = _kept.get(id(network))
    if found is None:
        found = network, {name: Wiring(net) for name, net in network.nets.items()}
        _kept[id(network)] = found  # the network is kept with it, so its id stays its own
        if len(_kept) > _KEPT:
            _kept.popitem(last=False)
    return found[1]
