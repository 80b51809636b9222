"""Prefect: a task per step; its own temporary server, started before the clock; the thread runner for the fan.

    python prefect_peer.py STEPS ROUNDS -> {"chain": [seconds, …], "fan": […]} on the last line

Runs in the environment that `bench.runs.compare` made; knows nothing of Penstock.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

HOME = tempfile.mkdtemp(prefix="prefect-")
os.environ |= {
    "PREFECT_HOME": HOME,
    "PREFECT_LOGGING_LEVEL": "ERROR",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
    "DO_NOT_TRACK": "1",
}

from prefect import flow, task  # noqa: E402
from prefect.testing.utilities import prefect_test_harness  # noqa: E402


@task
def step(before: int) -> int:
    subprocess.run(["true"], check=True)
    return before + 1


@flow
def chain(count: int) -> int:
    done = 0
    for _ in range(count):
        done = step(done)
    return done


@flow
def fan(count: int) -> int:
    return sum(future.result() for future in [step.submit(0) for _ in range(count)])


def measure(what, count: int) -> float:
    began = time.perf_counter()
    done = what(count)
    seconds = time.perf_counter() - began
    assert done == count
    return seconds


if __name__ == "__main__":
    steps, rounds = int(sys.argv[1]), int(sys.argv[2])
    with prefect_test_harness(server_startup_timeout=120):
        measure(chain, 2), measure(fan, 2)
        found = {"chain": [], "fan": []}
        for _ in range(rounds):
            found["chain"].append(measure(chain, steps))
            found["fan"].append(measure(fan, steps))
    print(json.dumps(found))
