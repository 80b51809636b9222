"""The transport contracts on every transport there is."""

import http.server
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from penstock.connect.datagen.source import GeneratorSource
from penstock.connect.files import FileSink, FileSource
from penstock.connect.nothing import EmptySource, NullSink
from penstock.connect.url import OpenUrl, UrlSource
from penstock.data.pool import Pool
from penstock.ports.source import TransportRefused
from tests.contracts.transports import TABLE, CollectingFeed, SinkContract, SourceContract

DOCUMENT = b"".join(b"%d\n" % n for n in range(5000))


class TestFileSource(SourceContract):
    kind = FileSource()
    bodies = (DOCUMENT,)

    def config(self, directory: Path) -> Mapping[str, Any]:
        (directory / "in").write_bytes(DOCUMENT)
        return {"path": str(directory / "in"), "buffer_size_bytes": 1000}

    def test_a_file_that_is_not_there_is_refused(self) -> None:
        with pytest.raises(TransportRefused, match="no file"):
            self.kind.open({"path": "/nowhere/at/all"}, TABLE, Pool())


class TestUrlSource(SourceContract):
    kind = UrlSource()
    bodies = (DOCUMENT,)
    url = ""

    @pytest.fixture(autouse=True)
    def server(self) -> Iterator[None]:
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            self.url = f"http://127.0.0.1:{server.server_address[1]}"
            yield
            server.shutdown()

    def config(self, directory: Path) -> Mapping[str, Any]:
        return {"path": f"{self.url}/whole"}

    def test_a_connection_that_breaks_is_taken_up_again(self) -> None:
        for path in ("broken", "broken-without-ranges"):
            feed = CollectingFeed()
            OpenUrl(f"{self.url}/{path}", first_delay_s=0).run(feed)

            assert feed.bodies == [DOCUMENT]
            assert feed.errors

    def test_a_document_that_is_not_there_is_an_error_at_once(self) -> None:
        with pytest.raises(OSError, match="404"):
            OpenUrl(f"{self.url}/missing").run(CollectingFeed())

    def test_another_scheme_is_refused(self) -> None:
        with pytest.raises(TransportRefused, match="http"):
            self.kind.open({"path": "file:///etc/hosts"}, TABLE, Pool())


class _Handler(http.server.BaseHTTPRequestHandler):
    """Serves the document; the broken ones end after half of what was asked, as long as that is much."""

    def do_GET(self) -> None:
        if self.path == "/missing":
            self.send_error(404)
            return
        ranged = self.headers.get("Range") if self.path != "/broken-without-ranges" else None
        start = int(ranged.removeprefix("bytes=").removesuffix("-")) if ranged else 0
        document = DOCUMENT[start:]
        asked_again = "Range" in self.headers
        breaks = self.path.startswith("/broken") and not asked_again
        self.send_response(206 if ranged else 200)
        self.send_header("Content-Length", str(len(document)))
        self.end_headers()
        self.wfile.write(document[: len(document) // 2] if breaks else document)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


class TestGeneratorSource(SourceContract):
    kind = GeneratorSource()
    row_count = 25

    def config(self, directory: Path) -> Mapping[str, Any]:
        return {"plan": [{"limit": 25, "worker_chunk_size": 10}]}


class TestEmptySource(SourceContract):
    kind = EmptySource()


class TestFileSink(SinkContract):
    kind = FileSink()

    def config(self, directory: Path) -> Mapping[str, Any]:
        return {"path": str(directory / "out")}

    def kept(self, directory: Path) -> bytes:
        return (directory / "out").read_bytes()

    def test_a_file_that_cannot_be_written_is_refused(self) -> None:
        with pytest.raises(TransportRefused, match="cannot be written"):
            self.kind.open({"path": "/nowhere/at/all"})


class TestNullSink(SinkContract):
    kind = NullSink()

    def kept(self, directory: Path) -> bytes:
        return b""
