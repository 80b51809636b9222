"""What of this dialect is imported when it is first needed, so that the server is ready before it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from penstock.api.shared.operation import Operation
from penstock.kernel.runs import Result
from penstock.kernel.triggers import Firing
from penstock.kernel.values import Value
from penstock.ports.executor import Task
from penstock.services.runs.submission import Submission
from penstock.services.services import Services

__all__ = ["compute", "decide", "launched", "listed", "opened"]


def listed() -> tuple[Operation, ...]:
    """Return all operations."""
    from penstock.api.ubiops import operations

    return operations.ALL


@asynccontextmanager
async def opened(services: Services) -> AsyncIterator[None]:
    """Have going on what goes on beside the calls."""
    from penstock.api.ubiops import beside

    async with beside.opened(services):
        yield


async def launched(services: Services, document: str, firing: Firing) -> Submission | None:
    """Return the request of a schedule."""
    from penstock.api.ubiops import launching

    return await launching.launch(services, document, firing)


def compute(spec: Value, task: Task) -> Result:
    """Do what a function operator does."""
    from penstock.api.ubiops import operators

    return operators.compute(spec, task)


def decide(spec: Value, task: Task) -> Result:
    """Do what conditional logic does."""
    from penstock.api.ubiops import operators

    return operators.decide(spec, task)
