"""Luigi: a task per step, whose output is an empty file; the local scheduler, one worker per core.

    python luigi_peer.py STEPS ROUNDS -> {"chain": [seconds, …], "fan": […]} on the last line

Runs in the environment that `bench.runs.compare` made; knows nothing of Penstock.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import luigi


class Step(luigi.Task):
    directory = luigi.Parameter()
    number = luigi.IntParameter()
    is_chained = luigi.BoolParameter()

    def requires(self):
        if self.is_chained and self.number:
            return [Step(directory=self.directory, number=self.number - 1, is_chained=True)]
        return []

    def output(self):
        return luigi.LocalTarget(str(Path(self.directory) / str(self.number)))

    def run(self):
        subprocess.run(["true"], check=True)
        self.output().open("w").close()


class All(luigi.WrapperTask):
    directory = luigi.Parameter()
    count = luigi.IntParameter()
    is_chained = luigi.BoolParameter()

    def requires(self):
        first = self.count - 1 if self.is_chained else 0
        return [Step(directory=self.directory, number=n, is_chained=self.is_chained) for n in range(first, self.count)]


def measure(count: int, is_chained: bool) -> float:
    with tempfile.TemporaryDirectory() as directory:
        began = time.perf_counter()
        whole = All(directory=directory, count=count, is_chained=is_chained)
        is_done = luigi.build([whole], local_scheduler=True, workers=os.cpu_count() or 1, log_level="ERROR")
        seconds = time.perf_counter() - began
        assert is_done and len(list(Path(directory).iterdir())) == count
    return seconds


if __name__ == "__main__":
    steps, rounds = int(sys.argv[1]), int(sys.argv[2])
    measure(2, True)
    found = {"chain": [], "fan": []}
    for _ in range(rounds):
        found["chain"].append(measure(steps, True))
        found["fan"].append(measure(steps, False))
    print(json.dumps(found))
