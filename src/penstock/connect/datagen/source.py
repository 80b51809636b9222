"""The transport "datagen": its plan, its rate, and where it goes on.

Source: spec of connectors, datagen: a plan is a list of stretches with limit, rate and settings by column; a column
without settings counts up.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock.connect.datagen.columns import Generator, column_generator
from penstock.connect.datagen.parts import value_generator
from penstock.connect.datagen.streams import Streams
from penstock.data.changes import Changes
from penstock.data.pool import Pool
from penstock.ports.format import Layout
from penstock.ports.source import Feed, TransportRefused

_CHUNK_ROWS = 10_000
_SETTINGS = ("plan", "workers", "seed", "transaction_size")
_STRETCH_SETTINGS = ("limit", "rate", "worker_chunk_size", "fields")


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the plan. limit: rows in all, None without end; rate: rows per second, None as fast as possible."""

    limit: int | None
    rate: float | None
    chunk_rows: int
    columns: tuple[Generator, ...]


class GeneratorSource:
    """The transport "datagen": rows made up by rule; the same settings and seed make the same rows, here and
    on servers that draw as this one does (but for the words of made-up texts, what is drawn in a row after them, and
    random booleans).

    workers and transaction_size are taken and change nothing: rows come in one order, whoever makes them, and steps
    are cut by the circuit.
    """

    name = "datagen"
    needs_format = False

    def open(self, config: Mapping[str, Any], table: Layout, pool: Pool) -> OpenGenerator:
        """Return a source. Raises: TransportRefused."""
        _known(config, _SETTINGS)
        seed = config.get("seed")
        if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool)):
            raise TransportRefused(f"seed is an integer, not {seed!r}")
        plan = config.get("plan")
        if plan is None:
            plan = [{}]
        if not isinstance(plan, list) or not all(isinstance(part, dict) for part in plan):
            raise TransportRefused("plan is a list of objects")
        return OpenGenerator([_stretch(part, table, pool) for part in plan], len(table.columns), seed)


def _known(settings: Mapping[str, Any], names: tuple[str, ...]) -> None:
    for name in settings:
        if name not in names:
            raise TransportRefused(f"there is no setting {name!r}; there are {', '.join(names)}")


def _stretch(part: Mapping[str, Any], table: Layout, pool: Pool) -> Stretch:
    _known(part, _STRETCH_SETTINGS)
    limit = _number(part, "limit", int)
    rate = _number(part, "rate", float)
    chunk = _number(part, "worker_chunk_size", int)
    fields = part.get("fields") or {}
    if not isinstance(fields, dict):
        raise TransportRefused("fields is an object of settings by column")
    settings: dict[str, Mapping[str, Any]] = {}
    for name, setting in fields.items():
        column = next(
            (
                c.name
                for c in table.columns
                if c.name == name or (not c.case_sensitive and c.name.lower() == name.lower())
            ),
            None,
        )
        if column is None:
            raise TransportRefused(f"table {table.name!r} has no column {name!r}")
        if not isinstance(setting, dict):
            raise TransportRefused(f"the settings of column {name!r} are an object, not {setting!r}")
        settings[column] = setting
    columns = tuple(
        column_generator(c.name, c.type, settings.get(c.name, {}), pool, value_generator) for c in table.columns
    )
    chunk_rows = int(chunk) if chunk else _CHUNK_ROWS
    if rate:
        chunk_rows = max(1, min(chunk_rows, int(rate / 20)))
    return Stretch(None if limit is None else int(limit), rate or None, chunk_rows, columns)


def _number(part: Mapping[str, Any], name: str, kind: type) -> float | None:
    value = part.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int if kind is int else int | float) or value < 0:
        raise TransportRefused(f"{name} is a number of at least 0, not {value!r}")
    return float(value) if kind is float else value


class OpenGenerator:
    """Makes the rows of a plan. A place: the seed, and how many rows were made before."""

    def __init__(self, plan: list[Stretch], width: int, seed: int | None) -> None:
        self._plan = plan
        self._width = width
        self._seed = seed
        self._skip = 0

    def resume(self, place: Any) -> None:
        """Go on after the rows of a place: {"seed", "rows"}."""
        if place is not None:
            self._seed, self._skip = place["seed"], place["rows"]

    def run(self, feed: Feed) -> None:
        """Give all rows of each stretch in turn, from the first that was not made before."""
        seed = secrets.randbits(63) if self._seed is None else self._seed
        before = 0
        for stretch in self._plan:
            first = max(self._skip - before, 0)
            if stretch.limit is None or first < stretch.limit:
                self._give(feed, stretch, seed, first, before)
            before += stretch.limit or 0

    def _give(self, feed: Feed, stretch: Stretch, seed: int, first: int, before: int) -> None:
        """Give the rows of a stretch from number `first` on. before: how many rows the plan has before it."""
        began, done = time.monotonic(), first
        while stretch.limit is None or done < stretch.limit:
            count = stretch.chunk_rows if stretch.limit is None else min(stretch.chunk_rows, stretch.limit - done)
            if stretch.rate is not None:
                ahead_s = (done - first) / stretch.rate - (time.monotonic() - began)
                if ahead_s > 0:
                    feed.wait_s(ahead_s)
            numbers, rows = np.arange(done, done + count), np.arange(count)
            streams = Streams(seed, done, count)
            columns = [generate(numbers, streams, rows) for generate in stretch.columns]
            feed.begins({"seed": seed, "rows": before + done})
            feed.changes(Changes(columns, np.ones(count, np.int64)), 8 * self._width * count)
            done += count
