"""From settings to the rules for tokens, and the way to an issuer's documents."""

import asyncio
from typing import Any, Final

import msgspec

from penstock.boot.config import PREFIX, Settings
from penstock.kernel.errors import Invalid, Unavailable
from penstock.kernel.principal import Role
from penstock.services.identity.access import OwnerTrust, TokenRules
from penstock.services.identity.keyrings import is_issuer

__all__ = ["fetch", "token_rules"]

_TIMEOUT_S: Final = 5.0
_MAX_BYTES: Final = 1 << 20
_ROLES: Final = {"read": Role.READER, "write": Role.WRITER, "admin": Role.ADMIN}


class _Trust(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    issuer: str
    subject: str
    audience: str | None = None


def token_rules(settings: Settings) -> TokenRules:
    """Return what the settings say of tokens.

    Raises: Invalid.
    """
    issuer = settings.oidc_issuer
    if issuer is not None and not is_issuer(issuer, plain=True):
        raise Invalid(f"{PREFIX}OIDC_ISSUER is {issuer!r}; it must be an https address, or an http one of this machine")
    return TokenRules(
        issuer=issuer,
        audience=settings.oidc_audience,
        client_id=settings.oidc_client_id,
        scopes=tuple(settings.oidc_scopes.split()),
        groups=frozenset(_parts(settings.oidc_groups)),
        tenancy=settings.oidc_tenancy,
        owners=frozenset(_parts(settings.oidc_owners)),
        owner_trusts=_trusts(settings.oidc_owner_trusts),
        default_role=_role("OIDC_DEFAULT_ROLE", settings.oidc_default_role, "read", "write"),
        first_role=_role("OIDC_FIRST_ROLE", settings.oidc_first_role, "read", "write", "admin"),
        enrolls=settings.oidc_enroll,
    )


async def fetch(address: str) -> bytes:
    """Get a short document from the web; where it is said to be elsewhere, nobody goes.

    Raises: Unavailable.
    """
    from penstock.connect.web import WebFailed, WebRequest, send  # most of what it imports is for TLS

    request = WebRequest(address, timeout_s=_TIMEOUT_S, follows=False, max_answer_bytes=_MAX_BYTES)
    try:
        answer = await asyncio.to_thread(send, request)
    except WebFailed as error:
        raise Unavailable(str(error)) from None
    if answer.status != 200:
        raise Unavailable(f"{address} answers {answer.status}")
    return answer.body


def _parts(text: str) -> list[str]:
    return [part for piece in text.split(",") if (part := piece.strip())]


def _role(setting: str, text: str, *allowed: str) -> Role:
    if text not in allowed:
        raise Invalid(f"{PREFIX}{setting} is {text!r}; it must be {' or '.join(allowed)}")
    return _ROLES[text]


def _trusts(text: str) -> tuple[OwnerTrust, ...]:
    try:
        given: Any = msgspec.json.decode(text or "[]", type=list[_Trust])
    except msgspec.DecodeError as error:
        raise Invalid(
            f"{PREFIX}OIDC_OWNER_TRUSTS is no JSON array of objects with issuer, subject and maybe audience: {error}"
        ) from None
    return tuple(OwnerTrust(trust.issuer, trust.subject, trust.audience) for trust in given)
