"""Secrets of the caller's scope, which steps of runs may ask for. A text goes in here and never comes out."""

from penstock.api.native.wire import SecretReply, SecretRequest
from penstock.api.shared.call import Call
from penstock.kernel.instants import rfc3339
from penstock.services.secrets import SecretInfo

__all__ = ["put", "remove", "show"]


async def show(call: Call) -> list[SecretReply]:
    """List the secrets of the scope, without their texts."""
    return [_project(info) for info in await call.services.secrets.list(call.scope)]


async def put(call: Call, body: SecretRequest) -> SecretReply:
    """Store a secret, or replace it."""
    secrets = call.services.secrets
    return _project(await secrets.put(call.scope, call.path["name"], body.text, description=body.description))


async def remove(call: Call) -> None:
    """Remove a secret."""
    await call.services.secrets.delete(call.scope, call.path["name"])


def _project(info: SecretInfo) -> SecretReply:
    return SecretReply(info.name, info.description, rfc3339(info.created_at), rfc3339(info.updated_at))
