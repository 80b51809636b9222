"""Outer joins whose condition has subqueries, so that no join evaluates it: the pairs that meet it and the rows left.

Equal rows of one side meet the same rows of the other, so a row is left over exactly if no equal row is in a pair.
"""

from __future__ import annotations

from typing import Literal as Word

from penstock.data.types import Field
from penstock.sql.binder.shape import columns, keep, relabel
from penstock.sql.plan.expr import ColumnRef, Expr, Literal
from penstock.sql.plan.nodes import Distinct, Join, JoinKey, Node, Project, UnionAll


def outer_join(kind: Word["left", "right", "full", "semi", "anti"], left: Node, right: Node, matched: Node) -> Node:
    """Return the join of left and right. matched: the pairs that meet the condition, left's columns before right's."""
    width = len(left.schema)
    if kind in ("semi", "anti"):
        return _by_partner("semi" if kind == "semi" else "anti", left, matched, 0)
    made = matched
    if kind in ("left", "full"):
        made = padded(made, unmatched(left, matched, 0), width)
    if kind in ("right", "full"):
        made = padded(made, unmatched(right, matched, width), width, first=False)
    return made


def unmatched(side: Node, matched: Node, start: int) -> Node:
    """Return the rows of one side that are in no pair. start: where its columns begin in the pairs."""
    return _by_partner("anti", side, matched, start)


def _by_partner(kind: Word["semi", "anti"], side: Node, matched: Node, start: int) -> Node:
    partners = keep(matched, range(start, start + len(side.schema)))
    partners = Distinct(partners, partners.schema)
    keys = tuple(
        [
            JoinKey(ColumnRef(i, f.type), ColumnRef(i, g.type), True)
            for i, (f, g) in enumerate(zip(side.schema, partners.schema, strict=True))
        ]
    )
    return Join(kind, side, partners, keys, None, side.schema)


def padded(matched: Node, alone: Node, width: int, first: bool = True) -> Node:
    """Return pairs, and the rows of one side that are in none with NULL for the other's columns.

    width: how many columns the left side has. first: whether the rows alone are of the left side.
    """
    schema = tuple(
        [f if (i < width) == first else Field(f.name, f.type.with_nullable(True)) for i, f in enumerate(matched.schema)]
    )
    start, end = (0, width) if first else (width, len(schema))
    own = columns(alone)
    exprs: list[Expr] = [own[i - start] if start <= i < end else Literal(None, f.type) for i, f in enumerate(schema)]
    return UnionAll((relabel(matched, schema), Project(alone, tuple(exprs), schema)), schema)
