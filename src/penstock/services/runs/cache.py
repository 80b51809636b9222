"""Outputs of steps kept by key, and why a step was or was not taken over from an earlier one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from penstock.flow.effects import LookUpCache, StoreInCache
from penstock.kernel.errors import AlreadyExists, NotFound
from penstock.kernel.instants import unix_us
from penstock.kernel.query import Compare, Comparison, Order, Query
from penstock.kernel.records import Delete, Insert, Replace
from penstock.kernel.runs import CacheHit
from penstock.kernel.scope import Scope
from penstock.kernel.values import Value
from penstock.ports.blobs import BlobStore
from penstock.ports.clock import Clock
from penstock.ports.metadata import MetadataStore

__all__ = ["CACHE_KIND", "CacheExplanation", "Difference", "StepCache"]

CACHE_KIND = "run.cache"
_EXPLAINED = 20
"""How many of the latest entries are compared to find the nearest one."""


class CacheEntry(msgspec.Struct, omit_defaults=True):
    """What is kept under a key."""

    run: str
    path: str
    made_at_us: int
    parts: dict[str, str]
    outputs: dict[str, Value] = msgspec.field(default_factory=dict)
    artifacts: dict[str, Value] = msgspec.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """A part of the key that differs from an earlier step's; None where one of them has no such part."""

    part: str
    here: str | None
    there: str | None


@dataclass(frozen=True, slots=True)
class CacheExplanation:
    """Why a step was or was not taken over.

    Attributes:
        key, parts: what was looked up; None and empty if the cache was not asked.
        is_hit, run, path: whether it was found, and in what run and step; for a miss, the nearest earlier step.
        reason: in words.
        differences: what keeps the nearest earlier step from being the same.
    """

    key: str | None
    parts: dict[str, str]
    is_hit: bool
    reason: str
    run: str | None = None
    path: str | None = None
    differences: tuple[Difference, ...] = ()


_decoder = msgspec.json.Decoder(CacheEntry)


class StepCache:
    """Entries of one scope never serve another."""

    def __init__(self, store: MetadataStore, blobs: BlobStore, clock: Clock) -> None:
        self._store = store
        self._blobs = blobs
        self._clock = clock

    async def look_up(self, scope: Scope, effect: LookUpCache) -> tuple[CacheHit | None, str]:
        """Return the entry under a key, or None, and the reason in words."""
        if effect.max_age_s == 0:
            return None, "the step allows no age"
        record = await self._store.get(CACHE_KIND, _id(scope, effect.key))
        if record is None:
            return None, "no step with this key has succeeded"
        entry = _decoder.decode(record.body)
        age_s = (unix_us(self._clock.now()) - entry.made_at_us) / 1e6
        if effect.max_age_s is not None and age_s > effect.max_age_s:
            return None, f"the entry is {age_s:.0f} s old and the step allows {effect.max_age_s:g} s"
        missing = await self._missing_artifact(entry)
        if missing is not None:
            return None, f"artifact {missing!r} of the entry is not stored any more"
        hit = CacheHit(effect.key, entry.run, entry.path, entry.made_at_us, entry.outputs, entry.artifacts)
        return hit, "a step with this key has succeeded"

    async def keep(self, scope: Scope, run: str, effect: StoreInCache) -> None:
        """Keep a step's outputs; a later one takes the place of an earlier one."""
        at = self._clock.now()
        entry = CacheEntry(run, effect.path, unix_us(at), effect.parts, effect.outputs, effect.artifacts)
        body, columns = msgspec.json.encode(entry), {"step": _identity(effect.path, effect.parts)}
        id = _id(scope, effect.key)
        try:
            await self._store.commit(Insert(CACHE_KIND, id, scope, None, at, body, columns))
        except AlreadyExists:
            await self._store.commit(Replace(CACHE_KIND, id, None, at, body, columns))

    async def forget(self, scope: Scope, key: str) -> None:
        """Remove an entry, if it is there."""
        try:
            await self._store.commit(Delete(CACHE_KIND, _id(scope, key)))
        except NotFound:
            return

    async def explain(
        self,
        scope: Scope,
        run: str,
        path: str,
        parts: dict[str, str],
        key: str | None,
        hit: CacheHit | None,
        reason: str,
    ) -> CacheExplanation:
        """Say why a step was or was not taken over, comparing it with the nearest earlier one."""
        if hit is not None:
            return CacheExplanation(key, parts, True, reason, hit.run, hit.path)
        query = Query(
            CACHE_KIND,
            scope,
            Compare("step", Comparison.EQ, _identity(path, parts)),
            Order("updated_at", descending=True),
            limit=_EXPLAINED,
        )
        entries = [_decoder.decode(record.body) for record in (await self._store.select(query)).records]
        others = [entry for entry in entries if (entry.run, entry.path) != (run, path)]
        if not others:
            return CacheExplanation(key, parts, False, reason)
        count: Callable[[CacheEntry], int] = lambda entry: len(_differences(parts, entry.parts))  # noqa: E731
        nearest = min(others, key=count)
        differences = _differences(parts, nearest.parts)
        return CacheExplanation(key, parts, False, reason, nearest.run, nearest.path, differences)

    async def _missing_artifact(self, entry: CacheEntry) -> str | None:
        waiting: list[Value] = list(entry.artifacts.values())
        while waiting:
            value = waiting.pop()
            if isinstance(value, list):
                waiting.extend(value)
            elif isinstance(value, dict) and isinstance(sha256 := value.get("sha256"), str):
                try:
                    await self._blobs.stat(sha256)
                except NotFound:
                    return str(value.get("name"))
        return None


def _id(scope: Scope, key: str) -> str:
    return f"{scope}:{key}"


def _identity(path: str, parts: dict[str, str]) -> str:
    """What is the same of a step in all runs: its namespace and name, whatever iteration it was."""
    name = path.rpartition("/")[2].partition("[")[0]
    return f"{parts.get('namespace', '')}:{name}"


def _differences(here: dict[str, str], there: dict[str, str]) -> tuple[Difference, ...]:
    return tuple(
        Difference(part, here.get(part), there.get(part))
        for part in sorted({*here, *there})
        if here.get(part) != there.get(part)
    )
