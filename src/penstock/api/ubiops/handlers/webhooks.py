"""Webhooks: whom to tell what became of requests."""

from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from penstock.api.shared.call import Call
from penstock.api.ubiops.audit import entry
from penstock.api.ubiops.beside import standing
from penstock.api.ubiops.catalogue import Project, all_of, found, project_of
from penstock.api.ubiops.kinds import WEBHOOK, HeaderBody, WebhookBody
from penstock.api.ubiops.project import Shown, timestamp
from penstock.api.ubiops.rules import (
    checked_choice,
    checked_labels,
    checked_name,
    checked_number,
    checked_text,
    matches_labels,
    wanted_labels,
)
from penstock.api.ubiops.targets import named_target, target_of
from penstock.api.ubiops.webhooks import EVENTS, Occasion, Test, header_secret, payload
from penstock.api.ubiops.wire import WebhookCreate, WebhookHeader, WebhookTest, WebhookUpdate, changes, read
from penstock.kernel.errors import AlreadyExists, Invalid, NotFound
from penstock.kernel.query import Order
from penstock.services.documents import Document

__all__ = ["create", "delete", "get", "get_test", "list_all", "test", "update"]

MAX_TIMEOUT_S: Final = 30


async def list_all(call: Call) -> list[Shown]:
    """List the webhooks of a project; `labels`, `object_type` and `event` choose among them."""
    project, wanted = await project_of(call), wanted_labels(call.query)
    object_type, event = call.query.get("object_type", ""), call.query.get("event", "")
    return [
        await _shown(call, each)
        for each in await all_of(call.services.documents, WEBHOOK, project.scope, order=Order("name"))
        if matches_labels(each.body.labels, wanted)
        and object_type in ("", each.body.object_type)
        and event in ("", each.body.event)
    ]


async def create(call: Call, body: object) -> Shown:
    """Make a webhook."""
    project, wanted = await project_of(call), read(body, WebhookCreate)
    name = checked_name(wanted.name)
    made, protected = await _checked(call, project, wanted)
    note = entry(call, project.scope, "create", "webhook", name, f"webhook {name} was created")
    try:
        document = await call.services.documents.create(WEBHOOK, project.scope, name, made, also=(note,))
    except AlreadyExists:
        raise AlreadyExists(f"A webhook with the name {name!r} already exists") from None
    await _protect(call, document, protected)
    return await _shown(call, document)


async def get(call: Call) -> Shown:
    """Show a webhook; the values of protected headers are left out."""
    return await _shown(call, await _webhook(call, await project_of(call)))


async def update(call: Call, body: object) -> Shown:
    """Change a webhook; a protected header without a value keeps the one it has."""
    project = await project_of(call)
    present, wanted = await _webhook(call, project), changes(read(body, WebhookUpdate))
    name = checked_name(wanted.pop("name", present.name))
    if "enabled" in wanted:
        wanted["is_enabled"] = wanted.pop("enabled")
    if "labels" in wanted:
        wanted["labels"] = checked_labels(wanted["labels"])
    checked_text(wanted.get("description", ""))
    _check(wanted.get("url", present.body.url), wanted.get("timeout", 10))
    checked_choice(wanted.get("event", present.body.event), "event", EVENTS[present.body.object_type])
    protected = await standing(call.services).webhooks.header_values(present)
    if "headers" in wanted:
        given: tuple[WebhookHeader, ...] = wanted["headers"]
        values = {each.key: each.value for each in given if each.protected and each.value is not None}
        protected = {each.key: protected.get(each.key, "") for each in given if each.protected} | values
        wanted["headers"] = _headers(given)
    try:
        document = await call.services.documents.replace(
            present, msgspec.structs.replace(present.body, **wanted), name=name
        )
    except AlreadyExists:
        raise AlreadyExists(f"A webhook with the name {name!r} already exists") from None
    await _protect(call, document, protected)
    return await _shown(call, document)


async def delete(call: Call) -> None:
    """Remove a webhook."""
    project = await project_of(call)
    present = await _webhook(call, project)
    name = str(present.name)
    note = entry(call, project.scope, "delete", "webhook", name, f"webhook {name} was deleted")
    await call.services.documents.delete(present, also=(note,))
    try:
        await call.services.secrets.delete(project.scope, header_secret(present.id))
    except NotFound:
        return


