"""Every operation under many odd requests: it answers, and what it refuses it refuses as documented.

The seed is fixed, so a failure can be had again; `PENSTOCK_FUZZ_SEED` and `PENSTOCK_FUZZ_ROUNDS` try others and more.
"""

import asyncio
import json
import os
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from penstock.api.feldera import DIALECT
from penstock.api.feldera.errors import STATUS
from penstock.api.feldera.handlers import lifecycle
from penstock.api.shared.operation import Operation
from tests.integration.feldera.conftest import Server
from tests.integration.feldera.documented import documented
from tests.integration.feldera.shapes import RUNNING, STOPPED, WRONG, Wire, draw

SEED = int(os.environ.get("PENSTOCK_FUZZ_SEED", "7"))
ROUNDS = int(os.environ.get("PENSTOCK_FUZZ_ROUNDS", "30"))
PROGRAM = "CREATE TABLE t(x INT); CREATE MATERIALIZED VIEW v AS SELECT * FROM t;"
ALSO = {"UnknownRoute": 404, "MethodNotAllowed": 405, "RequestTooLarge": 413}
OPERATIONS = tuple(operation for operation in DIALECT.operations if operation.verb != "WS")
UNAVAILABLE = (501, 503, 504)


class Caller:
    """A client that ends every stream after its first piece, and gives up what is only held back."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def send(self, wire: Wire) -> tuple[int, bytes]:
        """Return status and body, of a stream no more than its beginning; status 0 if the server held it back."""
        path, _, query = wire.target.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": wire.verb,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(b"host", b"test"), *((name.encode(), value.encode()) for name, value in wire.headers)],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 2),
        }
        sent: list[dict[str, Any]] = []
        is_body_taken = False
        is_answered = asyncio.Event()

        async def receive() -> dict[str, Any]:
            nonlocal is_body_taken
            if not is_body_taken:
                is_body_taken = True
                return {"type": "http.request", "body": wire.body, "more_body": False}
            await is_answered.wait()
            return {"type": "http.disconnect"}

        async def take(message: Any) -> None:
            sent.append(message)
            if message["type"] == "http.response.body":
                is_answered.set()
            else:  # a stream may have nothing to say yet
                asyncio.get_running_loop().call_later(0.05, is_answered.set)

        try:
            async with asyncio.timeout(self._patience_s(wire)):
                await self._app(scope, receive, take)
        except TimeoutError:
            if not sent:
                return 0, b""
        body = b"".join(message.get("body", b"") for message in sent if message["type"] == "http.response.body")
        return int(sent[0]["status"]), body

    @staticmethod
    def _patience_s(wire: Wire) -> float:
        # A body may be held back for as long as the pipeline is paused; everything else has to answer.
        return 0.2 if "/ingress/" in wire.target else 30


async def prepare(caller: Caller) -> None:
    """Have a running, a stopped and a wrong pipeline, whatever was done to them."""
    for name, program in ((RUNNING, PROGRAM), (STOPPED, PROGRAM), (WRONG, "blah")):
        path = f"/v0/pipelines/{name}"
        for action in ("stop?force=true", "dismiss_error", "clear"):
            await caller.send(Wire("POST", f"{path}/{action}", b"null"))
        document = {"name": name, "program_code": program}
        status, body = await caller.send(Wire("PUT", path, json.dumps(document).encode()))
        assert status in (200, 201), body
    status, body = await caller.send(Wire("POST", f"/v0/pipelines/{RUNNING}/start?bootstrap_policy=allow", b"null"))
    assert status == 202, body


def complaint(operation: Operation, status: int, body: bytes) -> str | None:
    """Say what is wrong with an answer, if anything."""
    if status and status not in documented(operation):
        return f"answers {status}, of {sorted(documented(operation))}: {body[:200]!r}"
    if status < 400:
        return None
    try:
        shown = json.loads(body)
    except ValueError:
        return f"{status} with a body that is no JSON: {body[:200]!r}"
    if set(shown) != {"message", "error_code", "details"}:
        return f"{status} with the keys {sorted(shown)}"
    code = shown["error_code"]
    if {**STATUS, **ALSO}.get(code) != status:
        return f"{status} with the code {code!r}, which is not of that status: {shown}"
    if status >= 500 and status not in UNAVAILABLE:
        return f"{status} {shown}"
    if not isinstance(shown["message"], str) or not shown["message"]:
        return f"{status} without a message: {shown}"
    if status == 501 and operation.handler is not None and code != "EnterpriseFeature":
        return f"501 although it is implemented: {shown}"
    return None


async def fuzz(server: Server, operations: Sequence[Operation], rounds: int, seed: int) -> tuple[list[str], set[int]]:
    """Send requests to each operation; return the complaints, and every status that was seen."""
    caller = Caller(server.app)
    complaints: list[str] = []
    seen: set[int] = set()
    for operation in operations:
        random = Random(f"{seed} {operation.verb} {operation.path}")
        await prepare(caller)
        for _ in range(rounds):
            wire = draw(random, operation)
            status, body = await caller.send(wire)
            seen.add(status)
            found = complaint(operation, status, body)
            if found:
                complaints.append(f"{wire}\n    {found}")
    return complaints, seen


@pytest.mark.parametrize("is_full", [True, False], ids=["full", "free"])
async def test_no_odd_request_is_answered_with_anything_undocumented(
    is_full: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "GRACE_S", 0.0)  # nobody looks at the states that are waited for
    server = Server(is_full=is_full)
    await server.start()
    print(f"seed {SEED}, {ROUNDS} requests for each of {len(OPERATIONS)} operations")
    try:
        complaints, seen = await fuzz(server, OPERATIONS, ROUNDS if is_full else ROUNDS // 3, SEED)
    finally:
        await server.stop()

    assert not complaints, f"seed {SEED}: {len(complaints)} complaints\n" + "\n".join(complaints[:20])
    assert {200, 400, 404} <= seen
