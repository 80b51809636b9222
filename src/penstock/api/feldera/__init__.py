"""The Feldera dialect: pipelines of incremental SQL, spoken as the client `feldera` 0.369 and server 0.337 speak it.

- `operations`      what is on the wire, one line each
- `wire`            objects as they travel
- `kinds`           what is kept of a pipeline beside its circuit
- `lower`           requests to circuit records and aims
- `runtime_config`  the runtime configuration: checks, spellings, defaults (`quantities`: durations and sizes)
- `generations`     what the oldest clients are told otherwise
- `rules`           when an action is refused
- `project`         records to what is shown (`counters`: stats and metrics; `diff`: two programs compared)
- `errors` `auth`   codes and statuses; keys
- `handlers`        one module per resource

A new code of refusal goes into the table of `errors`; a new state of the core into the tables of `project`.
"""

from penstock.api.feldera import auth, errors
from penstock.api.shared.dialect import Dialect
from penstock.api.shared.operation import Later, Operation

__all__ = ["DIALECT"]


def _operations() -> tuple[Operation, ...]:
    from penstock.api.feldera import operations

    return operations.ALL


DIALECT = Dialect(
    name="feldera",
    prefixes=("/v0", "/config", "/healthz"),
    operations=Later(_operations),
    errors=errors.TABLE,
    error_body=errors.error_body,
    authenticate=auth.authenticate,
)
