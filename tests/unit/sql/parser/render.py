"""Syntax trees as short text, to compare in tables: calls as NAME(..), parts of a query in brackets."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.sql.parser.ast import (
    Apply,
    CaseWhen,
    CastTo,
    Constant,
    DerivedTable,
    Expression,
    FrameBound,
    FromItem,
    Identifier,
    JoinRef,
    LambdaOf,
    Name,
    OrderItem,
    Query,
    Select,
    SetQuery,
    Star,
    Subquery,
    TableFunction,
    TableRef,
    TypeName,
    UnnestRef,
    ValuesQuery,
    WindowSpec,
)
from penstock.sql.plan.expr import Span


def name(n: Name) -> str:
    return f'"{n.text}"' if n.quoted else n.text


def names(many: Sequence[Name]) -> str:
    return f"({', '.join(map(name, many))})"


def listed(many: Sequence[Expression]) -> str:
    return ", ".join(map(expression, many))


def expression(e: Expression) -> str:
    match e:
        case Constant("number", text):
            return text
        case Constant("string", text):
            return f"'{text}'"
        case Constant("boolean" | "null", text):
            return text
        case Constant("interval", text):
            return f"interval'{text}' {e.qualifier}"
        case Constant(kind, text):
            return f"{kind}'{text}'"
        case Identifier(parts):
            return ".".join(map(name, parts))
        case Star(table, exclude, replaced):
            text = f"{name(table)}.*" if table else "*"
            text += f" exclude{names(exclude)}" if exclude else ""
            return text + "".join(f" replace({expression(v)} as {name(n)})" for n, v in replaced)
        case Apply():
            return _apply(e)
        case CastTo(arg, target, safe):
            return f"{'safe_' if safe else ''}cast({expression(arg)}: {type_name(target)})"
        case CaseWhen(operand, whens, otherwise):
            text = f"{expression(operand)}; " if operand else ""
            text += "; ".join(f"{expression(a)} => {expression(b)}" for a, b in whens)
            return f"case({text}{f'; else {expression(otherwise)}' if otherwise else ''})"
        case Subquery(kind, inner, operand, operator):
            text = f"{expression(operand)} {operator} " if operand else ""
            return f"{text}{kind}{query(inner)}"
        case LambdaOf(parameters, body):
            return f"{names(parameters)} -> {expression(body)}"


def _apply(e: Apply) -> str:
    arguments = "*" if e.star else listed(e.args)
    text = f"{e.name}({'distinct ' if e.distinct else ''}{arguments})"
    text += f" order{ordered(e.order)}" if e.order else ""
    text += " ignore nulls" if e.ignore_nulls else ""
    text += f" filter({expression(e.filter)})" if e.filter else ""
    return text + (f" over{window(e.over)}" if e.over else "")


def ordered(items: Sequence[OrderItem]) -> str:
    nulls = {None: "", True: " nulls first", False: " nulls last"}
    return f"({', '.join(expression(i.expression) + ' desc' * i.descending + nulls[i.nulls_first] for i in items)})"


def window(w: WindowSpec) -> str:
    parts = [f"by {listed(w.partition)}"] if w.partition else []
    parts += [f"order {ordered(w.order)}"] if w.order else []
    parts += [f"{w.unit} {bound(w.start)}..{bound(w.end)}"] if w.unit and w.start and w.end else []
    return f"({' '.join(parts)})"


def bound(b: FrameBound) -> str:
    if b.current:
        return "current"
    return f"{'+' if b.following else '-'}{expression(b.offset) if b.offset else 'all'}"


def type_name(t: TypeName) -> str:
    match t.word:
        case "ARRAY" if t.element:
            text = f"{type_name(t.element)} ARRAY"
        case "MAP" if t.element and t.key:
            text = f"MAP<{type_name(t.key)}, {type_name(t.element)}>"
        case "ROW":
            text = f"ROW({', '.join(f'{name(n)} {type_name(f)}' for n, f in t.fields)})"
        case "USER" if t.user:
            text = f"user {name(t.user)}"
        case _:
            text = t.word + (f" {t.qualifier}" if t.qualifier else "")
    text += f"({', '.join(map(str, t.arguments))})" if t.arguments else ""
    return text + {None: "", True: " NULL", False: " NOT NULL"}[t.nullable]


def query(q: Query) -> str:
    text = ", ".join(
        f"{'recursive ' if w.recursive else ''}{name(w.name)}{names(w.columns) if w.columns else ''} = {query(w.query)}"
        for w in q.withs
    )
    text = f"with {text}: " if text else ""
    text += body(q.body)
    text += f" order{ordered(q.order)}" if q.order else ""
    text += f" limit {expression(q.limit)}" if q.limit else ""
    return f"[{text}{f' offset {expression(q.offset)}' if q.offset else ''}]"


def body(b: Select | SetQuery | ValuesQuery | Query) -> str:
    match b:
        case Query():
            return query(b)
        case SetQuery(kind, every, left, right):
            return f"{query(left)} {kind}{' all' if every else ''} {query(right)}"
        case ValuesQuery(rows):
            return "values " + ", ".join(f"({listed(r)})" for r in rows)
    text = "select " + "distinct " * b.distinct + (f"on ({listed(b.distinct_on)}) " if b.distinct_on else "")
    text += ", ".join(expression(i.expression) + (f" as {name(i.alias)}" if i.alias else "") for i in b.items)
    text += f" from {source(b.source)}" if b.source else ""
    text += f" where {expression(b.where)}" if b.where else ""
    if b.group:
        sets = "".join(f" {{{listed(s)}}}" for s in b.group.sets)
        text += f" group ({listed(b.group.expressions)}){sets}{' all' if b.group.all else ''}"
    text += f" having {expression(b.having)}" if b.having else ""
    return text + (f" qualify {expression(b.qualify)}" if b.qualify else "")


def _alias(alias: Name | None, columns: Sequence[Name]) -> str:
    return (f" as {name(alias)}" if alias else "") + (names(columns) if columns else "")


def source(f: FromItem) -> str:
    match f:
        case TableRef(n, alias, columns):
            return name(n) + _alias(alias, columns)
        case DerivedTable(inner, alias, columns, lateral):
            return f"{'lateral ' if lateral else ''}{query(inner)}{_alias(alias, columns)}"
        case UnnestRef(values, ordinality, alias, columns):
            return f"unnest({listed(values)}){' ordinality' if ordinality else ''}{_alias(alias, columns)}"
        case TableFunction(function, given, descriptor, arguments, alias, columns):
            parts = [source(given)] if given else []
            parts += [f"by {names(descriptor)}"] if descriptor else []
            parts += map(expression, arguments)
            return f"{function}({'; '.join(parts)}){_alias(alias, columns)}"
        case JoinRef(kind, left, right, on, using, natural, match_on):
            text = f"({source(left)} {'natural ' if natural else ''}{kind} {source(right)}"
            text += f" match {expression(match_on)}" if match_on else ""
            text += f" on {expression(on)}" if on else ""
            return text + (f" using {names(using)}" if using else "") + ")"


def covered(text: str, span: Span | None) -> str:
    """Return what a span stands for in its text."""
    assert span is not None
    lines = text.split("\n")[span.start_line - 1 : span.end_line]
    lines[-1] = lines[-1][: span.end_column]
    lines[0] = lines[0][span.start_column - 1 :]
    return "\n".join(lines)
