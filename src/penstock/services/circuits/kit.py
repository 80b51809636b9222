"""What a circuit's process is given by the composition root: formats and transports by name, stores of objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from penstock.ports.format import Format
from penstock.ports.objects import ObjectStores
from penstock.ports.sink import SinkKind
from penstock.ports.source import SourceKind


@dataclass(frozen=True, slots=True)
class Kit:
    """Formats, input transports and output transports by name; stores of objects for copies of checkpoints."""

    formats: Mapping[str, Format]
    sources: Mapping[str, SourceKind]
    sinks: Mapping[str, SinkKind]
    objects: ObjectStores

    @classmethod
    def of(
        cls,
        formats: Iterable[Format],
        sources: Iterable[SourceKind],
        sinks: Iterable[SinkKind],
        objects: ObjectStores,
    ) -> Kit:
        """Return a kit of the given adapters."""
        return cls({f.name: f for f in formats}, {s.name: s for s in sources}, {s.name: s for s in sinks}, objects)
