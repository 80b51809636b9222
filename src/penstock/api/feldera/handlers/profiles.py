"""What a circuit is made of and where its time goes, and everything about a pipeline in one archive."""

import io
import zipfile
from collections.abc import AsyncGenerator
from typing import Any, Final

import msgspec
from starlette.responses import Response

from penstock.api.feldera import counters, project
from penstock.api.feldera.editions import edition_name
from penstock.api.feldera.errors import refuse
from penstock.api.feldera.handlers.found import found, process
from penstock.api.feldera.handlers.observe import current_stats
from penstock.api.feldera.heap import heap_profile
from penstock.api.feldera.kinds import PLATFORM_VERSION, face_of
from penstock.api.feldera.storage_config import concealed
from penstock.api.shared.call import Call
from penstock.api.shared.streams import stream
from penstock.kernel.errors import PenstockError
from penstock.kernel.instants import rfc3339, unix_ms
from penstock.services.circuits.process import RequestFailed
from penstock.services.circuits.service import Circuit

__all__ = ["bundle", "heap", "json_profile", "zip_profile"]

_PIECE: Final = 1 << 16
_PARTS: Final = (
    "circuit_profile",
    "heap_profile",
    "metrics",
    "logs",
    "stats",
    "pipeline_config",
    "system_config",
    "dataflow_graph",
    "pipeline_events",
)


async def json_profile(call: Call) -> Response:
    """Send the circuit's profile as JSON."""
    return stream(_pieces(msgspec.json.encode(_profile(await process(call).profile()))), "application/json")


async def zip_profile(call: Call) -> Response:
    """Send the circuit's profile as an archive."""
    profile = _profile(await process(call).profile())
    archive = _zipped({"profile.json": msgspec.json.encode(profile)})
    headers = {"Content-Disposition": 'attachment; filename="profile.zip"'}
    return stream(_pieces(archive), "application/zip", headers=headers)


async def heap(call: Call) -> Response:
    """Send what the memory of a pipeline's process holds, for pprof."""
    content = heap_profile(await process(call).profile(), unix_ms(call.services.clock.now()) * 1_000_000)
    return Response(content, media_type="application/protobuf")


async def bundle(call: Call) -> Response:
    """Send everything that helps to find out what is wrong with a pipeline, as an archive."""
    circuit = found(call)
    wanted = {part: _flag(call, part) for part in _PARTS}
    _limit(call)
    files: dict[str, bytes] = {}
    if _flag(call, "collect"):
        at = rfc3339(call.services.clock.now()).replace(":", "-")
        collected = await _collect(call, circuit)
        files |= {f"{at}/{name}": content for name, content in collected.items() if wanted[name.partition(".")[0]]}
    metadata = {
        "pipeline": circuit.name,
        "pipeline_id": circuit.id,
        "platform_version": PLATFORM_VERSION,
        "collected_at": rfc3339(call.services.clock.now()),
        "files": sorted(files),
    }
    files["metadata.json"] = msgspec.json.encode(metadata)
    files["metadata.txt"] = "".join(f"{name}: {value}\n" for name, value in metadata.items()).encode()
    headers = {"Content-Disposition": f'attachment; filename="{circuit.name}-support-bundle.zip"'}
    return stream(_pieces(_zipped(files)), "application/zip", headers=headers)


async def _collect(call: Call, circuit: Circuit) -> dict[str, bytes]:
    """Gather what there is; a stopped pipeline has no counters and no profile."""
    services = call.services
    events = [project.event(change, "all") for change in await services.circuits.history(circuit)]
    files = {
        "logs.txt": "".join(line + "\n" for line in services.circuits.logbook(circuit).lines).encode(),
        "pipeline_config.json": msgspec.json.encode(concealed(face_of(circuit.body).runtime_config)),
        "system_config.json": msgspec.json.encode(
            {"version": PLATFORM_VERSION, "edition": edition_name(call.services)}
        ),
        "dataflow_graph.json": msgspec.json.encode((circuit.body.schema or {}).get("plan")),
        "pipeline_events.json": msgspec.json.encode(events),
    }
    try:
        shown = await current_stats(call, circuit, with_errors=True)
        files["stats.json"] = msgspec.json.encode(shown)
        labels = {"pipeline": circuit.name or "", "pipeline_id": circuit.id}
        families = counters.families(labels, shown, circuit.body.settings.get("max_memory_mb"))
        files["metrics.txt"] = counters.prometheus(families).encode()
        profile = await services.circuits.process(circuit).profile()
        files["circuit_profile.json"] = msgspec.json.encode(_profile(profile))
        files["heap_profile.pb.gz"] = heap_profile(profile, unix_ms(services.clock.now()) * 1_000_000)
    except (PenstockError, RequestFailed) as error:
        services.circuits.logbook(circuit).write(f"support bundle without counters: {error}")
    return files


def _profile(profile: dict[str, Any]) -> dict[str, Any]:
    """Show a profile by worker, of which there is one."""
    nodes = {
        str(operator.get("id", number)): [{"metric_id": name, "value": value} for name, value in operator.items()]
        for number, operator in enumerate(profile.get("operators", ()))
    }
    return {"worker_profiles": [{"metadata": nodes}], "profile": profile}


def _flag(call: Call, name: str) -> bool:
    text = call.query.get(name, "true").lower()
    if text not in ("true", "false"):
        refuse("InvalidSupportBundleParameter", f"the query parameter {name!r} is {text!r}; it must be true or false")
    return text == "true"


def _limit(call: Call) -> None:
    text = call.query.get("limit", "1")
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        refuse("InvalidSupportBundleParameter", f"the query parameter 'limit' is {text!r}; it must be 1 or more")


def _zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


async def _pieces(content: bytes) -> AsyncGenerator[bytes, None]:
    for start in range(0, len(content), _PIECE):
        yield content[start : start + _PIECE]
