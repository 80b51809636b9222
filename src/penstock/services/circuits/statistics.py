"""A circuit's counters as plain values: the circuit as a whole, its inputs, its outputs.

Read without stopping the circuit; numbers of one answer belong together up to the step under way.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from typing import Any

from penstock.services.circuits.budget import Budget
from penstock.services.circuits.hub import Hub
from penstock.services.circuits.intake import Endpoint, Intake
from penstock.services.circuits.outlets import OutputEndpoint
from penstock.services.circuits.stepper import Stepper

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Statistics:
    """Collects the counters of one run of a circuit; `started` is the beginning of the run."""

    def __init__(self, intake: Intake, hub: Hub, stepper: Stepper, budget: Budget, *, uses_clock: bool = False) -> None:
        self._intake = intake
        self._hub = hub
        self._stepper = stepper
        self._budget = budget
        self._clock = Endpoint("now", "now", {"stream": "now", "transport": {"name": "clock", "config": {}}})
        self._uses_clock = uses_clock
        self._incarnation = str(uuid.uuid4())
        self._started = time.time()
        self._started_monotonic = time.monotonic()

    def collect(self, state_bytes: int, kept_bytes: int) -> dict[str, Any]:
        """Return all counters. state_bytes: of the circuit's state. kept_bytes: of its last checkpoint."""
        with self._intake.lock:
            endpoints = [*self._intake.endpoints.values(), *([self._clock] if self._uses_clock else [])]
            inputs = [self._input(endpoint) for endpoint in endpoints]
            return {
                "global": self._global(state_bytes, kept_bytes),
                "inputs": inputs,
                "outputs": [self._output(endpoint) for endpoint in self._hub.endpoints],
            }

    def _global(self, state_bytes: int, kept_bytes: int) -> dict[str, Any]:
        stepper, intake = self._stepper, self._intake
        transaction = stepper.transaction
        held = 0 if transaction is None else transaction.records
        held_bytes = 0 if transaction is None else sum(taken.bytes for taken in transaction.taken)
        completed_steps, completed_records = stepper.completion()
        self._budget.look()
        uptime_s = time.monotonic() - self._started_monotonic
        return {
            "state": "Running" if stepper.running else "Paused",
            "bootstrap_in_progress": False,
            "transaction_status": _transaction_status(stepper),
            "transaction_id": 0 if transaction is None else transaction.number,
            "transaction_msecs": None if transaction is None else int((time.monotonic() - transaction.began_s) * 1000),
            "transaction_records": None if transaction is None else held,
            "transaction_initiators": {
                "transaction_id": None if transaction is None else transaction.number,
                "initiated_by_api": None if transaction is None else "Started",
                "initiated_by_connectors": {},
            },
            "commit_progress": None,
            "concurrent_bootstrap_phase": "Inactive",
            "concurrent_bootstrap_progress": None,
            "rss_bytes": resident_bytes(),
            "memory_pressure": self._budget.pressure,
            "memory_pressure_epoch": self._budget.epoch,
            "cpu_msecs": int(time.process_time() * 1000),
            "uptime_msecs": int(uptime_s * 1000),
            "start_time": int(self._started),
            "initial_start_time": int(self._started),
            "incarnation_uuid": self._incarnation,
            "storage_bytes": kept_bytes + self._budget.spilled_bytes,
            "storage_mb_secs": 0,
            "state_bytes": state_bytes,
            "runtime_elapsed_msecs": int(uptime_s * 1000),
            "output_stall_msecs": int(1000 * _stall_s(stepper)),
            "buffered_input_records": intake.buffered_records + held,
            "buffered_input_bytes": intake.buffered_bytes + held_bytes,
            "total_input_records": intake.total_records,
            "total_input_bytes": intake.total_bytes,
            "total_processed_records": stepper.processed_records,
            "total_processed_bytes": stepper.processed_bytes,
            "total_completed_records": completed_records,
            "total_initiated_steps": stepper.initiated_steps,
            "total_completed_steps": completed_steps,
            "pipeline_complete": self._complete(held),
            "thread_count": threading.active_count(),
        }

    def _complete(self, held: int) -> bool:
        stepper, intake = self._stepper, self._intake
        completed_steps, completed_records = stepper.completion()
        return (
            completed_steps > 0  # before the first step not even what needs no input is there
            and all(endpoint.finished for endpoint in intake.endpoints.values())
            and intake.buffered_records + held == 0
            and completed_records == intake.total_records
        )

    def _input(self, endpoint: Endpoint) -> dict[str, Any]:
        return {
            "endpoint_name": endpoint.name,
            "config": dict(endpoint.config),
            "metrics": {
                "total_bytes": endpoint.total_bytes,
                "total_records": endpoint.total_records,
                "buffered_records": endpoint.buffered_records,
                "buffered_bytes": endpoint.buffered_bytes,
                "num_transport_errors": endpoint.transport_error_count,
                "num_parse_errors": endpoint.parse_error_count,
                "end_of_input": endpoint.finished,
            },
            "fatal_error": endpoint.fatal_error,
            "paused": endpoint.paused,
            "barrier": False,
            "health": _health(endpoint.fatal_error),
            "completed_frontier": None,
            "parse_errors": list(endpoint.parse_errors),
            "transport_errors": list(endpoint.transport_errors),
        }

    def _output(self, endpoint: OutputEndpoint) -> dict[str, Any]:
        completed_steps, completed_records = self._stepper.completion()
        return {
            "endpoint_name": endpoint.name,
            "config": dict(endpoint.config),
            "metrics": {
                "transmitted_records": endpoint.transmitted_records,
                "transmitted_bytes": endpoint.transmitted_bytes,
                "queued_records": endpoint.queued_records,
                "queued_batches": endpoint.queued_batches + self._hub.queued_chunks(endpoint),
                "buffered_records": endpoint.buffered_records,
                "buffered_batches": endpoint.buffered_batches,
                "num_encode_errors": endpoint.encode_error_count,
                "num_transport_errors": endpoint.transport_error_count,
                "total_processed_input_records": completed_records,
                "total_processed_steps": completed_steps,
                "memory": 0,
            },
            "fatal_error": endpoint.fatal_error,
            "paused": endpoint.paused,
            "health": _health(endpoint.fatal_error or endpoint.failing),
            "encode_errors": list(endpoint.encode_errors),
            "transport_errors": list(endpoint.transport_errors),
        }


def resident_bytes() -> int:
    """Return the memory of this process that is in RAM, in bytes."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * _PAGE_BYTES


def _health(fatal_error: str | None) -> dict[str, Any]:
    return {"status": "Healthy" if fatal_error is None else "Unhealthy", "description": fatal_error}


def _transaction_status(stepper: Stepper) -> str:
    if stepper.transaction is None:
        return "NoTransaction"
    return "CommitInProgress" if stepper.transaction.committing else "TransactionInProgress"


def _stall_s(stepper: Stepper) -> float:
    since = stepper.stalled_since
    return stepper.stall_s + (0.0 if since is None else time.monotonic() - since)
