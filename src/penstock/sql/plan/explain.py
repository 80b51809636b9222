"""Plans as indented text, for people: one line a node, inputs below it, expressions with columns as $position."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from penstock.data.types import Kind, SqlType
from penstock.sql.plan.expr import Call, Case, Cast, ColumnRef, Expr, Lambda, Literal, SortKey
from penstock.sql.plan.nodes import (
    Aggregate,
    AggregateCall,
    AsofJoin,
    Distinct,
    Filter,
    Frame,
    Hop,
    Join,
    JoinKey,
    Node,
    Program,
    Project,
    Relation,
    Scan,
    SetOperation,
    TopK,
    UnionAll,
    Unnest,
    Values,
    ViewScan,
    Window,
    WindowCall,
)
from penstock.sql.plan.walk import children

_INFIX = frozenset(("+", "-", "*", "/", "%", "=", "<>", "<", "<=", ">", ">=", "<=>", "AND", "OR", "||"))


def explain_program(program: Program) -> str:
    """Return the plans of all views, in order."""
    return "\n".join(explain_view(v) for v in program.views)


def explain_view(view: Relation) -> str:
    """Return a view's name and plan."""
    assert view.plan is not None
    return f"view {view.name}\n{explain(view.plan, 1)}"


def explain(plan: Node, depth: int = 0) -> str:
    """Return a plan as text. A node with several readers is printed once; later it is "shared #n".

    Args:
        plan: the root.
        depth: levels to indent by, two blanks each.
    """
    readers: dict[int, int] = {}
    _count(plan, readers)
    numbers: dict[int, int] = {}
    lines: list[str] = []
    _print(plan, depth, readers, numbers, lines)
    return "\n".join(lines) + "\n"


def _count(node: Node, readers: dict[int, int]) -> None:
    readers[id(node)] = readers.get(id(node), 0) + 1
    if readers[id(node)] == 1:
        for child in children(node):
            _count(child, readers)


def _print(node: Node, depth: int, readers: dict[int, int], numbers: dict[int, int], lines: list[str]) -> None:
    margin = "  " * depth
    if id(node) in numbers:
        lines.append(f"{margin}shared #{numbers[id(node)]}")
        return
    mark = ""
    if readers[id(node)] > 1 and children(node):
        numbers[id(node)] = len(numbers) + 1
        mark = f" #{numbers[id(node)]}"
    lines.append(f"{margin}{_node(node)}{mark}")
    for child in children(node):
        _print(child, depth + 1, readers, numbers, lines)


def _node(node: Node) -> str:
    match node:
        case Scan():
            return f"scan {node.table} {_schema(node)}"
        case ViewScan():
            return f"scan view {node.view} {_schema(node)}"
        case Values():
            return f"values {', '.join('(' + _list(r) + ')' for r in node.rows)}"
        case Filter():
            return f"filter {show(node.predicate)}"
        case Project():
            items = [f"{f.name}={show(e)}" for f, e in zip(node.schema, node.exprs, strict=True)]
            return f"project {', '.join(items)}"
        case Join():
            rest = "" if node.residual is None else f" where {show(node.residual)}"
            return f"{node.kind} join{_keys(node.keys)}{rest}"
        case AsofJoin():
            return f"asof join{_keys(node.keys)} match {show(node.left_time)} >= {show(node.right_time)}"
        case Aggregate():
            calls = ", ".join(_aggregate(c) for c in node.calls)
            return f"aggregate by ({_list(node.keys)}) {calls}".rstrip()
        case Distinct():
            return "distinct"
        case UnionAll():
            return "union all"
        case SetOperation():
            return f"{node.kind}{' all' if node.all else ''}"
        case TopK():
            bound = "all" if node.limit is None else str(node.limit)
            skip = f" offset {node.offset}" if node.offset else ""
            rank = " with rank" if node.with_rank else ""
            within = f"partition ({_list(node.partition)}) order ({_order(node.order)})"
            return f"top {bound}{skip} by {node.rank}{rank} {within}"
        case Window():
            calls = ", ".join(_window(c) for c in node.calls)
            return f"window partition ({_list(node.partition)}) order ({_order(node.order)}) {calls}"
        case Hop():
            return f"hop {show(node.time)} slide {node.slide} size {node.size} offset {node.offset}"
        case Unnest():
            extra = (" with ordinality" if node.ordinality else "") + (" outer" if node.outer else "")
            return f"unnest {show(node.collection)}{extra}"
        case _:
            assert_never(node)


def _schema(node: Node) -> str:
    return f"({', '.join(f.name for f in node.schema)})"


def _list(exprs: Sequence[Expr]) -> str:
    return ", ".join(show(e) for e in exprs)


def _keys(keys: Sequence[JoinKey]) -> str:
    shown = [f"{show(k.left)} {'<=>' if k.null_safe else '='} right {show(k.right)}" for k in keys]
    return f" on {' and '.join(shown)}" if shown else ""


def _order(keys: Sequence[SortKey]) -> str:
    words = []
    for key in keys:
        direction = " desc" if key.descending else ""
        words.append(f"{show(key.expr)}{direction} nulls {'first' if key.nulls_first else 'last'}")
    return ", ".join(words)


def _aggregate(call: AggregateCall) -> str:
    inside = _list(call.args) if call.args or call.name != "COUNT" else "*"
    distinct = "distinct " if call.distinct else ""
    order = f" order by {_order(call.order)}" if call.order else ""
    condition = "" if call.filter is None else f" filter {show(call.filter)}"
    return f"{call.name}({distinct}{inside}{order}){condition}"


def _window(call: WindowCall) -> str:
    return f"{call.name}({_list(call.args)}){'' if call.frame is None else ' ' + _frame(call.frame)}"


def _frame(frame: Frame) -> str:
    def bound(value: int | None, side: str) -> str:
        return f"unbounded {side}" if value is None else str(value)

    return f"{frame.unit} {bound(frame.start, 'preceding')} to {bound(frame.end, 'following')}"


def show(expr: Expr) -> str:
    """Return an expression as text."""
    match expr:
        case ColumnRef():
            return f"${expr.index}"
        case Literal():
            return (
                "NULL" if expr.value is None else repr(expr.value) if expr.type.kind is Kind.CHAR else str(expr.value)
            )
        case Call():
            if expr.name in _INFIX and len(expr.args) == 2:
                return f"({show(expr.args[0])} {expr.name} {show(expr.args[1])})"
            if expr.name.startswith("IS ") and len(expr.args) == 1:
                return f"({show(expr.args[0])} {expr.name})"
            return f"{expr.name}({_list(expr.args)})"
        case Cast():
            return f"{'safe_cast' if expr.safe else 'cast'}({show(expr.arg)} as {type_name(expr.type)})"
        case Case():
            whens = " ".join(f"when {show(c)} then {show(v)}" for c, v in expr.whens)
            return f"case {whens} else {show(expr.otherwise)} end"
        case Lambda():
            parameters = ", ".join(f"${expr.width + i}" for i in range(len(expr.parameters)))
            return f"({parameters}) -> {show(expr.body)}"
        case _:
            assert_never(expr)


def type_name(kind: SqlType) -> str:
    """Return a type's word with precision and scale."""
    if kind.kind is Kind.DECIMAL:
        return f"DECIMAL({kind.precision},{kind.scale or 0})"
    return str(kind.kind.value)
