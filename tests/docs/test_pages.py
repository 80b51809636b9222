"""Generated pages are what the code says now, and everything on them has words."""

import pytest

from penstock.circuit.aggregates.folds import FOLDS
from penstock.circuit.aggregates.rows import FIRSTS
from penstock.sql.functions.aggregates import AGGREGATES, WINDOW_ONLY
from penstock.sql.functions.registry import FUNCTIONS
from tests.docs import operators, settings
from tests.docs.function_words import AGGREGATE_WORDS, FUNCTION_WORDS, WINDOW_WORDS
from tests.docs.functions import docstring_of, page_of_functions
from tests.docs.generate import DOCS, PAGES
from tests.docs.markdown import code


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_what_the_code_says_now(name: str) -> None:
    path = DOCS / name

    assert path.exists() and path.read_text("utf-8") == PAGES[name](), f"docs/{name} is stale: run `make docs`"


def test_every_page_of_reference_is_generated() -> None:
    there = {f"reference/{path.name}" for path in (DOCS / "reference").iterdir()}

    assert there - set(PAGES) == set()


def test_every_function_is_on_the_page() -> None:
    page = page_of_functions()

    assert [name for name in FUNCTIONS if f"| {code(name)} |" not in page] == []


def test_every_function_has_words() -> None:
    silent = [f.name for f in FUNCTIONS.values() if not docstring_of(f) and f.name not in FUNCTION_WORDS]

    assert silent == [], "write a docstring, or a line in tests/docs/function_words.py if a table declares the function"


def test_words_are_about_functions_that_exist() -> None:
    assert set(FUNCTION_WORDS) - set(FUNCTIONS) == set()
    assert set(AGGREGATE_WORDS) - set(AGGREGATES) == set()
    assert {*FOLDS, *FIRSTS} - set(AGGREGATE_WORDS) == set()
    assert set(WINDOW_WORDS) == set(WINDOW_ONLY)


def test_every_operator_has_words() -> None:
    assert operators.modules_without_words() == []


def test_every_setting_has_words() -> None:
    assert settings.settings_without_words() == set()
