"""Functions of VARIANT with a lambda, through the whole front end: program text to values."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.sql.functions.calls import POOL, VARCHAR, evaluate

from penstock.data.batch import Column
from penstock.data.jsontext import variant_text
from penstock.data.types import Kind
from penstock.data.values import encode_values
from penstock.sql.compile import compile_program
from penstock.sql.plan.nodes import Project

DOCUMENT = '{"name": "Ada", "age": 36, "address": {"city": "Boston", "zip": "02115"}, "tags": [1, 2], "note": null}'


def over(expression: str, *documents: str | None) -> list[Any]:
    """Results, as JSON text where they are VARIANT, of an expression over v, the parsed documents."""
    parsed = "(SELECT PARSE_JSON(j) AS v FROM t)"
    program = compile_program(f"CREATE TABLE t (j VARCHAR); CREATE VIEW v AS SELECT {expression} AS r FROM {parsed};")
    columns: list[Column] = [encode_values(documents, VARCHAR, POOL)]
    plan = program.views[-1].plan
    chain = []
    while isinstance(plan, Project):
        chain.append(plan.exprs)
        plan = plan.input
    result: list[Any] = []
    for exprs in reversed(chain):
        result = [evaluate(e, columns, len(documents)) for e in exprs]
        columns = [encode_values(r, e.type, POOL) for r, e in zip(result, exprs, strict=True)]
    return [
        variant_text(r) if program.views[-1].schema[0].type.kind is Kind.VARIANT and r is not None else r
        for r in result[0]
    ]


@pytest.mark.parametrize(
    "expression,document,expected",
    [
        ("VARIANT_FILTER(v, (k, x) -> TYPEOF(x) = 'VARCHAR')", DOCUMENT, '{"name":"Ada"}'),
        ("VARIANT_FILTER(v, (k, x) -> CAST(k AS VARCHAR) LIKE 'a%')", '{"a": 1, "b": 2, "ac": 3}', '{"a":1,"ac":3}'),
        ("VARIANT_FILTER(v, (k, x) -> k IS NULL)", "5", "5"),
        ("VARIANT_FILTER(v, (k, x) -> k IS NOT NULL)", "5", None),
        ("VARIANT_FILTER(v, (k, x) -> x <> VARIANTNULL())", '{"a": null, "b": 1}', '{"b":1}'),
        ("VARIANT_MAP(v, (k, x) -> CAST(x AS BIGINT) * 2)", '{"a": 1, "b": "x"}', '{"a":2,"b":null}'),
        ("VARIANT_MAP(v, (k, x) -> TYPEOF(x))", '{"a": 1, "b": "x"}', '{"a":"BIGINT UNSIGNED","b":"VARCHAR"}'),
        ("VARIANT_MAP(v, (k, x) -> CAST(x AS BIGINT) + 1)", "4", "5"),
        ("VARIANT_DEEP_FILTER(v, (p, x) -> p <> 'a.c')", '{"a": {"b": 1, "c": {"d": 2}}}', '{"a":{"b":1}}'),
        ("VARIANT_DEEP_FILTER(v, (p, x) -> p <> '[2]')", "[1, 2, 3]", "[1,3]"),
        ("VARIANT_DEEP_FILTER(v, (p, x) -> p IS NULL)", "7", "7"),
        ("VARIANT_DEEP_FILTER(v, (p, x) -> p LIKE '\"x.y\"%')", '{"x.y": {"a": 1}, "x": {"y": 1}}', '{"x.y":{"a":1}}'),
        (
            "VARIANT_DEEP_MAP(v, (p, x) -> CAST(x AS BIGINT) * 2)",
            '{"a": {"b": 1}, "e": [1, 2], "s": "x"}',
            '{"a":{"b":2},"e":[2,4],"s":null}',
        ),
        ("VARIANT_DEEP_MAP(v, (p, x) -> p)", '{"e": [{"f": 1}, []]}', '{"e":[{"f":"e[1].f"},[]]}'),
        ("TRANSFORM(CAST(v AS INT ARRAY), x -> x + 1)", "[1, null]", [2, None]),
    ],
)
def test_parts_of_a_document(expression: str, document: str, expected: Any) -> None:
    assert over(expression, document, None, document) == [expected, None, expected]


def test_a_lambda_sees_the_columns_of_its_row() -> None:
    results = over(
        "VARIANT_MAP(v, (k, x) -> CARDINALITY(CAST(v AS MAP<VARCHAR, VARIANT>)))", '{"a": 1, "b": 2}', '{"c": 0}'
    )

    assert results == ['{"a":2,"b":2}', '{"c":1}']
