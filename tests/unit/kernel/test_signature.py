"""The form of inputs and results."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.kernel.signature import ANYTHING, Field, FieldType, Misfit, Signature, fit

GOOD: dict[str, list[Any]] = {
    "int": [0, -5, 5.0],
    "double": [1, 1.5, -0.0],
    "string": ["", "ä"],
    "bool": [True, False],
    "dict": [{}, {"a": [1]}],
    "array_int": [[], [1, 2.0]],
    "array_double": [[], [1, 2.5]],
    "array_string": [[], ["a"]],
    "file": ["a://b/c"],
    "array_file": [[], ["a://b/c"]],
}
BAD: dict[str, list[Any]] = {
    "int": [True, 5.5, "5", None],
    "double": [True, "1.5", float("nan"), float("inf"), None],
    "string": [5, None, ["a"]],
    "bool": [0, 1, "true", None],
    "dict": [[], "{}", None],
    "array_int": [[1.5], ["1"], [[1]], {}, None],
    "array_double": [[True], ["1"], 5],
    "array_string": [[1], "a", None],
    "file": [5, None, {}],
    "array_file": ["a", [5]],
}


def of(type: str) -> Signature:
    return Signature((Field("f", FieldType(type)),))


@pytest.mark.parametrize(("type", "value"), [(type, value) for type, values in GOOD.items() for value in values])
def test_a_value_of_its_type_fits(type: str, value: Any) -> None:
    assert fit(of(type), {"f": value}) == {"f": value}


@pytest.mark.parametrize(("type", "value"), [(type, value) for type, values in BAD.items() for value in values])
def test_a_value_of_another_type_does_not_and_the_message_names_field_and_type(type: str, value: Any) -> None:
    with pytest.raises(Misfit, match="'f'") as caught:
        fit(of(type), {"f": value})

    assert type in str(caught.value) or "no number" in str(caught.value)


def test_a_whole_double_becomes_an_int_where_an_int_is_wanted() -> None:
    fitted = fit(of("int"), {"f": 5.0})

    assert isinstance(fitted, dict) and isinstance(fitted["f"], int)


@pytest.mark.parametrize(("value", "named"), [({}, "'f'"), ({"f": 1, "g": 2}, "'g'"), ([1], "array"), (None, "null")])
def test_missing_and_unknown_fields_are_named(value: Any, named: str) -> None:
    with pytest.raises(Misfit, match=named):
        fit(of("int"), value)


def test_a_plain_signature_takes_anything() -> None:
    assert fit(ANYTHING, [None]) == [None]
