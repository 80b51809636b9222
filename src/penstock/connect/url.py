"""Bodies fetched over HTTP: the transport "url_input"."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from penstock.data.pool import Pool
from penstock.ports.format import Layout
from penstock.ports.source import Feed, TransportRefused

_PIECE_BYTES = 1 << 18
_ATTEMPTS = 5
_FIRST_DELAY_S = 0.5
_TIMEOUT_S = 60.0


class UrlSource:
    """The transport "url_input". Settings: path (http or https); pause_timeout (taken, without effect).

    A connection that breaks is taken up again where it ended if the server can do that.
    """

    name = "url_input"
    needs_format = True

    def open(self, config: Mapping[str, Any], table: Layout, pool: Pool) -> OpenUrl:
        """Return a source. Raises: TransportRefused."""
        for name in config:
            if name not in ("path", "pause_timeout"):
                raise TransportRefused(f"there is no setting {name!r}; there are path, pause_timeout")
        url = config.get("path")
        if not isinstance(url, str) or urlsplit(url).scheme not in ("http", "https"):
            raise TransportRefused(f"path is the URL of a document, http:// or https://, not {url!r}")
        return OpenUrl(url)


class OpenUrl:
    """Fetches one document."""

    def __init__(self, url: str, first_delay_s: float = _FIRST_DELAY_S) -> None:
        self._url = url
        self._first_delay_s = first_delay_s

    def resume(self, place: Any) -> None:
        """Begin at the beginning: what was taken of the document already is dropped as rows."""

    def run(self, feed: Feed) -> None:
        """Give the document's bytes. Raises: OSError when the server does not deliver it after several attempts."""
        taken = 0
        attempt = 0
        while True:
            before = taken
            try:
                for piece in self._pieces(taken):
                    feed.data(piece)
                    taken += len(piece)
                feed.end_of_body()
                return
            except urllib.error.HTTPError as error:
                if error.code < 500:
                    raise OSError(f"{self._url}: the server answers {error.code} {error.reason}") from error
                trouble: Exception = error
            except (OSError, http.client.HTTPException) as error:
                trouble = error
            attempt = 1 if taken > before else attempt + 1
            feed.error(f"{self._url}: {trouble}")
            if attempt >= _ATTEMPTS:
                raise OSError(f"{self._url}: {trouble}") from trouble
            feed.wait_s(self._first_delay_s * 2 ** (attempt - 1))

    def _pieces(self, start: int) -> Any:
        """Yield the document's bytes from a position on."""
        headers = {"Range": f"bytes={start}-"} if start else {}
        request = urllib.request.Request(self._url, headers=headers)
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
            skip = start if response.status != http.HTTPStatus.PARTIAL_CONTENT else 0
            expected = response.headers.get("Content-Length")
            received = 0
            while piece := response.read(_PIECE_BYTES):
                received += len(piece)
                fresh = piece[skip:]
                skip -= len(piece) - len(fresh)
                if fresh:
                    yield fresh
            if expected is not None and received < int(expected):
                raise http.client.IncompleteRead(b"", int(expected) - received)
