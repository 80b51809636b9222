"""Where paths of data lie: on this machine's disks, also for schemes of object stores that are mapped to folders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["PlaceUnknown", "Places"]

_LOCAL = ("", "file")


class PlaceUnknown(ValueError):
    """A path of a scheme that is mapped to no folder."""


@dataclass(frozen=True, slots=True)
class Places:
    """Folders by scheme: `{"gs": "/srv/buckets"}` makes `gs://a/b` the path `/srv/buckets/a/b`.

    Schemes that name the same kind of store (`s3`, `s3a`, `s3n`) share one entry.
    """

    folders: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Places:
        """Read `scheme=folder,…`."""
        pairs = (item.partition("=") for item in text.split(",") if "=" in item)
        return cls({scheme.strip(): folder.strip() for scheme, _, folder in pairs})

    def local(self, path: str) -> Path:
        """Return where a path lies. Raises: PlaceUnknown."""
        scheme, colon, _ = path.partition("://")
        if not colon:
            scheme = "file" if path.startswith("file:") else ""
        if scheme.lower() not in _LOCAL:
            return self._mapped(scheme.lower(), path)
        if path.startswith("file:"):
            parts = urlsplit(path.replace("?", "%3F").replace("#", "%23"))
            return Path(unquote(parts.path))
        return Path(path)

    def _mapped(self, scheme: str, path: str) -> Path:
        for known in (scheme, scheme.rstrip("an") if scheme.startswith("s3") else scheme):
            folder = self.folders.get(known)
            if folder is not None:
                inner = path.partition("://")[2].strip("/")
                if any(part == ".." for part in inner.split("/")):
                    raise PlaceUnknown(f"the path '{path}' leaves its bucket")
                return Path(folder) / inner
        raise PlaceUnknown(
            f"paths of the scheme '{scheme}' lie in no folder of this server; map it to one, or use a local path"
        )
