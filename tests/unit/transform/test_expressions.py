"""What expressions give, for one row and for a batch."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from penstock.transform.frames.data import scalars
from penstock.transform.frames.frame import Column, Frame
from penstock.transform.jexl import ExpressionInvalid, compile_expression
from penstock.transform.jvm.values import BigInteger, Float, Long, column_of

ROW: dict[str, Any] = {
    "i": 7,
    "j": -2,
    "l": Long(5_000_000_000),
    "d": 2.5,
    "s": "Hello World",
    "n": "40",
    "e": "",
    "z": None,
    "t": True,
    "f": Float(0.5),
    "m": Decimal("1.10"),
    "r": {"x": {"y": 3}, "list": [10, 20]},
    "w": datetime(2020, 2, 29, 12, 30, tzinfo=UTC),
}

OPERATORS: list[tuple[str, Any]] = [
    ("i + j", 5),
    ("i / 2", 3),
    ("i % 4", 3),
    ("j / 4.0", -0.5),
    ("i * l", Long(35_000_000_000)),
    ("9223372036854775807 + 1", BigInteger(9223372036854775808)),
    ("n * 2", 80),
    ("n + 2", "402"),
    ("s + 1", "Hello World1"),
    ("1 + '2'", "12"),
    ("n == 40", True),
    ("n > 5", True),
    ("s =~ '.*World'", True),
    ("s !~ 'x.*'", True),
    ("s =^ 'Hello'", True),
    ("s =$ 'World'", True),
    ("s !^ 'x'", True),
    ("i =~ [5, 7]", True),
    ("i >= 7 && j < 0", True),
    ("i > 7 or not t", False),
    ("i gt 3 and s eq 'Hello World'", True),
    ("t ? 'yes' : 'no'", "yes"),
    ("e ?: 'none'", "none"),
    ("z ?? 'none'", "none"),
    ("z == null", True),
    ("s != null", True),
    ("empty e", True),
    ("empty z", True),
    ("empty s", False),
    ("size s", 11),
    ("size(s)", 11),
    ("-i", -7),
    ("!t", False),
    ("~i", Long(-8)),
    ("i & 3", Long(3)),
    ("i | 8", Long(15)),
    ("i ^ 1", Long(6)),
    ("d * 2", 5.0),
    ("f + 1", 1.5),
    ("m + m", Decimal("2.20")),
    ("r.x.y", 3),
    ("r['x']['y'] + 1", 4),
    ("r.list[1]", 20),
    ("var x = 2; x * 3", 6),
    ("if (i > 5) { 'big' } else { 'small' }", "big"),
    ("var t = 0; for (x : [1, 2, 3]) { t = t + x; } t", 6),
    ("0x1F", 31),
    ("1.5e3", 1500.0),
    ("'it\\'s'", "it's"),
    ('"a\\tb"', "a\tb"),
    ("unknown == null", True),
]

METHODS: list[tuple[str, Any]] = [
    ("s.length()", 11),
    ("s.toUpperCase()", "HELLO WORLD"),
    ("s.substring(6)", "World"),
    ("s.substring(0, 4)", "Hell"),
    ("s.contains('lo W')", True),
    ("s.indexOf('o')", 4),
    ("s.replace('l', 'L')", "HeLLo WorLd"),
    ("s.replaceAll('[aeiou]', '*')", "H*ll* W*rld"),
    ("s.split(' ')[1]", "World"),
    ("s.charAt(1) == 'e'", True),
    ("s.equals('Hello World')", True),
    ("s.equalsIgnoreCase('hello world')", True),
    ("s.trim().isEmpty()", False),
    ("s.startsWith('Hell') && s.endsWith('ld')", True),
    ("s.matches('Hello.*')", True),
    ("s.compareTo('Hello')", 6),
]

FUNCTIONS: list[tuple[str, Any]] = [
    ("toDouble(n)", 40.0),
    ("toInteger(n) + 1", 41),
    ("toLong(n)", Long(40)),
    ("concat('a', '-', 'b')", "a-b"),
    ("coalesce(z, 'x', 'y')", "x"),
    ("rcoalesce('x', z)", "x"),
    ("format('%05d|%s|%.2f', 42, 'x', 1.005)", "00042|x|1.01"),
    ("padAtStart('7', 3, '0')", "007"),
    ("padAtEnd('7', 3, '0')", "700"),
    ("repeat('ab', 2)", "abab"),
    ("unquote('\"x\"')", "x"),
    ("math:max(3, 5)", 5),
    ("math:abs(-3)", 3),
    ("math:ceil(1.2)", 2.0),
    ("math:pow(2, 10)", 1024.0),
    ("math:round(2.5)", Long(3)),
    ("math:toIntExact(5)", 5),
    ("string:upperCase(s)", "HELLO WORLD"),
    ("string:substringBefore(s, ' ')", "Hello"),
    ("string:capitalize('ab')", "Ab"),
    ("string:reverse('abc')", "cba"),
    ("string:leftPad('7', 3, '0')", "007"),
    ("string:isNumeric('123')", True),
    ("string:swapCase('aB')", "Ab"),
    ("strings:repeat('a', 3)", "aaa"),
    ("dq:isEmail('a@example.org')", True),
    ("dq:isNumber('12x')", False),
    ("dq:isIPv4('10.0.0.1')", True),
    ("date:MONTH(w)", 2),
    ("date:YEAR(w)", 2020),
    ("date:MONTH_SHORT(w)", "Feb"),
    ("bytes:toString(bytes:toBytes('ab'))", "ab"),
    ("z > 1", False),
    ("decimal:add(m, 1)", Decimal("2.10")),
]

INVALID = ["i +", "(i", "'open", "i ===", "nothing:here(1)", "if (i"]


def batch_value(text: str, row: dict[str, Any], copies: int = 2) -> list[Any]:
    """Evaluate for a batch of equal rows; what fails is left out."""
    frame = Frame([Column(name, column_of([value] * copies)) for name, value in row.items()], copies)
    data, failed = compile_expression(text).over(frame)
    return [value for at, value in enumerate(scalars(data)) if at not in failed]


@pytest.mark.parametrize(("text", "expected"), OPERATORS + METHODS + FUNCTIONS)
def test_an_expression_when_evaluated_gives_the_same_alone_and_in_batches(text: str, expected: Any) -> None:
    value = compile_expression(text).evaluate(ROW)
    assert value == expected
    assert type(value) is type(expected)
    assert batch_value(text, ROW) == [expected, expected]


@pytest.mark.parametrize("text", INVALID)
def test_an_expression_that_is_none_when_compiled_is_refused(text: str) -> None:
    with pytest.raises(ExpressionInvalid):
        compile_expression(text)


@pytest.mark.parametrize(
    "text", ["z + 1", "noSuchFunction(1)", "s.noSuchMethod()", "s - 1", "z.length()", "toInteger(s)"]
)
def test_an_expression_when_it_cannot_be_evaluated_fails_alone_and_in_batches(text: str) -> None:
    with pytest.raises(Exception):  # noqa: B017 (each kind of failure has its own exception)
        compile_expression(text).evaluate(ROW)
    assert batch_value(text, ROW) == []


def test_a_test_of_a_batch_when_some_rows_fail_tells_the_others() -> None:
    frame = Frame([Column("a", column_of(["1", "x", "5"]))], 3)
    mask, failed = compile_expression("a > 2").test(frame)
    assert (mask.tolist()[0], mask.tolist()[2]) == (False, True)
    assert list(failed) == [1]
