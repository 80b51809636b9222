"""Steering a running pipeline from within: transactions, the clock, connectors."""

from datetime import timedelta
from typing import Any, Final

from penstock.api.feldera.errors import refuse
from penstock.api.feldera.handlers.found import found, process, relation_name
from penstock.api.shared.call import Call
from penstock.kernel.instants import EPOCH, rfc3339
from penstock.services.circuits.process import RequestFailed

__all__ = [
    "advance_clock",
    "command",
    "commit_transaction",
    "input_connector",
    "input_connector_stats",
    "output_connector",
    "output_connector_stats",
    "start_transaction",
]


_LATEST_MS: Final = 253_402_300_799_999


async def start_transaction(call: Call) -> dict[str, int]:
    """Hold back outputs until the commit."""
    return {"transaction_id": await process(call).begin_transaction()}


async def commit_transaction(call: Call) -> str:
    """Release what came in since the transaction's start as one step."""
    await process(call).commit_transaction()
    return "Transaction commit initiated"


async def advance_clock(call: Call, body: object) -> dict[str, Any]:
    """Move a clock that is driven from outside; null moves it by one resolution."""
    delta_ms = body.get("delta_ms") if isinstance(body, dict) else None
    if body is not None and not isinstance(body, dict):
        refuse("InvalidParam", "the body must be a JSON object or null")
    if delta_ms is not None and (isinstance(delta_ms, bool) or not isinstance(delta_ms, int)):
        refuse("InvalidParam", f"delta_ms is {delta_ms!r}; it must be an integer or null")
    if delta_ms is not None and delta_ms < 0:
        refuse("InvalidParam", f"delta_ms is {delta_ms}; the clock goes forward only, so it must be 0 or more")
    if delta_ms is not None and delta_ms > _LATEST_MS:
        refuse("InvalidParam", f"delta_ms is {delta_ms}; the clock ends with the year 9999")
    now_ms = await process(call).advance_clock(delta_ms)
    return {"now_ms": now_ms, "now": rfc3339(EPOCH + timedelta(milliseconds=now_ms))}


async def input_connector(call: Call) -> None:
    """Start or pause an input connector."""
    await _steer(call, call.path["table"])


async def output_connector(call: Call) -> None:
    """Start or pause an output connector."""
    try:
        await _steer(call, call.path["view"])
    except RequestFailed as error:
        if error.code != "UnknownInputEndpoint":
            raise
        refuse("UnknownOutputEndpoint", error.message, error.details)


async def command(call: Call) -> None:
    """Refuse a command of its own to an output connector: those there are take none."""
    await _endpoint(call, "outputs", call.path["view"], "UnknownOutputEndpoint")
    refuse("NotSupported", "output connectors take no commands of their own; use start and pause")


async def input_connector_stats(call: Call) -> Any:
    """Show the counters of an input connector."""
    return await _endpoint(call, "inputs", call.path["table"], "UnknownInputEndpoint")


async def output_connector_stats(call: Call) -> Any:
    """Show the counters of an output connector."""
    return await _endpoint(call, "outputs", call.path["view"], "UnknownOutputEndpoint")


async def _steer(call: Call, relation: str) -> None:
    found(call)
    action = call.path["action"]
    if action not in ("start", "pause"):
        refuse("InvalidConnectorAction", f"a connector cannot be told to {action!r}; use start or pause")
    await process(call).connector(relation_name(relation), call.path["connector"], action)


async def _endpoint(call: Call, side: str, relation: str, code: str) -> Any:
    wanted = f"{relation_name(relation)}.{call.path['connector']}"
    for endpoint in (await process(call).stats())[side]:
        if endpoint["endpoint_name"] == wanted:
            return endpoint
    refuse(code, f"there is no connector {wanted!r}", {"endpoint_name": wanted})
