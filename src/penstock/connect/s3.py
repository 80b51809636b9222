"""Objects of S3 and of stores that speak its protocol, as input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.connect.objects import s3_file_system
from penstock.data.pool import Pool
from penstock.ports.format import Layout
from penstock.ports.source import Feed, TransportRefused

_PIECE_BYTES = 1 << 20
_SETTINGS = (
    "region", "bucket_name", "key", "prefix", "aws_access_key_id", "aws_secret_access_key", "no_sign_request",
    "endpoint_url", "max_concurrent_fetches", "max_retries",
)  # fmt: skip


class S3Source:
    """The transport "s3_input": each object is a body, in the order of keys. Settings: region; bucket_name; key or
    prefix; aws_access_key_id and aws_secret_access_key, or no_sign_request; endpoint_url; max_retries (5);
    max_concurrent_fetches (taken, without effect)."""

    name = "s3_input"
    needs_format = True

    def open(self, config: Mapping[str, Any], table: Layout, pool: Pool) -> OpenS3:
        """Return a source. Raises: TransportRefused."""
        for name in config:
            if name not in _SETTINGS:
                raise TransportRefused(f"there is no setting {name!r}; there are {', '.join(_SETTINGS)}")
        bucket, key, prefix = (config.get(name) for name in ("bucket_name", "key", "prefix"))
        if not isinstance(bucket, str) or not bucket:
            raise TransportRefused("the setting 'bucket_name' is missing")
        if (key is None) == (prefix is None):
            raise TransportRefused("exactly one of 'key' and 'prefix' says which objects are read")
        return OpenS3(config, bucket, key, prefix)


class OpenS3:
    """Reads objects. A place: the key of an object."""

    def __init__(self, config: Mapping[str, Any], bucket: str, key: str | None, prefix: str | None) -> None:
        self._config = config
        self._bucket, self._key, self._prefix = bucket, key, prefix
        self._from: str | None = None

    def resume(self, place: Any) -> None:
        """Begin with the object of a place."""
        self._from = None if place is None else place["key"]

    def run(self, feed: Feed) -> None:
        """Give each object. Raises: OSError when the store does not deliver it after all attempts."""
        files = self._file_system()
        for key in self._keys(files):
            if self._from is not None and key < self._from:
                continue
            feed.begins({"key": key})
            with files.open_input_stream(f"{self._bucket}/{key}") as stream:
                while piece := stream.read(_PIECE_BYTES):
                    feed.data(piece)
            feed.end_of_body()

    def _keys(self, files: Any) -> list[str]:
        from pyarrow import fs

        if self._key is not None:
            return [self._key]
        assert self._prefix is not None
        folder = self._prefix.rpartition("/")[0]
        base = f"{self._bucket}/{folder}" if folder else self._bucket
        listed = files.get_file_info(fs.FileSelector(base, recursive=True))
        keys = (entry.path.removeprefix(f"{self._bucket}/") for entry in listed if entry.type == fs.FileType.File)
        return sorted(key for key in keys if key.startswith(self._prefix))

    def _file_system(self) -> Any:
        config = self._config
        return s3_file_system(
            region=config.get("region"),
            endpoint=config.get("endpoint_url"),
            access_key=config.get("aws_access_key_id"),
            secret_key=config.get("aws_secret_access_key"),
            is_anonymous=bool(config.get("no_sign_request")),
            max_attempts=int(config.get("max_retries") or 5),
        )
