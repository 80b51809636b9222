"""Comparisons with ANY or ALL values of a subquery, by its least and greatest value and how many it has.

x > ANY q is true if x is greater than the least value. If it is not, it is unknown when x or some value of q is NULL,
and false otherwise; over no rows it is false. ALL is the negation of ANY with the negated comparison.
Source: SQL:2016, 8.9 <quantified comparison predicate>.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.data.types import BIGINT, BOOLEAN, Field, Kind, SqlType
from penstock.sql.binder.names import Frame
from penstock.sql.binder.slots import SubquerySlot
from penstock.sql.diagnostics import NotSupported, SqlError
from penstock.sql.functions.aggregates import resolve_aggregate
from penstock.sql.parser.ast import Apply, Subquery
from penstock.sql.plan.expr import Case, ColumnRef, Expr, Literal
from penstock.sql.plan.nodes import Aggregate, AggregateCall

if TYPE_CHECKING:
    from penstock.sql.binder.expressions import Expressions

_NEGATED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "=": "<>", "<>": "="}
_DECIDING = {"<": ("MAX",), "<=": ("MAX",), ">": ("MIN",), ">=": ("MIN",), "<>": ("MIN", "MAX")}
_UNKNOWN = SqlType(Kind.BOOLEAN, True)


def bind_quantified(binder: Expressions, written: Subquery) -> Expr:
    """Bind `operand operator ANY|ALL (query)`; = ANY and <> ALL are IN and NOT IN.

    Raises:
        SqlError: the query has not one column, or its type does not compare with the operand's.
    """
    assert written.operand is not None and written.operator is not None
    operator = "<>" if written.operator == "!=" else written.operator
    if written.kind == "all":
        return binder.call("NOT", (_any(binder, written, _NEGATED[operator]),), written.span)
    return _any(binder, written, operator)


def _any(binder: Expressions, written: Subquery, operator: str) -> Expr:
    if operator == "=":
        return binder.bind(Subquery("in", written.query, written.operand, None, written.span))
    assert written.operand is not None
    span = written.span
    if isinstance(written.operand, Apply) and written.operand.name == "ROW":
        raise NotSupported(f"{operator} ANY or ALL of several columns", span)
    operand = binder.bind(written.operand)
    frame = Frame(binder.scope)
    plan, _ = binder.bind_query(written.query, frame)
    if len(plan.schema) != 1:
        raise SqlError(f"Subquery has {len(plan.schema)} columns where one is expected", span)
    value = ColumnRef(0, plan.schema[0].type)

    def summary(name: str, *args: Expr) -> Expr:
        result = resolve_aggregate(name, [a.type for a in args], False).result if args else BIGINT
        if name != "COUNT":
            result = result.with_nullable(True)
        call = AggregateCall(name, args, name.lower())
        single = Aggregate(plan, (), (call,), (Field(call.schema_name, result),))
        slot = SubquerySlot("scalar", single, frame, (), result.with_nullable(True), binder.in_aggregate, span)
        return binder.slots.add(slot, span)

    total = summary("COUNT")
    nothing = binder.call("=", (total, Literal(0, BIGINT)), span)
    certain = [binder.call(operator, (operand, summary(name, value)), span) for name in _DECIDING[operator]]
    holds = certain[0] if len(certain) == 1 else binder.call("OR", tuple(certain), span)
    whens = [(nothing, Literal(False, BOOLEAN)), (holds, Literal(True, BOOLEAN))]
    if operand.type.nullable:
        whens.append((binder.call("IS NULL", (operand,), span), Literal(None, _UNKNOWN)))
    if value.type.nullable:
        some_null = binder.call("<", (summary("COUNT", value), total), span)
        whens.append((some_null, Literal(None, _UNKNOWN)))
    return Case(tuple(whens), Literal(False, BOOLEAN), _UNKNOWN, span)
