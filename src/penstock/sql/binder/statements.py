"""Statements of a program: each adds a declaration to the catalog."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from penstock.data.types import SIGNED, STRINGS, VARIANT, Field, Kind, SqlType
from penstock.sql.binder.catalog import Catalog, Recursive
from penstock.sql.binder.coerce import alike, exactly
from penstock.sql.binder.connectors import Properties, bind_properties
from penstock.sql.binder.definitions import define_function, define_type
from penstock.sql.binder.expressions import Expressions, castable
from penstock.sql.binder.names import Frame, Scope
from penstock.sql.binder.queries import Queries
from penstock.sql.binder.shape import project_as, relabel
from penstock.sql.binder.slots import Slots
from penstock.sql.binder.types import bind_type
from penstock.sql.diagnostics import NotSupported, SqlError
from penstock.sql.functions.coercion import describe
from penstock.sql.parser.ast import (
    Apply,
    ColumnDefinition,
    CreateFunction,
    CreateIndex,
    CreateTable,
    CreateType,
    CreateView,
    DeclareRecursive,
    Expression,
    LatenessStatement,
    Name,
    SetOption,
    Statement,
)
from penstock.sql.plan.expr import Call, ColumnRef, Expr, Span
from penstock.sql.plan.nodes import Index, Node, Relation, TableColumn, ViewScan
from penstock.sql.plan.walk import parts

ERROR_VIEW = "error_view"
_DURATIONS = (Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ)


def declared_name(statement: Statement) -> str | None:
    """Return the name that a statement declares, None if it declares nothing."""
    match statement:
        case CreateTable() | CreateView() | CreateType() | CreateFunction() | DeclareRecursive():
            return statement.name.text
        case _:
            return None


def bind_statement(statement: Statement, catalog: Catalog) -> None:
    """Add what a statement declares to the catalog.

    Raises:
        SqlError: the statement is wrong.
        Blamed: something that it uses has failed.
    """
    match statement:
        case CreateTable():
            _table(statement, catalog)
        case CreateView():
            _view(statement, catalog)
        case CreateType():
            define_type(statement, catalog)
        case CreateFunction():
            define_function(statement, catalog)
        case DeclareRecursive():
            _declare(statement, catalog)
        case CreateIndex():
            _index(statement, catalog)
        case LatenessStatement():
            _lateness(statement, catalog)
        case SetOption():
            pass


def _new(name: Name, catalog: Catalog) -> str:
    if catalog.declares(name.text) or name.text == ERROR_VIEW:
        raise SqlError(f"'{name.text}' is already defined", name.span, "Duplicate declaration")
    return name.text


# ---------------------------------------------------------------------------------------------------------- tables


def _table(statement: CreateTable, catalog: Catalog) -> None:
    name = _new(statement.name, catalog)
    properties = bind_properties(statement.properties, view=False)
    fields: list[Field] = []
    columns: list[TableColumn] = []
    for definition in statement.columns:
        if any(f.name == definition.name.text for f in fields):
            raise SqlError(
                f"Column with name '{definition.name.text}' already defined",
                definition.name.span,
                "Duplicate declaration",
            )
        kind = bind_type(definition.type, catalog, not definition.not_null)
        if definition.not_null:
            kind = kind.with_nullable(False)
        fields.append(Field(definition.name.text, kind))
        columns.append(_column(definition, kind, catalog, properties))
    key = _primary_key(statement, fields)
    _foreign_keys(statement, fields, catalog)
    kept = bool(key) and not any(columns[k].lateness is not None for k in key)
    catalog.tables[name] = Relation(
        name,
        statement.name.quoted,
        tuple(fields),
        tuple(columns),
        properties.flag("materialized") or kept,
        append_only=properties.flag("append_only"),
        primary_key=key,
        properties=properties.items,
        connectors=properties.connectors,
    )


def _column(definition: ColumnDefinition, kind: SqlType, catalog: Catalog, properties: Properties) -> TableColumn:
    default = None if definition.default is None else _constant(definition.default, catalog, _metadata())
    if default is not None:
        if any(isinstance(part, Call) and part.name == "NOW" for part in parts(default)):
            raise SqlError(
                f"The DEFAULT value of column '{definition.name.text}' is not deterministic: it calls NOW()",
                definition.name.span,
            )
        if not castable(default.type, kind):
            raise SqlError(
                f"Cast function cannot convert value of type {describe(default.type)} to type {describe(kind)}",
                default.span,
            )
        default = exactly(default, kind.with_nullable(True))
    return TableColumn(
        definition.name.text,
        definition.name.quoted,
        default,
        definition.default_text,
        _delay(definition.lateness, kind, "LATENESS", catalog),
        definition.lateness_text,
        _delay(definition.watermark, kind, "WATERMARK", catalog),
        definition.watermark_text,
    )


def _metadata() -> Callable[[Expressions, Apply], Expr | None]:
    """CONNECTOR_METADATA() is the one column that a DEFAULT may read: what a connector tells of a record, or NULL."""

    def bind(binder: Expressions, apply: Apply) -> Expr | None:
        if apply.name != "CONNECTOR_METADATA":
            return None
        if apply.args:
            raise SqlError(
                "Invalid number of arguments to function 'connector_metadata'. Was expecting 0 arguments", apply.span
            )
        return ColumnRef(0, VARIANT, apply.span)

    return bind


def _constant(
    expression: Expression, catalog: Catalog, grouped: Callable[[Expressions, Apply], Expr | None] | None = None
) -> Expr:
    slots = Slots()
    bound = Expressions(catalog, Scope([], Frame()), slots, Queries(catalog).bind, grouped).bind(expression)
    if slots.items:
        raise SqlError("A subquery is not allowed here", expression.span)
    return bound


def _delay(expression: Expression | None, kind: SqlType, word: str, catalog: Catalog) -> Expr | None:
    if expression is None:
        return None
    bound = _constant(expression, catalog)
    interval = bound.type.kind in (Kind.INTERVAL_MICROS, Kind.INTERVAL_MONTHS)
    if interval != (kind.kind in _DURATIONS):
        raise SqlError(
            f"Cannot subtract {word} of type {describe(bound.type)} from a column of type {describe(kind)}",
            expression.span,
            "Type mismatch",
        )
    return bound


def _primary_key(statement: CreateTable, fields: Sequence[Field]) -> tuple[int, ...]:
    declared = [c.name for c in statement.columns if c.primary_key]
    if declared and statement.primary_key:
        raise SqlError("in CREATE TABLE statement: PRIMARY KEY already declared", statement.span)
    names = declared or list(statement.primary_key)
    places = []
    for name in names:
        at = next((i for i, f in enumerate(fields) if f.name == name.text), None)
        if at is None:
            raise SqlError(f"Key field '{name.text}' does not correspond to a column", name.span)
        if at in places:
            raise SqlError(f"Column '{name.text}' is twice in the PRIMARY KEY", name.span)
        if fields[at].type.nullable:
            raise SqlError(
                f"PRIMARY KEY column '{name.text}' has type {describe(fields[at].type)}, which is nullable", name.span
            )
        places.append(at)
    return tuple(places)


def _foreign_keys(statement: CreateTable, fields: Sequence[Field], catalog: Catalog) -> None:
    """Check columns; a table that is declared later is not looked at."""
    for key in statement.foreign_keys:
        for name in key.columns:
            if not any(f.name == name.text for f in fields):
                raise SqlError(f"Column '{name.text}' not found in table '{statement.name.text}'", name.span)
        other = catalog.tables.get(key.table.text)
        if other is None:
            continue
        for at, name in enumerate(key.referred):
            referred = next((f for f in other.schema if f.name == name.text), None)
            if referred is None:
                raise SqlError(f"Column '{name.text}' not found in table '{other.name}'", name.span)
            own = next((f for f in fields if at < len(key.columns) and f.name == key.columns[at].text), None)
            if own is not None and own.type.kind is not referred.type.kind:
                raise SqlError(
                    f"FOREIGN KEY column '{own.name}' has type {describe(own.type)}, but column '{referred.name}' of "
                    f"table '{other.name}' has type {describe(referred.type)}",
                    key.columns[at].span,
                    "Type mismatch",
                )


# ----------------------------------------------------------------------------------------------------------- views


def _view(statement: CreateView, catalog: Catalog) -> None:
    name = _new(statement.name, catalog)
    properties = bind_properties(statement.properties, view=True)
    frame = Frame()
    node, names = Queries(catalog).bind(statement.query, frame)
    quoted = [False] * len(names)
    if statement.columns:
        if len(statement.columns) != len(names):
            raise SqlError(
                f"View '{name}' specifies {len(statement.columns)} columns but its query has {len(names)}",
                statement.name.span,
            )
        names = [c.text for c in statement.columns]
        quoted = [c.quoted for c in statement.columns]
        for at, column in enumerate(statement.columns):
            if column.text in names[:at]:
                raise SqlError(
                    f"Column with name '{column.text}' already defined", column.span, "Duplicate declaration"
                )
    names = _unique(names)
    if name in catalog.recursive:
        if statement.local or properties.get("emit_final") is not None:
            word = "LOCAL" if statement.local else "'emit_final'"
            raise NotSupported(f"{word} with a recursive view", statement.name.span)
        node = _as_declared(name, node, names, catalog, statement.name.span)
    schema = tuple([Field(n, f.type) for n, f in zip(names, node.schema, strict=True)])
    catalog.views[name] = Relation(
        name,
        statement.name.quoted,
        schema,
        tuple([TableColumn(n, q) for n, q in zip(names, quoted, strict=True)]),
        statement.materialized,
        local=statement.local,
        properties=properties.items,
        connectors=properties.connectors,
        plan=relabel(node, schema),
        emit_final=_emit_final(properties, schema),
        span=statement.span,
    )


def _declare(statement: DeclareRecursive, catalog: Catalog) -> None:
    """Let a view be read before the statement that defines it."""
    name = _new(statement.name, catalog)
    if name in catalog.recursive:
        raise SqlError(f"'{name}' is already defined", statement.name.span, "Duplicate declaration")
    fields: list[Field] = []
    for column in statement.columns:
        if any(f.name == column.name.text for f in fields):
            raise SqlError(
                f"Column with name '{column.name.text}' already defined", column.name.span, "Duplicate declaration"
            )
        fields.append(Field(column.name.text, bind_type(column.type, catalog, not column.not_null)))
    catalog.recursive[name] = Recursive(ViewScan(name, tuple(fields), True), statement.span)


def _as_declared(name: str, node: Node, names: Sequence[str], catalog: Catalog, span: Span | None) -> Node:
    """Return a recursive view's query in the types that were declared for it."""
    declared = catalog.recursive[name].scan.schema
    if [f.name for f in declared] != list(names):
        raise SqlError(
            f"Recursive view '{name}' is declared with columns {', '.join(f.name for f in declared)} but its query has "
            f"{', '.join(names)}",
            span,
        )
    for field, given in zip(declared, node.schema, strict=True):
        same_family = (field.type.kind in SIGNED and given.type.kind in SIGNED) or (
            field.type.kind in STRINGS and given.type.kind in STRINGS
        )
        if not (same_family or alike(field.type, given.type) or given.type.kind is Kind.NULL) or (
            given.type.nullable and not field.type.nullable
        ):
            raise SqlError(
                f"Recursive view '{name}' declares column '{field.name}' as {describe(field.type)}"
                f"{'' if field.type.nullable else ' NOT NULL'} but its query gives {describe(given.type)}"
                f"{'' if given.type.nullable else ' NOT NULL'}",
                span,
                "Type mismatch",
            )
    return relabel(project_as(node, [f.type for f in declared]), declared)


