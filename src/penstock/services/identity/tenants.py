"""Tenants: names for the scopes that groups of people share. A tenant never sees or names what is another's.

A tenant's scope is its id, so that it can be renamed. One tenant is there from the beginning: that of the default
scope, where everything lies that was made before there were others.
"""

import re
from dataclasses import dataclass
from typing import Final

import msgspec

from penstock.kernel.errors import AlreadyExists, Invalid, NotFound
from penstock.kernel.ids import DocumentId
from penstock.kernel.query import Compare, Comparison, Order
from penstock.kernel.scope import DEFAULT_SCOPE, Scope
from penstock.services.documents import Document, Documents, Kind
from penstock.services.identity.errors import UnknownTenant
from penstock.services.tenancy import PLATFORM

__all__ = ["Tenant", "Tenants"]

_MAX_NAME: Final = 255
_MAX_TENANTS: Final = 10_000
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class TenantDocument(msgspec.Struct, frozen=True):
    """What is stored of a tenant beside its name. provider: who first named it. place: its scope, if not its id."""

    provider: str = ""
    place: str | None = None


TENANT = Kind("identity.tenant", TenantDocument, index=("place",), noun="tenant")
"""Tenants by name, all of them in the scope of the platform."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant. provider: the issuer whose token first led to it, or empty."""

    id: DocumentId
    name: str
    provider: str
    scope: Scope


class Tenants:
    """Makes, finds, renames and forgets tenants."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._has_default = False

    async def all(self) -> tuple[Tenant, ...]:
        """Return all tenants by name; at most 10,000."""
        await self.default()
        page = await self._documents.page(TENANT, PLATFORM, order=Order("name"), limit=_MAX_TENANTS)
        return tuple(map(_tenant, page.documents))

    async def default(self) -> Tenant:
        """Return the tenant of the default scope."""
        return await self.of(DEFAULT_SCOPE)

    async def of(self, scope: Scope) -> Tenant:
        """Return the tenant that a scope belongs to.

        Raises: UnknownTenant.
        """
        place = scope.path[0]
        if place != str(DEFAULT_SCOPE):
            return _tenant(await self._get(place))
        where = Compare("place", Comparison.EQ, place)
        page = await self._documents.page(TENANT, PLATFORM, where=where, limit=1)
        if page.documents:
            self._has_default = True
            return _tenant(page.documents[0])
        try:
            return _tenant(await self._documents.create(TENANT, PLATFORM, place, TenantDocument(place=place)))
        except AlreadyExists:  # another call was quicker
            return await self.of(scope)

    async def find(self, selector: str) -> Tenant:
        """Return a tenant by its id, or else by its name.

        Raises: UnknownTenant.
        """
        if _UUID.fullmatch(selector):
            try:
                return _tenant(await self._get(selector.lower()))
            except UnknownTenant:
                pass  # a name may look like an id: that of a user at some providers
        found = await self.named(selector)
        if found is None:
            raise UnknownTenant(f"there is no tenant {selector!r}; name one by its name or its id")
        return found

    async def named(self, name: str) -> Tenant | None:
        """Return the tenant of that name, if there is one."""
        if not self._has_default:
            await self.default()
        try:
            return _tenant(await self._documents.find(TENANT, PLATFORM, name))
        except NotFound:
            return None

    async def ensure(self, name: str, provider: str = "") -> tuple[Tenant, bool]:
        """Return the tenant of that name, and whether it was made by this call.

        Raises: Invalid for a name that cannot be one.
        """
        _check(name)
        if found := await self.named(name):
            return found, False
        try:
            return _tenant(await self._documents.create(TENANT, PLATFORM, name, TenantDocument(provider))), True
        except AlreadyExists:  # another call was quicker
            return await self.find(name), False

    async def rename(self, id: str, name: str, *, displace: bool = False) -> tuple[Tenant, Tenant | None]:
        """Give a tenant another name; with `displace` even one that another has, whose name then gets its id behind.

        Returns: the tenant, and the one that lost its name. A crash between the two leaves a name free, and the same
        call again completes it.
        Raises: UnknownTenant, Invalid, AlreadyExists.
        """
        _check(name)
        document, displaced = await self._get(id), None
        holder = await self.named(name)
        if displace and holder is not None and holder.id != document.id:
            held = await self._get(holder.id)
            displaced = _tenant(await self._documents.replace(held, held.body, name=f"{name} ({holder.id})"))
        return _tenant(await self._documents.replace(document, document.body, name=name)), displaced

    async def delete(self, id: str) -> None:
        """Forget a tenant; the caller has seen to it that it holds nothing.

        Raises: UnknownTenant; Invalid for that of the default scope.
        """
        document = await self._get(id)
        if document.body.place is not None:
            raise Invalid(f"the tenant {document.name!r} is the server's own and cannot be deleted")
        await self._documents.delete(document)

    async def _get(self, id: str) -> Document[TenantDocument]:
        try:
            return await self._documents.get(TENANT, id)
        except NotFound:
            raise UnknownTenant(f"there is no tenant with the id {id!r}") from None


def _tenant(document: Document[TenantDocument]) -> Tenant:
    body = document.body
    return Tenant(document.id, document.name or "", body.provider, Scope((body.place or document.id,)))


def _check(name: str) -> None:
    if not 1 <= len(name) <= _MAX_NAME or not name.isprintable():
        raise Invalid(f"the name of a tenant has 1 to {_MAX_NAME} printable characters; {name[:80]!r} has not")
