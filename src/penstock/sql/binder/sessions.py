"""SESSION: the windows that rows of a key make together while each follows the one before within a gap.

A row's own window is [time, time + gap); those of one key that overlap are one session.
Source: Apache Calcite, table function SESSION.
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.data.types import BIGINT, Field, Kind
from penstock.sql.binder.shape import where
from penstock.sql.binder.special import present
from penstock.sql.diagnostics import NotSupported, SqlError
from penstock.sql.plan.expr import Expr, Literal, SortKey, Span
from penstock.sql.plan.nodes import Node, Window, WindowCall


def session(node: Node, time: Expr, keys: Sequence[Expr], gap: Expr, span: Span | None) -> Window:
    """Return the node's rows followed by where their session begins and ends; rows without a time are left out."""
    if time.type.kind not in (Kind.TIMESTAMP, Kind.TIMESTAMP_TZ, Kind.DATE):
        raise SqlError("Function 'SESSION' expects a descriptor of a DATE or TIMESTAMP column", span)
    if gap.type.kind is Kind.INTERVAL_MONTHS:
        raise NotSupported("SESSION with an interval of months", span)
    if gap.type.kind is not Kind.INTERVAL_MICROS:
        raise SqlError("Function 'SESSION' expects an INTERVAL as its last argument", span)
    if not isinstance(gap, Literal) or not isinstance(gap.value, int):
        raise NotSupported("SESSION with an interval that is not constant", span)
    unit = 86_400_000_000 if time.type.kind is Kind.DATE else 1
    if gap.value % unit:
        raise SqlError("The interval of 'SESSION' over a DATE must be whole days", span)
    if gap.value <= 0:
        raise SqlError("The interval of 'SESSION' must be positive", span)
    args = (time, Literal(gap.value // unit, BIGINT, gap.span))
    calls = tuple([WindowCall(name, args, None) for name in ("SESSION_START", "SESSION_END")])
    edge = time.type.with_nullable(False)
    kept = where(node, present(time)) if time.type.nullable else node
    added = (Field("window_start", edge), Field("window_end", edge))
    return Window(kept, tuple(keys), (SortKey(time, False, True),), calls, (*node.schema, *added))
