"""Compile a program in a process that may be thrown away: its answer, or its end, goes back over the link."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
from dataclasses import asdict
from typing import Any

from penstock.services.circuits.built import build
from penstock.services.circuits.callee import Callee, Request
from penstock.services.circuits.engine import EXIT_OUT_OF_MEMORY
from penstock.services.circuits.link import Channel
from penstock.services.circuits.process import Message
from penstock.services.circuits.statistics import resident_bytes
from penstock.sql.compile import CompileFailed, compile_program, diagnose
from penstock.sql.diagnostics import Diagnostic, SqlError
from penstock.sql.functions.registry import EvaluationError
from penstock.sql.plan.nodes import Program
from penstock.sql.schema import program_schema

MAX_COMPILE_BYTES = 2 << 30
"""How much a compilation may grow beyond what was loaded before it."""

_CHECK_INTERVAL_S = 0.05


def compile_text(program: str) -> Program:
    """Return a compiled program. Raises: SqlError for the first thing that is wrong with it."""
    try:
        return compile_program(program)
    except CompileFailed as failed:
        first = failed.diagnostics[0]
        raise SqlError(first.message, first.span, first.kind) from None


def answer(program: str) -> dict[str, Any]:
    """Compile and return {"messages": [...], "schema": {...} or None}; see `process.Compiled`."""
    try:
        compiled = compile_program(program)
        build(compiled)  # what no operator can maintain is refused here, not when the circuit starts
    except CompileFailed as failed:
        return {"messages": [_message(d) for d in failed.diagnostics], "schema": None}
    except SqlError as error:
        return {"messages": [_message(diagnose(error, program))], "schema": None}
    except EvaluationError as error:
        return {"messages": [_message(diagnose(SqlError(str(error), None), program))], "schema": None}
    except RecursionError:
        deep = SqlError("the program is nested too deeply", None)
        return {"messages": [_message(diagnose(deep, program))], "schema": None}
    warnings = [_message(d) for d in compiled.warnings if isinstance(d, Diagnostic)]
    return {"messages": warnings, "schema": program_schema(compiled)}


def run(end: socket.socket) -> None:
    """Serve one compilation; the process ends when the server has taken the answer and closes the link."""
    _bound_memory(MAX_COMPILE_BYTES)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    asyncio.run(_serve(end))


async def _serve(end: socket.socket) -> None:
    async def handle(request: Request) -> dict[str, Any]:
        return answer(request.arguments["program"])

    await Callee(await Channel.open(end), handle).run()


def _bound_memory(growth_bytes: int) -> None:
    """End the process with a status that says why when its resident memory grows too much.

    A limit on address space cannot be used: state reserves far more of it than it ever touches.
    """
    limit = resident_bytes() + growth_bytes

    def check(*_: object) -> None:
        if resident_bytes() > limit:
            os._exit(EXIT_OUT_OF_MEMORY)

    signal.signal(signal.SIGALRM, check)
    signal.setitimer(signal.ITIMER_REAL, _CHECK_INTERVAL_S, _CHECK_INTERVAL_S)


def _message(diagnostic: Diagnostic) -> dict[str, Any]:
    span = diagnostic.span
    return asdict(
        Message(
            span.start_line,
            span.start_column,
            span.end_line,
            span.end_column,
            diagnostic.warning,
            diagnostic.kind,
            diagnostic.message,
            diagnostic.snippet,
        )
    )
