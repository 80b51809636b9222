"""What `penstock sql ingest` does: send a file into a table, show how far it is, wait until it is processed."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from penstock.cli.pipelines.commands import chosen
from penstock.cli.pipelines.progress import LOOK_EVERY_S, counted
from penstock.cli.pipelines.server import Server
from penstock.kernel.errors import Invalid

__all__ = ["ingest"]

CHUNK_BYTES: Final = 1 << 18
COUNT_EVERY_S: Final = 0.5
FORMATS: Final = {".json": "json", ".jsonl": "json", ".ndjson": "json", ".csv": "csv", ".parquet": "parquet"}


def ingest(
    server: Server,
    name: str | None,
    file: Path,
    table: str | None,
    form: str | None,
    *,
    updates: str,
    header: bool,
    waits: bool,
) -> None:
    """Send a file. table: by default called as the file. Raises: Invalid; what the server refuses."""
    form = form or FORMATS.get(file.suffix.lower())
    if form is None:
        raise Invalid(f"the format of {file.name!r} is not known by its ending", hint="say it with --format")
    name, table = chosen(server, name, "with --pipeline"), table or file.stem
    if server.show(name)["deployment_status"] == "Paused":
        raise Invalid(f"{name} is paused and takes nothing in", hint=f"have it go on with: penstock sql start {name}")
    options = {"format": form}
    if form == "json":
        options["update_format"] = updates
    if form == "csv" and header:
        options["headers"] = "true"
    began = time.monotonic()
    with _progress() as progress:
        try:
            size_bytes = file.stat().st_size
            token = server.push(name, table, size_bytes, _chunks(file, size_bytes, progress), **options)
        except OSError as error:
            raise Invalid(f"cannot read {str(file)!r}: {error.strerror or error}") from None
        if waits:
            _await(server, name, token, progress)
    what = "processed" if waits else "sent"
    print(f"{file.name}: {size_bytes:,} bytes {what} in {time.monotonic() - began:.1f} s")


def _chunks(file: Path, size_bytes: int, progress: Progress) -> Iterator[bytes]:
    """Yield a file's bytes; as many as were announced, though it may grow meanwhile."""
    task = progress.add_task(f"sending {file.name}", total=size_bytes)
    left = size_bytes
    with file.open("rb") as content:
        while left and (chunk := content.read(min(CHUNK_BYTES, left))):
            yield chunk
            left -= len(chunk)
            progress.advance(task, len(chunk))


def _await(server: Server, name: str, token: str, progress: Progress) -> None:
    task, counted_at = progress.add_task("processing", total=None), 0.0
    while not server.is_processed(name, token):
        if server.show(name)["deployment_status"] == "Paused":
            print(f"penstock: {name} is paused; what was sent is taken in when it goes on", file=sys.stderr)
            return
        if not progress.disable and time.monotonic() - counted_at > COUNT_EVERY_S:
            progress.update(task, description=f"processing: {counted(server, name)}")
            counted_at = time.monotonic()
        time.sleep(LOOK_EVERY_S)
    progress.update(task, total=1, completed=1)


def _progress() -> Progress:
    console = Console(stderr=True, highlight=False)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
