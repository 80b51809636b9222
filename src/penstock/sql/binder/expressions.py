"""Expressions: names, constants, operators and calls to typed expressions.

Calls are typed by the function registry; what has rules of its own (CASE, COALESCE, casts, fields of rows, lambdas) is
here. Aggregates, window functions and subqueries become slots (`slots.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from penstock.data.types import BOOLEAN, NULL, STRINGS, Kind, Schema, SqlType
from penstock.sql.binder.catalog import Blamed, Catalog
from penstock.sql.binder.coerce import alike, coerce, common, exactly, named_as, names_of
from penstock.sql.binder.literals import bind_constant
from penstock.sql.binder.names import Frame, Scope
from penstock.sql.binder.quantified import bind_quantified
from penstock.sql.binder.routines import bind_declared
from penstock.sql.binder.shape import as_rows, project_as
from penstock.sql.binder.slots import PARAMETER, Slots, SubquerySlot
from penstock.sql.binder.types import cast_target
from penstock.sql.diagnostics import NotSupported, SqlError, did_you_mean
from penstock.sql.functions.aggregates import resolve_aggregate
from penstock.sql.functions.coercion import comparable, describe, least_restrictive, mismatch
from penstock.sql.functions.registry import FUNCTIONS, TypeMismatch
from penstock.sql.functions.variant_lambdas import LABELS
from penstock.sql.parser.ast import (
    Apply,
    CaseWhen,
    CastTo,
    Constant,
    Expression,
    Identifier,
    LambdaOf,
    Name,
    Named,
    Query,
    Star,
    Subquery,
)
from penstock.sql.plan.expr import Call, Case, Cast, ColumnRef, Expr, Lambda, Literal, Span
from penstock.sql.plan.nodes import Node, Project

TAKE_LAMBDA = frozenset(("TRANSFORM", "ARRAY_EXISTS", *LABELS))
"""Functions with a lambda among their arguments; no other one takes one."""

BindQuery = Callable[[Query, Frame], tuple[Node, list[str]]]
BOOLEAN_NULL = SqlType(Kind.BOOLEAN, True)


@dataclass(slots=True)
class Expressions:
    """Binds the expressions of one query.

    aggregates: None, or how to bind a call that may be an aggregate or window function (it returns None if it is not).
    aliases: output names that expressions may use; alias_first: before columns of the same name.
    where: the clause, for messages.
    """

    catalog: Catalog
    scope: Scope
    slots: Slots
    bind_query: BindQuery
    grouped: Callable[[Expressions, Apply], Expr | None] | None = None
    aliases: dict[str, Expression] = field(default_factory=dict)
    alias_first: bool = False
    in_aggregate: bool = False
    parameters: list[dict[str, ColumnRef]] = field(default_factory=list)
    busy: set[str] = field(default_factory=set)
    inlining: tuple[str, ...] = ()

    def bind(self, expression: Expression) -> Expr:
        """Return the typed expression."""
        match expression:
            case Constant():
                return bind_constant(expression)
            case Identifier():
                return self._identifier(expression)
            case Apply():
                return self._apply(expression)
            case CastTo():
                target = cast_target(expression.type, self.catalog)
                return self.cast(self.bind(expression.arg), target, expression.safe, expression.span)
            case CaseWhen():
                return self._case(expression)
            case Subquery():
                return self._subquery(expression)
            case LambdaOf():
                raise SqlError("A lambda expression is not allowed here", expression.span)
            case Star():
                raise SqlError("Unknown identifier '*'", expression.span)
            case Named():
                name = expression.name.text
                raise SqlError(f"The function has no parameter with the name '{name}'", expression.span)

    def condition(self, expression: Expression, clause: str) -> Expr:
        """Return a predicate."""
        bound = self.bind(expression)
        if bound.type.kind is Kind.NULL:
            return Literal(None, BOOLEAN_NULL, bound.span)
        if bound.type.kind is not Kind.BOOLEAN:
            raise SqlError(f"{clause} clause must be a condition", expression.span)
        return bound

    # ------------------------------------------------------------------------------------------------------ names

    def _identifier(self, identifier: Identifier) -> Expr:
        parts = identifier.parts
        head = parts[0]
        for names in reversed(self.parameters):
            if head.text in names:
                return self._fields(names[head.text], parts[1:], identifier.span)
        usable = len(parts) == 1 and head.text in self.aliases and head.text not in self.busy
        if usable and self.alias_first:
            return self._alias(head)
        found = self.scope.resolve(parts)
        if found is not None:
            return self._fields(found[0], parts[found[1] :], identifier.span)
        if head.text in self.aliases and head.text not in self.busy:
            return self._fields(self._alias(head), parts[1:], identifier.span)
        if len(parts) == 1 and not head.quoted and head.text.upper() in WITHOUT_PARENTHESES:
            return self.call(head.text.upper(), (), identifier.span)
        known = self.scope.reachable()
        if len(parts) > 1:
            hint = did_you_mean(head.text, (c.table for c in known if c.table is not None))
            raise SqlError(f"Table '{head.text}' not found{hint}", head.span)
        hint = did_you_mean(head.text, (c.name for c in known))
        raise SqlError(f"Column '{head.text}' not found in any table{hint}", head.span)

    def _alias(self, name: Name) -> Expr:
        self.busy.add(name.text)
        try:
            return self.bind(self.aliases[name.text])
        finally:
            self.busy.discard(name.text)

    def _fields(self, expr: Expr, names: Sequence[Name], span: Span | None) -> Expr:
        for name in names:
            expr = self.member(expr, name.text, name.span or span)
        return expr

    def member(self, expr: Expr, name: str, span: Span | None) -> Expr:
        """Return a field of a ROW by name, or the member of a VARIANT."""
        if expr.type.kind is Kind.STRUCT:
            for position, f in enumerate(expr.type.fields):
                if f.name == name:
                    return self.at(expr, position, span)
            raise SqlError(f"Column '{name}' not found in any table", span)
        if expr.type.kind is Kind.VARIANT:
            key = Literal(name, SqlType(Kind.CHAR, False, precision=len(name)), span)
            return self.call("ITEM", (expr, key), span)
        raise SqlError(f"Incompatible types: a value of type {describe(expr.type)} has no field '{name}'", span)

    def at(self, expr: Expr, position: int, span: Span | None) -> Expr:
        """Return the field of a ROW at a position from 0."""
        kind = expr.type.fields[position].type
        if expr.type.nullable:
            kind = kind.with_nullable(True)
        index = Literal(position, SqlType(Kind.INTEGER, False), span)
        return Call("FIELD", (expr, index), kind, span)

    # ------------------------------------------------------------------------------------------------------ calls

    def _apply(self, apply: Apply) -> Expr:
        if self.grouped is not None:
            special = self.grouped(self, apply)
            if special is not None:
                return special
        if apply.over is not None or apply.star:
            raise SqlError(f"Aggregate or window function '{apply.name}' is not allowed here", apply.span)
        handler = _SPECIAL.get(apply.name)
        if handler is not None:
            return handler(self, apply)
        if apply.name not in FUNCTIONS:
            declared = bind_declared(self, apply)
            if declared is not None:
                return declared
        return self.call(apply.name, self.arguments(apply), apply.span)

    def arguments(self, apply: Apply) -> tuple[Expr, ...]:
        """Bind the arguments; a lambda's parameters get their types from the arguments before it."""
        bound: list[Expr] = []
        for arg in apply.args:
            bound.append(self._lambda(apply.name, arg, bound) if isinstance(arg, LambdaOf) else self.bind(arg))
        return tuple(bound)

    def call(self, name: str, args: Sequence[Expr], span: Span | None) -> Expr:
        """Return the call of a registered function with its arguments cast to what it takes."""
        function = FUNCTIONS.get(name)
        if function is None:
            if name.lower() in self.catalog.failed:
                raise Blamed(name.lower())
            raise SqlError(f"No match found for function signature {name.lower()}({_families(args)})", span)
        if any(isinstance(a, Lambda) for a in args) != (name in TAKE_LAMBDA):
            raise SqlError(str(mismatch(name, [a.type for a in args])), span)
        try:
            signature = function.resolve([a.type for a in args])
            if function.check is not None:
                function.check(signature, [a.value if isinstance(a, Literal) else ... for a in args])
        except TypeMismatch as error:
            raise SqlError(str(error), span) from None
        coerced = tuple([coerce(a, t) for a, t in zip(args, signature.arguments, strict=True)])
        return Call(name, coerced, signature.result, span)

    def _lambda(self, name: str, written: LambdaOf, before: Sequence[Expr]) -> Expr:
        types = _parameter_types(name, before, len(written.parameters), written.span)
        base = PARAMETER + sum(len(p) for p in self.parameters)
        names = {
            p.text: ColumnRef(base + i, t, p.span)
            for i, (p, t) in enumerate(zip(written.parameters, types, strict=True))
        }
        self.parameters.append(names)
        try:
            body = self.bind(written.body)
        finally:
            self.parameters.pop()
        return Lambda(tuple(types), body, base, body.type, written.span)

    # ------------------------------------------------------------------------------------------------ conditionals

    def case(self, whens: Sequence[tuple[Expr, Expr]], otherwise: Expr, span: Span | None) -> Expr:
        """Return CASE with its values cast to their common type."""
        message = "Illegal mixing of types in CASE or COALESCE statement"
        values, shared = common([*(v for _, v in whens), otherwise], message, span)
        pairs = tuple([(c, v) for (c, _), v in zip(whens, values, strict=False)])
        return Case(pairs, values[-1], shared, span)

    def _case(self, written: CaseWhen) -> Expr:
        whens = []
        for condition, value in written.whens:
            if written.operand is None:
                test = self.condition(condition, "WHEN")
            else:
                test = self.call("=", (self.bind(written.operand), self.bind(condition)), condition.span)
            whens.append((test, self.bind(value)))
        otherwise = Literal(None, NULL, written.span) if written.otherwise is None else self.bind(written.otherwise)
        return self.case(whens, otherwise, written.span)

    # ------------------------------------------------------------------------------------------------------- casts

    def cast(self, arg: Expr, target: SqlType, safe: bool, span: Span | None) -> Expr:
        """Return CAST or SAFE_CAST.

        Raises:
            SqlError: values of the type never convert.
        """
        source = arg.type
        if source.kind is Kind.NULL:
            return Literal(None, target.with_nullable(True), span)
        if not castable(source, target):
            raise SqlError(
                f"Cast function cannot convert value of type {describe(source)} to type {describe(target)}", span
            )
        nullable = safe or source.nullable or source.kind is Kind.VARIANT
        if alike(source, target) and source.qualifier == target.qualifier and not safe:
            return named_as(arg, target)
        return Cast(arg, target.with_nullable(nullable), safe, span)

    # -------------------------------------------------------------------------------------------------- subqueries

    def _subquery(self, written: Subquery) -> Expr:
        if written.kind in ("any", "all"):
            return bind_quantified(self, written)
        frame = Frame(self.scope)
        plan, _ = self.bind_query(written.query, frame)
        if written.kind == "exists":
            # Whether there are rows does not depend on what is selected of them, so that is not computed.
            while isinstance(plan, Project):
                plan = plan.input
            return self._slot(written, plan, frame, (), BOOLEAN)
        if written.kind == "in":
            assert written.operand is not None
            return self._membership(written, plan, frame)
        if written.kind == "map":
            return self._slot(written, plan, frame, (), _map_type(plan.schema, written.span))
        if written.kind == "array":
            if len(plan.schema) > 1:
                plan = as_rows(plan)
            return self._slot(written, plan, frame, (), SqlType(Kind.ARRAY, False, element=plan.schema[0].type))
        if len(plan.schema) != 1:
            row = describe(SqlType(Kind.STRUCT, False, fields=plan.schema))
            raise SqlError(
                f"Cannot apply '$SCALAR_QUERY' to arguments of type '$SCALAR_QUERY(<{row}>)': the subquery has "
                f"{len(plan.schema)} columns where one is expected",
                written.span,
            )
        return self._slot(written, plan, frame, (), plan.schema[0].type.with_nullable(True))

    def _membership(self, written: Subquery, plan: Node, frame: Frame) -> Expr:
        operands = self.operands(written.operand)
        if len(operands) != len(plan.schema):
            raise SqlError("Unequal number of entries in IN expression", written.span)
        left, types = [], []
        for operand, column in zip(operands, plan.schema, strict=True):
            if operand.type.kind is column.type.kind is Kind.STRUCT:
                raise SqlError("ROW values cannot be compared using '='; use IS [NOT] DISTINCT FROM", written.span)
            pair = comparable(operand.type, column.type)
            if pair is None or Kind.STRUCT in (pair[0].kind, pair[1].kind):
                shown = names_of([operand.type, column.type])
                raise SqlError(f"Values passed to IN operator must have compatible types: {shown}", written.span)
            shared = pair[0] if alike(pair[0], pair[1]) else None
            if shared is None:
                shared = least_restrictive([pair[0], pair[1]])
            if shared is None:
                raise NotSupported("IN over these types", written.span)
            left.append(exactly(operand, shared))
            types.append(shared.with_nullable(column.type.nullable))
        plan = project_as(plan, types)
        nullable = any(e.type.nullable for e in left) or any(f.type.nullable for f in plan.schema)
        return self._slot(written, plan, frame, tuple(left), SqlType(Kind.BOOLEAN, nullable))

    def operands(self, written: Expression | None) -> list[Expr]:
        """Return the values on the left of IN; several when it is a ROW."""
        assert written is not None
        if isinstance(written, Apply) and written.name == "ROW":
            return [self.bind(a) for a in written.args]
        return [self.bind(written)]

    def _slot(self, written: Subquery, plan: Node, frame: Frame, operands: tuple[Expr, ...], result: SqlType) -> Expr:
        kind = written.kind
        assert kind != "any" and kind != "all"
        slot = SubquerySlot(kind, plan, frame, operands, result, self.in_aggregate, written.span)
        return self.slots.add(slot, written.span)


