"""From an uploaded revision to a version that answers: in the background, once per revision.

    queued → building → success: the version's workers are of this revision now, the version is available
                      → failed: the version goes on with the revision that it had; if it had none, it has failed

A build that a crash cut off is begun again when the server comes back.
"""

import asyncio
import io
import time
import zipfile
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

import structlog
from msgspec.structs import replace

from penstock.api.ubiops import pools
from penstock.api.ubiops.catalogue import Project, all_of, equals, scope_of
from penstock.api.ubiops.environments import environment_of
from penstock.api.ubiops.kinds import (
    DEPLOYMENT,
    ENVIRONMENT_TAG,
    PROJECT,
    REVISION,
    VERSION,
    RevisionBody,
    TagBody,
    VersionBody,
)
from penstock.kernel.errors import NotFound, PenstockError
from penstock.kernel.events import LogEvent
from penstock.kernel.instants import unix_us
from penstock.kernel.scope import DEFAULT_SCOPE
from penstock.ports.workers import PoolSpec
from penstock.services.documents import Document
from penstock.services.services import Services

__all__ = ["PATIENCE_S", "Builds"]

MAX_MESSAGE: Final = 1024
PATIENCE_S: Final = 2.0
"""How long an upload waits for its build, so that a quick one is done when the client first asks."""

_log = structlog.get_logger("penstock.ubiops")


class Builds:
    """The builds that are under way in this process."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._latest: dict[str, asyncio.Lock] = {}

    async def begin(self, project: Project, revision: Document[RevisionBody], *, patience_s: float = 0.0) -> None:
        """Build a revision; wait a little for its end."""
        task = asyncio.create_task(self._run(project, revision))
        self._tasks[revision.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(revision.id, None))
        if patience_s:
            await asyncio.wait((task,), timeout=patience_s)

    async def begin_tag(self, project: Project, tag: Document[TagBody], *, patience_s: float = 0.0) -> None:
        """Build a tag of an environment; wait a little for its end."""
        task = asyncio.create_task(self._run_tag(project, tag))
        self._tasks[tag.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(tag.id, None))
        if patience_s:
            await asyncio.wait((task,), timeout=patience_s)

    def cancel(self, id: str) -> None:
        """Give a build up."""
        if task := self._tasks.get(id):
            task.cancel()

    async def take_up(self) -> None:
        """Begin again what a crash cut off."""
        documents = self._services.documents
        for document in await all_of(documents, PROJECT, DEFAULT_SCOPE):
            project = Project(document, scope_of(document.id))
            for status in ("queued", "building"):
                for revision in await all_of(documents, REVISION, project.scope, equals("status", status)):
                    await self.begin(project, revision)
                for tag in await all_of(documents, ENVIRONMENT_TAG, project.scope, equals("status", status)):
                    await self.begin_tag(project, tag)

    async def close(self) -> None:
        """Let go; what is not done is begun again by the next server."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, project: Project, revision: Document[RevisionBody]) -> None:
        # One build of a version at a time, in the order of their uploads: the last upload is what serves in the end.
        lock = self._latest.setdefault(revision.body.version_id, asyncio.Lock())
        async with lock:
            try:
                await self._build(project, revision)
            except NotFound:
                return  # the version was deleted meanwhile
            except PenstockError as error:
                await self._failed(revision, error.message)
            except asyncio.CancelledError:
                raise
            except Exception as error:
                _log.error(LogEvent.REQUEST_FAILED, revision=revision.id, exc_info=error)
                await self._failed(revision, f"The build failed: {error}")

    async def _build(self, project: Project, revision: Document[RevisionBody]) -> None:
        services, documents = self._services, self._services.documents
        version = await documents.update(VERSION, revision.body.version_id, _building)
        await documents.update(REVISION, revision.id, lambda body: replace(body, status="building"))
        deployment = await documents.get(DEPLOYMENT, version.body.deployment_id)
        started = time.monotonic()
        self._say(version, "Building the deployment version")
        try:
            environment = await environment_of(services, project, version.body)
        except NotFound as error:
            return await self._failed(revision, error.message)
        spec = await pools.spec_of(services, project, deployment, version, revision, environment)
        found = await services.serving.inspect(spec)
        has = {"has_request_method": found.has_request, "has_requests_method": found.has_requests}
        # What changed meanwhile, such as a variable, is in the spec that serves.
        version = await documents.get(VERSION, version.id)
        deployment = await documents.get(DEPLOYMENT, deployment.id)
        spec = await pools.spec_of(services, project, deployment, version, revision, environment)
        await pools.configure(services, spec)
        await documents.update(
            REVISION,
            revision.id,
            lambda body: replace(body, status="success", error_message=None, **has),
        )
        await documents.update(
            VERSION,
            version.id,
            lambda body: replace(body, status="available", active_revision=revision.id, **has),
        )
        self._say(version, f"The deployment version is available after {time.monotonic() - started:.1f} s")

    async def _run_tag(self, project: Project, tag: Document[TagBody]) -> None:
        services, documents = self._services, self._services.documents
        try:
            await documents.update(ENVIRONMENT_TAG, tag.id, lambda body: replace(body, status="building"))
            services.serving.logs.say(tag.id, "Building the environment")
            package = await _trial_package(services)
            pool = f"environment-{tag.id}"
            await services.serving.inspect(
                PoolSpec(pool, package, scope=project.scope, requirements=tag.body.requirements)
            )
            await services.serving.remove(pool)
            now_us = unix_us(services.clock.now())
            await documents.update(
                ENVIRONMENT_TAG,
                tag.id,
                lambda body: replace(body, status="success", error_message=None, built_us=now_us),
            )
            services.serving.logs.say(tag.id, "The environment is available")
        except NotFound:
            return  # the tag was deleted meanwhile
        except PenstockError as error:
            text = _cut(error.message)
            services.serving.logs.say(tag.id, f"The build failed: {error.message}")
            with suppress(NotFound):
                await documents.update(
                    ENVIRONMENT_TAG, tag.id, lambda body: replace(body, status="failed", error_message=text)
                )

    async def _failed(self, revision: Document[RevisionBody], message: str) -> None:
        documents = self._services.documents
        text = _cut(message)
        try:
            await documents.update(
                REVISION, revision.id, lambda body: replace(body, status="failed", error_message=text)
            )
            version = await documents.update(VERSION, revision.body.version_id, _after_failure)
        except NotFound:
            return
        self._say(version, f"The build failed: {message}")

    def _say(self, version: Document[VersionBody], text: str) -> None:
        self._services.serving.logs.say(version.id, text)


def _building(body: VersionBody) -> VersionBody:
    return body if body.active_revision else replace(body, status="building")


def _after_failure(body: VersionBody) -> VersionBody:
    return replace(body, status="available" if body.active_revision else "failed")


def _cut(message: str) -> str:
    """Return what a client shows of a message: its end, where the reason of a traceback is."""
    return message if len(message) <= MAX_MESSAGE else f"…{message[1 - MAX_MESSAGE :]}"


async def _trial_package(services: Services) -> str:
    """Keep code that does nothing, with which an environment is tried out; always the same, so kept once."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        member = zipfile.ZipInfo("deployment.py", (2000, 1, 1, 0, 0, 0))
        archive.writestr(member, "class Deployment:\n    def request(self, data):\n        return data\n")

    async def once() -> AsyncIterator[bytes]:
        yield content.getvalue()

    return (await services.blobs.put(once())).sha256
