"""The expression language of recipes and conditions: JEXL 3, strict.

`parser` reads, `arithmetic` says what operators mean, `evaluator` evaluates for one row, `vectors` for a batch, giving
the same; `functions` are what expressions may call and `methods` what values can do. `expression` is the way in.
Source: Apache Commons JEXL 3 reference, syntax and `JexlArithmetic`.
"""

from penstock.transform.jexl.expression import Expression, compile_expression
from penstock.transform.jexl.nodes import ExpressionInvalid

__all__ = ["Expression", "ExpressionInvalid", "compile_expression"]
