"""The audit trail of a project: who did what to which of its things.

An entry is written in the same transaction as the change that it is about.
"""

import msgspec

from penstock.api.shared.call import Call
from penstock.api.ubiops.auth import email_of
from penstock.api.ubiops.catalogue import Project, equals
from penstock.api.ubiops.kinds import AUDIT, AuditBody
from penstock.api.ubiops.project import Shown, timestamp
from penstock.kernel.query import AllOf, AnyOf, Order, Predicate
from penstock.kernel.records import Insert
from penstock.kernel.scope import Scope
from penstock.services.services import Services

__all__ = ["entries", "entry"]


def entry(
    call: Call, scope: Scope, action: str, object_type: str, object_name: str, event: str, *, parent: str = ""
) -> Insert:
    """Return the write that notes it. action: `create`, `update` or `delete`. parent: what it is part of."""
    clock = call.services.clock
    body = AuditBody(
        action=action,
        user=email_of(call.principal),
        object_type=object_type,
        object_name=object_name,
        event=event,
        parent=parent,
    )
    return Insert(AUDIT.name, clock.new_id(), scope, None, clock.now(), msgspec.json.encode(body), AUDIT.columns(body))


async def entries(
    services: Services,
    project: Project,
    *,
    object_type: str = "",
    object_name: str = "",
    action: str = "",
    offset: int = 0,
    limit: int = 10,
) -> list[Shown]:
    """Return entries, newest first: all, or those of one thing and of what is part of it."""
    where: list[Predicate] = []
    if object_name:
        itself = AllOf((equals("object_type", object_type), equals("object_name", object_name)))
        where.append(AnyOf((itself, equals("parent", f"{object_type}/{object_name}"))))
    if action:
        where.append(equals("action", action))
    order = Order("created_at", descending=True)
    page = await services.documents.page(
        AUDIT, project.scope, where=AllOf(tuple(where)), order=order, limit=limit, offset=offset
    )
    return [
        {
            "id": each.id,
            "date": timestamp(each.created_at),
            "action": each.body.action,
            "user": each.body.user,
            "event": each.body.event,
            "object_type": each.body.object_type,
            "object_name": each.body.object_name,
        }
        for each in page.documents
    ]
