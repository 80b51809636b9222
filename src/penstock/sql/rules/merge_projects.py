"""Put adjacent projections together, and remove those that change nothing.

Sound because an expression over computed columns equals the expression with their definitions put in; a definition that
costs something is put in only where it is read once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from penstock.sql.binder.coerce import alike
from penstock.sql.plan.expr import ColumnRef, Expr, Literal
from penstock.sql.plan.nodes import Node, Project
from penstock.sql.plan.walk import parts, remap
from penstock.sql.rules.driver import everywhere, readers


def merge_projects(plans: Sequence[Node]) -> list[Node]:
    """Rewrite all plans."""
    counts = readers(plans)
    shared = {i for i, n in counts.items() if n > 1}

    def local(node: Node) -> Node:
        if not isinstance(node, Project):
            return node
        below = node.input
        if isinstance(below, Project) and id(below) not in shared:
            merged = _merged(node, below)
            if merged is not None:
                node = merged
        return node.input if is_trivial(node) else node

    return everywhere(plans, local)


def is_trivial(node: Project) -> bool:
    """Whether a projection passes on all columns as they are, under whatever names."""
    below = node.input.schema
    if len(below) != len(node.exprs):
        return False
    return all(
        isinstance(e, ColumnRef) and e.index == i and alike(field.type, source.type)
        for i, (e, field, source) in enumerate(zip(node.exprs, node.schema, below, strict=True))
    )


def _merged(node: Project, below: Project) -> Project | None:
    uses = Counter(p.index for e in node.exprs for p in parts(e) if isinstance(p, ColumnRef))
    for position, definition in enumerate(below.exprs):
        if not isinstance(definition, (ColumnRef, Literal)) and uses[position] > 1:
            return None

    def defined(column: ColumnRef) -> Expr:
        return below.exprs[column.index]

    width = len(below.input.schema)
    exprs = tuple([remap(e, defined, width) for e in node.exprs])
    return replace(node, input=below.input, exprs=exprs)
