"""WebSockets over a real socket: admitted, refused and ended like any call."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import uvicorn
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from penstock.boot.compose import compose
from penstock.boot.config import Settings
from tests import toy_dialect


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with compose(Settings(store="memory"), (toy_dialect.DIALECT,)) as app:
        config = uvicorn.Config(app, port=0, lifespan="off", ws="websockets-sansio", log_config=None)
        server = uvicorn.Server(config)
        running = asyncio.ensure_future(server.serve())
        while not server.started:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        host, port = server.servers[0].sockets[0].getsockname()[:2]
        yield f"ws://{host}:{port}"
        server.should_exit = True
        await running


async def test_a_socket_knows_its_caller_and_scope(url: str) -> None:
    async with connect(f"{url}/toy/work/chat", additional_headers={"X-Toy": "ann:reader"}) as socket:
        assert await socket.recv() == "hello ann in toy/work"


@pytest.mark.parametrize(("path", "header", "status"), [("/toy/work/chat", "", 401), ("/toy/x", "ann:reader", 404)])
async def test_a_socket_is_refused_in_the_dialects_words(url: str, path: str, header: str, status: int) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        await connect(url + path, additional_headers={"X-Toy": header})

    assert refusal.value.response.status_code == status
    assert b'"oops"' in (refusal.value.response.body or b"")


async def test_a_handler_that_fails_closes_its_socket(url: str) -> None:
    async with connect(f"{url}/toy/work/crash", additional_headers={"X-Toy": "ann:reader"}) as socket:
        with pytest.raises(ConnectionClosedError) as end:
            await socket.recv()

    assert end.value.rcvd is not None
    assert end.value.rcvd.code == 1011
