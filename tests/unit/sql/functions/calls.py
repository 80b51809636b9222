"""Call a registered function on Python values in each of the ways that the evaluator does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import penstock.sql.functions  # noqa: F401 - registers every family
from penstock.data.batch import Column
from penstock.data.pool import Pool
from penstock.data.types import Kind, SqlType
from penstock.data.values import decode_column, encode_values
from penstock.sql.evaluate.program import compile_expr
from penstock.sql.functions.registry import FUNCTIONS
from penstock.sql.plan.expr import Call, Cast, ColumnRef, Expr, Literal

POOL = Pool()

VARCHAR = SqlType(Kind.VARCHAR)
INTEGER = SqlType(Kind.INTEGER)
BIGINT = SqlType(Kind.BIGINT)
BINARY = SqlType(Kind.VARBINARY)
VARIANT = SqlType(Kind.VARIANT)


def array(element: SqlType) -> SqlType:
    return SqlType(Kind.ARRAY, element=element)


def mapping(key: SqlType, element: SqlType) -> SqlType:
    return SqlType(Kind.MAP, key=key.with_nullable(False), element=element)


def bound(name: str, args: Sequence[Expr]) -> Expr:
    """The call with its arguments cast to what it takes, as the binder makes it."""
    signature = FUNCTIONS[name].resolve([a.type for a in args])
    given: list[Expr] = []
    for arg, wanted in zip(args, signature.arguments, strict=True):
        alike = arg.type.with_nullable(True) == wanted.with_nullable(True)
        given.append(arg if alike else Cast(arg, wanted.with_nullable(arg.type.nullable), False))
    return Call(name, tuple(given), signature.result)


def evaluate(expr: Expr, columns: Sequence[Column], row_count: int) -> list[Any]:
    return decode_column(compile_expr(expr, POOL)(columns, row_count), expr.type, POOL)


def on_rows(name: str, types: Sequence[SqlType], rows: Sequence[Sequence[Any]]) -> list[Any]:
    """Results for rows of arguments, all of them columns."""
    columns = [encode_values([row[i] for row in rows], t, POOL) for i, t in enumerate(types)]
    return evaluate(bound(name, [ColumnRef(i, t) for i, t in enumerate(types)]), columns, len(rows))


def apply(name: str, *arguments: tuple[Any, SqlType]) -> Any:
    """The result for one row; the same must come with each argument constant, all, and none, and among other rows."""
    row = [value for value, _ in arguments]
    types = [t for _, t in arguments]
    (expected,) = on_rows(name, types, [row])
    twice = on_rows(name, types, [row, [None] * len(row), row])
    assert twice[0] == twice[2] == expected or expected != expected
    for varying in range(len(row) + 1):
        args: list[Expr] = [
            ColumnRef(0, t) if i == varying else Literal(v, t.with_nullable(v is None))
            for i, (v, t) in enumerate(arguments)
        ]
        columns = [encode_values([row[varying]] * 2, types[varying], POOL)] if varying < len(row) else []
        if not columns:
            columns = [Column(np.zeros(2, np.int64))]
        again = evaluate(bound(name, args), columns, 2)
        assert again == [expected, expected] or expected != expected, (name, varying, again)
    return expected
