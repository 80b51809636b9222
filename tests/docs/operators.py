"""`docs/reference/operators.md`: the operators of a circuit, from their modules' docstrings."""

import importlib
import inspect
import pkgutil

from penstock.circuit import operators
from tests.docs.markdown import page

__all__ = ["modules_without_words", "page_of_operators"]

INTRO = """\
What a circuit is made of. `dA` is the change of A in one step, `A_old` and `A_new` what A was before and is after
it; a change is a Z-set: rows with weights, positive for what is added, negative for what is taken away. An operator
is called once in a step, and only if one of its inputs changed. `penstock sql explain FILE` shows the operators of
a program."""


def page_of_operators() -> str:
    """Return the page."""
    parts = [_part(name) for name in _names()]
    return page("Operators of a circuit", INTRO, *parts)


def modules_without_words() -> list[str]:
    """Return the operators whose module says nothing."""
    return [name for name in _names() if not inspect.getdoc(_module(name))]


def _names() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(operators.__path__))


def _module(name: str) -> object:
    return importlib.import_module(f"penstock.circuit.operators.{name}")


def _part(name: str) -> str:
    return f"## `{name}`\n\n{inspect.getdoc(_module(name)) or ''}"
