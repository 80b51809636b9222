"""SQL text to the syntax tree of `ast.py`; the only door to this package.

`dialect.py` makes tokens, `cursor.py` walks them, and one file for each part of the grammar reads from the cursor:
statements, tables, queries, relations, grouping, windows, expressions, calls, literals, types.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from penstock.sql.diagnostics import SqlError

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock.sql.parser.ast import Query, Statement
    from penstock.sql.parser.cursor import Cursor

T = TypeVar("T")


def parse_program(text: str) -> list[Statement]:
    """Parse the statements of a program, in order; empty for an empty text.

    Raises:
        SqlError: the text is wrong; kind is "Error parsing SQL", or "Not yet implemented" for what is refused.
    """
    # Imported here because the library behind it takes a third of a second, which a start without SQL need not pay.
    from penstock.sql.parser import statements

    return _parse(text, statements.program)


def parse_query(text: str) -> Query:
    """Parse a single query, which a semicolon may end.

    Raises:
        SqlError: as for `parse_program`.
    """
    from penstock.sql.parser import queries

    def read(c: Cursor) -> Query:
        found = queries.query(c)
        while c.accept(";"):
            pass
        if not c.at_end():
            c.fail()
        return found

    return _parse(text, read)


def _parse(text: str, read: Callable[[Cursor], T]) -> T:
    from penstock.sql.parser.cursor import Cursor
    from penstock.sql.parser.dialect import PARSE_ERROR

    cursor = Cursor(text)
    try:
        return read(cursor)
    except RecursionError:
        message = "the text is nested too deeply"
    raise SqlError(message, cursor.token.span, PARSE_ERROR)
