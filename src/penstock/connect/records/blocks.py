"""Text files in blocks of whole lines, in UTF-8, of bounded size."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

__all__ = ["BLOCK_BYTES", "EncodingUnknown", "blocks_of", "check_encoding"]

BLOCK_BYTES = 8 << 20
MAX_LINE_BYTES = 256 << 20
"""A line longer than this is taken for a file that has no lines."""

_COMPRESSED = (".gz", ".bz2", ".zst", ".lz4")
_UTF8 = ("utf-8", "utf8", "us-ascii", "ascii")


class EncodingUnknown(ValueError):
    """A name of no encoding."""


def check_encoding(name: str) -> str:
    """Return the codec of an encoding's name. Raises: EncodingUnknown."""
    try:
        return codecs.lookup(name.strip().split(" ")[0]).name
    except LookupError:
        raise EncodingUnknown(f"there is no encoding '{name}'") from None


def blocks_of(file: Path, *, encoding: str, skip_first_line: bool, quoted: bool = False) -> Iterator[tuple[bytes, int]]:
    """Yield blocks that end at a line's end (the last one may not), and where in the file each begins.

    quoted: a line's end between quotes is none. Offsets count bytes of the UTF-8 text.
    """
    rest = b""
    offset = 0
    skips = skip_first_line
    for piece in _pieces(file, encoding):
        data = rest + piece
        if skips:
            end = data.find(b"\n")
            if end < 0:
                rest = data
                continue
            data, offset, skips = data[end + 1 :], offset + end + 1, False
        cut = _cut(data, quoted)
        if cut == 0:
            rest = data
            if len(rest) > MAX_LINE_BYTES:
                raise ValueError(f"'{file}' has a line of more than {MAX_LINE_BYTES >> 20} MiB")
            continue
        yield data[:cut], offset
        offset += cut
        rest = data[cut:]
    if rest and not skips:
        yield rest, offset


def _cut(data: bytes, quoted: bool) -> int:
    """Return the position behind the last line that is whole."""
    if not quoted or b'"' not in data:
        return data.rfind(b"\n") + 1
    end = len(data)
    while (end := data.rfind(b"\n", 0, end)) >= 0:
        if data.count(b'"', 0, end) % 2 == 0:
            return end + 1
    return 0


def _pieces(file: Path, encoding: str) -> Iterator[bytes]:
    with _opened(file) as stream:
        if encoding in _UTF8:
            yield from _valid(stream)
            return
        decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
        while data := stream.read(BLOCK_BYTES):
            yield decoder.decode(data).encode()
        if last := decoder.decode(b"", final=True):
            yield last.encode()


def _opened(file: Path) -> pa.NativeFile | BinaryIO:
    """Open a file, or a pipe; names that say so are decompressed."""
    if file.suffix in _COMPRESSED:
        return pa.input_stream(str(file), compression="detect")
    return file.open("rb")


def _valid(stream: pa.NativeFile | BinaryIO) -> Iterator[bytes]:
    """Pieces of UTF-8; bytes that are none become the replacement character."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    plain = True
    while data := stream.read(BLOCK_BYTES):
        if plain and (data.isascii() or _is_whole(data)):
            yield data
            continue
        plain = False  # from here on a character may be cut in two
        yield decoder.decode(data).encode()
    if last := decoder.decode(b"", final=True):
        yield last.encode()


def _is_whole(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
