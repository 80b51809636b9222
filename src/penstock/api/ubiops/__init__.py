"""The UbiOps dialect: deployments, pipelines and their requests as the `ubiops` client and command line speak of them.

- `operations`              what is on the wire, one line each
- `wire`                    requests as they travel
- `kinds` `catalogue`       what is kept, and how it is found
- `project`                 what is kept to what is shown
- `served` `lower`          what can be asked, and the network that a request runs
- `asking` `finding`        requests to runs, and runs to requests
- `packages` `building` `pools`   from an upload to workers; `environments` `variables` what these are given
- `topology` `objects`      is it a pipeline; `beside` `webhooks` what goes on beside the calls
- `errors` `auth`           statuses; tokens
- `handlers`                one module per resource

Every operation is served below `/v2.1` and `/v2` alike.
"""

from penstock.api.shared.dialect import Dialect
from penstock.api.shared.operation import Later
from penstock.api.ubiops import auth, errors, kinds, late
from penstock.api.ubiops.names import CONDITION, FUNCTION

__all__ = ["DIALECT"]

DIALECT = Dialect(
    name="ubiops",
    prefixes=("/v2.1",),
    operations=Later(late.listed),
    errors=errors.TABLE,
    error_body=errors.error_body,
    authenticate=auth.authenticate,
    kinds=kinds.ALL,
    launcher=late.launched,
    functions={FUNCTION: late.compute, CONDITION: late.decide},
    beside=late.opened,
    aliases=(("/v2", "/v2.1"),),
)
