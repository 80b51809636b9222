"""Function calls: arguments, what may follow them, and units of time."""

from __future__ import annotations

from dataclasses import replace

from penstock.sql.diagnostics import NotSupported, SqlError
from penstock.sql.parser import expressions, windows
from penstock.sql.parser.ast import (
    Apply,
    Constant,
    Expression,
    Identifier,
    Named,
    OrderItem,
)
from penstock.sql.parser.cursor import Cursor
from penstock.sql.parser.dialect import Token
from penstock.sql.parser.words import TIME_UNITS, UNIT_FIRST, UNIT_LAST


def call(c: Cursor, start: Token, name: str) -> Expression:
    """Read the arguments of a call and what follows them; the name is read already."""
    c.expect("(")
    distinct = star = ignore_nulls = False
    arguments: tuple[Expression, ...] = ()
    order: tuple[OrderItem, ...] = ()
    if c.key == "*":
        c.advance()
        star = True
    elif c.key != ")":
        if c.accept("DISTINCT"):
            distinct = True
        else:
            c.accept("ALL")
        arguments = c.listed(_argument)
        ignore_nulls = _nulls(c)
        if c.accept("ORDER"):
            c.expect("BY")
            order = c.listed(expressions.order_item)
        ignore_nulls = _nulls(c) or ignore_nulls
        if c.key in ("LIMIT", "SEPARATOR", "HAVING"):
            raise NotSupported(f"{c.key} in the arguments of a function", c.token.span)
    c.expect(")")
    if name in UNIT_FIRST or name in UNIT_LAST:
        arguments = _with_unit(name, arguments)
    made = Apply(name, arguments, c.span(start), distinct, star, None, order, ignore_nulls)
    return _followed(c, start, made)


def _argument(c: Cursor) -> Expression:
    if c.peek().key == "=>":
        start = c.token
        name = c.name()
        c.expect("=>")
        return Named(name, expressions.lambda_or_expression(c), c.span(start))
    if c.key in ("TABLE", "DESCRIPTOR") and c.peek().key != ",":
        c.fail("an expression")
    return expressions.lambda_or_expression(c)


def _nulls(c: Cursor) -> bool:
    if c.accept("IGNORE", "NULLS"):
        return True
    c.accept("RESPECT", "NULLS")
    return False


def _followed(c: Cursor, start: Token, made: Apply) -> Expression:
    if c.key == "WITHIN":
        if c.at("WITHIN", "DISTINCT"):
            raise NotSupported("WITHIN DISTINCT", c.token.span)
        c.expect("WITHIN", "GROUP", "(", "ORDER", "BY")
        order = c.listed(expressions.order_item)
        c.expect(")")
        made = replace(made, order=order, span=c.span(start))
    if c.key == "FILTER" and c.peek().key == "(":
        c.expect("FILTER", "(", "WHERE")
        condition = expressions.expression(c)
        c.expect(")")
        made = replace(made, filter=condition, span=c.span(start))
    if c.key in ("IGNORE", "RESPECT") and c.peek().key == "NULLS":
        ignore = _nulls(c)
        made = replace(made, ignore_nulls=ignore, span=c.span(start))
    if c.key == "OVER":
        over = windows.over(c)
        made = replace(made, over=over, span=c.span(start))
    return made


def _with_unit(name: str, arguments: tuple[Expression, ...]) -> tuple[Expression, ...]:
    """Turn the unit of a function over dates from a name into a string."""
    index = 0 if name in UNIT_FIRST else len(arguments) - 1
    if index < 0 or not arguments:
        return arguments
    written = arguments[index]
    unit = _unit_of(written)
    if unit is None and isinstance(written, Identifier) and len(arguments) > 1:
        raise SqlError(f"'{written.parts[-1].text}' is not a valid time frame", written.span)
    return arguments if unit is None else (*arguments[:index], unit, *arguments[index + 1 :])


def _unit_of(written: Expression) -> Constant | None:
    if isinstance(written, Identifier) and len(written.parts) == 1 and not written.parts[0].quoted:
        unit = TIME_UNITS.get(written.parts[0].text.upper())
        return None if unit is None else Constant("string", unit, written.span)
    if isinstance(written, Apply) and written.name == "WEEK" and len(written.args) == 1:
        day = written.args[0]
        if isinstance(day, Identifier) and len(day.parts) == 1:
            return Constant("string", f"WEEK({day.parts[0].text.upper()})", written.span)
    return None
