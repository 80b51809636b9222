"""From a genuine token to a principal and a scope.

    owner by the settings?          any tenant; the default one if none is named
    token of the server's issuer?   a user: a tenant that the token names, or one he is a member of
    token of another issuer?        a machine: a tenant with a trust that fits

What a user's token names comes first from the claims `tenant` (one) or `tenants` (several), then by the rule of the
settings. Coming with such a token makes him a member, and the tenant if need be, unless the settings say that members
are made by hand only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from penstock.kernel.principal import Principal, Role
from penstock.kernel.scope import Scope
from penstock.services.identity.errors import (
    AmbiguousClaims,
    AmbiguousMembership,
    InvalidToken,
    NoMembership,
    NotAMember,
    NotTrusted,
    UnauthorizedToken,
    UnknownTenant,
)
from penstock.services.identity.members import Members, User
from penstock.services.identity.tenants import Tenant, Tenants
from penstock.services.identity.tokens import Claims, Tokens
from penstock.services.identity.trusts import TrustDocument, Trusts, fits

__all__ = ["Access", "OwnerTrust", "TokenRules"]


@dataclass(frozen=True, slots=True)
class OwnerTrust:
    """Machines that are owners: patterns as those of a trust."""

    issuer: str
    subject: str
    audience: str | None = None


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What the settings say of tokens.

    Attributes:
        issuer: whose users may come; None if none may.
        audience: what a user's token must be meant for.
        client_id: as what a browser asks the issuer for a token.
        scopes: what it asks for beside `openid`.
        groups: a user must be in one of them, if there are any.
        tenancy: what names the tenant of a token that does not: `individual` its subject, `issuer` the issuer's host,
            `claim` nothing.
        owners: users who own the server: subject, `issuer subject`, or an address that the issuer vouches for.
        owner_trusts: machines that do.
        default_role: of a user who comes into a tenant for the first time.
        first_role: of the user whose coming made the tenant.
        enrolls: whether coming makes somebody a member.
    """

    issuer: str | None = None
    audience: str = ""
    client_id: str = ""
    scopes: tuple[str, ...] = ()
    groups: frozenset[str] = field(default_factory=frozenset)
    tenancy: str = "individual"
    owners: frozenset[str] = field(default_factory=frozenset)
    owner_trusts: tuple[OwnerTrust, ...] = ()
    default_role: Role = Role.READER
    first_role: Role = Role.ADMIN
    enrolls: bool = True


