"""Finding requests: by id, and in lists, among those under way and those that have ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from penstock.api.ubiops.request_views import (
    CANCELLED,
    COMPLETED,
    FAILED,
    PENDING,
    PROCESSING,
    STATUSES,
    RequestView,
    part_view,
    view,
)
from penstock.api.ubiops.rules import instant
from penstock.api.ubiops.served import Served
from penstock.kernel.errors import Invalid, NotFound
from penstock.kernel.ids import whole_of
from penstock.kernel.instants import unix_us
from penstock.kernel.query import AllOf, Compare, Comparison, OneOf, Order, Predicate
from penstock.kernel.runs import RunState, StepRecord, StepState
from penstock.kernel.scope import Scope
from penstock.services.runs.brief_record import MIXED, ended_column, part_column, steps_of
from penstock.services.runs.record import Run
from penstock.services.services import Services

__all__ = ["Wanted", "find_all", "find_one", "list_requests", "read_wanted"]

MAX_LIMIT: Final = 1000
_PAGE: Final = 1000
_RUN_STATES: Final = {
    COMPLETED: (RunState.SUCCEEDED,),
    FAILED: (RunState.FAILED, RunState.ERRORED),
    CANCELLED: (RunState.CANCELLED,),
}
_STEP_STATES: Final = {
    COMPLETED: (StepState.SUCCEEDED,),
    FAILED: (StepState.FAILED, StepState.ERRORED),
    CANCELLED: (StepState.CANCELLED, StepState.OMITTED, StepState.SKIPPED),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list is to hold. from_us, to_us: microseconds since 1970, of when a request was made."""

    statuses: tuple[str, ...]
    limit: int = 50
    offset: int = 0
    from_us: int | None = None
    to_us: int | None = None
    search_id: str = ""

    @property
    def is_ascending(self) -> bool:
        """Whether the oldest come first: they do where a range is asked for, or else the newest."""
        return self.from_us is not None or self.to_us is not None

    def holds(self, request: RequestView) -> bool:
        """Tell whether a request is one of them."""
        at_us = request.created_us
        return (
            request.status in self.statuses
            and (self.from_us is None or at_us >= self.from_us)
            and (self.to_us is None or at_us <= self.to_us)
            and self.search_id in request.id
        )


def read_wanted(query: Mapping[str, str], statuses: Sequence[str]) -> Wanted:
    """Read what a list is to hold. statuses: as they were sent; none means completed ones. Raises: Invalid."""
    named = tuple(dict.fromkeys(name.strip() for text in statuses for name in text.split(",") if name.strip()))
    for name in named:
        if name not in STATUSES:
            raise Invalid(f"status: there is no status {name!r}; there are {', '.join(STATUSES)}")
    is_open = {PENDING, PROCESSING}.intersection(named)
    if is_open and not {PENDING, PROCESSING}.issuperset(named):
        others = ", ".join(name for name in named if name not in is_open)
        raise Invalid(f"status: {' and '.join(sorted(is_open))} cannot be combined with {others}")
    return Wanted(
        named or (COMPLETED,),
        _number(query, "limit", 50, 1, MAX_LIMIT),
        _number(query, "offset", 0, 0, 10_000_000),
        _instant(query, "start_date"),
        _instant(query, "end_date"),
        query.get("search_id", ""),
    )


async def find_one(services: Services, served: Served, id: str, *, is_pinned: bool) -> RequestView:
    """Return a request to what is served; is_pinned: to that very version. Raises: NotFound."""
    found = await _find(services, served.scope, id)
    if found is None or not _belongs(found, served, is_pinned=is_pinned):
        raise NotFound(f"Request was not found: there is no request {id!r} of {served.kind} {served.name!r}")
    return found


async def find_all(services: Services, served: Served, ids: Iterable[str], *, is_pinned: bool) -> list[RequestView]:
    """Return all these requests, or none. Raises: NotFound naming those that are missing."""
    found, missing = [], []
    for id in ids:
        try:
            found.append(await find_one(services, served, id, is_pinned=is_pinned))
        except NotFound:
            missing.append(id)
    if missing:
        raise NotFound(f"Request was not found: {', '.join(missing)}")
    return found


