"""A process that fetches a circuit's newest checkpoint from the object store while the circuit stands by, and ends."""

from __future__ import annotations

import asyncio
import socket

from penstock.ports.objects import ObjectStores
from penstock.services.circuits.callee import Callee, Request
from penstock.services.circuits.durability.checkpoints import CheckpointUnusable
from penstock.services.circuits.durability.copies import CopyFailed
from penstock.services.circuits.durability.syncing import Syncing
from penstock.services.circuits.link import Channel, RemoteError
from penstock.services.circuits.references import References

__all__ = ["run"]


def run(end: socket.socket, stores: ObjectStores) -> None:
    """Serve one request over its link."""
    asyncio.run(_serve(end, stores))


async def _serve(end: socket.socket, stores: ObjectStores) -> None:
    async def handle(request: Request) -> str | None:
        settings, directory = request.arguments["settings"], request.arguments["directory"]
        references = References(settings.get("env") or {}, request.arguments["secrets"])
        syncing = Syncing.of(settings, directory, stores, references, lambda line: None)
        if syncing is None:
            return None
        try:
            return await syncing.fetch()
        except (CopyFailed, CheckpointUnusable, OSError) as error:
            raise RemoteError("CheckpointUnusable", references.cleaned(str(error))) from error

    await Callee(await Channel.open(end), handle).run()
