"""`penstock sql ...`: what the SQL front end makes of a file, without a server."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

if TYPE_CHECKING:
    from penstock.sql.diagnostics import Diagnostic

__all__ = ["explain"]


def explain(file: Path) -> None:
    """Print the plan of every view of a program and the circuit's operators, or its errors with exit status 1."""
    from penstock.circuit.lower import lower
    from penstock.sql.compile import CompileFailed, compile_program, diagnose
    from penstock.sql.diagnostics import SqlError
    from penstock.sql.plan.explain import explain_program

    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        print(f"penstock: cannot read {str(file)!r}: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    try:
        program = compile_program(text)
        circuit = lower(program)
    except CompileFailed as failed:
        _refuse(file, failed.diagnostics)
    except SqlError as error:
        _refuse(file, (diagnose(error, text),))
    print(explain_program(program))
    print("circuit")
    for number, wired in enumerate(circuit.operators):
        sources = f"  from {', '.join(map(str, wired.inputs))}" if wired.inputs else ""
        print(f"{number:>4}  {wired.operator.title}{sources}")


def _refuse(file: Path, diagnostics: Sequence[Diagnostic]) -> NoReturn:
    for found in diagnostics:
        print(f"{file}:{found.span.start_line}:{found.span.start_column}: {found.kind}: {found.message}")
        if found.snippet:
            print(found.snippet)
    raise typer.Exit(1) from None
