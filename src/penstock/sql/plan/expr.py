"""Bound expressions: every node has a SQL type, every column is a position in the input row.

`span` is where the expression stands in the program text, for run-time and compile-time messages.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from penstock.data.types import SqlType


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of program text; lines and columns count from 1, the end is inclusive."""

    start_line: int
    start_column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class ColumnRef:
    """The input row's column at `index`. In a join's residual the right side's columns follow the left's."""

    index: int
    type: SqlType
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant. value: None, bool, int, float, str, bytes, decimal.Decimal, datetime.date/time/datetime, uuid.UUID,

    int months or microseconds for intervals, list for ARRAY, dict for MAP, tuple for ROW.
    """

    value: object
    type: SqlType
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """A scalar function or operator applied to arguments already coerced to what it takes.

    name: canonical upper-case name in the registry ("+", "AND", "SUBSTRING", ...).
    """

    name: str
    args: tuple[Expr, ...]
    type: SqlType
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Cast:
    """CAST (safe=False: a value that cannot be converted stops the pipeline) or SAFE_CAST (NULL instead)."""

    arg: Expr
    type: SqlType
    safe: bool = False
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Case:
    """Searched CASE; a branch is evaluated only for the rows that reach it."""

    whens: tuple[tuple[Expr, Expr], ...]
    otherwise: Expr
    type: SqlType
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Lambda:
    """x -> body, an argument of TRANSFORM and its like.

    Inside the body ColumnRef indexes below `width` are the enclosing row's columns, the parameters follow from `width`.
    """

    parameters: tuple[SqlType, ...]
    body: Expr
    width: int
    type: SqlType
    span: Span | None = field(default=None, compare=False)


Expr: TypeAlias = ColumnRef | Literal | Call | Cast | Case | Lambda


@dataclass(frozen=True, slots=True)
class SortKey:
    """One ORDER BY item."""

    expr: Expr
    descending: bool = False
    nulls_first: bool = False
