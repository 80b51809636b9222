"""Apps and their programs as shown."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from penstock.api.cdap.kinds import AppBody, VersionBody
from penstock.api.cdap.names import BATCH, PHASE, STREAMING, STREAMING_ARTIFACT, ProgramType
from penstock.services.documents import Document

__all__ = ["detail", "plugins", "program_records", "programs", "record", "specification"]

BATCH_TEXT: Final = "Data Pipeline Workflow"
STREAMING_TEXT: Final = "Data Streams Spark Streaming"


def record(app: Document[AppBody], version: VersionBody | None) -> dict[str, Any]:
    """Show an app in a list; version: another one than the latest."""
    body = app.body
    artifact = {"name": body.artifact, "version": body.artifact_version, "scope": "SYSTEM"}
    shown: dict[str, Any] = {
        "type": "App",
        "name": app.name,
        "version": version.version if version else body.version,
        "description": version.description if version else body.description,
        "artifact": _artifact(version) if version else artifact,
    }
    made_us, change = (version.made_us, version.change) if version else (body.made_us, None)
    shown["change"] = _change(made_us, change, version is None or version.version == body.version)
    return shown


def detail(app: Document[AppBody], version: Document[VersionBody], namespace: str) -> dict[str, Any]:
    """Show an app with its configuration, which is a text."""
    body = version.body
    shown: dict[str, Any] = {
        "name": app.name,
        "appVersion": body.version,
        "description": body.description,
        "configuration": body.config,
        "datasets": [],
        "programs": programs(app),
        "plugins": plugins(body),
        "artifact": _artifact(body),
        "change": _change(body.made_us, body.change, body.version == app.body.version),
    }
    if body.principal:
        shown["ownerPrincipal"] = body.principal
    return shown


def programs(app: Document[AppBody]) -> list[dict[str, Any]]:
    """Show the programs of an app."""
    if app.body.artifact == STREAMING_ARTIFACT:
        return [_program(app, "Spark", STREAMING, STREAMING_TEXT)]
    return [
        _program(app, "Workflow", BATCH, BATCH_TEXT),
        _program(app, "Spark", f"{PHASE}1", "Sources, transforms and sinks of phase 1"),
    ]


def program_records(app: Document[AppBody], type: str) -> list[dict[str, Any]]:
    """Show an app's programs of one type, in a list over all apps."""
    return [{**program, "appVersion": app.body.version} for program in programs(app) if program["type"] == type]


def specification(app: Document[AppBody], type: ProgramType, name: str) -> dict[str, Any]:
    """Show what a program is made of."""
    found = next((each for each in programs(app) if each["name"] == name), None)
    shown: dict[str, Any] = {
        "name": name,
        "description": found["description"] if found else "",
        "className": f"io.cdap.cdap.datapipeline.{'DataPipelineWorkflow' if type.name == 'WORKFLOW' else 'ETLSpark'}",
        "plugins": {},
        "properties": {},
    }
    if type.name == "WORKFLOW":
        shown["nodes"] = [{"nodeType": "ACTION", "nodeId": f"{PHASE}1", "program": _node_program()}]
        shown["localDatasetSpecs"] = {}
    return shown


def plugins(version: VersionBody) -> list[dict[str, Any]]:
    """Show the plugins that an app's stages use."""
    config = msgspec.json.decode(version.config)
    stages = config.get("stages") if isinstance(config, dict) else None
    found = []
    for stage in stages if isinstance(stages, list) else []:
        plugin = stage.get("plugin") if isinstance(stage, dict) else None
        if isinstance(plugin, dict):
            found.append({"id": stage.get("name"), "name": plugin.get("name"), "type": plugin.get("type")})
    return found


def _program(app: Document[AppBody], type: str, name: str, description: str) -> dict[str, Any]:
    return {"type": type, "app": app.name, "name": name, "description": description}


def _node_program() -> dict[str, str]:
    return {"programName": f"{PHASE}1", "programType": "SPARK"}


def _artifact(version: VersionBody) -> dict[str, Any]:
    artifact = version.artifact
    return {
        "name": artifact.get("name"),
        "version": artifact.get("version"),
        "scope": str(artifact.get("scope", "SYSTEM")).upper(),
    }


def _change(made_us: int, description: str | None, is_latest: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {"creationTimeMillis": made_us // 1000, "latest": is_latest}
    if description is not None:
        shown["description"] = description
    return shown
