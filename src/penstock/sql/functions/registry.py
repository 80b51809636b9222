"""How a scalar function is declared, found by name, typed and evaluated.

A function lives in one file per family (`numbers.py`, `strings.py`, `times.py`, ...) and registers itself with `scalar`
or one of its siblings. The binder asks `resolve` for what the arguments are coerced to and what comes out;
`sql/evaluate` runs the body on columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.data.batch import Column, Mask
from penstock.data.pool import Pool
from penstock.data.types import SqlType


@dataclass(frozen=True, slots=True)
class Signature:
    """What a call takes and gives. arguments: the types that the binder casts the arguments to."""

    arguments: tuple[SqlType, ...]
    result: SqlType


class TypeMismatch(Exception):
    """The function does not take these arguments; the message is what the client reads, without a position."""


class EvaluationError(Exception):
    """A value for which the expression has no result (overflow, division by zero, bad cast): it stops the pipeline."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a body may use beside its arguments."""

    pool: Pool


Resolve = Callable[[Sequence[SqlType]], Signature]
Body = Callable[[Context, Sequence[Column], Signature, int], Column]
"""body(context, arguments, signature, row_count) -> column of row_count values.

A constant argument is a column whose words have stride 0 (`is_constant`). With `strict`, no argument is null in the
rows that the body sees or its result there is overwritten by NULL; a body may add nulls of its own.
"""


Evaluator = Callable[[Sequence[Column], int], Column]
"""evaluator(columns of the input row, row_count) -> column of row_count values."""

Kernel = Callable[[Sequence[Column], int], Column]
"""kernel(arguments, row_count) -> column of row_count values, for types and constants known beforehand."""

Prepare = Callable[[Context, Signature, Sequence[Column | None]], Kernel]
"""prepare(context, signature, constants) -> kernel. constants: one row for an argument that is constant, else None."""


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument that is not evaluated yet, for functions that decide themselves on which rows it is.

    used: the input columns that it reads. width: for a lambda, where its parameters begin in the columns of `run`.
    """

    run: Evaluator
    type: SqlType
    can_fail: bool
    used: frozenset[int]
    width: int | None = None
    constant: Column | None = None

    def over(self, columns: Sequence[Column], rows: npt.NDArray[np.intp]) -> Column:
        """Evaluate on the rows at the given positions only."""
        size = len(columns)
        reads = {i % size for i in self.used} if size else set()
        return self.run([c.take(rows) if i in reads else c for i, c in enumerate(columns)], len(rows))


Test = Callable[[Sequence[Column]], Mask]
"""test(arguments) -> (n,) bool. What it says of rows with a null argument does not count if the function is strict."""

PrepareTest = Callable[[Context, Signature, Sequence[Column | None]], Test]
"""As Prepare, for a function that answers yes or no and cannot fail."""

Check = Callable[[Signature, Sequence[object]], None]
"""check(signature, values of the arguments, `...` for one that is not constant); raises TypeMismatch.

