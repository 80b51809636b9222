"""Projects and organisations."""

import msgspec

from penstock.api.shared.call import Call
from penstock.api.ubiops import project as shown
from penstock.api.ubiops.audit import entry
from penstock.api.ubiops.catalogue import all_of, found, project_of, scope_of, seed
from penstock.api.ubiops.kinds import ORGANIZATION, PROJECT, OrganizationBody, ProjectBody
from penstock.api.ubiops.project import Shown
from penstock.api.ubiops.removal import remove_project
from penstock.api.ubiops.rules import checked_labels, checked_name, checked_text, matches_labels, wanted_labels
from penstock.api.ubiops.wire import OrganizationCreate, ProjectCreate, ProjectUpdate, changes, read
from penstock.kernel.errors import AlreadyExists
from penstock.kernel.query import Order
from penstock.kernel.scope import DEFAULT_SCOPE

__all__ = [
    "create",
    "create_organization",
    "delete",
    "get",
    "get_organization",
    "list_all",
    "list_organizations",
    "update",
    "update_organization",
]


async def list_all(call: Call) -> list[Shown]:
    """List the projects that the caller may use; `organization` and `labels` choose among them."""
    wanted, organization = wanted_labels(call.query), call.query.get("organization")
    await seed(call.services)
    return [
        shown.project_item(each)
        for each in await all_of(call.services.documents, PROJECT, DEFAULT_SCOPE, order=Order("name"))
        if call.scope.contains(scope_of(each.id))
        and organization in (None, "", each.body.organization)
        and matches_labels(each.body.labels, wanted)
    ]


async def create(call: Call, body: object) -> Shown:
    """Make a project in an organisation that is there."""
    wanted, documents = read(body, ProjectCreate), call.services.documents
    await seed(call.services)
    name = checked_name(wanted.name)
    await found(documents, ORGANIZATION, DEFAULT_SCOPE, wanted.organization_name)
    made = ProjectBody(
        organization=wanted.organization_name,
        labels=checked_labels(wanted.labels),
        advanced_permissions=wanted.advanced_permissions,
        credits=wanted.credits,
        cors_origins=wanted.cors_origins,
    )
    try:
        document = await documents.create(PROJECT, DEFAULT_SCOPE, name, made)
    except AlreadyExists:
        raise AlreadyExists(f"A project with the name {name!r} already exists") from None
    await call.services.store.commit(
        entry(call, scope_of(document.id), "create", "project", name, f"project {name} was created")
    )
    return shown.project_detail(document)


async def get(call: Call) -> Shown:
    """Show a project."""
    return shown.project_detail((await project_of(call)).document)


async def update(call: Call, body: object) -> Shown:
    """Change a project."""
    project, wanted = await project_of(call), changes(read(body, ProjectUpdate))
    name = wanted.pop("name", project.name)
    if "labels" in wanted:
        wanted["labels"] = checked_labels(wanted["labels"])
    if "suspend" in wanted:
        wanted["is_suspended"] = wanted.pop("suspend")
    made = msgspec.structs.replace(project.document.body, **wanted)
    note = entry(call, project.scope, "update", "project", name, f"project {name} was updated")
    try:
        document = await call.services.documents.replace(project.document, made, name=checked_name(name), also=(note,))
    except AlreadyExists:
        raise AlreadyExists(f"A project with the name {name!r} already exists") from None
    return shown.project_detail(document)


async def delete(call: Call) -> None:
    """Remove a project with everything in it."""
    await remove_project(call.services, await project_of(call))


async def list_organizations(call: Call) -> list[Shown]:
    """List the organisations."""
    await seed(call.services)
    rows = await all_of(call.services.documents, ORGANIZATION, DEFAULT_SCOPE, order=Order("created_at"))
    return [shown.organization(each) for each in rows]


async def create_organization(call: Call, body: object) -> Shown:
    """Make an organisation."""
    name = checked_text(read(body, OrganizationCreate).name, "name", 64)
    await seed(call.services)
    try:
        document = await call.services.documents.create(ORGANIZATION, DEFAULT_SCOPE, name, OrganizationBody())
    except AlreadyExists:
        raise AlreadyExists(f"An organization with the name {name!r} already exists") from None
    return shown.organization(document)


async def get_organization(call: Call) -> Shown:
    """Show an organisation."""
    await seed(call.services)
    return shown.organization(
        await found(call.services.documents, ORGANIZATION, DEFAULT_SCOPE, call.path["organization"])
    )


async def update_organization(call: Call, body: object) -> Shown:
    """Rename an organisation, and have its projects carry the new name."""
    documents = call.services.documents
    name = checked_text(read(body, OrganizationCreate).name, "name", 64)
    await seed(call.services)
    present = await found(documents, ORGANIZATION, DEFAULT_SCOPE, call.path["organization"])
    try:
        document = await documents.replace(present, present.body, name=name)
    except AlreadyExists:
        raise AlreadyExists(f"An organization with the name {name!r} already exists") from None
    for each in await all_of(documents, PROJECT, DEFAULT_SCOPE):
        if each.body.organization == present.name:
            await documents.update(PROJECT, each.id, lambda body: msgspec.structs.replace(body, organization=name))
    return shown.organization(document)
