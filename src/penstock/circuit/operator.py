"""What every operator of a circuit is.

An operator takes one delta from each of its inputs and gives one delta: a Z-set of what its output gained (positive
weights) and lost (negative). It is called once in a step, and only if an input changed or it asks for the first step.
None stands for "no change".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy.typing as npt

from penstock.circuit.retention import Forgetter
from penstock.data.batch import Batch
from penstock.data.collecting import Coded
from penstock.data.rows import Rows

State = Mapping[str, npt.NDArray[Any]]


class Stateful(Protocol):
    """A structure that holds state: `Records`, `Contents`, `Arrangement`."""

    def snapshot(self) -> dict[str, npt.NDArray[Any]]: ...

    def restore(self, state: dict[str, npt.NDArray[Any]]) -> None: ...

    def __len__(self) -> int: ...

    @property
    def size_bytes(self) -> int: ...


@dataclass(slots=True)
class Keyed:
    """A delta with its keys and rows packed, as an `Arrange` hands it to the joins that share it."""

    batch: Batch
    keys: Rows
    rows: Rows

    def __len__(self) -> int:
        return len(self.batch)


Delta = Batch | Keyed


class Operator:
    """One operator. `title` is what explain shows; `runs_first`: called in the first step even without input.

    late_count: rows that it has dropped as they were late.
    """

    title = "operator"
    late_count = 0
    runs_first = False

    def step(self, deltas: Sequence[Delta | None]) -> Delta | None:
        """Take the inputs' changes of this step and return the output's."""
        raise NotImplementedError

    def commit(self) -> None:
        """Take the step's change into state that others read during the step; called when all operators have run."""

    def parts(self) -> dict[str, Stateful]:
        """Return the structures that hold this operator's state, by name; empty when it has none."""
        return {}

    def coded(self) -> list[Coded]:
        """Return all places in its state where codes of pooled values stand; what is not said here may be freed."""
        return []

    def forgetters(self, column: int) -> list[Forgetter]:
        """Return what rids the state of what lies below a bound in a column of what the operator keeps it by.

        column: of its keys or partition, or of its rows where it has neither. Empty: it cannot.
        """
        return []

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """Return the operator's state as arrays, which may change as it does."""
        return {f"{name}/{key}": a for name, part in self.parts().items() for key, a in part.snapshot().items()}

    def restore(self, state: State) -> None:
        """Take up a snapshot of an operator built from the same plan."""
        for name, part in self.parts().items():
            prefix = f"{name}/"
            part.restore({k[len(prefix) :]: a for k, a in state.items() if k.startswith(prefix)})


def batch_of(delta: Delta | None) -> Batch | None:
    """Return the plain batch of a delta, or None when there is nothing in it."""
    if delta is None or len(delta) == 0:
        return None
    return delta.batch if isinstance(delta, Keyed) else delta
