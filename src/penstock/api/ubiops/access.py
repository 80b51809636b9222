"""Service users and roles: who may do what in a project.

A service user's token is a key of the server (`services.identity`); what it opens is decided here, from the roles that
the service user has. Owners' keys, and everybody on a server without authentication, may do all.
"""

from collections.abc import Mapping
from typing import Final

from penstock.api.ubiops.catalogue import all_of, equals
from penstock.api.ubiops.kinds import ASSIGNMENT, ROLE, SERVICE_USER, ServiceUserBody
from penstock.kernel.errors import Denied, NotFound
from penstock.kernel.instants import unix_us
from penstock.kernel.principal import Principal, Role
from penstock.kernel.scope import Scope
from penstock.services.documents import Document
from penstock.services.identity import Unauthenticated
from penstock.services.services import Services

__all__ = ["DEFAULT_ROLES", "KEY_PREFIX", "PERMISSIONS", "service_user"]

KEY_PREFIX: Final = "service-user/"
"""How the keys of service users are called; the id follows."""

_THINGS: Final = (
    "audit",
    "blobs",
    "buckets",
    "deployments",
    "deployments.environment_variables",
    "deployments.requests",
    "deployments.versions",
    "deployments.versions.environment_variables",
    "deployments.versions.requests",
    "deployments.versions.revisions",
    "environments",
    "exports",
    "files",
    "imports",
    "instances",
    "logs",
    "metrics",
    "pipelines",
    "pipelines.requests",
    "pipelines.versions",
    "pipelines.versions.requests",
    "projects",
    "projects.environment_variables",
    "projects.users",
    "quotas",
    "request_schedules",
    "role_assignments",
    "roles",
    "service_users",
    "webhooks",
)
_LOOKING: Final = ("get", "list")
_CHANGING: Final = ("create", "update", "delete")

PERMISSIONS: Final = tuple(f"{thing}.{what}" for thing in _THINGS for what in (*_LOOKING, *_CHANGING))
_READ: Final = tuple(each for each in PERMISSIONS if each.endswith(_LOOKING))
_GUARDED: Final = ("role", "service_users", "projects.users")
_WRITE: Final = tuple(each for each in PERMISSIONS if each.endswith(_LOOKING) or not each.startswith(_GUARDED))
_REQUESTS: Final = tuple(each for each in PERMISSIONS if ".requests." in each)


def _of(thing: str, permissions: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(each for each in permissions if each.startswith(f"{thing}."))


DEFAULT_ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    "project-admin": PERMISSIONS,
    "project-editor": _WRITE,
    "project-viewer": _READ,
    "deployment-admin": _of("deployments", PERMISSIONS),
    "deployment-viewer": _of("deployments", _READ),
    "deployment-request-user": tuple(each for each in _REQUESTS if each.startswith("deployments")),
    "pipeline-admin": _of("pipelines", PERMISSIONS),
    "pipeline-viewer": _of("pipelines", _READ),
    "pipeline-request-user": tuple(each for each in _REQUESTS if each.startswith("pipelines")),
    "bucket-admin": (*_of("buckets", PERMISSIONS), *_of("files", PERMISSIONS)),
    "bucket-viewer": (*_of("buckets", _READ), *_of("files", _READ)),
    "file-writer": _of("files", PERMISSIONS),
    "file-reader": _of("files", _READ),
}
"""The roles that are always there, and what they permit."""


async def service_user(
    services: Services, key: Principal, scope: Scope, path: Mapping[str, str]
) -> tuple[Principal, Scope]:
    """Return a service user with the highest role it has on what a call is about.

    Raises: Unauthenticated if its time is over or it is gone; Denied if it has no role there.
    """
    try:
        user = await services.documents.get(SERVICE_USER, key.name.removeprefix(KEY_PREFIX))
    except NotFound:
        raise Unauthenticated("Unauthorized: the service user was deleted") from None
    if user.body.expiry_us is not None and user.body.expiry_us <= unix_us(services.clock.now()):
        raise Unauthenticated("Unauthorized: the token's time is over")
    if "project" not in path:
        return Principal(user.body.email, Role.READER), scope
    role = await _role(services, user, path)
    if role is None:
        raise Denied("You do not have permission to perform this action: the service user has no role here")
    return Principal(user.body.email, role), scope


async def _role(services: Services, user: Document[ServiceUserBody], path: Mapping[str, str]) -> Role | None:
    best: Role | None = None
    for each in await all_of(services.documents, ASSIGNMENT, user.scope, equals("assignee", user.id)):
        body = each.body
        if body.resource_type != "project" and path.get(body.resource_type) != body.resource:
            continue
        permissions = DEFAULT_ROLES.get(body.role)
        if permissions is None:
            try:
                permissions = (await services.documents.find(ROLE, user.scope, body.role)).body.permissions
            except NotFound:
                continue
        found = _strength(permissions)
        best = found if best is None else max(best, found)
    return best


def _strength(permissions: tuple[str, ...]) -> Role:
    """Return the core's role for a set of permissions: the server tells looking, changing and guarding apart."""
    changing = [each for each in permissions if each.endswith(_CHANGING)]
    if any(each.startswith(_GUARDED) for each in changing):
        return Role.OWNER
    return Role.WRITER if changing else Role.READER
