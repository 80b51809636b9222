"""What a program adds to the dialect: types and functions."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from penstock.data.types import INTERVALS, Field, Kind, SqlType
from penstock.sql.binder.aggregates import AGGREGATES
from penstock.sql.binder.catalog import Catalog, Function
from penstock.sql.binder.expressions import Expressions, castable
from penstock.sql.binder.names import Frame, Scope, Visible
from penstock.sql.binder.queries import Queries
from penstock.sql.binder.routines import JSON_PREFIX, dedented
from penstock.sql.binder.slots import Slots
from penstock.sql.binder.types import bind_type
from penstock.sql.diagnostics import NotSupported, SqlError
from penstock.sql.functions.aggregates import WINDOW_ONLY
from penstock.sql.functions.coercion import describe
from penstock.sql.functions.registry import FUNCTIONS
from penstock.sql.parser.ast import CreateFunction, CreateType
from penstock.sql.plan.expr import ColumnRef

PREDEFINED = frozenset((*FUNCTIONS, *AGGREGATES, *WINDOW_ONLY))
"""Functions of the dialect, whose names a program cannot give to its own."""


def define_type(statement: CreateType, catalog: Catalog) -> None:
    """Add a type: a name for another one, or rows with named fields."""
    name = statement.name.text
    if name in catalog.types:
        raise SqlError(f"Type '{name}' is already defined", statement.name.span, "Duplicate declaration")
    if statement.alias_of is not None:
        catalog.types[name] = bind_type(statement.alias_of, catalog, True)
        return
    fields: list[Field] = []
    for field_name, written in statement.fields:
        if any(f.name == field_name.text for f in fields):
            raise SqlError(
                f"Column with name '{field_name.text}' already defined", field_name.span, "Duplicate declaration"
            )
        fields.append(Field(field_name.text, bind_type(written, catalog, True)))
    catalog.types[name] = SqlType(Kind.STRUCT, True, fields=tuple(fields), name=name)


def define_function(statement: CreateFunction, catalog: Catalog) -> None:
    """Add a function, after a look at its body."""
    name = statement.name.text
    if name.lower() in catalog.functions:
        raise SqlError(f"Function '{name}' is already defined", statement.name.span, "Duplicate declaration")
    if name.upper() in PREDEFINED:
        raise SqlError(
            f"A function named '{name}' is already predefined, please choose a different name", statement.name.span
        )
    for at, (parameter, _) in enumerate(statement.parameters):
        if any(parameter.text == other.text for other, _ in statement.parameters[:at]):
            raise SqlError(f"Parameter '{parameter.text}' is declared twice", parameter.span, "Duplicate declaration")
    parameters = tuple([(n, bind_type(t, catalog, True)) for n, t in statement.parameters])
    result = bind_type(statement.returns, catalog, True)
    function = Function(statement, parameters, result)
    if statement.language is not None:
        _check_source(statement, [*(t for _, t in parameters), result])
    elif statement.body is None and not name.lower().startswith(JSON_PREFIX):
        raise NotSupported(
            f"function '{name}' without a body, whose code would be in Rust (udf_rust); write it as an expression or "
            f"as LANGUAGE PYTHON AS 'def {name}(...): ...'",
            statement.name.span,
        )
    if statement.body is not None:
        columns = [Visible(None, n.text, ColumnRef(i, t)) for i, (n, t) in enumerate(parameters)]
        binder = Expressions(catalog, Scope(columns, Frame()), Slots(), Queries(catalog).bind, inlining=(name.lower(),))
        body = binder.bind(statement.body)
        if not castable(body.type, result):
            raise SqlError(
                f"Function '{name}' should return {describe(result)} but returns {describe(body.type)}",
                statement.span,
                "Type mismatch",
            )
    catalog.functions[name.lower()] = function


def _check_source(statement: CreateFunction, types: Sequence[SqlType]) -> None:
    """Look for what can be told of a function in another language without running it."""
    assert statement.source is not None
    name, span = statement.name.text, statement.source.span
    if statement.language != "PYTHON":
        raise NotSupported(f"functions in {statement.language}; SQL and PYTHON are there", statement.name.span)
    for kind in types:
        if not _passes(kind):
            raise NotSupported(f"values of type {describe(kind)} in functions in PYTHON", statement.name.span)
    try:
        tree = ast.parse(dedented(statement.source.text))
    except (SyntaxError, ValueError) as error:
        where = f" (line {error.lineno} of its text)" if isinstance(error, SyntaxError) else ""
        raise SqlError(f"The text of function '{name}' is not Python: {error.args[0]}{where}", span) from None
    found = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == name]
    if not found:
        raise SqlError(f"The text of function '{name}' defines no function {name}: def {name}(...):", span)
    given, taken = len(statement.parameters), found[-1].args
    least = len(taken.posonlyargs) + len(taken.args) - len(taken.defaults)
    most = len(taken.posonlyargs) + len(taken.args)
    if given < least or (given > most and taken.vararg is None):
        raise SqlError(f"Function '{name}' is declared with {given} parameters, but its text takes {most}", span)


def _passes(kind: SqlType) -> bool:
    inner = [part for part in (kind.key, kind.element) if part is not None] + [f.type for f in kind.fields]
    return kind.kind not in (*INTERVALS, Kind.NULL) and all(_passes(part) for part in inner)
