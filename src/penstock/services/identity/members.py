"""Users of the identity provider, and what they may do in which tenants.

A user is known by issuer and subject, which never change; name and address are what the last token said. A user has at
most one role in a tenant. Owners of the whole server are not members: their right comes from its settings.
"""

from dataclasses import dataclass
from typing import Final

import msgspec

from penstock.kernel.errors import AlreadyExists, NotFound
from penstock.kernel.ids import DocumentId
from penstock.kernel.principal import Role
from penstock.kernel.query import Compare, Comparison
from penstock.services.documents import Document, Documents, Kind
from penstock.services.identity.keys import STORED_ROLE, stored_role
from penstock.services.tenancy import PLATFORM

__all__ = ["Member", "Members", "User"]

_MAX_MEMBERS: Final = 10_000


class User(msgspec.Struct, frozen=True):
    """What is known of a user. is_email_verified: whether the issuer vouches for the address."""

    issuer: str
    subject: str
    email: str | None = None
    is_email_verified: bool = False
    display_name: str | None = None


class MemberDocument(msgspec.Struct, frozen=True):
    """A role of a user in a tenant. origin: `login` if it came with a token, `granted` if somebody gave it."""

    tenant: str
    user: str
    role: int
    origin: str


USER = Kind("identity.user", User, noun="user")
"""Users by issuer and subject."""
MEMBER = Kind("identity.member", MemberDocument, index=("tenant", "user"), noun="member")
"""Members by tenant and user."""


@dataclass(frozen=True, slots=True)
class Member:
    """A user in a tenant."""

    tenant: str
    user_id: DocumentId
    user: User
    role: Role
    origin: str


class Members:
    """Knows users and their roles."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def seen(self, user: User) -> DocumentId:
        """Note what a token says of a user; return his id."""
        name = f"{user.issuer} {user.subject}"
        try:
            document = await self._documents.find(USER, PLATFORM, name)
        except NotFound:
            try:
                return (await self._documents.create(USER, PLATFORM, name, user)).id
            except AlreadyExists:  # another call was quicker
                return (await self._documents.find(USER, PLATFORM, name)).id
        if document.body != user:
            await self._documents.update(USER, document.id, lambda _: user)
        return document.id

    async def known(self, user: User) -> DocumentId:
        """Return the id of a user who may not have come yet; what is known of one who has stays."""
        name = f"{user.issuer} {user.subject}"
        try:
            return (await self._documents.find(USER, PLATFORM, name)).id
        except NotFound:
            return await self.seen(user)

    async def role(self, tenant: str, user: str) -> Role | None:
        """Return a user's role in a tenant, if he has one."""
        document = await self._find(tenant, user)
        return None if document is None else stored_role(document.body.role)

    async def tenants_of(self, user: str) -> dict[str, Role]:
        """Return the ids of the tenants of a user, each with his role there."""
        return {document.body.tenant: stored_role(document.body.role) for document in await self._where("user", user)}

    async def of(self, tenant: str) -> tuple[Member, ...]:
        """Return the members of a tenant, the first first; at most 10,000."""
        return tuple([await self._member(document) for document in await self._where("tenant", tenant)])

    async def grant(self, tenant: str, user: str, role: Role, origin: str) -> Member:
        """Give a user a role in a tenant, in the place of the one he had.

        Raises: NotFound if there is no such user.
        """
        await self._documents.get(USER, user)
        body = MemberDocument(tenant, user, STORED_ROLE[role], origin)
        document = await self._find(tenant, user)
        if document is None:
            try:
                return await self._member(await self._documents.create(MEMBER, PLATFORM, f"{tenant} {user}", body))
            except AlreadyExists:  # another call was quicker
                return await self.grant(tenant, user, role, origin)
        return await self._member(await self._documents.replace(document, body))

    async def remove(self, tenant: str, user: str) -> None:
        """Take a user's role in a tenant away.

        Raises: NotFound if he has none.
        """
        document = await self._find(tenant, user)
        if document is None:
            raise NotFound(f"the tenant has no member with the id {user!r}")
        await self._documents.delete(document)

    async def dissolve(self, tenant: str) -> None:
        """Take away all roles in a tenant."""
        for document in await self._where("tenant", tenant):
            await self._documents.delete(document)

    async def _find(self, tenant: str, user: str) -> Document[MemberDocument] | None:
        try:
            return await self._documents.find(MEMBER, PLATFORM, f"{tenant} {user}")
        except NotFound:
            return None

    async def _where(self, field: str, value: str) -> tuple[Document[MemberDocument], ...]:
        where = Compare(field, Comparison.EQ, value)
        return (await self._documents.page(MEMBER, PLATFORM, where=where, limit=_MAX_MEMBERS)).documents

    async def _member(self, document: Document[MemberDocument]) -> Member:
        user = await self._documents.get(USER, document.body.user)
        body = document.body
        return Member(body.tenant, user.id, user.body, stored_role(body.role), body.origin)
