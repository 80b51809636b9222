"""Keys and principals.

Two modes. Without an owner key the server trusts whoever reaches it: every caller is the owner (which is why `serve`
then refuses to listen beyond loopback). With an owner key, a caller shows that key or one that was issued here.

A key's text is `<id>.<secret>`; only a keyed digest of the secret is stored. A random 256-bit secret needs no slow
hash.
"""

import hashlib
import hmac
import secrets
from typing import Final

import msgspec

from penstock.kernel.errors import Denied, NotFound
from penstock.kernel.principal import Principal, Role
from penstock.kernel.query import Order
from penstock.kernel.scope import DEFAULT_SCOPE, Scope
from penstock.services.documents import Document, Documents, Kind

__all__ = ["ANONYMOUS", "KEY", "Identity", "KeyDocument", "Unauthenticated"]

ANONYMOUS = Principal("anonymous", Role.OWNER)
"""Every caller of a server that runs without authentication."""

_MAX_KEYS: Final = 1000

_STORED: Final = {Role.READER: 1, Role.WRITER: 2, Role.OWNER: 3, Role.ADMIN: 4}
"""What is stored for a role. Never change a number: keys that were issued before would open something else."""
_ROLES: Final = {number: role for role, number in _STORED.items()}


class Unauthenticated(Denied):
    """The caller has not said who he is, or not truthfully; a refinement of Denied that dialects answer with 401."""


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


class Identity:
    """Decides who a caller is.

    Args:
        documents: where issued keys are kept.
        owner_key: the text that makes its bearer owner of the default scope; None switches authentication off.
        pepper: secret of this server that goes into every stored digest, at most 64 bytes.
    """

    def __init__(self, documents: Documents, *, owner_key: str | None, pepper: bytes) -> None:
        self._documents = documents
        self._owner_key = owner_key
        self._pepper = pepper

    @property
    def is_required(self) -> bool:
        """Whether callers must show a key."""
        return self._owner_key is not None

    async def authenticate(self, key: str | None) -> tuple[Principal, Scope]:
        """Return who shows this key, and the scope it opens.

        Raises: Unauthenticated.
        """
        if self._owner_key is None:
            return ANONYMOUS, DEFAULT_SCOPE
        if key is None:
            raise Unauthenticated("the call carries no key; send one as `Authorization: Bearer <key>`")
        if hmac.compare_digest(self._digest(key), self._digest(self._owner_key)):
            return Principal("owner", Role.OWNER), DEFAULT_SCOPE
        return await self._issued(key)

    async def issue(self, scope: Scope, name: str, role: Role) -> tuple[Document[KeyDocument], str]:
        """Make a key; its text is returned here and never again.

        Raises: AlreadyExists if the scope has a key of that name.
        """
        secret = secrets.token_urlsafe(32)
        document = await self._documents.create(KEY, scope, name, KeyDocument(_STORED[role], self._digest(secret)))
        return document, f"{document.id}.{secret}"

    async def keys(self, scope: Scope) -> tuple[Document[KeyDocument], ...]:
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

    async def _issued(self, key: str) -> tuple[Principal, Scope]:
        id, _, secret = key.partition(".")
        try:
            document = await self._documents.get(KEY, id)
        except NotFound:
            raise Unauthenticated("the key is not known here; ask an owner for a new one") from None
        if not hmac.compare_digest(self._digest(secret), document.body.digest):
            raise Unauthenticated("the key is not known here; ask an owner for a new one")
        return Principal(document.name or document.id, document.body.opens_as), document.scope

    def _digest(self, secret: str) -> str:
        return hashlib.blake2b(secret.encode(), key=self._pepper, digest_size=32).hexdigest()
