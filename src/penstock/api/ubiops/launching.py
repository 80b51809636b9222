"""Requests that nobody makes: what a schedule asks when its time has come, of the version that is meant then."""

from __future__ import annotations

import hashlib

from penstock.api.ubiops.asking import SERVICE, asked
from penstock.api.ubiops.catalogue import Project
from penstock.api.ubiops.inputs import checked
from penstock.api.ubiops.kinds import PROJECT, SCHEDULE
from penstock.api.ubiops.served import served_version
from penstock.kernel.errors import NotFound
from penstock.kernel.ids import RunId, whole_id
from penstock.kernel.triggers import Firing
from penstock.services.runs.submission import Submission
from penstock.services.services import Services

__all__ = ["launch"]


async def launch(services: Services, document: str, firing: Firing) -> Submission | None:
    """Return the request that a schedule makes; None if the schedule is gone.

    Raises: Invalid, NotFound, WrongState if what it asks cannot be asked now; the schedule goes on.
    """
    try:
        schedule = await services.documents.get(SCHEDULE, document)
    except NotFound:
        return None
    project = Project(await services.documents.get(PROJECT, schedule.scope.path[-1]), schedule.scope)
    body = schedule.body
    target = await served_version(services, project, body.object_type, body.reference, body.version_id)
    data = "" if body.request_data is None and target.takes.is_plain else body.request_data
    return asked(
        services,
        target,
        checked(target.takes, {} if data is None else data),
        caller=SERVICE,
        timeout_s=body.timeout,
        is_direct=False,
        id=_id(firing),
    )


def _id(firing: Firing) -> RunId:
    """Return the id of the request for one time: the same if that time fires again after a crash."""
    digest = hashlib.sha256(f"{firing.trigger} {firing.at_us}".encode()).digest()
    return RunId(whole_id(firing.at_us // 1000, digest[:10]))
