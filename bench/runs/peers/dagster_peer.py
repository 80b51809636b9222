"""Dagster: an op per step, in its in-process executor and on an ephemeral instance; ops of the fan run in turn there.

    python dagster_peer.py STEPS ROUNDS -> {"chain": [seconds, …], "fan": […]} on the last line

Runs in the environment that `bench.runs.compare` made; knows nothing of Penstock.
"""

import json
import logging
import os
import subprocess
import sys
import time

os.environ["DAGSTER_DISABLE_TELEMETRY"] = "yes"

from dagster import DagsterInstance, GraphDefinition, In, NodeInvocation, Nothing, op
from dagster import DependencyDefinition as After


@op(ins={"before": In(Nothing)})
def step() -> None:
    subprocess.run(["true"], check=True)


def job(count: int, is_chained: bool):
    names = [f"s{number}" for number in range(count)]
    after = {f"s{n}": {"before": After(f"s{n - 1}")} for n in range(1, count)} if is_chained else {}
    dependencies = {NodeInvocation("step", alias=name): after.get(name, {}) for name in names}
    return GraphDefinition("whole", node_defs=[step], dependencies=dependencies).to_job()


def measure(count: int, is_chained: bool) -> float:
    whole = job(count, is_chained)
    with DagsterInstance.ephemeral() as instance:
        began = time.perf_counter()
        done = whole.execute_in_process(instance=instance)
        seconds = time.perf_counter() - began
    assert done.success
    return seconds


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    steps, rounds = int(sys.argv[1]), int(sys.argv[2])
    measure(2, True)
    found = {"chain": [], "fan": []}
    for _ in range(rounds):
        found["chain"].append(measure(steps, True))
        found["fan"].append(measure(steps, False))
    print(json.dumps(found))
