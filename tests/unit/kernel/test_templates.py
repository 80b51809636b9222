"""Texts with macros."""

from __future__ import annotations

import pytest

from penstock.kernel.templates import TemplateFailed, calls_of, expand, has_macros, logical_time

ARGUMENTS = {"a": "1", "b1": "x${c}", "c": "C", "n with sp.ace-x": "N", "loop": "${loop}"}
FUNCTIONS = {"logicalStartTime": logical_time(1234567890123)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("${a}${a}", "11"),
        ("pre${b${a}}post", "prexCpost"),
        ("${ n with sp.ace-x }", "N"),
        (r"\${a}", "${a}"),
        (r"\${a\}", "${a}"),
        (r"${a}\\.\d", r"1\.d"),
        ("${logicalStartTime()}", "1234567890123"),
        ("${logicalStartTime(yyyy-MM-dd HH:mm,1d-4h+30m,America/Los_Angeles)}", "2009-02-12 19:01"),
    ],
)
def test_a_text_expands_to_what_its_macros_stand_for(text: str, expected: str) -> None:
    assert expand(text, ARGUMENTS, FUNCTIONS) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("${nothing}", "Argument 'nothing' is not defined."),
        ("${a", "Could not find enclosing macro brace"),
        ("${f(x)}", "Unsupported macro function 'f'"),
        ("${logicalStartTime(yyyy}", "Could not find enclosing parentheses"),
        ("${logicalStartTime(yyyy,soon)}", "The offset 'soon' is none"),
        ("${loop}", "exceeded 10 levels"),
    ],
)
def test_a_text_that_cannot_be_expanded_says_why(text: str, said: str) -> None:
    with pytest.raises(TemplateFailed, match=said.replace("(", r"\(")):
        expand(text, ARGUMENTS, FUNCTIONS)


def test_backslashes_stay_where_that_is_asked_for() -> None:
    assert expand(r"${a}\d", ARGUMENTS, {}, drops_backslashes=False) == r"1\d"


def test_only_macros_that_are_not_escaped_count() -> None:
    assert has_macros("x ${a}")
    assert not has_macros(r"x \${a}")


def test_arguments_of_calls_are_found_without_expanding() -> None:
    assert calls_of("${conn(db)} ${conn( other )}", "conn") == [["db"], ["other"]]
