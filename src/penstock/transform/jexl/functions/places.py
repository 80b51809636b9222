"""`geo:` and `ddl:`: points inside fences, and members of nested records."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from penstock.transform.jexl.functions.signatures import function
from penstock.transform.jvm.json_text import JsonInvalid, parse_json

__all__: list[str] = []


@function("geo", "dds", "InFence")
def in_fence(latitude: float, longitude: float, fences: str) -> bool:
    """Whether a point lies inside one of the polygons of a GeoJSON feature collection, by winding number."""
    try:
        features = parse_json(fences)["features"]
    except (JsonInvalid, TypeError, KeyError):
        raise ArithmeticError(f"String {fences} is not a valid geoJson representation of fence") from None
    return any(_inside(latitude, longitude, feature["geometry"]["coordinates"][0]) for feature in features)


def _inside(latitude: float, longitude: float, ring: list[list[float]]) -> bool:
    winding = 0
    for (x0, y0, *_), (x1, y1, *_) in pairwise(ring):
        side = (x1 - x0) * (latitude - y0) - (longitude - x0) * (y1 - y0)
        if y0 <= latitude < y1 and side > 0:
            winding += 1
        elif y1 <= latitude < y0 and side < 0:
            winding -= 1
    return winding != 0


@function("ddl", "o")
def parse(record: Any) -> Any:
    return record


@function("ddl", "os", "hasField")
def has_field(record: Any, name: str) -> bool:
    return isinstance(record, dict) and name in record


@function("ddl", "os*")
def drop(record: Any, *paths: str) -> Any:
    return record


@function("ddl", "os")
def select(record: Any, path: str) -> Any:
    """Follow a path of names with dots; `name[0]` and `name[key]` go into lists and maps."""
    for part in path.split("."):
        found = re.fullmatch(r"([^\[]+)(?:\[([^\]]*)\])?", part)
        if found is None:
            raise ArithmeticError(f"Invalid field '{part}'. An index start '[' must end with a ']'")
        if not isinstance(record, dict) or found[1] not in record:
            raise ArithmeticError(f"Nested field '{found[1]}' in path '{path}' does not exist")
        record = record[found[1]]
        if found[2] is not None:
            try:
                record = record[int(found[2])] if isinstance(record, list) else record[found[2]]
            except (IndexError, KeyError, ValueError, TypeError):
                message = f"Index '{found[2]}' for nested field '{found[1]}' in path '{path}' is out of bounds."
                raise ArithmeticError(message) from None
    return record
