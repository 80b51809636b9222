"""Secrets that connectors refer to: their texts reach the connector and nothing else. The server is a process."""

import io
import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from penstock.cli.demo.child import Child, running_server
from tests.integration.servers import redis_server

TEXT = "s3kr1t-of-the-test"


@pytest.fixture(scope="module")
def server() -> Iterator[Child]:
    with running_server(0) as child:
        yield child


def program(reference: str) -> str:
    connector = {
        "name": "c",
        "transport": {"name": "redis_output", "config": {"connection_string": reference}},
        "format": {"name": "json", "config": {"key_fields": ["id"]}},
    }
    return f"""CREATE TABLE t (id INT NOT NULL PRIMARY KEY) WITH ('materialized' = 'true');
    CREATE VIEW v WITH ('connectors' = '{json.dumps([connector])}') AS SELECT id FROM t;"""


def wait(client: httpx.Client, field: str, *wanted: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while (shown := client.get("/v0/pipelines/p").json())[field] not in wanted:
        assert time.monotonic() < deadline, shown[field]
        time.sleep(0.05)
    found: dict[str, Any] = shown
    return found


def make(client: httpx.Client, reference: str) -> None:
    config = {"fault_tolerance": {"model": "exactly_once"}}
    body = {"name": "p", "program_code": program(reference), "runtime_config": config}
    assert client.put("/v0/pipelines/p", json=body).status_code in (200, 201)
    wait(client, "program_status", "Success")


def test_the_text_of_a_secret_is_nowhere_but_at_the_other_end(server: Child, tmp_path: Path) -> None:
    import redis

    with redis_server(tmp_path) as private, httpx.Client(base_url=server.url, timeout=60) as client:
        redis.Redis(port=private.port).config_set("requirepass", TEXT)
        address = f"redis://:{TEXT}@127.0.0.1:{private.port}/0"
        put = client.put("/api/penstock/v1/secrets/redis%2Faddress", json={"text": address})
        make(client, "${secret:kubernetes:redis/address}")
        client.post("/v0/pipelines/p/start")
        wait(client, "deployment_status", "Running")
        client.post("/v0/pipelines/p/ingress/t?format=csv", content="1\n")
        deadline = time.monotonic() + 30
        while redis.Redis(port=private.port, password=TEXT).get("1") is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        client.post("/v0/pipelines/p/checkpoint")
        private.kill()
        client.post("/v0/pipelines/p/ingress/t?format=csv", content="2\n")
        while not (stats := client.get("/v0/pipelines/p/views/v/connectors/c/stats").json())["metrics"][
            "num_transport_errors"
        ]:
            assert time.monotonic() < deadline + 30
            time.sleep(0.05)
        shown = [client.get("/v0/pipelines/p").text, client.get("/v0/pipelines/p/stats").text, json.dumps(stats)]
        bundle = zipfile.ZipFile(io.BytesIO(client.get("/v0/pipelines/p/support_bundle").content))
        shown += [bundle.read(name).decode(errors="replace") for name in bundle.namelist()]
        kept = [path.read_bytes() for path in server.directory.rglob("*") if path.is_file()]
        client.post("/v0/pipelines/p/stop?force=true")
        wait(client, "deployment_status", "Stopped")

    assert put.status_code == 200
    assert len(bundle.namelist()) > 5
    assert stats["config"]["transport"]["config"]["connection_string"] == "${secret:kubernetes:redis/address}"
    assert not [text[:200] for text in shown if TEXT in text]
    assert len(kept) > 3
    assert not any(TEXT.encode() in content for content in kept)


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("${secret:kubernetes:nothing/here}", "there is no secret 'nothing/here'"),
        ("${secret:}", "is no reference"),
        ("${secret:kubernetes:redis/address} and more", "is no reference"),
        ("${env:NOT_THERE_AT_ALL}", "no variable 'NOT_THERE_AT_ALL'"),
    ],
)
def test_a_reference_that_leads_nowhere_is_the_error_of_the_start(server: Child, reference: str, said: str) -> None:
    with httpx.Client(base_url=server.url, timeout=60) as client:
        client.post("/v0/pipelines/p/clear")
        make(client, reference)
        client.post("/v0/pipelines/p/start?dismiss_error=true")
        deadline = time.monotonic() + 30
        while (error := client.get("/v0/pipelines/p").json()["deployment_error"]) is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    assert error["error_code"] == "InvalidTransportConfig"
    assert said in error["message"]
