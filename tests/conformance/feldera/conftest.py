"""The released client, on the server of all tests of this folder, and what its tests share."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conformance.feldera.calls import note_calls
from tests.conformance.serving import Server, server, wait_for

try:
    import requests
    from feldera import FelderaClient, Pipeline, PipelineBuilder
    from feldera.rest.retry import RetryConfig
except ImportError:
    # Collected without the client's environment: `tests/conformance/run.py` is what runs these.
    collect_ignore_glob = ["test_*.py"]

__all__ = ["Server", "server", "wait_for"]


@pytest.fixture(scope="session", autouse=True)
def _noted() -> None:
    note_calls()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run last what looks back at all others."""
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)


def notyet(reason: str) -> pytest.MarkDecorator:
    """Mark a behaviour that is missing; the test fails when it starts to pass."""
    return pytest.mark.xfail(strict=True, reason=reason)


@pytest.fixture(scope="session")
def client(server: Server) -> "FelderaClient":
    return FelderaClient(server.url, retry_config=RetryConfig(max_retries=0))


class Http:
    """Requests as they are, for what the client has no method for."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()

    def __call__(self, verb: str, path: str, **options: Any) -> "requests.Response":
        url = self.url + (path if path.startswith("/healthz") else "/v0" + path)
        return self.session.request(verb, url, **{"timeout": 20, **options})

    def code(self, verb: str, path: str, **options: Any) -> tuple[int, str]:
        """Send what must be refused; return status and code, after a look at the body's shape."""
        reply = self(verb, path, **options)
        body = reply.json()
        assert set(body) == {"message", "error_code", "details"}, body
        return reply.status_code, body["error_code"]


@pytest.fixture(scope="session")
def http(server: Server) -> Http:
    return Http(server.url)


@pytest.fixture
def name(http: Http) -> Iterator[str]:
    """A name for a pipeline, which is deleted afterwards if it was made."""
    chosen = f"t-{uuid.uuid4().hex[:12]}"
    yield chosen
    discard(http, chosen)


def discard(http: Http, name: str) -> None:
    """Stop, clear and delete a pipeline, if there is one."""
    path = f"/pipelines/{name}"
    if http("POST", f"{path}/stop?force=true").status_code == 404:
        return
    wait_for(lambda: http("GET", f"{path}?selector=status").json()["deployment_status"] == "Stopped")
    http("POST", f"{path}/clear")
    wait_for(lambda: http("GET", f"{path}?selector=status").json()["storage_status"] == "Cleared")
    assert http("DELETE", path).status_code == 200


Make = Callable[..., "Pipeline"]


@pytest.fixture
def make(client: "FelderaClient", name: str) -> Make:
    """Make the test's pipeline from a program, with the client's builder."""

    def build(sql: str, **options: Any) -> "Pipeline":
        return PipelineBuilder(client, name, sql, **options).create_or_replace()

    return build


@pytest.fixture
def started(make: Make) -> Make:
    """Make the test's pipeline and start it."""

    def build(sql: str, **options: Any) -> "Pipeline":
        pipeline = make(sql, **options)
        pipeline.start()
        return pipeline

    return build


def rows(pipeline: "Pipeline", sql: str) -> list[dict[str, Any]]:
    """Run a query and return its rows, sorted."""
    return sorted(pipeline.query(sql), key=str)
