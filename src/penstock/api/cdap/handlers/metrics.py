"""Metrics: which there are, and what they come to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from penstock.api.cdap.counters import Sample, names_of, samples_of, tags_below
from penstock.api.cdap.wire import texts_of
from penstock.api.shared.call import Call
from penstock.kernel.errors import Invalid
from penstock.kernel.instants import unix_us

__all__ = ["answered", "found", "query", "search"]

_NOW: Final = re.compile(r"now(?:([+-])(\d+)([smhd]?))?")
_UNITS_S: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_AUTO: Final = ((3 * 3600, 1), (10 * 3600, 60))
"""Up to which span in seconds which resolution is chosen; above, an hour."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One query. resolution_s: None for one value over all time."""

    tags: Mapping[str, str]
    metrics: tuple[str, ...]
    group_by: tuple[str, ...] = ()
    start_s: int | None = None
    end_s: int | None = None
    resolution_s: int | None = None
    count: int | None = None
    grouping: dict[str, str] = field(default_factory=dict)


async def search(call: Call) -> list[Any]:
    """List the metrics that fit tags, or the tags by which they can be told apart further."""
    return await found(call, _tags(call.query.getlist("tag")))


async def found(call: Call, tags: Mapping[str, str]) -> list[Any]:
    """List what fits these tags. Raises: Invalid."""
    target = call.query.get("target")
    if target is None:
        raise Invalid("Required target param is missing")
    if target not in ("tag", "metric"):
        raise Invalid(f"Unknown target param value: {target}")
    samples = await samples_of(call.services, call.scope, tags)
    return list(names_of(samples)) if target == "metric" else tags_below(samples, tags)


async def query(call: Call, body: object) -> dict[str, Any]:
    """Answer one query from the parameters, or several by name from the body."""
    return await answered(call, body, None)


async def answered(call: Call, body: object, tags: Mapping[str, str] | None) -> dict[str, Any]:
    """Answer queries; tags: in place of those they name. Raises: Invalid."""
    now_s = unix_us(call.services.clock.now()) // 1_000_000
    if call.query.getlist("metric"):
        return await _answer(call, _from_parameters(call, now_s), tags)
    if not isinstance(body, dict):
        raise Invalid("Missing 'metric' parameters, and the body is no object of queries")
    return {name: await _answer(call, _from_object(each, now_s), tags) for name, each in body.items()}


async def _answer(call: Call, wanted: Wanted, tags: Mapping[str, str] | None) -> dict[str, Any]:
    samples = await samples_of(call.services, call.scope, wanted.tags if tags is None else tags)
    series: dict[tuple[str, tuple[str, ...]], dict[int, int]] = {}
    for sample in samples:
        if sample.name not in wanted.metrics or not _is_within(sample, wanted):
            continue
        group = tuple(sample.tags.get(name, "") for name in wanted.group_by)
        at_s = 0 if wanted.resolution_s is None else sample.at_s // wanted.resolution_s * wanted.resolution_s
        points = series.setdefault((sample.name, group), {})
        points[at_s] = points.get(at_s, 0) + sample.value
    shown = [
        {
            "metricName": name,
            "grouping": dict(zip(wanted.group_by, group, strict=True)),
            "data": [{"time": at_s, "value": value} for at_s, value in sorted(points.items())][: wanted.count],
        }
        for (name, group), points in series.items()
    ]
    return {
        "startTime": wanted.start_s or 0,
        "endTime": wanted.end_s or 0,
        "series": shown,
        "resolution": f"{wanted.resolution_s or 2147483647}s",
    }


def _is_within(sample: Sample, wanted: Wanted) -> bool:
    return (wanted.start_s is None or sample.at_s >= wanted.start_s) and (
        wanted.end_s is None or sample.at_s <= wanted.end_s
    )


def _from_parameters(call: Call, now_s: int) -> Wanted:
    time = {
        name: call.query[name] for name in ("aggregate", "start", "end", "count", "resolution") if name in call.query
    }
    metrics, groups = call.query.getlist("metric"), call.query.getlist("groupBy")
    return _wanted(_tags(call.query.getlist("tag")), metrics, groups, time, now_s)


def _from_object(value: object, now_s: int) -> Wanted:
    if not isinstance(value, dict):
        raise Invalid("A query is an object with 'tags', 'metrics' and 'timeRange'")
    metrics, groups = value.get("metrics"), value.get("groupBy") or []
    if not isinstance(metrics, list) or not isinstance(groups, list):
        raise Invalid("Missing metrics in the query: 'metrics' and 'groupBy' are lists of names")
    time = value.get("timeRange") or {}
    return _wanted(texts_of(value.get("tags"), "tags"), metrics, groups, texts_of(time, "timeRange"), now_s)


def _wanted(
    tags: Mapping[str, str], metrics: list[str], groups: list[str], time: Mapping[str, str], now_s: int
) -> Wanted:
    split = tuple(name for each in groups for name in str(each).split(",") if name)
    names = tuple(str(each) for each in metrics)
    if time.get("aggregate", "").lower() == "true" or not time:
        return Wanted(tags, names, split)
    count = int(time["count"]) if time.get("count", "").isdecimal() else None
    start_s = _time(time.get("start"), now_s)
    end_s = _time(time.get("end"), now_s)
    resolution_s = _resolution(time.get("resolution"), start_s, end_s, now_s)
    if count is not None and (start_s is None) != (end_s is None):
        if start_s is not None:
            end_s = start_s + count * resolution_s
        elif end_s is not None:
            start_s = end_s - count * resolution_s
    return Wanted(tags, names, split, start_s, end_s if end_s is not None else now_s, resolution_s, count)


def _resolution(text: str | None, start_s: int | None, end_s: int | None, now_s: int) -> int:
    if text is None or text.lower() == "auto":
        if text is None:
            return 1
        span_s = (end_s if end_s is not None else now_s) - (start_s if start_s is not None else now_s)
        return next((resolution_s for most_s, resolution_s in _AUTO if span_s <= most_s), 3600)
    found = re.fullmatch(r"(\d+)([smhd]?)", text)
    if found is None or not int(found[1]):
        raise Invalid(f"Invalid resolution '{text}'; it must be like 1s, 60s, 3600s or auto")
    return int(found[1]) * _UNITS_S[found[2]]


def _time(text: str | None, now_s: int) -> int | None:
    if text is None:
        return None
    if text.isdecimal():
        return int(text)
    found = _NOW.fullmatch(text)
    if found is None:
        raise Invalid(f"Invalid time '{text}'; it must be a number of seconds, or like now-1h")
    if found[1] is None:
        return now_s
    offset_s = int(found[2]) * _UNITS_S[found[3]]
    return now_s + offset_s if found[1] == "+" else now_s - offset_s


def _tags(given: list[str]) -> dict[str, str]:
    found = {}
    for each in given:
        name, colon, value = each.partition(":")
        if not colon:
            raise Invalid(f"Invalid tag '{each}'; it must be '<name>:<value>'")
        found[name] = value
    return found
