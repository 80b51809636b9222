"""Files of this machine as input and output."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, BinaryIO

from penstock.data.pool import Pool
from penstock.ports.format import Layout
from penstock.ports.source import Feed, TransportRefused

_DEFAULT_BUFFER_BYTES = 1 << 18
_MAX_BUFFER_BYTES = 1 << 26
_FOLLOW_INTERVAL_S = 0.1


def _path(config: Mapping[str, Any], known: tuple[str, ...]) -> str:
    for name in config:
        if name not in known:
            raise TransportRefused(f"there is no setting {name!r}; there are {', '.join(known)}")
    path = config.get("path")
    if not isinstance(path, str) or not path:
        raise TransportRefused("the setting 'path' is missing")
    return path.removeprefix("file://")


class FileSource:
    """The transport "file_input". Settings: path; buffer_size_bytes; follow (go on when the file grows)."""

    name = "file_input"
    needs_format = True

    def open(self, config: Mapping[str, Any], table: Layout, pool: Pool) -> OpenFileSource:
        """Return a source. Raises: TransportRefused."""
        path = _path(config, ("path", "buffer_size_bytes", "follow"))
        size = config.get("buffer_size_bytes") or _DEFAULT_BUFFER_BYTES
        if not isinstance(size, int) or not 0 < size <= _MAX_BUFFER_BYTES:
            raise TransportRefused(f"buffer_size_bytes is between 1 and {_MAX_BUFFER_BYTES}, not {size!r}")
        if not os.path.isfile(path):
            raise TransportRefused(f"there is no file {path!r}")
        return OpenFileSource(path, size, bool(config.get("follow", False)))


class OpenFileSource:
    """Reads one file from its beginning."""

    def __init__(self, path: str, buffer_bytes: int, follow: bool) -> None:
        self._path = path
        self._buffer_bytes = buffer_bytes
        self._follow = follow

    def resume(self, place: Any) -> None:
        """Begin at the beginning: what was taken of the file already is dropped as rows."""

    def run(self, feed: Feed) -> None:
        """Give the file's bytes; with follow, wait for more for ever."""
        with open(self._path, "rb") as file:
            while True:
                piece = file.read(self._buffer_bytes)
                if piece:
                    feed.data(piece)
                elif self._follow:
                    feed.wait_s(_FOLLOW_INTERVAL_S)
                else:
                    feed.end_of_body()
                    return


class FileSink:
    """The transport "file_output". Settings: path. A circuit that starts from nothing begins the file anew."""

    name = "file_output"
    needs_format = True

    def open(self, config: Mapping[str, Any]) -> OpenFileSink:
        """Return a sink. Raises: TransportRefused."""
        path = _path(config, ("path",))
        try:
            return OpenFileSink(open(path, "wb"))
        except OSError as error:
            raise TransportRefused(f"the file {path!r} cannot be written: {error.strerror}") from error

    def reopen(self, config: Mapping[str, Any], place: Any) -> tuple[OpenFileSink, int]:
        """Return a sink that goes on at a size of the file; what is beyond it is cut off. Raises: TransportRefused."""
        path = _path(config, ("path",))
        size = int(place)
        try:
            file = open(path, "r+b")  # noqa: SIM115
            if os.fstat(file.fileno()).st_size < size:
                file.close()
                raise TransportRefused(f"the file {path!r} is shorter than the {size} bytes that were written to it")
            file.truncate(size)
            file.seek(size)
        except OSError as error:
            raise TransportRefused(f"the file {path!r} cannot be written: {error.strerror}") from error
        return OpenFileSink(file), 0


class OpenFileSink:
    """Writes one file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, payload: bytes) -> None:
        """Append."""
        self._file.write(payload)

    def flush(self) -> None:
        """Hand to the operating system what was written."""
        self._file.flush()

    def place(self) -> int:
        """Return the file's size."""
        return self._file.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
