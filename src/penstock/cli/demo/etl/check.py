"""What the pipeline should have come to: the same by DuckDB, from the same files."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from penstock.cli.demo.etl.pipeline import COLUMNS, LATE_MIN, WINDY_MPH

__all__ = ["differences", "expected", "read_csv", "read_parquet"]

RELATIVE_TOLERANCE: Final = 1e-9
"""Means are equal to nine significant digits: two engines add in different orders."""

Row = tuple[Any, ...]

_QUESTION: Final = f"""
    WITH flights AS (
        SELECT carrier, origin, time_hour, dep_delay::DOUBLE AS dep_delay, distance::BIGINT AS distance
        FROM read_csv('{{folder}}/flights.csv', nullstr = 'NA', all_varchar = true) WHERE dep_delay IS NOT NULL
    ), weather AS (
        SELECT origin, time_hour, CASE WHEN wind_speed::DOUBLE >= {WINDY_MPH} THEN 'windy' ELSE 'calm' END AS wind
        FROM read_csv('{{folder}}/weather.csv', nullstr = 'NA', all_varchar = true) WHERE wind_speed IS NOT NULL
    )
    SELECT name, wind, count(*), count_if(dep_delay > {LATE_MIN}), avg(dep_delay), max(dep_delay), sum(distance)::BIGINT
    FROM flights JOIN read_csv('{{folder}}/airlines.csv', all_varchar = true) USING (carrier)
        JOIN weather USING (origin, time_hour)
    GROUP BY name, wind ORDER BY name, wind
"""


def expected(folder: Path) -> list[Row]:
    """Return the rows that DuckDB comes to, in the order of airline and wind."""
    import duckdb  # heavy, and only needed here

    rows: list[Row] = duckdb.connect().execute(_QUESTION.format(folder=folder)).fetchall()
    return rows


def read_csv(folder: Path) -> list[Row]:
    """Read what the csv sink wrote. Fields are not quoted, so the numbers are split off the right."""
    rows: list[Row] = []
    for part in sorted(folder.glob("**/part-*")):
        for line in part.read_text("utf-8").splitlines():
            fields = line.rsplit(",", len(COLUMNS) - 1)
            if tuple(fields) != COLUMNS:
                rows.append((*fields[:2], int(fields[2]), int(fields[3]), *map(float, fields[4:6]), int(fields[6])))
    return sorted(rows)


def read_parquet(folder: Path) -> list[Row]:
    """Read what the parquet sink wrote."""
    import duckdb

    files = [str(path) for path in sorted(folder.glob("**/part-*"))]
    names = ", ".join(COLUMNS)
    return sorted(duckdb.connect().execute(f"SELECT {names} FROM read_parquet(?)", [files]).fetchall())


def differences(found: list[Row], wanted: list[Row]) -> Iterator[str]:
    """Say how two answers differ, at most a few lines."""
    if len(found) != len(wanted):
        yield f"{len(found)} rows instead of {len(wanted)}"
    shown = 0
    for row, other in zip(found, wanted, strict=False):
        if not all(_is_same(a, b) for a, b in zip(row, other, strict=True)):
            shown += 1
            if shown <= 5:
                yield f"{row} instead of {other}"


def _is_same(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, float):
        return math.isclose(found, wanted, rel_tol=RELATIVE_TOLERANCE)
    return bool(found == wanted)
