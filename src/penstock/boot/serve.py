"""From the application to a listening server.

The port is taken before anything is opened, so that one in use is noticed first; connections that come in the meantime
wait in the system's queue until the services are open.
"""

import asyncio
import errno
import os
import signal
import socket
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from typing import Any

import structlog
import uvicorn
import uvloop
from starlette.applications import Starlette

from penstock.boot.compose import compose
from penstock.boot.config import Settings
from penstock.kernel.errors import Unavailable
from penstock.kernel.events import LogEvent

__all__ = ["serve"]

_log = structlog.get_logger("penstock.boot")


def serve(settings: Settings, on_ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; `on_ready` gets the URL as soon as requests are accepted.

    Raises: Unavailable if the port or the data directory is in use; what opening the services raises.
    """
    with _bind(settings) as bound:
        uvloop.run(_serve(settings, bound, on_ready))


async def _serve(settings: Settings, bound: socket.socket, on_ready: Callable[[str], None]) -> None:
    url = _url(bound)
    async with compose(settings) as app:
        config = uvicorn.Config(
            app,
            lifespan="off",
            ws="websockets-sansio",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=settings.stop_timeout_s,
        )
        _log.info(LogEvent.SERVER_STARTED, url=url, pid=os.getpid())
        circuits = app.state.services.circuits

        async def listening() -> None:
            on_ready(url)
            loading = asyncio.create_task(_load_dialects(app))
            if settings.warm:
                await circuits.warm()
            await loading

        await _Server(config, listening, circuits.close).serve([bound])
    _log.info(LogEvent.SERVER_STOPPED, url=url)


async def _load_dialects(app: Starlette) -> None:
    """Import the handlers of all dialects, so that the first call of each does not wait for it."""
    for dialect in app.state.dialects:
        await asyncio.to_thread(len, dialect.operations)
    app.state.router.complete()


class _Server(uvicorn.Server):
    """Says when it listens, and takes a signal as a wish to stop and not as a reason to die by it."""

    def __init__(
        self,
        config: uvicorn.Config,
        on_listening: Callable[[], Coroutine[Any, Any, None]],
        on_stopping: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        super().__init__(config)
        self._on_listening = on_listening
        self._on_stopping = on_stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        await self._on_listening()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Replies that follow a circuit end with it; otherwise they would go on until their time is over.
        async with asyncio.TaskGroup() as both:
            both.create_task(self._on_stopping())
            both.create_task(super().shutdown(sockets))

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        # uvicorn's own version raises the signal again afterwards, which would end the process with its status.
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)


def _bind(settings: Settings) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise Unavailable(
            f"{settings.host!r} is no address of this machine: {error.strerror}", retryable=False
        ) from None
    bound = socket.socket(family, kind, protocol)
    try:
        # Without it a restart has to wait until the connections of the server before have timed out.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        # At once: until somebody listens, another server may bind the same address.
        bound.listen(2048)
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            raise Unavailable(
                f"port {settings.port} of {settings.host} is in use; stop what uses it, or choose another with --port"
            ) from None
        raise Unavailable(f"cannot listen on {settings.host} port {settings.port}: {error.strerror}") from None
    return bound


def _url(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
