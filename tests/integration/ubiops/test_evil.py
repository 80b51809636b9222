"""Deployments that misbehave: each of their requests ends with a status and a reason, and nobody else notices."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.integration.ubiops.served import Served, deployment, serving

EVIL = {
    "loops": "while True:\n    pass",
    "grows": "kept = []\nwhile True:\n    kept.append(bytearray(8 << 20))",
    "exits": "os._exit(3)",
    "prints": 'for _ in range(1_000_000):\n    print("x" * 99)\nreturn {"output": 1}',
}
INNOCENT_S = 5.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    yield from serving(tmp_path_factory.mktemp("evil") / "data")


def test_each_ends_within_its_time_with_the_reason_and_others_are_answered_meanwhile(server: Served) -> None:
    for name, body in EVIL.items():
        server.deploy(name, deployment(body, "import os"), instance_type="256mb", maximum_instances=1)
    server.deploy("innocent", deployment('return {"output": data["input"] + 1}'))
    server.call("POST", "deployments/innocent/requests", {"input": 0})
    answers: dict[str, Any] = {}
    is_over = threading.Event()

    def ask(name: str) -> None:
        with httpx.Client(base_url=server.client.base_url, timeout=120) as client:
            path = f"projects/{server.project}/deployments/{name}/requests"
            answers[name] = client.post(path, json={"input": 1}, params={"timeout": 10}).json()

    def ask_the_innocent() -> list[float]:
        took: list[float] = []
        with httpx.Client(base_url=server.client.base_url, timeout=120) as client:
            while not is_over.is_set():
                began = time.monotonic()
                path = f"projects/{server.project}/deployments/innocent/requests"
                reply = client.post(path, json={"input": len(took)}).json()
                took.append(time.monotonic() - began)
                assert (reply["status"], reply["result"]) == ("completed", {"output": len(took)})
                time.sleep(0.01)
        return took

    with ThreadPoolExecutor(len(EVIL) + 1) as threads:
        innocent = threads.submit(ask_the_innocent)
        for future in [threads.submit(ask, name) for name in EVIL]:
            future.result()
        is_over.set()
        took = sorted(innocent.result())

    statuses = {name: answer["status"] for name, answer in answers.items()}
    assert statuses == {"loops": "failed", "grows": "failed", "exits": "failed", "prints": "completed"}
    assert "timed out after 10 seconds" in answers["loops"]["error_message"]
    assert "memory limit" in answers["grows"]["error_message"]
    assert "exit code 3" in answers["exits"]["error_message"]
    assert took[len(took) * 99 // 100] < INNOCENT_S, "others wait for nobody"


def test_what_was_replaced_answers_the_next_request(server: Served) -> None:
    again = server.call("POST", "deployments/exits/requests", {"input": 1})
    assert "exit code 3" in again["error_message"]

    status = server.call("POST", "deployments/innocent/requests", {"input": 4})["status"]

    assert status == "completed"


def test_of_a_flood_of_output_the_beginning_is_kept_and_the_rest_is_counted(server: Served) -> None:
    lines = server.call("GET", "logs", query="deployment_name = `prints`", limit=5000)

    assert any("are not kept" in line["log"] for line in lines) or len(lines) == 5000
    assert sum(len(line["log"]) for line in lines) < 2 << 20
