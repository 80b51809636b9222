"""Values of records as text, and texts as values."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest

from penstock.data.conversion import ConversionFailed, as_text, convert, from_text, print_double


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.0, "1.0"),
        (0.001, "0.001"),
        (9.99e-4, "9.99E-4"),
        (9999999.0, "9999999.0"),
        (1e7, "1.0E7"),
        (900075000.01, "9.0007500001E8"),
        (0.1 + 0.2, "0.30000000000000004"),
        (-0.0, "-0.0"),
        (math.inf, "Infinity"),
    ],
)
def test_doubles_print_as_on_the_jvm_alone_and_in_columns(value: float, expected: str) -> None:
    assert print_double(value) == expected
    assert as_text(pa.array([value, None])).to_pylist() == [expected, None]


def test_whole_numbers_do_not_take_fractions_and_the_first_bad_text_is_named() -> None:
    assert from_text(pa.array(["1", "+5", None]), pa.int32()).to_pylist() == [1, 5, None]
    with pytest.raises(ConversionFailed, match=r"'1\.0' to the type 'int'") as failed:
        from_text(pa.array(["1", "1.0", "x"]), pa.int32())
    assert failed.value.index == 1


def test_wider_numbers_and_texts_are_made_of_numbers() -> None:
    assert convert(pa.array([1], pa.int32()), pa.float64()).to_pylist() == [1.0]
    assert convert(pa.array([1.5]), pa.binary()).to_pylist() == [b"1.5"]


def test_anything_but_true_is_false() -> None:
    assert from_text(pa.array(["TRUE", "yes", None]), pa.bool_()).to_pylist() == [True, False, None]
