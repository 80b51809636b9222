"""Every operation of the wire, one line each, implemented or not.

Source: the REST interface of CDAP 6.x, and the part of Data Fusion's control plane that clients look an instance up in.
"""

from __future__ import annotations

from typing import Final

from penstock.api.cdap.handlers import apps, batch, namespaces, preferences, programs, system
from penstock.api.shared.operation import NO_BODY, Body, Handler, Json, Operation
from penstock.kernel.principal import Role

__all__ = ["ALL"]

R, W = Role.READER, Role.WRITER
JSON = Json(max_bytes=64 << 20)

V3 = "/v3"
NS = "/v3/namespaces/{namespace}"
APP = f"{NS}/apps/{{app}}"
VERSION = f"{APP}/versions/{{version}}"

PROGRAM = "{type}/{program}"


def _of_programs(*operations: tuple[str, str, Handler, Role, Body]) -> tuple[Operation, ...]:
    """Return operations on a program, at the app and at each of its versions."""
    return tuple(
        Operation(verb, f"{base}/{PROGRAM}{tail}", handler, role, body)
        for base in (APP, VERSION)
        for verb, tail, handler, role, body in operations
    )


ALL: Final = (
    # the server
    Operation("GET", "/ping", system.ping, None),
    Operation("GET", f"{V3}/version", system.version, None),
    Operation("GET", f"{V3}/config/cdap", system.configuration, R),
    Operation("GET", f"{V3}/system/services", system.services, R),
    Operation("GET", f"{V3}/system/services/status", system.statuses, R),
    Operation("GET", f"{V3}/system/services/{{service}}/status", system.service_status, R),
    Operation("GET", f"{V3}/system/services/{{service}}/instances", system.service, R),
    # namespaces
    Operation("GET", f"{V3}/namespaces", namespaces.show_all, R),
    Operation("GET", NS, namespaces.get, R),
    Operation("PUT", NS, namespaces.create, W, JSON),
    Operation("PUT", f"{NS}/properties", namespaces.change, W, JSON),
    Operation("DELETE", "/v3/unrecoverable/namespaces/{namespace}", namespaces.remove, W),
    # apps
    Operation("GET", f"{NS}/apps", apps.show_all, R),
    Operation("DELETE", f"{NS}/apps", apps.remove_all, W),
    Operation("POST", f"{NS}/appdetail", apps.detail_of_many, R, JSON),
    Operation("PUT", APP, apps.create, W, JSON),
    Operation("GET", APP, apps.get, R),
    Operation("DELETE", APP, apps.remove, W),
    Operation("POST", f"{APP}/update", apps.update, W, JSON),
    Operation("GET", f"{APP}/plugins", apps.plugins, R),
    Operation("GET", f"{APP}/versions", apps.show_versions, R),
    Operation("GET", VERSION, apps.get_version, R),
    Operation("DELETE", VERSION, apps.remove_version_of, W),
    Operation("POST", f"{VERSION}/create", apps.create_version, W, JSON),
    # programs
    *_of_programs(
        ("GET", "", programs.get, R, NO_BODY),
        ("POST", "/start", programs.start, W, JSON),
        ("POST", "/debug", programs.debug, W, NO_BODY),
        ("POST", "/stop", programs.stop, W, NO_BODY),
        ("GET", "/status", programs.status, R, NO_BODY),
        ("GET", "/runs", programs.show_runs, R, NO_BODY),
        ("GET", "/runcount", programs.count, R, NO_BODY),
        ("GET", "/runs/{run}", programs.show_run, R, NO_BODY),
        ("POST", "/runs/{run}/stop", programs.stop_one, W, NO_BODY),
        ("POST", "/runs/{run}/suspend", programs.suspend, W, NO_BODY),
        ("POST", "/runs/{run}/resume", programs.resume, W, NO_BODY),
        ("GET", "/runtimeargs", preferences.get, R, NO_BODY),
        ("PUT", "/runtimeargs", preferences.put, W, JSON),
    ),
    # many programs
    Operation("POST", f"{NS}/start", batch.start, W, JSON),
    Operation("POST", f"{NS}/stop", batch.stop, W, JSON),
    Operation("POST", f"{NS}/status", batch.status, R, JSON),
    Operation("POST", f"{NS}/runs", batch.runs, R, JSON),
    Operation("POST", f"{NS}/runcount", batch.count, R, JSON),
    Operation("POST", f"{NS}/instances", batch.instances, R, JSON),
    Operation("GET", f"{NS}/workflows", batch.show_programs, R),
    Operation("GET", f"{NS}/spark", batch.show_programs, R),
    Operation("GET", f"{NS}/mapreduce", batch.show_programs, R),
    Operation("GET", f"{NS}/services", batch.show_programs, R),
    Operation("GET", f"{NS}/workers", batch.show_programs, R),
    # preferences
    Operation("GET", f"{V3}/preferences", preferences.get, R),
    Operation("PUT", f"{V3}/preferences", preferences.put, W, JSON),
    Operation("DELETE", f"{V3}/preferences", preferences.remove, W),
    Operation("GET", f"{NS}/preferences", preferences.get, R),
    Operation("PUT", f"{NS}/preferences", preferences.put, W, JSON),
    Operation("DELETE", f"{NS}/preferences", preferences.remove, W),
    Operation("GET", f"{APP}/preferences", preferences.get, R),
    Operation("PUT", f"{APP}/preferences", preferences.put, W, JSON),
    Operation("DELETE", f"{APP}/preferences", preferences.remove, W),
    Operation("GET", f"{APP}/{PROGRAM}/preferences", preferences.get, R),
    Operation("PUT", f"{APP}/{PROGRAM}/preferences", preferences.put, W, JSON),
    Operation("DELETE", f"{APP}/{PROGRAM}/preferences", preferences.remove, W),
)
"""All operations."""
