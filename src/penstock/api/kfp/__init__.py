"""The Kubeflow Pipelines dialect: experiments, pipelines, runs and jobs as clients of kfp 1.8.22 and 2.x speak of them.

- `operations`                 what is on the wire, one line each
- `wire` `references`          requests as they travel
- `kinds` `catalogue`          what is kept
- `archives` `yamltext` `packages` `multipart` `fetch`   from what is sent to a package
- `lower`                      packages to graphs
- `listing` `filters`          list requests
- `project`                    what is kept to what is shown
- `errors` `auth`              codes and statuses; keys
- `handlers`                   one module per resource

Both versions of the API, v1beta1 and v2beta1, are views of the same documents.
"""

from penstock.api.kfp import auth, errors, kinds
from penstock.api.shared.dialect import Dialect
from penstock.api.shared.operation import Later, Operation
from penstock.kernel.triggers import Firing
from penstock.services.runs.submission import Submission
from penstock.services.services import Services

__all__ = ["DIALECT"]


def _operations() -> tuple[Operation, ...]:
    from penstock.api.kfp import operations

    return operations.ALL


async def _launch(services: Services, document: str, firing: Firing) -> Submission | None:
    from penstock.api.kfp import recurring

    return await recurring.launch(services, document, firing)


DIALECT = Dialect(
    name="kfp",
    prefixes=("/apis",),
    operations=Later(_operations),
    errors=errors.TABLE,
    error_body=errors.error_body,
    authenticate=auth.authenticate,
    kinds=kinds.ALL,
    launcher=_launch,
    aliases=(("/pipeline/apis", "/apis"),),
)
