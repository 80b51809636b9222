"""What a client asks before anything else: which server this is, whether it is well, how to log in."""

import hashlib
from typing import Any

from penstock import __version__
from penstock.api.feldera.auth import ROLE_WORDS
from penstock.api.feldera.editions import edition_name
from penstock.api.feldera.errors import refuse
from penstock.api.feldera.handlers.found import NO_CACHE, event_id, selector
from penstock.api.feldera.kinds import PLATFORM_VERSION
from penstock.api.shared.call import Call
from penstock.api.shared.operation import Answer
from penstock.kernel.ids import uuid7
from penstock.kernel.instants import rfc3339, unix_ms

__all__ = [
    "authentication",
    "cluster_event",
    "cluster_events",
    "cluster_health",
    "configuration",
    "health",
    "owners",
    "session",
]

_SERVICES = ("api", "compiler", "runner")


async def configuration(call: Call) -> Answer:
    """Describe the server. Every client asks this first, so the engine begins to load meanwhile."""
    await call.services.circuits.warm()
    config = {
        "version": PLATFORM_VERSION,
        "edition": edition_name(call.services),
        "revision": f"penstock-{__version__}",
        "runtime_revision": f"penstock-{__version__}",
        "changelog_url": "",
        "telemetry": "",
        "posthog": "",
        "conceptualhq": "",
        "product_fruits": "",
        "unstable_features": None,
        "license_validity": None,
        "update_info": None,
        "build_info": {
            "build_timestamp": "",
            "build_cpu": "",
            "build_os": "",
            "cargo_dependencies": "",
            "cargo_features": "",
            "cargo_debug": "",
            "cargo_opt_level": "",
            "cargo_target_triple": "",
            "rustc_version": "",
        },
        "build_source": "source",
    }
    return Answer(config, headers=NO_CACHE)


async def authentication(call: Call) -> dict[str, Any]:
    """Tell where a browser gets a token; empty if keys are the only way, or none is needed."""
    rules = call.services.identity.rules
    if rules.issuer is None:
        return {}
    scopes = list(rules.scopes)
    return {"GenericOidc": {"issuer": rules.issuer, "client_id": rules.client_id, "extra_oidc_scopes": scopes}}


async def session(call: Call) -> Answer:
    """Tell a caller who he is, and in which tenants he may be."""
    identity, principal = call.services.identity, call.principal
    present = await identity.tenants.of(call.scope)
    roles = await identity.members.tenants_of(principal.user) if principal.user else {}
    tenants = {id: (await identity.tenants.find(id)).name for id in roles}
    memberships = [
        {"tenant_id": id, "name": tenants[id], "role": ROLE_WORDS[role]}
        for id, role in sorted(roles.items(), key=lambda item: tenants[item[0]])
    ]
    role = ROLE_WORDS[principal.role]
    if not principal.user:
        memberships = [{"tenant_id": present.id, "name": present.name, "role": role}]
    shown = {"memberships": memberships, "tenant_id": present.id, "tenant_name": present.name, "role": role}
    return Answer(shown, headers=NO_CACHE)


async def owners(call: Call) -> dict[str, Any]:
    """Tell which users and machines own the server by its settings."""
    rules = call.services.identity.rules
    trusts = [
        {"issuer": trust.issuer, "subject": trust.subject, "audience": trust.audience} for trust in rules.owner_trusts
    ]
    return {"owners": sorted(rules.owners), "owner_trusts": trusts}


async def health(call: Call) -> dict[str, str]:
    """Tell that the server answers."""
    return {"status": "healthy"}


async def cluster_health(call: Call) -> Answer:
    """Tell how each part is; they are one process, so they are what it is."""
    since = rfc3339(call.services.started_at)
    part = {
        "healthy": True,
        "message": "healthy",
        "checked_at": rfc3339(call.services.clock.now()),
        "unchanged_since": since,
    }
    return Answer({"all_healthy": True, **dict.fromkeys(_SERVICES, part)}, headers=NO_CACHE)


async def cluster_events(call: Call) -> Answer:
    """List changes of health, newest first. There is one: the server's start."""
    return Answer([_start_event(call, "status")], headers=NO_CACHE)


async def cluster_event(call: Call) -> Answer:
    """Show one change of health, by id or `latest`."""
    chosen = selector(call, "all", "status", default="status")
    event = _start_event(call, chosen)
    id = event_id(call)
    if id not in ("latest", event["id"]):
        refuse("UnknownClusterMonitorEvent", f"there is no cluster event {id!r}", {"event_id": id})
    return Answer(event, headers=NO_CACHE)


def _start_event(call: Call, chosen: str) -> dict[str, Any]:
    started_at = call.services.started_at
    digest = hashlib.blake2b(rfc3339(started_at).encode(), digest_size=10).digest()
    event: dict[str, Any] = {"id": str(uuid7(unix_ms(started_at), digest)), "recorded_at": rfc3339(started_at)}
    event |= {f"{service}_status": "Healthy" for service in _SERVICES}
    event["all_healthy"] = True
    if chosen == "all":
        event |= {f"{service}_self_info": "" for service in _SERVICES}
        event |= {f"{service}_resources_info": "" for service in _SERVICES}
    return event
