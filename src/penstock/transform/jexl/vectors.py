"""Expressions evaluated for all rows of a frame at once; gives what `evaluator` gives row by row. Pure.

Branches are evaluated for the rows that take them, so what fails is what would fail. Where there is no operation on
whole columns, a function is called once for each distinct combination of its arguments. Scripts with variables and
loops are evaluated as a whole for each distinct combination of the columns they read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
import pyarrow as pa

from penstock.transform.frames.data import Data, Mask, Rows, constant, encode, null_mask, nulls, place, take, to_mask
from penstock.transform.frames.frame import Failure, Frame
from penstock.transform.jexl import nodes as n
from penstock.transform.jexl.arithmetic import BINARY, is_empty, negate, size_of, truth
from penstock.transform.jexl.functions import IMPURE
from penstock.transform.jexl.functions.signatures import Function
from penstock.transform.jexl.kernels import BINARY_KERNELS, CALL_KERNELS, METHOD_KERNELS, Const
from penstock.transform.jexl.methods import call_method, read_index, read_property
from penstock.transform.jvm.values import column_of

if TYPE_CHECKING:
    from penstock.transform.jexl.expression import Expression

__all__ = ["Vectors"]


Vec: TypeAlias = "Const | Data"
_SCRIPTS = (n.Assign, n.Declare, n.If, n.While, n.For, n.Return, n.Jump)


class Vectors:
    """One evaluation of one expression over one frame."""

    def __init__(self, expression: Expression, frame: Frame, spaces: Mapping[str, Mapping[str, Function]]) -> None:
        self._expression = expression
        self._frame = frame
        self._spaces = spaces
        self._failed: dict[int, Failure] = {}
        self._columns: dict[str, Vec] = {}

    def run(self) -> tuple[Data, dict[int, Failure]]:
        """Return the values and the failures by row."""
        tree = self._expression.tree
        rows = np.arange(self._frame.rows, dtype=np.int64)
        if len(tree.body) == 1 and not any(isinstance(node, _SCRIPTS) for node in n.walk(tree)):
            value = self._evaluate(tree.body[0], rows)
        else:
            value = self._whole(rows)
        data = constant(value.value, len(rows)) if isinstance(value, Const) else value
        return data, self._failed

    # --- names

    def _column(self, name: str) -> Vec:
        known = self._columns.get(name)
        if known is None:
            known = self._columns[name] = self._look_up(name)
        return known

    def _look_up(self, name: str) -> Vec:
        if name in self._frame.variables:
            return self._frame.variables[name]
        if name == "this":
            return column_of([self._frame.row(at) for at in range(self._frame.rows)])
        if name == "ctx":
            return Const({"environment": "TRANSFORM"})
        column = self._frame.value(name)
        return Const(None) if column is None else column.data

    def _whole(self, rows: Rows) -> Vec:
        names = self._expression.names
        evaluate = self._expression.evaluate
        return self._elementwise(
            lambda *values: evaluate(dict(zip(names, values, strict=True))),
            [self._column(name) for name in names],
            rows,
            pure=self._expression.is_pure,
        )

    # --- trees

    def _evaluate(self, node: n.Node, rows: Rows) -> Vec:
        match node:
            case n.Literal():
                return Const(node.value)
            case n.Name():
                return self._pick(self._column(node.name), rows)
            case n.Binary():
                return self._binary(node, rows)
            case n.Logical():
                return self._logical(node, rows)
            case n.Conditional():
                return self._branches(self._takes(self._evaluate(node.test, rows), rows), node.yes, node.no, rows)
            case n.Elvis():
                return self._elvis(node, rows)
            case n.Unary():
                return self._unary(node, rows)
            case n.Call():
                return self._call(node, rows)
            case n.Method():
                return self._method(node, rows)
            case n.Empty():
                return self._elementwise(is_empty, [self._evaluate(node.operand, rows)], rows)
            case n.Size():
                return self._elementwise(size_of, [self._evaluate(node.operand, rows)], rows)
            case n.Property():
                return self._property(node, rows)
            case n.Index():
                return self._elementwise(
                    read_index, [self._evaluate(node.target, rows), self._evaluate(node.key, rows)], rows
                )
            case n.Array() | n.SetLiteral():
                items = [self._evaluate(item, rows) for item in node.items]
                return self._elementwise(lambda *values: list(values), items, rows)
            case n.MapLiteral():
                parts = [self._evaluate(part, rows) for entry in node.entries for part in entry]
                return self._elementwise(lambda *v: dict(zip(v[::2], v[1::2], strict=True)), parts, rows)
            case n.Block() if len(node.body) == 1:
                return self._evaluate(node.body[0], rows)
        raise AssertionError(f"{type(node).__name__} is evaluated row by row")

    def _pick(self, value: Vec, rows: Rows) -> Vec:
        if isinstance(value, Const) or len(rows) == self._frame.rows:
            return value
        return take(value, rows)

    def _fail(self, rows: Rows, error: Exception) -> None:
        failure = Failure(self._expression.explain(error))
        for row in map(int, rows):
            self._failed.setdefault(row, failure)

    def _binary(self, node: n.Binary, rows: Rows) -> Vec:
        left, right = self._evaluate(node.left, rows), self._evaluate(node.right, rows)
        kernel = BINARY_KERNELS.get(node.operator)
        if kernel is not None and not (isinstance(left, Const) and isinstance(right, Const)):
            result = kernel(left, right, len(rows))
            if result is not None:
                data, bad, error = result
                if bad is not None and bad.any():
                    self._fail(rows[bad], error or ArithmeticError("null operand"))
                return data
        return self._elementwise(BINARY[node.operator], [left, right], rows)

    def _logical(self, node: n.Logical, rows: Rows) -> Vec:
        first = self._truths(self._evaluate(node.left, rows), rows)
        decided = ~first if node.operator == "&&" else first
        open_rows = np.flatnonzero(~decided)
        result = first.copy()
        if len(open_rows):
            second = self._evaluate(node.right, rows[open_rows])
            result[open_rows] = self._truths(second, rows[open_rows])
        return pa.array(result)

    def _truths(self, value: Vec, rows: Rows) -> Mask:
        """Take values as truth values; null fails."""
        if isinstance(value, pa.Array) and pa.types.is_boolean(value.type):
            missing = null_mask(value)
            if missing.any():
                self._fail(rows[missing], ArithmeticError("null operand"))
            return to_mask(value)
        made = self._elementwise(truth, [value], rows)
        data = constant(made.value, len(rows)) if isinstance(made, Const) else made
        if isinstance(data, pa.Array) and pa.types.is_boolean(data.type):
            return to_mask(data)
        return np.zeros(len(rows), dtype=bool)

    def _takes(self, value: Vec, rows: Rows) -> Mask:
        """Tell which rows a conditional sends to its first branch; null goes to the second."""
        if isinstance(value, Const):
            return np.full(len(rows), value.value is not None and truth(value.value))
        if isinstance(value, pa.Array) and pa.types.is_boolean(value.type):
            return to_mask(value)
        made = self._elementwise(lambda v: v is not None and truth(v), [value], rows)
        data = constant(made.value, len(rows)) if isinstance(made, Const) else made
        return (
            to_mask(data) if isinstance(data, pa.Array) and pa.types.is_boolean(data.type) else null_mask(data) & False
        )

    def _branches(self, mask: Mask, yes: n.Node, no: n.Node, rows: Rows) -> Vec:
        if mask.all():
            return self._evaluate(yes, rows)
        if not mask.any():
            return self._evaluate(no, rows)
        parts: list[tuple[Rows, Data]] = []
        for chosen, node in ((mask, yes), (~mask, no)):
            inside = np.flatnonzero(chosen)
            value = self._evaluate(node, rows[inside])
            parts.append((inside, constant(value.value, len(inside)) if isinstance(value, Const) else value))
        return place(parts, len(rows))

    def _elvis(self, node: n.Elvis, rows: Rows) -> Vec:
        left = self._evaluate(node.left, rows)
        data = constant(left.value, len(rows)) if isinstance(left, Const) else left
        kept = ~null_mask(data) if node.only_null else self._takes(data, rows)
        if kept.all():
            return data
        inside = np.flatnonzero(~kept)
        right = self._evaluate(node.right, rows[inside])
        other = constant(right.value, len(inside)) if isinstance(right, Const) else right
        return place([(np.flatnonzero(kept), take(data, np.flatnonzero(kept))), (inside, other)], len(rows))

    def _unary(self, node: n.Unary, rows: Rows) -> Vec:
        operand = self._evaluate(node.operand, rows)
        if node.operator == "!":
            return pa.array(~self._truths(operand, rows))
        if node.operator == "-":
            return self._elementwise(negate, [operand], rows)
        if node.operator == "~":
            return self._elementwise(lambda v: BINARY["^"](v, -1), [operand], rows)
        return operand

    def _call(self, node: n.Call, rows: Rows) -> Vec:
        arguments = [self._evaluate(argument, rows) for argument in node.arguments]
        kernel = CALL_KERNELS.get((node.space, node.name))
        if kernel is not None and self._spaces.get(node.space, {}).get(node.name) is not None:
            made = kernel(arguments, len(rows))
            if made is not None:
                return made
        function = self._spaces.get(node.space, {}).get(node.name)
        if function is None:
            name = f"{node.space}:{node.name}" if node.space else node.name
            self._fail(rows, ArithmeticError(f"unsolvable function/method '{name}'"))
            return Const(None)
        return self._elementwise(function, arguments, rows, pure=(node.space, node.name) not in IMPURE)

    def _method(self, node: n.Method, rows: Rows) -> Vec:
        target = self._evaluate(node.target, rows)
        arguments = [self._evaluate(argument, rows) for argument in node.arguments]
        kernel = METHOD_KERNELS.get(node.name)
        if kernel is not None and isinstance(target, pa.Array) and pa.types.is_string(target.type):
            made = kernel(target, arguments)
            if made is not None:
                missing = null_mask(target)
                if missing.any():
                    self._fail(rows[missing], ArithmeticError(f"unsolvable function/method '{node.name}' on null"))
                return made
        name = node.name
        return self._elementwise(lambda value, *rest: call_method(value, name, list(rest)), [target, *arguments], rows)

    def _property(self, node: n.Property, rows: Rows) -> Vec:
        from penstock.transform.jexl.evaluator import _dotted

        dotted, name = _dotted(node), node.name
        if dotted is None:
            return self._elementwise(lambda v: read_property(v, name), [self._evaluate(node.target, rows)], rows)

        def read(whole: Any, value: Any) -> Any:
            if whole is not None:
                return whole
            return None if value is None else read_property(value, name)

        parts = [self._pick(self._column(dotted), rows), self._evaluate(node.target, rows)]
        return self._elementwise(read, parts, rows)

    # --- functions of single values

    def _elementwise(
        self, function: Callable[..., Any], arguments: Sequence[Vec], rows: Rows, *, pure: bool = True
    ) -> Vec:
        """Call a function once for each distinct combination of its arguments, or for each row if it is impure."""
        if pure and all(isinstance(argument, Const) for argument in arguments):
            if not len(rows):
                return Const(None)
            value, error = _attempt(function, [argument.value for argument in arguments])  # type: ignore[union-attr]
            if error is not None:
                self._fail(rows, error)
            return Const(value)
        size = len(rows)
        if not size:
            return nulls(0)
        tables, codes = _combined(arguments, size, distinct=pure)
        results: list[Any] = []
        errors: dict[int, Exception] = {}
        for i, values in enumerate(tables):
            value, error = _attempt(function, values)
            results.append(value)
            if error is not None:
                errors[i] = error
        for i, error in errors.items():
            self._fail(rows[codes == i], error)
        made = column_of(results)
        return take(made, codes) if len(made) != size or not np.array_equal(codes, np.arange(size)) else made


def _attempt(function: Callable[..., Any], values: Sequence[Any]) -> tuple[Any, Exception | None]:
    try:
        return function(*values), None
    except (ArithmeticError, ValueError, TypeError, LookupError, RecursionError) as error:
        return None, error


def _combined(arguments: Sequence[Vec], size: int, *, distinct: bool) -> tuple[list[list[Any]], Rows]:
    """Return the combinations of argument values and for each row which one it is."""
    encoded = [None if isinstance(a, Const) else encode(a) for a in arguments]
    columns = [part for part in encoded if part is not None]
    if distinct and len(columns) == 1:
        values, codes = columns[0]
        if (codes < 0).any():
            values = [*values, None]
            codes = np.where(codes < 0, len(values) - 1, codes)
        picks = np.arange(len(values))[:, None]
        tables = [values]
    elif distinct and columns:
        key = np.zeros(size, dtype=np.int64)
        for values, part in columns:
            _, key = np.unique(key * (len(values) + 1) + part + 1, return_inverse=True)
        _, first, codes = np.unique(key, return_index=True, return_inverse=True)
        picks = np.stack([part[first] for _, part in columns], axis=1)
        tables = [[*values, None] for values, _ in columns]
    else:
        codes = np.arange(size, dtype=np.int64)
        picks = np.stack([part for _, part in columns], axis=1) if columns else np.zeros((size, 0), dtype=np.int64)
        tables = [[*values, None] for values, _ in columns]
    combinations: list[list[Any]] = []
    for row in picks.tolist():
        found = iter(zip(tables, row, strict=True))
        combination: list[Any] = []
        for argument, code in zip(arguments, encoded, strict=True):
            if code is None:
                combination.append(cast(Const, argument).value)
            else:
                table, at = next(found)
                combination.append(table[at])
        combinations.append(combination)
    return combinations, codes
