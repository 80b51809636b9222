"""Write the generated pages: `make docs`, or `python -m tests.docs.generate`.

A page is a function without arguments that returns its text. `test_pages.py` compares the committed pages with what
these functions return now, and refuses a page that nothing generates any more.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from penstock.boot.registry import DIALECTS
from tests.docs import connectors, coverage, coverage_sql, directives, functions, operators, settings, states

__all__ = ["DOCS", "PAGES", "main"]

DOCS = Path(__file__).resolve().parents[2] / "docs"

PAGES: Mapping[str, Callable[[], str]] = {
    "states.md": states.page_of_states,
    "reference/functions.md": functions.page_of_functions,
    "reference/directives.md": directives.page_of_directives,
    "reference/operators.md": operators.page_of_operators,
    "reference/connectors.md": connectors.page_of_connectors,
    "reference/settings.md": settings.page_of_settings,
    "reference/coverage-sql.md": coverage_sql.page_of_sql_coverage,
    **{
        f"reference/coverage-{dialect.name}.md": partial(coverage.page_of_coverage, dialect)
        for dialect in DIALECTS
        if dialect.name != "native"
    },
}
"""Every generated page, by its path below `docs`."""


def main() -> None:
    """Write every page that differs; remove generated pages that are none any more."""
    for name, made in PAGES.items():
        path = DOCS / name
        text = made()
        if not path.exists() or path.read_text("utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            print(f"wrote docs/{name}")
    for path in (DOCS / "reference").glob("*.md"):
        if f"reference/{path.name}" not in PAGES:
            path.unlink()
            print(f"removed docs/reference/{path.name}")


if __name__ == "__main__":
    main()
