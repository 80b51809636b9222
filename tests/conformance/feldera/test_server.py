"""Health, cluster, keys."""

import pytest
from feldera import FelderaClient
from feldera.rest.errors import FelderaAPIError

from tests.conformance.feldera.conftest import Http

pytestmark = pytest.mark.conformance

SERVICES = ("api", "compiler", "runner")


def test_the_server_is_healthy(http: Http) -> None:
    """Row 1."""
    reply = http("GET", "/healthz")

    assert (reply.status_code, reply.json()) == (200, {"status": "healthy"})


def test_the_cluster_is_healthy(http: Http) -> None:
    """Row 2."""
    reply = http("GET", "/cluster_healthz")

    assert (reply.status_code, reply.json()["all_healthy"]) == (200, True)


def test_the_latest_event_has_exactly_these_keys(client: FelderaClient) -> None:
    """Row 3."""
    event = client.get_cluster_event("latest", selector="all")

    parts = {f"{service}_{what}" for service in SERVICES for what in ("status", "self_info", "resources_info")}
    assert set(event) == {"id", "recorded_at", "all_healthy"} | parts


def test_the_short_form_has_exactly_these_keys(client: FelderaClient) -> None:
    """Row 4."""
    event = client.get_cluster_event("latest")

    assert set(event) == {"id", "recorded_at", "all_healthy"} | {f"{service}_status" for service in SERVICES}


@pytest.mark.parametrize("selector", ["all", "status"])
def test_an_event_stays_what_it_was(client: FelderaClient, selector: str) -> None:
    """Row 5."""
    latest = client.get_cluster_event("latest", selector=selector)

    assert client.get_cluster_event(latest["id"], selector=selector) == latest


def test_the_list_has_the_latest_event(client: FelderaClient) -> None:
    """Row 6."""
    assert client.get_cluster_event("latest") in client.get_cluster_events()


def test_an_unknown_event_is_refused(client: FelderaClient) -> None:
    with pytest.raises(FelderaAPIError) as refused:
        client.get_cluster_event("019a0000-0000-7000-8000-000000000000")

    assert (refused.value.status_code, refused.value.error_code) == (404, "UnknownClusterMonitorEvent")


def test_keys_are_made_and_removed(client: FelderaClient, http: Http) -> None:
    """Row 7."""
    made = client.create_api_key("conformance-key", role="write")

    assert made["name"] == "conformance-key"
    assert made["id"]
    assert made["api_key"].startswith("apikey:")
    assert http.code("POST", "/api_keys", json={"name": "conformance-key"}) == (409, "DuplicateName")
    assert [key["name"] for key in http("GET", "/api_keys").json()] == ["conformance-key"]
    assert http("DELETE", "/api_keys/conformance-key").status_code == 200
    assert http.code("DELETE", "/api_keys/conformance-key") == (404, "UnknownApiKey")


def test_unknown_paths_and_verbs_are_refused_in_the_dialects_words(http: Http) -> None:
    assert http.code("GET", "/nowhere")[0] == 404
    assert http.code("PUT", "/config")[0] == 405
    assert http.code("POST", "/pipelines", data="{", headers={"Content-Type": "application/json"})[0] == 400
