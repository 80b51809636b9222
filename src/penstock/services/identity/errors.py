"""Why somebody is not let in: refinements of the closed set, so that a dialect may tell them apart."""

from penstock.kernel.errors import Denied, Invalid, NotFound, Unavailable

__all__ = [
    "AmbiguousClaims",
    "AmbiguousMembership",
    "InvalidToken",
    "IssuerUnreachable",
    "NoMembership",
    "NotAMember",
    "NotTrusted",
    "Unauthenticated",
    "UnauthorizedToken",
    "UnknownTenant",
]


class Unauthenticated(Denied):
    """The caller has not said who he is, or not truthfully; a refinement of Denied that dialects answer with 401."""


class InvalidToken(Unauthenticated):
    """The token is not genuine, not meant for this server, or out of its time."""


class UnauthorizedToken(Unauthenticated):
    """The token is genuine, and its bearer may not come in at all."""


class NotAMember(Denied):
    """The caller asked for a tenant that he does not belong to."""


class NoMembership(Denied):
    """The caller belongs to no tenant."""


class NotTrusted(Denied):
    """The tenant that was asked for does not trust the token of a machine that others trust."""


class AmbiguousClaims(Invalid):
    """The token opens several tenants, and the call names none of them."""


class AmbiguousMembership(Invalid):
    """The caller belongs to several tenants, and the call names none of them."""


class IssuerUnreachable(Unavailable):
    """The keys of a token's issuer cannot be had, so nobody can tell whether it is genuine."""


class UnknownTenant(NotFound):
    """No tenant has that name or id."""
