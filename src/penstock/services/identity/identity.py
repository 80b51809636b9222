"""The front of identity: what a caller shows becomes a principal and a scope.

Two modes. Without an owner key and an issuer the server trusts whoever reaches it: every caller is the owner (which is
why `serve` then refuses to listen beyond loopback). With one of them a caller shows the owner key, a key that was
issued here, or a token of an issuer.
"""

from __future__ import annotations

from penstock.kernel.principal import Principal, Role
from penstock.kernel.scope import DEFAULT_SCOPE, Scope
from penstock.services.documents import Document, Documents
from penstock.services.identity.access import Access, TokenRules
from penstock.services.identity.errors import Unauthenticated
from penstock.services.identity.keyrings import Fetch
from penstock.services.identity.keys import KeyDocument, Keys
from penstock.services.identity.members import Members
from penstock.services.identity.tenants import Tenants
from penstock.services.identity.tokens import Tokens, is_token, no_web
from penstock.services.identity.trusts import Trusts

__all__ = ["ANONYMOUS", "Identity"]

ANONYMOUS = Principal("anonymous", Role.OWNER)
"""Every caller of a server that runs without authentication."""


class Identity:
    """Decides who a caller is.

    Args:
        documents: where keys, tenants, members and trusts are kept.
        owner_key: the text that makes its bearer the owner; None if there is none.
        pepper: secret of this server that goes into every stored digest, at most 64 bytes.
        rules: what the settings say of tokens.
        fetch: gets a document of an issuer.
    """

    def __init__(
        self,
        documents: Documents,
        *,
        owner_key: str | None,
        pepper: bytes,
        rules: TokenRules | None = None,
        fetch: Fetch = no_web,
    ) -> None:
        self._keys = Keys(documents, pepper)
        self._owner_key = owner_key
        self.rules = rules or TokenRules()
        self.tenants = Tenants(documents)
        self.members = Members(documents)
        self.trusts = Trusts(documents)
        self._access = Access(self.rules, Tokens(fetch), self.tenants, self.members, self.trusts)

    @property
    def is_required(self) -> bool:
        """Whether callers must show something."""
        return self._owner_key is not None or self.rules.issuer is not None

    async def authenticate(self, shown: str | None, tenant: str | None = None) -> tuple[Principal, Scope]:
        """Return who shows this key or token, and the scope it opens.

        `tenant` chooses one by name or id among those that a token opens; an issued key opens the one it was made in.
        Raises: Unauthenticated; Denied and Invalid in the refinements of `errors`; Unavailable if an issuer is.
        """
        if not self.is_required:
            return ANONYMOUS, DEFAULT_SCOPE
        if shown is None:
            raise Unauthenticated("the call carries no key; send one as `Authorization: Bearer <key>`")
        if self._owner_key is not None and self._keys.is_same(shown, self._owner_key):
            return await self._access.owner("owner", tenant)
        if is_token(shown):
            return await self._access.opened_by(shown, tenant)
        return await self._keys.opened_by(shown)

    async def issue(self, scope: Scope, name: str, role: Role) -> tuple[Document[KeyDocument], str]:
        """Make a key; its text is returned here and never again.

        Raises: AlreadyExists if the scope has a key of that name.
        """
        return await self._keys.issue(scope, name, role)

    async def keys(self, scope: Scope) -> tuple[Document[KeyDocument], ...]:
        """Return the issued keys of a scope by name; at most 1000."""
        return await self._keys.all(scope)

    async def find(self, scope: Scope, name: str) -> Document[KeyDocument]:
        """Return an issued key by its name.

        Raises: NotFound.
        """
        return await self._keys.find(scope, name)

    async def revoke(self, scope: Scope, name: str) -> None:
        """Make a key worthless from now on.

        Raises: NotFound.
        """
        await self._keys.revoke(scope, name)
