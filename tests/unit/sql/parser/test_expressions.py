"""Expressions: what each form becomes, and that its span is its text."""

from __future__ import annotations

import pytest
from tests.unit.sql.parser import render

from penstock.sql.parser import parse_query
from penstock.sql.parser.ast import Expression, Select

OPERATORS = [
    ("a + b * c - d", "-(+(a, *(b, c)), d)"),
    ("a || b || c", "||(||(a, b), c)"),
    ("a || b + c", "+(||(a, b), c)"),
    ("-a * b", "*(-(a), b)"),
    ("- 5", "-5"),
    ("-5::INT", "-(cast(5: INTEGER))"),
    ("- a.b", "-(a.b)"),
    ("+a", "+(a)"),
    ("a = b AND c OR NOT d", "OR(AND(=(a, b), c), NOT(d))"),
    ("NOT a = b", "NOT(=(a, b))"),
    ("NOT a IS NULL", "NOT(IS NULL(a))"),
    ("a = b IS NULL", "IS NULL(=(a, b))"),
    ("a < b = c", "=(<(a, b), c)"),
    ("a % 2", "%(a, 2)"),
    ("a <=> b", "<=>(a, b)"),
    ("a != b", "<>(a, b)"),
]

PREDICATES = [
    ("a IS NOT NULL", "NOT(IS NULL(a))"),
    ("a IS NOT DISTINCT FROM b + 1", "NOT(IS DISTINCT FROM(a, +(b, 1)))"),
    ("a IS UNKNOWN", "IS UNKNOWN(a)"),
    ("a IS NOT TRUE", "NOT(IS TRUE(a))"),
    ("a BETWEEN b AND c AND d", "AND(BETWEEN(a, b, c), d)"),
    ("a NOT BETWEEN SYMMETRIC 1 AND 2", "NOT(BETWEEN SYMMETRIC(a, 1, 2))"),
    ("a BETWEEN ASYMMETRIC 1 AND 2", "BETWEEN(a, 1, 2)"),
    ("a IN (1, 2) OR b", "OR(IN(a, 1, 2), b)"),
    ("a NOT IN (1)", "NOT(IN(a, 1))"),
    ("(a, b) IN (SELECT 1, 2)", "ROW(a, b) = in[select 1, 2]"),
    ("a IN (SELECT 1)", "a = in[select 1]"),
    ("a LIKE b ESCAPE 'x'", "LIKE(a, b, 'x')"),
    ("a NOT LIKE 'x%'", "NOT(LIKE(a, 'x%'))"),
    ("a ILIKE b", "ILIKE(a, b)"),
    ("a RLIKE 'x'", "RLIKE(a, 'x')"),
    ("a NOT SIMILAR TO b", "NOT(SIMILAR TO(a, b))"),
    ("(a, b) OVERLAPS (c, d)", "OVERLAPS(ROW(a, b), ROW(c, d))"),
    ("a IMMEDIATELY PRECEDES b", "IMMEDIATELY PRECEDES(a, b)"),
]

ACCESS = [
    ("a::INT::VARCHAR(3)", "cast(cast(a: INTEGER): VARCHAR(3))"),
    ("CAST(a AS DECIMAL(3, 2))", "cast(a: DECIMAL(3, 2))"),
    ("SAFE_CAST(a AS INT ARRAY)", "safe_cast(a: INTEGER ARRAY)"),
    ("a[1][b + 1].c", "FIELD(ITEM(ITEM(a, 1), +(b, 1)), 'c')"),
    ("t.a.b.c", "t.a.b.c"),
    ("v['x'].y[1]", "ITEM(FIELD(ITEM(v, 'x'), 'y'), 1)"),
    ("f(a).b", "FIELD(F(a), 'b')"),
    ("(a).b", "FIELD(a, 'b')"),
    ('"A"."b""c"', '"A"."b"c"'),
    ("`X y`", '"X y"'),
    ("A.B", "a.b"),
    ("Ünï", "ünï"),
]

LITERALS = [
    ("1", "1"),
    ("1.5", "1.5"),
    (".5", ".5"),
    ("1.", "1."),
    ("1e3", "1e3"),
    ("1.5E-3", "1.5E-3"),
    ("'it''s'", "'it's'"),
    ("''", "''"),
    ("N'x'", "'x'"),
    ("U&'\\0041'", "'A'"),
    ("x'0aFF'", "binary'0aFF'"),
    ("X''", "binary''"),
    ("TRUE", "TRUE"),
    ("unknown", "UNKNOWN"),
    ("NULL", "NULL"),
    ("DATE '2020-01-01'", "date'2020-01-01'"),
    ("TIME '10:00:00'", "time'10:00:00'"),
    ("TIMESTAMP '2020-01-01 00:00:00'", "timestamp'2020-01-01 00:00:00'"),
    ("TIMESTAMP WITH TIME ZONE '2020-01-01 00:00:00+00:00'", "timestamp_tz'2020-01-01 00:00:00+00:00'"),
    ("UUID 'x'", "uuid'x'"),
    ("date", "date"),
    ("date(a)", "DATE(a)"),
    ("time", "time"),
]

