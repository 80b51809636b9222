"""Service users with their tokens, roles, and who has which."""

from datetime import datetime
from typing import Final

import msgspec

from penstock.api.shared.call import Call
from penstock.api.ubiops.access import DEFAULT_ROLES, KEY_PREFIX, PERMISSIONS
from penstock.api.ubiops.audit import entry
from penstock.api.ubiops.auth import email_of
from penstock.api.ubiops.catalogue import Project, all_of, equals, found, project_of
from penstock.api.ubiops.handlers.server import user_id
from penstock.api.ubiops.kinds import ASSIGNMENT, ROLE, SERVICE_USER, AssignmentBody, RoleBody, ServiceUserBody
from penstock.api.ubiops.project import Shown, timestamp
from penstock.api.ubiops.rules import checked_choice, checked_text, checked_title, instant
from penstock.api.ubiops.wire import (
    AssignmentCreate,
    RoleCreate,
    RoleUpdate,
    ServiceUserCreate,
    ServiceUserUpdate,
    changes,
    read,
)
from penstock.kernel.errors import AlreadyExists, Invalid, NotFound, WrongState
from penstock.kernel.instants import unix_us
from penstock.kernel.principal import Role
from penstock.kernel.query import Order
from penstock.services.documents import Document

__all__ = [
    "assign",
    "create_role",
    "create_user",
    "delete_role",
    "delete_user",
    "get_assignment",
    "get_project_user",
    "get_role",
    "get_user",
    "list_assignments",
    "list_organization_users",
    "list_permissions",
    "list_project_users",
    "list_roles",
    "list_users",
    "renew_token",
    "unassign",
    "update_role",
    "update_user",
]

_RESOURCES: Final = ("project", "deployment", "pipeline", "bucket", "environment", "service")


async def list_users(call: Call) -> list[Shown]:
    """List the service users of a project."""
    project = await project_of(call)
    return [_user(each) for each in await all_of(call.services.documents, SERVICE_USER, project.scope)]


async def create_user(call: Call, body: object) -> Shown:
    """Make a service user; its token is shown now and never again."""
    project, wanted = await project_of(call), read(body, ServiceUserCreate)
    services = call.services
    id = services.clock.new_id()
    made = ServiceUserBody(
        email=f"{id}@serviceuser.penstock.local",
        title=checked_text(wanted.name, "name", 256),
        description=checked_text(wanted.description),
        expiry_us=_expiry(call, wanted.expiry_date),
    )
    note = entry(call, project.scope, "create", "service_user", made.email, f"service user {made.email} was created")
    document = await services.documents.create(SERVICE_USER, project.scope, None, made, also=(note,))
    return _user(document) | {"token": await _issue(call, document)}


async def get_user(call: Call) -> Shown:
    """Show a service user."""
    return _user(await _service_user(call, await project_of(call)))


async def update_user(call: Call, body: object) -> Shown:
    """Change a service user."""
    present, wanted = await _service_user(call, await project_of(call)), changes(read(body, ServiceUserUpdate))
    if "name" in wanted:
        wanted["title"] = checked_text(wanted.pop("name"), "name", 256)
    if "expiry_date" in wanted:
        wanted["expiry_us"] = _expiry(call, wanted.pop("expiry_date"))
    return _user(await call.services.documents.replace(present, msgspec.structs.replace(present.body, **wanted)))


async def delete_user(call: Call) -> None:
    """Remove a service user, its token and its roles."""
    project = await project_of(call)
    present = await _service_user(call, project)
    services = call.services
    await services.documents.delete(present)
    await _revoke(call, present)
    for each in await all_of(services.documents, ASSIGNMENT, project.scope, equals("assignee", present.id)):
        await services.documents.delete(each)


async def renew_token(call: Call, body: object) -> Shown:
    """Give a service user a new token; the old one is worthless from now on."""
    present = await _service_user(call, await project_of(call))
    if isinstance(body, dict) and body.get("expiry_date"):
        made = msgspec.structs.replace(present.body, expiry_us=_expiry(call, str(body["expiry_date"])))
        present = await call.services.documents.replace(present, made)
    await _revoke(call, present)
    return {"token": await _issue(call, present)}


# Roles.


