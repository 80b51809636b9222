"""What happened to a pipeline."""

from penstock.api.feldera import project
from penstock.api.feldera.errors import refuse
from penstock.api.feldera.handlers.found import NO_CACHE, event_id, found, selector
from penstock.api.shared.call import Call
from penstock.api.shared.operation import Answer

__all__ = ["get", "list_all"]


async def list_all(call: Call) -> Answer:
    """List the changes of status, newest first."""
    chosen = selector(call, "all", "status", default="status")
    changes = await call.services.circuits.history(found(call))
    return Answer([project.event(change, chosen) for change in changes], headers=NO_CACHE)


async def get(call: Call) -> Answer:
    """Show one change of status, by id or `latest`."""
    chosen = selector(call, "all", "status", default="status")
    changes = await call.services.circuits.history(found(call))
    id = event_id(call)
    for change in changes:
        if id in ("latest", change.id):
            return Answer(project.event(change, chosen), headers=NO_CACHE)
    refuse("UnknownPipelineMonitorEvent", f"the pipeline has no event {id!r}", {"event_id": id})
