"""Trusts: tokens of machines (a build, a job of a cluster) that act in a tenant without having been given a key.

A trust names an issuer and patterns for what its tokens say. `*` in a pattern stands for any characters.
"""

from typing import Final

import msgspec

from penstock.kernel.principal import Role
from penstock.kernel.query import Compare, Comparison, Order
from penstock.services.documents import Document, Documents, Kind
from penstock.services.identity.keys import stored_role
from penstock.services.tenancy import PLATFORM

__all__ = ["TrustDocument", "Trusts", "fits"]

_MAX_TRUSTS: Final = 1000


class TrustDocument(msgspec.Struct, frozen=True):
    """What is stored of a trust. subject, audience: patterns; None lets any audience pass."""

    tenant: str
    name: str
    issuer: str
    subject: str
    audience: str | None
    role: int
    description: str | None = None

    @property
    def opens_as(self) -> Role:
        """The role that the trust gives."""
        return stored_role(self.role)


TRUST = Kind("identity.trust", TrustDocument, index=("tenant", "issuer"), noun="trust")
"""Trusts by tenant and name."""


class Trusts:
    """Keeps trusts."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def of(self, tenant: str) -> tuple[Document[TrustDocument], ...]:
        """Return the trusts of a tenant by name; at most 1000."""
        return await self._where("tenant", tenant)

    async def of_issuer(self, issuer: str) -> tuple[TrustDocument, ...]:
        """Return the trusts in an issuer, of all tenants; at most 1000."""
        return tuple(document.body for document in await self._where("issuer", issuer))

    async def create(self, trust: TrustDocument) -> Document[TrustDocument]:
        """Keep a trust.

        Raises: AlreadyExists if the tenant has one of that name.
        """
        return await self._documents.create(TRUST, PLATFORM, f"{trust.tenant} {trust.name}", trust)

    async def find(self, tenant: str, name: str) -> Document[TrustDocument]:
        """Return a trust of a tenant.

        Raises: NotFound.
        """
        return await self._documents.find(TRUST, PLATFORM, f"{tenant} {name}")

    async def delete(self, tenant: str, name: str) -> None:
        """Forget a trust; its tokens open nothing from now on.

        Raises: NotFound.
        """
        await self._documents.delete(await self.find(tenant, name))

    async def _where(self, field: str, value: str) -> tuple[Document[TrustDocument], ...]:
        where = Compare(field, Comparison.EQ, value)
        page = await self._documents.page(TRUST, PLATFORM, where=where, order=Order("name"), limit=_MAX_TRUSTS)
        return page.documents


def fits(pattern: str, text: str) -> bool:
    """Tell whether a text fits a pattern, in time that grows with their lengths only."""
    first, *rest = pattern.split("*")
    if not rest:
        return text == pattern
    *middle, last = rest
    if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
        return False
    at, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True
