"""Requests over keep-alive connections, some at a time, each answer checked; latencies and throughput.

Nothing but asyncio and sockets, so that what is measured is the server.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

__all__ = ["Target", "measure"]

WARM = 30
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked: a URL; the body for a number; whether an answer is right for it."""

    url: str
    body: Callable[[int], bytes]
    is_right: Callable[[int, object], bool]


def measure(target: Target, concurrency: int, seconds: float) -> dict[str, float]:
    """Return p50, p99 (milliseconds), requests per second, and how many answers were wrong."""
    times, errors, wall_s = asyncio.run(_measure(target, concurrency, seconds))
    times.sort()
    at = lambda share: times[min(len(times) - 1, int(len(times) * share))] * 1000 if times else float("nan")  # noqa: E731
    return {
        "p50_ms": at(0.50),
        "p99_ms": at(0.99),
        "requests_per_s": len(times) / wall_s,
        "requests": len(times),
        "errors": errors,
    }


async def _measure(target: Target, concurrency: int, seconds: float) -> tuple[list[float], int, float]:
    connections = [_Connection(target.url) for _ in range(concurrency)]
    for number in range(WARM):
        await connections[number % concurrency].post(target.body(number))
    times: list[float] = []
    errors = 0
    began = time.perf_counter()

    async def work(connection: _Connection, first: int) -> None:
        nonlocal errors
        number = first
        while (start := time.perf_counter()) - began < seconds:
            number += concurrency
            try:
                status, answer = await asyncio.wait_for(connection.post(target.body(number)), PATIENCE_S)
            except (OSError, EOFError, TimeoutError):
                errors += 1
                connection.close()
                continue
            times.append(time.perf_counter() - start)
            errors += status != 200 or not target.is_right(number, json.loads(answer))

    await asyncio.gather(*(work(connection, first) for first, connection in enumerate(connections)))
    wall_s = time.perf_counter() - began
    for connection in connections:
        connection.close()
    return times, errors, wall_s


class _Connection:
    """One keep-alive connection; opened again when it was closed."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._address = parts.hostname, parts.port
        self._head = (
            f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\nContent-Length: "
        ).encode()
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def post(self, body: bytes) -> tuple[int, bytes]:
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(*self._address)
        self._writer.write(b"%s%d\r\n\r\n%s" % (self._head, len(body), body))
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        status = int(head[9:12])
        if b"chunked" in head:
            answer = b""
            while size := int(await self._reader.readuntil(b"\r\n"), 16):
                answer += (await self._reader.readexactly(size + 2))[:-2]
            await self._reader.readexactly(2)
        else:
            answer = await self._reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
        if b"connection: close" in head:
            self.close()
        return status, answer

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None
