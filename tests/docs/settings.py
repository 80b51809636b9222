"""`docs/reference/settings.md`: settings of a server, from `boot/config.py` and the command line."""

import inspect
import re
from dataclasses import MISSING, fields
from typing import Any

import typer

from penstock.boot.config import PREFIX, Settings
from penstock.cli.app import app
from tests.docs.markdown import code, escaped, page, table

__all__ = ["page_of_settings", "settings_without_words"]

INTRO = """\
Each setting is an environment variable; those with an option can be given on the command line of `penstock serve`
as well, which wins. A variable that begins with `PENSTOCK_` and names no setting is refused, so a misspelt one is
noticed."""


def page_of_settings() -> str:
    """Return the page."""
    words, options = _words(), _options()
    rows = []
    for field in fields(Settings):
        default = "" if field.default is None or field.default is MISSING else _shown(field.default)
        rows.append(
            (code(PREFIX + field.name.upper()), options.get(field.name, ""), default, escaped(words[field.name]))
        )
    return page("Settings", INTRO, table(("variable", "option", "default", "meaning"), rows), _commands())


def settings_without_words() -> set[str]:
    """Return the settings that the docstring of `Settings` does not explain."""
    return {field.name for field in fields(Settings)} - set(_words())


def _words() -> dict[str, str]:
    """What the docstring says of each attribute."""
    text = (inspect.getdoc(Settings) or "").partition("Attributes:\n")[2]
    found = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", text, re.MULTILINE)
    return {name: " ".join(words.split()) for name, words in found}


def _shown(default: object) -> str:
    return code(str(default).lower() if isinstance(default, bool) else str(default))


def _options() -> dict[str, str]:
    """The option of each setting; a flag that stands for the opposite is left to its own line."""
    serve = _group().commands["serve"]
    names = {field.name for field in fields(Settings)}
    return {p.name: code(p.opts[0]) for p in serve.params if p.name in names and p.name is not None}


def _group() -> Any:
    return typer.main.get_command(app)


def _commands() -> str:
    parts = ["## Commands"]
    for name, command in _flat(_group(), "penstock"):
        parts.append(f"### {code(name)}")
        parts.append(escaped((command.help or "").split("\n\n")[0]))
        rows = [
            (code(" / ".join(p.opts)) if p.param_type_name == "option" else code(str(p.name).upper()), _help(p))
            for p in command.params
            if p.name != "help"
        ]
        if rows:
            parts.append(table(("option", "meaning"), rows))
    return "\n\n".join(parts)


def _help(parameter: Any) -> str:
    text = escaped(getattr(parameter, "help", None) or "")
    return re.sub(r" *\[default: (.*)\]", r" Default: `\1`.", text)


def _flat(group: Any, name: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for word, command in group.commands.items():
        if hasattr(command, "commands"):
            if command.invoke_without_command:
                found.append((f"{name} {word}", command))
            found.extend(_flat(command, f"{name} {word}"))
        else:
            found.append((f"{name} {word}", command))
    return found
