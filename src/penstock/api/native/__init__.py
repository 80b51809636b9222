"""Our own API, at `/api/penstock/v1`: what the console and the command line use.

It also answers for every path that no other dialect owns.
"""

from penstock.api.native import auth, errors, operations
from penstock.api.shared.dialect import Dialect

__all__ = ["DIALECT"]

DIALECT = Dialect(
    name="native",
    prefixes=("/api/penstock/v1", "/"),
    operations=operations.ALL,
    errors=errors.TABLE,
    error_body=errors.body,
    authenticate=auth.authenticate,
)
