"""How a running pipeline is doing: counters, metrics, the last minute."""

from collections.abc import AsyncGenerator
from typing import Any

import msgspec
from starlette.responses import Response

from penstock.api.feldera import counters
from penstock.api.feldera.errors import refuse
from penstock.api.feldera.handlers.found import NO_CACHE, found
from penstock.api.shared.call import Call
from penstock.api.shared.operation import Answer
from penstock.api.shared.parameters import flag
from penstock.api.shared.streams import stream
from penstock.kernel.instants import unix_ms
from penstock.services.circuits.live import Sample
from penstock.services.circuits.process import RequestFailed
from penstock.services.circuits.service import Circuit, NotDeployed

__all__ = ["all_metrics", "current_stats", "metric_families", "metrics", "stats", "time_series", "time_series_stream"]


async def stats(call: Call) -> Answer:
    """Show the counters."""
    with_errors = flag(call.query, "include_connector_errors", False)
    return Answer(await current_stats(call, found(call), with_errors=with_errors), headers=NO_CACHE)


async def current_stats(call: Call, circuit: Circuit, *, with_errors: bool = False) -> dict[str, Any]:
    """Return the counters of a pipeline. Raises: NotDeployed."""
    counted = await call.services.circuits.process(circuit).stats()
    return counters.stats(circuit.body, counted, with_errors=with_errors, is_full=call.services.is_full)


async def metrics(call: Call) -> Response | Answer:
    """Show the metrics, as text or JSON."""
    format = call.query.get("format", "prometheus")
    if format not in ("prometheus", "json"):
        refuse("InvalidParam", f"the query parameter 'format' is {format!r}; it must be prometheus or json")
    families = await metric_families(call, found(call))
    return Answer(counters.structured(families)) if format == "json" else _text(counters.prometheus(families))


async def metric_families(call: Call, circuit: Circuit) -> tuple[counters.Family, ...]:
    """Return the metrics of a pipeline. Raises: NotDeployed."""
    labels = {"pipeline": circuit.name or "", "pipeline_id": circuit.id}
    return counters.families(labels, await current_stats(call, circuit), circuit.body.settings.get("max_memory_mb"))


async def all_metrics(call: Call) -> Response:
    """Show the metrics of all pipelines that run."""
    texts: list[str] = []
    for circuit in call.services.circuits.list(call.scope):
        try:
            texts.append(counters.prometheus(await metric_families(call, circuit)))
        except (NotDeployed, RequestFailed):
            # It does not run, or ended while we were asking.
            continue
    return _text("".join(texts))


async def time_series(call: Call) -> Answer:
    """Show the last minute, one sample per second."""
    circuit = found(call)
    call.services.circuits.process(circuit)
    samples = [_sample(sample) for sample in call.services.circuits.samples(circuit)]
    now = str(unix_ms(call.services.clock.now()))
    return Answer({"now": now, "samples": samples}, headers=NO_CACHE)


async def time_series_stream(call: Call) -> Response:
    """Send the last minute, then a sample each second."""
    circuit = found(call)
    call.services.circuits.process(circuit)
    return stream(_sample_lines(call, circuit), "application/x-ndjson")


async def _sample_lines(call: Call, circuit: Circuit) -> AsyncGenerator[bytes, None]:
    for sample in call.services.circuits.samples(circuit):
        yield msgspec.json.encode(_sample(sample)) + b"\n"
    async for sample in call.services.circuits.follow_samples(circuit):
        yield msgspec.json.encode(_sample(sample)) + b"\n"


def _sample(sample: Sample) -> dict[str, Any]:
    totals = sample.stats["global"]
    return {
        "t": str(unix_ms(sample.at)),
        "r": totals.get("total_processed_records", 0),
        "m": totals.get("rss_bytes", 0),
        "s": totals.get("storage_bytes", 0),
    }


def _text(text: str) -> Response:
    # Clients compare the type as a whole, so it must come without a charset.
    return Response(text.encode(), headers={"content-type": "text/plain", **NO_CACHE})
