"""Runtime and program configuration."""

from typing import Any

import pytest
from feldera.runtime_config import Resources, RuntimeConfig

from tests.conformance.feldera.conftest import Http, Make

pytestmark = pytest.mark.conformance


def put(http: Http, name: str, **fields: Any) -> Any:
    return http("PUT", f"/pipelines/{name}", json={"name": name, "program_code": "", **fields})


@pytest.mark.parametrize("sent", [{}, {"runtime_config": {}}, {"runtime_config": None}])
def test_a_missing_runtime_configuration_is_the_default(http: Http, name: str, sent: dict[str, Any]) -> None:
    """Row 8."""
    reply = put(http, name, **sent)

    assert reply.status_code == 201
    assert reply.json()["runtime_config"]["workers"] == 8


def test_what_is_set_comes_back(http: Http, name: str) -> None:
    """Row 9."""
    resources = {"cpu_cores_min": 5, "storage_mb_max": 2, "storage_class": "fast"}
    config = put(http, name, runtime_config={"workers": 3, "resources": resources, "env": {"A": "b"}}).json()[
        "runtime_config"
    ]

    assert (config["workers"], config["env"]) == (3, {"A": "b"})
    assert {key: config["resources"][key] for key in resources} == resources


@pytest.mark.parametrize(
    "config", [{"workers": "not a number"}, {"resources": {"storage_mb_max": "not a number"}}, {"workers": True}, []]
)
def test_a_setting_of_the_wrong_type_is_refused(http: Http, name: str, config: Any) -> None:
    """Row 10."""
    body = {"name": name, "program_code": "", "runtime_config": config}

    assert http.code("PUT", f"/pipelines/{name}", json=body) == (400, "InvalidRuntimeConfig")


def test_variables_of_the_runtime_cannot_be_set(http: Http, name: str) -> None:
    """Row 11."""
    body = {"name": name, "program_code": "", "runtime_config": {"env": {"TOKIO_WORKER_THREADS": "4"}}}

    assert http.code("PUT", f"/pipelines/{name}", json=body) == (400, "InvalidRuntimeConfig")


def test_an_edit_replaces_the_whole_configuration(http: Http, name: str) -> None:
    """Row 12."""
    put(http, name, runtime_config={"workers": 3, "min_batch_size_records": 7})
    reply = http("PATCH", f"/pipelines/{name}", json={"runtime_config": {"workers": 5}})

    assert reply.status_code == 200
    config = reply.json()["runtime_config"]
    assert (config["workers"], config["min_batch_size_records"]) == (5, 0)


def test_a_missing_program_configuration_is_the_default(http: Http, name: str) -> None:
    """Row 13."""
    assert "cache" in put(http, name).json()["program_config"]


@pytest.mark.parametrize(
    "config", [{"profile": "dev"}, {"cache": True}, {"profile": "dev", "cache": False}, {"profile": "optimized"}]
)
def test_a_program_configuration_comes_back(http: Http, name: str, config: dict[str, Any]) -> None:
    """Row 14."""
    shown = put(http, name, program_config=config).json()["program_config"]

    assert {key: shown[key] for key in config} == config


@pytest.mark.parametrize("config", [{"profile": "no"}, {"profile": 123}, {"cache": 123}, {"cache": "yes"}])
def test_a_wrong_program_configuration_is_refused(http: Http, name: str, config: dict[str, Any]) -> None:
    """Row 15."""
    body = {"name": name, "program_code": "", "program_config": config}

    assert http.code("PUT", f"/pipelines/{name}", json=body) == (400, "InvalidProgramConfig")


def test_an_empty_edit_changes_nothing(http: Http, name: str) -> None:
    """Row 16."""
    before = put(http, name, program_config={"profile": "dev", "cache": False}).json()["program_config"]

    assert http("PATCH", f"/pipelines/{name}", json={}).json()["program_config"] == before
    edited = http("PATCH", f"/pipelines/{name}", json={"program_config": {"cache": True}})
    assert edited.json()["program_config"]["cache"] is True


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_resources_have_exactly_eight_keys(make: Make) -> None:
    """Row 17."""
    pipeline = make("")
    resources = Resources(cpu_cores_max=2, cpu_cores_min=1, memory_mb_max=500, memory_mb_min=100)
    pipeline.set_runtime_config(RuntimeConfig(resources=resources))
    pipeline.start()

    assert pipeline.runtime_config().resources == {
        "cpu_cores_max": 2,
        "cpu_cores_min": 1,
        "memory_mb_max": 500,
        "memory_mb_min": 100,
        "storage_mb_max": None,
        "storage_class": None,
        "namespace": None,
        "service_account_name": None,
    }


def test_newer_spellings_are_understood(http: Http, name: str) -> None:
    config = put(
        http,
        name,
        runtime_config={"max_rss": "4Gi", "clock_resolution": "250ms", "resources": {"memory_max": "16G"}},
    ).json()["runtime_config"]

    assert (config["max_rss_mb"], config["clock_resolution_usecs"]) == (4295, 250_000)
    assert config["resources"]["memory_mb_max"] == 16_000
    body = {"name": name, "program_code": "", "runtime_config": {"max_rss": "4Gi", "max_rss_mb": 4}}
    assert http.code("PUT", f"/pipelines/{name}", json=body) == (400, "InvalidRuntimeConfig")
