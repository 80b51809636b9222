"""`docs/states.md`: the states of the core, and what each dialect makes of them."""

import importlib
import importlib.util
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from enum import StrEnum
from types import ModuleType

from penstock.boot.registry import DIALECTS
from penstock.kernel import circuits, runs
from tests.docs.markdown import assigned, code, escaped, member_notes, page, table, variable_notes

__all__ = ["page_of_states", "tables_of"]

INTRO = """\
The core has few states of its own, and every dialect shows them in its words. A table is total: each state of the
core has its word in each dialect that shows it. A state is in the core only if some dialect would otherwise lose a
distinction ([ADR 1](adr/0001-dialects-lower-and-project.md))."""

_MODULES = (("Standing circuits", circuits), ("Runs", runs))


def page_of_states() -> str:
    """Return the page."""
    parts = []
    for title, module in _MODULES:
        parts.append(f"## {title}")
        parts.extend(_state(module, enum) for enum in _enums(module))
    return page("States", INTRO, *parts)


def _enums(module: ModuleType) -> list[type[StrEnum]]:
    made = (value for value in vars(module).values() if inspect.isclass(value) and issubclass(value, StrEnum))
    return [e for e in made if e.__module__ == module.__name__ and e.__name__.endswith(("State", "Aim"))]


def _state(module: ModuleType, enum: type[StrEnum]) -> str:
    said = inspect.getdoc(enum) or ""
    first, _, diagram = said.partition("\n\n")
    if "→" in first and not diagram:
        first, diagram = "", first
    notes = member_notes(module)
    shown = list(tables_of(enum))
    head = ("state", "meaning", *(dialect for dialect, _, _ in shown))
    rows = [
        (
            code(member.name),
            escaped(notes.get((enum.__name__, member.name), "")),
            *(_word(words[member]) for _, _, words in shown),
        )
        for member in enum
    ]
    legend = "\n".join(f"`{dialect}`: {said}" for dialect, said, _ in shown if said)
    parts = [f"### {enum.__name__}", first, f"```\n{diagram}\n```" if diagram else "", table(head, rows), legend]
    return "\n\n".join(part for part in parts if part)


def tables_of(enum: type[StrEnum]) -> Iterator[tuple[str, str, Mapping[StrEnum, object]]]:
    """Yield (dialect, what the table says it shows, table) for each total table over the states in `project`."""
    for dialect in DIALECTS:
        for module in _projections(dialect.name):
            for name, value in vars(module).items():
                own = name in assigned(module)
                if own and isinstance(value, Mapping) and value and set(value) == set(enum):
                    yield dialect.name, variable_notes(module).get(name, ""), value


def _projections(dialect: str) -> list[ModuleType]:
    """The module `project` of a dialect, or the modules of the package of that name."""
    name = f"penstock.api.{dialect}.project"
    if importlib.util.find_spec(name) is None:
        return []
    whole = importlib.import_module(name)
    parts = pkgutil.iter_modules(getattr(whole, "__path__", ()))
    return [whole, *(importlib.import_module(f"{name}.{part.name}") for part in parts)]


def _word(shown: object) -> str:
    if isinstance(shown, tuple):
        return " / ".join(_word(part) for part in shown if part is not None)
    return "" if shown is None else code(str(shown))
