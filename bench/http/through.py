"""One row in and its change out: a client pushes a row, and another reads what the view becomes by it.

Both are plain sockets that wait in the kernel, so that the figure holds the server's way and not a client's: from the
first byte of the push until the message is there, and until the push is answered.
"""

import json
import re
import socket
import time

from bench.http import sales
from bench.http.ingress import pipeline
from bench.server import Server

TIMEOUT_S = 30.0
_LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
_COUNT = re.compile(rb'"insert":\{[^}]*"sales":(\d+)')


def single_changes(server: Server, count: int) -> tuple[list[float], list[float]]:
    """Push one row at a time; for each the seconds until its change was read, and until the push was answered."""
    read_s, answered_s = [], []
    with pipeline(server, "through"), _connect(server) as reader, _connect(server) as writer:
        _send(reader, "/v0/pipelines/through/egress/total?format=json", b"")
        _until(reader, re.compile(rb'"sequence_number":'))
        for number in range(1, count + 1):
            row = json.dumps({"id": number, "region": "north", "product": 1, "amount": 2, "price": 3.0}).encode()
            began = time.perf_counter()
            _send(writer, f"/v0/pipelines/through/ingress/sale?{sales.OPTIONS['json']}", row)
            heard = _until(reader, _COUNT)
            read_s.append(time.perf_counter() - began)
            if int(_COUNT.findall(heard)[-1]) != number:
                raise RuntimeError(f"after {number} rows the view was said to hold {heard!r}")
            _answer(writer)
            answered_s.append(time.perf_counter() - began)
    return read_s, answered_s


def _connect(server: Server) -> socket.socket:
    made = socket.create_connection((server.host, server.port), timeout=TIMEOUT_S)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def _send(connection: socket.socket, target: str, body: bytes) -> None:
    head = f"POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)


def _until(connection: socket.socket, wanted: re.Pattern[bytes]) -> bytes:
    """Read until what was read holds the pattern and ends with a line."""
    content = b""
    while not (content.endswith(b"\n") and wanted.search(content)):
        content += _receive(connection)
    return content


def _answer(connection: socket.socket) -> None:
    content = b""
    while b"\r\n\r\n" not in content:
        content += _receive(connection)
    head, body = content.split(b"\r\n\r\n", 1)
    found = _LENGTH.search(head)
    while found and len(body) < int(found[1]):
        body += _receive(connection)
    if b" 200 " not in head.split(b"\r\n", 1)[0]:
        raise RuntimeError(f"a push was answered {head!r}: {body[:300]!r}")


def _receive(connection: socket.socket) -> bytes:
    content = connection.recv(1 << 16)
    if not content:
        raise RuntimeError("the server ended a connection")
    return content