class Access:
    """Decides what a token opens."""

    def __init__(self, rules: TokenRules, tokens: Tokens, tenants: Tenants, members: Members, trusts: Trusts) -> None:
        self._rules = rules
        self._tokens = tokens
        self._tenants = tenants
        self._members = members
        self._trusts = trusts

    async def opened_by(self, token: str, selector: str | None) -> tuple[Principal, Scope]:
        """Return who shows this token, and the scope it opens; `selector` names a tenant by name or id.

        Raises: Unauthenticated, Denied, Invalid in their refinements; UnknownTenant; Unavailable.
        """
        issuer = self._tokens.issuer(token)
        if issuer != self._rules.issuer:
            return await self._machine(token, issuer, selector)
        try:
            claims = await self._tokens.verified(token, issuer, self._rules.audience)
        except InvalidToken:
            # The server's issuer may have machines as well, whose tokens are meant for somebody else.
            if not await self._is_trusted(issuer):
                raise
            return await self._machine(token, issuer, selector)
        return await self._user(claims, issuer, selector)

    async def owner(self, name: str, selector: str | None, user: str = "") -> tuple[Principal, Scope]:
        """Return an owner in the tenant he asks for. Raises: UnknownTenant."""
        tenant = await self._tenants.find(selector) if selector else await self._tenants.default()
        return Principal(name, Role.OWNER, user), tenant.scope

    # ---- users

    async def _user(self, claims: Claims, issuer: str, selector: str | None) -> tuple[Principal, Scope]:
        groups = self._rules.groups
        if groups and groups.isdisjoint(_texts(claims.get("groups"))):
            raise UnauthorizedToken("the token's user is in none of the groups that may come in")
        user = _user(claims, issuer)
        id = await self._members.seen(user)
        name = user.email if user.email and user.is_email_verified else user.subject
        if self._is_owner(user):
            return await self.owner(name, selector, id)
        named = self._named(claims, issuer, user.subject) if self._rules.enrolls else ()
        tenant, role = await self._entered(id, issuer, named, selector)
        return Principal(name, role, id), tenant.scope

    def _is_owner(self, user: User) -> bool:
        names = {user.subject, f"{user.issuer} {user.subject}"}
        if user.email and user.is_email_verified:
            names.add(user.email)
        return not names.isdisjoint(self._rules.owners)

    def _named(self, claims: Claims, issuer: str, subject: str) -> tuple[str, ...]:
        """Return the names of tenants that a token leads to."""
        if "tenant" in claims and "tenants" in claims:
            raise AmbiguousClaims("the token has the claims 'tenant' and 'tenants'; it may have one of them")
        if "tenant" in claims:
            return tuple(_texts([claims["tenant"]]))
        if "tenants" in claims:
            return tuple(dict.fromkeys(_texts(claims["tenants"])))
        match self._rules.tenancy:
            case "issuer":
                return (urlsplit(issuer).hostname or issuer,)
            case "individual":
                return (subject,)
        return ()

    async def _entered(
        self, user: str, issuer: str, named: tuple[str, ...], selector: str | None
    ) -> tuple[Tenant, Role]:
        if selector:
            return await self._selected(user, issuer, named, selector)
        if len(named) > 1:
            raise AmbiguousClaims(f"the token opens several tenants; name one of them: {', '.join(map(repr, named))}")
        if named:
            return await self._enrolled(user, issuer, named[0])
        roles = await self._members.tenants_of(user)
        if not roles:
            raise NoMembership("the caller is a member of no tenant; an admin of one can make him a member")
        if len(roles) > 1:
            names = sorted([(await self._tenants.find(id)).name for id in roles])
            raise AmbiguousMembership(f"the caller is in several tenants; name one of them: {', '.join(names)}")
        ((id, role),) = roles.items()
        return await self._tenants.find(id), role

    async def _selected(self, user: str, issuer: str, named: tuple[str, ...], selector: str) -> tuple[Tenant, Role]:
        refusal = NotAMember(f"the caller is no member of the tenant {selector!r}")
        try:
            tenant = await self._tenants.find(selector)
        except UnknownTenant:
            # A tenant that is there and one that is not are refused alike: who is no member learns nothing.
            if selector not in named:
                raise refusal from None
            return await self._enrolled(user, issuer, selector)
        if (role := await self._members.role(tenant.id, user)) is not None:
            return tenant, role
        if tenant.name not in named:
            raise refusal
        return await self._enrolled(user, issuer, tenant.name)

    async def _enrolled(self, user: str, issuer: str, name: str) -> tuple[Tenant, Role]:
        tenant, is_new = await self._tenants.ensure(name, issuer)
        role = await self._members.role(tenant.id, user)
        if role is None:
            role = self._rules.first_role if is_new else self._rules.default_role
            await self._members.grant(tenant.id, user, role, "login")
        return tenant, role

    # ---- machines

    async def _is_trusted(self, issuer: str) -> bool:
        return any(trust.issuer == issuer for trust in self._rules.owner_trusts) or bool(
            await self._trusts.of_issuer(issuer)
        )

    async def _machine(self, token: str, issuer: str, selector: str | None) -> tuple[Principal, Scope]:
        # Nobody is asked for keys of an issuer that a token merely names.
        if not await self._is_trusted(issuer):
            raise InvalidToken(f"tokens of the issuer {issuer!r} are not taken here")
        claims = await self._tokens.verified(token, issuer, None)
        subject = claims["sub"]
        if any(t.issuer == issuer and _fits(t.subject, t.audience, claims) for t in self._rules.owner_trusts):
            return await self.owner(subject, selector)
        fitting = [t for t in await self._trusts.of_issuer(issuer) if _fits(t.subject, t.audience, claims)]
        if not fitting:
            raise UnauthorizedToken(f"no trust fits the token's subject {subject!r} and audience")
        return await self._trusted(subject, fitting, selector)

    async def _trusted(
        self, subject: str, fitting: list[TrustDocument], selector: str | None
    ) -> tuple[Principal, Scope]:
        tenants = {trust.tenant for trust in fitting}
        if selector:
            refusal = NotTrusted(f"the tenant {selector!r} does not trust the token's subject {subject!r}")
            try:
                chosen = await self._tenants.find(selector)
            except UnknownTenant:
                raise refusal from None
            if chosen.id not in tenants:
                raise refusal
        elif len(tenants) > 1:
            raise AmbiguousClaims(f"{len(tenants)} tenants trust the token's subject {subject!r}; name one of them")
        else:
            chosen = await self._tenants.find(tenants.pop())
        role = max(trust.opens_as for trust in fitting if trust.tenant == chosen.id)
        return Principal(subject, role), chosen.scope


def _user(claims: Claims, issuer: str) -> User:
    email, name = claims.get("email"), claims.get("name")
    return User(
        issuer,
        claims["sub"],
        email if isinstance(email, str) else None,
        claims.get("email_verified") is True,
        name if isinstance(name, str) else None,
    )


def _texts(value: Any) -> list[str]:
    """Read a list of texts, or one text with commas."""
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else []
    return [text for part in parts if isinstance(part, str) and (text := part.strip())]


def _fits(subject: str, audience: str | None, claims: Claims) -> bool:
    meant = claims.get("aud")
    audiences = meant if isinstance(meant, list) else [meant]
    return fits(subject, claims["sub"]) and (
        audience is None or any(isinstance(one, str) and fits(audience, one) for one in audiences)
    )
