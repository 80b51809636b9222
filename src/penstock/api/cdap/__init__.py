"""The dialect of CDAP, which is also Google's Data Fusion: apps that are pipelines, their programs, runs and schedules.

- `operations`               what is on the wire, one line each
- `wire` `names`             requests as they travel; what may be a name
- `kinds` `history`          what is kept: documents, and what is noted with runs
- `entities`                 finding what a path names
- `deployment` `removal`     apps come and go
- `pipelines` `lower`        pipelines to graphs
- `launching` `arguments`    from an app and arguments to a run
- `schedules` `firing`       what starts runs by itself; `constraints` `triggering` what holds it back and is passed on
- `project`                  what is kept to what is shown
- `errors` `auth`            statuses and texts; keys
- `handlers`                 one module per resource

Everything below `/v3` is also served below `/api/v3`, which is where Data Fusion publishes it.
"""

from penstock.api.cdap import auth, errors, firing, kinds
from penstock.api.shared.dialect import Dialect
from penstock.api.shared.operation import Later, Operation

__all__ = ["DIALECT"]


def _operations() -> tuple[Operation, ...]:
    from penstock.api.cdap import operations

    return operations.ALL


DIALECT = Dialect(
    name="cdap",
    prefixes=("/v3", "/ping", "/v1beta1"),
    operations=Later(_operations),
    errors=errors.TABLE,
    error_body=errors.error_body,
    authenticate=auth.authenticate,
    kinds=kinds.ALL,
    launcher=firing.launch,
    beside=firing.watch_runs,
    aliases=(("/api/v3", "/v3"), ("/v1/projects", "/v1beta1/projects")),
)
