"""The event files: written once per (events, seed), read by every peer.

A data set is a folder with `<stream>/part-<n>.csv` for the three streams and two parts (no header line, no quotes,
times as `YYYY-MM-DD HH:MM:SS.mmm`), and `manifest.json`. How rows are dealt to the parts is `layout`'s matter.
"""

import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from bench.cache import cache_directory
from bench.nexmark.layout import PART_COUNT, STREAMS, Stream, stripe_epochs
from penstock.connect.nexmark.generator import generate

FORMAT = 1
"""Raise it whenever the generator or the files change: old folders are then left alone and new ones written."""

SIDE_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Dataset:
    """One written data set: where it lies and what it holds."""

    path: Path
    event_count: int
    seed: int
    epochs_per_stripe: int

    def folder(self, stream: Stream) -> Path:
        """Give the folder with all parts of a stream, and nothing else."""
        return self.path / stream.name

    def file(self, stream: Stream, part: int) -> Path:
        """Give the file with one part of a stream; it exists even if it is empty."""
        return self.folder(stream) / f"part-{part}.csv"

    def row_count(self, stream: Stream) -> int:
        """Count the rows of a stream, all parts together."""
        return stream.rows_before(self.event_count)

    def size_bytes(self) -> int:
        """Measure all event files."""
        return sum(self.file(s, p).stat().st_size for s in STREAMS.values() for p in range(PART_COUNT))


def open_dataset(event_count: int, seed: int = 1) -> Dataset:
    """Find the data set in the cache, or write it; a cut-off write leaves nothing that would be found."""
    path = cache_directory() / f"nexmark-{FORMAT}-{event_count}-{seed}"
    dataset = Dataset(path, event_count, seed, stripe_epochs(event_count))
    if not (path / "manifest.json").exists():
        _write(dataset)
    return dataset


def side_input() -> Path:
    """Find the folder of the side input, or write it: 10,000 rows of `id,label`, the same for every data set."""
    folder = cache_directory() / "nexmark-side-input"
    if not folder.exists():
        unfinished = folder.with_name(f"{folder.name}.{os.getpid()}.unfinished")
        unfinished.mkdir()
        lines = [f"{number},label of {number}\n" for number in range(SIDE_ROWS)]
        (unfinished / "part-0.csv").write_text("".join(lines))
        try:
            unfinished.rename(folder)
        except OSError:  # somebody else wrote it meanwhile
            shutil.rmtree(unfinished)
    return folder


def load_dataset(path: Path) -> Dataset:
    """Open a written data set by its folder."""
    manifest = json.loads((path / "manifest.json").read_text())
    return Dataset(path, manifest["event_count"], manifest["seed"], manifest["epochs_per_stripe"])


def stripes(dataset: Dataset, stream: Stream) -> Iterator[tuple[int, pa.Table]]:
    """Generate a stream stripe by stripe: (number, rows)."""
    rows_per_stripe = stream.count * dataset.epochs_per_stripe
    total = dataset.row_count(stream)
    for number, start in enumerate(range(0, total, rows_per_stripe)):
        yield number, generate(stream, start, min(start + rows_per_stripe, total), dataset.seed, number)


def _write(dataset: Dataset) -> None:
    started = time.perf_counter()
    unfinished = dataset.path.with_name(f"{dataset.path.name}.{os.getpid()}.unfinished")
    unfinished.mkdir(parents=True)
    here = Dataset(unfinished, dataset.event_count, dataset.seed, dataset.epochs_per_stripe)
    for stream in STREAMS.values():
        _write_stream(here, stream)
    manifest = {key: value for key, value in asdict(dataset).items() if key != "path"}
    manifest["seconds"] = round(time.perf_counter() - started, 3)
    (unfinished / "manifest.json").write_text(json.dumps(manifest) + "\n")
    try:
        unfinished.rename(dataset.path)
    except OSError:  # somebody else wrote the same set meanwhile
        shutil.rmtree(unfinished)


def _write_stream(dataset: Dataset, stream: Stream) -> None:
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")
    dataset.folder(stream).mkdir()
    sinks = [dataset.file(stream, part).open("wb") for part in range(PART_COUNT)]
    try:
        for number, rows in stripes(dataset, stream):
            pyarrow.csv.write_csv(rows, sinks[number % PART_COUNT], options)
    finally:
        for sink in sinks:
            sink.close()
