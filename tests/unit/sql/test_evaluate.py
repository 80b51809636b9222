"""Compiled expressions: laziness, sharing, nulls, constants."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from penstock.data.batch import Column
from penstock.data.pool import Pool
from penstock.data.types import BIGINT, BOOLEAN, VARCHAR, Kind, SqlType
from penstock.data.values import decode_column, encode_values
from penstock.sql.evaluate import compile_expr, compile_exprs, compile_predicate
from penstock.sql.functions.registry import FUNCTIONS, EvaluationError, Function, Signature, is_constant
from penstock.sql.plan.expr import Call, Case, Cast, ColumnRef, Expr, Literal, Span

POOL = Pool()
MAYBE = BIGINT.with_nullable(True)
TRUTH = BOOLEAN.with_nullable(True)
A, B = ColumnRef(0, MAYBE), ColumnRef(1, MAYBE)


def number(value: int | None) -> Literal:
    return Literal(value, BIGINT if value is not None else MAYBE)


def call(name: str, *args: Expr) -> Call:
    signature = FUNCTIONS[name].resolve([a.type for a in args])
    return Call(name, args, signature.result)


def rows(*values: Any, type: SqlType = MAYBE) -> Column:
    return encode_values(values, type, POOL)


def run(expr: Expr, *columns: Column) -> list[Any]:
    size = len(columns[0]) if columns else 1
    column = compile_expr(expr, POOL)(columns, size)
    if column.nulls is not None:
        assert not column.words[column.nulls].any()
    return decode_column(column, expr.type, POOL)


DIVISION = call("/", number(12), A)


def test_a_column_is_given_as_it_is() -> None:
    column = rows(1, None)

    assert compile_expr(A, POOL)([column], 2) is column


def test_a_constant_is_one_word_at_stride_zero() -> None:
    for expr in (number(7), call("+", number(3), number(4)), Cast(Literal("7", VARCHAR), BIGINT)):
        column = compile_expr(expr, POOL)([], 3)

        assert is_constant(column)
        assert column.words.tolist() == [7, 7, 7]


def test_a_constant_that_fails_does_so_only_when_there_are_rows() -> None:
    evaluator = compile_expr(call("/", number(1), number(0)), POOL)

    assert len(evaluator([], 0)) == 0
    with pytest.raises(EvaluationError, match="'1 / 0' causes overflow for type BIGINT"):
        evaluator([], 1)


def test_words_of_nulls_are_zero_and_nulls_do_not_fail() -> None:
    assert run(call("+", A, B), rows(1, None, 3), rows(None, 2, 4)) == [None, None, 7]
    assert run(DIVISION, rows(None, 3, None)) == [None, 4, None]
    assert run(DIVISION, rows(None, None)) == [None, None]
    with pytest.raises(EvaluationError):
        run(DIVISION, rows(None, 0))


def test_no_rows_give_no_rows() -> None:
    assert [len(c) for c in compile_exprs([DIVISION, A, number(1)], POOL)([rows()], 0)] == [0, 0, 0]
    assert len(compile_predicate(call("=", A, number(1)), POOL)([rows()], 0)) == 0


def test_case_evaluates_a_branch_only_for_the_rows_that_reach_it() -> None:
    case = Case(((call("=", A, number(0)), number(-1)), (call("<", A, number(0)), number(None))), DIVISION, MAYBE)

    assert run(case, rows(0, 3, -4, None)) == [-1, 4, None, None]
    assert run(case, rows(0, 0)) == [-1, -1]
    assert run(case, rows(6, 12)) == [2, 1]


def test_case_takes_the_first_condition_that_is_true() -> None:
    case = Case(((call("<", A, number(5)), A), (call("<", A, number(9)), number(90))), number(None), MAYBE)

    assert run(case, rows(1, 7, 10, None)) == [1, 90, None, None]


def test_a_condition_behind_a_true_one_is_not_evaluated() -> None:
    case = Case(((call("=", A, number(0)), number(1)), (call("=", DIVISION, number(4)), number(2))), number(3), MAYBE)

    assert run(case, rows(0, 3, 12, None)) == [1, 2, 3, 3]


def test_and_and_or_guard_what_may_fail() -> None:
    safe = call("AND", call("<>", A, number(0)), call(">", DIVISION, number(3)))
    other = call("OR", call("=", A, number(0)), call(">", DIVISION, number(3)))

    assert run(safe, rows(0, 3, 12, None)) == [False, True, False, None]
    assert run(other, rows(0, 3, 12, None)) == [True, True, False, None]
    assert compile_predicate(safe, POOL)([rows(0, 3, 12, None)], 4).tolist() == [False, True, False, False]
    assert compile_predicate(other, POOL)([rows(0, 3, 12, None)], 4).tolist() == [True, True, False, False]
    with pytest.raises(EvaluationError):
        run(safe.__class__("AND", safe.args[::-1], safe.type), rows(0, 3))


def test_coalesce_and_if_guard_what_may_fail() -> None:
    assert run(call("COALESCE", B, DIVISION, number(5)), rows(0, 3, None), rows(1, None, None)) == [1, 4, 5]
    assert run(call("IF", call("=", A, number(0)), number(9), DIVISION), rows(0, 3, None)) == [9, 4, None]


@pytest.mark.parametrize("name", ["AND", "OR"])
def test_a_predicate_keeps_the_rows_for_which_the_words_say_true(name: str) -> None:
    pairs = list(itertools.product((True, False, None), repeat=2))
    columns = [rows(*(p[i] for p in pairs), type=TRUTH) for i in range(2)]
    x, y = ColumnRef(0, TRUTH), ColumnRef(1, TRUTH)
    forms: list[Expr] = [call(name, x, y), call(name, call("NOT", x), y), call("NOT", call(name, x, call("NOT", y)))]
    forms += [call("IS NULL", call(name, x, y)), call("NOT", call("IS TRUE", call(name, x, y)))]

    for form in forms:
        words = run(form, *columns)

        assert compile_predicate(form, POOL)(columns, len(pairs)).tolist() == [w is True for w in words]


def counting(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Register COUNTED(x) = x, which notes how many rows it is given."""
    calls: list[int] = []

    def body(context: object, arguments: Any, signature: Signature, row_count: int) -> Column:
        calls.append(row_count)
        return Column(np.array(arguments[0].words))

    function = Function("COUNTED", lambda types: Signature(tuple(types), types[0]), body)
    monkeypatch.setitem(FUNCTIONS, "COUNTED", function)
    return calls


