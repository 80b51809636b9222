"""Keys that were issued here.

A key's text is `<id>.<secret>`; only a keyed digest of the secret is stored. A random 256-bit secret needs no slow
hash.
"""

import hashlib
import hmac
import secrets
from typing import Final

import msgspec

from penstock.kernel.errors import NotFound
from penstock.kernel.principal import Principal, Role
from penstock.kernel.query import Order
from penstock.kernel.scope import Scope
from penstock.services.documents import Document, Documents, Kind
from penstock.services.identity.errors import Unauthenticated

__all__ = ["KEY", "STORED_ROLE", "KeyDocument", "Keys", "stored_role"]

_MAX_KEYS: Final = 1000

STORED_ROLE: Final = {Role.READER: 1, Role.WRITER: 2, Role.OWNER: 3, Role.ADMIN: 4}
"""What is stored for a role. Never change a number: what was granted before would open something else."""
_ROLES: Final = {number: role for role, number in STORED_ROLE.items()}


def stored_role(number: int) -> Role:
    """Return the role that is stored as this number."""
    return _ROLES[number]


class KeyDocument(msgspec.Struct, frozen=True):
    """What is stored of an issued key."""

    role: int
    digest: str

    @property
    def opens_as(self) -> Role:
        """The role that the key gives its bearer."""
        return _ROLES[self.role]


KEY = Kind("identity.key", KeyDocument, noun="key")
"""Issued keys, in the scope they open."""


class Keys:
    """Issues keys and knows them again.

    Args:
        documents: where they are kept.
        pepper: secret of this server that goes into every stored digest, at most 64 bytes.
    """

    def __init__(self, documents: Documents, pepper: bytes) -> None:
        self._documents = documents
        self._pepper = pepper

    async def issue(self, scope: Scope, name: str, role: Role) -> tuple[Document[KeyDocument], str]:
        """Make a key; its text is returned here and never again.

        Raises: AlreadyExists if the scope has a key of that name.
        """
        secret = secrets.token_urlsafe(32)
        document = await self._documents.create(KEY, scope, name, KeyDocument(STORED_ROLE[role], self._digest(secret)))
        return document, f"{document.id}.{secret}"

    async def all(self, scope: Scope) -> tuple[Document[KeyDocument], ...]:
        """Return the issued keys of a scope by name; at most 1000."""
        page = await self._documents.page(KEY, scope, order=Order("name"), limit=_MAX_KEYS)
        return page.documents

    async def find(self, scope: Scope, name: str) -> Document[KeyDocument]:
        """Return an issued key by its name.

        Raises: NotFound.
        """
        return await self._documents.find(KEY, scope, name)

    async def revoke(self, scope: Scope, name: str) -> None:
        """Make a key worthless from now on.

        Raises: NotFound.
        """
        await self._documents.delete(await self.find(scope, name))

    async def opened_by(self, key: str) -> tuple[Principal, Scope]:
        """Return who shows this key, and the scope it opens.

        Raises: Unauthenticated.
        """
        id, _, secret = key.partition(".")
        try:
            document = await self._documents.get(KEY, id)
        except NotFound:
            raise Unauthenticated("the key is not known here; ask an owner for a new one") from None
        if not hmac.compare_digest(self._digest(secret), document.body.digest):
            raise Unauthenticated("the key is not known here; ask an owner for a new one")
        return Principal(document.name or document.id, document.body.opens_as), document.scope

    def is_same(self, one: str, other: str) -> bool:
        """Tell whether two texts are the same, in a time that says nothing about where they differ."""
        return hmac.compare_digest(self._digest(one), self._digest(other))

    def _digest(self, secret: str) -> str:
        return hashlib.blake2b(secret.encode(), key=self._pepper, digest_size=32).hexdigest()
