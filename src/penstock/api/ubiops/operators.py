"""What operators compute: the functions that steps of kind `call` call. A list is many values, each for itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.api.ubiops.expressions import ExpressionError, evaluate_expression
from penstock.kernel.errors import Invalid
from penstock.kernel.runs import Result
from penstock.kernel.signature import Field, FieldType, Misfit, Signature, fit
from penstock.kernel.values import Value
from penstock.ports.executor import Task

__all__ = ["compute", "decide"]


def compute(spec: Value, task: Task) -> Result:
    """Evaluate a function's expression over each item; the outcome has the type of its output field.

    Raises: Invalid with what is wrong with the expression's value.
    """
    told = _told(spec)
    data = task.inputs.get("data")
    made: Value = [_computed(told, item) for item in data] if isinstance(data, list) else _computed(told, data)
    return Result({"data": made})


def decide(spec: Value, task: Task) -> Result:
    """Evaluate a condition over each item; items for which it is false do not go on.

    Raises: Invalid with what is wrong with the expression.
    """
    told = _told(spec)
    data = task.inputs.get("data")
    if isinstance(data, list):
        kept: list[Value] = [item for item in data if _evaluated(told, item)]
        return Result({"data": kept, "fires": bool(kept)})
    return Result({"data": data, "fires": bool(_evaluated(told, data))})


def _told(spec: Value) -> Mapping[str, Any]:
    assert isinstance(spec, dict), "an operator is told what it does in an object"
    return spec


def _computed(told: Mapping[str, Any], item: Value) -> Value:
    field = Field(str(told["name"]), FieldType(str(told["type"])))
    value = _evaluated(told, item)
    if field.type is FieldType.DOUBLE and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    try:
        return fit(Signature((field,)), {field.name: value})
    except Misfit as error:
        raise Invalid(f"the expression {told['expression']!r} gives a wrong value: {error}") from None


def _evaluated(told: Mapping[str, Any], item: Value) -> Any:
    try:
        return evaluate_expression(str(told["expression"]), item if isinstance(item, dict) else {})
    except ExpressionError as error:
        raise Invalid(f"the expression {told['expression']!r} failed: {error}") from None
