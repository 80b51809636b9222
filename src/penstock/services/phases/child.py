"""The fork that serves one request about flows: check one, run one, act, decide. It ends when it has answered.

Lines of the log, counts and names of what is being made go to the server as events while it works. Being killed is
how it is stopped: what it was making is removed by whoever hears of its end.
"""

from __future__ import annotations

import resource
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from penstock.data.record_schema import schema_json
from penstock.kernel.flows import Flow, StageRole, decode_flow
from penstock.ports.action import ActionFailed
from penstock.ports.records import Sized
from penstock.ports.transform import Finding, Surroundings
from penstock.services.circuits.link import Kind, pack, receive_blocking
from penstock.services.phases.counting import Counting
from penstock.services.phases.kit import PhaseKit
from penstock.services.phases.planning import Planned, plan_flow
from penstock.services.phases.running import PhaseFailed, run_flow
from penstock.services.phases.spool import Spool
from penstock.services.phases.tracing import Tracers

__all__ = ["serve"]

LOG_LINES_MOST = 100_000
"""Lines of the log that one phase may write; what comes after them is dropped with a note."""


def serve(end: socket.socket, kit: PhaseKit) -> None:
    """Serve the one request that comes over the link."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pa.set_cpu_count(2)
    frame = receive_blocking(end)
    if frame is None or frame.kind is not Kind.CALL:
        return
    method, arguments, _ = frame.body
    teller = _Teller(end, frame.call)
    handlers = {"check": _check, "run": _run, "act": _act, "decide": _decide}
    try:
        teller.answer(handlers[method](arguments, kit, teller))
    except PhaseFailed as failed:
        teller.refuse("PhaseFailed", str(failed), {"stage": failed.stage})
    except ActionFailed as failed:
        teller.refuse("ActionFailed", str(failed), {})
    except MemoryError as error:
        teller.refuse("PhaseFailed", f"the phase needs more memory than there is: {error}", {})
    except Exception as error:
        teller.refuse("InternalError", f"{type(error).__name__}: {error}", {})
    _wait_for_end(end)


def _wait_for_end(end: socket.socket) -> None:
    """Stay until the server has taken the answer: it closes the link then."""
    with suppress(OSError):
        while end.recv(4096):
            pass


@dataclass(slots=True)
class _Teller:
    """Sends frames; safe from several threads. line_count: lines of the log so far."""

    end: socket.socket
    call: int
    line_count: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def event(self, name: str, value: Any) -> None:
        """Tell the server something. If it is gone, so is this process soon."""
        with self.lock, suppress(OSError):
            self.end.sendall(pack(Kind.EVENT, 0, [name, value]))

    def log(self, stage: str, level: str, message: str) -> None:
        """Write a line of the log."""
        self.line_count += 1
        if self.line_count == LOG_LINES_MOST:
            level, message = "WARN", f"more than {LOG_LINES_MOST} lines were logged; further ones are dropped"
        if self.line_count <= LOG_LINES_MOST:
            self.event("log", [level, stage, message[:20_000]])

    def answer(self, value: Any) -> None:
        """Give the result."""
        with self.lock, suppress(OSError):
            self.end.sendall(pack(Kind.RESULT, self.call, value))

    def refuse(self, code: str, message: str, details: Any) -> None:
        """Give an error."""
        with self.lock, suppress(OSError):
            self.end.sendall(pack(Kind.ERROR, self.call, [code, message, details]))


def _check(arguments: Mapping[str, Any], kit: PhaseKit, teller: _Teller) -> dict[str, Any]:
    """Return what is wrong with a flow, and the schemas of its stages as far as they are known."""
    flow = decode_flow(arguments["flow"])
    planned = plan_flow(flow, kit)
    faults = [{"stage": fault.stage, **_finding(fault.finding)} for fault in planned.faults]
    for named in arguments.get("actions", ()):
        kinds: Mapping[str, Any] = kit.actions if named["role"] != "condition" else kit.conditions
        kind = kinds.get(named["type"])
        if kind is None:
            finding = Finding(f"There is nothing called '{named['type']}' that is a {named['role']}.")
            faults.append({"stage": named["name"], **_finding(finding)})
            continue
        findings = kind.describe(named["properties"], named.get("hidden", ()))
        faults.extend({"stage": named["name"], **_finding(finding)} for finding in findings)
    return {"faults": faults, "stages": {name: _shown(stage) for name, stage in planned.stages.items()}}


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "message": finding.message,
        "correction": finding.correction,
        "property": finding.property,
        "element": finding.element,
        "others": [list(pair) for pair in finding.others],
        "input_field": finding.input_field,
        "output_field": finding.output_field,
        "input_stage": finding.input_stage,
    }


def _shown(stage: Any) -> dict[str, Any]:
    return {
        "outputs": {port: _json(schema) for port, schema in stage.outputs.items()},
        "rejected": _json(stage.rejected),
    }


def _json(schema: pa.Schema | None) -> dict[str, Any] | None:
    return None if schema is None else schema_json(schema, "etlSchemaBody")


def _run(arguments: Mapping[str, Any], kit: PhaseKit, teller: _Teller) -> dict[str, Any]:
    """Run a flow."""
    flow = decode_flow(arguments["flow"])
    spool = Spool(Path(arguments["spool"]))
    stored = {s.type: spool.schema(s.type) for s in flow.stages if s.role is StageRole.LOAD}
    planned = plan_flow(flow, kit, stored)
    _refuse_faults(planned)
    if arguments.get("skips_empty") and not _has_input(flow, kit):
        return {"counts": {}, "tracers": None}
    counting = Counting(lambda counts: teller.event("counts", counts))
    tracers = Tracers(flow.preview_rows) if flow.preview_rows is not None else None

    def surroundings(stage: str) -> Surroundings:
        return _surroundings(stage, arguments, flow, teller, counting)

    try:
        run_flow(flow, planned, kit, surroundings, counting, spool, tracers)
    finally:
        counting.tell(is_last=True)
    return {"counts": counting.all(), "tracers": tracers.kept if tracers is not None else None}


def _has_input(flow: Flow, kit: PhaseKit) -> bool:
    sources = [stage for stage in flow.stages if stage.role is StageRole.SOURCE]
    kinds = [(kit.sources[stage.type], stage.properties) for stage in sources]
    return any(kind.size_bytes(properties) if isinstance(kind, Sized) else True for kind, properties in kinds)


def _refuse_faults(planned: Planned) -> None:
    if planned.faults:
        first = planned.faults[0]
        texts = [f"Stage '{f.stage}': {f.finding.message} {f.finding.correction or ''}".strip() for f in planned.faults]
        raise PhaseFailed(first.stage, "; ".join(texts))


def _surroundings(
    stage: str, arguments: Mapping[str, Any], flow: Flow | None, teller: _Teller, counting: Counting | None
) -> Surroundings:
    return Surroundings(
        stage=stage,
        arguments=arguments.get("arguments") or {},
        logical_start_ms=int(arguments.get("logical_start_ms") or 0),
        namespace=arguments.get("namespace") or "default",
        pipeline=arguments.get("pipeline") or "",
        datasets=arguments.get("datasets"),
        log=lambda level, message: teller.log(stage, level, message),
        count=lambda name, increment: counting.add(stage, name, increment) if counting is not None else None,
        is_preview=flow is not None and flow.preview_rows is not None,
        token=arguments["token"],
        will_make=lambda path: teller.event("making", path),
    )


def _act(arguments: Mapping[str, Any], kit: PhaseKit, teller: _Teller) -> dict[str, Any]:
    """Carry out an action."""
    kind = kit.actions.get(arguments["type"])
    if kind is None:
        raise ActionFailed(f"there is no action '{arguments['type']}'")
    _refuse_findings(kind.describe(arguments["properties"]))
    given = kind.run(arguments["properties"], _surroundings(arguments["stage"], arguments, None, teller, None))
    return {"arguments": dict(given)}


def _decide(arguments: Mapping[str, Any], kit: PhaseKit, teller: _Teller) -> dict[str, Any]:
    """Evaluate a condition."""
    kind = kit.conditions.get(arguments["type"])
    if kind is None:
        raise ActionFailed(f"there is no language of conditions '{arguments['type']}'")
    _refuse_findings(kind.describe(arguments["properties"]))
    around = _surroundings(arguments["stage"], arguments, None, teller, None)
    return {"result": bool(kind.decide(arguments["properties"], around, arguments.get("statistics") or {}))}


def _refuse_findings(findings: tuple[Finding, ...]) -> None:
    if findings:
        raise ActionFailed("; ".join(f"{f.message} {f.correction or ''}".strip() for f in findings))
