"""Compile bound expressions into closures over kernels; what can be decided once is decided here.

Knows the shapes of expressions and the flags of functions, nothing of any single function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from penstock.data.batch import Column, Mask
from penstock.data.fate import Fate
from penstock.data.pool import Pool
from penstock.data.types import SqlType
from penstock.data.values import encode_value
from penstock.sql.evaluate.branches import case_evaluator
from penstock.sql.evaluate.rows import constant, empty_column, nulls_of, strict
from penstock.sql.evaluate.sharing import share
from penstock.sql.evaluate.text import text_in_one_go
from penstock.sql.functions.casts import prepare_cast, takes_nulls
from penstock.sql.functions.registry import (
    FUNCTIONS,
    Apply,
    Argument,
    Context,
    EvaluationError,
    Evaluator,
    Function,
    Kernel,
    Prepare,
    Signature,
    Test,
    Through,
    column_at,
)
from penstock.sql.plan.expr import Call, Case, Cast, ColumnRef, Expr, Lambda, Literal

EvaluatorOfMany = Callable[[Sequence[Column], int], list[Column]]
"""evaluator(columns of the input row, row_count) -> one column for each expression."""

MaskEvaluator = Callable[[Sequence[Column], int], Mask]
"""evaluator(columns of the input row, row_count) -> (row_count,) bool."""


def compile_expr(expr: Expr, pool: Pool) -> Evaluator:
    """Return the evaluator of an expression: (columns, row_count) -> column of row_count values.

    Raises: LookupError for a function that is not in the registry. The evaluator raises EvaluationError.
    """
    many = compile_exprs((expr,), pool)

    def run(columns: Sequence[Column], row_count: int) -> Column:
        return many(columns, row_count)[0]

    return run


def compile_exprs(exprs: Sequence[Expr], pool: Pool, fate: Fate = Fate.COMPARED) -> EvaluatorOfMany:
    """Return the evaluator of several expressions over the same rows; what they share is computed once.

    fate: what becomes of the results. If nobody compares them, equal ones need no equal codes.
    """
    shared, rewritten = share(exprs)
    compiler = Compiler(Context(pool))
    last = compiler if fate is Fate.COMPARED else Compiler(Context(pool.making(fate)), compiler)
    outputs = [last.compile(e).run for e in rewritten]
    first = [compiler.compile(e).run for e in shared]
    width = len(outputs)

    def run(columns: Sequence[Column], row_count: int) -> list[Column]:
        if not row_count:
            return [empty_column() for _ in range(width)]
        return [output(columns, row_count) for output in outputs]

    if not first:
        return run

    def run_shared(columns: Sequence[Column], row_count: int) -> list[Column]:
        return run(_with_shared(first, columns, row_count), row_count)

    return run_shared


def compile_predicate(expr: Expr, pool: Pool) -> MaskEvaluator:
    """Return the evaluator of a condition: (columns, row_count) -> mask of the rows for which it is true."""
    shared, (rewritten,) = share((expr,))
    compiler = Compiler(Context(pool))
    first = [compiler.compile(e).run for e in shared]
    test = compiler.mask(rewritten, True)

    def run(columns: Sequence[Column], row_count: int) -> Mask:
        if not row_count:
            return np.empty(0, np.bool_)
        return test(_with_shared(first, columns, row_count) if first else columns, row_count)

    return run


def _with_shared(first: Sequence[Evaluator], columns: Sequence[Column], row_count: int) -> list[Column]:
    """Return the columns with the shared parts behind them; a part may read those before it."""
    extended = [*columns, *[empty_column()] * len(first)]
    for at, part in enumerate(first, len(columns)):
        extended[at] = part(extended, row_count) if row_count else empty_column()
    return extended


predicate_mask = compile_predicate


@dataclass(frozen=True, slots=True)
class Compiled:
    """An expression ready to run. costly: does work that is better not done for rows that do not need it."""

    argument: Argument
    costly: bool

    @property
    def run(self) -> Evaluator:
        """The evaluator."""
        return self.argument.run


class Compiler:
    """Compiles expressions for one pool. arguments: what compiles parts that are computed with, if not the same."""

    def __init__(self, context: Context, arguments: Compiler | None = None) -> None:
        self._context = context
        self._arguments = self if arguments is None else arguments

    def compile(self, node: Expr) -> Compiled:
        """Return the expression ready to run."""
        match node:
            case ColumnRef():
                return Compiled(Argument(column_at(node.index), node.type, False, frozenset((node.index,))), False)
            case Literal():
                return self._literal(node)
            case Call():
                return self._call(node)
            case Cast():
                return self._cast(node)
            case Case():
                return self._case(node)
            case Lambda():
                body = self.compile(node.body)
                outer = frozenset(i for i in body.argument.used if i < node.width)
                inner = Argument(body.run, node.type, body.argument.can_fail, outer, node.width)
                return Compiled(inner, True)

    def _literal(self, node: Literal) -> Compiled:
        word, null = encode_value(node.value, node.type, self._context.pool)
        one = Column(np.array([word], np.int64), np.array([True]) if null else None)
        return self._constant(one, node)

    def _constant(self, one: Column, node: Expr) -> Compiled:
        return Compiled(Argument(constant(one), node.type, False, frozenset(), None, one), False)

    def _fold(self, made: Compiled, parts: Sequence[Compiled], node: Expr) -> Compiled:
        """Replace what has only constant parts by its value, unless it fails: then only rows may make it fail."""
        if any(p.argument.constant is None for p in parts):
            return made
        try:
            return self._constant(made.run((), 1), node)
        except EvaluationError:
            return made

    def _call(self, node: Call) -> Compiled:
        function = FUNCTIONS.get(node.name)
        if function is None:
            raise LookupError(f"no function named {node.name!r}")
        parts = [self._arguments.compile(a) for a in node.args]
        arguments = [p.argument for p in parts]
        signature = Signature(tuple(a.type for a in arguments), node.type)
        in_one_go = text_in_one_go(node, function, self._apply_of)
        if in_one_go is not None:
            return self._text(*in_one_go, node)
        can_fail = function.can_fail or any(a.can_fail for a in arguments)
        run = self._runner(function, signature, arguments)
        used = frozenset[int]().union(*(a.used for a in arguments))
        costly = any(p.costly for p in parts) or _in_pool(node.type)
        made = Compiled(Argument(run, node.type, can_fail, used), costly)
        return self._fold(made, parts, node) if function.deterministic else made

    def _apply_of(self, node: Call, through: Through) -> Apply | None:
        arguments = [self._arguments.compile(a).argument for a in node.args]
        signature = Signature(tuple(a.type for a in arguments), node.type)
        return through.choose(self._context.pool, signature, [a.constant for a in arguments])

    def _text(self, prepare: Prepare, source: Expr, node: Call) -> Compiled:
        part = self._arguments.compile(source)
        argument = part.argument
        kernel = prepare(self._context, Signature((argument.type,), node.type), [None])
        run = strict([argument.run], kernel, False, False)
        return Compiled(Argument(run, node.type, argument.can_fail, argument.used), True)

    def _runner(self, function: Function, signature: Signature, arguments: Sequence[Argument]) -> Evaluator:
        if function.lazy is not None:
            return function.lazy(self._context, arguments, signature)
        kernel = self._kernel(function, signature, arguments)
        runs = [a.run for a in arguments]
        if function.strict and arguments:
            return strict(runs, kernel, function.can_fail, function.tolerant)

        def run(columns: Sequence[Column], row_count: int) -> Column:
            return kernel([argument(columns, row_count) for argument in runs], row_count)

        return run

    def _kernel(self, function: Function, signature: Signature, arguments: Sequence[Argument]) -> Kernel:
        if function.prepare is not None:
            return function.prepare(self._context, signature, [a.constant for a in arguments])
        body, context = function.body, self._context

        def kernel(given: Sequence[Column], row_count: int) -> Column:
            return body(context, given, signature, row_count)

        return kernel

    def _cast(self, node: Cast) -> Compiled:
        part = self._arguments.compile(node.arg)
        argument = part.argument
        kernel, can_fail, tolerant = prepare_cast(self._context, argument.type, node.type, node.safe)
        if kernel is None:
            return Compiled(
                Argument(part.run, node.type, argument.can_fail, argument.used, None, argument.constant), part.costly
            )
        if takes_nulls(argument.type, node.type):
            run = _unary(part.run, kernel)
        else:
            run = strict([part.run], kernel, can_fail, tolerant)
        costly = part.costly or _in_pool(node.type) or _in_pool(argument.type)
        made = Compiled(Argument(run, node.type, argument.can_fail or can_fail, argument.used), costly)
        return self._fold(made, [part], node)

    def _case(self, node: Case) -> Compiled:
        conditions = [self._arguments.compile(when) for when, _ in node.whens]
        values = [*(self.compile(value) for _, value in node.whens), self.compile(node.otherwise)]
        masks = [self._arguments.mask(when, True) for when, _ in node.whens]
        parts = [*conditions, *values]
        later = [*conditions[1:], *values]
        at_once = not any(p.argument.can_fail or p.costly for p in later)
        used = [(m, c.argument.used) for m, c in zip(masks, conditions, strict=True)]
        run = case_evaluator(used, [v.argument for v in values], at_once)
        can_fail = any(p.argument.can_fail for p in parts)
        everything = frozenset[int]().union(*(p.argument.used for p in parts))
        made = Compiled(Argument(run, node.type, can_fail, everything), any(p.costly for p in parts))
        return self._fold(made, parts, node)

    def mask(self, node: Expr, wanted: bool) -> MaskEvaluator:
        """Return the evaluator of the rows where a condition is true (or, wanted False, is false)."""
        if isinstance(node, Call):
            if node.name == "NOT":
                return self.mask(node.args[0], not wanted)
            if node.name in ("AND", "OR"):
                return self._connective(node, wanted)
            function = FUNCTIONS.get(node.name)
            if function is not None and function.test is not None:
                return self._test(function, node, wanted)
        run = self.compile(node).run

        def from_words(columns: Sequence[Column], row_count: int) -> Mask:
            column = run(columns, row_count)
            mask: Mask = column.words != 0
            if wanted:
                return mask
            return ~mask if column.nulls is None else ~(mask | column.nulls)

        return from_words

    def _connective(self, node: Call, wanted: bool) -> MaskEvaluator:
        """AND for true and OR for false keep what every part keeps; the others what any part keeps."""
        every = (node.name == "AND") == wanted
        test = self.mask(node.args[0], wanted)
        for arg in node.args[1:]:
            part = self.compile(arg)
            following = self.mask(arg, wanted)
            if part.argument.can_fail or part.costly:
                test = _where_needed(test, following, part.argument.used, every)
            else:
                test = _both(test, following, every)
        return test

    def _test(self, function: Function, node: Call, wanted: bool) -> MaskEvaluator:
        assert function.test is not None
        arguments = [self.compile(a).argument for a in node.args]
        signature = Signature(tuple(a.type for a in arguments), node.type)
        test = function.test(self._context, signature, [a.constant for a in arguments])
        return _masked_test([a.run for a in arguments], test, function.strict, wanted)


def _in_pool(type: SqlType) -> bool:
    """Whether making values of a type looks into the pool; decimals hardly ever do."""
    return type.pooled and not type.wide


def _unary(argument: Evaluator, kernel: Kernel) -> Evaluator:
    """Return the evaluator of a kernel that sees its argument's nulls."""

    def run(columns: Sequence[Column], row_count: int) -> Column:
        return kernel((argument(columns, row_count),), row_count)

    return run


