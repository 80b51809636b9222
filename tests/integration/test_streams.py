"""Streaming over a real socket: who reads slowly holds the producer back, who leaves ends it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import httpx
import pytest
import uvicorn
from starlette.responses import Response

from penstock.api.shared.call import Call
from penstock.api.shared.operation import STREAM, Operation
from penstock.api.shared.streams import stream
from penstock.boot.compose import compose
from penstock.boot.config import Settings
from tests import toy_dialect

CHUNK = bytes(64 * 1024)


@dataclass
class Tap:
    """Counts what a producer made, and notes its end."""

    sent: int = 0
    taken: int = 0
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def endless(self, call: Call) -> Response:
        return stream(self._chunks(None), "application/octet-stream")

    async def silent(self, call: Call) -> Response:
        async def chunks() -> AsyncGenerator[bytes, None]:
            try:
                yield b"first"
                await asyncio.Event().wait()
            finally:
                self.closed.set()

        return stream(chunks(), "text/plain")

    async def broken(self, call: Call) -> Response:
        return stream(self._chunks(3), "application/octet-stream")

    async def slow_intake(self, call: Call, chunks: AsyncIterator[bytes]) -> int:
        async for chunk in chunks:
            self.taken += len(chunk)
            await self.go_on.wait()
        return self.taken

    async def _chunks(self, fail_after: int | None) -> AsyncGenerator[bytes, None]:
        try:
            while self.sent != fail_after:
                self.sent += 1
                yield CHUNK
            raise RuntimeError("the source broke")
        finally:
            self.closed.set()


@asynccontextmanager
async def serving(tap: Tap) -> AsyncIterator[tuple[str, int]]:
    operations = (
        Operation("GET", "/toy/endless", tap.endless, None),
        Operation("GET", "/toy/silent", tap.silent, None),
        Operation("GET", "/toy/broken", tap.broken, None),
        Operation("POST", "/toy/intake", tap.slow_intake, None, STREAM),
    )
    dialect = replace(toy_dialect.DIALECT, operations=operations)
    async with compose(Settings(store="memory"), (dialect,)) as app:
        server = uvicorn.Server(
            uvicorn.Config(app, port=0, lifespan="off", log_config=None, timeout_graceful_shutdown=1)
        )
        running = asyncio.ensure_future(server.serve())
        while not server.started:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()[:2]
        server.should_exit = True
        await running


async def settled(tap: Tap) -> int:
    """Wait until the producer has stopped making progress."""
    before = -1
    while before != tap.sent + tap.taken:
        before = tap.sent + tap.taken
        await asyncio.sleep(0.2)
    return before


async def test_a_slow_reader_holds_the_producer_back_and_leaving_ends_it() -> None:
    tap = Tap()
    async with serving(tap) as (host, port):
        reader, writer = await asyncio.open_connection(host, port, limit=1024)
        writer.write(b"GET /toy/endless HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readline()

        made = await settled(tap)
        assert 0 < made * len(CHUNK) < 32 << 20

        writer.close()
        await asyncio.wait_for(tap.closed.wait(), 5)


async def test_leaving_ends_a_producer_that_has_nothing_to_say() -> None:
    tap = Tap()
    async with serving(tap) as (host, port):
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(b"GET /toy/silent HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"first")

        writer.close()

        await asyncio.wait_for(tap.closed.wait(), 5)


async def test_a_producer_that_breaks_leaves_a_reply_that_is_seen_to_be_cut() -> None:
    tap = Tap()
    async with serving(tap) as (host, port), httpx.AsyncClient(base_url=f"http://{host}:{port}") as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/toy/broken")

        assert tap.closed.is_set()


async def test_a_slow_handler_holds_the_sender_back() -> None:
    tap = Tap()
    size = 64 << 20

    async def body() -> AsyncIterator[bytes]:
        for _ in range(size // len(CHUNK)):
            tap.sent += 1
            yield CHUNK

    async with serving(tap) as (host, port), httpx.AsyncClient(base_url=f"http://{host}:{port}") as client:
        posting = asyncio.ensure_future(client.post("/toy/intake", content=body(), timeout=30))
        await settled(tap)
        assert tap.sent * len(CHUNK) < 32 << 20

        tap.go_on.set()

        assert (await posting).json() == size
