"""From data to runs: what a request is submitted as, by whom, with how much time."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from penstock.api.ubiops.served import PIPELINE_KIND, Served
from penstock.kernel.errors import Exhausted
from penstock.kernel.ids import RunId
from penstock.kernel.policies import Retention
from penstock.kernel.values import Value
from penstock.services.runs.submission import Submission
from penstock.services.services import Services

__all__ = ["BATCH_TIMEOUT_S", "MAX_BATCH_TIMEOUT_S", "SERVICE", "asked", "check_room", "direct_timeouts"]

BATCH_TIMEOUT_S: Final = 14_400
MAX_BATCH_TIMEOUT_S: Final = 172_800
_DIRECT: Final = {"pipeline": (3600, 7200), "deployment": (300, 3600)}
SERVICE: Final = "UbiOps"
"""Who made a request that nobody made."""


def direct_timeouts(served: Served) -> tuple[int, int]:
    """Return the usual and the longest time of a direct request, in seconds."""
    return _DIRECT[served.kind]


def asked(
    services: Services,
    served: Served,
    data: Value,
    *,
    caller: str,
    timeout_s: int,
    is_direct: bool,
    id: RunId | None = None,
) -> Submission:
    """Return the submission of one request. caller: an e-mail address, or `SERVICE`. id: if it is known before."""
    id = id or RunId(services.runs.brief.new_id())
    is_pipeline = served.kind == PIPELINE_KIND
    context: dict[str, Value] = {
        "request_mode": "express" if is_direct else "batch",
        "user_id": _user_id(caller),
        "pipeline_id": served.owner_id if is_pipeline else None,
        "pipeline_version_id": served.version_id if is_pipeline else None,
        "pipeline_object_id": None,
        "pipeline_request_id": id if is_pipeline else None,
    }
    facts: dict[str, Value] = {"run.timeout_s": timeout_s, "run.is_awaited": is_direct, "context": context}
    labels: dict[str, Value] = {
        "kind": served.kind,
        "project": served.project,
        "owner": served.owner_id,
        "reference": served.name,
        "version": served.version,
        "created_by": caller,
    }
    return Submission(
        served.scope,
        served.network,
        served.name,
        inputs={"data": data},
        facts=facts,
        origin="ubiops",
        columns={"place": served.version_id},
        labels=labels,
        retention=Retention(served.retention_s),
        keep=served.keep,
        id=id,
    )


def check_room(services: Services, served: Served, count: int) -> None:
    """Refuse requests that would find a queue full. Raises: Exhausted."""
    for pool, limit, name in served.queues:
        waiting = services.serving.waiting(pool)
        if waiting + count > limit:
            raise Exhausted(f"The queue of {name} is full: {waiting} requests wait, and maximum_queue_size is {limit}")


def asked_all(
    services: Services, served: Served, items: Sequence[Value], *, caller: str, timeout_s: int
) -> list[Submission]:
    """Return the submissions of a batch."""
    return [asked(services, served, item, caller=caller, timeout_s=timeout_s, is_direct=False) for item in items]


@lru_cache(maxsize=1024)
def _user_id(caller: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, caller))
