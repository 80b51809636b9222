"""What the tests over plain HTTP and through Airflow's provider share: the server, and something slow to talk to."""

from collections.abc import Iterator

import pytest

from tests.conformance.cdap.driving import Endpoint, Rest
from tests.conformance.serving import Server, server

__all__ = ["Server", "server"]


@pytest.fixture
def rest(server: Server) -> Rest:
    return Rest(server.url)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()
    yield made
    made.close()
