"""The UbiOps dialect: deployments, pipelines and their requests as the `ubiops` client and command line speak of them.

- `operations`              what is on the wire, one line each
- `wire`                    requests as they travel
- `kinds` `catalogue`       what is kept, and how it is found
- `project`                 what is kept to what is shown
- `served` `lower`         what can be asked, and the network that a request runs
- `asking` `finding`        requests to runs, and runs to requests
- `errors` `auth`           statuses; tokens
- `handlers`                one module per resource

Every operation is served below `/v2.1` and `/v2` alike.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from penstock.api.shared.dialect import Dialect
from penstock.api.shared.operation import Later, Operation
from penstock.api.ubiops import auth, errors, kinds
from penstock.api.ubiops.names import CONDITION, FUNCTION
from penstock.kernel.runs import Result
from penstock.kernel.triggers import Firing
from penstock.kernel.values import Value
from penstock.ports.executor import Task
from penstock.services.runs.submission import Submission
from penstock.services.services import Services

__all__ = ["DIALECT"]


def _operations() -> tuple[Operation, ...]:
    from penstock.api.ubiops import operations

    return operations.ALL


@asynccontextmanager
async def _beside(services: Services) -> AsyncIterator[None]:
    from penstock.api.ubiops import beside

    async with beside.opened(services):
        yield


async def _launch(services: Services, document: str, firing: Firing) -> Submission | None:
    from penstock.api.ubiops.launching import launch

    return await launch(services, document, firing)


def _compute(spec: Value, task: Task) -> Result:
    from penstock.api.ubiops.operators import compute

    return compute(spec, task)


def _decide(spec: Value, task: Task) -> Result:
    from penstock.api.ubiops.operators import decide

    return decide(spec, task)


DIALECT = Dialect(
    name="ubiops",
    prefixes=("/v2.1",),
    operations=Later(_operations),
    errors=errors.TABLE,
    error_body=errors.error_body,
    authenticate=auth.authenticate,
    kinds=kinds.ALL,
    launcher=_launch,
    functions={FUNCTION: _compute, CONDITION: _decide},
    beside=_beside,
    aliases=(("/v2", "/v2.1"),),
)
