"""`penstock demo cdap` and `penstock etl run` as a person runs them: real pipelines, checked, nothing left behind."""

import json
import re
import subprocess
import sys
from pathlib import Path

from penstock.cli.demo.etl.pipeline import pipeline
from tests.integration.demo.test_demo import environment, left_behind

COMMAND = [sys.executable, "-m", "penstock.cli"]


def run(scratch: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words], capture_output=True, text=True, timeout=240, env=environment(scratch, COLUMNS="400")
    )


def test_the_demos_files_are_what_duckdb_computes(tmp_path: Path) -> None:
    done = run(tmp_path, "demo", "cdap", "--limit", "20000", "--check")

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"check +both files have the 30 rows that DuckDB comes to", done.stdout)
    assert "completed  Flights 20,000" in done.stdout
    assert left_behind(tmp_path) == []


def test_a_pipeline_from_a_file_is_run_and_its_end_is_the_exit_status(tmp_path: Path) -> None:
    scratch, folder = tmp_path / "scratch", tmp_path / "in"
    scratch.mkdir()
    folder.mkdir()
    schema = json.dumps({"type": "record", "name": "r", "fields": [{"name": "body", "type": "string"}]})
    made = pipeline()
    source, *_, sink = made["config"]["stages"]
    source["plugin"]["properties"] |= {
        "path": "${input}/in.txt",
        "format": "text",
        "skipHeader": "false",
        "schema": schema,
    }
    sink["plugin"]["properties"] |= {"format": "csv", "schema": schema}
    made["config"] |= {"stages": [source, sink], "connections": [{"from": "Flights", "to": "As parquet"}]}
    (tmp_path / "pipeline.json").write_text(json.dumps(made))
    (folder / "in.txt").write_text("a\nb\n")
    words = ("etl", "run", str(tmp_path / "pipeline.json"), "-a", f"input={folder}")

    done = run(scratch, *words, "-a", f"output={tmp_path}/out")
    failed = run(scratch, *words)

    assert done.returncode == 0, done.stderr
    assert "completed  Flights 2  As parquet 2" in done.stderr
    assert (tmp_path / "out/parquet/part-r-00000").read_text() == "a\nb\n"
    assert failed.returncode == 1
    assert "Argument 'output' is not defined" in failed.stderr
    assert left_behind(scratch) == []
