"""Expressions, compiled once and evaluated over frames or single rows. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from penstock.transform.frames.data import Data, Mask
from penstock.transform.frames.frame import Failure, Frame
from penstock.transform.jexl import nodes as n
from penstock.transform.jexl.evaluator import Environment, closure
from penstock.transform.jexl.functions import IMPURE, SPACES
from penstock.transform.jexl.functions.signatures import Function
from penstock.transform.jexl.parser import parse
from penstock.transform.jexl.vectors import Vectors
from penstock.transform.jvm.numbers import NumberFormat

__all__ = ["Expression", "compile_expression"]

_SPACES = frozenset(SPACES)


def compile_expression(text: str, spaces: Mapping[str, Mapping[str, Function]] = SPACES) -> Expression:
    """Compile an expression or script. Raises: ExpressionInvalid."""
    return Expression(text, parse(text, frozenset(spaces) if spaces is not SPACES else _SPACES), spaces)


class Expression:
    """One expression."""

    def __init__(self, text: str, tree: n.Block, spaces: Mapping[str, Mapping[str, Function]]) -> None:
        self.text = text
        self.tree = tree
        self._spaces = spaces
        self._closure = closure(tree, spaces)
        self.names = _names(tree)
        """The variables it reads, a dotted one also as a whole."""
        self.is_pure = not any(isinstance(node, n.Call) and (node.space, node.name) in IMPURE for node in n.walk(tree))

    def evaluate(self, values: Mapping[str, Any]) -> Any:
        """Evaluate for one row. Raises: ArithmeticError, ValueError."""
        return self._closure(Environment(values))

    def explain(self, error: Exception) -> str:
        """Say what went wrong, as users see it."""
        if isinstance(error, NumberFormat):
            return (
                "Type mismatch. Change type of constant or convert to right data type using conversion functions "
                f"available. Reason : {error}"
            )
        return (
            f"Error encountered while evaluating '{self.text.strip()}', at line '1' and column '1'. Make sure the JEXL "
            f"transformation is valid and uses only allowlisted classes, methods, and properties. ({error})"
        )

    def over(self, frame: Frame) -> tuple[Data, dict[int, Failure]]:
        """Evaluate for every row; return the values and the failures by row, whose values are null."""
        vectors = Vectors(self, frame, self._spaces)
        return vectors.run()

    def test(self, frame: Frame) -> tuple[Mask, dict[int, Failure]]:
        """Evaluate as a condition; what is no truth value fails."""
        from penstock.transform.frames.data import null_mask, to_mask
        from penstock.transform.jvm.values import scalars

        data, failed = self.over(frame)
        if not isinstance(data, np.ndarray) and str(data.type) == "bool":
            mask, bad = to_mask(data), null_mask(data)
        else:
            values = scalars(data)
            mask = np.fromiter((value is True for value in values), bool, len(values))
            bad = np.fromiter((not isinstance(value, bool) for value in values), bool, len(values))
        for row in map(int, np.flatnonzero(bad)):
            failed.setdefault(row, Failure(f"The condition '{self.text.strip()}' is neither true nor false."))
        return mask, failed


def _names(tree: n.Block) -> tuple[str, ...]:
    found: dict[str, None] = {}
    local: set[str] = set()
    for node in n.walk(tree):
        if isinstance(node, n.Name):
            found.setdefault(node.name)
        elif isinstance(node, n.Property) and isinstance(node.target, n.Name | n.Property):
            from penstock.transform.jexl.evaluator import _dotted

            dotted = _dotted(node)
            if dotted:
                found.setdefault(dotted)
        elif isinstance(node, n.Declare | n.For):
            local.add(node.name)
    return tuple(found)
