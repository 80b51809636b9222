"""What a call may read by id: only what lies in its caller's tenant.

Names are looked up in a scope, ids are not. So that no handler can forget it, the front of the house says whose call
it is handling, and documents and runs of others are then not there. Work that goes on beside the calls sees all.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from penstock.kernel.scope import Scope

__all__ = ["PLATFORM", "handling", "may_read"]

PLATFORM: Final = Scope(("platform",))
"""Where it is kept who may come in; no tenant's scope, since those are ids."""

_caller: ContextVar[tuple[str, asyncio.Task[Any] | None] | None] = ContextVar("caller", default=None)
"""Tenant of the call that a task handles. With the task: one that it leaves behind inherits the variable, and may serve
others later."""


@contextmanager
def handling(scope: Scope) -> Iterator[None]:
    """Handle a call of somebody in this scope: nothing of other tenants is there until the end."""
    token = _caller.set((scope.path[0], asyncio.current_task()))
    try:
        yield
    finally:
        _caller.reset(token)


def may_read(scope: Scope) -> bool:
    """Tell whether what lies in a scope is there for the present call; always, if this is none."""
    caller = _caller.get()
    if caller is None or caller[1] is not asyncio.current_task():
        return True
    return scope.path[0] == caller[0] or scope == PLATFORM
