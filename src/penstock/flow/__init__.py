"""The run engine: a pure machine, events in, effects out. No I/O, no clock, no randomness; a run can be replayed.

- `machine`    RunMachine: one run; `handle(event) -> effects`
- `effects`    what the machine asks for
- `tree`       instances of steps: leaves, groups, levels
- `progress`   what begins, what ends, and what follows from it
- `verdicts`   may a node begin, is it tried again, how does a whole end
- `reset`      what a retry keeps and what it does again
- `values`     what expressions see
- `checks`     what is wrong with a graph, before it runs
- `cachekey`   what makes two steps the same
- `invariants` what must hold after each event
"""

from penstock.flow.checks import check_graph
from penstock.flow.machine import RunMachine

__all__ = ["RunMachine", "check_graph"]
