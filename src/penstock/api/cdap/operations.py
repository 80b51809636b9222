"""Every operation of the wire, one line each, implemented or not.

Source: the REST interface of CDAP 6.x, and the part of Data Fusion's control plane that clients look an instance up in.
"""

from __future__ import annotations

from typing import Final

from penstock.api.cdap.handlers import (
    apps,
    artifacts,
    batch,
    connections,
    control_plane,
    drafts,
    logs,
    metrics,
    namespaces,
    preferences,
    previews,
    profiles,
    programs,
    schedules,
    securekeys,
    studio,
    system,
    workflows,
)
from penstock.api.shared.operation import NO_BODY, STREAM, Body, Bytes, Handler, Json, Operation
from penstock.kernel.principal import Role

__all__ = ["ALL"]

R, W = Role.READER, Role.WRITER
JSON = Json(max_bytes=64 << 20)

V3 = "/v3"
NS = "/v3/namespaces/{namespace}"
APP = f"{NS}/apps/{{app}}"
VERSION = f"{APP}/versions/{{version}}"

PROGRAM = "{type}/{program}"
ARTIFACT = f"{NS}/artifacts/{{artifact}}"
ARTIFACT_VERSION = f"{ARTIFACT}/versions/{{version}}"
STUDIO = "/v3/namespaces/system/apps/pipeline/services/studio/methods"
CONTEXT = f"{STUDIO}/v1/contexts/{{context}}"
PREVIEW = f"{NS}/previews/{{preview}}"
PLANE = "/v1beta1/projects/{project}/locations/{location}"
TEXT = Bytes()


def _of_apps(*operations: tuple[str, str, Handler, Role, Body]) -> tuple[Operation, ...]:
    """Return operations on an app, and the same on each of its versions."""
    return tuple(
        Operation(verb, f"{base}{tail}", handler, role, body)
        for base in (APP, VERSION)
        for verb, tail, handler, role, body in operations
    )


