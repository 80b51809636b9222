"""Files and folders moved, copied, deleted, made; and a mark that a run is done.

Properties: `sourcePath`, `destPath`, `path`, `paths`, `fileRegex`, `continueOnError`, `recursive`, `overwrite`.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path

from penstock.connect.records.places import Places, PlaceUnknown
from penstock.ports.action import ActionFailed
from penstock.ports.transform import Finding, Surroundings

__all__ = ["FileCopy", "FileDelete", "FileMake", "FileMark", "FileMove"]


class _FileAction:
    """What they share: paths, and what is done about errors."""

    name = ""

    def __init__(self, places: Places) -> None:
        self._places = places

    def describe(self, properties: Mapping[str, str], hidden: Collection[str] = ()) -> tuple[Finding, ...]:
        """Check the expression."""
        try:
            re.compile(properties.get("fileRegex") or "")
        except re.error as error:
            return (Finding(f"Invalid file regular expression: {error}.", None, "fileRegex"),)
        return ()

    def run(self, properties: Mapping[str, str], surroundings: Surroundings) -> Mapping[str, str]:
        """Do it."""
        continues = _is_on(properties, "continueOnError")
        for work in self.works(properties):
            try:
                work()
            except (OSError, shutil.Error, PlaceUnknown) as error:
                if not continues:
                    raise ActionFailed(f"{type(self).__name__}: {error}") from None
                surroundings.log("WARN", f"{error}; going on")
        return {}

    def works(self, properties: Mapping[str, str]) -> Sequence[Callable[[], None]]:
        """Return what is to be done, one after the other. Raises: ActionFailed."""
        raise NotImplementedError

    def _path(self, properties: Mapping[str, str], name: str) -> Path:
        text = (properties.get(name) or "").strip()
        if not text:
            raise ActionFailed(f"property '{name}' has no value")
        try:
            return self._places.local(text)
        except PlaceUnknown as error:
            raise ActionFailed(str(error)) from None

    def _sources(self, properties: Mapping[str, str], name: str) -> list[Path]:
        """Return the files of a path: itself, or those in it that the expression matches. Raises: ActionFailed."""
        path = self._path(properties, name)
        pattern = re.compile(properties["fileRegex"]) if properties.get("fileRegex") else None
        if pattern is None or path.is_file():
            if not path.exists():
                if _is_on(properties, "continueOnError"):
                    return []
                raise ActionFailed(f"there is nothing at {path}")
            return [path]
        if not path.is_dir():
            raise ActionFailed(f"there is nothing at {path}")
        return [entry for entry in sorted(path.iterdir()) if pattern.fullmatch(entry.name)]


class FileMove(_FileAction):
    """Action `file.move`."""

    name = "file.move"

    def works(self, properties: Mapping[str, str]) -> Sequence[Callable[[], None]]:
        target = self._path(properties, "destPath")
        sources = self._sources(properties, "sourcePath")
        into = len(sources) > 1 or target.is_dir() or bool(properties.get("fileRegex") and sources != [target])
        return [partial(_move, source, target / source.name if into else target) for source in sources]


class FileCopy(_FileAction):
    """Action `file.copy`."""

    name = "file.copy"

    def works(self, properties: Mapping[str, str]) -> Sequence[Callable[[], None]]:
        target = self._path(properties, "destPath")
        overwrites = _is_on(properties, "overwrite")
        return [partial(_copy, source, target, overwrites) for source in self._sources(properties, "sourcePath")]


class FileDelete(_FileAction):
    """Action `file.delete`: of `path`, or of each of `paths`, separated by commas."""

    name = "file.delete"

    def works(self, properties: Mapping[str, str]) -> Sequence[Callable[[], None]]:
        if properties.get("paths"):
            listed = [part.strip() for part in properties["paths"].split(",") if part.strip()]
            paths = [self._path({"path": text}, "path") for text in listed]
        else:
            paths = self._sources(properties, "path")
        return [partial(_delete, path) for path in paths]


class FileMake(_FileAction):
    """Action `file.make`: folders, `paths` separated by commas."""

    name = "file.make"

    def works(self, properties: Mapping[str, str]) -> Sequence[Callable[[], None]]:
        listed = [part.strip() for part in (properties.get("paths") or "").split(",") if part.strip()]
        may_exist = not _is_on(properties, "failIfExists")
        made = [self._path({"path": text}, "path") for text in listed]
        return [partial(path.mkdir, parents=True, exist_ok=may_exist) for path in made]


class FileMark(_FileAction):
    """Action `file.mark`: an empty file at `path`."""

    name = "file.mark"

    def works(self, properties: Mapping[str, str]) -> Sequence[Callable[[], None]]:
        path = self._path(properties, "path")

        def mark() -> None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()

        return [mark]


def _is_on(properties: Mapping[str, str], name: str) -> bool:
    return (properties.get(name) or "").strip().lower() == "true"


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(source, target)


def _copy(source: Path, target: Path, overwrites: bool) -> None:
    final = target / source.name if target.is_dir() else target
    if final.exists() and not overwrites:
        raise FileExistsError(f"{final} is there already")
    final.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, final, dirs_exist_ok=True)
    else:
        shutil.copyfile(source, final)


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
