"""Following outputs."""

import json
import socket
import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from feldera import Pipeline

from tests.conformance.feldera.conftest import Http, Make, rows, wait_for

pytestmark = pytest.mark.conformance

COPY = """
CREATE TABLE t(id INT, name VARCHAR);
CREATE MATERIALIZED VIEW v AS SELECT * FROM t;
"""


def records(handler: Any, count: int) -> list[dict[str, Any]]:
    """Wait until a listener has that many records; return them, by their text."""
    wait_for(lambda: sum(len(frame) for frame in handler.buffer) >= count)
    found: list[dict[str, Any]] = handler.to_dict()
    return sorted(found, key=str)


class Lines:
    """An open egress stream, line by line."""

    def __init__(self, http: Http, pipeline: Pipeline, relation: str, query: str) -> None:
        path = f"/pipelines/{pipeline.name}/egress/{relation}?{query}"
        self.reply = http("POST", path, stream=True, timeout=10)
        assert self.reply.status_code == 200, self.reply.text
        self.raw = self.reply.iter_lines(delimiter=b"\r\n", chunk_size=None)

    def next(self) -> dict[str, Any]:
        line = next(line for line in self.raw if line)
        chunk: dict[str, Any] = json.loads(line)
        return chunk

    def filled(self) -> dict[str, Any]:
        while not (chunk := self.next())["json_data"]:
            pass
        return chunk


@pytest.mark.parametrize("initial", ["running", "paused"])
def test_listening_begins_at_once(make: Make, initial: str) -> None:
    """Row 77."""
    pipeline = make(COPY)
    pipeline.start() if initial == "running" else pipeline.start_paused()

    assert pipeline.listen("v").to_dict() == []


def test_each_line_has_a_number_and_a_list(started: Make, http: Http) -> None:
    """Row 78."""
    pipeline = started(COPY)
    lines = Lines(http, pipeline, "v", "format=json&backpressure=true&array=false")
    first = lines.next()
    assert (first["sequence_number"], first["json_data"]) == (0, [])

    pipeline.input_json("t", {"id": 1, "name": "a"})
    chunk = lines.filled()
    assert chunk["json_data"] == [{"insert": {"id": 1, "name": "a"}}]
    assert chunk["sequence_number"] > 0
    delete = [{"delete": {"id": 1, "name": "a"}}, {"insert": {"id": 2, "name": None}}]
    pipeline.input_json("t", delete, update_format="insert_delete")
    assert lines.filled()["json_data"] == delete


@pytest.mark.parametrize("when", ["running", "paused"])
def test_what_is_fed_afterwards_arrives(make: Make, when: str) -> None:
    """Row 79."""
    pipeline = make(
        """
        CREATE TABLE students(id INT, name STRING);
        CREATE TABLE grades(student_id INT, science INT);
        CREATE VIEW average AS SELECT name, science FROM students JOIN grades ON id = student_id ORDER BY science;
        """
    )
    pipeline.start_paused() if when == "paused" else pipeline.start()
    out = pipeline.listen("average")
    if when == "paused":
        pipeline.resume()
    pipeline.input_json("students", [{"id": i, "name": f"s{i}"} for i in range(100)])
    pipeline.input_json("grades", [{"student_id": i, "science": i % 7} for i in range(100)])

    got = records(out, 100)
    assert len(got) == 100
    assert {row["insert_delete"] for row in got} == {1}
    assert {row["name"] for row in got} == {f"s{i}" for i in range(100)}


def test_a_stream_ends_with_the_stop(started: Make) -> None:
    """Row 80."""
    pipeline = started(COPY)
    seen: list[tuple[int, int]] = []
    lock = threading.Lock()

    def note(frame: pd.DataFrame, number: int) -> None:
        with lock:
            seen.append((number, len(frame)))

    pipeline.foreach_chunk("v", note)
    out = pipeline.listen("v")
    pipeline.input_json("t", [{"id": i, "name": "x"} for i in range(10)])
    pipeline.wait_for_idle(idle_interval_s=0.3, poll_interval_s=0.05)
    stats = pipeline.stats().global_metrics
    assert stats.total_input_records == stats.total_processed_records == 10
    pipeline.stop(force=True)

    wait_for(lambda: out.ended)
    assert sum(count for _, count in seen) == 10


