"""Members of the caller's tenant, for its admins."""

from typing import Any

from penstock.api.feldera.auth import ROLE_WORDS, WORD_ROLES
from penstock.api.feldera.errors import refuse
from penstock.api.shared.call import Call
from penstock.kernel.errors import Invalid
from penstock.kernel.principal import Role
from penstock.services.identity.members import Member, User

__all__ = ["add", "change", "list_all", "remove"]


async def list_all(call: Call) -> list[dict[str, Any]]:
    """List the members of the tenant."""
    return [_shown(member) for member in await call.services.identity.members.of(await _tenant(call))]


async def add(call: Call, body: object) -> dict[str, Any]:
    """Make a user a member before he comes for the first time, or give him another role."""
    fields = _fields(body)
    subject, email = fields.get("subject"), fields.get("email")
    if not isinstance(subject, str) or not subject or not subject.isprintable():
        raise Invalid("the body must have a printable, non-empty string 'subject'", at="/subject")
    if not isinstance(email, str | None):
        raise Invalid("'email' must be a string or null", at="/email")
    role, identity = _role(call, fields), call.services.identity
    user = await identity.members.known(User(identity.rules.issuer or "", subject, email))
    return _shown(await identity.members.grant(await _tenant(call), user, role, "granted"))


async def change(call: Call, body: object) -> dict[str, Any]:
    """Give a member another role."""
    role = _role(call, _fields(body))
    tenant, user = await _tenant(call), await _member(call)
    return _shown(await call.services.identity.members.grant(tenant, user, role, "granted"))


async def remove(call: Call) -> None:
    """Take a member's role away; keys that he made stay."""
    await call.services.identity.members.remove(await _tenant(call), await _member(call))


async def _tenant(call: Call) -> str:
    return (await call.services.identity.tenants.of(call.scope)).id


async def _member(call: Call) -> str:
    user = call.path["user_id"]
    if await call.services.identity.members.role(await _tenant(call), user) is None:
        refuse("UnknownUser", f"the tenant has no member with the id {user!r}", {"user_id": user})
    return user


def _fields(body: object) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise Invalid("the body must be a JSON object", at="")
    return body


def _role(call: Call, fields: dict[str, Any]) -> Role:
    word = fields.get("role")
    if not isinstance(word, str) or word not in WORD_ROLES:
        raise Invalid(f"the role is {word!r}; it must be 'read', 'write' or 'admin'", at="/role")
    if word == "owner":
        refuse("OwnerRoleNotAssignable", "owners are named in the server's settings, not here")
    return WORD_ROLES[word]


def _shown(member: Member) -> dict[str, Any]:
    user = member.user
    return {
        "user_id": member.user_id,
        "provider": user.issuer,
        "subject": user.subject,
        "email": user.email,
        "email_verified": user.is_email_verified,
        "display_name": user.display_name,
        "role": ROLE_WORDS[member.role],
        "origin": member.origin,
    }