def _of_programs(*operations: tuple[str, str, Handler, Role, Body]) -> tuple[Operation, ...]:
    """Return operations on a program, of an app and of each of its versions."""
    return _of_apps(
        *((verb, f"/{PROGRAM}{tail}", handler, role, body) for verb, tail, handler, role, body in operations)
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
        ("GET", "/schedules", schedules.of_program, R, NO_BODY),
        ("GET", "/nextruntime", schedules.next_run, R, NO_BODY),
        ("GET", "/previousruntime", schedules.previous_run, R, NO_BODY),
    ),
    # what a run did
    *_of_programs(
        ("GET", "/logs", logs.of_program, R, NO_BODY),
        ("GET", "/runs/{run}/logs", logs.of_run, R, NO_BODY),
        ("GET", "/runs/{run}/logs/next", logs.next_page, R, NO_BODY),
        ("GET", "/runs/{run}/logs/prev", logs.previous_page, R, NO_BODY),
        ("PUT", "/runs/{run}/loglevels", logs.keep_levels, W, JSON),
        ("POST", "/runs/{run}/resetloglevels", logs.keep_levels, W, JSON),
        ("GET", "/runs/{run}/token", workflows.token, R, NO_BODY),
        ("GET", "/runs/{run}/nodes/{node}/token", workflows.node_token, R, NO_BODY),
        ("GET", "/runs/{run}/nodes/state", workflows.node_states, R, NO_BODY),
        ("GET", "/runs/{run}/localdatasets", workflows.local_datasets, R, NO_BODY),
        ("DELETE", "/runs/{run}/localdatasets", workflows.local_datasets, W, NO_BODY),
        ("GET", "/runs/{run}/statistics", workflows.statistics, R, NO_BODY),
    ),
    Operation("POST", f"{V3}/metrics/search", metrics.search, R),
    Operation("POST", f"{V3}/metrics/query", metrics.query, R, JSON),
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
    # schedules
    *_of_apps(
        ("GET", "/schedules", schedules.show_all, R, NO_BODY),
        ("PUT", "/schedules/{schedule}", schedules.create, W, JSON),
        ("GET", "/schedules/{schedule}", schedules.get, R, NO_BODY),
        ("DELETE", "/schedules/{schedule}", schedules.remove, W, NO_BODY),
        ("GET", "/schedules/{schedule}/status", schedules.status, R, NO_BODY),
        ("POST", "/schedules/{schedule}/update", schedules.update, W, JSON),
        ("POST", "/schedules/{schedule}/{action}", schedules.act, W, NO_BODY),
    ),
    Operation("GET", f"{NS}/schedules/trigger-type/program-status", schedules.triggered_by, R),
    Operation("PUT", f"{NS}/schedules/re-enable", schedules.re_enable, W),
    Operation("POST", f"{NS}/nextruntime", schedules.next_runs, R, JSON),
    Operation("POST", f"{NS}/previousruntime", schedules.previous_runs, R, JSON),
    # secure keys
    Operation("GET", f"{NS}/securekeys", securekeys.show_all, R),
    Operation("PUT", f"{NS}/securekeys/{{key}}", securekeys.put, W, JSON),
    Operation("GET", f"{NS}/securekeys/{{key}}", securekeys.get, W),
    Operation("GET", f"{NS}/securekeys/{{key}}/metadata", securekeys.metadata, R),
    Operation("DELETE", f"{NS}/securekeys/{{key}}", securekeys.remove, W),
    # artifacts and plugins
    Operation("GET", f"{NS}/artifacts", artifacts.show_all, R),
    Operation("POST", "/v3/namespaces/system/artifacts", artifacts.refresh, W),
    Operation("GET", ARTIFACT, artifacts.show_versions, R),
    Operation("POST", ARTIFACT, artifacts.upload, W, STREAM),
    Operation("GET", ARTIFACT_VERSION, artifacts.get, R),
    Operation("DELETE", ARTIFACT_VERSION, artifacts.remove, W),
    Operation("GET", f"{ARTIFACT_VERSION}/properties", artifacts.properties, R),
    Operation("PUT", f"{ARTIFACT_VERSION}/properties", artifacts.put_properties, W, JSON),
    Operation("DELETE", f"{ARTIFACT_VERSION}/properties", artifacts.delete_properties, W),
    Operation("GET", f"{ARTIFACT_VERSION}/properties/{{property}}", artifacts.property_value, R),
    Operation("PUT", f"{ARTIFACT_VERSION}/properties/{{property}}", artifacts.put_property, W, TEXT),
    Operation("DELETE", f"{ARTIFACT_VERSION}/properties/{{property}}", artifacts.delete_property, W),
    Operation("GET", f"{ARTIFACT_VERSION}/extensions", artifacts.extensions, R),
    Operation("GET", f"{ARTIFACT_VERSION}/extensions/{{kind}}", artifacts.plugins, R),
    Operation("GET", f"{ARTIFACT_VERSION}/extensions/{{kind}}/plugins/{{plugin}}", artifacts.plugin, R),
    Operation("GET", f"{NS}/classes/apps", artifacts.app_classes, R),
    # previews
    Operation("POST", f"{NS}/previews", previews.create, W, JSON),
    Operation("GET", f"{PREVIEW}/status", previews.status, R),
    Operation("POST", f"{PREVIEW}/stop", previews.stop, W),
    Operation("GET", f"{PREVIEW}/tracers/{{stage}}", previews.tracers, R),
    Operation("POST", f"{PREVIEW}/tracers", previews.tracers_of, R, JSON),
    Operation("GET", f"{PREVIEW}/logs", previews.log, R),
    Operation("GET", f"{PREVIEW}/logs/next", previews.log_next, R),
    Operation("GET", f"{PREVIEW}/logs/prev", previews.log_previous, R),
    Operation("POST", f"{PREVIEW}/metrics/search", previews.search_metrics, R),
    Operation("POST", f"{PREVIEW}/metrics/query", previews.query_metrics, R, JSON),
    # the studio
    Operation("GET", f"{STUDIO}/health", studio.health, R),
    Operation("GET", f"{STUDIO}/v1/health", studio.health, R),
    Operation("POST", f"{CONTEXT}/validations/stage", studio.validate_stage, R, JSON),
    Operation("POST", f"{CONTEXT}/validations/pipeline", studio.validate_pipeline, R, JSON),
    # drafts and connections
    Operation("GET", f"{CONTEXT}/drafts", drafts.show_all, R),
    Operation("GET", f"{CONTEXT}/drafts/{{draft}}", drafts.get, R),
    Operation("PUT", f"{CONTEXT}/drafts/{{draft}}", drafts.put, W, JSON),
    Operation("DELETE", f"{CONTEXT}/drafts/{{draft}}", drafts.remove, W),
    Operation("GET", f"{CONTEXT}/connections", connections.show_all, R),
    Operation("GET", f"{CONTEXT}/connections/{{connection}}", connections.get, R),
    Operation("PUT", f"{CONTEXT}/connections/{{connection}}", connections.put, W, JSON),
    Operation("DELETE", f"{CONTEXT}/connections/{{connection}}", connections.remove, W),
    # compute profiles
    Operation("GET", f"{V3}/profiles", profiles.show_all, R),
    Operation("GET", f"{V3}/profiles/{{profile}}", profiles.get, R),
    Operation("PUT", f"{V3}/profiles/{{profile}}", profiles.put, W, JSON),
    Operation("DELETE", f"{V3}/profiles/{{profile}}", profiles.remove, W),
    Operation("POST", f"{V3}/profiles/{{profile}}/enable", profiles.enable, W),
    Operation("POST", f"{V3}/profiles/{{profile}}/disable", profiles.disable, W),
    Operation("GET", f"{NS}/profiles", profiles.show_all, R),
    Operation("GET", f"{NS}/profiles/{{profile}}", profiles.get, R),
    Operation("PUT", f"{NS}/profiles/{{profile}}", profiles.put, W, JSON),
    Operation("DELETE", f"{NS}/profiles/{{profile}}", profiles.remove, W),
    Operation("POST", f"{NS}/profiles/{{profile}}/enable", profiles.enable, W),
    Operation("POST", f"{NS}/profiles/{{profile}}/disable", profiles.disable, W),
    Operation("GET", f"{V3}/provisioners", profiles.provisioners, R),
    Operation("GET", f"{V3}/provisioners/{{provisioner}}", profiles.provisioner, R),
    # the control plane
    Operation("GET", f"{PLANE}/instances", control_plane.show_all, R),
    Operation("POST", f"{PLANE}/instances", control_plane.create, W, JSON),
    Operation("GET", f"{PLANE}/instances/{{instance}}", control_plane.get, R),
    Operation("PATCH", f"{PLANE}/instances/{{instance}}", control_plane.patch, W, JSON),
    Operation("DELETE", f"{PLANE}/instances/{{instance}}", control_plane.remove, W),
    Operation("POST", f"{PLANE}/instances/{{instance}}:restart", control_plane.restart, W, JSON),
    Operation("GET", f"{PLANE}/versions", control_plane.versions, R),
    Operation("GET", f"{PLANE}/operations", control_plane.operations, R),
    Operation("GET", f"{PLANE}/operations/{{operation}}", control_plane.operation, R),
)
"""All operations."""
