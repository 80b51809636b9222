"""The whole front end: program text to tables, views and their plans.

    parse -> bind each statement in order -> rewrite the plans -> Program

Errors are collected statement by statement. A statement that uses something whose own declaration failed gets no
message.
"""

from __future__ import annotations

import penstock.sql.binder.special
import penstock.sql.functions  # noqa: F401
from penstock.sql.binder.catalog import Blamed, Catalog
from penstock.sql.binder.statements import bind_statement, declared_name
from penstock.sql.diagnostics import Diagnostic, SqlError, snippet
from penstock.sql.parser import parse_program
from penstock.sql.plan import recursion
from penstock.sql.plan.expr import Span
from penstock.sql.plan.nodes import Program
from penstock.sql.rules import rewrite_program
from penstock.sql.waterlines import check_final

COMPILATION = "Compilation error"


class CompileFailed(Exception):
    """A program that does not compile. diagnostics: what is wrong, in the order of the text; at least one."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__("\n".join(f"{d.kind}: {d.message}" for d in diagnostics))
        self.diagnostics = diagnostics


def compile_program(text: str) -> Program:
    """Return the tables and views that a program declares, with rewritten plans.

    Raises:
        CompileFailed: with all errors that do not follow from others.
    """
    try:
        statements = parse_program(text)
    except SqlError as error:
        raise CompileFailed((diagnose(error, text),)) from None
    catalog = Catalog()
    errors: list[Diagnostic] = []
    for statement in statements:
        name = declared_name(statement)
        try:
            bind_statement(statement, catalog)
            continue
        except SqlError as error:
            errors.append(diagnose(error, text, statement.span))
        except Blamed:
            pass
        except RecursionError:
            errors.append(diagnose(SqlError("the statement is nested too deeply", None), text, statement.span))
        if name is not None and not catalog.declares(name):
            catalog.failed.add(name)
    for name, declared in catalog.recursive.items():
        if name not in catalog.views and name not in catalog.failed:
            errors.append(
                diagnose(SqlError(f"View '{name}' was declared recursive but not defined", declared.span), text)
            )
    if errors:
        raise CompileFailed(tuple(errors))
    program = rewrite_program(
        Program(tuple(catalog.tables.values()), tuple(catalog.views.values()), indexes=tuple(catalog.indexes.values()))
    )
    try:
        recursion.check(program)
        if any(view.emit_final is not None for view in program.views):
            check_final(program)
    except SqlError as error:
        raise CompileFailed((diagnose(error, text),)) from None
    return program


def diagnose(error: SqlError, text: str, place: Span | None = None) -> Diagnostic:
    """Return the message of an error. place: where it is when the error does not say.

    Source: messages of the dialect's validator start with their place; those of other stages do not.
    """
    span = error.span or place or Span(1, 1, 1, 1)
    message = error.message
    if error.kind == COMPILATION:
        message = f"{_where(span)}: {message}"
    return Diagnostic(error.kind, message, span, snippet=snippet(text, span))


def _where(span: Span) -> str:
    start = f"line {span.start_line}, column {span.start_column}"
    end = f"line {span.end_line}, column {span.end_column}"
    return f"At {start}" if start == end else f"From {start} to {end}"
