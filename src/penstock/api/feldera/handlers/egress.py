"""Following tables and views."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.responses import Response

from penstock.api.feldera import project
from penstock.api.feldera.errors import refuse
from penstock.api.feldera.handlers.found import found, relation_name
from penstock.api.shared.bodies import decode_json
from penstock.api.shared.call import Call
from penstock.api.shared.parameters import flag
from penstock.api.shared.streams import stream
from penstock.services.circuits.process import Chunk, FormatSpec

__all__ = ["subscribe"]

_FLAGS: Final = ("array", "backpressure", "send_snapshot")


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a client wants to follow, and how."""

    format: FormatSpec
    backpressure: bool = False
    snapshot: bool = False
    options: dict[str, Any] = field(default_factory=dict)


async def subscribe(call: Call, body: bytes) -> Response:
    """Follow a relation: one JSON object per line, the first at once, until the pipeline stops or the client leaves."""
    circuit = found(call)
    wanted = _wanted(call, body)
    chunks = call.services.circuits.subscribe(
        circuit,
        relation_name(call.path["relation"]),
        wanted.format,
        snapshot=wanted.snapshot,
        backpressure=wanted.backpressure,
    )
    # The first one is awaited here, so that a refusal still has a status of its own.
    first = await anext(chunks, None)
    return stream(_lines(first, chunks, wanted.format.name), "application/json")


async def _lines(first: Chunk | None, chunks: AsyncGenerator[Chunk, None], format: str) -> AsyncGenerator[bytes, None]:
    async with aclosing(chunks):
        number, chunk = 0, first
        while chunk is not None:
            if chunk.missed is not None:
                number += chunk.missed.chunks  # as if they had been sent: the gap is what readers of numbers look for
            yield project.chunk_line(number, format, chunk)
            number, chunk = number + 1, await anext(chunks, None)


def _wanted(call: Call, body: bytes) -> Subscription:
    document = decode_json(body)
    if document is None:
        query = call.query
        backpressure, snapshot = (flag(query, name, False) for name in ("backpressure", "send_snapshot"))
        options = {name: value for name, value in query.items() if name not in (*_FLAGS, "format", "pipeline_name")}
        flag(query, "array", False)
        return Subscription(_spec(query.get("format", "csv"), options), backpressure, snapshot)
    if any(name in call.query for name in (*_FLAGS, "format")):
        refuse("InvalidParam", "the subscription is described in the body and in the query; leave one of them out")
    return _described(document)


def _described(document: object) -> Subscription:
    config = document if isinstance(document, dict) else refuse("InvalidParam", "the body must be a JSON object")
    transport, format = _part(config, "transport", "http_output"), _part(config, "format", "json")
    if transport["name"] != "http_output":
        refuse("InvalidParam", f"the transport is {transport['name']!r}; it must be 'http_output'")
    settings, options = _part(transport, "config", None), dict(_part(format, "config", None))
    if options.pop("array", True) is False:
        refuse("InvalidParam", "format.config.array must be true here: each line holds an array of changes")
    flags = {name: settings.get(name, False) for name in ("backpressure", "send_snapshot")}
    for name, value in flags.items():
        if not isinstance(value, bool):
            refuse("InvalidParam", f"transport.config.{name} is {value!r}; it must be true or false")
    return Subscription(_spec(format["name"], options), flags["backpressure"], flags["send_snapshot"])


def _part(config: dict[str, Any], name: str, default_name: str | None) -> dict[str, Any]:
    part = config.get(name)
    if part is None:
        part = {}
    if not isinstance(part, dict):
        refuse("InvalidParam", f"{name} is {part!r}; it must be an object")
    return part if default_name is None else {"name": default_name, **part}


def _spec(format: str, options: dict[str, Any]) -> FormatSpec:
    # Whatever `array` says, a line holds a list of changes: that is what clients read.
    return FormatSpec(format, {**options, "array": True} if format == "json" else options)
