"""The peer Apache Flink SQL: its environment, its settings and one measured run.

Flink comes from the package index into an environment of its own in the benchmark cache, made when first asked for;
it needs Java 11 or newer. It reads the same files as we do, parsing included. What is measured is the job's net
runtime, which leaves out the start of the JVM and the planning of the query, as our figure leaves out ours.

Settings: those of the Nexmark suite for Flink (mini-batch of 50,000 rows or 2 s, object reuse, split distinct
aggregates), with heap state, no checkpoints and as many slots as the machine of our published figures has cores.
Checkpoints off is to Flink's advantage.
"""

import argparse
import json
import os
import shutil
import subprocess
import venv
from pathlib import Path

from bench.cache import cache_directory
from bench.nexmark.dataset import Dataset, load_dataset, side_input
from bench.nexmark.layout import STREAMS
from bench.nexmark.measurement import Measurement, encode
from bench.nexmark.queries import QUERIES, Query, tables

VERSION = "2.3.0"
PARALLELISM = 2
HEAP = "10g"
SETTINGS = {
    "execution.runtime-mode": "STREAMING",
    "parallelism.default": str(PARALLELISM),
    "taskmanager.numberOfTaskSlots": str(PARALLELISM),
    "pipeline.object-reuse": "true",
    "state.backend.type": "hashmap",
    "table.exec.mini-batch.enabled": "true",
    "table.exec.mini-batch.allow-latency": "2 s",
    "table.exec.mini-batch.size": "50000",
    "table.optimizer.distinct-agg.split.enabled": "true",
    "table.local-time-zone": "UTC",
}


class FlinkMissing(Exception):
    """Flink cannot run here; the message says what is missing."""


def find_flink() -> Path:
    """Give the Python of Flink's environment, installing it if need be; raise FlinkMissing where that cannot be."""
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        raise FlinkMissing("no java on the path and no JAVA_HOME; Flink needs Java 11 or newer")
    home = cache_directory() / "flink-venv"
    python = home / "bin" / "python"
    ready = home / f"apache-flink-{VERSION}.installed"
    if not ready.exists():
        venv.create(home, with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "install", "-q", f"apache-flink=={VERSION}"]
        outcome = subprocess.run(install, capture_output=True, text=True, check=False)
        if outcome.returncode:
            reason = (outcome.stderr.strip().splitlines() or ["no message"])[-1]
            raise FlinkMissing(f"apache-flink {VERSION} could not be installed: {reason}")
        ready.touch()
    return python


def run(query: Query, dataset: Dataset, limit_s: float) -> Measurement:
    """Let Flink keep one query up to date over the whole data set; a run longer than `limit_s` is ended."""
    blank = Measurement("flink", query.name, None, dataset.event_count)
    try:
        python = find_flink()
        answer = _run_job(python, query, dataset, limit_s)
    except FlinkMissing as missing:
        return _failed(blank, str(missing))
    except subprocess.TimeoutExpired:
        return _failed(blank, f"ended after {limit_s:.0f} s")
    except RuntimeError as error:
        return _failed(blank, str(error))
    return Measurement(
        "flink",
        query.name,
        None,
        dataset.event_count,
        seconds=answer["net_ms"] / 1e3,
        rss_peak_bytes=answer["rss_peak_bytes"],
    )


def describe_job(query: Query, folders: dict[str, str]) -> dict[str, object]:
    """Build what `flink_job` reads: settings, the tables over these folders, and the SELECT."""
    text = tables("flink")
    for stream, folder in folders.items():
        text = text.replace("{" + stream + "}", folder)
    statements = [statement.strip() for statement in text.split(";") if statement.strip()]
    return {"settings": SETTINGS, "tables": statements, "query": query.text("flink")}


def _run_job(python: Path, query: Query, dataset: Dataset, limit_s: float) -> dict[str, int]:
    scratch = cache_directory() / "flink-scratch" / str(os.getpid())
    scratch.mkdir(parents=True)
    folders = {stream.name: dataset.folder(stream).resolve().as_uri() for stream in STREAMS.values()}
    folders["side_input"] = side_input().resolve().as_uri()
    environment = {**os.environ, "JVM_ARGS": f"-Xmx{HEAP}", "FLINK_LOG_DIR": str(scratch)}
    environment.pop("PYTHONPATH", None)
    program = Path(__file__).with_name("flink_job.py")
    try:
        outcome = subprocess.run(
            [str(python), str(program)],
            input=json.dumps(describe_job(query, folders)),
            capture_output=True,
            text=True,
            timeout=limit_s,
            env=environment,
            cwd=scratch,
            check=False,
        )
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if outcome.returncode:
        raise RuntimeError("flink: " + _cause(outcome.stderr))
    answer: dict[str, int] = json.loads(outcome.stdout.strip().splitlines()[-1])
    return answer


def _cause(text: str) -> str:
    """Pick the innermost cause out of a Java stack trace, else the last line."""
    lines = [line.strip() for line in text.strip().splitlines()] or ["no message"]
    causes = [line for line in lines if line.startswith("Caused by:")]
    return (causes or lines)[-1][:300]


def _failed(blank: Measurement, reason: str) -> Measurement:
    return Measurement(blank.peer, blank.query, blank.step, blank.event_count, failure=reason)


def main() -> None:
    """Measure one query from the command line."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--dataset", type=Path, required=True)
    options.add_argument("--query", choices=QUERIES, required=True)
    options.add_argument("--limit", type=float, default=600.0, help="seconds")
    chosen = options.parse_args()
    print(encode(run(QUERIES[chosen.query], load_dataset(chosen.dataset), chosen.limit)))


if __name__ == "__main__":
    main()
