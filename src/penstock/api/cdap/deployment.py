"""Deploying a pipeline: check it as a whole, then keep it as the app's latest version.

What was sent is kept word for word. Runs that are under way keep the version they were started from.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from penstock.api.cdap.entities import Place, version_key
from penstock.api.cdap.errors import Missing
from penstock.api.cdap.kinds import APP, AppBody, VersionBody
from penstock.api.cdap.kinds import VERSION as VERSION_KIND
from penstock.api.cdap.names import BATCH_ARTIFACT, STREAMING_ARTIFACT, VERSION
from penstock.api.cdap.pipelines import check_pipeline
from penstock.api.cdap.runids import new_run_id
from penstock.api.cdap.schedules import check_cron, deploy_schedule
from penstock.api.cdap.versions import is_alias
from penstock.api.cdap.wire import AppRequest, read
from penstock.kernel.errors import AlreadyExists, Conflict, Invalid, NotFound
from penstock.kernel.instants import unix_us
from penstock.services.documents import Document
from penstock.services.services import Services

__all__ = ["DESCRIPTIONS", "checked_artifact", "config_of", "deploy", "wanted_of"]

DESCRIPTIONS: Final = {
    BATCH_ARTIFACT: "Data Pipeline Application",
    STREAMING_ARTIFACT: "Data Streams Application",
}
"""What an app is described as if nobody says more."""


def wanted_of(body: object, *, is_partial: bool = False) -> AppRequest:
    """Read a deployment. Raises: Invalid."""
    wanted = read(body if body is not None else {}, AppRequest)
    if not is_partial and wanted.artifact is None:
        raise Invalid("Invalid app request: 'artifact' must be specified")
    return wanted


def config_of(wanted: AppRequest) -> dict[str, Any]:
    """Return the pipeline that is sent, as an object or as a text that is one. Raises: Invalid."""
    config = wanted.config
    if isinstance(config, str):
        try:
            config = msgspec.json.decode(config)
        except msgspec.DecodeError as error:
            raise Invalid(f"Invalid config: it is a text, and that text is not JSON: {error}") from None
    if not isinstance(config, dict):
        raise Invalid("Invalid config: an object is needed, or a text that is one")
    return config


def checked_artifact(artifact: object) -> dict[str, Any]:
    """Return an app artifact that this server can stand for. Raises: Missing, Invalid."""
    if not isinstance(artifact, dict) or not isinstance(artifact.get("name"), str):
        raise Invalid("Invalid artifact: an object with 'name', 'version' and 'scope' is needed")
    name, version = artifact["name"], str(artifact.get("version") or VERSION)
    scope = str(artifact.get("scope", "SYSTEM")).upper()
    if scope not in ("SYSTEM", "USER"):
        raise Invalid(f"Invalid artifact scope '{artifact.get('scope')}'; it must be SYSTEM or USER")
    if name not in DESCRIPTIONS or not is_alias(version):
        raise Missing(f"artifact:{scope.lower()}.{name}.{version}")
    return {"name": name, "version": version, "scope": scope}


async def deploy(
    services: Services, place: Place, name: str, wanted: AppRequest, present: VersionBody | None = None
) -> Document[AppBody]:
    """Check a pipeline and keep it as the latest version of an app. present: gives what is not sent.

    Raises: Invalid with all failures of the pipeline; Missing if there is no such artifact; Conflict.
    """
    artifact = checked_artifact(wanted.artifact if wanted.artifact is not None or present is None else present.artifact)
    if wanted.config is None and present is not None:
        config_text = present.config
        config = msgspec.json.decode(config_text)
    else:
        config = config_of(wanted)
        config_text = msgspec.json.encode(config).decode()
    if config.get("schedule") and artifact["name"] == BATCH_ARTIFACT:
        check_cron(config["schedule"])
    await check_pipeline(services, place, artifact["name"], config)
    app = await _find(services, place, name)
    _check_parent(wanted.parent_version, app)
    at = services.clock.now()
    description = wanted.description or config.get("description") or DESCRIPTIONS[artifact["name"]]
    version = VersionBody(
        app=name,
        version=new_run_id(at),
        artifact=artifact,
        config=config_text,
        description=str(description),
        change=_change(wanted),
        principal=wanted.owner_principal or wanted.principal,
        parent=wanted.parent_version,
        made_us=unix_us(at),
    )
    made = await _keep(services, place, name, app, version)
    await deploy_schedule(services, place, made, config, artifact["name"])
    return made


async def _find(services: Services, place: Place, name: str) -> Document[AppBody] | None:
    try:
        return await services.documents.find(APP, place.scope, name)
    except NotFound:
        return None


def _check_parent(parent: str | None, app: Document[AppBody] | None) -> None:
    if parent is not None and (app is None or parent != app.body.version):
        latest = app.body.version if app is not None else "none"
        raise Invalid(f"Cannot deploy the application because parent version '{parent}' is not the latest: {latest}")


def _change(wanted: AppRequest) -> str | None:
    description = (wanted.change or {}).get("description")
    return description if isinstance(description, str) else None


async def _keep(
    services: Services, place: Place, name: str, app: Document[AppBody] | None, version: VersionBody
) -> Document[AppBody]:
    await services.documents.create(VERSION_KIND, place.scope, version_key(name, version.version), version)
    body = AppBody(
        version=version.version,
        artifact=version.artifact["name"],
        artifact_version=version.artifact["version"],
        description=version.description,
        made_us=version.made_us,
    )
    for _ in range(8):
        try:
            if app is None:
                return await services.documents.create(APP, place.scope, name, body)
            return await services.documents.replace(app, body)
        except (AlreadyExists, Conflict, NotFound):
            app = await _find(services, place, name)
    raise Conflict(f"the application '{name}' is being deployed by others; try again", retryable=True)
