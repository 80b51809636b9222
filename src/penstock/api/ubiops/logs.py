"""Logs of a project: what workers wrote, builds, and deliveries of webhooks, in one order of time."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from penstock.api.ubiops.catalogue import Project, all_of
from penstock.api.ubiops.kinds import DEPLOYMENT, ENVIRONMENT, ENVIRONMENT_TAG, VERSION
from penstock.api.ubiops.logquery import LogQuery
from penstock.kernel.errors import NotFound
from penstock.kernel.instants import from_unix_us
from penstock.ports.workers import Line
from penstock.services.services import Services

__all__ = ["LogLine", "read_logs"]

MAX_LOOKED_AT: Final = 100_000
"""How many lines of one source are looked at for one reply."""

_OF_RUNS: Final = frozenset({"pipeline_name", "pipeline_version"})


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line. at_ns: nanoseconds since 1970, different for all lines of a source. known: what is known of it."""

    at_ns: int
    text: str
    known: Mapping[str, str]

    @property
    def at(self) -> datetime:
        """Return when it was written."""
        return from_unix_us(self.at_ns // 1000)


@dataclass(frozen=True, slots=True)
class _Source:
    pool: str
    known: Mapping[str, str]


async def read_logs(
    services: Services, project: Project, query: LogQuery, start_ns: int, end_ns: int, limit: int, *, backwards: bool
) -> list[LogLine]:
    """Return the lines with `start_ns <= at_ns < end_ns` that are asked for: the first of them, or the last ones."""
    found: list[LogLine] = []
    start_us, end_us = start_ns // 1000, -(-end_ns // 1000)
    for source in await _sources(services, project, query):
        lines = await services.serving.logs.read(
            source.pool, start_us=start_us, end_us=end_us, limit=MAX_LOOKED_AT, newest_first=backwards
        )
        taken = 0
        numbered = _numbered(lines, source, backwards)
        if query.names & _OF_RUNS:
            numbered = await _with_pipelines(services, list(numbered))
        for line in numbered:
            if start_ns <= line.at_ns < end_ns and query.holds(line.known, line.text):
                found.append(line)
                taken += 1
                if taken == limit:
                    break
    found.sort(key=lambda line: line.at_ns, reverse=backwards)
    return await _with_pipelines(services, found[:limit])


async def _sources(services: Services, project: Project, query: LogQuery) -> list[_Source]:
    documents = services.documents
    names = {each.id: str(each.name) for each in await all_of(documents, DEPLOYMENT, project.scope)}
    sources = [
        _Source(
            each.id,
            {
                "deployment_name": names.get(each.body.deployment_id, ""),  # type: ignore[call-overload]
                "deployment_version": each.body.title,
                "deployment_version_revision_id": each.body.active_revision or each.body.latest_revision or "",
                "environment_name": "",
            },
        )
        for each in await all_of(documents, VERSION, project.scope)
    ]
    environments = {each.id: str(each.name) for each in await all_of(documents, ENVIRONMENT, project.scope)}
    for tag in await all_of(documents, ENVIRONMENT_TAG, project.scope):
        known = {
            "environment_name": environments.get(tag.body.environment_id, ""),  # type: ignore[call-overload]
            "environment_tag": tag.body.title,
            "environment_build_id": tag.body.build_id,
        }
        sources.append(_Source(tag.id, known))
    for name in ("deployment_name", "deployment_version", "environment_name"):
        wanted = query.only(name)
        if wanted is not None:
            sources = [each for each in sources if each.known.get(name, "") in wanted]
    return sources


async def _with_pipelines(services: Services, lines: list[LogLine]) -> list[LogLine]:
    """Add what the runs know of the lines' pipelines."""
    seen: dict[str, dict[str, str]] = {}
    made: list[LogLine] = []
    for line in lines:
        run_id = line.known.get("pipeline_request_id")
        if run_id is None:
            made.append(line)
            continue
        if run_id not in seen:
            seen[run_id] = await _pipeline_of(services, run_id)
        made.append(LogLine(line.at_ns, line.text, {**line.known, **seen[run_id]}))
    return made


async def _pipeline_of(services: Services, run_id: str) -> dict[str, str]:
    try:
        run, _ = await services.runs.brief.get(run_id)
    except NotFound:
        return {}
    labels = run.body.labels
    return {"pipeline_name": str(labels.get("reference", "")), "pipeline_version": str(labels.get("version", ""))}


def _numbered(lines: Iterable[Line], source: _Source, backwards: bool) -> Iterable[LogLine]:
    """Give lines of the same microsecond different times, in their order."""
    ordered = list(lines)
    if backwards:
        ordered.reverse()
    made: list[LogLine] = []
    last_us, number = -1, 0
    for line in ordered:
        number = number + 1 if line.at_us == last_us else 0
        last_us = line.at_us
        known = dict(source.known)
        known["system"] = "true" if line.stream == "sys" else "false"
        known["level"] = "error" if line.stream == "err" else "info"
        if line.request:
            known["deployment_request_id"] = line.request
        if line.run and line.run != line.request:
            known["pipeline_request_id"] = line.run
        made.append(LogLine(line.at_us * 1000 + min(number, 999), line.text, known))
    return reversed(made) if backwards else made
