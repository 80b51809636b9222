"""Tenants of the server, for its owners."""

from typing import Any

from penstock.api.feldera.errors import refuse
from penstock.api.shared.call import Call
from penstock.api.shared.operation import Answer
from penstock.kernel.errors import Invalid
from penstock.services.identity.tenants import Tenant

__all__ = ["create", "delete", "get", "list_all", "rename"]


async def list_all(call: Call) -> list[dict[str, Any]]:
    """List all tenants."""
    return [_shown(tenant) for tenant in await call.services.identity.tenants.all()]


async def get(call: Call) -> dict[str, Any]:
    """Show a tenant, by name or id."""
    return _shown(await _found(call))


async def create(call: Call, body: object) -> Answer:
    """Make a tenant; one that is there already is shown with 200."""
    tenant, is_new = await call.services.identity.tenants.ensure(_name(body))
    return Answer(_shown(tenant), 201 if is_new else 200)


async def rename(call: Call, body: object) -> dict[str, Any]:
    """Give a tenant another name, if need be one that another has, which then gets its id behind its name."""
    name = _name(body)
    displaces = body.get("displace_existing", False) if isinstance(body, dict) else False
    if not isinstance(displaces, bool):
        raise Invalid(f"'displace_existing' is {displaces!r}; it must be true or false", at="/displace_existing")
    present = await _found(call)
    tenant, displaced = await call.services.identity.tenants.rename(present.id, name, displace=displaces)
    return {**_shown(tenant), "displaced": None if displaced is None else _shown(displaced)}


async def delete(call: Call) -> None:
    """Delete a tenant that holds nothing."""
    identity, tenant = call.services.identity, await _found(call)
    held = {
        "pipelines": len(call.services.circuits.list(tenant.scope)),
        "API keys": len(await identity.keys(tenant.scope)),
        "OIDC trusts": len(await identity.trusts.of(tenant.id)),
        "documents of other products": await _documents(call, tenant),
    }
    left = {what: count for what, count in held.items() if count}
    if left:
        text = ", ".join(f"{count} {what}" for what, count in left.items())
        refuse("TenantNotEmpty", f"the tenant {tenant.name!r} still holds {text}; delete these first", left)
    await identity.tenants.delete(tenant.id)
    await identity.members.dissolve(tenant.id)


async def _documents(call: Call, tenant: Tenant) -> int:
    """Count what the other dialects keep in a tenant."""
    kinds = [kind for dialect in call.connection.app.state.dialects for kind in dialect.kinds]
    return sum([await call.services.documents.count(kind, tenant.scope) for kind in kinds])


async def _found(call: Call) -> Tenant:
    return await call.services.identity.tenants.find(call.path["tenant"])


def _name(body: object) -> str:
    name = body.get("name") if isinstance(body, dict) else None
    if not isinstance(name, str):
        raise Invalid("the body must be an object with a string 'name'", at="/name")
    if not name:
        refuse("EmptyName", "the name is empty; it must have at least one character")
    return name


def _shown(tenant: Tenant) -> dict[str, Any]:
    return {"id": tenant.id, "name": tenant.name, "initial_provider": tenant.provider}
