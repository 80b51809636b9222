"""Checkpoints, which are not part of this edition: a pipeline has none, and none can be made."""

from typing import Any

from penstock.api.feldera.errors import refuse
from penstock.api.feldera.handlers.found import found
from penstock.api.shared.call import Call

__all__ = ["list_all", "refused"]


async def list_all(call: Call) -> list[Any]:
    """List the checkpoints, of which there are none."""
    found(call)
    return []


async def refused(call: Call) -> None:
    """Refuse to make, move or look up a checkpoint."""
    found(call)
    refuse("EnterpriseFeature", "checkpoints are not part of this edition", {"feature": "checkpoint"})
