"""What the tests of both generations of the client share: the server, and names that are new."""

import uuid

import pytest

from tests.conformance.serving import Server, server, wait_for

__all__ = ["Server", "server", "wait_for"]


@pytest.fixture
def name() -> str:
    return f"t {uuid.uuid4().hex[:12]}"