INTERVALS = [
    ("INTERVAL '1' DAY", "interval'1' DAY"),
    ("INTERVAL '1-2' YEAR TO MONTH", "interval'1-2' YEAR TO MONTH"),
    ("INTERVAL -'1 02:03' DAY TO MINUTE", "interval'-1 02:03' DAY TO MINUTE"),
    ("INTERVAL 1 DAY", "interval'1' DAY"),
    ("INTERVAL 1.5 SECONDS", "interval'1.5' SECOND"),
    ("- INTERVAL '1' MONTH", "-(interval'1' MONTH)"),
    ("INTERVAL a DAY", "INTERVAL(a, 'DAY')"),
    ("INTERVAL (a + 1) HOURS", "INTERVAL(+(a, 1), 'HOUR')"),
    ("INTERVAL '10' DAY(3) TO SECOND(2, 3)", "interval'10' DAY TO SECOND"),
    ("a - INTERVAL '1' DAY > b", ">(-(a, interval'1' DAY), b)"),
    ("(a - b) DAY", "MINUS_DATE(a, b, 'DAY')"),
    ("(a - b) HOUR TO SECOND", "MINUS_DATE(a, b, 'HOUR TO SECOND')"),
    ("((a - b)) + 1", "+(-(a, b), 1)"),
]

CONSTRUCTORS = [
    ("ARRAY[1, a]", "ARRAY(1, a)"),
    ("ARRAY[]", "ARRAY()"),
    ("ARRAY(SELECT a FROM t)", "array[select a from t]"),
    ("ARRAY(1, 2)", "ARRAY(1, 2)"),
    ("ARRAY()", "ARRAY()"),
    ("MAP['a', 1]", "MAP('a', 1)"),
    ("MAP {'a': 1, 'b': 2}", "MAP('a', 1, 'b', 2)"),
    ("MAP(a, b)", "MAP()(a, b)"),
    ("ROW(1, a)", "ROW(1, a)"),
    ("(1, a)", "ROW(1, a)"),
    ("((a))", "a"),
    ("ROW()", "ROW()"),
    ("(SELECT 1)", "scalar[select 1]"),
    ("((SELECT 1))", "scalar[select 1]"),
    ("((SELECT 1) UNION (SELECT 2))", "scalar[[select 1] union [select 2]]"),
    ("((SELECT 1) + 1) * 2", "*(+(scalar[select 1], 1), 2)"),
    ("EXISTS (SELECT 1)", "exists[select 1]"),
    ("NOT EXISTS (SELECT 1)", "NOT(exists[select 1])"),
    ("a = ANY (SELECT 1)", "a = any[select 1]"),
    ("a <> ALL (SELECT 1)", "a <> all[select 1]"),
    ("SOME(a)", "SOME(a)"),
]

CALLS = [
    ("f()", "F()"),
    ("f(DISTINCT a, b)", "F(distinct a, b)"),
    ("COUNT(*)", "COUNT(*)"),
    ("COUNT(ALL a)", "COUNT(a)"),
    ("len(a)", "LEN(a)"),
    ("LEN(a)", "LEN(a)"),
    ("TRUNC(a)", "TRUNC(a)"),
    ("TRUNCATE(a, 1)", "TRUNCATE(a, 1)"),
    ("SUBSTR(a, 1)", "SUBSTR(a, 1)"),
    ("IF(a, b, c)", "IF(a, b, c)"),
    ("LEFT(a, 2)", "LEFT(a, 2)"),
    ("f(x -> x + 1, (a, b) -> a)", "F((x) -> +(x, 1), (a, b) -> a)"),
    ("f((a, b))", "F(ROW(a, b))"),
    ("ARRAY_AGG(a ORDER BY b DESC NULLS LAST, c)", "ARRAY_AGG(a) order(b desc nulls last, c)"),
    ("SUM(a) FILTER (WHERE b > 0)", "SUM(a) filter(>(b, 0))"),
    ("f(a) WITHIN GROUP (ORDER BY b)", "F(a) order(b)"),
    ("FIRST_VALUE(a IGNORE NULLS) OVER (ORDER BY b)", "FIRST_VALUE(a) ignore nulls over(order (b))"),
    ("LAG(a, 1) RESPECT NULLS OVER (PARTITION BY b, c ORDER BY d)", "LAG(a, 1) over(by b, c order (d))"),
]