async def list_permissions(call: Call) -> list[Shown]:
    """List all permissions that a role can have."""
    return [{"name": name} for name in PERMISSIONS]


async def list_roles(call: Call) -> list[Shown]:
    """List the roles: those that are always there, and those that somebody made."""
    project = await project_of(call)
    made = await all_of(call.services.documents, ROLE, project.scope, order=Order("name"))
    rows = [{"id": user_id(name), "name": name, "default": True} for name in DEFAULT_ROLES]
    return rows + [{"id": str(each.id), "name": str(each.name), "default": False} for each in made]


async def create_role(call: Call, body: object) -> Shown:
    """Make a role."""
    project, wanted = await project_of(call), read(body, RoleCreate)
    name = checked_title(wanted.name, "name")
    taken = AlreadyExists(f"A role with the name {name!r} already exists")
    if name in DEFAULT_ROLES:
        raise taken
    try:
        document = await call.services.documents.create(
            ROLE, project.scope, name, RoleBody(permissions=_permissions(wanted.permissions))
        )
    except AlreadyExists:
        raise taken from None
    return _role(document)


async def get_role(call: Call) -> Shown:
    """Show a role with its permissions."""
    project, name = await project_of(call), call.path["role"]
    if name in DEFAULT_ROLES:
        return {"id": user_id(name), "name": name, "default": True, "permissions": list(DEFAULT_ROLES[name])}
    return _role(await found(call.services.documents, ROLE, project.scope, name))


async def update_role(call: Call, body: object) -> Shown:
    """Change a role that somebody made."""
    project = await project_of(call)
    present, wanted = await _own_role(call, project), changes(read(body, RoleUpdate))
    name = checked_title(wanted.pop("name", present.name), "name")
    if "permissions" in wanted:
        wanted["permissions"] = _permissions(wanted["permissions"])
    made = msgspec.structs.replace(present.body, **wanted)
    documents = call.services.documents
    try:
        document = await documents.replace(present, made, name=name)
    except AlreadyExists:
        raise AlreadyExists(f"A role with the name {name!r} already exists") from None
    if name != present.name:
        for each in await all_of(documents, ASSIGNMENT, project.scope, equals("role", str(present.name))):
            await documents.replace(each, msgspec.structs.replace(each.body, role=name))
    return _role(document)


async def delete_role(call: Call) -> None:
    """Remove a role that somebody made; refused while somebody has it."""
    project = await project_of(call)
    present = await _own_role(call, project)
    if await all_of(call.services.documents, ASSIGNMENT, project.scope, equals("role", str(present.name))):
        raise WrongState(f"Role {present.name!r} cannot be deleted: it is assigned to somebody")
    await call.services.documents.delete(present)


async def list_assignments(call: Call) -> list[Shown]:
    """List who has which role; `assignee`, `resource` and their types choose among them."""
    project = await project_of(call)
    wanted = {
        key: call.query[key]
        for key in ("assignee", "assignee_type", "resource", "resource_type")
        if call.query.get(key)
    }
    rows = await all_of(call.services.documents, ASSIGNMENT, project.scope)
    shown = [_assignment(each) for each in rows]
    return [each for each in shown if all(each[key] == value for key, value in wanted.items())]


async def assign(call: Call, body: object) -> Shown:
    """Give somebody a role."""
    project, wanted = await project_of(call), read(body, AssignmentCreate)
    documents = call.services.documents
    checked_choice(wanted.resource_type, "resource_type", _RESOURCES)
    if wanted.role not in DEFAULT_ROLES:
        await found(documents, ROLE, project.scope, wanted.role)
    assignee = wanted.assignee
    users = await all_of(documents, SERVICE_USER, project.scope)
    if match := next((each for each in users if wanted.assignee in (each.id, each.body.email)), None):
        assignee = match.id
    elif wanted.assignee_type == "service_user":
        raise NotFound(f"Service user was not found: there is none {wanted.assignee!r} in this project")
    made = AssignmentBody(
        assignee=assignee,
        assignee_type=wanted.assignee_type,
        role=wanted.role,
        resource=wanted.resource or project.name,
        resource_type=wanted.resource_type,
    )
    present = await all_of(documents, ASSIGNMENT, project.scope, equals("assignee", assignee))
    if any(each.body == made for each in present):
        raise AlreadyExists(f"{wanted.assignee!r} has the role {wanted.role!r} there already")
    return _assignment(await documents.create(ASSIGNMENT, project.scope, None, made))


