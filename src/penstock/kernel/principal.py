"""Who is calling, and what they may do. How a header becomes a principal is a dialect's matter."""

from dataclasses import dataclass
from enum import IntEnum

__all__ = ["Principal", "Role"]


class Role(IntEnum):
    """What a caller may do; each role may do all that those below it may.

    OWNER ⊃ ADMIN ⊃ WRITER ⊃ READER

    The numbers are an order and nothing more: what is stored has numbers of its own.
    """

    READER = 1
    """Look, and change nothing."""
    WRITER = 2
    """Create, change, start, stop and delete."""
    ADMIN = 3
    """Say who else may come in, and as what."""
    OWNER = 4
    """Hand out keys of every role and change settings as well."""


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller, or the anonymous owner of a server that runs without authentication."""

    name: str
    role: Role
    user: str = ""
    """The id of the user of an identity provider whose token was shown; empty for all others."""

    def may(self, needed: Role) -> bool:
        """Tell whether the caller holds `needed` or a higher role."""
        return self.role >= needed
