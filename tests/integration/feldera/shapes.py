"""Requests as a hostile or hasty client might send them: made from the shapes of the wire, then bent at random.

A request is drawn from a `random.Random`, so the same seed makes the same requests.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final
from urllib.parse import quote, urlencode

from penstock.api.shared.operation import Json, NoBody, Operation

__all__ = ["Wire", "draw"]

RUNNING, STOPPED, WRONG = "p", "q", "wrong"
"""The pipelines that are there."""


@dataclass(frozen=True)
class Wire:
    """A request, ready to be sent; the query is part of the target."""

    verb: str
    target: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.verb} {self.target} {dict(self.headers)} {self.body[:400]!r}"


_ODD: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1, 8, 2**31, 2**63, 2**64, -(2**63), 10**30, 1e308, -0.5, 0.5, "", " ", "0", "-1", "null",
    "true", "1e999", "nan", "é", "\u0000", "\ud7ff", "\U0001f600", "a" * 300, "'; DROP TABLE t; --", "../..", "%",
    "%00", "{}", "[]", "\"t\"", [], {}, [None], [[]], {"": None}, ["a", 1], {"a": {"b": [1]}}, [{}] * 60,
    "٣", "１", "9" * 5000,
)  # fmt: skip
_NAMES: Final = (RUNNING, RUNNING, RUNNING, STOPPED, WRONG, "absent")
_PATH: Final[dict[str, tuple[str, ...]]] = {
    "name": _NAMES,
    "table": ("t", "T", '"t"', "v", "absent"),
    "relation": ("v", "t", "V", "absent"),
    "view": ("v", "t", "absent"),
    "connector": ("c", "http", "absent"),
    "action": ("start", "pause", "stop", "absent"),
    "event_id": ("latest", "00000000-0000-7000-8000-000000000000", "absent"),
    "key_name": ("a", "b", "absent"),
    "tenant": ("a", "b", "default", "00000000-0000-7000-8000-000000000000", "absent"),
    "trust": ("a", "b", "absent"),
    "user_id": ("00000000-0000-7000-8000-000000000000", "absent"),
}
_QUERY: Final[dict[str, tuple[str, ...]]] = {
    "selector": ("all", "status", "status_with_connectors"),
    "initial": ("running", "paused", "standby"),
    "bootstrap_policy": ("await_approval", "allow", "reject"),
    "silent_bootstrap": ("true", "false"),
    "concurrent_bootstrap": ("true", "false"),
    "dismiss_error": ("true", "false"),
    "force": ("true", "false"),
    "format": ("json", "csv", "text", "parquet", "arrow_ipc", "hash", "raw", "avro", "prometheus"),
    "array": ("true", "false"),
    "update_format": ("raw", "insert_delete", "debezium"),
    "json_flavor": ("default", "snowflake"),
    "connector_metadata": ('{"a": 1}', "[]", "{", '"a"'),
    "backpressure": ("true", "false"),
    "send_snapshot": ("true", "false"),
    "sql": ("SELECT * FROM v", "SELECT", "SELECT * FROM absent"),
    "token": ("WyJhIiwiYiIsMV0=", "WyJhIiwiYiIsMV0", "e30=", "WzEsMiwzXQ=="),
    "include_connector_errors": ("true", "false"),
    "cursor": ("a:1", ":1", "a:", "a:-1", "a:99999999999999999999"),
    "incarnation_uuid": ("00000000-0000-7000-8000-000000000000",),
    "set_platform_version": ("v0.1.0",),
    "collect": ("true", "false"),
    "limit": ("1", "0", "100"),
    "logs": ("true", "false"),
    "stats": ("true", "false"),
    "latest": ("true",),
    "ordinal": ("1",),
    "duration_secs": ("1",),
    "pipeline_name": ("p",),
}
_RUNTIME: Final[dict[str, tuple[Any, ...]]] = {
    "workers": (1, 8, 16),
    "hosts": (1, 2),
    "storage": (True, None, {}, {"backend": {"name": "file", "config": {}}}, {"min_spill_size": "1Mi"}),
    "fault_tolerance": (None, {}, "latest_checkpoint", {"model": "exactly_once", "checkpoint_interval_secs": 5}),
    "max_rss": ("1GB", 10**9, "1"),
    "max_rss_mb": (100,),
    "min_batch_size_records": (0, 100),
    "max_buffering_delay": ("1ms", "1h30m", 5),
    "resources": ({}, {"cpu_cores_max": 1.5, "memory_max": "1GiB"}, {"memory_mb_max": 5}),
    "clock_resolution_usecs": (1000, None),
    "clock_timezone_offset": ("+05:30", "Z", None),
    "pin_cpus": ([], [1, 2]),
    "env": ({}, {"A": "b"}, {"TOKIO_X": "1"}),
    "dev_tweaks": ({}, {"now_http_driven": True}, {"now_offset": "2020-01-01T00:00:00Z"}),
    "init_containers": ([],),
    "provisioning_timeout_secs": (10,),
    "logging": ("info",),
    "tracing_endpoint_jaeger": ("",),
}
_PIPELINE: Final[dict[str, Callable[[Random], Any]]] = {
    "name": lambda random: random.choice((*_NAMES, "new")),
    "program_code": lambda random: random.choice(("CREATE TABLE t(x INT);", "blah", "CRASH", "BADCONNECTOR", "")),
    "description": lambda random: random.choice(("", "d", "é" * 299)),
    "tags": lambda random: random.choice(([], ["a"], ["a", "a:#fff"], ["a"] * 50)),
    "udf_rust": lambda _: "",
    "udf_toml": lambda _: "",
    "runtime_config": lambda random: _some(random, _RUNTIME),
    "program_config": lambda random: _some(
        random, {"profile": ("dev", "odd"), "cache": (True,), "runtime_version": ("v1.2.3", None)}
    ),
}
_BODIES: Final[dict[str, Callable[[Random], Any]]] = {
    "/v0/pipelines": lambda random: {name: make(random) for name, make in _PIPELINE.items()},
    "/v0/pipelines/{name}": lambda random: {
        name: make(random) for name, make in _PIPELINE.items() if random.random() < 0.5
    },
    "/v0/validate_program": lambda random: {"program_code": "CREATE TABLE t(x INT);", "ir": random.random() < 0.5},
    "/v0/pipelines/{name}/diff": lambda random: {"program_code": random.choice(("blah", "CREATE TABLE t(y INT);"))},
    "/v0/api_keys": lambda random: {"name": random.choice("ab"), "role": random.choice(("read", "write", "admin"))},
    "/v0/tenants": lambda random: {"name": random.choice("ab")},
    "/v0/tenants/{tenant}": lambda random: {"name": random.choice("abc"), "displace_existing": random.random() < 0.5},
    "/v0/oidc_trust": lambda random: {
        "name": random.choice("ab"),
        "issuer": random.choice(("https://id.example", "http://id.example", "x", "https://[::1", "https://")),
        "subject": random.choice(("a", "*", "a*b*c")),
        "audience": random.choice((None, "x")),
        "role": random.choice(("read", "write", "admin", "owner", None)),
        "description": random.choice((None, "d")),
    },
    "/v0/tenant/users": lambda random: {
        "subject": random.choice("ab"),
        "email": random.choice((None, "a@b")),
        "role": random.choice(("read", "write", "admin", "owner")),
    },
    "/v0/tenant/users/{user_id}": lambda random: {"role": random.choice(("read", "write", "admin", "owner"))},
    "/v0/pipelines/{name}/clock/advance": lambda random: {"delta_ms": random.choice((0, 1, 1000, 2**40, 2**62))},
    "/v0/pipelines/{name}/egress/{relation}": lambda random: {
        "transport": {"name": "http_output", "config": {"backpressure": True, "send_snapshot": random.random() < 0.5}},
        "format": {"name": "json", "config": {"array": True}},
    },
}
_ROWS: Final = (b'{"insert": {"x": 1}}\n', b"1\n2\n", b"[]", b"", b"\xff\xfe\x00", b"nonsense", b"{" * 300, b"\n\n\n")


def draw(random: Random, operation: Operation) -> Wire:
    """Make one request for an operation."""
    path = operation.path
    for name, values in _PATH.items():
        path = path.replace(f"{{{name}}}", _segment(random, values))
    query = [
        (name, random.choice(values) if random.random() < 0.7 else _plain(random.choice(_ODD)))
        for name, values in _QUERY.items()
        if random.random() < (0.15 if name not in ("sql", "token", "format") else 0.5)
    ]
    body, headers = _body(random, operation)
    return Wire(operation.verb, path + (f"?{urlencode(query)}" if query else ""), body, headers)


def _segment(random: Random, values: tuple[str, ...]) -> str:
    if random.random() < 0.9:
        return quote(random.choice(values), safe="")
    # What is no UTF-8, or holds what separates parts of a path, may come as well.
    return random.choice(("%FF", "%00", "%2F", "..%2f", "%", "%zz", "a%20b", "%C3%A9", "a" * 300, quote("\U0001f600")))


def _body(random: Random, operation: Operation) -> tuple[bytes, tuple[tuple[str, str], ...]]:
    headers = (("content-type", random.choice(("application/json", "text/csv", "", "application/octet-stream"))),)
    if isinstance(operation.body, NoBody):
        return random.choice((b"", b"null", b"{}", b"\xff")), headers
    make = _BODIES.get(operation.path)
    if make is None and not isinstance(operation.body, Json):
        return random.choice(_ROWS), headers
    document = make(random) if make else {}
    for _ in range(random.choice((0, 0, 1, 1, 2))):
        document = _bent(random, document)
    raw = json.dumps(document).encode()
    if random.random() < 0.1:
        raw = random.choice((b"", b"{", raw[:-1], b"[" * 3000, b"\xff" + raw, b'{"name": "\\ud800"}', b'{"name": NaN}'))
    return raw, headers


def _bent(random: Random, document: Any) -> Any:
    """Put something odd in one place of a document, at any depth."""
    if isinstance(document, dict) and document and random.random() < 0.9:
        chosen = random.choice(sorted(document))
        return {**document, chosen: _bent(random, document[chosen])}
    if isinstance(document, dict) and random.random() < 0.3:
        return {**document, str(_plain(random.choice(_ODD))): random.choice(_ODD)}
    return random.choice(_ODD)


def _some(random: Random, choices: dict[str, tuple[Any, ...]]) -> dict[str, Any]:
    return {name: random.choice(values) for name, values in choices.items() if random.random() < 0.25}


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
