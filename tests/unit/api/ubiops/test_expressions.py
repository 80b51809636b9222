"""Expressions of operators: what they come to, and what they cannot do."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.api.ubiops.expressions import ExpressionError, check_expression, evaluate_expression

NAMES = {"x": 7, "text": "abc", "items": [3, 1, 2], "row": {"a": {"b": 5}}}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("x * 5", 35),
        ("x / 2", 3.5),
        ("-x ** 2 // 3 % 5", 3),
        ("'high' if x > 5 else 'low'", "high"),
        ("1 < x <= 7 and not text == 'b'", True),
        ("x in (1, 7) or undefined_is_not_reached", True),
        ("row['a']['b'] + items[-1]", 7),
        ("items[1:] + [x]", [1, 2, 7]),
        ("sorted(items, reverse=True)", [3, 2, 1]),
        ("sum(i * i for i in items if i > 1)", 13),
        ("{k: len(k) for k in ['a', 'bb']}", {"a": 1, "bb": 2}),
        ("[a + b for a, b in zip(items, items)]", [6, 2, 4]),
        ("f'{text.upper()}-{x:03d}'", "ABC-007"),
        ("round(2.567, 1)", 2.6),
        ("text.replace('b', '').split('a')", ["", "c"]),
        ("row.get('z', None) is None", True),
        ("max(items) if items else 0", 3),
        ("{1, 2, 2}", [1, 2]),
        ("true", True),
    ],
)
def test_an_expression_comes_to_what_python_would_say(expression: str, value: Any) -> None:
    if "undefined" not in expression:
        check_expression(expression, NAMES)

    assert evaluate_expression(expression, NAMES) == value


@pytest.mark.parametrize(
    "expression",
    [
        "().__class__.__bases__[0].__subclasses__()",
        "x.__class__",
        "text.format(x)",
        "'{0.__class__}'.format(x)",
        "__import__('os').system('id')",
        "open('/etc/passwd')",
        "eval('1')",
        "getattr(x, 'real')",
        "(lambda: 1)()",
        "[y := 1]",
        "unknown + 1",
        "print(x)",
        "x if",
        "import os",
        "b'bytes'",
        "max(items, key=abs)",
        "text.encode()",
        "[i async for i in items]",
        "(yield x)",
    ],
)
def test_what_is_no_plain_expression_is_refused_when_it_is_made(expression: str) -> None:
    with pytest.raises(ExpressionError):
        check_expression(expression, NAMES)


@pytest.mark.parametrize(
    "expression",
    [
        "9 ** 9 ** 9",
        "1 << 10 ** 9",
        "'a' * 10 ** 9",
        "[0] * 10 ** 8",
        "range(10 ** 9)",
        "[[0 for a in range(2000)] for b in range(2000)]",
        "sum(a * b * c for a in range(999) for b in range(999) for c in range(999))",
        "f'{x:100000}'",
        "'%1000000d' % x",
        "'a'.join(['b' * 1000] * 100000)",
        "'aaaa'.replace('a', 'b' * 900000)",
        "1 / 0",
        "items['a']",
        "float('nan')",
        "'1' + 1",
        "-" * 5000 + "x",
    ],
)
def test_what_would_take_long_or_has_no_value_fails_quickly(expression: str) -> None:
    with pytest.raises(ExpressionError):
        evaluate_expression(expression, NAMES)


def test_a_deeply_nested_expression_is_refused_and_harms_nothing() -> None:
    with pytest.raises(ExpressionError):
        check_expression("(" * 5000 + "1" + ")" * 5000, ())
