"""Webhooks: telling others what became of requests.

Deliveries are made in the background and never hold a request up; of requests that are part of another one they are
made when that one has ended. A failed one is repeated if the webhook says so;
what waits when the server ends is lost. Source of the events and of the payload: the product's page on webhooks.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from penstock.api.ubiops.catalogue import all_of, equals, scope_of
from penstock.api.ubiops.kinds import PROJECT, WEBHOOK, WebhookBody
from penstock.api.ubiops.request_views import RequestView, view
from penstock.kernel.errors import NotFound
from penstock.kernel.runs import StepRecord
from penstock.kernel.scope import DEFAULT_SCOPE, Scope
from penstock.services.documents import Document
from penstock.services.runs.record import Run
from penstock.services.services import Services

__all__ = ["EVENTS", "Occasion", "Test", "Webhooks", "header_secret", "payload"]

EVENTS: Final = {
    kind: tuple(f"{kind}_request_{what}" for what in ("started", "completed", "failed", "finished"))
    for kind in ("deployment", "pipeline")
}
MAX_RESULT_BYTES: Final = 16 << 10
MAX_WAITING: Final = 10_000
"""Deliveries that wait; more are dropped, and that is written to the log."""
_AT_ONCE: Final = 8
_PAUSES_S: Final = (1.0, 5.0, 25.0)
"""How long to wait before each repetition."""
_MAX_TESTS: Final = 1000


@dataclass(frozen=True, slots=True)
class Occasion:
    """Something that happened to a request.

    Attributes:
        kind: `deployment` or `pipeline`; reference and version_id are ids of that.
        what: `started`, `completed`, `failed` or `cancelled`.
    """

    scope: Scope
    project: str
    kind: str
    reference: str
    name: str
    version_id: str
    version: str
    request_id: str
    what: str
    result: Any = None
    error_message: str | None = None

    @property
    def events(self) -> tuple[str, ...]:
        """Return the events that this is: an end is one of two."""
        if self.what == "started":
            return (f"{self.kind}_request_started",)
        own = () if self.what == "cancelled" else (f"{self.kind}_request_{self.what}",)
        return (*own, f"{self.kind}_request_finished")


@dataclass(slots=True)
class Test:
    """A delivery that somebody tries out."""

    scope: Scope
    status: str = "pending"
    error_message: str | None = None


@dataclass(slots=True)
class Webhooks:
    """The webhooks of a server, and the deliveries under way.

    Attributes:
        watched: ids of what there has been a webhook for, so that a request to anything else costs nothing.
    """

    services: Services
    watched: set[str] = field(default_factory=set)
    tests: "OrderedDict[str, Test]" = field(default_factory=OrderedDict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))

    def watch(self, reference: str) -> None:
        """Note that there is a webhook for a deployment or pipeline."""
        self.watched.add(reference)

    async def open(self) -> None:
        """Look which webhooks there are."""
        for project in await all_of(self.services.documents, PROJECT, DEFAULT_SCOPE):
            for webhook in await all_of(self.services.documents, WEBHOOK, scope_of(project.id)):
                self.watch(webhook.body.reference)

    def tell(self, occasion: Occasion) -> None:
        """Have everybody told who wants to know; returns at once."""
        if occasion.reference in self.watched:
            self._start(self._deliver_all(occasion))

    def run_begun(self, run: Run) -> None:
        """Tell of a request that begins."""
        if run.body.labels.get("owner") in self.watched:
            self._start(
                self._deliver_all(_occasion(run.scope, view(run, ()), "started", run.body.columns.get("place")))
            )

    def run_ended(self, run: Run, steps: Sequence[StepRecord]) -> None:
        """Tell of a request that has ended, and of those that it made."""
        if not self.watched or run.body.origin != "ubiops":
            return
        request = view(run, steps)
        self.tell(_occasion(run.scope, request, request.status, run.body.columns.get("place")))
        self._parts_ended(run.scope, request)

    def _parts_ended(self, scope: Scope, request: RequestView) -> None:
        for part in request.parts:
            if part.labels.get("owner") in self.watched and part.started_us is not None:
                for what in ("started", part.status):
                    self.tell(_occasion(scope, part, what, part.labels.get("place")))
            self._parts_ended(scope, part)

    def try_out(self, id: str, test: Test, webhook: WebhookBody, secrets: Mapping[str, str], body: Any) -> None:
        """Make one delivery and note what became of it."""
        self.tests[id] = test
        while len(self.tests) > _MAX_TESTS:
            self.tests.popitem(last=False)

        async def run() -> None:
            failure = await self._deliver(webhook, secrets, body)
            test.status, test.error_message = ("failed", failure) if failure else ("completed", None)

        self._start(run())

    async def close(self) -> None:
        """Give up what is under way."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, work: Any) -> None:
        if len(self._tasks) >= MAX_WAITING:
            work.close()
            return
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver_all(self, occasion: Occasion) -> None:
        documents = self.services.documents
        wanted = equals("reference", occasion.reference)
        for webhook in await all_of(documents, WEBHOOK, occasion.scope, wanted):
            body = webhook.body
            if body.is_enabled and body.event in occasion.events and body.version_id in (None, occasion.version_id):
                self._start(self._deliver_one(webhook, occasion))

    async def _deliver_one(self, webhook: Document[WebhookBody], occasion: Occasion) -> None:
        secrets = await self.header_values(webhook)
        failure = await self._deliver(webhook.body, secrets, payload(webhook.body, occasion))
        text = f"webhook {webhook.name}: {webhook.body.event} of request {occasion.request_id} "
        text += f"could not be delivered: {failure}" if failure else "was delivered"
        self.services.serving.logs.say(webhook.id, text)

    async def header_values(self, webhook: Document[WebhookBody]) -> dict[str, str]:
        """Return the values of a webhook's protected headers."""
        if not any(header.is_protected for header in webhook.body.headers):
            return {}
        try:
            text = await self.services.secrets.get(webhook.scope, header_secret(webhook.id))
        except NotFound:
            return {}
        return msgspec.json.decode(text, type=dict[str, str])

    async def _deliver(self, webhook: WebhookBody, secrets: Mapping[str, str], body: Any) -> str | None:
        """Deliver, perhaps several times; return why it failed."""
        headers = {each.key: secrets.get(each.key, each.value) for each in webhook.headers}
        content = msgspec.json.encode(body)
        for pause in (*(_PAUSES_S if webhook.retry else ()), None):
            async with self._gate:
                failure = await asyncio.to_thread(_post, webhook.url, headers, content, webhook.timeout)
            if failure is None or pause is None:
                return failure
            await asyncio.sleep(pause)
        return None