def test_an_unknown_view_is_found_out_by_the_client(started: Make) -> None:
    """Row 81."""
    pipeline = started(COPY)

    with pytest.raises(ValueError, match="not found"):
        pipeline.listen("nothing")
    info = pipeline.program_info()
    assert [field["name"] for field in info["schema"]["inputs"][0]["fields"]] == ["id", "name"]
    assert "v" in [relation["name"] for relation in info["schema"]["outputs"]]


def test_values_of_every_type_come_back(started: Make) -> None:
    """Row 82."""
    columns = {
        "c_boolean": ("BOOLEAN", True),
        "c_tiny": ("TINYINT", -7),
        "c_small": ("SMALLINT", 300),
        "c_int": ("INT", 70_000),
        "c_big": ("BIGINT", 2**40),
        "c_utiny": ("TINYINT UNSIGNED", 200),
        "c_usmall": ("SMALLINT UNSIGNED", 60_000),
        "c_uint": ("INTEGER UNSIGNED", 4_000_000_000),
        "c_ubig": ("BIGINT UNSIGNED", 2**63),
        "c_real": ("REAL", 1.5),
        "c_double": ("DOUBLE", 2.25),
        "c_varchar": ("VARCHAR", "text ü"),
        "c_char": ("CHAR(3)", "abc"),
        "c_array": ("INT ARRAY", [1, 2]),
        "c_uuid": ("UUID", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
        "c_at": ("TIMESTAMP", "2024-01-02 03:04:05"),
    }
    declared = ", ".join(f"{name} {type}" for name, (type, _) in columns.items())
    pipeline = started(
        f"""
        CREATE TABLE t({declared}, d DECIMAL(5, 2));
        CREATE VIEW v AS SELECT * FROM t;
        CREATE VIEW s AS SELECT CAST(SUM(d + CAST(2.75 AS DECIMAL(5, 2))) AS DECIMAL(5, 2)) AS s FROM t;
        """
    )
    out, total = pipeline.listen("v"), pipeline.listen("s")
    row = {name: value for name, (_, value) in columns.items()}
    pipeline.input_json("t", {**row, "d": Decimal("2.25")})

    (got,) = records(out, 1)
    for name in row.keys() - {"c_uuid", "c_at"}:
        value = got[name]
        assert (list(value) if name == "c_array" else value) == row[name], name
    assert str(got["c_uuid"]) == row["c_uuid"]
    assert got["c_at"] == pd.Timestamp(row["c_at"])
    wait_for(lambda: any(r["s"] == Decimal("5.00") for f in total.buffer for r in f.to_dict("records")))


def test_a_snapshot_comes_first(started: Make, http: Http) -> None:
    """Row 83."""
    pipeline = started(COPY)
    pipeline.input_json("t", [{"id": i, "name": "x"} for i in range(5)])
    lines = Lines(http, pipeline, "v", "format=json&send_snapshot=true")

    chunk = lines.filled()
    assert chunk["snapshot"] is True
    assert sorted(change["insert"]["id"] for change in chunk["json_data"]) == [0, 1, 2, 3, 4]
    pipeline.input_json("t", {"id": 9, "name": "y"})
    chunk = lines.filled()
    assert (chunk["snapshot"], chunk["json_data"]) == (False, [{"insert": {"id": 9, "name": "y"}}])


def test_late_rows_of_a_keyed_table_are_dropped(started: Make) -> None:
    """Row 84."""
    pipeline = started(
        """
        CREATE TABLE t(id INT NOT NULL PRIMARY KEY, at TIMESTAMP NOT NULL LATENESS INTERVAL 1 MINUTE);
        CREATE VIEW v AS SELECT * FROM t;
        """
    )
    out = pipeline.listen("v")
    pipeline.input_json("t", {"id": 1, "at": "2024-03-01 00:00:00"})
    assert len(records(out, 1)) == 1
    token = pipeline.client.push_to_pipeline(pipeline.name, "t", "json", {"id": 1, "at": "2024-01-01 00:00:00"})
    out.wait_for_token(token, timeout_s=10)

    assert out.to_dict() == []


def test_a_handle_waits_for_a_token(started: Make) -> None:
    pipeline = started(COPY)
    out = pipeline.listen("v")
    token = pipeline.client.push_to_pipeline(pipeline.name, "t", "json", {"id": 1, "name": "x"}, wait=False)
    out.wait_for_token(token, timeout_s=10)

    assert [row["id"] for row in out.to_dict()] == [1]
    assert rows(pipeline, "SELECT id FROM v") == [{"id": 1}]


def raw_stream(http: Http, pipeline: Pipeline, relation: str) -> socket.socket:
    """Open an egress on a socket that takes little, and read no more of it than that it is open."""
    host, _, port = http.url.removeprefix("http://").rpartition(":")
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 14)
    made.settimeout(60)
    made.connect((host, int(port)))
    target = f"/v0/pipelines/{pipeline.name}/egress/{relation}?format=json"
    made.sendall(f"POST {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n".encode())
    head = b""
    while b"\r\n\r\n" not in head:
        head += made.recv(1)
    assert b" 200 " in head
    return made


