"""One Flink job, run by the Python of Flink's own environment: it knows nothing of this project.

Reads from standard input a JSON object with `settings` (Flink options), `tables` (CREATE TABLE statements) and
`query` (a SELECT), inserts the query into a blackhole and prints `{"net_ms": …, "rss_peak_bytes": …}` as its last
line.
"""

import json
import sys
from pathlib import Path

from pyflink.common import Configuration  # type: ignore[import-not-found]
from pyflink.table import EnvironmentSettings, TableDescriptor, TableEnvironment  # type: ignore[import-not-found]


def main() -> None:
    """Run the job that standard input describes."""
    job = json.load(sys.stdin)
    settings = Configuration()
    for key, value in job["settings"].items():
        settings.set_string(key, value)
    environment = TableEnvironment.create(
        EnvironmentSettings.new_instance().in_streaming_mode().with_configuration(settings).build()
    )
    for statement in job["tables"]:
        environment.execute_sql(statement)
    sink = TableDescriptor.for_connector("blackhole").build()
    running = environment.sql_query(job["query"]).execute_insert(sink)
    running.wait()
    result = running.get_job_client().get_job_execution_result().result()
    print(json.dumps({"net_ms": result.get_net_runtime(), "rss_peak_bytes": _jvm_peak_bytes()}))


def _jvm_peak_bytes() -> int | None:
    """Read the largest resident size of the JVM, the only child of this process that is called java (Linux)."""
    for listing in Path("/proc/self/task").glob("*/children"):
        for pid in listing.read_text().split():
            status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
            if status["Name"].strip() == "java":
                return int(status["VmHWM"].split()[0]) * 1024
    return None


if __name__ == "__main__":
    main()