async def list_requests(services: Services, scope: Scope, place: str, wanted: Wanted) -> list[RequestView]:
    """Return requests to a version, those that pipelines made included."""
    if wanted.statuses[0] in (PENDING, PROCESSING):
        found = [request for request in _under_way(services, scope, place) if wanted.holds(request)]
        return _cut(found, wanted)
    enough = wanted.offset + wanted.limit
    own = _own_predicate(place, wanted)
    parts = await _ended(services, scope, _part_predicate(place, wanted), wanted, enough, place)
    if not parts:
        order, offset = Order(descending=not wanted.is_ascending), wanted.offset
        page = await services.runs.page(scope, where=own, order=order, limit=wanted.limit, offset=offset)
        return [view(run, steps_of(run)) for run in page.runs]
    return _cut([*await _ended(services, scope, own, wanted, enough, None), *parts], wanted)


async def _find(services: Services, scope: Scope, id: str) -> RequestView | None:
    try:
        whole, number = whole_of(id)
        run, steps = await services.runs.brief.get(whole)
    except (ValueError, NotFound):
        return None
    if run.scope != scope:
        return None
    return part_view(run, steps, number) if number else _whole(run, steps, id)


def _whole(run: Run, steps: Sequence[StepRecord], id: str) -> RequestView | None:
    return view(run, steps) if run.id == id else None


def _belongs(request: RequestView, served: Served, *, is_pinned: bool) -> bool:
    labels = request.labels
    if labels.get("kind") != served.kind or labels.get("owner") != served.owner_id:
        return False
    return not is_pinned or labels.get("version") == served.version


def _under_way(services: Services, scope: Scope, place: str) -> Iterator[RequestView]:
    for run in services.runs.brief.open_runs(scope):
        steps = services.runs.brief.open_steps(run.id)
        if run.body.columns.get("place") == place:
            yield view(run, steps)
        for step in steps:
            if step.labels.get("place") == place and (part := part_view(run, steps, step.index or 0)) is not None:
                yield part


async def _ended(
    services: Services, scope: Scope, where: Predicate, wanted: Wanted, enough: int, place: str | None
) -> list[RequestView]:
    """Return at least `enough` requests in order, if there are as many. place: of parts; None for whole runs."""
    found: list[RequestView] = []
    order, cursor = Order(descending=not wanted.is_ascending), None
    while len(found) < enough:
        limit = min(_PAGE, enough)
        page = await services.runs.page(scope, where=where, order=order, limit=limit, after=cursor)
        for run in page.runs:
            found.extend(request for request in _requests_of(run, place) if wanted.holds(request))
        if (cursor := page.next) is None:
            break
    return found


def _requests_of(run: Run, place: str | None) -> Iterator[RequestView]:
    steps = steps_of(run)
    if place is None:
        yield view(run, steps)
        return
    for step in steps:
        if step.labels.get("place") == place and (part := part_view(run, steps, step.index or 0)) is not None:
            yield part


def _cut(found: list[RequestView], wanted: Wanted) -> list[RequestView]:
    found.sort(key=lambda request: (request.created_us, request.id), reverse=not wanted.is_ascending)
    return found[wanted.offset : wanted.offset + wanted.limit]


def _own_predicate(place: str, wanted: Wanted) -> Predicate:
    values = tuple(ended_column(place, state) for status in wanted.statuses for state in _RUN_STATES[status])
    conditions: list[Predicate] = [OneOf("ended", values), *_dates(wanted)]
    if wanted.search_id:
        conditions.append(Compare("id", Comparison.CONTAINS, wanted.search_id))
    return AllOf(tuple(conditions))


def _part_predicate(place: str, wanted: Wanted) -> Predicate:
    states = tuple(state.value for status in wanted.statuses for state in _STEP_STATES[status])
    return AllOf((OneOf(part_column(place), (*states, MIXED)), *_dates(wanted)))


def _dates(wanted: Wanted) -> list[Predicate]:
    # A part is made after its run, so only the end of the range holds for both.
    conditions: list[Predicate] = []
    if wanted.from_us is not None:
        conditions.append(Compare("created_at", Comparison.GE, wanted.from_us))
    if wanted.to_us is not None:
        conditions.append(Compare("created_at", Comparison.LE, wanted.to_us))
    return conditions


def _number(query: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    value = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None
    if value is None or not least <= value <= most:
        raise Invalid(f"{name}: {text!r} is not a whole number from {least} to {most}")
    return value


def _instant(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    return None if not text else unix_us(instant(text, name))
