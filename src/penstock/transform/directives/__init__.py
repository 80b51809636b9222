"""Directives, one module per family. `DIRECTIVES` has them by name.

A directive is a function from its arguments to a step from frame to frame, declared with its parameters. To add one: a
decorated function in its family's module; a new module also a place in the list below.
"""

from collections.abc import Mapping

from penstock.transform.directives import (
    cells,
    columns,
    conversion,
    csv_values,
    dates,
    distances,
    expressions,
    json_cells,
    log_lines,
    lookups,
    masks,
    messages,
    missing,
    money,
    pieces,
    rows,
    workbooks,
    xml_values,
)
from penstock.transform.directives.declaring import Definition, Setting, Step, declared

__all__ = ["DIRECTIVES", "Definition", "Setting", "Step", "is_directive"]

FAMILIES = (
    cells,
    columns,
    conversion,
    csv_values,
    dates,
    distances,
    expressions,
    json_cells,
    log_lines,
    lookups,
    masks,
    messages,
    missing,
    money,
    pieces,
    rows,
    workbooks,
    xml_values,
)
"""The modules; importing them declares what is in them."""

DIRECTIVES: Mapping[str, Definition] = declared()
"""All directives by name."""


def is_directive(name: str) -> bool:
    """Whether there is a directive of that name."""
    return name in DIRECTIVES
