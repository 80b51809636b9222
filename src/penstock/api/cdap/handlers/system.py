"""The server itself: whether it is up, its version, its services."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import PlainTextResponse

from penstock.api.cdap.errors import Missing
from penstock.api.cdap.names import VERSION
from penstock.api.shared.call import Call

__all__ = ["configuration", "ping", "service", "service_status", "services", "statuses", "version"]

SERVICES: Final = {
    "appfabric": "Service for managing application lifecycle.",
    "dataset.executor": "Service to perform dataset operations.",
    "log.saver": "Service to collect and store logs.",
    "messaging.service": "Service providing messaging system functionality.",
    "metadata.service": "Service to perform metadata operations.",
    "metrics": "Service to handle metrics requests.",
    "metrics.processor": "Service to process application and system metrics.",
    "runtime": "Service for managing runtime data of program executions.",
}
"""What stands for the parts of a distributed installation; all of them are this one process."""


async def ping(call: Call) -> PlainTextResponse:
    """Say that the server is up."""
    return PlainTextResponse("OK.\n")


async def version(call: Call) -> dict[str, str]:
    """Say which release's interface this is."""
    return {"version": VERSION}


async def services(call: Call) -> list[dict[str, Any]]:
    """List the system's services."""
    return [
        {
            "name": name,
            "description": description,
            "status": "OK",
            "logs": "OK",
            "min": 1,
            "max": 1,
            "requested": 1,
            "provisioned": 1,
        }
        for name, description in SERVICES.items()
    ]


async def statuses(call: Call) -> dict[str, str]:
    """Show whether the system's services work."""
    return dict.fromkeys(SERVICES, "OK")


async def service_status(call: Call) -> dict[str, str]:
    """Show whether one of the system's services works."""
    _check(call.path["service"])
    return {"status": "OK"}


async def service(call: Call) -> dict[str, Any]:
    """Show how many instances a system service has."""
    _check(call.path["service"])
    return {"requested": 1, "provisioned": 1}


async def configuration(call: Call) -> list[dict[str, Any]]:
    """Show the settings of this dialect that clients ask for."""
    return [
        {"name": "explore.enabled", "value": "false"},
        {"name": "enable.unrecoverable.reset", "value": "true"},
        {"name": "security.enabled", "value": str(call.services.identity.is_required).lower()},
    ]


def _check(name: str) -> None:
    if name not in SERVICES:
        raise Missing(f"system_service:{name}")
