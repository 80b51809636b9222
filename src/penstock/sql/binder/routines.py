"""Calls of what a program declares: functions, whose SQL text takes the place of the call, and types, to make rows."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from penstock.data.types import BOOLEAN, Kind, SqlType
from penstock.sql.binder.catalog import Function
from penstock.sql.binder.coerce import exactly, names_of
from penstock.sql.binder.names import Frame, Scope, Visible
from penstock.sql.diagnostics import NotSupported, SqlError
from penstock.sql.functions.casts import castable
from penstock.sql.functions.foreign import FOREIGN
from penstock.sql.parser.ast import Apply, Expression, Named
from penstock.sql.plan.expr import Call, Case, Cast, Expr, Literal, Span

if TYPE_CHECKING:
    from penstock.sql.binder.expressions import Expressions

JSON_PREFIX = "jsonstring_as_"
"""A function of this name without a body reads its result out of a JSON text. Source: the dialect's documentation."""


def bind_declared(binder: Expressions, apply: Apply) -> Expr | None:
    """Return the call of a declared function or the row of a declared type; None if there is none of this name."""
    key = apply.name.lower()
    function = binder.catalog.functions.get(key)
    if function is not None:
        return _function(binder, apply, function)
    kind = binder.catalog.types.get(key)
    if kind is not None and kind.kind is Kind.STRUCT:
        args = _arguments(binder, apply, [(f.name, f.type) for f in kind.fields])
        return Call("ROW", tuple(args), kind.with_nullable(False), apply.span)
    return None


def _function(binder: Expressions, apply: Apply, function: Function) -> Expr:
    key = apply.name.lower()
    if key in binder.inlining:
        raise SqlError(f"Recursive function '{key}'", apply.span)
    args = _arguments(binder, apply, [(n.text, t) for n, t in function.parameters])
    if function.definition.source is not None:
        return _foreign(apply, function, args)
    if function.definition.body is None:
        return _from_json(binder, apply, function, args)
    columns = [Visible(None, n.text, a) for a, (n, _) in zip(args, function.parameters, strict=True)]
    inner = replace(
        binder,
        scope=Scope(columns, Frame()),
        grouped=None,
        aliases={},
        alias_first=False,
        busy=set(),
        inlining=(*binder.inlining, key),
    )
    return exactly(inner.bind(function.definition.body), function.result)


def _foreign(apply: Apply, function: Function, args: Sequence[Expr]) -> Expr:
    """A call of code in another language; where an argument that may not be NULL is NULL, so is the result."""
    definition = function.definition
    assert definition.source is not None and definition.language is not None
    texts = (definition.language, definition.name.text, dedented(definition.source.text))
    constants = [Literal(text, SqlType(Kind.VARCHAR, False), apply.span) for text in texts]
    made = Call(FOREIGN, (*constants, *args), function.result, apply.span)
    missing = [
        Call("IS NULL", (a,), BOOLEAN, a.span)
        for a, (_, kind) in zip(args, function.parameters, strict=True)
        if a.type.nullable and (definition.strict or not kind.nullable)
    ]
    if not missing:
        return made
    null = function.result.with_nullable(True)
    return Case(tuple([(test, Literal(None, null)) for test in missing]), made, null, apply.span)


def dedented(text: str) -> str:
    """Return the text of a function without the margin that it has in the program."""
    return textwrap.dedent(text).strip("\n") + "\n"


def _from_json(binder: Expressions, apply: Apply, function: Function, args: Sequence[Expr]) -> Expr:
    if len(args) != 1:
        raise NotSupported(f"function '{apply.name.lower()}' with other parameters than one text", apply.span)
    parsed = binder.call("PARSE_JSON", args, apply.span)
    return Cast(parsed, function.result.with_nullable(True), True, apply.span)


def _arguments(binder: Expressions, apply: Apply, parameters: Sequence[tuple[str, SqlType]]) -> list[Expr]:
    """Bind the arguments in the order of the parameters and cast them to their types."""
    written = _in_order(apply, [name for name, _ in parameters])
    bound = [binder.bind(a) for a in written]
    for arg, (_, kind) in zip(bound, parameters, strict=True):
        if not castable(arg.type, kind):
            name = apply.name.lower()
            shown = names_of([a.type for a in bound])
            raise SqlError(f"Cannot apply '{name}' to arguments of type '{name}({shown})'", apply.span)
    return [exactly(a, kind) for a, (_, kind) in zip(bound, parameters, strict=True)]


def _in_order(apply: Apply, names: Sequence[str]) -> list[Expression]:
    """Return one argument for each parameter, from those without a name, which come first, and those with one."""
    found: dict[str, Expression] = {}
    for at, arg in enumerate(apply.args):
        if isinstance(arg, Named):
            name = arg.name.text
            if name not in names:
                raise SqlError(f"Function '{apply.name.lower()}' has no parameter '{name}'", arg.name.span)
            if name in found:
                raise SqlError(f"Duplicate argument name '{name}'", arg.name.span)
            found[name] = arg.value
        elif at >= len(names) or len(found) < at:
            raise _wrong_count(apply, names, arg.span)
        else:
            found[names[at]] = arg
    if len(found) != len(names):
        raise _wrong_count(apply, names, apply.span)
    return [found[name] for name in names]


def _wrong_count(apply: Apply, names: Sequence[str], span: Span | None) -> SqlError:
    return SqlError(
        f"Invalid number of arguments to function '{apply.name.lower()}'. Was expecting {len(names)} arguments",
        apply.span or span,
    )
