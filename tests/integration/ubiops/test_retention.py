"""What is left of requests: all, all but their data, or nothing; whoever asked directly gets the result anyway."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.ubiops.served import Served, deployment, serving, until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    yield from serving(tmp_path_factory.mktemp("kept") / "data")


@pytest.mark.parametrize("mode", ["full", "metadata", "none"])
def test_a_direct_request_is_answered_in_full_and_kept_as_asked(server: Served, mode: str) -> None:
    server.deploy(f"d-{mode}", deployment('return {"output": data["input"] + 1}'), request_retention_mode=mode)
    path = f"deployments/d-{mode}/requests"

    answer = server.call("POST", path, {"input": 1})

    assert (answer["status"], answer["result"]) == ("completed", {"output": 2})
    found = server.client.get(f"projects/{server.project}/{path}/{answer['id']}")
    kept = {"full": ({"input": 1}, {"output": 2}), "metadata": (None, None)}.get(mode)
    assert found.status_code == (200 if kept else 404)
    if kept:
        assert (found.json()["request_data"], found.json()["result"], found.json()["status"]) == (*kept, "completed")


def test_a_batch_of_which_nothing_is_kept_runs_and_is_gone(server: Served) -> None:
    code = deployment('return {"name": data["name"]}')
    server.deploy("noted", code, "name:string", "name:string", request_retention_mode="none")

    ids = [
        each["id"] for each in server.call("POST", "deployments/noted/requests/batch", [{"name": server.project}] * 3)
    ]

    until(lambda: not server.call("GET", "deployments/noted/requests", status="pending,processing"))
    for id in ids:
        server.call("GET", f"deployments/noted/requests/{id}", expects=404)