def _masked_test(runs: Sequence[Evaluator], test: Test, is_strict: bool, wanted: bool) -> MaskEvaluator:
    def run(columns: Sequence[Column], row_count: int) -> Mask:
        given = [argument(columns, row_count) for argument in runs]
        mask = test(given)
        if not wanted:
            mask = ~mask
        if is_strict:
            nulls = nulls_of(given)
            if nulls is not None:
                return mask & ~nulls
        return mask

    return run


def _both(first: MaskEvaluator, second: MaskEvaluator, every: bool) -> MaskEvaluator:
    if every:
        return lambda columns, row_count: first(columns, row_count) & second(columns, row_count)
    return lambda columns, row_count: first(columns, row_count) | second(columns, row_count)


def _where_needed(first: MaskEvaluator, second: MaskEvaluator, used: frozenset[int], every: bool) -> MaskEvaluator:
    """Evaluate the second condition only on the rows that the first leaves open."""

    def run(columns: Sequence[Column], row_count: int) -> Mask:
        known = first(columns, row_count)
        rows = np.flatnonzero(known if every else ~known)
        if len(rows) == row_count:
            return second(columns, row_count)
        if not len(rows):
            return known
        reads = {i % len(columns) for i in used}
        narrowed = [c.take(rows) if i in reads else c for i, c in enumerate(columns)]
        known = known.copy()
        known[rows] = second(narrowed, len(rows))
        return known

    return run
