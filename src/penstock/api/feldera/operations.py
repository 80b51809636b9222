"""Every operation of the wire, one line each, implemented or not.

Source: Feldera's open API document 0.337, its clients 0.104 and 0.369.
"""

from dataclasses import replace
from typing import Final

from penstock.api.feldera.errors import translating
from penstock.api.feldera.handlers import (
    checkpoints,
    configuration,
    control,
    demos,
    egress,
    history,
    ingress,
    keys,
    lifecycle,
    logs,
    members,
    observe,
    pipelines,
    profiles,
    programs,
    query,
    tenants,
    trusts,
)
from penstock.api.shared.operation import BYTES, STREAM, Json, Operation
from penstock.kernel.principal import Role

__all__ = ["ALL"]

R, W, A, O = Role.READER, Role.WRITER, Role.ADMIN, Role.OWNER  # noqa: E741
JSON = Json()
P = "/v0/pipelines/{name}"

_LINES: Final = (
    # the server
    Operation("GET", "/healthz", configuration.health, None),
    Operation("GET", "/config/authentication", configuration.authentication, None),
    Operation("GET", "/v0/config", configuration.configuration, R),
    Operation("GET", "/v0/config/authentication", configuration.authentication, None),
    Operation("GET", "/v0/config/demos", demos.list_all, R),
    Operation("GET", "/v0/config/session", configuration.session, R),
    Operation("GET", "/v0/config/owners", configuration.owners, O),
    Operation("GET", "/v0/cluster_healthz", configuration.cluster_health, R),
    Operation("GET", "/v0/cluster/events", configuration.cluster_events, R),
    Operation("GET", "/v0/cluster/events/{event_id}", configuration.cluster_event, R),
    Operation("GET", "/v0/metrics", observe.all_metrics, R),
    # keys, tenants, trusts
    Operation("GET", "/v0/api_keys", keys.list_all, W),
    Operation("POST", "/v0/api_keys", keys.create, W, JSON, 201),
    Operation("GET", "/v0/api_keys/{key_name}", keys.get, W),
    Operation("DELETE", "/v0/api_keys/{key_name}", keys.delete, W),
    Operation("GET", "/v0/tenants", tenants.list_all, O),
    Operation("POST", "/v0/tenants", tenants.create, O, JSON, 201),
    Operation("GET", "/v0/tenants/{tenant}", tenants.get, O),
    Operation("PATCH", "/v0/tenants/{tenant}", tenants.rename, O, JSON),
    Operation("DELETE", "/v0/tenants/{tenant}", tenants.delete, O),
    Operation("GET", "/v0/oidc_trust", trusts.list_all, A),
    Operation("POST", "/v0/oidc_trust", trusts.create, A, JSON, 201),
    Operation("GET", "/v0/oidc_trust/{trust}", trusts.get, A),
    Operation("DELETE", "/v0/oidc_trust/{trust}", trusts.delete, A),
    Operation("GET", "/v0/tenant/users", members.list_all, A),
    Operation("POST", "/v0/tenant/users", members.add, A, JSON),
    Operation("PUT", "/v0/tenant/users/{user_id}", members.change, A, JSON),
    Operation("DELETE", "/v0/tenant/users/{user_id}", members.remove, A),
    # programs
    Operation("POST", "/v0/validate_program", programs.validate, W, JSON),
    Operation("POST", f"{P}/diff", programs.diff, W, JSON),
    Operation("GET", f"{P}/program_info", pipelines.program_info, R),
    Operation("GET", f"{P}/dataflow_graph", pipelines.dataflow_graph, R),
    # pipelines
    Operation("GET", "/v0/pipelines", pipelines.list_all, R),
    Operation("POST", "/v0/pipelines", pipelines.create, W, JSON, 201),
    Operation("GET", P, pipelines.get, R),
    Operation("PUT", P, pipelines.put, W, JSON),
    Operation("PATCH", P, pipelines.patch, W, JSON),
    Operation("DELETE", P, pipelines.delete, W),
    Operation("POST", f"{P}/update_runtime", pipelines.update_runtime, W),
    Operation("POST", f"{P}/testing", lifecycle.unavailable_action, W),
    # life cycle
    Operation("POST", f"{P}/start", lifecycle.start, W, status=202),
    Operation("POST", f"{P}/pause", lifecycle.pause, W, status=202),
    Operation("POST", f"{P}/resume", lifecycle.resume, W, status=202),
    Operation("POST", f"{P}/stop", lifecycle.stop, W, status=202),
    Operation("POST", f"{P}/clear", lifecycle.clear, W, status=202),
    Operation("POST", f"{P}/activate", lifecycle.activate, W, status=202),
    Operation("POST", f"{P}/approve", lifecycle.approve, W),
    Operation("POST", f"{P}/dismiss_error", lifecycle.dismiss_error, W),
    Operation("POST", f"{P}/rebalance", lifecycle.hint, W),
    Operation("POST", f"{P}/start_compaction", lifecycle.hint, W),
    # data
    Operation("POST", f"{P}/ingress/{{table}}", ingress.push, W, STREAM),
    Operation("POST", f"{P}/egress/{{relation}}", egress.subscribe, W, BYTES),
    Operation("GET", f"{P}/query", query.query, W),
    Operation("WS", f"{P}/query", query.query_socket, W),
    Operation("GET", f"{P}/completion_status", ingress.completion_status, R),
    Operation("POST", f"{P}/start_transaction", control.start_transaction, W),
    Operation("POST", f"{P}/commit_transaction", control.commit_transaction, W),
    Operation("POST", f"{P}/clock/advance", control.advance_clock, W, JSON),
    # connectors
    Operation("GET", f"{P}/tables/{{table}}/connectors/{{connector}}/stats", control.input_connector_stats, R),
    Operation("GET", f"{P}/tables/{{table}}/connectors/{{connector}}/completion_token", ingress.connector_token, W),
    Operation("POST", f"{P}/tables/{{table}}/connectors/{{connector}}/{{action}}", control.input_connector, W),
    Operation("GET", f"{P}/views/{{view}}/connectors/{{connector}}/stats", control.output_connector_stats, R),
    Operation("POST", f"{P}/views/{{view}}/connectors/{{connector}}/command", control.command, W),
    Operation("POST", f"{P}/views/{{view}}/connectors/{{connector}}/{{action}}", control.output_connector, W),
    # observation
    Operation("GET", f"{P}/stats", observe.stats, R),
    Operation("GET", f"{P}/metrics", observe.metrics, R),
    Operation("GET", f"{P}/time_series", observe.time_series, R),
    Operation("GET", f"{P}/time_series_stream", observe.time_series_stream, R),
    Operation("GET", f"{P}/logs", logs.follow, R),
    Operation("GET", f"{P}/events", history.list_all, R),
    Operation("GET", f"{P}/events/{{event_id}}", history.get, R),
    Operation("GET", f"{P}/circuit_profile", profiles.zip_profile, R),
    Operation("GET", f"{P}/circuit_json_profile", profiles.json_profile, R),
    Operation("GET", f"{P}/support_bundle", profiles.bundle, R),
    Operation("GET", f"{P}/heap_profile", profiles.heap, R),
    Operation("GET", f"{P}/samply_profile", None, R),
    Operation("POST", f"{P}/samply_profile", None, W),
    # checkpoints
    Operation("POST", f"{P}/checkpoint", checkpoints.make, W),
    Operation("GET", f"{P}/checkpoint_status", checkpoints.status, R),
    Operation("POST", f"{P}/checkpoint/sync", checkpoints.sync, W, status=202),
    Operation("GET", f"{P}/checkpoint/sync_status", checkpoints.sync_status, R),
    Operation("GET", f"{P}/checkpoints", checkpoints.list_all, R),
    Operation("GET", f"{P}/checkpoints/remote", checkpoints.list_remote, R),
)

ALL: Final = tuple(
    replace(line, handler=translating(line.handler)) if line.handler is not None else line for line in _LINES
)
"""All operations; what a circuit refuses is answered with its own code."""
