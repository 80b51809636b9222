"""Functions that expressions may call, one module per family; `SPACES` has them by namespace and name.

A function is declared with the kinds of its parameters, see `signatures`. To add one: a decorated function in the
module of its family.
"""

from collections.abc import Mapping

from penstock.transform.jexl.functions import (
    arithmetic,
    clock,
    encoding,
    general,
    json_values,
    mathematics,
    places,
    quality,
    strings,
)
from penstock.transform.jexl.functions.signatures import Function, collected

__all__ = ["IMPURE", "SPACES"]

_FAMILIES = (general, mathematics, arithmetic, strings, clock, json_values, quality, encoding, places)

SPACES: Mapping[str, Mapping[str, Function]] = collected()
"""Functions by namespace, then by name."""

IMPURE: frozenset[tuple[str, str]] = frozenset(
    (space, name) for space, functions in SPACES.items() for name, function in functions.items() if function.impure
)
"""Functions that give something else each time."""
