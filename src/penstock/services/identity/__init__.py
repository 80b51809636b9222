"""Who is calling, on whose things, and what that lets them do.

- `identity`  the front: a key or a token becomes a principal and a scope
- `keys`      keys that were issued here
- `tenants`   who shares what: a tenant is a name for a scope
- `members`   users of the identity provider, and their roles in tenants
- `trusts`    tokens of machines: which subjects of which issuers act in a tenant
- `tokens`    is a token genuine, and meant for this server (`keyrings`: the keys of issuers)
- `access`    from a genuine token to a principal and a scope
- `errors`    why somebody is not let in
"""

from penstock.services.identity.access import TokenRules
from penstock.services.identity.errors import (
    AmbiguousClaims,
    AmbiguousMembership,
    InvalidToken,
    IssuerUnreachable,
    NoMembership,
    NotAMember,
    NotTrusted,
    Unauthenticated,
    UnauthorizedToken,
    UnknownTenant,
)
from penstock.services.identity.identity import ANONYMOUS, Identity
from penstock.services.identity.keys import KEY, KeyDocument

__all__ = [
    "ANONYMOUS",
    "KEY",
    "AmbiguousClaims",
    "AmbiguousMembership",
    "Identity",
    "InvalidToken",
    "IssuerUnreachable",
    "KeyDocument",
    "NoMembership",
    "NotAMember",
    "NotTrusted",
    "TokenRules",
    "Unauthenticated",
    "UnauthorizedToken",
    "UnknownTenant",
]
