"""Nothing but HTTP, as curl would send it."""

from tests.conformance.cdap.conftest import Server, endpoint, rest, server

__all__ = ["Server", "endpoint", "rest", "server"]