def _occasion(scope: Scope, request: RequestView, what: str, version_id: object) -> Occasion:
    labels = request.labels
    return Occasion(
        scope=scope,
        project=request.project,
        kind=str(labels["kind"]),
        reference=str(labels.get("owner")),
        name=str(labels["reference"]),
        version_id=str(version_id),
        version=str(labels["version"]),
        request_id=request.id,
        what=what,
        result=None if what == "started" else request.result,
        error_message=None if what == "started" else request.error_message,
    )


def header_secret(webhook_id: str) -> str:
    """Return the name under which the values of a webhook's protected headers are kept."""
    return f"webhook/{webhook_id}"


def payload(webhook: WebhookBody, occasion: Occasion) -> dict[str, Any]:
    """Return what is sent. A result is in it if the webhook wants that and it is short."""
    kind = occasion.kind
    word = "started" if occasion.what == "started" else "finished"
    text = f"{kind.capitalize()} request {occasion.request_id} {word} for {kind} {occasion.name} {occasion.version}"
    status = "processing" if occasion.what == "started" else occasion.what
    made: dict[str, Any] = {
        "event": webhook.event,
        f"{kind}_id": occasion.reference,
        f"{kind}_name": occasion.name,
        f"{kind}_version_id": occasion.version_id,
        f"{kind}_version_name": occasion.version,
        "request_id": occasion.request_id,
        "status": status,
        "error_message": occasion.error_message,
        "text": f"{text} in project {occasion.project} with status {status}",
    }
    if webhook.include_result and len(msgspec.json.encode(occasion.result)) <= MAX_RESULT_BYTES:
        made["result"] = occasion.result
    return made


def _post(url: str, headers: Mapping[str, str], content: bytes, timeout_s: int) -> str | None:
    # Loaded with the first delivery, not when the server starts.
    import urllib.error
    import urllib.request
    from http.client import HTTPException

    request = urllib.request.Request(url, content, {"Content-Type": "application/json", **headers}, method="POST")
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    try:
        with opener.open(request, timeout=timeout_s) as reply:
            reply.read(1 << 16)
    except urllib.error.HTTPError as error:
        # A redirection is not followed, and is an answer.
        return None if 300 <= error.code < 400 else f"the answer was {error.code} {error.reason}"
    except (urllib.error.URLError, HTTPException, OSError, ValueError) as error:
        return str(getattr(error, "reason", error)) or type(error).__name__
    return None
