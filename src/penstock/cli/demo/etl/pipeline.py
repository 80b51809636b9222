"""The pipeline of the demo: flights, wrangled, with the names of airlines and the weather at their departure, grouped.

    Flights ─▶ Wrangle flights ─▶ With airlines ─▶ With weather ─▶ By airline and wind ─▶ As csv, As parquet
    Airlines ─────────────────────┘                │
    Weather ─▶ Wrangle weather ────────────────────┘

Paths are macros; the run's arguments say what they are.
"""

from __future__ import annotations

import json
from typing import Any, Final

__all__ = ["AGGREGATES", "COLUMNS", "LATE_MIN", "WINDY_MPH", "pipeline"]

LATE_MIN: Final = 15
"""A flight that leaves more minutes after its time is late."""
WINDY_MPH: Final = 15
"""From this speed on it is windy."""

FLIGHTS: Final = (
    "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight,tailnum,origin,"
    "dest,air_time,distance,hour,minute,time_hour"
)
WEATHER: Final = (
    "origin,year,month,day,hour,temp,dewp,humid,wind_dir,wind_speed,wind_gust,precip,pressure,visib,time_hour"
)
COLUMNS: Final = ("airline", "wind", "flights", "late", "mean_delay", "longest_delay", "miles")
"""Columns of the outcome: two to group by, then what is computed."""
AGGREGATES: Final = (
    "flights:count(*),late:sum(late),mean_delay:avg(dep_delay),longest_delay:max(dep_delay),miles:sum(distance)"
)

_FLIGHTS_RECIPE: Final = f"""\
keep :carrier,:origin,:time_hour,:dep_delay,:distance
filter-row exp:{{dep_delay == 'NA'}} true
set-type :dep_delay double
set-type :distance long
set-column :late exp:{{dep_delay > {LATE_MIN} ? 1 : 0}}
set-type :late long
rename :time_hour :hour
"""
_WEATHER_RECIPE: Final = f"""\
keep :origin,:time_hour,:wind_speed
filter-row exp:{{wind_speed == 'NA'}} true
set-type :wind_speed double
set-column :wind exp:{{wind_speed >= {WINDY_MPH} ? 'windy' : 'calm'}}
drop :wind_speed
rename :time_hour :hour
"""


def pipeline() -> dict[str, Any]:
    """Return the pipeline as it is deployed."""
    flights = (("carrier", "string"), ("origin", "string"), ("hour", "string"))
    wrangled = (*flights, ("dep_delay", "double"), ("distance", "long"), ("late", "long"))
    named = (*wrangled, ("airline", "string"))
    stages = [
        _source("Flights", "${input}/flights.csv", FLIGHTS.split(",")),
        _source("Airlines", "${input}/airlines.csv", ["carrier", "name"]),
        _source("Weather", "${input}/weather.csv", WEATHER.split(",")),
        _wrangler("Wrangle flights", _FLIGHTS_RECIPE, wrangled),
        _wrangler("Wrangle weather", _WEATHER_RECIPE, (("origin", "string"), ("hour", "string"), ("wind", "string"))),
        _joiner(
            "With airlines",
            [*(f"Wrangle flights.{name} as {name}" for name, _ in wrangled), "Airlines.name as airline"],
            "Wrangle flights.carrier = Airlines.carrier",
            "Wrangle flights,Airlines",
        ),
        _joiner(
            "With weather",
            [*(f"With airlines.{name} as {name}" for name, _ in named), "Wrangle weather.wind as wind"],
            "With airlines.origin = Wrangle weather.origin & With airlines.hour = Wrangle weather.hour",
            "With airlines,Wrangle weather",
        ),
        _stage(
            "By airline and wind",
            "GroupByAggregate",
            "batchaggregator",
            groupByFields="airline,wind",
            aggregates=AGGREGATES,
        ),
        _sink("As csv", "csv", writeHeader="true"),
        _sink("As parquet", "parquet"),
    ]
    edges = (
        ("Flights", "Wrangle flights"),
        ("Weather", "Wrangle weather"),
        ("Wrangle flights", "With airlines"),
        ("Airlines", "With airlines"),
        ("With airlines", "With weather"),
        ("Wrangle weather", "With weather"),
        ("With weather", "By airline and wind"),
        ("By airline and wind", "As csv"),
        ("By airline and wind", "As parquet"),
    )
    return {
        "name": "FlightsByAirline",
        "description": "Late departures by airline, on calm and on windy hours",
        "artifact": {"name": "cdap-data-pipeline", "version": "6.10.1", "scope": "SYSTEM"},
        "config": {
            "engine": "spark",
            "stages": stages,
            "connections": [{"from": source, "to": target} for source, target in edges],
            "resources": {"memoryMB": 2048, "virtualCores": 1},
            "numOfRecordsPreview": 100,
        },
    }


def _source(name: str, path: str, columns: list[str]) -> dict[str, Any]:
    schema = _schema((column, "string") for column in columns)
    return _stage(
        name, "File", "batchsource", referenceName=_id(name), path=path, format="csv", skipHeader="true", schema=schema
    )


def _wrangler(name: str, recipe: str, fields: Any) -> dict[str, Any]:
    return _stage(
        name,
        "Wrangler",
        "transform",
        "wrangler-transform",
        field="*",
        directives=recipe,
        precondition="false",
        **{"on-error": "fail-pipeline"},
        schema=_schema(fields),
    )


def _joiner(name: str, fields: list[str], keys: str, inputs: str) -> dict[str, Any]:
    return _stage(name, "Joiner", "batchjoiner", selectedFields=",".join(fields), joinKeys=keys, requiredInputs=inputs)


def _sink(name: str, format: str, **more: str) -> dict[str, Any]:
    return _stage(
        name, "File", "batchsink", referenceName=_id(name), path=f"${{output}}/{format}", format=format, **more
    )


def _stage(name: str, plugin: str, type: str, artifact: str = "core-plugins", **properties: str) -> dict[str, Any]:
    found = {"name": plugin, "type": type, "label": name, "artifact": {"name": artifact, "scope": "SYSTEM"}}
    return {"name": name, "plugin": {**found, "properties": properties}}


def _schema(fields: Any) -> str:
    shown = [{"name": name, "type": [kind, "null"]} for name, kind in fields]
    return json.dumps({"type": "record", "name": "etlSchemaBody", "fields": shown})


def _id(name: str) -> str:
    return name.replace(" ", "_")
