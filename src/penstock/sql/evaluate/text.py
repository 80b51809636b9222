"""Text functions of text functions: what stands between them is read once and never again, so no pool needs to hold it.

Knows which functions have a way over whole Arrow arrays, nothing of what they do.
"""

from __future__ import annotations

from collections.abc import Callable

from penstock.sql.functions.distinct import in_one_go, over_distinct_text
from penstock.sql.functions.registry import FUNCTIONS, Apply, Function, Prepare, Through
from penstock.sql.plan.expr import Call, Expr

ApplyOf = Callable[[Call, Through], Apply | None]
"""apply_of(call, its function's way) -> what the call applies, None if its arguments have no such form."""


def text_in_one_go(node: Call, function: Function, apply_of: ApplyOf) -> tuple[Prepare, Expr] | None:
    """Return how a call is prepared together with the calls that make its text, and the text that these begin with.

    None if nothing stands between: the call reads no text, or not that of a call with a way over arrays.
    """
    steps: list[Apply] = []
    source: Expr = node
    if function.measure is not None:
        source = node.args[0]
    while isinstance(source, Call):
        way = FUNCTIONS[source.name].through if source.name in FUNCTIONS else None
        apply = None if way is None else apply_of(source, way)
        if way is None or apply is None:
            break
        steps.append(apply)
        source = source.args[way.varying]
    if len(steps) + (function.measure is not None) < 2:
        return None
    return over_distinct_text(in_one_go(steps[::-1], function.measure)), source