def test_a_part_in_several_places_is_evaluated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = counting(monkeypatch)
    here, there = (Call("COUNTED", (A,), MAYBE, Span(i, 1, i, 9)) for i in (1, 2))
    twice = compile_exprs([call("+", here, there), call("*", there, number(2)), A], POOL)

    first, second, third = twice([rows(1, 2)], 2)

    assert (first.words.tolist(), second.words.tolist(), third.words.tolist()) == ([2, 4], [2, 4], [1, 2])
    assert calls == [2]


def test_shared_parts_may_hold_shared_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = counting(monkeypatch)
    inner = Call("COUNTED", (A,), MAYBE)
    outer = call("+", inner, number(1))
    results = compile_exprs([call("*", outer, inner), call("-", outer, inner)], POOL)([rows(5, None)], 2)

    assert [decode_column(c, MAYBE, POOL) for c in results] == [[30, None], [1, None]]
    assert calls == [2]


def test_a_part_that_is_only_in_branches_stays_there(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case(((call("=", A, number(0)), number(0)),), DIVISION, MAYBE)

    assert [c.words.tolist() for c in compile_exprs([case, case], POOL)([rows(0, 3)], 2)] == [[0, 4], [0, 4]]


def test_an_unknown_function_is_refused_by_name() -> None:
    with pytest.raises(LookupError, match="NO_SUCH"):
        compile_expr(Call("NO_SUCH", (A,), MAYBE), POOL)


def test_null_of_any_type_is_a_literal() -> None:
    assert run(Literal(None, SqlType(Kind.NULL))) == [None]
    assert run(call("+", A, Literal(None, MAYBE)), rows(1, 2)) == [None, None]
