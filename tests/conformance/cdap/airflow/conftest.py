"""Airflow's Google provider 22.8.0, outside of Airflow's scheduler: no database, anonymous credentials, a short clock.

Only three things of it are replaced: where the control plane is, the pause between looks, and links that would need a
task instance. `is_served` tests are about what is on the wire, which stays the provider's own.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.cdap.conftest import Server, endpoint, rest, server

__all__ = ["Server", "endpoint", "rest", "server"]

os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "ERROR")
os.environ["AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT"] = json.dumps(
    {"conn_type": "google_cloud_platform", "extra": {"is_anonymous": True, "project": "p"}}
)

try:
    import airflow.providers.google  # noqa: F401
except ImportError:
    # Collected without the client's environment: `tests/conformance/run.py` is what runs these.
    collect_ignore_glob = ["test_*.py"]

WHERE = {"instance_name": "i", "location": "l", "project_id": "p"}


class ShortClock:
    """Stands for the module `time` inside of the hook."""

    monotonic = staticmethod(time.monotonic)
    time = staticmethod(time.time)

    @staticmethod
    def sleep(seconds: float) -> None:
        time.sleep(min(seconds, 0.02))


class Provider:
    """The provider's hook and operators. statuses: of every call of the hook, in order."""

    def __init__(self, url: str) -> None:
        from airflow.providers.google.cloud.hooks import datafusion as hooks
        from airflow.providers.google.cloud.operators import datafusion as operators
        from airflow.providers.google.cloud.sensors import datafusion as sensors

        self.hooks, self.operators, self.sensors = hooks, operators, sensors
        self.statuses: list[int] = []
        self.url = self.hook.get_instance(**WHERE)["apiEndpoint"]

    @property
    def hook(self) -> Any:
        return self.hooks.DataFusionHook()

    def operator(self, name: str, **given: Any) -> Any:
        return getattr(self.operators, name)(task_id="t", **WHERE, **given)


@pytest.fixture
def provider(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    from airflow.providers.google.cloud.hooks import datafusion as hooks
    from airflow.providers.google.cloud.links import datafusion as links
    from google.api_core.client_options import ClientOptions

    monkeypatch.setattr(hooks, "time", ShortClock)
    monkeypatch.setattr(links.DataFusionPipelineLink, "persist", classmethod(lambda *a, **k: None))
    monkeypatch.setattr(links.DataFusionPipelinesLink, "persist", classmethod(lambda *a, **k: None))
    options = ClientOptions(api_endpoint=server.url)
    monkeypatch.setattr(hooks.DataFusionHook, "get_client_options", lambda hook: options)
    made = Provider(server.url)
    request = hooks.DataFusionHook._cdap_request

    def recorded(hook: Any, *arguments: Any, **named: Any) -> Any:
        reply = request(hook, *arguments, **named)
        made.statuses.append(reply.status)
        return reply

    monkeypatch.setattr(hooks.DataFusionHook, "_cdap_request", recorded)
    yield made