For what types do not say, as the unit of EXTRACT. The binder calls it after `resolve`.
"""

Lazy = Callable[[Context, Sequence[Argument], Signature], Evaluator]
"""lazy(context, arguments, signature) -> evaluator that runs the arguments itself."""


Apply = Callable[[Any], Any]
"""apply(Arrow array of strings without nulls) -> such an array, value by value."""

Measure = Callable[[Any], Column]
"""measure(Arrow array of strings without nulls) -> column of as many numbers or truth values."""


@dataclass(frozen=True, slots=True)
class Through:
    """A text function over whole Arrow arrays, so that text between two functions need not be put into the pool.

    choose(pool, signature, constants) -> apply, or None for a call that has none; varying: the argument that is text.
    """

    choose: Callable[[Pool, Signature, Sequence[Column | None]], Apply | None]
    varying: int = 0


@dataclass(frozen=True, slots=True)
class Function:
    """A scalar function. strict: NULL in, NULL out. can_fail: may raise EvaluationError, so it sees no masked rows.

    prepare: used instead of `body`, once for each call in a program. lazy: likewise, for a function that evaluates its
    arguments itself. tolerant: fails so seldom on the zero words of nulls that all rows are tried first.
    test: gives the answer of a BOOLEAN function as a mask, for filters. through: of a function from text to text;
    measure: of one of a single text to something else. reads_text: reads text so quickly, and gives what has nothing
    of its code, that equal text need not have equal codes if all other arguments are literals.
    """

    name: str
    resolve: Resolve
    body: Body
    strict: bool = True
    can_fail: bool = False
    deterministic: bool = True
    prepare: Prepare | None = None
    lazy: Lazy | None = None
    tolerant: bool = False
    test: PrepareTest | None = None
    check: Check | None = None
    through: Through | None = None
    measure: Measure | None = None
    reads_text: bool = False


FUNCTIONS: dict[str, Function] = {}


def scalar(
    *names: str, resolve: Resolve, strict: bool = True, can_fail: bool = False, deterministic: bool = True
) -> Callable[[Body], Body]:
    """Register a body under each of the names."""

    def register(body: Body) -> Body:
        for name in names:
            _add(Function(name, resolve, body, strict, can_fail, deterministic))
        return body

    return register


def prepared(
    *names: str,
    resolve: Resolve,
    strict: bool = True,
    can_fail: bool = False,
    deterministic: bool = True,
    tolerant: bool = False,
    check: Check | None = None,
    through: Through | None = None,
    measure: Measure | None = None,
) -> Callable[[Prepare], Prepare]:
    """Register under each name a function that chooses its kernel once, from the types and constants of a call."""

    def register(prepare: Prepare) -> Prepare:
        def body(context: Context, arguments: Sequence[Column], signature: Signature, row_count: int) -> Column:
            return prepare(context, signature, [None] * len(arguments))(arguments, row_count)

        for name in names:
            _add(
                Function(
                    name,
                    resolve,
                    body,
                    strict,
                    can_fail,
                    deterministic,
                    prepare,
                    tolerant=tolerant,
                    check=check,
                    through=through,
                    measure=measure,
                    reads_text=through is not None or measure is not None,
                )
            )
        return prepare

    return register


def predicate(
    *names: str, resolve: Resolve, strict: bool = True, reads_text: bool = False
) -> Callable[[PrepareTest], PrepareTest]:
    """Register under each name a function that answers yes or no, cannot fail and adds no nulls, by its test."""

    def register(prepare_test: PrepareTest) -> PrepareTest:
        def prepare(context: Context, signature: Signature, constants: Sequence[Column | None]) -> Kernel:
            test = prepare_test(context, signature, constants)

            def kernel(arguments: Sequence[Column], row_count: int) -> Column:
                return Column(test(arguments).astype(np.int64))

            return kernel

        def body(context: Context, arguments: Sequence[Column], signature: Signature, row_count: int) -> Column:
            return prepare(context, signature, [None] * len(arguments))(arguments, row_count)

        for name in names:
            _add(Function(name, resolve, body, strict, prepare=prepare, test=prepare_test, reads_text=reads_text))
        return prepare_test

    return register


def lazy(*names: str, resolve: Resolve, can_fail: bool = False) -> Callable[[Lazy], Lazy]:
    """Register under each name a function that evaluates its arguments itself. can_fail: also when no argument can."""

    def register(build: Lazy) -> Lazy:
        def body(context: Context, arguments: Sequence[Column], signature: Signature, row_count: int) -> Column:
            given = [Argument(column_at(i), kind, False, frozenset((i,))) for i, kind in enumerate(signature.arguments)]
            return build(context, given, signature)(arguments, row_count)

        for name in names:
            _add(Function(name, resolve, body, strict=False, can_fail=can_fail, lazy=build))
        return build

    return register


def column_at(index: int) -> Evaluator:
    """Return the evaluator of the input column at index."""

    def run(columns: Sequence[Column], row_count: int) -> Column:
        return columns[index]

    return run


def _add(function: Function) -> None:
    if function.name in FUNCTIONS:
        raise ValueError(f"function {function.name!r} is declared twice")
    FUNCTIONS[function.name] = function


def is_constant(column: Column) -> bool:
    """Whether every row of the column is known to be the same (it was broadcast from one value)."""
    return column.words.strides == (0,)
