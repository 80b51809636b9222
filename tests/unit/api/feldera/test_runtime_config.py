from typing import Any

import pytest

from penstock.api.feldera.errors import STATUS, TABLE, Refusal
from penstock.api.feldera.lower import settings
from penstock.api.feldera.runtime_config import expand
from penstock.api.feldera.storage_config import concealed, revealed, sync_settings


def code(config: Any) -> str:
    with pytest.raises(Refusal) as refused:
        expand(config)
    return type(refused.value).__name__


def test_nothing_sent_means_all_defaults() -> None:
    config = expand(None)

    assert (config["workers"], config["hosts"], config["clock_resolution_usecs"]) == (8, 1, 1_000_000)
    assert config["fault_tolerance"] == {"model": "none", "checkpoint_interval_secs": 60}
    assert set(config["resources"].values()) == {None}
    assert expand({}) == config


def test_a_complete_configuration_is_its_own_expansion() -> None:
    assert expand(expand({"workers": 3, "resources": {"cpu_cores_min": 2.0}})) == expand(
        {"workers": 3, "resources": {"cpu_cores_min": 2}}
    )


@pytest.mark.parametrize(
    ("sent", "stored"),
    [(True, "default"), ({}, "default"), (False, None), (None, None)],
)
def test_storage_may_be_a_flag(sent: Any, stored: str | None) -> None:
    storage = expand({"storage": sent})["storage"]

    assert (storage and storage["backend"]["name"]) == stored


@pytest.mark.parametrize(
    "config",
    [
        {"workers": 0},
        {"workers": "8"},
        {"workers": True},
        {"workers": None},
        {"resources": {"storage_mb_max": "a lot"}},
        {"resources": {"storage_max": "16000"}},
        {"max_rss": "4Gi", "max_rss_mb": 4},
        {"clock_resolution": "soon"},
        {"env": {"FELDERA_X": "1"}},
        {"env": {"RUST_LOG": "1"}},
        {"env": {"A": 1}},
        {"env": {"A-B": "1"}},
        {"storage": {"backend": {"name": "tape"}}},
        {"clock_timezone_offset": "CET"},
        [],
        "8",
    ],
)
def test_what_is_wrong_is_refused(config: Any) -> None:
    assert code(config) == "InvalidRuntimeConfig"


def test_more_than_one_host_is_refused_as_of_another_edition() -> None:
    assert code({"hosts": 2}) == "EnterpriseFeature"


@pytest.mark.parametrize(
    ("sent", "model"),
    [
        (None, "none"),
        ({}, "exactly_once"),
        ("latest_checkpoint", "at_least_once"),
        ({"model": "at_least_once"}, "at_least_once"),
    ],
)
def test_fault_tolerance_in_all_its_spellings(sent: Any, model: str) -> None:
    assert expand({"fault_tolerance": sent})["fault_tolerance"] == {"model": model, "checkpoint_interval_secs": 60}


def test_newer_spellings_round_up_to_the_older_unit() -> None:
    config = expand({"max_buffering_delay": "1500ns", "provisioning_timeout": "1h", "datafusion_memory": "1Mi"})

    assert (config["max_buffering_delay_usecs"], config["provisioning_timeout_secs"]) == (2, 3600)
    assert config["datafusion_memory_mb"] == 2


def test_unknown_settings_are_left_out() -> None:
    assert "novelty" not in expand({"novelty": 1, "resources": {"volume_attributes_class": None}})


def test_every_code_has_a_status_and_a_class() -> None:
    assert {reply.code for error, reply in TABLE.items() if issubclass(error, Refusal)} == set(STATUS)


def synced(**settings: Any) -> dict[str, Any]:
    return {"storage": {"backend": {"name": "file", "config": {"sync": {"bucket": "b", **settings}}}}}


def test_keys_of_an_object_store_are_not_shown_and_not_lost() -> None:
    stored = expand(synced(access_key="${env:KEY}", secret_key="plain"))
    shown = concealed(stored)
    sync = shown["storage"]["backend"]["config"]["sync"]

    assert (sync["access_key"], sync["secret_key"]) == ("${env:KEY}", "(hidden)")
    assert revealed(expand(shown), stored) == stored
    assert concealed(expand(None)) == expand(None)


def test_what_the_engine_is_told_of_an_object_store() -> None:
    told = sync_settings(expand(synced(start_from_checkpoint="latest", push_interval=60)))

    assert sync_settings(expand(None)) is None
    assert told == {
        "store": {"bucket": "b", "endpoint": None, "region": None, "access_key": None, "secret_key": None},
        "read_bucket": None,
        "start_from": "latest",
        "must_start_from": False,
        "push_interval_s": 60,
        "stands_by": False,
        "pull_interval_s": 10,
        "retention": {"count": 10, "days": 30},
    }


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"bucket": ""}, "bucket"),
        ({"colour": 1}, "colour"),
        ({"flags": ["--fast"]}, "flags"),
        ({"standby": True}, "start_from_checkpoint"),
        ({"push_interval": 0}, "push_interval"),
        ({"fail_if_no_checkpoint": "yes"}, "fail_if_no_checkpoint"),
        ({"retention_min_count": -1}, "retention_min_count"),
    ],
)
def test_settings_of_an_object_store_that_cannot_be_meant_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(Refusal, match=said):
        expand(synced(**settings))


def test_a_wrong_key_is_not_repeated() -> None:
    with pytest.raises(Refusal) as refused:
        expand(synced(secret_key=12345))

    assert "12345" not in str(refused.value)


@pytest.mark.parametrize(
    ("sent", "limit_mb"),
    [
        ({}, None),
        ({"max_rss_mb": 700}, 700),
        ({"resources": {"memory_mb_max": 900}}, 900),
        ({"max_rss_mb": 700, "resources": {"memory_mb_max": 900}}, 700),
        ({"max_rss": "1500M"}, 1500),
    ],
)
def test_the_limit_of_memory_is_max_rss_or_else_that_of_the_resources(
    sent: dict[str, Any], limit_mb: int | None
) -> None:
    assert settings(expand(sent))["max_memory_mb"] == limit_mb


def test_structures_below_min_storage_bytes_stay_in_memory() -> None:
    assert settings(expand({"storage": {"min_storage_bytes": 5000}}))["min_spill_bytes"] == 5000
    assert settings(expand({"storage": None}))["min_spill_bytes"] is None