def test_of_a_reader_that_stops_the_others_notice_nothing_and_it_is_told_what_it_missed(
    started: Make, http: Http
) -> None:
    pipeline, pushes, content = started(COPY), 400, "x" * 60_000
    stopped = raw_stream(http, pipeline, "v")
    others = [Lines(http, pipeline, "v", "format=json") for _ in range(4)]
    heard: list[list[dict[str, Any]]] = [[] for _ in others]

    def follow(lines: Lines, chunks: list[dict[str, Any]]) -> None:
        while sum(len(chunk["json_data"]) for chunk in chunks) < pushes:
            chunks.append(lines.next())

    threads = [threading.Thread(target=follow, args=pair) for pair in zip(others, heard, strict=True)]
    for thread in threads:
        thread.start()
    for number in range(pushes):
        body = json.dumps({"id": number, "name": content})
        path = f"/pipelines/{pipeline.name}/ingress/t?format=json&update_format=raw"
        token = http("POST", path, data=body).json()["token"]
    wait_for(lambda: http("GET", f"/pipelines/{pipeline.name}/completion_status?token={token}").json()["step"])
    for thread in threads:
        thread.join(60)

    for chunks in heard:
        numbers = [chunk["sequence_number"] for chunk in chunks]
        assert numbers == list(range(len(numbers)))
        assert not any("missed" in chunk for chunk in chunks)
        assert [row["insert"]["id"] for chunk in chunks for row in chunk["json_data"]] == list(range(pushes))
    reply = http_chunks(stopped)
    late = []
    while not late or late[-1].get("processed_steps", 0) < heard[0][-1]["processed_steps"]:
        late.append(next(reply))
    missed = [chunk["missed"] for chunk in late if "missed" in chunk]
    whole, kept = [len([chunk for chunk in chunks if chunk["json_data"]]) for chunks in (heard[0], late)]
    assert missed
    assert kept + sum(part["chunks"] for part in missed) == whole
    assert late[-1]["sequence_number"] == len(late) - 1 + sum(part["chunks"] for part in missed)
    assert all(part["first_step"] <= part["last_step"] for part in missed)
    stopped.close()


def http_chunks(stream: socket.socket) -> Iterator[dict[str, Any]]:
    """Read the lines of a reply that comes in pieces."""
    with stream.makefile("rb") as file:
        while size := int(file.readline(), 16):
            yield json.loads(file.read(size))
            file.readline()
