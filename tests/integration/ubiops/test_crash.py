"""A server killed with SIGKILL: batches go on and end once, direct requests that were cut off say so."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.integration.ubiops.served import Served, deployment, serving, until

BATCHES = int(os.environ.get("CRASH_BATCHES", "2"))
"""Batches of 250; 40 of them are the full size."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    yield from serving(tmp_path / "data")


def test_batches_end_completed_and_once_each_though_the_server_is_killed_twice(server: Served) -> None:
    server.deploy("times2", deployment('return {"output": data["input"] * 2}'))
    server.deploy("add5", deployment('return {"output": data["input"] + 5}'))
    server.pipeline("p", "times2", "add5")
    ids: list[str] = []
    kill_after = {max(1, BATCHES // 3), max(2, 2 * BATCHES // 3)}  # of batches
    for number in range(BATCHES):
        items = [{"input": number * 250 + place} for place in range(250)]
        ids += [each["id"] for each in server.call("POST", "pipelines/p/requests/batch", items)]
        if number + 1 in kill_after:
            time.sleep(0.2)  # some have ended, some are under way, most wait
            server.kill()
            server.start()

    done = server.ended("p", ids, 60 + BATCHES * 30)

    assert len(done) == len(set(ids)) == BATCHES * 250
    assert {each["status"] for each in done} == {"completed"}
    assert sorted(each["result"]["output"] for each in done) == [2 * n + 5 for n in range(BATCHES * 250)]
    listed: list[str] = []
    while page := server.call("GET", "pipelines/p/requests", limit=1000, offset=len(listed)):
        listed += [each["id"] for each in page]
    assert sorted(listed) == sorted(ids), "each request is there once"


def test_a_direct_request_that_a_crash_cuts_off_has_failed_and_says_why(server: Served) -> None:
    server.deploy("slow", deployment('time.sleep(60)\nreturn {"output": 1}', "import time"))
    server.pipeline("p", "slow")

    def ask() -> None:
        with httpx.Client(base_url=server.client.base_url, timeout=90) as client:
            try:
                client.post(f"projects/{server.project}/pipelines/p/requests", json={"input": 1})
            except httpx.HTTPError:
                return

    asking = threading.Thread(target=ask)
    asking.start()
    until(lambda: server.call("GET", "pipelines/p/requests", status="processing"))
    [under_way] = server.call("GET", "pipelines/p/requests", status="processing")
    server.kill()
    asking.join()
    server.start()

    found = server.call("GET", f"pipelines/p/requests/{under_way['id']}")

    assert found["status"] == "failed"
    assert "stopped" in found["error_message"]
    assert found["request_data"] == {"input": 1}
    assert [each["id"] for each in server.call("GET", "pipelines/p/requests", status="failed")] == [found["id"]]
