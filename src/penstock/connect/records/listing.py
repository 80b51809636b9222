"""The files a path stands for: a file, a directory's files, or what a pattern of names matches."""

from __future__ import annotations

import re
from collections.abc import Iterator
from glob import glob, has_magic
from pathlib import Path

__all__ = ["is_hidden", "list_files"]


def list_files(path: Path, *, recursive: bool, pattern: re.Pattern[str] | None) -> list[Path] | None:
    """Return the files in the order of their names; None if there is nothing at the path.

    recursive: also files of directories below. pattern: whole paths must match it. Names that begin with a dot or an
    underscore are hidden.
    """
    roots = _roots(path)
    if not roots:
        return None
    found: list[Path] = []
    for root in roots:
        found.extend(_below(root, recursive) if root.is_dir() else [root])
    kept = dict.fromkeys(sorted(found))
    return [file for file in kept if pattern is None or _matches(pattern, file)]


def is_hidden(name: str) -> bool:
    """Tell whether readers pass over a name."""
    return name.startswith((".", "_"))


def _roots(path: Path) -> list[Path]:
    if path.exists():
        return [path]
    text = str(path)
    roots: list[Path] = []
    for alternative in _spread_braces(text):
        if has_magic(alternative):
            roots.extend(Path(match) for match in sorted(glob(alternative)) if not is_hidden(Path(match).name))
        elif Path(alternative).exists():
            roots.append(Path(alternative))
    return roots


def _spread_braces(text: str) -> list[str]:
    """Return the texts that `{a,b}` stands for."""
    match = re.search(r"\{([^{}]*)\}", text)
    if match is None:
        return [text]
    spread: list[str] = []
    for choice in match[1].split(","):
        spread.extend(_spread_braces(text[: match.start()] + choice + text[match.end() :]))
    return spread


def _below(directory: Path, recursive: bool) -> Iterator[Path]:
    for entry in sorted(directory.iterdir()):
        if is_hidden(entry.name):
            continue
        if entry.is_file():
            yield entry
        elif recursive and entry.is_dir():
            yield from _below(entry, recursive)


def _matches(pattern: re.Pattern[str], file: Path) -> bool:
    """Whole paths are matched, with the scheme and without it."""
    return any(pattern.fullmatch(text) for text in (f"file:{file}", str(file), f"file://{file}"))
