"""Conditions in the expression language: over a run's arguments and counts, and over records.

Over a run they see `runtime[…]` (arguments; one that is not set is an error), `token[stage]['input'|'output'|'error']`
(records of stages of earlier phases, 0 if there are none) and `global[…]` (pipeline, namespace, logical_start_time).
Property: `expression`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from penstock.ports.action import ActionFailed, Predicate, Statistics
from penstock.ports.transform import Finding, Surroundings, TransformFailed

__all__ = ["ExpressionCondition", "ExpressionPredicates"]


class ExpressionCondition:
    """Language `expression` of conditions over runs."""

    name = "expression"

    def describe(self, properties: Mapping[str, str], hidden: Collection[str] = ()) -> tuple[Finding, ...]:
        """Check that the expression can be read."""
        from penstock.transform.jexl import ExpressionInvalid, compile_expression

        text = properties.get("expression")
        if not text:
            return ()
        try:
            compile_expression(text)
        except ExpressionInvalid as error:
            return (Finding(f"Invalid expression: {error}.", "Mend the expression.", "expression"),)
        return ()

    def decide(self, properties: Mapping[str, str], surroundings: Surroundings, statistics: Statistics) -> bool:
        """Evaluate."""
        from penstock.transform.jexl import ExpressionInvalid, compile_expression

        text = properties.get("expression") or ""
        try:
            value = compile_expression(text).evaluate(_names(surroundings, statistics))
        except (ExpressionInvalid, ArithmeticError, ValueError, KeyError, TypeError) as error:
            raise ActionFailed(f"the condition '{text}' has no value: {error}") from None
        if not isinstance(value, bool):
            raise ActionFailed(f"the condition '{text}' is neither true nor false, but {value!r}")
        return value


class _Arguments(dict[str, str]):
    """Arguments; one that is not set is an error wherever it is looked up."""

    def __getitem__(self, name: str) -> str:
        if name not in self:
            raise KeyError(f"argument '{name}' is not set")
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        return self[name]


class _Counts(dict[str, Any]):
    """Counts by stage; what is not there is 0."""

    def __missing__(self, name: str) -> Any:
        return {"input": 0, "output": 0, "error": 0}

    def get(self, name: str, default: Any = None) -> Any:
        return self[name]

    def __contains__(self, name: object) -> bool:
        return True


def _names(surroundings: Surroundings, statistics: Statistics) -> dict[str, Any]:
    return {
        "runtime": _Arguments(surroundings.arguments),
        "token": _Counts({stage: dict(counts) for stage, counts in statistics.items()}),
        "global": {
            "pipeline": surroundings.pipeline,
            "namespace": surroundings.namespace,
            "logical_start_time": surroundings.logical_start_ms,
            "plugin": surroundings.stage,
        },
    }


class ExpressionPredicates:
    """Language `expression` of conditions over records."""

    name = "expression"

    def compile(self, text: str, schema: pa.Schema | None) -> Predicate:
        """Compile. Raises: ValueError; also for a name that is no field."""
        from penstock.transform.jexl import ExpressionInvalid, compile_expression

        try:
            return _Over(text, compile_expression(text))
        except ExpressionInvalid as error:
            raise ValueError(str(error)) from None


class _Over:
    def __init__(self, text: str, expression: Any) -> None:
        self._text = text
        self._expression = expression

    def apply(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        from penstock.transform.frames.frame import Frame

        mask, failed = self._expression.test(Frame.of(batch))
        for failure in failed.values():
            raise TransformFailed(f"the condition '{self._text}' cannot be evaluated: {failure.message}")
        return pa.array(np.asarray(mask, bool))
