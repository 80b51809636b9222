"""Every operation of the wire, one line each, implemented or not.

Source: the REST interface of CDAP 6.x, and the part of Data Fusion's control plane that clients look an instance up in.
"""

from __future__ import annotations

from typing import Final

from penstock.api.cdap.handlers import apps, namespaces, system
from penstock.api.shared.operation import Json, Operation
from penstock.kernel.principal import Role

__all__ = ["ALL"]

R, W = Role.READER, Role.WRITER
JSON = Json(max_bytes=64 << 20)

V3 = "/v3"
NS = "/v3/namespaces/{namespace}"
APP = f"{NS}/apps/{{app}}"
VERSION = f"{APP}/versions/{{version}}"

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
)
"""All operations."""
