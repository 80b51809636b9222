"""What `--help` shows is what the code says, brackets included."""

import re
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from penstock.cli.app import app


def commands(group: Any, *before: str) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name, command in group.commands.items():
        found += commands(command, *before, name) if hasattr(command, "commands") else [(*before, name)]
    return found


@pytest.mark.parametrize("words", commands(typer.main.get_command(app)), ids=" ".join)
def test_the_help_of_a_command_loses_nothing(words: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "300", "TERMINAL_WIDTH": "300"})
    command: Any = typer.main.get_command(app)
    for word in words:
        command = command.commands[word]
    texts = [command.help, *(getattr(parameter, "help", None) for parameter in command.params)]

    assert shown.exit_code == 0
    missing = {word for text in texts if text for word in _words(text)} - set(_words(shown.output))
    assert missing == set()


def _words(text: str) -> list[str]:
    return re.findall(r"[A-Za-z0-9_./:<>\[\]-]{4,}", text)
