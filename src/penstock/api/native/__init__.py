"""Our own API, at `/api/penstock/v1`: what the console and the command line use.

It also answers for every path that no other dialect owns.
"""

from penstock.api.native import auth, errors
from penstock.api.shared.dialect import Dialect
from penstock.api.shared.operation import Later, Operation

__all__ = ["DIALECT"]


def _operations() -> tuple[Operation, ...]:
    from penstock.api.native import operations

    return operations.ALL


DIALECT = Dialect(
    name="native",
    prefixes=("/api/penstock/v1", "/"),
    operations=Later(_operations),
    errors=errors.TABLE,
    error_body=errors.body,
    authenticate=auth.authenticate,
)
