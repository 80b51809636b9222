"""Rewrites of plans: one rule a file, applied in the order of `RULES`. Each keeps the rows and their types.

A rule takes the plans of all views at once and gives as many back, so that it can see what is shared between them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from penstock.sql.plan.nodes import Node, Program
from penstock.sql.rules.copy_constants import copy_constants
from penstock.sql.rules.detect_topk import detect_topk
from penstock.sql.rules.drop_empty import drop_empty
from penstock.sql.rules.factor_conditions import factor_conditions
from penstock.sql.rules.fold_constants import fold_constants
from penstock.sql.rules.join_whole_partitions import join_whole_partitions
from penstock.sql.rules.merge_projects import merge_projects
from penstock.sql.rules.order_joins import order_joins
from penstock.sql.rules.prune_columns import prune_columns
from penstock.sql.rules.push_filters import push_filters
from penstock.sql.rules.rank_extremes import rank_extremes
from penstock.sql.rules.reduce_outer_joins import reduce_outer_joins
from penstock.sql.rules.remove_trivial import remove_trivial
from penstock.sql.rules.share_plans import share_plans

Rule = Callable[[Sequence[Node]], list[Node]]

RULES: tuple[Rule, ...] = (
    fold_constants,
    merge_projects,
    factor_conditions,
    reduce_outer_joins,
    copy_constants,
    push_filters,
    drop_empty,
    order_joins,
    detect_topk,
    join_whole_partitions,
    prune_columns,
    merge_projects,
    remove_trivial,
    share_plans,
    rank_extremes,
)


def rewrite_program(program: Program) -> Program:
    """Return the program with rewritten plans."""
    plans: list[Node] = [v.plan for v in program.views if v.plan is not None]
    for rule in RULES:
        plans = rule(plans)
    views = tuple([replace(v, plan=p) for v, p in zip(program.views, plans, strict=True)])
    return replace(program, views=views)
