"""The first generation of clients, where it cannot read what the later ones are sent.

Clients that were generated from the open API document say its version with every call; those of the project itself
do not.
"""

import re
from typing import Final

from penstock.api.shared.call import Call

__all__ = ["is_first"]

_HEADER: Final = "api-version"
_VERSION: Final = re.compile(r"0\.(\d{1,4})\.\d+")
_FIRST_WITH_ROLES: Final = 327
"""The release that replaced scopes of keys by roles, and the object by a list."""


def is_first(call: Call) -> bool:
    """Tell whether the client is one of the first generation."""
    said = _VERSION.match(call.headers.get(_HEADER, ""))
    return said is not None and int(said[1]) < _FIRST_WITH_ROLES