async def test(call: Call, body: object) -> Shown:
    """Try a webhook out with an invented request."""
    project, wanted = await project_of(call), read(body, WebhookTest)
    made, protected = await _checked(call, project, wanted)
    name, title = await named_target(call.services, made.object_type, made.reference, made.version_id)
    id = call.services.clock.new_id()
    what = made.event.rpartition("_")[2]
    occasion = Occasion(
        scope=project.scope,
        project=project.name,
        kind=made.object_type,
        reference=made.reference,
        name=name,
        version_id=made.version_id or id,
        version=title or "v1",
        request_id=id,
        what="completed" if what == "finished" else what,
        result={"test": True},
    )
    trial = Test(project.scope)
    standing(call.services).webhooks.try_out(id, trial, made, protected, payload(made, occasion))
    return {"id": id, "status": trial.status, "error_message": trial.error_message}


async def get_test(call: Call) -> Shown:
    """Show what became of a trial."""
    project = await project_of(call)
    trial = standing(call.services).webhooks.tests.get(call.path["id"])
    if trial is None or trial.scope != project.scope:
        raise NotFound(f"Webhook test was not found: there is none with the id {call.path['id']!r}")
    return {"id": call.path["id"], "status": trial.status, "error_message": trial.error_message}


async def _webhook(call: Call, project: Project) -> Document[WebhookBody]:
    return await found(call.services.documents, WEBHOOK, project.scope, call.path["webhook"])


async def _checked(
    call: Call, project: Project, wanted: WebhookCreate | WebhookTest
) -> tuple[WebhookBody, dict[str, str]]:
    """Return what to keep, and the values of protected headers. Raises: Invalid, NotFound."""
    reference, version_id = await target_of(
        call.services, project, wanted.object_type, wanted.object_name, wanted.version
    )
    checked_choice(wanted.event, "event", EVENTS[wanted.object_type])
    _check(wanted.url, wanted.timeout)
    made = WebhookBody(
        object_type=wanted.object_type,
        reference=reference,
        version_id=version_id,
        event=wanted.event,
        url=wanted.url,
        headers=_headers(wanted.headers),
        timeout=wanted.timeout,
        retry=wanted.retry,
        include_result=wanted.include_result,
    )
    if isinstance(wanted, WebhookCreate):
        made = msgspec.structs.replace(
            made,
            description=checked_text(wanted.description),
            labels=checked_labels(wanted.labels),
            is_enabled=wanted.enabled,
        )
    return made, {each.key: each.value or "" for each in wanted.headers if each.protected}


def _check(url: str, timeout_s: int) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or any(each in url for each in " \r\n"):
        raise Invalid(f"url: {url[:200]!r} is no URL; it must begin with http:// or https://")
    checked_number(timeout_s, "timeout", 1, MAX_TIMEOUT_S)


def _headers(given: tuple[WebhookHeader, ...]) -> tuple[HeaderBody, ...]:
    for each in given:
        if not each.key or any(sign in f"{each.key}{each.value}" for sign in "\r\n") or ":" in each.key:
            raise Invalid(f"headers: {each.key[:80]!r} is no header")
    return tuple(HeaderBody(each.key, "" if each.protected else each.value or "", each.protected) for each in given)


async def _protect(call: Call, document: Document[WebhookBody], protected: dict[str, str]) -> None:
    standing(call.services).webhooks.watch(document.body.reference)
    if protected:
        text = msgspec.json.encode(protected).decode()
        await call.services.secrets.put(document.scope, header_secret(document.id), text)


async def _shown(call: Call, document: Document[WebhookBody]) -> Shown:
    body = document.body
    name: str | None = None
    title: str | None = None
    with suppress(NotFound):  # it goes with its deployment or pipeline
        name, title = await named_target(call.services, body.object_type, body.reference, body.version_id)
    headers: list[dict[str, Any]] = [
        {"key": each.key, "value": None if each.is_protected else each.value or None, "protected": each.is_protected}
        for each in body.headers
    ]
    return {
        "id": document.id,
        "name": document.name,
        "object_type": body.object_type,
        "object_name": name,
        "version": title,
        "url": body.url,
        "headers": headers,
        "event": body.event,
        "creation_date": timestamp(document.created_at),
        "last_updated": timestamp(document.updated_at),
        "description": body.description,
        "labels": body.labels,
        "timeout": body.timeout,
        "enabled": body.is_enabled,
        "retry": body.retry,
        "include_result": body.include_result,
    }
