"""Bound expressions made into functions of columns.

`compile_expr` gives the evaluator of one expression, `compile_exprs` of several that share their common parts,
`compile_predicate` (also called `predicate_mask`) the rows for which a condition is true. Choosing kernels, folding
constants and finding shared parts happen once, when compiling; running costs a few microseconds for each node plus the
work on the words.
"""

from penstock.sql.evaluate.program import (
    EvaluatorOfMany,
    MaskEvaluator,
    compile_expr,
    compile_exprs,
    compile_predicate,
    predicate_mask,
)
from penstock.sql.functions.registry import Evaluator

__all__ = [
    "Evaluator",
    "EvaluatorOfMany",
    "MaskEvaluator",
    "compile_expr",
    "compile_exprs",
    "compile_predicate",
    "predicate_mask",
]
