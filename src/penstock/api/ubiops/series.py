"""Time series of numbers that clients report: points of a metric with labels, and how they are added up. Pure, but for
what reads and writes the points.

Each series is a stream of facts, named after its metric and labels; a point is one fact.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from penstock.kernel.records import Append, DropStream
from penstock.kernel.scope import Scope
from penstock.services.services import Services

__all__ = ["BUILT_IN", "Bucketed", "add_points", "bucketed", "drop_points", "read_points", "series_key"]

BUILT_IN: Final[Mapping[str, tuple[str, str, str]]] = {
    "deployments.requests": ("delta", "requests", "Number of requests made to the object"),
    "deployments.failed_requests": ("delta", "requests", "Number of failed requests made to the object"),
    "deployments.request_duration": ("gauge", "seconds", "Average time in seconds for a request to complete"),
    "deployments.input_volume": ("delta", "bytes", "Volume of incoming data in bytes"),
    "deployments.output_volume": ("delta", "bytes", "Volume of outgoing data in bytes"),
    "deployments.instances": ("gauge", "instances", "Number of active deployment instances"),
    "pipelines.requests": ("delta", "requests", "Number of requests made to the object"),
    "pipelines.failed_requests": ("delta", "requests", "Number of failed requests made to the object"),
    "pipelines.request_duration": ("gauge", "seconds", "Average time in seconds for a pipeline request to complete"),
    "pipelines.input_volume": ("delta", "bytes", "Volume of incoming data in bytes"),
    "pipelines.output_volume": ("delta", "bytes", "Volume of outgoing data in bytes"),
}
"""The metrics that the server keeps by itself: how points add up, unit, description."""

_PAGE: Final = 10_000
_MAX_POINTS: Final = 1_000_000


class _Point(msgspec.Struct, frozen=True, array_like=True):
    at_us: int
    value: float


_decoder = msgspec.json.Decoder(_Point)


@dataclass(frozen=True, slots=True)
class Bucketed:
    """The points of one period. value: their sum or mean; None if there are none."""

    start_us: int
    end_us: int
    value: float | None


def series_key(metric: str, labels: Mapping[str, str]) -> str:
    """Return what tells a series from others."""
    text = msgspec.json.encode([metric, sorted(labels.items())])
    return hashlib.blake2b(text, digest_size=12).hexdigest()


async def add_points(services: Services, scope: Scope, key: str, points: Iterable[tuple[int, float]]) -> None:
    """Keep points, each an instant in microseconds and a value."""
    at = services.clock.now()
    writes = [Append(_stream(scope, key), at, "point", msgspec.json.encode(_Point(*each))) for each in points]
    if writes:
        await services.store.commit(*writes)


async def read_points(
    services: Services, scope: Scope, key: str, start_us: int, end_us: int
) -> list[tuple[int, float]]:
    """Return the points with `start_us <= at_us < end_us`."""
    found: list[tuple[int, float]] = []
    position = 0
    while len(found) < _MAX_POINTS:
        facts = await services.store.facts(_stream(scope, key), after=position, limit=_PAGE)
        for fact in facts:
            point = _decoder.decode(fact.body)
            if start_us <= point.at_us < end_us:
                found.append((point.at_us, point.value))
        if len(facts) < _PAGE:
            break
        position = facts[-1].position
    return found


def drop_points(scope: Scope, key: str) -> DropStream:
    """Return the write that removes a series."""
    return DropStream(_stream(scope, key))


def bucketed(
    points: Iterable[tuple[int, float]], start_us: int, end_us: int, period_us: int, *, adds_up: bool
) -> list[Bucketed]:
    """Add points up by period, from the first instant on. adds_up: sum them, else take their mean."""
    sums: dict[int, tuple[float, int]] = {}
    for at_us, value in points:
        number = (at_us - start_us) // period_us
        total, count = sums.get(number, (0.0, 0))
        sums[number] = (total + value, count + 1)
    made = []
    for number in range(-(-(end_us - start_us) // period_us)):
        first = start_us + number * period_us
        total, count = sums.get(number, (0.0, 0))
        mean = total / count if count else None
        made.append(Bucketed(first, min(first + period_us, end_us), total if adds_up else mean))
    return made


def _stream(scope: Scope, key: str) -> str:
    return f"{scope}/series/{key}"
