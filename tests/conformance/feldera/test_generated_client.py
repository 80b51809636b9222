"""What the client that was generated from the open API document 0.104.0 sends, by raw HTTP: it is on no index.

Every operation of that document is here; a 404 for the route, a 405 or a 501 would mean that one is missing.
"""

import json
from typing import Any

import pytest
import requests

from tests.conformance.feldera.conftest import Http, wait_for

pytestmark = pytest.mark.conformance

PROGRAM = """
CREATE TABLE t(id INT, name VARCHAR) WITH ('connectors' = '[{"name": "g", "paused": true,
    "transport": {"name": "datagen", "config": {"plan": [{"limit": 3}]}}}]');
CREATE MATERIALIZED VIEW v WITH ('connectors' = '[{"name": "o", "transport": {"name": "null_output"}}]')
    AS SELECT * FROM t;
"""
HEADERS = {"api-version": "0.104.0", "accept": "application/json"}


class Generated:
    """Sends requests as the generated code does: its header, no body unless the operation has one."""

    def __init__(self, http: Http, name: str) -> None:
        self._http = http
        self.path = f"/pipelines/{name}"

    def __call__(self, verb: str, path: str, *statuses: int, **options: Any) -> requests.Response:
        reply = self._http(verb, path, headers=HEADERS, **options)
        assert reply.status_code in statuses, f"{verb} {path}: {reply.status_code} {reply.text}"
        return reply

    def until(self, status: str) -> None:
        wait_for(lambda: self("GET", self.path, 200).json()["deployment_status"] == status)


@pytest.fixture
def generated(http: Http, name: str) -> Generated:
    return Generated(http, name)


def test_the_server_is_described(generated: Generated, server: Any) -> None:
    assert requests.get(f"{server.url}/config/authentication", headers=HEADERS, timeout=10).json() == {}
    assert {"telemetry", "edition", "version", "revision", "changelog_url"} <= set(
        generated("GET", "/config", 200).json()
    )
    assert isinstance(generated("GET", "/metrics", 200).text, str)


def test_demonstrations_compile_and_run(generated: Generated, http: Http, name: str) -> None:
    demos = generated("GET", "/config/demos", 200).json()
    assert len(demos) >= 2
    for demo in demos:
        assert set(demo) == {"name", "title", "description", "program_code", "udf_rust", "udf_toml"}
        generated("PUT", generated.path, 200, 201, json={"name": name, "program_code": demo["program_code"]})
        shown = wait_for(lambda: _compiled(generated))
        assert shown["program_status"] == "Success", shown["program_error"]
        generated("POST", f"{generated.path}/start", 202)
        generated.until("Running")
        last = shown["program_info"]["schema"]["outputs"][-1]["name"]
        view = last if last != "error_view" else shown["program_info"]["schema"]["outputs"][-2]["name"]
        query = {"sql": f"SELECT COUNT(*) AS c FROM {view}", "format": "json"}
        wait_for(lambda: generated("GET", f"{generated.path}/query", 200, params=query).json()["c"] > 0)  # noqa: B023
        _end(generated)


def test_keys(generated: Generated) -> None:
    made = generated("POST", "/api_keys", 201, json={"name": "old"}).json()
    assert set(made) == {"id", "name", "api_key"}
    (listed,) = generated("GET", "/api_keys", 200).json()
    assert generated("GET", "/api_keys/old", 200).json() == listed  # the object itself: it knows no list here
    assert set(listed["scopes"]) <= {"Read", "Write"}
    generated("DELETE", "/api_keys/old", 200)


def test_a_pipelines_life(generated: Generated, name: str) -> None:
    body = {"name": name, "program_code": PROGRAM, "description": None, "runtime_config": None, "program_config": None}
    path = generated.path
    generated("POST", "/pipelines", 201, json=body)
    assert wait_for(lambda: _compiled(generated))["program_status"] == "Success"
    assert name in [pipeline["name"] for pipeline in generated("GET", "/pipelines?selector=status", 200).json()]
    generated("PUT", path, 200, json=body)
    generated("PATCH", path, 200, json={"description": "d"})
    assert {"schema", "udf_stubs", "main_rust"} <= set(generated("GET", f"{path}/program_info", 200).json())
    generated("POST", f"{path}/pause", 202)  # starts a stopped one as paused
    generated.until("Paused")
    generated("POST", f"{path}/start", 202)  # resumes a paused one
    generated.until("Running")

    params = {"format": "json", "update_format": "raw", "array": "false", "force": "false"}
    token = generated("POST", f"{path}/ingress/T", 200, params=params, data='{"id": 7, "name": "x"}').json()["token"]
    wait_for(
        lambda: (
            generated("GET", f"{path}/completion_status", 200, 202, params={"token": token}).json()["status"]
            == "complete"
        )
    )
    query = {"sql": "SELECT * FROM v", "format": "json"}
    assert generated("GET", f"{path}/query", 200, params=query).json() == {"id": 7, "name": "x"}
    with generated("POST", f"{path}/egress/V", 200, params={"format": "json"}, stream=True) as egress:
        assert json.loads(next(egress.iter_lines()))["sequence_number"] == 0
    connector = f"{path}/tables/T/connectors/g"
    assert generated("GET", f"{connector}/stats", 200).json()["paused"] is True
    generated("POST", f"{connector}/start", 200)
    assert generated("GET", f"{connector}/completion_token", 200).json()["token"]
    generated("POST", f"{connector}/pause", 200)
    generated("GET", f"{path}/views/V/connectors/o/stats", 200)

    assert generated("GET", f"{path}/stats", 200).json()["global_metrics"]["state"] == "Running"
    assert "# TYPE" in generated("GET", f"{path}/metrics", 200).text
    with generated("GET", f"{path}/logs", 200, stream=True) as logs:
        assert next(logs.iter_lines())
    assert generated("GET", f"{path}/circuit_profile", 200).content
    assert "checkpoint_sequence_number" in generated("POST", f"{path}/checkpoint", 200).json()
    assert set(generated("GET", f"{path}/checkpoint_status", 200).json()) == {"success", "failure"}
    _end(generated)
    generated("DELETE", path, 200)


def _compiled(generated: Generated) -> dict[str, Any] | None:
    shown: dict[str, Any] = generated("GET", generated.path, 200).json()
    return shown if shown["program_status"] in ("Success", "SqlError", "SystemError") else None


def _end(generated: Generated) -> None:
    generated("POST", f"{generated.path}/stop", 202, params={"force": "true"})
    generated.until("Stopped")
    generated("POST", f"{generated.path}/clear", 202)
    wait_for(lambda: generated("GET", generated.path, 200).json()["storage_status"] == "Cleared")