async def get_assignment(call: Call) -> Shown:
    """Show who has a role on what."""
    return _assignment(await _one(call, await project_of(call)))


async def unassign(call: Call) -> None:
    """Take a role from somebody."""
    await call.services.documents.delete(await _one(call, await project_of(call)))


# People: whoever holds a key of this server.


async def list_project_users(call: Call) -> list[Shown]:
    """List the people that use a project: the caller, for the server knows nobody but by their keys."""
    await project_of(call)
    return [_person(call)]


async def get_project_user(call: Call) -> Shown:
    """Show a person that uses a project."""
    await project_of(call)
    return _the_caller(call)


async def list_organization_users(call: Call) -> list[Shown]:
    """List the people of an organisation: the caller, for the server knows nobody but by their keys."""
    return [_person(call)]


def _person(call: Call) -> Shown:
    email = email_of(call.principal)
    return {
        "id": user_id(email),
        "email": email,
        "name": email.partition("@")[0],
        "surname": None,
        "status": "active",
        "admin": call.principal.role is Role.OWNER,
        "join_date": call.services.started_at.date().isoformat(),
    }


def _the_caller(call: Call) -> Shown:
    person = _person(call)
    if call.path["id"] != person["id"]:
        raise NotFound(f"User was not found: there is none with the id {call.path['id']!r}")
    return person


async def _service_user(call: Call, project: Project) -> Document[ServiceUserBody]:
    try:
        document = await call.services.documents.get(SERVICE_USER, call.path["id"])
    except NotFound:
        document = None
    if document is None or document.scope != project.scope:
        raise NotFound(f"Service user was not found: there is none with the id {call.path['id']!r}")
    return document


async def _own_role(call: Call, project: Project) -> Document[RoleBody]:
    if call.path["role"] in DEFAULT_ROLES:
        raise WrongState(f"Role {call.path['role']!r} is always there and cannot be changed")
    return await found(call.services.documents, ROLE, project.scope, call.path["role"])


async def _one(call: Call, project: Project) -> Document[AssignmentBody]:
    try:
        document = await call.services.documents.get(ASSIGNMENT, call.path["id"])
    except NotFound:
        document = None
    if document is None or document.scope != project.scope:
        raise NotFound(f"Role assignment was not found: there is none with the id {call.path['id']!r}")
    return document


async def _issue(call: Call, user: Document[ServiceUserBody]) -> str:
    _, text = await call.services.identity.issue(user.scope, f"{KEY_PREFIX}{user.id}", Role.READER)
    return text


async def _revoke(call: Call, user: Document[ServiceUserBody]) -> None:
    try:
        await call.services.identity.revoke(user.scope, f"{KEY_PREFIX}{user.id}")
    except NotFound:
        return


def _expiry(call: Call, text: str | None) -> int | None:
    if not text:
        return None
    at: datetime = instant(text, "expiry_date")
    if at <= call.services.clock.now():
        raise Invalid("expiry_date: the date has passed already")
    return unix_us(at)


def _permissions(given: tuple[str, ...]) -> tuple[str, ...]:
    for name in given:
        if name not in PERMISSIONS:
            raise Invalid(f"permissions: there is no permission {name!r}; GET /permissions lists them")
    return given


def _user(document: Document[ServiceUserBody]) -> Shown:
    body = document.body
    return {
        "id": document.id,
        "email": body.email,
        "name": body.title or None,
        "description": body.description,
        "creation_date": timestamp(document.created_at),
        "expiry_date": timestamp(body.expiry_us),
        "token_last_used": timestamp(body.last_used_us),
    }


def _role(document: Document[RoleBody]) -> Shown:
    return {
        "id": document.id,
        "name": document.name,
        "default": False,
        "permissions": list(document.body.permissions),
    }


def _assignment(document: Document[AssignmentBody]) -> Shown:
    body = document.body
    return {
        "id": document.id,
        "assignee": body.assignee,
        "assignee_type": body.assignee_type,
        "role": body.role,
        "resource": body.resource,
        "resource_type": body.resource_type,
    }