def _map_type(schema: Schema, span: Span | None) -> SqlType:
    """Return the type of MAP of a query: keys and values."""
    if len(schema) != 2:
        raise SqlError(f"MAP requires exactly two fields, got {len(schema)}", span)
    try:
        return resolve_aggregate("MAP", [f.type for f in schema]).result.with_nullable(False)
    except TypeMismatch as error:
        raise SqlError(str(error), span) from None


def castable(source: SqlType, target: SqlType) -> bool:
    """Whether CAST converts between the kinds at all."""
    try:
        from penstock.sql.functions import casts
    except ImportError:
        return True
    check: Callable[[SqlType, SqlType], bool] | None = getattr(casts, "castable", None)
    return True if check is None else check(source, target)


def _families(args: Sequence[Expr]) -> str:
    def family(kind: SqlType) -> str:
        if kind.kind in STRINGS:
            return "<CHARACTER>"
        return f"<{describe(kind)}>"

    return ", ".join(family(a.type) for a in args)


def _parameter_types(name: str, before: Sequence[Expr], count: int, span: Span | None) -> list[SqlType]:
    """Types of a lambda's parameters: the element of the ARRAY, or key and value of the VARIANT or MAP, before it."""
    first = before[0].type if before else NULL
    if first.kind is Kind.ARRAY and first.element is not None and count == 1:
        return [first.element]
    if first.kind is Kind.MAP and first.key is not None and first.element is not None and count == 2:
        return [first.key, first.element]
    if name in LABELS and count != 2:
        raise SqlError(f"The lambda expression of '{name}' has {count} parameters where 2 are expected", span)
    if count == 2:
        return [LABELS.get(name, SqlType(Kind.VARCHAR, False)), SqlType(Kind.VARIANT, True)]
    return [SqlType(Kind.VARIANT, True) if first.kind is Kind.VARIANT else first.with_nullable(True)] * count


WITHOUT_PARENTHESES = frozenset(("PI",))
"""Functions that are called by their name alone; a column of that name goes before."""

Handler = Callable[[Expressions, Apply], Expr]
_SPECIAL: dict[str, Handler] = {}


def special(*names: str) -> Callable[[Handler], Handler]:
    """Register how a call with rules of its own is bound."""

    def register(handler: Handler) -> Handler:
        for name in names:
            _SPECIAL[name] = handler
        return handler

    return register
