"""Stores that speak S3's protocol: as a source's file system, and as a place for objects."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from penstock.ports.objects import StoreRefused

__all__ = ["S3Objects", "s3_file_system"]

_PIECE_BYTES = 8 << 20


def s3_file_system(
    *,
    region: str | None = None,
    endpoint: str | None = None,
    access_key: str | None = None,
    secret_key: str | None = None,
    is_anonymous: bool = False,
    max_attempts: int = 5,
) -> Any:
    """Return a pyarrow file system. Without keys the environment's are used."""
    from pyarrow import fs

    options: dict[str, Any] = {"retry_strategy": fs.AwsStandardS3RetryStrategy(max_attempts=max(max_attempts, 1))}
    if region:
        options["region"] = region
    if is_anonymous:
        options["anonymous"] = True
    elif access_key:
        options["access_key"] = access_key
        options["secret_key"] = secret_key or ""
    if endpoint:
        scheme, _, host = endpoint.rpartition("://")
        options["endpoint_override"] = host
        options["scheme"] = scheme or "https"
    return fs.S3FileSystem(**options)


class S3Objects:
    """Opens places in buckets."""

    def open(self, config: Mapping[str, Any]) -> _Place:
        """Return a place. Raises: StoreRefused."""
        bucket = str(config["bucket"]).strip("/")
        if not bucket:
            raise StoreRefused("bucket is the name of a bucket, or 'name/folder' for a folder in it")
        files = s3_file_system(
            region=config.get("region") or "us-east-1",
            endpoint=config.get("endpoint"),
            access_key=config.get("access_key"),
            secret_key=config.get("secret_key"),
        )
        return _Place(files, bucket)


class _Place:
    def __init__(self, files: Any, root: str) -> None:
        self._files = files
        self._root = root

    def names(self) -> list[str]:
        from pyarrow import fs

        with _explained():
            found = self._files.get_file_info(fs.FileSelector(self._root, recursive=True, allow_not_found=True))
        return sorted(entry.path.removeprefix(f"{self._root}/") for entry in found if entry.type == fs.FileType.File)

    def read(self, name: str) -> bytes:
        with _explained(), self._files.open_input_stream(f"{self._root}/{name}") as stream:
            content: bytes = stream.read()
            return content

    def write(self, name: str, content: bytes) -> None:
        with _explained(), self._files.open_output_stream(f"{self._root}/{name}") as stream:
            stream.write(content)

    def download(self, name: str, path: Path) -> None:
        with _explained(), self._files.open_input_stream(f"{self._root}/{name}") as stream, open(path, "wb") as file:
            while piece := stream.read(_PIECE_BYTES):
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())

    def upload(self, path: Path, name: str) -> None:
        with _explained(), open(path, "rb") as file, self._files.open_output_stream(f"{self._root}/{name}") as stream:
            while piece := file.read(_PIECE_BYTES):
                stream.write(piece)

    def remove(self, name: str) -> None:
        with _explained():
            self._files.delete_file(f"{self._root}/{name}")

    def remove_folder(self, name: str) -> None:
        with _explained():
            self._files.delete_dir(f"{self._root}/{name}")


@contextmanager
def _explained() -> Iterator[None]:
    """Have every failure of the store be an OSError."""
    import pyarrow as pa

    try:
        yield
    except pa.ArrowException as error:
        raise OSError(str(error)) from error
