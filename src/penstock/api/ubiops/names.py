"""Names under which this dialect's functions are registered with the executor of calls (`operators`)."""

from typing import Final

__all__ = ["CONDITION", "FUNCTION"]

FUNCTION: Final = "ubiops.function"
CONDITION: Final = "ubiops.condition"
