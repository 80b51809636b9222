"""Every operation of the native API, one line each."""

from penstock.api.native.handlers import keys, run_logs, runs, secrets, server
from penstock.api.native.wire import KeyRequest, SecretRequest
from penstock.api.shared.operation import Json, Operation
from penstock.kernel.principal import Role

__all__ = ["ALL"]

ALL = (
    Operation("GET", "/api/penstock/v1/info", server.info, role=None),
    Operation("GET", "/api/penstock/v1/coverage", server.coverage, role=None),
    Operation("GET", "/api/penstock/v1/keys", keys.show, Role.OWNER),
    Operation("POST", "/api/penstock/v1/keys", keys.issue, Role.OWNER, Json(KeyRequest), status=201),
    Operation("DELETE", "/api/penstock/v1/keys/{name}", keys.revoke, Role.OWNER, status=204),
    Operation("GET", "/api/penstock/v1/secrets", secrets.show, Role.OWNER),
    Operation("PUT", "/api/penstock/v1/secrets/{name}", secrets.put, Role.OWNER, Json(SecretRequest)),
    Operation("DELETE", "/api/penstock/v1/secrets/{name}", secrets.remove, Role.OWNER, status=204),
    Operation("GET", "/api/penstock/v1/runs", runs.list_runs, Role.READER),
    Operation("GET", "/api/penstock/v1/runs/{id}", runs.show, Role.READER),
    Operation("GET", "/api/penstock/v1/runs/{id}/log", run_logs.read, Role.READER),
    Operation("GET", "/api/penstock/v1/runs/{id}/cached", runs.why_cached, Role.READER),
    Operation("POST", "/api/penstock/v1/runs/{id}/retry", runs.retry, Role.WRITER),
    Operation("POST", "/api/penstock/v1/runs/{id}/stop", runs.stop, Role.WRITER),
)
