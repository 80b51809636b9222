"""A streaming pipeline: what arrives is written, interval by interval, until it is stopped."""

from pathlib import Path

from tests.conformance.cdap.driving import Rest, pipeline
from tests.conformance.serving import wait_for

PROGRAM = "DataStreamsSparkStreaming"


def test_files_that_arrive_are_written_once_until_the_stream_is_stopped(rest: Rest, tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    drop.mkdir()
    (drop / "a.txt").write_text("1\n2\n")
    body = pipeline(tmp_path, batchInterval="1s", stopGracefully="false")
    body["artifact"]["name"] = "cdap-data-streams"
    source, sink = (stage["plugin"] for stage in body["config"]["stages"])
    source["type"] = "streamingsource"
    source["properties"]["path"] = str(drop)
    sink["properties"]["suffix"] = "yyyy-MM-dd-HH-mm-ss"
    app = rest.deploy(body)
    item = {"appId": app, "programType": "spark", "programId": PROGRAM, "runtimeargs": {"n": "s"}}
    path = f"{rest.home}/apps/{app}/spark/{PROGRAM}"

    def written() -> list[str]:
        return sorted(line for part in tmp_path.glob("out/s/*/part-*") for line in part.read_text().splitlines())

    (answer,) = rest.call("POST", f"{rest.home}/start", [item])
    run = f"{path}/runs/{answer['runId']}"
    wait_for(lambda: written() == ["1", "2"])
    (drop / "b.txt").write_text("3\n")
    wait_for(lambda: len(written()) > 2)
    record = rest.call("GET", run)
    tags = {"namespace": "default", "app": app, "run": answer["runId"]}
    query = {"q": {"tags": tags, "metrics": ["user.Sink.records.in"], "timeRange": {"aggregate": True}}}
    wait_for(lambda: rest.call("POST", "/v3/metrics/query", query)["q"]["series"][0]["data"][0]["value"] == 3)
    rest.call("POST", f"{path}/stop")
    wait_for(lambda: rest.call("GET", run)["status"] == "KILLED")

    assert written() == ["1", "2", "3"]
    assert record["status"] == "RUNNING"
    assert list(record["properties"]) == ["runtimeArgs"]
