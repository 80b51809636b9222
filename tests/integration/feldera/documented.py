"""Which statuses the wire's description has for each operation, by the sort of thing that it is.

Source: Feldera's open API document 0.337 and its client 0.369, section by section.
"""

from penstock.api.feldera.operations import P
from penstock.api.shared.operation import NO_BODY, Operation

__all__ = ["documented"]

EVERYWHERE = {401, 403, 500}
"""Whoever calls what."""

REFUSES = {  # beside what follows from the path: a wrong parameter, body or state
    *(f"{P}/{action}" for action in ("start", "pause", "resume", "clear", "dismiss_error", "stop", "approve")),
    *(f"{P}/{part}" for part in ("metrics", "stats", "logs", "support_bundle", "query", "completion_status")),
    *(f"{P}/{part}" for part in ("egress/{relation}", "ingress/{table}", "clock/advance", "commit_transaction")),
    *(f"{P}/{part}" for part in ("checkpoint", "checkpoint_status", "checkpoint/sync", "checkpoint/sync_status")),
    *(f"{P}/{part}" for part in ("checkpoints/remote", "events", "events/{event_id}", "update_runtime", "activate")),
    *(f"{P}/{part}" for part in ("heap_profile", "samply_profile")),
    P,
    "/v0/pipelines",
    "/v0/cluster/events/{event_id}",
    "/v0/tenants/{tenant}",
}
MANAGED = {  # of a pipeline, and answered without asking its process
    P,
    *(f"{P}/{part}" for part in ("program_info", "dataflow_graph", "diff", "update_runtime", "testing", "start")),
    *(f"{P}/{part}" for part in ("pause", "resume", "clear", "dismiss_error", "logs", "events", "events/{event_id}")),
    f"{P}/support_bundle",
}
CONFLICTS = {"/v0/pipelines", P, "/v0/api_keys", "/v0/tenants/{tenant}", "/v0/oidc_trust", f"{P}/start_transaction"}
COMPILES = {"/v0/validate_program", f"{P}/diff"}
ENTERPRISE = {"/v0/pipelines", P, f"{P}/activate", f"{P}/stop"}
"""With a model of fault tolerance, standby, or a checkpoint."""


def documented(operation: Operation) -> set[int]:
    """Return the statuses that an operation may answer with."""
    path = operation.path
    found = {operation.status} | EVERYWHERE
    if "{" in path:
        found.add(404)
    if operation.body != NO_BODY:
        found |= {400, 413}
    if path in REFUSES or "/connectors/" in path:
        found.add(400)
    if path.startswith(f"{P}/") and path not in MANAGED:
        found.add(503)
    if path in CONFLICTS and operation.verb in ("POST", "PUT", "PATCH", "DELETE"):
        found.add(409)
    if path in COMPILES:
        found |= {503, 504}
    if path in ENTERPRISE or "checkpoint" in path or operation.handler is None:
        found.add(501)
    if path in (f"{P}/start", f"{P}/testing"):
        found.add(405)
    if path == f"{P}/completion_status":
        found.add(410)
    if (operation.verb, path) == ("PUT", P):
        found.add(201)  # made, not replaced
    if (operation.verb, path) == ("POST", "/v0/tenants"):
        found.add(200)  # there already
    return found
