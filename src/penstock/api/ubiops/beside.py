"""What goes on beside the calls while the server runs: builds, what a crash cut off of them, and webhooks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from penstock.api.ubiops.building import Builds
from penstock.api.ubiops.files import BucketFiles
from penstock.api.ubiops.webhooks import Webhooks
from penstock.services.services import Services

__all__ = ["Standing", "opened", "standing"]


@dataclass(frozen=True, slots=True)
class Standing:
    """What a server of this dialect has beside its services."""

    builds: Builds
    webhooks: Webhooks


_STANDING: Final[dict[int, Standing]] = {}


@asynccontextmanager
async def opened(services: Services) -> AsyncIterator[None]:
    """Take up what was cut off, and end with the server."""
    made = _STANDING[id(services)] = Standing(Builds(services), Webhooks(services))
    services.serving.set_files(BucketFiles(services))
    await made.webhooks.open()
    services.runs.brief.listen_begun(made.webhooks.run_begun)
    services.runs.brief.listen(made.webhooks.run_ended)
    taking_up = asyncio.create_task(made.builds.take_up())
    try:
        yield
    finally:
        taking_up.cancel()
        del _STANDING[id(services)]
        await made.builds.close()
        await made.webhooks.close()


def standing(services: Services) -> Standing:
    """Return what belongs to these services while they are open."""
    return _STANDING[id(services)]
