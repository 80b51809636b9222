"""A store of objects that speaks as much of S3 as pyarrow needs to put, get, list and remove, for tests."""

from __future__ import annotations

import hashlib
import http.server
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from xml.sax.saxutils import escape


class ObjectStore:
    """A running store. objects: contents by "bucket/key". broken: whether every request fails."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.objects: dict[str, bytes] = {}
        self.parts: dict[str, dict[int, bytes]] = {}
        self.broken = False
        self.requests: list[tuple[str, str]] = []
        self.fail_at: str | None = None
        self.lock = threading.Lock()


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    """Serve an empty store on a free port."""

    class Handler(_Handler):
        pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Handler.store = ObjectStore(f"http://127.0.0.1:{server.server_address[1]}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Handler.store
        server.shutdown()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    store: ObjectStore

    def _asked(self) -> tuple[str, dict[str, str], bytes]:
        path, _, options = self.path.partition("?")
        body = (
            self._sent()
            if "Transfer-Encoding" in self.headers
            else self.rfile.read(int(self.headers.get("Content-Length") or 0))
        )
        if "aws-chunked" in (self.headers.get("Content-Encoding") or ""):
            body = _unchunked(body)
        name = urllib.parse.unquote(path).removeprefix("/")
        query = dict(urllib.parse.parse_qsl(options, keep_blank_values=True))
        with self.store.lock:
            self.store.requests.append((self.command, name))
        return name, query, body

    def _sent(self) -> bytes:
        """Read a body that comes in chunks."""
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _fails(self, name: str) -> bool:
        if self.store.broken or (self.store.fail_at is not None and self.store.fail_at in name):
            self._answer(403, b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>")
            return True
        return False

    def do_GET(self) -> None:
        name, query, _ = self._asked()
        if self._fails(name):
            return
        if "list-type" in query:
            self._answer(200, self._listed(name, query))
        elif name in self.store.objects:
            body = self.store.objects[name]
            first, _, last = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
            part = body[int(first) : int(last) + 1 if last else len(body)]
            place = f"bytes {first}-{int(first) + len(part) - 1}/{len(body)}"
            self._answer(206 if "Range" in self.headers else 200, part, {"Content-Range": place})
        else:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")

    def do_HEAD(self) -> None:
        name, _, _ = self._asked()
        content = self.store.objects.get(name)
        is_there = content is not None or "/" not in name.rstrip("/")
        self.send_response(200 if is_there else 404)
        self.send_header("Content-Length", str(len(content or b"")))
        self.send_header("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")
        self.end_headers()

    def do_PUT(self) -> None:
        name, query, body = self._asked()
        if self._fails(name):
            return
        with self.store.lock:
            if "uploadId" in query:
                self.store.parts[query["uploadId"]][int(query["partNumber"])] = body
            elif "/" in name:
                self.store.objects[name] = body
        self._answer(200, b"", {"ETag": f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'})

    def do_POST(self) -> None:
        name, query, body = self._asked()
        if self._fails(name):
            return
        if "uploads" in query:
            with self.store.lock:
                id = f"upload-{len(self.store.parts)}"
                self.store.parts[id] = {}
            self._answer(
                200,
                f"<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>".encode(),
            )
        elif "delete" in query:
            for part in body.decode().split("<Key>")[1:]:
                self.store.objects.pop(f"{name}/{part.partition('<')[0]}", None)
            self._answer(200, b"<DeleteResult></DeleteResult>")
        else:
            with self.store.lock:
                parts = self.store.parts.pop(query["uploadId"])
                self.store.objects[name] = b"".join(parts[number] for number in sorted(parts))
            self._answer(200, b"<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>")

    def do_DELETE(self) -> None:
        name, query, _ = self._asked()
        if self._fails(name):
            return
        if "uploadId" in query:
            self.store.parts.pop(query["uploadId"], None)
        self.store.objects.pop(name, None)
        self._answer(204, b"")

    def _listed(self, bucket: str, query: dict[str, str]) -> bytes:
        prefix, after = query.get("prefix", ""), query.get("start-after", "")
        with self.store.lock:
            keys = {
                k.removeprefix(f"{bucket}/"): len(v)
                for k, v in self.store.objects.items()
                if k.startswith(f"{bucket}/")
            }
        found = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{size}</Size>"
            "<LastModified>2024-01-01T00:00:00.000Z</LastModified></Contents>"
            for key, size in sorted(keys.items())
            if key.startswith(prefix) and key > after
        )
        count = found.count("<Key>")
        head = f"<KeyCount>{count}</KeyCount><IsTruncated>false</IsTruncated>"
        return f"<ListBucketResult>{head}{found}</ListBucketResult>".encode()

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _unchunked(body: bytes) -> bytes:
    """Take the chunks of a signed stream apart."""
    content = b""
    while body:
        head, _, body = body.partition(b"\r\n")
        size = int(head.partition(b";")[0], 16)
        if size == 0:
            break
        content, body = content + body[:size], body[size + 2 :]
    return content
