"""The server itself."""

from penstock import __version__
from penstock.api.native.wire import Coverage, Info
from penstock.api.shared.call import Call
from penstock.api.shared.coverage import coverage_of
from penstock.kernel.instants import rfc3339

__all__ = ["coverage", "info"]


async def info(call: Call) -> Info:
    """Say what runs here. Open to everybody, so that a client can tell what it talks to."""
    services = call.services
    return Info(
        version=__version__,
        started_at=rfc3339(services.started_at),
        uptime_s=(services.clock.now() - services.started_at).total_seconds(),
        dialects=[dialect.name for dialect in call.connection.app.state.dialects],
    )


async def coverage(call: Call) -> Coverage:
    """List all operations of all dialects, implemented or not."""
    return Coverage([coverage_of(dialect) for dialect in call.connection.app.state.dialects])
