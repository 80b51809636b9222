"""One Pathway job, run by the Python of Pathway's own environment: it knows nothing of this project.

Reads from standard input a JSON object with `query`, `tables` (for each its `files` and its `columns` with their types:
integer, text or moment) and `answer` (a CSV file for the answer, or null for none), and prints
`{"seconds": …, "cpu_seconds": …, "rss_peak_bytes": …}` as its last line.
"""

import json
import resource
import sys
import time
from typing import Any

import pathway as pw  # type: ignore[import-not-found]
from views import VIEWS  # type: ignore[import-not-found]

TYPES = {"integer": int, "text": str, "moment": pw.DateTimeNaive}


def main() -> None:
    """Run the job that standard input describes."""
    job = json.load(sys.stdin)
    view = VIEWS[job["query"]]({name: _read(**table) for name, table in job["tables"].items()})
    if job["answer"] is None:
        pw.io.null.write(view)
    else:
        pw.io.csv.write(view, job["answer"])
    started, cpu_started = time.perf_counter(), time.process_time()
    pw.run(monitoring_level=pw.MonitoringLevel.NONE)
    figures = {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - cpu_started,
        "rss_peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }
    print(json.dumps(figures))


def _read(files: list[str], columns: dict[str, str]) -> Any:
    """Read the files of one stream, each in a thread of its own."""
    schema = pw.schema_from_types(**{name: TYPES[kind] for name, kind in columns.items()})
    settings = pw.io.CsvParserSettings(enable_quoting=False)
    parts = [pw.io.csv.read(file, schema=schema, mode="static", csv_settings=settings) for file in files]
    if len(parts) == 1:
        return parts[0]
    pw.universes.promise_are_pairwise_disjoint(*parts)
    return parts[0].concat(*parts[1:])


if __name__ == "__main__":
    main()