WINDOWS = [
    (
        "SUM(a) OVER (ORDER BY b ROWS BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING)",
        "SUM(a) over(order (b) rows -all..+1)",
    ),
    (
        "SUM(a) OVER (ORDER BY b RANGE INTERVAL '1' DAY PRECEDING)",
        "SUM(a) over(order (b) range -interval'1' DAY..current)",
    ),
    ("SUM(a) OVER (ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)", "SUM(a) over(rows current..+all)"),
    ("SUM(a) OVER ()", "SUM(a) over()"),
]

SPECIAL = [
    ("EXTRACT(YEAR FROM a)", "EXTRACT('YEAR', a)"),
    ("EXTRACT(dow FROM a)", "EXTRACT('DOW', a)"),
    ("POSITION('a' IN b)", "POSITION('a', b)"),
    ("POSITION(a IN b FROM 2)", "POSITION(a, b, 2)"),
    ("OVERLAY(a PLACING b FROM 1 FOR 2)", "OVERLAY(a, b, 1, 2)"),
    ("OVERLAY(a PLACING b FROM 1)", "OVERLAY(a, b, 1)"),
    ("SUBSTRING(a FROM 2 FOR 3)", "SUBSTRING(a, 2, 3)"),
    ("SUBSTRING(a FOR 3)", "SUBSTRING(a, 1, 3)"),
    ("SUBSTRING(a, 2)", "SUBSTRING(a, 2)"),
    ("TRIM(a)", "TRIM('BOTH', ' ', a)"),
    ("TRIM(LEADING FROM a)", "TRIM('LEADING', ' ', a)"),
    ("TRIM(BOTH 'x' FROM a)", "TRIM('BOTH', 'x', a)"),
    ("TRIM('x' FROM a)", "TRIM('BOTH', 'x', a)"),
    ("FLOOR(a TO MONTH)", "FLOOR(a, 'MONTH')"),
    ("FLOOR(a)", "FLOOR(a)"),
    ("CEIL(a, 2)", "CEIL(a, 2)"),
    ("TIMESTAMPDIFF(SECOND, a, b)", "TIMESTAMPDIFF('SECOND', a, b)"),
    ("DATE_TRUNC(a, MONTH)", "DATE_TRUNC(a, 'MONTH')"),
    ("DATE_TRUNC(a, WEEK(MONDAY))", "DATE_TRUNC(a, 'WEEK(MONDAY)')"),
    ("TIMESTAMPADD(SQL_TSI_DAY, 1, a)", "TIMESTAMPADD('DAY', 1, a)"),
    ("CURRENT_TIMESTAMP", "CURRENT_TIMESTAMP()"),
    ("NOW()", "NOW()"),
    ("CASE a WHEN 1 THEN 2 WHEN 3, 4 THEN 5 ELSE 6 END", "case(a; 1 => 2; 3 => 5; 4 => 5; else 6)"),
    ("CASE WHEN a THEN b END", "case(a => b)"),
]


def _parsed(text: str) -> Expression:
    body = parse_query(f"SELECT {text}").body
    assert isinstance(body, Select)
    (item,) = body.items
    return item.expression


ALL = [*OPERATORS, *PREDICATES, *ACCESS, *LITERALS, *INTERVALS, *CONSTRUCTORS, *CALLS, *WINDOWS, *SPECIAL]


@pytest.mark.parametrize(("text", "expected"), ALL, ids=[text for text, _ in ALL])
def test_each_form_becomes_its_tree(text: str, expected: str) -> None:
    assert expected == render.expression(_parsed(text))


@pytest.mark.parametrize("text", [text for text, _ in ALL])
def test_the_span_of_an_expression_is_its_text(text: str) -> None:
    assert text == render.covered(f"SELECT {text}", _parsed(text).span)


def test_parts_have_spans_of_their_own() -> None:
    text = "f(x + y,\n  CAST(a AS INT), (SELECT b FROM t))"
    call = _parsed(text)
    assert hasattr(call, "args")

    spans = [render.covered(f"SELECT {text}", a.span) for a in call.args]

    assert spans == ["x + y", "CAST(a AS INT)", "(SELECT b FROM t)"]


def test_long_chains_of_and_become_a_balanced_tree_in_the_same_order() -> None:
    text = " AND ".join(f"c{i}" for i in range(1000))

    tree = render.expression(_parsed(text))

    assert [f"c{i}" for i in range(1000)] == tree.replace("AND(", "").replace(")", "").split(", ")
    assert tree.startswith("AND(" * 9) and not tree.startswith("AND(" * 11)
