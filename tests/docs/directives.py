"""`docs/reference/directives.md`: directives of recipes, and functions of their expressions."""

from penstock.transform.directives import DIRECTIVES, FAMILIES
from penstock.transform.jexl.functions import SPACES
from penstock.transform.recipe.usage import usage
from tests.docs.markdown import code, escaped, first_paragraph, page, table

__all__ = ["page_of_directives"]

INTRO = """\
A recipe has one directive a line, or several that end in `;`. Both syntaxes are read: the one below, and the older
one of bare words (`drop a,b`, `set column x a + 1`). `if (expression) { … } else { … }` takes directives for some rows
only. Columns are found in any case."""

FUNCTIONS = """\
Expressions are JEXL 3 in its strict mode: a null where a value is needed fails the row. Functions are called as
`space:name(…)`; those of the first line without a space. Methods of strings, lists and maps can be called on values."""


def page_of_directives() -> str:
    """Return the page."""
    parts = []
    for family in FAMILIES:
        own = [d for _, d in sorted(DIRECTIVES.items()) if d.make.__module__ == family.__name__]
        if own:
            rows = [(code(usage(d.name, d.parameters)), escaped(first_paragraph(d.make))) for d in own]
            parts += [f"## {_title(first_paragraph(family))}", table(("directive", "what it does"), rows)]
    spaces = [(code(f"{space}:") if space else "", _names(known)) for space, known in sorted(SPACES.items())]
    return page(
        "Directives and expressions", INTRO, *parts, "## Expressions", FUNCTIONS, table(("space", "functions"), spaces)
    )


def _title(text: str) -> str:
    shown = text.rstrip(".").removeprefix("Directives that ").removeprefix("Directives ")
    return shown[0].upper() + shown[1:]


def _names(known: object) -> str:
    return ", ".join(code(name) for name in sorted(known)) if isinstance(known, dict) else ""
