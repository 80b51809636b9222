"""Rows out: many clients follow a view, and of one that stops reading the others must not notice.

A tick is one push, so one step of the circuit and one message to each client; its latency is the time from the push's
beginning until a client has read the message.
"""

import asyncio
import json
import re
import socket
import time
from dataclasses import dataclass, field

from bench.http.ingress import pipeline
from bench.server import Server

PROGRAM = """
CREATE TABLE tick (number INT, row_number INT, content VARCHAR);
CREATE VIEW passed AS SELECT number, row_number, content FROM tick;
"""
CONTENT = "x" * 200
LINE_BYTES = 1 << 24
TIMEOUT_S = 120.0
_NUMBER = re.compile(rb'"number":\s*(\d+)')


@dataclass(slots=True)
class Heard:
    """What the clients that read have heard: per tick when it was sent, and the latencies in seconds."""

    sent_at: dict[int, float] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    left: int = 0


def follow(
    server: Server, clients: int, ticks: int, rows: int, interval_s: float, *, one_stops: bool
) -> dict[str, float]:
    """Have clients follow while rows come; the latencies of those that read, and what the server's memory grew by."""
    with pipeline(server, "out", PROGRAM):
        before, busy = server.resident_bytes(), server.all_processor_seconds()
        heard = asyncio.run(_follow(server, clients, ticks, rows, interval_s, one_stops=one_stops))
        after, busy = server.resident_bytes(), server.all_processor_seconds() - busy
    seconds = sorted(heard.seconds)
    at = lambda share: seconds[min(len(seconds) - 1, int(len(seconds) * share))] * 1000  # noqa: E731
    return {
        "p50_ms": at(0.5),
        "p99_ms": at(0.99),
        "longest_ms": seconds[-1] * 1000,
        "messages": len(seconds),
        "cpu_ms_per_tick": busy / ticks * 1000,
        "server_grew_bytes": after["server"] - before["server"],
        "all_grew_bytes": after["all"] - before["all"],
    }


async def _follow(server: Server, clients: int, ticks: int, rows: int, interval_s: float, *, one_stops: bool) -> Heard:
    heard = Heard(left=clients - one_stops)
    stopped = [_subscribe_and_stop(server)] if one_stops else []
    streams = [await _subscribe(server) for _ in range(clients - len(stopped))]
    tasks = [asyncio.create_task(_read(reader, heard, ticks)) for reader, _ in streams]
    try:
        async with asyncio.timeout(TIMEOUT_S + ticks * interval_s):
            await _push(server, heard, ticks, rows, interval_s)
            await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        for _, writer in streams:
            writer.close()
        for connection in stopped:
            connection.close()
    return heard


def _subscribe_and_stop(server: Server) -> socket.socket:
    """Open an egress of which nothing is read: a reader of asyncio would go on to fill its buffer."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    made.connect((server.host, server.port))
    made.sendall(_request(server))
    return made


async def _subscribe(server: Server) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open an egress and wait for its first message; nothing more is read than somebody asks for."""
    made = socket.create_connection((server.host, server.port))
    made.setblocking(False)
    reader, writer = await asyncio.open_connection(sock=made, limit=LINE_BYTES)
    writer.write(_request(server))
    status = await reader.readline()
    if b" 200 " not in status:
        raise RuntimeError(f"egress answered {status!r}")
    while not (await reader.readline()).startswith(b"{"):
        pass
    return reader, writer


def _request(server: Server) -> bytes:
    target = "/v0/pipelines/out/egress/passed?format=json"
    return f"POST {target} HTTP/1.1\r\nHost: {server.host}\r\nContent-Length: 0\r\n\r\n".encode()


async def _read(reader: asyncio.StreamReader, heard: Heard, ticks: int) -> None:
    """Read messages until the last tick's; several ticks may have come as one."""
    known = -1
    while known < ticks - 1:
        line = await reader.readline()
        now = time.perf_counter()
        if not line:
            raise RuntimeError("the server ended a stream")
        if not line.startswith(b"{"):
            continue
        numbers = _NUMBER.findall(line)
        last = max((int(numbers[0]), int(numbers[-1]))) if numbers else known
        heard.seconds += [now - heard.sent_at[number] for number in range(known + 1, last + 1)]
        known = max(known, last)


async def _push(server: Server, heard: Heard, ticks: int, rows: int, interval_s: float) -> None:
    reader, writer = await asyncio.open_connection(server.host, server.port)
    head = "POST /v0/pipelines/out/ingress/tick?format=json&update_format=raw HTTP/1.1\r\n"
    due = time.perf_counter()
    for number in range(ticks):
        body = "".join(
            json.dumps({"number": number, "row_number": row, "content": CONTENT}) + "\n" for row in range(rows)
        ).encode()
        heard.sent_at[number] = time.perf_counter()
        writer.write(f"{head}Host: {server.host}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        await _answered(reader)
        due += interval_s
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
    writer.close()


async def _answered(reader: asyncio.StreamReader) -> None:
    status, size = await reader.readline(), 0
    while (line := (await reader.readline()).strip()) != b"":
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            size = int(value)
    content = await reader.readexactly(size)
    if b" 200 " not in status:
        raise RuntimeError(f"a push was answered {status!r}: {content[:300]!r}")
