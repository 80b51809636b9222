"""The sink that takes everything and keeps nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pyarrow as pa

from penstock.ports.records import RecordSink
from penstock.ports.transform import Finding, Surroundings

__all__ = ["NothingSink"]


class NothingSink:
    """Sink `nothing`."""

    name = "nothing"

    def describe(
        self, properties: Mapping[str, str], schema: pa.Schema | None, hidden: Collection[str] = ()
    ) -> tuple[Finding, ...]:
        """Find nothing wrong."""
        return ()

    def open(self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings) -> RecordSink:
        """Take everything."""
        return _Nothing()


class _Nothing:
    def write(self, batch: pa.RecordBatch) -> None:
        pass

    def commit(self) -> None:
        pass

    def abort(self) -> None:
        pass
