"""What happens to the tables: they are loaded in steps, with rows changed, taken away and added again on the way.

A story is made once for each scale, number of steps and seed, and kept in the cache: making it takes far longer than
either side needs to go through it.
"""

import os
import random
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.feather

from bench.cache import cache_directory
from bench.tpch.data import Maker
from bench.tpch.program import TABLES

FORMAT = 1
"""Raise it whenever the rows or the files change."""

WEIGHT = "changed_by"
Event = tuple[str, tuple[Any, ...], int]
"""A table, a row and 1 if it comes, -1 if it goes."""
Change = tuple[pa.RecordBatch, pa.Array]
"""Rows of one table, and of each the weight: 1 or -1."""


def story(maker: Maker, rng: random.Random, step_count: int) -> Iterator[list[Event]]:
    """Yield steps that load all tables; with each, a tenth of its size goes, to come back for the most part."""
    loads: list[tuple[str, tuple[Any, ...]]] = [(table, row) for table, rows in maker.tables().items() for row in rows]
    rng.shuffle(loads)
    others = {
        "supplier": maker.supplier,
        "part": maker.part,
        "customer": maker.customer,
        "orders": lambda key: maker.order(key)[0],
    }
    there: list[tuple[str, tuple[Any, ...]]] = []
    size = -(-len(loads) // step_count)
    start = 0
    while start < len(loads):
        step: list[Event] = []
        for _ in range(min(len(there), max(size // 10, 2))):
            at = rng.randrange(len(there))
            there[at], there[-1] = there[-1], there[at]
            table, row = there.pop()
            step.append((table, row, -1))
            if table in others and rng.random() < 0.6:
                row = others[table](row[0])
            if rng.random() < 0.8:
                loads.append((table, row))
        coming = loads[start : start + size]
        step += [(table, row, 1) for table, row in coming]
        there += coming
        yield step
        start += size


def schemas() -> dict[str, pa.Schema]:
    """Return the Arrow types of each table's columns."""
    with duckdb.connect() as connection:
        connection.execute(TABLES)
        names = [row[0] for row in connection.execute("SHOW TABLES").fetchall()]
        return {name: connection.sql(f"SELECT * FROM {name}").to_arrow_table().schema for name in names}


def to_changes(step: Sequence[Event], columns: dict[str, pa.Schema]) -> dict[str, Change]:
    """Turn one step into the changes of each table that it touches."""
    rows: dict[str, list[tuple[Any, ...]]] = {}
    weights: dict[str, list[int]] = {}
    for table, row, weight in step:
        rows.setdefault(table, []).append(row)
        weights.setdefault(table, []).append(weight)
    made = {}
    for table, listed in rows.items():
        arrays = [pa.array(values, f.type) for values, f in zip(zip(*listed, strict=True), columns[table], strict=True)]
        batch = pa.RecordBatch.from_arrays(arrays, names=columns[table].names)
        made[table] = batch, pa.array(weights[table], pa.int64())
    return made


def open_story(scale: float, step_count: int, seed: int) -> Path:
    """Find the folder of a story in the cache, or write it."""
    home = cache_directory() / f"tpch-{FORMAT}-{scale}-{step_count}-{seed}"
    if not home.exists():
        unfinished = home.with_name(f"{home.name}.{os.getpid()}.unfinished")
        columns = schemas()
        for number, step in enumerate(story(Maker(scale, seed), random.Random(seed), step_count)):
            folder = unfinished / f"{number:05}"
            folder.mkdir(parents=True)
            for table, (batch, weights) in to_changes(step, columns).items():
                rows = pa.Table.from_batches([batch]).append_column(WEIGHT, weights)
                pyarrow.feather.write_feather(rows, str(folder / f"{table}.arrow"), "uncompressed")
        try:
            unfinished.rename(home)
        except OSError:  # somebody else wrote the same story meanwhile
            shutil.rmtree(unfinished)
    return home


def read_story(home: Path) -> Iterator[dict[str, Change]]:
    """Yield the steps of a written story."""
    for folder in sorted(home.iterdir()):
        step = {}
        for file in sorted(folder.iterdir()):
            rows = pyarrow.feather.read_table(str(file), memory_map=False).combine_chunks()
            (batch,) = rows.drop_columns([WEIGHT]).to_batches()
            step[file.stem] = batch, rows[WEIGHT].combine_chunks()
        yield step
