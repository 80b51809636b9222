"""What a circuit does with the pooled values of a column, and so how much care they need when they come in."""

from __future__ import annotations

from enum import Enum


class Fate(Enum):
    """From most care to least; one may stand in for those below it."""

    COMPARED = "compared"
    """Operators compare or compute with it: equal values must have equal codes."""
    CARRIED = "carried"
    """State may hold it, nobody compares it: equal values need no equal codes."""
    PASSED = "passed"
    """No state holds it either: it goes out with the step that it came in with, and is gone with the next one."""
