"""Name resolution: which column a name means, through subqueries up to the outermost query.

An outer column is seen inside a subquery as a ColumnRef with a negative index: -1 is the first variable of the
subquery's `Frame`, -2 the second. Variables are expressions over the row of the query around it. They never
leave the binder: `decorrelate.py` turns them into columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from penstock.data.types import Schema
from penstock.sql.diagnostics import SqlError, did_you_mean
from penstock.sql.parser.ast import Name
from penstock.sql.plan.expr import ColumnRef, Expr, Span


@dataclass(frozen=True, slots=True)
class Visible:
    """A column that a name can mean. in_star: whether SELECT * shows it and it can be named without its table."""

    table: str | None
    name: str
    expr: Expr
    in_star: bool = True


@dataclass(slots=True)
class Frame:
    """A query that may read the columns of the query around it. outer: that query's scope."""

    outer: Scope | None = None
    variables: list[Expr] = field(default_factory=list)

    def variable(self, expr: Expr, span: Span | None) -> ColumnRef:
        """Return the reference that stands for an expression over the outer row."""
        for number, known in enumerate(self.variables):
            if known == expr:
                return ColumnRef(-number - 1, expr.type, span)
        self.variables.append(expr)
        return ColumnRef(-len(self.variables), expr.type, span)


@dataclass(slots=True)
class Scope:
    """The columns of one query's FROM."""

    columns: list[Visible]
    frame: Frame

    def has_table(self, table: str) -> bool:
        """Whether something in FROM has this name."""
        return any(c.table == table for c in self.columns)

    def local(self, name: str, span: Span | None) -> Expr | None:
        """Return the column of this name in FROM; None if there is none."""
        found = [c.expr for c in self.columns if c.name == name and c.in_star]
        if len(found) > 1 and any(f != found[0] for f in found):
            raise SqlError(f"Column '{name}' is ambiguous", span)
        return found[0] if found else None

    def column(self, table: str, name: Name) -> Expr:
        """Return a column of a table that is in FROM."""
        found = [c.expr for c in self.columns if c.table == table and c.name == name.text]
        if not found:
            hint = did_you_mean(name.text, (c.name for c in self.columns if c.table == table))
            raise SqlError(f"Column '{name.text}' not found in table '{table}'{hint}", name.span)
        if len(found) > 1:
            raise SqlError(f"Column '{name.text}' is ambiguous", name.span)
        return found[0]

    def reachable(self) -> list[Visible]:
        """Return the columns in FROM, and those of the queries around."""
        outer = self.frame.outer
        return self.columns if outer is None else [*self.columns, *outer.reachable()]

    def _around_has_table(self, table: str) -> bool:
        outer = self.frame.outer
        return outer is not None and (outer.has_table(table) or outer._around_has_table(table))

    def resolve(self, parts: Sequence[Name]) -> tuple[Expr, int] | None:
        """Return what the first parts of a name mean and how many they are; None if nothing here or around."""
        head = parts[0]
        if len(parts) > 1 and self.has_table(head.text):
            return _at(self.column(head.text, parts[1]), parts[1].span), 2
        # A table's name goes before a column's, in the queries around as well: only then is `a.b` a field of a column.
        found = None if len(parts) > 1 and self._around_has_table(head.text) else self.local(head.text, head.span)
        if found is not None:
            return _at(found, head.span), 1
        if self.frame.outer is None:
            return None
        around = self.frame.outer.resolve(parts)
        if around is None:
            return None
        return self.frame.variable(_at(around[0], None), head.span), around[1]


def _at(expr: Expr, span: Span | None) -> Expr:
    return replace(expr, span=span) if isinstance(expr, ColumnRef) else expr


def scope_of(table: str | None, schema: Schema, frame: Frame, names: Sequence[str] | None = None) -> Scope:
    """Return the scope of one relation whose columns start at position 0."""
    shown = names if names is not None else [f.name for f in schema]
    columns = [Visible(table, n, ColumnRef(i, f.type)) for i, (n, f) in enumerate(zip(shown, schema, strict=True))]
    return Scope(columns, frame)
