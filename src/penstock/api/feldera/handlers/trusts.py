"""Tokens of machines that the caller's tenant trusts, for its admins."""

from typing import Any

from penstock.api.feldera.auth import ROLE_WORDS, WORD_ROLES
from penstock.api.feldera.errors import refuse
from penstock.api.feldera.handlers.keys import check_name
from penstock.api.shared.call import Call
from penstock.api.shared.operation import Answer
from penstock.kernel.errors import Invalid, NotFound
from penstock.kernel.principal import Role
from penstock.services.documents import Document
from penstock.services.identity.keyrings import is_issuer
from penstock.services.identity.keys import STORED_ROLE
from penstock.services.identity.trusts import TrustDocument

__all__ = ["create", "delete", "get", "list_all"]


async def list_all(call: Call) -> list[dict[str, Any]]:
    """List the trusts of the tenant."""
    return [_shown(trust) for trust in await call.services.identity.trusts.of(await _tenant(call))]


async def get(call: Call) -> dict[str, Any]:
    """Show a trust."""
    return _shown(await _found(call))


async def create(call: Call, body: object) -> Answer:
    """Trust tokens of an issuer whose subject, and audience if given, fit a pattern; `*` stands for any characters."""
    if not isinstance(body, dict) or not isinstance(body.get("name"), str):
        raise Invalid("the body must be an object with a string 'name'", at="/name")
    texts = {name: _text(body, name) for name in ("issuer", "subject", "audience", "description")}
    check_name(body["name"])
    for name in ("issuer", "subject"):
        if not texts[name]:
            refuse("EmptyOidcTrustField", f"{name!r} is missing or empty", {"field": name})
    if texts["audience"] == "":
        refuse("EmptyOidcTrustField", "'audience' is empty; leave it out to take any", {"field": "audience"})
    issuer = texts["issuer"] or ""
    if not is_issuer(issuer, plain=issuer == call.services.identity.rules.issuer):
        refuse("InvalidOidcIssuerUrl", f"the issuer {issuer!r} must be an https address without a query")
    trust = TrustDocument(
        await _tenant(call),
        body["name"],
        issuer,
        texts["subject"] or "",
        texts["audience"],
        STORED_ROLE[_role(call, body.get("role"))],
        texts["description"],
    )
    document = await call.services.identity.trusts.create(trust)
    return Answer({"id": document.id, "name": trust.name}, 201)


async def delete(call: Call) -> None:
    """Trust no longer."""
    trust = await _found(call)
    await call.services.identity.trusts.delete(trust.body.tenant, trust.body.name)


async def _tenant(call: Call) -> str:
    return (await call.services.identity.tenants.of(call.scope)).id


async def _found(call: Call) -> Document[TrustDocument]:
    name = call.path["trust"]
    try:
        return await call.services.identity.trusts.find(await _tenant(call), name)
    except NotFound:
        refuse("UnknownOidcTrust", f"the tenant has no trust named {name!r}", {"name": name})


def _text(body: dict[str, Any], name: str) -> str | None:
    value = body.get(name)
    if not isinstance(value, str | None):
        raise Invalid(f"{name!r} is {value!r}; it must be a string or null", at=f"/{name}")
    return value


def _role(call: Call, word: object) -> Role:
    word = "read" if word is None else word
    if not isinstance(word, str) or word not in WORD_ROLES:
        raise Invalid(f"the role is {word!r}; it must be 'read', 'write' or 'admin'", at="/role")
    if word == "owner":
        refuse("OwnerRoleNotAssignable", "owners are named in the server's settings, not here")
    if not call.principal.may(WORD_ROLES[word]):
        refuse("RoleExceedsCreator", f"the role {word!r} is more than the caller's own")
    return WORD_ROLES[word]


def _shown(document: Document[TrustDocument]) -> dict[str, Any]:
    trust = document.body
    return {
        "id": document.id,
        "name": trust.name,
        "description": trust.description,
        "issuer": trust.issuer,
        "subject": trust.subject,
        "audience": trust.audience,
        "role": ROLE_WORDS[trust.opens_as],
    }
