"""Warm workers: processes that hold a user's object ready and answer requests with it, in pools.

A pool belongs to one version of somebody's code. Its workers are processes of their own; an instance is a group of
`processes` of them that comes and goes together. The truth about a request is in its run, not in the pool: a pool
forgets requests when the server ends.

Steps reach a pool as jobs of kind `serve` (`ports.executor`); what is here is for whoever makes and looks after pools.
Implementation: `execute.pool`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from penstock.kernel.scope import DEFAULT_SCOPE, Scope
from penstock.kernel.signature import ANYTHING, Signature
from penstock.kernel.values import Value

__all__ = ["FilePlace", "Inspection", "Instance", "InstanceState", "Line", "PoolSpec", "PoolStatus", "WorkerPools"]


@dataclass(frozen=True, slots=True)
class PoolSpec:
    """All that makes a pool. Two equal ones mean the same workers.

    Attributes:
        id: of the pool; one spec is in force for an id at a time.
        scope: whose it is; files are looked up in it.
        package: digest of a zip archive in the blob store: the code. root: folder inside it that is the package.
        module: file of the package that is loaded. class_name: what it must define.
        requirements, requirements_options: pip's words, beside the package's own requirements.txt.
        variables: environment variables of the workers. secrets: by variable, the name of the secret of the scope
            that it holds; whoever keeps a spec keeps the name, whoever starts workers has been given the text.
        context: what the object's constructor is told beside its directory.
        takes, gives: forms of inputs and results. A result that does not fit fails its request.
        min_instances, max_instances: how many are kept, and how many there may be.
        processes: workers per instance. idle_s: how long an instance above the minimum may have nothing to do.
        queue_limit: most requests that wait. memory_bytes: of each worker; beyond it the worker is killed.
        start_timeout_s: how long a worker may take until its object is ready.
    """

    id: str
    package: str
    root: str = ""
    scope: Scope = DEFAULT_SCOPE
    module: str = "deployment.py"
    class_name: str = "Deployment"
    requirements: tuple[str, ...] = ()
    requirements_options: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    context: Mapping[str, Value] = field(default_factory=dict)
    takes: Signature = ANYTHING
    gives: Signature = ANYTHING
    min_instances: int = 0
    max_instances: int = 5
    processes: int = 1
    idle_s: float = 300.0
    queue_limit: int = 100_000
    memory_bytes: int | None = None
    start_timeout_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a worker found when it loaded the code: whether the class answers single requests, and many at once."""

    has_request: bool
    has_requests: bool


class InstanceState(StrEnum):
    """STARTING → READY ⇄ BUSY → STOPPING (then it is gone); FAILED: its start failed."""

    STARTING = "starting"
    READY = "ready"
    BUSY = "busy"
    STOPPING = "stopping"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance. made_at_us, changed_at_us: microseconds since 1970. pids: of its workers."""

    id: str
    state: InstanceState
    made_at_us: int
    changed_at_us: int
    pids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class PoolStatus:
    """A pool at a moment. waiting, running: requests. completed, failed: since the server started.
    restarts: workers that died or were killed."""

    instances: tuple[Instance, ...]
    waiting: int
    running: int
    completed: int
    failed: int
    restarts: int
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A line a worker wrote. request: the id of the request it was busy with. run: the run that is part of.
    stream: `out`, `err`, or `sys` for what the server says about the worker."""

    at_us: int
    stream: str
    text: str
    request: str | None = None
    run: str | None = None


class FilePlace(Protocol):
    """Where files that requests name are kept. Registered by whoever owns such files."""

    async def fetch(self, scope: Scope, name: str, directory: Path) -> Path:
        """Copy a named file into a directory and return its path. Raises: NotFound, Invalid."""
        ...

    async def keep(self, scope: Scope, path: Path, request: str, *, bucket: str | None, target: str | None) -> str:
        """Store a file that a request made and return the name to give on. Raises: NotFound."""
        ...


class WorkerPools(Protocol):
    """All pools of this server."""

    def attend(
        self,
        logged: Callable[[PoolSpec, list[Line]], None],
        updated: Callable[[str, str, str], None],
    ) -> None:
        """Say whom to tell: `logged` of lines, `updated(run, request, text)` of partial results."""
        ...

    def set_files(self, place: FilePlace) -> None:
        """Say where files of requests are kept."""
        ...

    async def inspect(self, spec: PoolSpec) -> Inspection:
        """Unpack the code, make its environment, start one worker and say what it found.

        The worker is kept for a while, for a pool that is configured with the same spec.
        Raises: Invalid with what is wrong: the archive, the requirements, or the user's traceback; TimedOut.
        """
        ...

    def configure(self, spec: PoolSpec) -> None:
        """Make a pool, or replace its spec: requests under way end on the old workers, later ones go to new ones."""
        ...

    async def remove(self, pool: str) -> None:
        """End a pool: its workers are killed, its requests fail. Nothing happens if there is none."""
        ...

    def waiting(self, pool: str) -> int:
        """Return how many requests wait in a pool; 0 if there is none."""
        ...

    def status(self, pool: str) -> PoolStatus | None:
        """Return how a pool is; None if there is none."""
        ...
