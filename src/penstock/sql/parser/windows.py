"""Windows of analytic functions: OVER (...), frames and named windows.

A named window is replaced by its definition while parsing: `find_windows` looks ahead for the WINDOW clause of a query,
so that nothing above the parser has to know the names.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal as Word

from penstock.sql.diagnostics import NotSupported, SqlError
from penstock.sql.parser import expressions
from penstock.sql.parser.ast import Expression, FrameBound, Name, WindowSpec
from penstock.sql.parser.cursor import Cursor
from penstock.sql.parser.dialect import PARSE_ERROR

_CURRENT_ROW = FrameBound(True, False, None)
_ENDS = frozenset(("UNION", "INTERSECT", "EXCEPT", "MINUS", ";", "<EOF>"))


def over(c: Cursor) -> WindowSpec:
    """Read OVER name or OVER (...)."""
    c.expect("OVER")
    if c.key != "(":
        return _named(c)
    return window(c)


def window(c: Cursor) -> WindowSpec:
    """Read a window in parentheses."""
    start = c.token
    c.expect("(")
    c.enter()
    base = None
    if c.token.kind == "quoted" or (
        c.token.kind == "word" and c.key not in ("PARTITION", "ORDER", "ROWS", "RANGE", "GROUPS")
    ):
        base = _named(c)
    partition: tuple[Expression, ...] = base.partition if base else ()
    order = base.order if base else ()
    if c.accept("PARTITION"):
        c.expect("BY")
        partition = c.listed(expressions.expression)
    if c.accept("ORDER"):
        c.expect("BY")
        order = c.listed(expressions.order_item)
    unit, first, last = _frame(c)
    if base and unit is None:
        unit, first, last = base.unit, base.start, base.end
    c.leave()
    c.expect(")")
    return WindowSpec(partition, order, unit, first, last, c.span(start))


def _named(c: Cursor) -> WindowSpec:
    name = c.name()
    found = c.windows.get(name.text)
    if found is None:
        raise SqlError(f"Window '{name.text}' not found", name.span)
    return replace(found, span=name.span)


def _frame(c: Cursor) -> tuple[Word["rows", "range"] | None, FrameBound | None, FrameBound | None]:
    if c.key == "GROUPS":
        raise NotSupported("GROUPS frames", c.token.span)
    unit: Word["rows", "range"]
    if c.accept("ROWS"):
        unit = "rows"
    elif c.accept("RANGE"):
        unit = "range"
    else:
        return None, None, None
    if c.accept("BETWEEN"):
        first = _bound(c)
        c.expect("AND")
        last = _bound(c)
    else:
        first, last = _bound(c), _CURRENT_ROW
    if c.key == "EXCLUDE" and not c.accept("EXCLUDE", "NO", "OTHERS"):
        raise NotSupported("EXCLUDE in window frames", c.token.span)
    return unit, first, last


def _bound(c: Cursor) -> FrameBound:
    if c.accept("CURRENT", "ROW"):
        return _CURRENT_ROW
    offset = None if c.accept("UNBOUNDED") else expressions.bound(c)
    if c.accept("FOLLOWING"):
        return FrameBound(False, True, offset)
    c.expect("PRECEDING")
    return FrameBound(False, False, offset)


def definitions(c: Cursor) -> tuple[tuple[Name, WindowSpec], ...]:
    """Read the definitions of a WINDOW clause, after its keyword; each may use those before it."""
    found = [_definition(c)]
    while c.accept(","):
        found.append(_definition(c))
    return tuple(found)


def _definition(c: Cursor) -> tuple[Name, WindowSpec]:
    name = c.name()
    c.expect("AS")
    spec = window(c)
    c.windows[name.text] = spec
    return name, spec


def find_windows(c: Cursor) -> dict[str, WindowSpec]:
    """Return the windows that the query whose SELECT stands here defines; the place does not change.

    Raises:
        SqlError: a definition is wrong.
    """
    start = c.mark()
    depth = distance = 0
    while True:
        distance += 1
        key = c.peek(distance).key
        if key == "(":
            depth += 1
        elif key == ")":
            depth -= 1
        if depth < 0 or key == "<EOF>" or (depth == 0 and key in _ENDS):
            return {}
        if depth == 0 and key == "WINDOW" and c.peek(distance + 2).key == "AS" and c.peek(distance + 3).key == "(":
            break
    outer, c.windows = c.windows, {}
    c.jump(start + distance + 1)
    try:
        definitions(c)
    finally:
        found, c.windows = c.windows, outer
        c.jump(start)
    if not found:
        raise SqlError("a window is missing", c.token.span, PARSE_ERROR)
    return found