def _unique(names: Sequence[str]) -> list[str]:
    """Tell columns of one name apart by a number, from 0 on.

    Source: observed in the dialect: a second column i1 is called i10.
    """
    used = set(names)
    seen: set[str] = set()
    result = []
    for name in names:
        shown = name
        number = 0
        while shown in seen or (shown != name and shown in used):
            shown = f"{name}{number}"
            number += 1
        seen.add(shown)
        result.append(shown)
    return result


def _emit_final(properties: Properties, schema: Sequence[Field]) -> int | None:
    item = properties.get("emit_final")
    if item is None:
        return None
    text = item.value.strip()
    if text.isdigit() and int(text) < len(schema):
        return int(text)
    for candidate in (text.lower() if not text.startswith('"') else text.strip('"'), text):
        for at, field in enumerate(schema):
            if field.name == candidate:
                return at
    span = item.value_span
    raise SqlError(f"Column '{text}' of 'emit_final' not found in the view", span if isinstance(span, Span) else None)


# ------------------------------------------------------------------------------------------------------------ rest


def _index(statement: CreateIndex, catalog: Catalog) -> None:
    relation = catalog.views.get(statement.relation.text) or catalog.tables.get(statement.relation.text)
    if relation is None:
        catalog.relation(statement.relation)
        return
    names = [field.name for field in relation.schema]
    for column in statement.columns:
        if column.text not in names:
            raise SqlError(f"Column '{column.text}' not found in table '{relation.name}'", column.span)
    if statement.name.text in catalog.indexes:
        raise SqlError(f"'{statement.name.text}' is already defined", statement.name.span, "Duplicate declaration")
    columns = tuple(names.index(column.text) for column in statement.columns)
    catalog.indexes[statement.name.text] = Index(statement.name.text, relation.name, columns)


def _lateness(statement: LatenessStatement, catalog: Catalog) -> None:
    view = catalog.views.get(statement.view.text)
    if view is None:
        catalog.relation(statement.view)
        raise SqlError(f"'{statement.view.text}' is not a view", statement.view.span)
    at = next((i for i, f in enumerate(view.schema) if f.name == statement.column.text), None)
    if at is None:
        raise SqlError(f"Column '{statement.column.text}' not found in table '{view.name}'", statement.column.span)
    delay = _delay(statement.expression, view.schema[at].type, "LATENESS", catalog)
    columns = list(view.columns)
    columns[at] = replace(columns[at], lateness=delay)
    catalog.views[view.name] = replace(view, columns=tuple(columns))
