"""NOW(): the present time of the circuit.

It has a name and a type here, for the binder; its value comes from the circuit's clock, which planning puts in its
place (`circuit/clock.py`), so that the passing of time is a change like any other.
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.data.batch import Column
from penstock.data.types import TIMESTAMP, SqlType
from penstock.sql.functions.registry import Context, EvaluationError, Signature, TypeMismatch, scalar


def _resolve(arguments: Sequence[SqlType]) -> Signature:
    if arguments:
        raise TypeMismatch("NOW takes no arguments")
    return Signature((), TIMESTAMP)


@scalar("NOW", resolve=_resolve, deterministic=False)
def now(context: Context, arguments: Sequence[Column], signature: Signature, row_count: int) -> Column:
    """The present time, rounded to the clock's resolution."""
    raise EvaluationError("NOW() has a value only in the views of a running circuit")
